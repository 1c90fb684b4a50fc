//! The files that clients' builds write: pure, and suspicious of what they hold.

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Most operations of one manifest.
const MOST: usize = 10_000;
/// Most characters of an id.
const LONGEST_ID: usize = 256;

/// A document with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id that the client's build gave it.
    pub id: String,
    /// The document.
    pub body: String,
}

/// Why a file is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is neither of the two formats.
    #[error("neither a manifest as generate-persisted-query-manifest writes it nor one of relay-compiler: {0}")]
    Json(#[from] serde_json::Error),
    /// It is a format of Apollo's that is not known.
    #[error("the manifest is «{0}», version {1}: only «apollo-persisted-query-manifest», version 1, is understood")]
    Format(String, u64),
    /// It holds nothing, or too much.
    #[error("a manifest holds 1 to {MOST} operations, not {0}")]
    Size(usize),
    /// An id cannot be asked for.
    #[error("«{0}» is not an id: 1 to {LONGEST_ID} letters, digits and signs without a space")]
    Id(String),
    /// An id that looks like a SHA-256 is not that of its document.
    #[error("«{0}» is not the SHA-256 of its document")]
    Hash(String),
    /// An id names two documents.
    #[error("«{0}» names two documents")]
    Twice(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Manifest {
    Apollo { format: String, version: u64, operations: Vec<Operation> },
    Relay(std::collections::BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

/// Reads a manifest.
///
/// # Errors
/// What is wrong with it.
pub fn read(json: &str) -> Result<Vec<Entry>, Malformed> {
    let mut entries: Vec<Entry> = match serde_json::from_str(json)? {
        Manifest::Apollo { format, version, .. } if format != "apollo-persisted-query-manifest" || version != 1 => {
            return Err(Malformed::Format(format, version));
        }
        Manifest::Apollo { operations, .. } => {
            operations.into_iter().map(|Operation { id, body }| Entry { id, body }).collect()
        }
        Manifest::Relay(documents) => documents.into_iter().map(|(id, body)| Entry { id, body }).collect(),
    };
    if entries.is_empty() || entries.len() > MOST {
        return Err(Malformed::Size(entries.len()));
    }
    entries.sort_by(|one, other| one.id.cmp(&other.id));
    entries.dedup();
    for entry in &entries {
        check(entry)?;
    }
    match entries.windows(2).find(|pair| pair[0].id == pair[1].id) {
        Some(pair) => Err(Malformed::Twice(pair[0].id.clone())),
        None => Ok(entries),
    }
}

fn check(Entry { id, body }: &Entry) -> Result<(), Malformed> {
    if !is_id(id) {
        return Err(Malformed::Id(id.chars().take(LONGEST_ID).collect()));
    }
    let is_hash = id.len() == 64 && id.chars().all(|c| c.is_ascii_hexdigit());
    if is_hash && !id.eq_ignore_ascii_case(&sha256(body)) {
        return Err(Malformed::Hash(id.clone()));
    }
    Ok(())
}

/// Whether something can be an id.
pub fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic())
}

/// The SHA-256 of a document, in hexadecimal.
#[must_use]
pub fn sha256(document: &str) -> String {
    crate::hex(&Sha256::digest(document))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const QUERY: &str = "query Me { viewer { user { code } } }";

    #[test]
    fn both_formats_are_understood() {
        let id = sha256(QUERY);
        let entry = Entry { id: id.clone(), body: QUERY.into() };
        let apollo = json!({
            "format": "apollo-persisted-query-manifest", "version": 1,
            "operations": [{ "id": id, "name": "Me", "type": "query", "body": QUERY }]
        });
        assert_eq!(read(&apollo.to_string()).unwrap(), vec![entry.clone()]);
        assert_eq!(read(&json!({ id: QUERY }).to_string()).unwrap(), vec![entry]);
        // As relay-compiler names documents where nothing else is set.
        let md5 = json!({ "0123456789abcdef0123456789abcdef": QUERY });
        assert_eq!(read(&md5.to_string()).unwrap().len(), 1);
    }

    #[test]
    fn what_is_odd_is_refused() {
        let apollo = |format: &str, version: u64, operations: serde_json::Value| {
            json!({ "format": format, "version": version, "operations": operations }).to_string()
        };
        for (odd, word) in [
            ("[]".to_owned(), "neither"),
            ("{\"a\": 1}".to_owned(), "neither"),
            ("{}".to_owned(), "not 0"),
            (apollo("apollo-persisted-query-manifest", 2, json!([])), "version 2"),
            (apollo("other", 1, json!([])), "other"),
            (apollo("apollo-persisted-query-manifest", 1, json!([])), "not 0"),
            (json!({ "a b": QUERY }).to_string(), "is not an id"),
            (json!({ "": QUERY }).to_string(), "is not an id"),
            (json!({ "0".repeat(64): QUERY }).to_string(), "SHA-256"),
            (
                apollo(
                    "apollo-persisted-query-manifest",
                    1,
                    json!([{ "id": "a", "body": QUERY }, { "id": "a", "body": "{ __typename }" }]),
                ),
                "two documents",
            ),
        ] {
            let error = read(&odd).unwrap_err().to_string();
            assert!(error.contains(word), "{odd}: {error}");
        }
    }
}
