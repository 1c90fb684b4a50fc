//! The documents that this process has found by their ids.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{format::is_id, store};
use crate::{app::App, error::Result};

/// How long a document is taken for published without another look: where an event tells of the contrary, it is
/// looked for at once, but beside a server on SQLite a command tells no other process.
const TRUSTED: Duration = Duration::from_secs(30);
/// Most documents that are kept in mind.
const MOST: usize = 5_000;
/// Bytes of documents that clients registered by themselves, in one generation.
const MOST_REGISTERED: usize = 4 << 20;

/// Documents by id.
#[derive(Debug, Default)]
pub struct Manifests {
    known: Mutex<HashMap<String, (Instant, Arc<str>)>>,
    registered: Mutex<Registered>,
    /// Counts the forgetting, so that what was read before it is not remembered after it.
    generation: AtomicU64,
}

/// What clients registered by themselves: when the young are many, they become the old, and what nobody asked for
/// since the last time is forgotten.
#[derive(Debug, Default)]
struct Registered {
    young: HashMap<String, Arc<str>>,
    old: HashMap<String, Arc<str>>,
    bytes: usize,
}

impl Manifests {
    /// The published document of an id, or the very document by its SHA-256.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find(&self, app: &App, id: &str) -> Result<Option<Arc<str>>> {
        if !is_id(id) {
            return Ok(None);
        }
        if let Some(found) = self.recall(id) {
            return Ok(Some(found));
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let Some(found) = store::document(app.database.reader(), id).await? else { return Ok(None) };
        let found: Arc<str> = found.into();
        let mut known = self.known.lock();
        if self.generation.load(Ordering::SeqCst) == generation {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(id.to_owned(), (Instant::now(), found.clone()));
        }
        Ok(Some(found))
    }

    fn recall(&self, id: &str) -> Option<Arc<str>> {
        let known = self.known.lock();
        let (since, found) = known.get(id)?;
        (since.elapsed() < TRUSTED).then(|| found.clone())
    }

    /// Forgets what is published; the next request looks again.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.known.lock().clear();
    }

    /// Keeps a document in mind that a client registered by itself.
    pub fn register(&self, sha256: String, document: &str) {
        let mut registered = self.registered.lock();
        if registered.young.contains_key(&sha256) {
            return;
        }
        registered.keep(sha256, document.into());
    }

    /// A document that a client registered by itself.
    #[must_use]
    pub fn registered(&self, sha256: &str) -> Option<Arc<str>> {
        let mut registered = self.registered.lock();
        if let Some(found) = registered.young.get(sha256) {
            return Some(found.clone());
        }
        let (sha256, found) = registered.old.remove_entry(sha256)?;
        registered.keep(sha256, found.clone());
        Some(found)
    }
}

impl Registered {
    fn keep(&mut self, sha256: String, document: Arc<str>) {
        self.bytes += document.len() + sha256.len();
        self.young.insert(sha256, document);
        if self.bytes > MOST_REGISTERED {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_register_takes_only_so_much_room() {
        let manifests = Manifests::default();
        manifests.register("favourite".into(), "{ a }");
        for number in 0..100 {
            manifests.register(format!("{number}"), &"x".repeat(256 << 10));
            assert_eq!(manifests.registered("favourite").as_deref(), Some("{ a }"));
        }
        assert_eq!(manifests.registered("0"), None);
        let registered = manifests.registered.lock();
        let bytes = |side: &HashMap<String, Arc<str>>| side.values().map(|text| text.len()).sum::<usize>();
        assert!(bytes(&registered.young) + bytes(&registered.old) < 3 * MOST_REGISTERED);
    }
}
