//! The context's refusals.

use ::entity::vocabulary::WebhookStatus;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::{
    action::Common,
    both,
    i18n::Text,
    outgoing::{Barred, Rules},
    refusal::{self, Details},
};

/// Why something about webhooks is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// It has no name.
    NameRequired,
    /// A pattern means nothing that ever happens.
    EventUnknown {
        /// Its place in the list; none: there is none at all.
        place: Option<usize>,
        /// The families that there are.
        families: Vec<String>,
    },
    /// Nothing is sent to that address.
    UrlRefused {
        /// Why.
        why: UrlFault,
        /// The networks that are allowed though they are not public.
        allowed: Vec<String>,
        /// Whether it may go unencrypted.
        plain: bool,
    },
    /// A header is malformed, or one that Sésame sets itself.
    HeaderRefused {
        /// Its place in the list.
        place: usize,
    },
    /// The query is not valid with the rights that it runs with.
    QueryInvalid {
        /// What is wrong with it, in French.
        fr: String,
        /// In English.
        en: String,
    },
    /// The person whose rights it runs with cannot sign in.
    RunAsInactive,
    /// There are as many webhooks as there may be.
    TooMany,
    /// Its status does not allow that.
    WrongStatus {
        /// Its status.
        status: WebhookStatus,
    },
    /// The delivery has not ended yet.
    DeliveryPending,
    /// There is nothing to be replayed from there on.
    NothingToReplay,
}

/// Why nothing is sent to an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UrlFault {
    /// It is no URL of the web.
    Malformed,
    /// It is not encrypted.
    Plain,
    /// The port belongs to another service.
    Port(u16),
    /// It leads into a network that is not public.
    Network,
    /// The name stands for no address.
    Unknown,
}

impl Refusal {
    /// Nothing is sent to that address.
    #[must_use]
    pub fn url(barred: &Barred, rules: &Rules) -> Self {
        let why = match barred {
            Barred::Malformed => UrlFault::Malformed,
            Barred::Plain => UrlFault::Plain,
            Barred::Port(port) => UrlFault::Port(*port),
            Barred::Network(_) => UrlFault::Network,
            Barred::Unknown => UrlFault::Unknown,
        };
        Self::UrlRefused { why, allowed: rules.allowed.iter().map(ToString::to_string).collect(), plain: rules.plain }
    }
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
            Self::EventUnknown { .. } => "EVENT_UNKNOWN",
            Self::UrlRefused { .. } => "URL_REFUSED",
            Self::HeaderRefused { .. } => "HEADER_REFUSED",
            Self::QueryInvalid { .. } => "QUERY_INVALID",
            Self::RunAsInactive => "RUN_AS_INACTIVE",
            Self::TooMany => "TOO_MANY_WEBHOOKS",
            Self::WrongStatus { .. } => "WRONG_STATUS",
            Self::DeliveryPending => "DELIVERY_PENDING",
            Self::NothingToReplay => "NOTHING_TO_REPLAY",
        }
    }

    fn field(&self) -> Vec<String> {
        let path = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        match self {
            Self::Common(common) => path(&[common.field()]),
            Self::NameRequired => path(&["name"]),
            Self::EventUnknown { place: None, .. } => path(&["events"]),
            Self::EventUnknown { place: Some(place), .. } => path(&["events", &place.to_string()]),
            Self::UrlRefused { .. } => path(&["url"]),
            Self::HeaderRefused { place } => path(&["headers", &place.to_string()]),
            Self::QueryInvalid { .. } => path(&["query"]),
            Self::RunAsInactive => path(&["runAs"]),
            Self::NothingToReplay => path(&["from"]),
            Self::TooMany | Self::WrongStatus { .. } | Self::DeliveryPending => Vec::new(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::NameRequired => both!("Un webhook a un nom.", "A webhook has a name."),
            Self::EventUnknown { families, .. } => unknown(&families.join(", ")),
            Self::UrlRefused { why, allowed, plain } => address(why, allowed, *plain),
            Self::HeaderRefused { .. } => both!(
                "Cet en-tête ne peut pas être envoyé : un nom et une valeur en ASCII visible, hors ceux que Sésame pose lui-même (Host, Content-*, Webhook-*, User-Agent…).",
                "This header cannot be sent: a name and a value in visible ASCII, and none that Sésame sets itself (Host, Content-*, Webhook-*, User-Agent…)."
            ),
            Self::QueryInvalid { fr, en } => both!(
                "La requête n'est pas valable avec les droits de cette personne : {fr}",
                "The query is not valid with this person's rights: {en}"
            ),
            Self::RunAsInactive => both!(
                "Cette personne ne peut pas se connecter : rien ne peut être lu en son nom.",
                "This person cannot sign in: nothing can be read in their name."
            ),
            Self::TooMany => {
                let most = rules::MOST_WEBHOOKS;
                both!(
                    "Il y a au plus {most} webhooks ; supprimez-en un.",
                    "There are at most {most} webhooks; delete one."
                )
            }
            Self::WrongStatus { status } => {
                let status = status.code();
                both!(
                    "Le statut du webhook ({status}) ne le permet pas.",
                    "The webhook's status ({status}) does not allow it."
                )
            }
            Self::DeliveryPending => both!(
                "Cette livraison n'est pas terminée : elle sera tentée d'elle-même.",
                "This delivery has not ended: it will be attempted by itself."
            ),
            Self::NothingToReplay => both!(
                "Aucun événement n'a encore été présenté à ce webhook à partir de là.",
                "No event from there on has been shown to this webhook yet."
            ),
        }
    }

    fn details(&self) -> Details {
        let items = match self {
            Self::EventUnknown { families, .. } => families.clone(),
            Self::UrlRefused { allowed, .. } => allowed.clone(),
            _ => Vec::new(),
        };
        Details { items, ..Details::default() }
    }
}

fn unknown(families: &str) -> Text {
    both!(
        "Rien de tel n'arrive jamais : nommez un type d'événement, une famille ou «*» pour tous ; il y a {families}.",
        "Nothing of that kind ever happens: name a kind of event, a family, or «*» for all; there are {families}."
    )
}

/// Why nothing is sent there, and where it would be.
fn address(why: &UrlFault, allowed: &[String], plain: bool) -> Text {
    let Text { fr, en } = match why {
        UrlFault::Malformed => both!("Ce n'est pas une adresse du web.", "This is not an address of the web."),
        UrlFault::Plain => both!("L'adresse n'est pas chiffrée.", "The address is not encrypted."),
        UrlFault::Port(port) => {
            both!("Le port {port} est celui d'un autre service.", "Port {port} belongs to another service.")
        }
        UrlFault::Network => {
            both!("L'adresse mène dans un réseau privé.", "The address leads into a network that is not public.")
        }
        UrlFault::Unknown => both!("Ce nom ne mène nulle part.", "This name leads nowhere."),
    };
    let scheme = if plain { "https, http" } else { "https" };
    let (networks_fr, networks_en) = match allowed {
        [] => (String::new(), String::new()),
        some => {
            let some = some.join(", ");
            (format!(" ou de {some} (webhooks.allowed_networks)"), format!(" or in {some} (webhooks.allowed_networks)"))
        }
    };
    both!(
        "{fr} Sont permises : {scheme}, sans nom d'utilisateur, ports 80, 443 et à partir de 1024, vers une adresse publique{networks_fr}.",
        "{en} Allowed are {scheme}, without a user name, ports 80, 443 and from 1024 on, to an address that is public{networks_en}."
    )
}
