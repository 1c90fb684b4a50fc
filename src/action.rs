//! The frame of every action that writes: one transaction with everything in it or nothing,
//! retried where the database asks for it, answered again for a known key (G-13), taken back after a
//! dry run (G-14).

use std::future::Future;

use ::entity::{platform::idempotency, vocabulary::PersonId};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    authz::InNameOf,
    db::Conn,
    error::{Error, is_duplicate},
    op::Op,
    refusal::{Done, Refusal, Stopped, refused},
};

/// How often an action is begun again when the database asks for it.
const ATTEMPTS: u32 = 5;
/// How often the answer to a commit that nobody confirmed is looked for by its key.
const LOOKS: u32 = 10;
/// Pause between two looks.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);
/// How long an answer is kept for its key (G-13).
const KEPT: chrono::Duration = chrono::Duration::days(7);
/// How long a key may be.
const KEY_LENGTH: usize = 200;

/// What every mutation on an existing object is called with.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The version that the caller saw (G-12).
    pub expected_version: Option<i64>,
    /// The absent person for whom the caller acts.
    pub on_behalf_of: Option<PersonId>,
    /// A retry with the same key gets the same answer (G-13).
    pub idempotency_key: Option<String>,
    /// Answer as if it had happened, and write nothing (G-14).
    pub dry_run: bool,
}

impl Call {
    /// In whose name.
    #[must_use]
    pub fn name(&self) -> InNameOf {
        self.on_behalf_of.map_or(InNameOf::Self_, InNameOf::Absent)
    }
}

/// Who changed an object last, and when (O-27).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastChange {
    /// Name of the person who acted.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl LastChange {
    /// In French and in English.
    fn told(&self) -> (String, String) {
        let Self { by, at } = self;
        let (day, time) = crate::calendar::paris_day_and_time(*at);
        let at = day.format("%d/%m/%Y");
        let iso = day.format("%Y-%m-%d");
        (format!(" ({by}, le {at} à {time})"), format!(" ({by}, on {iso} at {time})"))
    }
}

/// Refusals that every context has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Common {
    /// Somebody else changed the object since the caller saw it.
    Conflict {
        /// What the caller saw.
        expected: i64,
        /// What it is now.
        current: i64,
        /// Who changed it last, and when, as far as that is known.
        last: Option<LastChange>,
    },
    /// The caller does not stand in for that person today.
    NotDeputy,
    /// The key was used for something else.
    IdempotencyMismatch,
}

impl Common {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "CONFLICT",
            Self::NotDeputy => "NOT_DEPUTY",
            Self::IdempotencyMismatch => "IDEMPOTENCY_MISMATCH",
        }
    }

    /// The field that it is about.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "expectedVersion",
            Self::NotDeputy => "onBehalfOf",
            Self::IdempotencyMismatch => "idempotencyKey",
        }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> crate::i18n::Text {
        match self {
            Self::Conflict { expected, current, last } => {
                let (fr, en) = last.as_ref().map(LastChange::told).unwrap_or_default();
                crate::both!(
                    "L'objet a changé entre-temps : vous avez vu la version {expected}, il en est à la version {current}{fr}. Relisez-le avant de décider.",
                    "The object has changed meanwhile: you saw version {expected}, it is at version {current}{en}. Read it again before you decide."
                )
            }
            Self::NotDeputy => crate::both!(
                "Vous ne remplacez pas cette personne aujourd'hui.",
                "You do not stand in for this person today."
            ),
            Self::IdempotencyMismatch => crate::both!(
                "Cette clé a déjà servi pour une autre demande ; prenez-en une nouvelle.",
                "This key was already used for another request; take a new one."
            ),
        }
    }
}

/// What makes a request the same as an earlier one: the mutation and its whole input.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Name of the mutation.
    pub mutation: &'static str,
    /// How it was called.
    pub call: &'a Call,
    /// Fingerprint of the input.
    pub fingerprint: String,
}

impl<'a> Request<'a> {
    /// A request, with the fingerprint of its input.
    pub fn new(mutation: &'static str, call: &'a Call, input: &impl std::fmt::Debug) -> Self {
        let digest = Sha256::digest(format!("{mutation}\n{input:?}"));
        Self { mutation, call, fingerprint: crate::hex(&digest) }
    }
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
enum Answer<T, R> {
    Done(T),
    Refused(Vec<R>),
}

/// Runs `work` in one transaction and commits it.
///
/// # Errors
/// What `work` refused, or what went wrong; then nothing was written (but the answer, where there is
/// a key), unless it is [`Error::Uncertain`].
pub async fn perform<T, R, F>(op: &Op, request: &Request<'_>, work: impl Fn(Conn) -> F) -> Done<T, R>
where
    T: Serialize + DeserializeOwned,
    R: Refusal + From<Common>,
    F: Future<Output = Done<T, R>>,
{
    deputised(op, request.call)?;
    let mut attempt = 1;
    loop {
        match attempt_once(op, request, &work).await {
            Err(Stopped::Failed(Error::Busy(_))) if attempt < ATTEMPTS => {
                attempt += 1;
                op.app.metrics.retried();
            }
            Err(Stopped::Failed(Error::Uncertain(error))) if keyed::<R>(request)?.is_some() => {
                return look_again(op, request, &work, error).await;
            }
            answer => return answer,
        }
    }
}

/// The connection broke while the database committed. What was written is found by its key, and answered;
/// what was not is begun again: one key is written once, whatever became of the first attempt.
async fn look_again<T, R, F>(op: &Op, request: &Request<'_>, work: &impl Fn(Conn) -> F, mut error: DbErr) -> Done<T, R>
where
    T: Serialize + DeserializeOwned,
    R: Refusal + From<Common>,
    F: Future<Output = Done<T, R>>,
{
    for _ in 0..LOOKS {
        tracing::warn!(request_id = op.request_id, %error, "a commit was not confirmed: looking for its answer");
        tokio::time::sleep(PAUSE).await;
        match attempt_once(op, request, work).await {
            Err(Stopped::Failed(Error::Busy(again) | Error::Away(again) | Error::Uncertain(again))) => error = again,
            answer => return answer,
        }
    }
    Err(Error::Uncertain(error).into())
}

/// Whoever acts for somebody must stand in for them today.
fn deputised<R: Refusal + From<Common>>(op: &Op, call: &Call) -> Done<(), R> {
    match op.caller()?.grant(call.name()) {
        Some(_) => Ok(()),
        None => refused(Common::NotDeputy.into()),
    }
}

async fn attempt_once<T, R, F>(op: &Op, request: &Request<'_>, work: &impl Fn(Conn) -> F) -> Done<T, R>
where
    T: Serialize + DeserializeOwned,
    R: Refusal + From<Common>,
    F: Future<Output = Done<T, R>>,
{
    let rehearsal = request.call.dry_run.then(|| op.rehearsal()).flatten();
    let transaction = match &rehearsal {
        Some(open) => open.nested().await?,
        None => op.begin().await?,
    };
    let key = keyed(request)?;
    if let Some(key) = key
        && let Some(kept) = recall(op, &transaction, request, key).await?
    {
        transaction.rollback().await?;
        op.app.metrics.replayed();
        return match kept {
            Answer::Done(done) => Ok(done),
            Answer::Refused(refusals) => Err(Stopped::Refused(refusals)),
        };
    }
    let answer = work(transaction.clone()).await;
    match answer {
        Ok(done) if rehearsal.is_some() => {
            transaction.commit().await?;
            Ok(done)
        }
        Ok(done) if request.call.dry_run => {
            op.rehearse(transaction);
            Ok(done)
        }
        Ok(done) => {
            keep(op, &transaction, request, key, &Answer::<&T, R>::Done(&done)).await?;
            transaction.commit().await?;
            op.app.outbox.wake();
            Ok(done)
        }
        Err(Stopped::Refused(refusals)) => {
            transaction.rollback().await?;
            keep_refusal(op, request, key, &refusals).await?;
            Err(Stopped::Refused(refusals))
        }
        Err(failed) => {
            // The first error is the one to report; the database takes everything back in any case.
            if let Err(error) = transaction.rollback().await {
                tracing::debug!(%error, "rolling back after a failure");
            }
            Err(failed)
        }
    }
}

/// The key to remember the answer by; a dry run has none, since it changes nothing.
fn keyed<'a, R>(request: &Request<'a>) -> Done<Option<&'a str>, R> {
    match request.call.idempotency_key.as_deref().filter(|_| !request.call.dry_run) {
        Some(key) if key.is_empty() || key.len() > KEY_LENGTH || key.contains('\0') => {
            Err(Error::bad_input(["input", "idempotencyKey"], "1 to 200 characters").into())
        }
        key => Ok(key),
    }
}

async fn recall<T, R>(op: &Op, conn: &Conn, request: &Request<'_>, key: &str) -> Done<Option<Answer<T, R>>, R>
where
    T: DeserializeOwned,
    R: Refusal + From<Common>,
{
    let Some(row) = idempotency::Entity::find_by_id((op.me()?, key.to_owned())).one(conn).await? else {
        return Ok(None);
    };
    if row.mutation != request.mutation || row.input_hash != request.fingerprint {
        return refused(Common::IdempotencyMismatch.into());
    }
    let answer = serde_json::from_value(row.answer).map_err(|e| Error::Internal(e.into()))?;
    Ok(Some(answer))
}

async fn keep<T: Serialize, R: Refusal>(
    op: &Op,
    conn: &Conn,
    request: &Request<'_>,
    key: Option<&str>,
    answer: &Answer<T, R>,
) -> Done<(), R> {
    let Some(key) = key else { return Ok(()) };
    let row = idempotency::ActiveModel {
        person_id: Set(op.me()?),
        key: Set(key.to_owned()),
        mutation: Set(request.mutation.to_owned()),
        input_hash: Set(request.fingerprint.clone()),
        answer: Set(serde_json::to_value(answer).map_err(|e| Error::Internal(e.into()))?),
        created_at: Set(op.now),
    };
    match idempotency::Entity::insert(row).exec_without_returning(conn).await {
        Ok(_) => Ok(()),
        // The same request runs elsewhere at this moment: begin again, and find its answer.
        Err(error) if is_duplicate(&error) => Err(Error::Busy(error).into()),
        Err(error) => Err(error.into()),
    }
}

/// A refusal is kept too: a retry with the same key is told the same.
async fn keep_refusal<R: Refusal>(op: &Op, request: &Request<'_>, key: Option<&str>, refusals: &[R]) -> Done<(), R> {
    if key.is_none() || refusals.iter().any(|r| r.code() == "IDEMPOTENCY_MISMATCH") {
        return Ok(());
    }
    let transaction = op.begin().await?;
    keep(op, &transaction, request, key, &Answer::<(), R>::Refused(refusals.to_vec())).await?;
    Ok(transaction.commit().await?)
}

/// Forgets the answers that were kept long enough.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget_answers(app: &App) -> Result<(), DbErr> {
    idempotency::Entity::delete_many()
        .filter(idempotency::Column::CreatedAt.lt(app.clock.now() - KEPT))
        .exec(app.database.writer())
        .await
        .map(drop)
}
