//! What one request may ask for at most (K-10): the same over every transport.
//!
//! ```text
//! body ─▶ text: scan ─▶ parse ─▶ document: measure ─▶ variables, cost ─▶ run, against the clock
//! ```
//! Each step looks only at what the step before let through, and costs little in proportion to what it
//! looks at. A refusal names its [`Limit`], which is the name of its setting, and how much is allowed.

use ::entity::vocabulary::Language;
use async_graphql::{ErrorExtensionValues, Pos, ServerError};
use serde::Deserialize;

use crate::{both, error::Error, i18n::Text};

/// Declares the limits on what a client asks for: setting, default, and what it counts, in both languages.
macro_rules! limits {
    ($($(#[$doc:meta])+ $variant:ident $setting:ident = $default:expr, $fr:literal / $en:literal;)+) => {
        /// Limits on requests and connections.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[$doc])+ pub $setting: usize,)+
            /// Seconds for the headers of a request to arrive, and for a connection to idle.
            pub header_seconds: u64,
            /// Seconds for the body of a request to arrive.
            pub body_seconds: u64,
            /// Seconds that a client may leave what was sent to it unread.
            pub unread_seconds: u64,
            /// Seconds for the first message on a socket to arrive.
            pub init_seconds: u64,
            /// Seconds between signs of life on a socket.
            pub ping_seconds: u64,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self {
                    $($setting: $default,)+
                    header_seconds: 15,
                    body_seconds: 30,
                    unread_seconds: 30,
                    init_seconds: 10,
                    ping_seconds: 30,
                }
            }
        }

        /// Which limit a request exceeds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Limit {
            $($(#[$doc])+ $variant,)+
        }

        impl Limit {
            /// Every limit.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name of its setting.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($setting),)+
                }
            }

            /// How much it allows.
            #[must_use]
            pub const fn most(self, limits: &Limits) -> usize {
                match self {
                    $(Self::$variant => limits.$setting,)+
                }
            }

            fn counted(self) -> Text {
                match self {
                    $(Self::$variant => both!($fr, $en),)+
                }
            }
        }
    };
}

limits! {
    /// Bytes of a request's body, uploads aside.
    BodyBytes body_bytes = 1024 * 1024, "octets par requête" / "bytes in a request";
    /// Bytes of a message on a socket.
    MessageBytes message_bytes = 1024 * 1024, "octets par message" / "bytes in a message";
    /// Bytes of a document's text.
    DocumentBytes document_bytes = 256 * 1024, "octets dans le document" / "bytes in the document";
    /// Levels of brackets of every kind, in the text before it is parsed and in the variables; and
    /// levels of selections, those of fragments included.
    Nesting nesting = 50, "niveaux d'imbrication" / "levels of nesting";
    /// Words, numbers, strings and signs in a document.
    Tokens tokens = 5_000, "éléments lexicaux dans le document" / "tokens in the document";
    /// Characters of a name or a number.
    NameLength name_length = 200, "caractères dans un nom ou un nombre" / "characters in a name or a number";
    /// Bytes of one string, in the document or in the variables.
    StringBytes string_bytes = 256 * 1024, "octets dans un texte" / "bytes in a string";
    /// Operations in a document, of which one is run.
    Operations operations = 50, "opérations dans le document" / "operations in the document";
    /// Fields at the root of an operation.
    RootFields root_fields = 50, "champs à la racine" / "fields at the root";
    /// Fields after every fragment is put in its place.
    Fields fields = 10_000, "champs, fragments développés" / "fields once the fragments are expanded";
    /// Aliases, fragments developed.
    Aliases aliases = 500, "alias" / "aliases";
    /// Directives, fragments developed.
    Directives directives = 200, "directives" / "directives";
    /// Levels of fields.
    Depth depth = 20, "niveaux de champs" / "levels of fields";
    /// Levels of fields under `__schema` and `__type`.
    IntrospectionDepth introspection_depth = 25,
        "niveaux de champs d'introspection" / "levels of introspection fields";
    /// What is asked of the schema about itself: fields, times the usual length of the lists they are in.
    Introspection introspection = 500_000, "champs d'introspection" / "introspection fields";
    /// What an operation costs: its fields, each as often as its page sizes say, and the values given to them.
    Complexity complexity = 20_000, "champs et valeurs, pages comprises" / "fields and values, pages included";
    /// Values in the variables, those in lists and objects included.
    Values values = 50_000, "valeurs dans les variables" / "values in the variables";
    /// Seconds that a query or a mutation may take.
    Seconds seconds = 30, "secondes" / "seconds";
    /// Sockets of one person.
    Sockets sockets = 64, "connexions par personne" / "sockets of one person";
    /// Operations that run on one socket at the same time.
    SocketOperations socket_operations = 100, "opérations simultanées par connexion" / "operations at a time on one socket";
}

/// Why a request is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    reason: Reason,
    at: Option<Pos>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    /// It exceeds a limit.
    Excess { limit: Limit, most: usize },
    /// It is malformed, at a path where there is one.
    Malformed { path: Vec<String>, text: Text },
    /// Nobody is signed in.
    Unauthenticated,
}

impl Refused {
    /// A request that asks for too much.
    #[must_use]
    pub const fn excess(limit: Limit, limits: &Limits) -> Self {
        Self { reason: Reason::Excess { limit, most: limit.most(limits) }, at: None }
    }

    /// A request that is not what it should be.
    #[must_use]
    pub const fn malformed(path: Vec<String>, text: Text) -> Self {
        Self { reason: Reason::Malformed { path, text }, at: None }
    }

    /// A request that needs somebody to be signed in.
    #[must_use]
    pub const fn unauthenticated() -> Self {
        Self { reason: Reason::Unauthenticated, at: None }
    }

    /// The same, with the place in the document.
    #[must_use]
    pub fn at(self, at: Pos) -> Self {
        Self { at: Some(at), ..self }
    }

    /// The limit, where it is one.
    #[must_use]
    pub const fn limit(&self) -> Option<Limit> {
        match self.reason {
            Reason::Excess { limit, .. } => Some(limit),
            Reason::Malformed { .. } | Reason::Unauthenticated => None,
        }
    }

    /// Whether it is that nobody is signed in.
    #[must_use]
    pub const fn is_unauthenticated(&self) -> bool {
        matches!(self.reason, Reason::Unauthenticated)
    }

    /// The refusal as GraphQL answers it.
    #[must_use]
    pub fn into_error(self, language: Language) -> ServerError {
        let mut extensions = ErrorExtensionValues::default();
        let message = match self.reason {
            Reason::Unauthenticated => {
                extensions.set("code", Error::Unauthenticated.code());
                Error::Unauthenticated.message(language)
            }
            Reason::Malformed { path, text } => {
                extensions.set("code", "BAD_USER_INPUT");
                if !path.is_empty() {
                    extensions.set("path", path);
                }
                text.into_language(language)
            }
            Reason::Excess { limit, most } => {
                extensions.set("code", "TOO_COMPLEX");
                extensions.set("limit", limit.name());
                extensions.set("most", most);
                excess(limit, most).into_language(language)
            }
        };
        ServerError { extensions: Some(extensions), ..ServerError::new(message, self.at) }
    }
}

fn excess(limit: Limit, most: usize) -> Text {
    let Text { fr, en } = limit.counted();
    let name = limit.name();
    both!(
        "La requête demande trop : au plus {most} {fr} ({name}).",
        "The request asks for too much: at most {most} {en} ({name})."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_its_limit_in_both_languages() {
        let limits = Limits::default();
        for &limit in Limit::ALL {
            for language in [Language::Fr, Language::En] {
                let error = Refused::excess(limit, &limits).into_error(language);
                assert!(error.message.contains(limit.name()), "{}", error.message);
                let extensions = error.extensions.unwrap();
                assert_eq!(extensions.get("limit"), Some(&limit.name().into()));
                assert_eq!(extensions.get("code"), Some(&"TOO_COMPLEX".into()));
            }
        }
    }

    #[test]
    fn each_limit_is_a_setting() {
        let limits: Limits = toml::from_str("tokens = 7\nping_seconds = 1").unwrap();
        assert_eq!((limits.tokens, limits.ping_seconds), (7, 1));
        assert_eq!(limits.depth, Limits::default().depth);
        assert!(toml::from_str::<Limits>("token = 7").is_err());
    }
}
