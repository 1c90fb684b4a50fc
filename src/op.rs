//! `Op`: who acts, when, in which language, on which database. Always the first argument.

use std::{net::IpAddr, sync::Arc};

use ::entity::vocabulary::{Language, PersonId};
use chrono::{DateTime, NaiveDate, Utc};
use parking_lot::Mutex;

use crate::{
    app::App,
    authz::{Caller, InNameOf, Permission, Reach},
    calendar,
    db::{Conn, Meter},
    error::{Error, Result},
    observe::{TraceParent, Transport},
};

/// One request, seen from inside.
#[derive(Debug)]
pub struct Op {
    /// The running server.
    pub app: Arc<App>,
    /// Who is signed in.
    pub caller: Option<Arc<Caller>>,
    /// Who really asks, where they see what the caller sees (G-7): then nothing can be written.
    pub observer: Option<Arc<Caller>>,
    /// The language for texts.
    pub language: Language,
    /// The moment at which everything in this request happens.
    pub now: DateTime<Utc>,
    /// Names the request in logs, events and faults.
    pub request_id: String,
    /// Where the request came from, where that is known.
    pub address: Option<IpAddr>,
    /// By which road it came.
    pub transport: Transport,
    /// The trace that it belongs to, where its client said so.
    pub trace: Option<TraceParent>,
    /// Counts the statements of this request.
    pub meter: Arc<Meter>,
    /// The transaction of a dry run, in which its payload is read before it is taken back.
    rehearsal: Mutex<Option<Conn>>,
}

impl Op {
    /// An operation that begins now.
    #[must_use]
    pub fn new(app: Arc<App>, caller: Option<Arc<Caller>>, language: Language, request_id: String) -> Self {
        let (now, meter) = (app.clock.now(), Arc::new(Meter::of(&request_id)));
        Self {
            app,
            caller,
            observer: None,
            language,
            now,
            request_id,
            address: None,
            transport: Transport::default(),
            trace: None,
            meter,
            rehearsal: Mutex::default(),
        }
    }

    /// Today in Europe/Paris.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        calendar::paris_day(self.now)
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where nobody is.
    pub fn caller(&self) -> Result<&Arc<Caller>> {
        self.caller.as_ref().ok_or(Error::Unauthenticated)
    }

    /// The key of the person who is signed in.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where nobody is.
    pub fn me(&self) -> Result<PersonId> {
        Ok(self.caller()?.person.id)
    }

    /// What the caller sees with a permission; nothing where nobody is signed in.
    #[must_use]
    pub fn sees(&self, permission: Permission) -> Reach {
        self.caller.as_ref().map(|c| c.sees(permission)).unwrap_or_default()
    }

    /// What the caller can act on with a permission in somebody's name.
    #[must_use]
    pub fn acts(&self, permission: Permission, name: InNameOf) -> Reach {
        self.caller.as_ref().map(|c| c.acts(permission, name)).unwrap_or_default()
    }

    /// Where to read: the pool, or the transaction of a dry run whose payload is being read.
    #[must_use]
    pub fn conn(&self) -> Conn {
        let rehearsal = self.rehearsal.lock().clone();
        rehearsal.unwrap_or_else(|| Conn::reader(&self.app.database, self.meter.clone()))
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever only sees what another sees; when the database cannot be reached.
    pub async fn begin(&self) -> Result<Conn> {
        if self.observer.is_some() {
            return Err(Error::Forbidden);
        }
        Ok(Conn::begin(&self.app.database, self.meter.clone()).await?)
    }

    /// Keeps the transaction of a dry run open until [`Op::end_rehearsal`].
    pub fn rehearse(&self, transaction: Conn) {
        *self.rehearsal.lock() = Some(transaction);
    }

    /// The transaction of a dry run that is open: one that follows it in the same request sees what it did.
    #[must_use]
    pub fn rehearsal(&self) -> Option<Conn> {
        self.rehearsal.lock().clone()
    }

    /// Takes a dry run back, where there was one.
    ///
    /// # Errors
    /// When the database cannot be reached; it then takes the dry run back by itself.
    pub async fn end_rehearsal(&self) -> Result<()> {
        let transaction = self.rehearsal.lock().take();
        match transaction {
            Some(transaction) => Ok(transaction.rollback().await?),
            None => Ok(()),
        }
    }
}
