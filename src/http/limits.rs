//! What one request may ask for at most (K-10): the same over every transport.
//!
//! ```text
//! body ─▶ text: scan ─▶ parse ─▶ document: measure ─▶ variables, cost ─▶ run, against the clock
//! ```
//! Each step looks only at what the step before let through, and costs little in proportion to what it
//! looks at. A refusal names its [`Limit`], which is the name of its setting, and how much is allowed. What one may
//! ask for in a minute is counted by the same cost ([`crate::rates`]).

use ::entity::vocabulary::Language;
use async_graphql::{ErrorExtensionValues, Pos, ServerError};
use serde::Deserialize;

use crate::{both, error::Error, i18n::Text};

/// Declares the limits: on what a client asks for (setting, default, the most it can be set to, and what
/// it counts, in both languages), and on how long a client may take.
macro_rules! limits {
    (
        $($(#[$doc:meta])+ $variant:ident $setting:ident = $default:expr, up to $highest:expr, $fr:literal / $en:literal;)+
        times { $($(#[$time_doc:meta])+ $time:ident = $usual:expr;)+ }
        rates { $($(#[$rate_doc:meta])+ $rate:ident = $pace:expr;)+ }
    ) => {
        /// Limits on requests and connections.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])+ pub $setting: usize,)+
            $($(#[$time_doc])+ pub $time: u64,)+
            $($(#[$rate_doc])+ pub $rate: usize,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($setting: $default,)+ $($time: $usual,)+ $($rate: $pace,)+ }
            }
        }

        /// Limits as one source gives them: only what it says.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct SomeLimits {
            $($(#[$doc])+ pub $setting: Option<usize>,)+
            $($(#[$time_doc])+ pub $time: Option<u64>,)+
            $($(#[$rate_doc])+ pub $rate: Option<usize>,)+
        }

        impl SomeLimits {
            /// What variables named `SESAME_LIMITS_…` say.
            ///
            /// # Errors
            /// The name and the value of one that is no number.
            pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, (&'static str, String)> {
                let mut limits = Self::default();
                $(limits.$setting = number(stringify!($setting), &get)?;)+
                $(limits.$time = number(stringify!($time), &get)?;)+
                $(limits.$rate = number(stringify!($rate), &get)?;)+
                Ok(limits)
            }
        }

        impl Limits {
            /// The names of the settings.
            pub const NAMES: &[&str] = &[$(stringify!($setting),)+ $(stringify!($time),)+ $(stringify!($rate),)+];

            /// Puts the sources together, the first ones winning, and tells for each limit which one won.
            #[must_use]
            pub fn resolve(sources: &[&SomeLimits]) -> (Self, Vec<Option<usize>>) {
                let usual = Self::default();
                let mut won = Vec::new();
                let limits = Self {
                    $($setting: pick(sources, |limits| limits.$setting, usual.$setting, &mut won),)+
                    $($time: pick(sources, |limits| limits.$time, usual.$time, &mut won),)+
                    $($rate: pick(sources, |limits| limits.$rate, usual.$rate, &mut won),)+
                };
                (limits, won)
            }

            /// The values, in the order of their names.
            #[must_use]
            pub fn values(&self) -> Vec<u64> {
                vec![$(self.$setting as u64,)+ $(self.$time,)+ $(self.$rate as u64,)+]
            }

            /// Looks whether the limits protect and let something through: none is nothing, and none is so
            /// high that it would no longer keep the process from harm. Those on what one asks for in a minute
            /// may be off.
            ///
            /// # Errors
            /// The first one that does not, with the most that it can be.
            pub fn check(&self) -> Result<(), Unfit> {
                $(fit(stringify!($setting), self.$setting as u64, $highest as u64)?;)+
                $(fit(stringify!($time), self.$time, LONGEST)?;)+
                $(fit(stringify!($rate), (self.$rate as u64).max(1), FASTEST)?;)+
                Ok(())
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

/// The longest that anything may be waited for: a day.
const LONGEST: u64 = 86_400;
/// The most points in a minute that are still counted exactly.
const FASTEST: u64 = 1_000_000_000_000;
const KB: usize = 1024;
const MB: usize = 1024 * KB;

/// A limit that cannot be set so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limits.{name} = {value}: it lies between 1 and {most}")]
pub struct Unfit {
    /// Which limit.
    pub name: &'static str,
    /// What it was set to.
    pub value: u64,
    /// What it can be set to at most.
    pub most: u64,
}

const fn fit(name: &'static str, value: u64, most: u64) -> Result<(), Unfit> {
    if value >= 1 && value <= most { Ok(()) } else { Err(Unfit { name, value, most }) }
}

fn number<T: std::str::FromStr>(
    name: &'static str,
    get: &impl Fn(&str) -> Option<String>,
) -> Result<Option<T>, (&'static str, String)> {
    let text = get(&format!("SESAME_LIMITS_{}", name.to_ascii_uppercase()));
    text.map(|text| text.trim().parse().map_err(|_| (name, text))).transpose()
}

fn pick<T>(
    sources: &[&SomeLimits],
    read: impl Fn(&SomeLimits) -> Option<T>,
    usual: T,
    won: &mut Vec<Option<usize>>,
) -> T {
    let found = sources.iter().enumerate().find_map(|(place, source)| Some((place, read(source)?)));
    won.push(found.as_ref().map(|(place, _)| *place));
    found.map_or(usual, |(_, value)| value)
}

limits! {
    /// Bytes of a request's body, uploads aside.
    BodyBytes body_bytes = MB, up to 64 * MB, "octets par requête" / "bytes in a request";
    /// Bytes of a message on a socket.
    MessageBytes message_bytes = MB, up to 64 * MB, "octets par message" / "bytes in a message";
    /// Bytes of an answer.
    ResponseBytes response_bytes = 16 * MB, up to 1024 * MB, "octets par réponse" / "bytes in an answer";
    /// Bytes of a document's text.
    DocumentBytes document_bytes = 256 * KB, up to 16 * MB, "octets dans le document" / "bytes in the document";
    /// Levels of brackets of every kind, in the text before it is parsed and in the variables; and
    /// levels of selections, those of fragments included. The parser and all that follows it recurse.
    Nesting nesting = 50, up to 100, "niveaux d'imbrication" / "levels of nesting";
    /// Words, numbers, strings and signs in a document.
    Tokens tokens = 5_000, up to 200_000, "éléments lexicaux dans le document" / "tokens in the document";
    /// Characters of a name or a number.
    NameLength name_length = 200, up to 10_000, "caractères dans un nom ou un nombre" / "characters in a name or a number";
    /// Bytes of one string, in the document or in the variables.
    StringBytes string_bytes = 256 * KB, up to 16 * MB, "octets dans un texte" / "bytes in a string";
    /// Operations in a document, of which one is run.
    Operations operations = 50, up to 1_000, "opérations dans le document" / "operations in the document";
    /// Fields at the root of an operation.
    RootFields root_fields = 50, up to 1_000, "champs à la racine" / "fields at the root";
    /// Fields and fragments after every fragment is put in its place.
    Fields fields = 10_000, up to 200_000,
        "champs et fragments, fragments développés" / "fields and fragments once the fragments are expanded";
    /// Aliases, fragments developed.
    Aliases aliases = 500, up to 20_000, "alias" / "aliases";
    /// Directives, fragments developed.
    Directives directives = 200, up to 20_000, "directives" / "directives";
    /// Levels of fields.
    Depth depth = 20, up to 100, "niveaux de champs" / "levels of fields";
    /// Levels of fields under `__schema` and `__type`.
    IntrospectionDepth introspection_depth = 25, up to 100,
        "niveaux de champs d'introspection" / "levels of introspection fields";
    /// What is asked of the schema about itself: fields, times the usual length of the lists they are in.
    Introspection introspection = 500_000, up to 50_000_000, "champs d'introspection" / "introspection fields";
    /// What an operation costs: its fields, each as often as its page sizes say, and the values given to them.
    Complexity complexity = 20_000, up to 2_000_000,
        "champs et valeurs, pages comprises" / "fields and values, pages included";
    /// Values in the variables, those in lists and objects included.
    Values values = 50_000, up to 2_000_000, "valeurs dans les variables" / "values in the variables";
    /// Seconds that a query or a mutation may take.
    Seconds seconds = 30, up to 3_600, "secondes" / "seconds";
    /// Sockets and streams of events of one person.
    Sockets sockets = 64, up to 100_000,
        "connexions et flux d'événements par personne" / "sockets and event streams of one person";
    /// Operations that run on one socket at the same time.
    SocketOperations socket_operations = 100, up to 10_000,
        "opérations simultanées par connexion" / "operations at a time on one socket";
    /// Connections in all, sockets included.
    Connections connections = 50_000, up to 1_000_000, "connexions" / "connections";
    /// Connections from one address; behind a proxy all come from the proxy's.
    AddressConnections address_connections = 20_000, up to 1_000_000,
        "connexions par adresse" / "connections from one address";
    /// Sockets on which nobody is signed in yet, in all.
    WaitingSockets waiting_sockets = 10_000, up to 1_000_000,
        "connexions en attente d'identification" / "sockets not signed in yet";
    /// Sockets from one address on which nobody is signed in yet.
    AddressWaitingSockets address_waiting_sockets = 5_000, up to 1_000_000,
        "connexions en attente d'identification par adresse" / "sockets from one address not signed in yet";
    times {
        /// Seconds for the headers of a request to arrive, and for a connection to idle.
        header_seconds = 15;
        /// Seconds for the body of a request to arrive.
        body_seconds = 30;
        /// Seconds that a client may leave what was sent to it unread, or take to read it byte by byte.
        unread_seconds = 30;
        /// Seconds for the first message on a socket to arrive.
        init_seconds = 10;
        /// Seconds between signs of life on a socket or a stream of events.
        ping_seconds = 30;
    }
    rates {
        /// Points that one person may ask for in a minute, whatever process answers: an operation costs what
        /// `complexity` counts. 0: no such limit.
        person_points = 6_000_000;
        /// Points that may be asked for in a minute from one address by those who are not signed in, and with tokens
        /// that prove nothing. 0: no such limit.
        address_points = 600_000;
    }
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
    /// It names a document that is not published.
    UnknownDocument,
    /// It sends a document of its own, and its sender may not.
    FreeForm,
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

    /// A request that names a document that nobody published.
    #[must_use]
    pub const fn unknown_document() -> Self {
        Self { reason: Reason::UnknownDocument, at: None }
    }

    /// A request with a document that is in no manifest, from somebody who may not send such.
    #[must_use]
    pub const fn free_form() -> Self {
        Self { reason: Reason::FreeForm, at: None }
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
            Reason::Malformed { .. } | Reason::Unauthenticated | Reason::UnknownDocument | Reason::FreeForm => None,
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
            // Clients know it by this very text, and send the document along the next time.
            Reason::UnknownDocument => {
                extensions.set("code", "PERSISTED_QUERY_NOT_FOUND");
                "PersistedQueryNotFound".to_owned()
            }
            Reason::FreeForm => {
                extensions.set("code", "QUERY_NOT_IN_SAFELIST");
                both!(
                    "Vous ne pouvez demander que les opérations publiées de vos applications : ce document n'en est pas une.",
                    "You can only ask for the published operations of your applications: this document is none of them."
                )
                .into_language(language)
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
        let file: SomeLimits = toml::from_str("tokens = 7\nping_seconds = 1").unwrap();
        assert!(toml::from_str::<SomeLimits>("token = 7").is_err());
        let environment = SomeLimits::from_variables(|name| match name {
            "SESAME_LIMITS_TOKENS" => Some(" 9 ".into()),
            "SESAME_LIMITS_BODY_SECONDS" => Some("3".into()),
            _ => None,
        });
        let (limits, won) = Limits::resolve(&[&environment.unwrap(), &file]);
        assert_eq!((limits.tokens, limits.ping_seconds, limits.body_seconds), (9, 1, 3));
        assert_eq!(limits.depth, Limits::default().depth);
        let won_by = |name| won[Limits::NAMES.iter().position(|known| *known == name).unwrap()];
        assert_eq!((won_by("tokens"), won_by("ping_seconds"), won_by("depth")), (Some(0), Some(1), None));
        let wrong = SomeLimits::from_variables(|name| (name == "SESAME_LIMITS_DEPTH").then(|| "deep".into()));
        assert_eq!(wrong, Err(("depth", "deep".into())));
    }

    #[test]
    fn no_limit_can_be_set_so_that_it_protects_nothing() {
        assert_eq!(Limits::default().check(), Ok(()));
        let unfit = Limits { nesting: 100_000, ..Limits::default() }.check().unwrap_err();
        assert_eq!((unfit.name, unfit.most), ("nesting", 100));
        assert!(Limits { ping_seconds: 0, ..Limits::default() }.check().is_err());
        assert!(Limits { depth: 0, ..Limits::default() }.check().is_err());
    }
}
