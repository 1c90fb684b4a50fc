//! The issuer outside that signs people in (G-30): what it publishes, and what its tokens prove.
//!
//! ```text
//! discovery ─▶ keys ──(every few minutes; an unknown key: at once, but seldom)──▶ known
//! token ─▶ claims: signature, issuer, audience, times ─▶ external: whose, which session
//! ```
//! The keys are read beside the requests. While the issuer is away, the ones last read go on verifying its
//! tokens; a key that it publishes no more verifies nothing from the next reading on.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use ::entity::vocabulary::{PersonId, SessionId};
use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};

mod claims;
mod keys;
mod settings;

pub(super) use self::claims::{Access, Logout};
pub use self::settings::{Oidc, SomeOidc, Unbelievable, Words};
use self::{
    claims::{Fault, Rules},
    keys::{KeySet, Keys},
};
use crate::fetch::{Fetcher, Unfetched};

/// Most tokens whose signature is remembered.
const MOST: usize = 20_000;
/// Pause before an issuer that did not answer is asked again, the first time.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What an issuer says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// Its own name.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where people are sent to sign in.
    #[serde(default)]
    pub authorization_endpoint: String,
    /// Where a client gets tokens.
    #[serde(default)]
    pub token_endpoint: String,
}

/// What was read of an issuer.
struct Known {
    metadata: Metadata,
    keys: Keys,
}

/// A token that proved something, and the session that it opened.
#[derive(Debug)]
pub(super) struct Proven {
    pub(super) access: Access,
    /// Once that is known: whose, and which.
    pub(super) opened: OnceLock<(PersonId, SessionId)>,
}

/// Why an issuer's keys could not be read.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("{0}: {1}")]
    Fetch(String, #[source] Unfetched),
    #[error("{asked} says that it is {named}")]
    Another { asked: String, named: String },
    #[error(transparent)]
    Address(#[from] Unbelievable),
    #[error("it publishes no key that could be used")]
    NoKeys,
}

/// How things stand with the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its keys are known.
    Good,
    /// Its keys are known, but it does not answer.
    Away,
    /// Its keys are not known yet: nobody can be let in.
    Unknown,
}

/// The issuer.
pub struct Provider {
    rules: Rules,
    settings: Oidc,
    fetcher: Fetcher,
    known: ArcSwapOption<Known>,
    /// Signatures take a while to verify: what proved something is remembered until it ends or the keys change.
    proven: Mutex<HashMap<[u8; 32], Arc<Proven>>>,
    /// Held while the keys are read.
    reading: tokio::sync::Mutex<()>,
    /// When the keys were last read for the sake of an unknown one.
    asked_at: Mutex<Option<Instant>>,
    failing: std::sync::atomic::AtomicBool,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// An issuer of which nothing is read yet.
    ///
    /// # Errors
    /// Where it is not one to believe.
    pub fn new(settings: Oidc) -> Result<Self, Unbelievable> {
        settings.check()?;
        Ok(Self {
            rules: Rules::new(settings.clone())?,
            settings,
            fetcher: Fetcher::default(),
            known: ArcSwapOption::empty(),
            proven: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            asked_at: Mutex::default(),
            failing: std::sync::atomic::AtomicBool::new(false),
        })
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Oidc {
        &self.settings
    }

    /// What it says of itself, once that is read.
    #[must_use]
    pub fn metadata(&self) -> Option<Metadata> {
        self.known.load().as_ref().map(|known| known.metadata.clone())
    }

    /// How things stand with it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match (self.known.load().is_some(), self.failing.load(std::sync::atomic::Ordering::Relaxed)) {
            (false, _) => Standing::Unknown,
            (true, true) => Standing::Away,
            (true, false) => Standing::Good,
        }
    }

    /// Reads its keys, again and again.
    pub async fn follow(&self) {
        let mut pause = PAUSE;
        loop {
            let read = {
                let _turn = self.reading.lock().await;
                self.read().await
            };
            if read {
                pause = PAUSE;
                tokio::time::sleep(self.settings.refresh()).await;
            } else {
                tokio::time::sleep(pause.min(self.settings.refresh())).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// What an access token proves.
    pub(super) async fn access(&self, token: &str, now: DateTime<Utc>) -> Option<Arc<Proven>> {
        let name: [u8; 32] = Sha256::digest(token).into();
        let remembered = self.proven.lock().get(&name).cloned();
        if let Some(proven) = remembered {
            return Some(proven).filter(|proven| proven.access.until > now);
        }
        let (known, access) = self.with_keys(|keys| self.rules.access(token, keys, now)).await?;
        Some(self.remember(name, &known, access))
    }

    /// Whom a good access token speaks for, by the keys that are known.
    pub(super) fn subject(&self, token: &str, now: DateTime<Utc>) -> Option<String> {
        Some(self.rules.access(token, &self.known.load().as_ref()?.keys, now).ok()?.subject)
    }

    /// Whom a token speaks for, or spoke for, that was looked at not long ago.
    pub(super) fn subject_of_old(&self, token: &str) -> Option<String> {
        let name: [u8; 32] = Sha256::digest(token).into();
        self.proven.lock().get(&name).map(|proven| proven.access.subject.clone())
    }

    /// Who has logged out, as a logout token tells.
    pub(super) async fn logout(&self, token: &str, now: DateTime<Utc>) -> Option<Logout> {
        Some(self.with_keys(|keys| self.rules.logout(token, keys, now)).await?.1)
    }

    /// Looks at a token, and where its key is not known, once more with the keys read again.
    async fn with_keys<T>(&self, look: impl Fn(&Keys) -> Result<T, Fault>) -> Option<(Arc<Known>, T)> {
        let before = self.known.load_full();
        let looked = before.as_ref().map_or(Err(Fault::UnknownKey), |known| look(&known.keys));
        let (known, looked) = match looked {
            Err(Fault::UnknownKey) => {
                let after = self.read_again(before.as_ref()).await?;
                let looked = look(&after.keys);
                (after, looked)
            }
            looked => (before?, looked),
        };
        match looked {
            Ok(found) => Some((known, found)),
            Err(fault) => {
                tracing::debug!(?fault, "a token proves nothing");
                None
            }
        }
    }

    fn remember(&self, name: [u8; 32], known: &Arc<Known>, access: Access) -> Arc<Proven> {
        let proven = Arc::new(Proven { access, opened: OnceLock::new() });
        let mut memory = self.proven.lock();
        // What was proven under keys that have been replaced meanwhile is proven again next time.
        if self.known.load().as_ref().is_some_and(|current| Arc::ptr_eq(current, known)) {
            if memory.len() >= MOST {
                memory.clear();
            }
            return memory.entry(name).or_insert(proven).clone();
        }
        proven
    }

    /// The keys, read again since somebody saw `before`. However many ask, the issuer is asked once, and then
    /// not again for a while: whoever invents names of keys makes no storm.
    async fn read_again(&self, before: Option<&Arc<Known>>) -> Option<Arc<Known>> {
        let _turn = self.reading.lock().await;
        let current = self.known.load_full();
        if current.as_ref().map(Arc::as_ptr) != before.map(Arc::as_ptr) {
            return current;
        }
        {
            let mut asked_at = self.asked_at.lock();
            if asked_at.is_some_and(|at| at.elapsed() < self.settings.refetch()) {
                return None;
            }
            *asked_at = Some(Instant::now());
        }
        if self.read().await { self.known.load_full() } else { None }
    }

    /// Reads what the issuer publishes; whether it could be read. What was read before stays where it could not.
    async fn read(&self) -> bool {
        let read = self.published().await;
        let failed = read.is_err();
        let was_failing = self.failing.swap(failed, std::sync::atomic::Ordering::Relaxed);
        match read {
            Ok(known) => {
                if was_failing || self.known.load().is_none() {
                    tracing::info!(
                        issuer = self.settings.issuer,
                        keys = known.keys.count(),
                        "the issuer's keys are known"
                    );
                }
                let mut memory = self.proven.lock();
                self.known.store(Some(Arc::new(known)));
                memory.clear();
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(issuer = self.settings.issuer, error, "the issuer's keys cannot be read");
            }
        }
        !failed
    }

    async fn published(&self) -> Result<Known, Unread> {
        let issuer = &self.settings.issuer;
        let asked = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = self.document(&asked).await?;
        if metadata.issuer != *issuer {
            return Err(Unread::Another { asked, named: metadata.issuer });
        }
        self.settings.is_within_reach(&metadata.jwks_uri)?;
        let keys = Keys::read(&self.document::<KeySet>(&metadata.jwks_uri).await?);
        if keys.count() == 0 {
            return Err(Unread::NoKeys);
        }
        Ok(Known { metadata, keys })
    }

    async fn document<T: serde::de::DeserializeOwned>(&self, address: &str) -> Result<T, Unread> {
        self.fetcher.json(address).await.map_err(|error| Unread::Fetch(address.to_owned(), error))
    }
}
