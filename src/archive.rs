//! Everything that a database and its files hold, as one file: to move from one kind of database to the other
//! (K-5), and to be kept (K-6).
//!
//! ```text
//! one moment of a database ─▶ head.json                  which schema, which tables
//!                             tables/NAME/000001.jsonl   rows, a few at a time, references first
//!                             files/KEY                  what was uploaded
//!                             keys/issuer.key            of a backup: what access tokens are signed with
//!                             manifest.json              how many of each, and their checksums ─▶ an empty database
//! ```
//! It is a plain tar, written and read from one end to the other in constant memory. The database itself makes
//! JSON of its rows and rows of that JSON ([`tables`]), so no table and no column is named here: what a
//! later step of the schema adds is in the archive at once. Both databases say the same in the same words:
//! moments as SQLite keeps them, JSON with its keys in alphabetical order, bytes in hexadecimal.
//!
//! An archive goes into a database without data, whole or not at all. One of an earlier schema goes into a new
//! database as it is, which is then brought up to date like any other.

use std::{io, path::PathBuf};

use sea_orm::DbErr;

use crate::{config::Settings, error::Error};

mod aside;
mod export;
mod format;
mod import;
mod restore;
mod source;
mod tables;
mod target;

pub(crate) use aside::Aside;
pub use export::{What, export};
pub use import::import;
pub use restore::restore;

/// What becomes known while an archive is written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// A table is done.
    Table {
        /// Its name.
        name: &'a str,
        /// How many rows it has.
        rows: u64,
    },
    /// The files are done.
    Files {
        /// How many there are.
        count: u64,
        /// How large they are together.
        bytes: u64,
    },
}

/// What an archive held in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tables.
    pub tables: usize,
    /// Rows of all tables.
    pub rows: u64,
    /// Files.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Summary {
    fn add(&mut self, told: Told<'_>) {
        match told {
            Told::Table { rows, .. } => {
                self.tables += 1;
                self.rows += rows;
            }
            Told::Files { count, bytes } => {
                self.files += count;
                self.bytes += bytes;
            }
        }
    }
}

/// Why there is no archive, or why it was not taken; nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is something else.
    #[error("this is not an archive of Sésame's")]
    Foreign,
    /// It was cut short or changed.
    #[error("the archive is damaged: {0}; nothing was changed")]
    Damaged(String),
    /// It knows steps of the schema that this program does not.
    #[error(
        "the archive was made by a newer Sésame ({version}), whose schema has the step {step}: take that one, or a later one"
    )]
    Newer {
        /// The version that made it.
        version: String,
        /// The first step that is not known here.
        step: String,
    },
    /// The database is ahead of the archive.
    #[error(
        "the archive's schema ends with {archive}, the database's with {database}: take a new database without tables, \
         which is brought up to date behind the archive"
    )]
    Ahead {
        /// The archive's last step.
        archive: String,
        /// The database's last step.
        database: String,
    },
    /// The schemas differ in another way.
    #[error("the archive's tables are not the database's: {0}")]
    OtherTables(String),
    /// There is somebody's data already.
    #[error("the database is not empty: there are rows in «{0}»; take an empty one")]
    NotEmpty(String),
    /// There is another program's data.
    #[error("the database holds tables that are not Sésame's; take an empty one")]
    NotOurs,
    /// Somebody works with the database.
    #[error("the database is in use: stop every server first; nothing was changed")]
    InUse,
    /// There is no database.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// The data folder is another one.
    #[error("there is no signing key at {}: is --data the folder of the servers?", .0.display())]
    NoKey(PathBuf),
    /// Something is in the way.
    #[error("{} is there already: say --force to replace it", .0.display())]
    Exists(PathBuf),
    /// Another file has the name of one of the archive's.
    #[error("the file «{0}» is there already, with another content; nothing was changed")]
    Taken(String),
    /// The database fails.
    #[error("the database fails: {0}")]
    Database(#[from] DbErr),
    /// The disk fails, or whatever the archive comes from or goes to.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The object store fails.
    #[error("the files fail: {0}")]
    Files(#[from] object_store::Error),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Error),
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// The result of whatever has to do with archives.
type Result<T, E = Problem> = std::result::Result<T, E>;

/// Where the key lies that access tokens are signed with.
fn key_file(settings: &Settings) -> PathBuf {
    settings.data.join("keys").join("issuer.key")
}
