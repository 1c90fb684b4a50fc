//! The entries of an archive, one after the other.

use std::io::Read;

use super::{
    Problem, Result,
    format::{FILES, HEAD, Head, KEY, MANIFEST, TABLES},
};

/// Most bytes of an entry that is read whole.
const LARGEST: u64 = 256 << 20;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Rows of a table.
    Rows(String),
    /// A file, under its key.
    File(String),
    /// The key of the issuer.
    Key,
    /// The end.
    Manifest,
}

impl Part {
    /// What an entry of this name is.
    pub(super) fn of(path: &str) -> Option<Self> {
        let under = |folder: &str| path.strip_prefix(folder)?.strip_prefix('/').filter(|rest| !rest.is_empty());
        match path {
            KEY => Some(Self::Key),
            MANIFEST => Some(Self::Manifest),
            _ => match under(TABLES) {
                Some(rest) => rest.split_once('/').map(|(table, _)| Self::Rows(table.to_owned())),
                None => under(FILES).map(|key| Self::File(key.to_owned())),
            },
        }
    }
}

/// The name of an entry.
///
/// # Errors
/// Where it is no text.
pub(super) fn name(entry: &tar::Entry<'_, impl Read>) -> Result<String> {
    String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| Problem::Damaged("an entry has no name".into()))
}

/// The whole of an entry.
///
/// # Errors
/// Where it is larger than any that is written, or ends too early.
pub(super) fn whole(entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>> {
    if entry.size() > LARGEST {
        return Err(Problem::Damaged(format!("{} is too large", name(entry)?)));
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    if content.len() as u64 != entry.size() {
        return Err(ended());
    }
    Ok(content)
}

/// The archive was cut off.
pub(super) fn ended() -> Problem {
    Problem::Damaged("it ends too early".into())
}

/// The first entry, which says what the archive is.
///
/// # Errors
/// Where it is none of ours, or one that this program does not know yet.
pub(super) fn head<R: Read>(entries: &mut tar::Entries<'_, R>, known: &[String]) -> Result<Head> {
    let mut first = entries.next().ok_or(Problem::Foreign)?.map_err(|_| Problem::Foreign)?;
    if name(&first)? != HEAD {
        return Err(Problem::Foreign);
    }
    Head::read(&whole(&mut first)?, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_known_by_its_name() {
        assert_eq!(Part::of("tables/orders/000001.jsonl"), Some(Part::Rows("orders".into())));
        assert_eq!(Part::of("files/demo/a/b"), Some(Part::File("demo/a/b".into())));
        assert_eq!(Part::of("keys/issuer.key"), Some(Part::Key));
        assert_eq!(Part::of("manifest.json"), Some(Part::Manifest));
        for other in ["", "tables", "tables/orders", "files/", "filesystem", "keys/other"] {
            assert_eq!(Part::of(other), None, "{other}");
        }
    }
}
