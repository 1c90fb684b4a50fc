//! Who is behind a session: read once, remembered until somebody changes it.
//!
//! Forgetting is all or nothing: people, roles, mandates and the policy change rarely, and a memory
//! that is emptied on every change cannot be wrong about one.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ::entity::vocabulary::{DeputyId, PersonId, SessionId};
use chrono::{DateTime, NaiveDate, Utc};
use parking_lot::RwLock;

use super::{attempts::Attempts, issuer::Bearer, store};
use crate::{
    app::App,
    authz::{Caller, Person},
    calendar,
    error::{Error, Result},
};

/// Most sessions remembered; beyond it the memory starts afresh.
const MOST: usize = 100_000;

/// What is remembered of a session.
#[derive(Debug)]
struct Known {
    person: Arc<Person>,
    expires_at: DateTime<Utc>,
    mandates: Vec<Mandate>,
}

#[derive(Debug)]
struct Mandate {
    id: DeputyId,
    absent: Arc<Person>,
    first_day: NaiveDate,
    last_day: NaiveDate,
}

/// The sessions that this process remembers.
#[derive(Debug, Default)]
pub struct Directory {
    /// Attempts at passwords.
    pub attempts: Attempts,
    known: RwLock<HashMap<SessionId, Arc<Known>>>,
    /// Counts the forgetting, so that what was read before it is not remembered after it.
    generation: AtomicU64,
}

impl Directory {
    /// Forgets everything; the next request reads again.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.known.write().clear();
    }

    async fn find(&self, app: &App, bearer: Bearer) -> Result<Option<Arc<Known>>> {
        if let Some(known) = self.known.read().get(&bearer.session) {
            return Ok(Some(known.clone()));
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let Some(known) = read(app, bearer).await?.map(Arc::new) else { return Ok(None) };
        let mut memory = self.known.write();
        if self.generation.load(Ordering::SeqCst) == generation {
            if memory.len() >= MOST {
                memory.clear();
            }
            memory.insert(bearer.session, known.clone());
        }
        Ok(Some(known))
    }
}

async fn read(app: &App, bearer: Bearer) -> Result<Option<Known>> {
    let conn = app.database.reader();
    let Some((session, person)) = store::session_of(conn, bearer.session).await? else { return Ok(None) };
    if session.revoked_at.is_some() || !person.active || person.id != bearer.person {
        return Ok(None);
    }
    let mandates = store::mandates_from(conn, person.id, app.clock.today()).await?;
    let mut ids: Vec<PersonId> = mandates.iter().map(|m| m.absent_id).collect();
    ids.push(person.id);
    let people = store::active_people(conn, &ids).await?;
    let find = |id: PersonId| people.iter().find(|p| p.id == id).cloned();
    let mandates = mandates.iter().filter_map(|m| {
        Some(Mandate { id: m.id, absent: find(m.absent_id)?, first_day: m.first_day, last_day: m.last_day })
    });
    Ok(Some(Known {
        mandates: mandates.collect(),
        person: find(person.id).ok_or_else(|| Error::defect("a person vanished while being read"))?,
        expires_at: session.expires_at,
    }))
}

/// Who is behind a bearer token, with what they may do today.
///
/// # Errors
/// [`Error::Unauthenticated`] where the token proves nothing or its session has ended.
pub async fn authenticate(app: &App, token: &str) -> Result<Arc<Caller>> {
    let now = app.clock.now();
    let bearer = app.issuer.read(token, now).ok_or(Error::Unauthenticated)?;
    let holds = |known: &Arc<Known>| known.expires_at > now && known.person.id == bearer.person;
    let known = app.directory.find(app, bearer).await?.filter(holds).ok_or(Error::Unauthenticated)?;
    let today = calendar::paris_day(now);
    let absent =
        known.mandates.iter().filter(|m| m.first_day <= today && today <= m.last_day).map(|m| (m.id, m.absent.clone()));
    Ok(Arc::new(Caller::new(&app.policy(), known.person.clone(), absent, bearer.session, bearer.until)))
}

/// What a person may do in their own name, without a session: for what the server itself does with their rights.
/// Nobody where they cannot sign in. It is read afresh each time.
///
/// # Errors
/// When the database cannot be read.
pub async fn in_the_name_of(app: &App, person: PersonId) -> Result<Option<Arc<Caller>>> {
    let Some(person) = store::active_people(app.database.reader(), &[person]).await?.pop() else { return Ok(None) };
    let until = app.clock.now();
    Ok(Some(Arc::new(Caller::new(&app.policy(), person, [], SessionId::default(), until))))
}
