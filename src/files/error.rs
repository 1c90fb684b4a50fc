//! The context's refusals.

use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::{action::Common, both, i18n::Text, refusal};

/// Why a file is not awaited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// The name is empty once what does not belong into one is taken away.
    NameRequired,
    /// The file is larger than the settings allow.
    TooLarge {
        /// The most, in bytes.
        most: u64,
    },
    /// The name says that it is something else than what is taken.
    TypeRefused {
        /// What the name ends in.
        extension: String,
    },
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(common) => common.code(),
            Self::NameRequired => "NAME_REQUIRED",
            Self::TooLarge { .. } => "FILE_TOO_LARGE",
            Self::TypeRefused { .. } => "FILE_TYPE_REFUSED",
        }
    }

    fn field(&self) -> Vec<String> {
        let name = match self {
            Self::Common(common) => common.field(),
            Self::NameRequired | Self::TypeRefused { .. } => "name",
            Self::TooLarge { .. } => "size",
        };
        vec![name.to_owned()]
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::NameRequired => both!("Donnez un nom au fichier.", "Give the file a name."),
            Self::TooLarge { most } => too_large(*most),
            Self::TypeRefused { extension } => {
                let allowed = Kind::names();
                both!(
                    "Les fichiers «.{extension}» ne sont pas acceptés ; le sont : {allowed}.",
                    "Files ending in «.{extension}» are not taken; these are: {allowed}."
                )
            }
        }
    }
}

/// A file is too large.
pub(super) fn too_large(most: u64) -> Text {
    let megabytes = most / (1024 * 1024);
    if megabytes == 0 {
        both!("Un fichier a {most} octets au plus.", "A file has at most {most} bytes.")
    } else {
        both!("Un fichier a {megabytes} Mo au plus.", "A file has at most {megabytes} MB.")
    }
}

/// Why a file cannot be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileProblem {
    /// There is no such upload, or it is somebody else's: the two are not told apart.
    Unknown,
    /// Its content was not sent, or was refused.
    NotReceived,
    /// It was not attached in time.
    Expired,
    /// It is attached already; each upload is attached once.
    AlreadyAttached,
}

impl FileProblem {
    /// What is refused and what would be allowed.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            Self::Unknown => both!(
                "Ce fichier n'existe pas ; créez d'abord un envoi avec «createUpload».",
                "There is no such file; create an upload with «createUpload» first."
            ),
            Self::NotReceived => both!(
                "Le contenu du fichier n'est pas arrivé ; envoyez-le d'abord à son adresse.",
                "The content of the file has not arrived; send it to its address first."
            ),
            Self::Expired => both!(
                "Ce fichier n'a pas été joint à temps ; envoyez-le à nouveau.",
                "The file was not attached in time; send it again."
            ),
            Self::AlreadyAttached => both!(
                "Ce fichier est déjà joint ; chaque envoi ne l'est qu'une fois.",
                "The file is attached already; each upload is attached once."
            ),
        }
    }
}
