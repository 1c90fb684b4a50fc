//! When API keys were used last: noted in memory, written beside the requests, each key once a minute at most.

use std::{collections::HashMap, sync::Arc};

use ::entity::vocabulary::ApiKeyId;
use chrono::{DateTime, Duration, Utc};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::store;
use crate::app::App;

/// How exactly the last use is known.
const EXACTNESS: Duration = Duration::minutes(1);
/// Pause after the database did not answer.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

/// The uses of keys that this process has seen.
#[derive(Debug, Default)]
pub struct Uses {
    seen: Mutex<HashMap<ApiKeyId, Seen>>,
    bell: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: DateTime<Utc>,
    is_written: bool,
}

impl Uses {
    /// Notes that a key is used.
    pub(super) fn note(&self, key: ApiKeyId, at: DateTime<Utc>) {
        let mut seen = self.seen.lock();
        if seen.get(&key).is_none_or(|last| at - last.at >= EXACTNESS) {
            seen.insert(key, Seen { at, is_written: false });
            self.bell.notify_one();
        }
    }

    /// What is to be written.
    fn unwritten(&self) -> Vec<(ApiKeyId, DateTime<Utc>)> {
        self.seen.lock().iter().filter(|(_, seen)| !seen.is_written).map(|(key, seen)| (*key, seen.at)).collect()
    }

    fn written(&self, key: ApiKeyId, at: DateTime<Utc>) {
        if let Some(seen) = self.seen.lock().get_mut(&key).filter(|seen| seen.at == at) {
            seen.is_written = true;
        }
    }
}

/// Writes when keys were used, for ever.
pub async fn note_uses(app: Arc<App>) {
    let uses = &app.directory.uses;
    loop {
        uses.bell.notified().await;
        for (key, at) in uses.unwritten() {
            // Of several processes, whoever comes first within a minute.
            match store::note_use(app.database.writer(), key, at, at - EXACTNESS).await {
                Ok(()) => uses.written(key, at),
                Err(error) => {
                    tracing::debug!(%error, "the use of a key cannot be written now");
                    uses.bell.notify_one();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_within_the_minute_is_not_written_again() {
        let (uses, key, at) = (Uses::default(), ApiKeyId(1), DateTime::UNIX_EPOCH);
        uses.note(key, at);
        assert_eq!(uses.unwritten(), [(key, at)]);
        uses.written(key, at);
        uses.note(key, at + Duration::seconds(59));
        assert_eq!(uses.unwritten(), []);
        uses.note(key, at + EXACTNESS);
        assert_eq!(uses.unwritten(), [(key, at + EXACTNESS)]);
        uses.written(key, at);
        assert_eq!(uses.unwritten().len(), 1, "what was written was an older one");
    }
}
