//! Who is behind a session: read once, remembered until somebody changes it.
//!
//! ```text
//! local token ──▶ issuer ─────────────┐
//! token of an issuer outside ─▶ oidc ─┼─▶ session ─▶ person, roles, mandates ─▶ Caller
//! API key ─▶ its hash ────────────────┘
//! ```
//! Forgetting is all or nothing: people, roles, mandates and the policy change rarely, and a memory
//! that is emptied on every change cannot be wrong about one.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ::entity::{
    identity::api_key,
    vocabulary::{ApiKeyId, DeputyId, PersonId, SessionId},
};
use chrono::{DateTime, NaiveDate, Utc};
use parking_lot::RwLock;

use super::{
    api_key::{Network, Secret},
    external,
    issuer::Bearer,
    store,
    uses::Uses,
};
use crate::{
    app::App,
    authz::{Caller, Permission, PermissionSet, Person},
    calendar,
    error::{Error, Result},
    observe::Disproved,
};

/// Most sessions remembered; beyond it the memory starts afresh.
const MOST: usize = 100_000;

/// What is remembered of a session.
#[derive(Debug)]
struct Known {
    person: Arc<Person>,
    expires_at: DateTime<Utc>,
    mandates: Vec<Mandate>,
    /// Where it is an API key's.
    key: Option<Key>,
}

#[derive(Debug)]
struct Mandate {
    id: DeputyId,
    absent: Arc<Person>,
    first_day: NaiveDate,
    last_day: NaiveDate,
}

#[derive(Debug)]
struct Key {
    id: ApiKeyId,
    /// What it is limited to; none: everything that its roles may do.
    limited_to: Option<PermissionSet>,
    /// Where it may be used from; empty: anywhere.
    networks: Vec<Network>,
}

impl Key {
    fn of(row: &api_key::Model) -> Result<Self> {
        let fault = |error: serde_json::Error| Error::Internal(error.into());
        let names: Option<Vec<String>> =
            row.limited_to.clone().map(serde_json::from_value).transpose().map_err(fault)?;
        let addresses: Vec<String> = serde_json::from_value(row.addresses.clone()).map_err(fault)?;
        let networks = addresses.iter().map(|text| text.parse().map_err(|()| Error::defect("no network")));
        // A name that this program does not know permits nothing.
        let of_name =
            |name: &String| Permission::ALL.iter().copied().filter(|p| p.object() == *name).collect::<Vec<_>>();
        Ok(Self {
            id: row.id,
            limited_to: names.map(|names| names.iter().flat_map(of_name).collect()),
            networks: networks.collect::<Result<_>>()?,
        })
    }

    fn admits(&self, address: Option<IpAddr>) -> bool {
        self.networks.is_empty() || address.is_some_and(|address| self.networks.iter().any(|n| n.contains(address)))
    }
}

/// The sessions that this process remembers.
#[derive(Debug, Default)]
pub struct Directory {
    /// When API keys were used.
    pub uses: Uses,
    known: RwLock<HashMap<SessionId, Arc<Known>>>,
    /// The sessions of API keys, by their hash.
    keys: RwLock<HashMap<String, (PersonId, SessionId)>>,
    /// Counts the forgetting, so that what was read before it is not remembered after it.
    generation: AtomicU64,
}

impl Directory {
    /// Forgets everything; the next request reads again.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.known.write().clear();
        self.keys.write().clear();
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

    /// The session that an API key is.
    async fn session_of(&self, app: &App, key: &Secret) -> Result<Option<Bearer>> {
        let hash = key.hash();
        let of = |(person, session)| Bearer { person, session, until: DateTime::<Utc>::MAX_UTC };
        if let Some(found) = self.keys.read().get(&hash) {
            return Ok(Some(of(*found)));
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let Some(row) = store::api_key_by_hash(app.database.reader(), &hash).await? else { return Ok(None) };
        let found = (row.person_id, row.session_id);
        let mut memory = self.keys.write();
        if self.generation.load(Ordering::SeqCst) == generation && memory.len() < MOST {
            memory.insert(hash, found);
        }
        Ok(Some(of(found)))
    }
}

async fn read(app: &App, bearer: Bearer) -> Result<Option<Known>> {
    let conn = app.database.reader();
    let Some((session, person)) = store::session_of(conn, bearer.session).await? else { return Ok(None) };
    if session.revoked_at.is_some() || !person.active || person.id != bearer.person {
        return Ok(None);
    }
    let (person, mandates) =
        standing(app, person.id).await?.ok_or_else(|| Error::defect("a person vanished while being read"))?;
    let key = store::api_key_of_session(conn, session.id).await?.as_ref().map(Key::of).transpose()?;
    Ok(Some(Known { person, expires_at: session.expires_at, mandates, key }))
}

/// An active person, with the mandates that end today or later.
async fn standing(app: &App, person: PersonId) -> Result<Option<(Arc<Person>, Vec<Mandate>)>> {
    let conn = app.database.reader();
    let mandates = store::mandates_from(conn, person, app.clock.today()).await?;
    let mut ids: Vec<PersonId> = mandates.iter().map(|m| m.absent_id).collect();
    ids.push(person);
    let people = store::active_people(conn, &ids).await?;
    let find = |id: PersonId| people.iter().find(|p| p.id == id).cloned();
    let mandates = mandates.iter().filter_map(|m| {
        Some(Mandate { id: m.id, absent: find(m.absent_id)?, first_day: m.first_day, last_day: m.last_day })
    });
    Ok(find(person).map(|person| (person, mandates.collect())))
}

/// Who is behind a bearer token or an API key of which it is not known where it came from: one that may be used
/// from some places alone is nobody's.
///
/// # Errors
/// [`Error::Unauthenticated`] where it proves nothing or its session has ended.
pub async fn authenticate(app: &Arc<App>, token: &str) -> Result<Arc<Caller>> {
    authenticate_from(app, token, None).await
}

/// Who is behind a bearer token or an API key that came from an address, with what they may do today.
///
/// # Errors
/// [`Error::Unauthenticated`] where it proves nothing, its session has ended, or it may not be used from there.
pub async fn authenticate_from(app: &Arc<App>, token: &str, address: Option<IpAddr>) -> Result<Arc<Caller>> {
    let caller = proven(app, token, address).await;
    if matches!(caller, Err(Error::Unauthenticated)) {
        app.metrics.disproved(Disproved::Token);
    }
    caller
}

async fn proven(app: &Arc<App>, token: &str, address: Option<IpAddr>) -> Result<Arc<Caller>> {
    let now = app.clock.now();
    let bearer = bearer(app, token, now).await?.ok_or(Error::Unauthenticated)?;
    let holds = |known: &Arc<Known>| known.expires_at > now && known.person.id == bearer.person;
    let known = app.directory.find(app, bearer).await?.filter(holds).ok_or(Error::Unauthenticated)?;
    let until = bearer.until.min(known.expires_at);
    if let Some(key) = &known.key {
        if !key.admits(address) {
            return Err(Error::Unauthenticated);
        }
        app.directory.uses.note(key.id, now);
        let person = known.person.clone();
        return Ok(Arc::new(Caller::of_key(&app.policy(), person, key.limited_to, bearer.session, until)));
    }
    let absent = absent_on(&known.mandates, calendar::paris_day(now));
    Ok(Arc::new(Caller::new(&app.policy(), known.person.clone(), absent, bearer.session, until)))
}

/// What a token gives. Where people sign in elsewhere, tokens of our own are worth nothing.
async fn bearer(app: &Arc<App>, token: &str, now: DateTime<Utc>) -> Result<Option<Bearer>> {
    if let Some(key) = Secret::read(token) {
        return app.directory.session_of(app, &key).await;
    }
    match &app.oidc {
        Some(issuer) => external::bearer(app, issuer, token).await,
        None => Ok(app.issuer.read(token, now)),
    }
}

/// Whether a token may prove something, without asking the database: one that cannot is refused before anything
/// is waited for.
pub async fn may_prove_something(app: &App, token: &str) -> bool {
    let now = app.clock.now();
    match &app.oidc {
        _ if Secret::read(token).is_some() => true,
        Some(issuer) => issuer.access(token, now).await.is_some(),
        None => app.issuer.read(token, now).is_some(),
    }
}

/// Whether a token that cannot be looked up now is a good one of the same person's, as far as can be told
/// without the database: by the issuer of our own, or by the subject that a token of theirs had.
#[must_use]
pub fn is_one_more(app: &App, token: &str, before: &str, person: PersonId) -> bool {
    let now = app.clock.now();
    match &app.oidc {
        Some(issuer) => {
            let subject = |token| issuer.subject(token, now);
            subject(token).is_some_and(|next| issuer.subject_of_old(before) == Some(next))
        }
        None => app.issuer.read(token, now).is_some_and(|bearer| bearer.person == person),
    }
}

/// Those for whom mandates stand in on a day.
fn absent_on(mandates: &[Mandate], day: NaiveDate) -> impl Iterator<Item = (DeputyId, Arc<Person>)> {
    let today = mandates.iter().filter(move |m| m.first_day <= day && day <= m.last_day);
    today.map(|m| (m.id, m.absent.clone()))
}

/// Somebody else as they would be if they were signed in now, in the session of whoever looks (G-7); nothing where
/// nobody active has the key.
///
/// # Errors
/// When the database cannot be read.
pub async fn as_seen_by(app: &App, person: PersonId, observer: &Caller) -> Result<Option<Arc<Caller>>> {
    let Some((person, mandates)) = standing(app, person).await? else { return Ok(None) };
    let absent = absent_on(&mandates, app.clock.today());
    Ok(Some(Arc::new(Caller::new(&app.policy(), person, absent, observer.session, observer.until))))
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
