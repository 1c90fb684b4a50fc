//! What stands in an archive, and how it is summed up. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Problem, Result};

/// The first entry.
pub(super) const HEAD: &str = "head.json";
/// The last entry.
pub(super) const MANIFEST: &str = "manifest.json";
/// The folder of the rows.
pub(super) const TABLES: &str = "tables";
/// The folder of the files.
pub(super) const FILES: &str = "files";
/// The key of the local issuer.
pub(super) const KEY: &str = "keys/issuer.key";

/// What this program calls itself in its archives.
const PRODUCT: &str = "sesame";
/// How archives are laid out.
const FORMAT: u32 = 1;

/// What an archive begins with: enough to refuse it before anything is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    product: String,
    format: u32,
    /// The program that made it.
    pub version: String,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// The kind of database that it was made from.
    pub database: String,
    /// The steps of the schema, oldest first.
    pub schema: Vec<String>,
    /// The tables in their order.
    pub tables: Vec<Shape>,
}

/// A table with its columns, in the order of the values of each row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shape {
    pub name: String,
    pub columns: Vec<String>,
}

impl Head {
    /// The head of an archive that is made now.
    pub(super) fn new(made_at: DateTime<Utc>, database: &str, schema: Vec<String>, tables: Vec<Shape>) -> Self {
        let (product, version) = (PRODUCT.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        Self { product, format: FORMAT, version, made_at, database: database.to_owned(), schema, tables }
    }

    /// Reads the head of an archive whose steps are all `known`, in this order.
    ///
    /// # Errors
    /// Where it is none, or one of a program that knows more than this one.
    pub(super) fn read(text: &[u8], known: &[String]) -> Result<Self> {
        let head: Self = serde_json::from_slice(text).map_err(|_| Problem::Foreign)?;
        let Self { product, format, version, schema, .. } = &head;
        let newer = |step: &str| Problem::Newer { version: version.clone(), step: step.to_owned() };
        if product != PRODUCT {
            return Err(Problem::Foreign);
        }
        if *format != FORMAT {
            return Err(newer(&format!("archive format {format}")));
        }
        let unknown = schema.iter().enumerate().find(|(place, step)| known.get(*place) != Some(*step));
        match unknown.map(|(_, step)| newer(step)) {
            Some(problem) => Err(problem),
            None => Ok(head),
        }
    }
}

/// What an archive ends with: it is whole, and this is what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The tables in their order.
    pub tables: Vec<Content>,
    /// The files; nothing where they were left out.
    pub files: Option<Files>,
}

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub name: String,
    pub rows: u64,
    pub sha256: String,
    /// The last key that the database gave, where it counts them: what is gone is not given again.
    pub counter: Option<i64>,
}

/// What the files come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Files {
    pub count: u64,
    pub bytes: u64,
    pub sha256: String,
}

/// What comes piece by piece, counted and hashed.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    digest: Sha256,
    pub count: u64,
    pub bytes: u64,
}

impl Sum {
    /// A row, without the end of its line.
    pub(super) fn row(&mut self, line: &str) {
        self.digest.update(line);
        self.digest.update("\n");
        self.count += 1;
    }

    /// The beginning of a file.
    pub(super) fn file(&mut self, key: &str, size: u64) {
        self.digest.update(format!("{key} {size}\n"));
        self.count += 1;
        self.bytes += size;
    }

    /// A piece of its content.
    pub(super) fn piece(&mut self, piece: &[u8]) {
        self.digest.update(piece);
    }

    /// The sum of rows.
    pub(super) fn content(self, name: &str, counter: Option<i64>) -> Content {
        Content { name: name.to_owned(), rows: self.count, sha256: self.hash(), counter }
    }

    /// The sum of files.
    pub(super) fn files(self) -> Files {
        Files { count: self.count, bytes: self.bytes, sha256: self.hash() }
    }

    fn hash(self) -> String {
        crate::hex(&self.digest.finalize())
    }
}

/// A row as both databases tell it: `json` are the places of the columns with JSON, whose keys have an order of
/// their own on PostgreSQL.
///
/// # Errors
/// When it is no array, or one of those columns holds no JSON.
pub(super) fn canonical(row: &str, json: &[usize]) -> serde_json::Result<String> {
    let mut values: Vec<Value> = serde_json::from_str(row)?;
    for place in json {
        if let Some(Value::String(text)) = values.get_mut(*place) {
            *text = serde_json::from_str::<Value>(text)?.to_string();
        }
    }
    serde_json::to_string(&values)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn head(schema: &[&str]) -> Head {
        let moment = Utc.with_ymd_and_hms(2026, 11, 27, 19, 0, 0).unwrap();
        Head::new(moment, "sqlite", schema.iter().map(|step| (*step).to_owned()).collect(), Vec::new())
    }

    fn read(head: &Head, known: &[&str]) -> Result<Head> {
        let known: Vec<String> = known.iter().map(|step| (*step).to_owned()).collect();
        Head::read(&serde_json::to_vec(head).unwrap(), &known)
    }

    #[test]
    fn an_archive_is_read_by_the_program_that_made_it_and_by_later_ones() {
        let archive = head(&["m1", "m2"]);
        assert_eq!(read(&archive, &["m1", "m2"]).unwrap(), archive);
        assert_eq!(read(&archive, &["m1", "m2", "m3"]).unwrap(), archive);
        for known in [&["m1"][..], &["m1", "m3"], &[]] {
            let refused = read(&archive, known).unwrap_err();
            assert!(matches!(&refused, Problem::Newer { step, .. } if step == "m2" || known.is_empty()), "{refused}");
        }
    }

    #[test]
    fn what_is_something_else_is_not_taken_for_an_archive() {
        assert!(matches!(Head::read(b"PK\x03\x04", &[]), Err(Problem::Foreign)));
        assert!(matches!(Head::read(b"{}", &[]), Err(Problem::Foreign)));
        let other = Head { product: "other".into(), ..head(&[]) };
        assert!(matches!(read(&other, &[]), Err(Problem::Foreign)));
        let later = Head { format: 2, ..head(&[]) };
        assert!(matches!(read(&later, &[]), Err(Problem::Newer { .. })));
    }

    #[test]
    fn both_databases_tell_a_row_alike() {
        let sqlite = r#"[1,"é\n","{\"a\":1,\"bb\":[null,1.5]}",null,9007199254740993]"#;
        let postgres = r#"[1, "\u00e9\n", "{\"bb\": [null, 1.5], \"a\": 1}", null, 9007199254740993]"#;
        assert_eq!(canonical(postgres, &[2]).unwrap(), canonical(sqlite, &[]).unwrap());
        assert_eq!(canonical(sqlite, &[2, 3]).unwrap(), sqlite);
        assert!(canonical("[\"no JSON\"]", &[0]).is_err());
    }

    #[test]
    fn a_sum_depends_on_each_row_and_on_their_order() {
        let sum = |rows: &[&str]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.row(row));
            sum.content("t", None)
        };
        assert_eq!(sum(&["[1]", "[2]"]), sum(&["[1]", "[2]"]));
        assert_eq!(sum(&["[1]", "[2]"]).rows, 2);
        for other in [&["[2]", "[1]"][..], &["[1]"], &["[1][2]"], &["[1]", "[2]", ""]] {
            assert_ne!(sum(other).sha256, sum(&["[1]", "[2]"]).sha256);
        }
    }
}
