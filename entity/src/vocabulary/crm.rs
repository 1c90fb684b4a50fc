//! Closed sets of accounts and contacts.

use async_graphql::Enum;
use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

use super::{Language, sets::closed_set};

closed_set! {
    /// In which line of business an account is, after the sections of the French nomenclature (NAF).
    Sector {
        /// Insurance brokerage.
        InsuranceBrokerage = "INSURANCE_BROKERAGE",
        /// Banking and other financial services.
        Banking = "BANKING",
        /// Industry.
        Industry = "INDUSTRY",
        /// Retail and wholesale trade.
        Retail = "RETAIL",
        /// Health and social work.
        Health = "HEALTH",
        /// Public administration.
        PublicSector = "PUBLIC_SECTOR",
        /// Construction.
        Construction = "CONSTRUCTION",
        /// Transport and storage.
        Transport = "TRANSPORT",
        /// Information technology and services.
        ItServices = "IT_SERVICES",
        /// Agriculture, forestry and fishing.
        Agriculture = "AGRICULTURE",
        /// Education.
        Education = "EDUCATION",
        /// Anything else.
        Other = "OTHER",
    }
}

impl Sector {
    /// What people read.
    #[must_use]
    pub const fn label(self, language: Language) -> &'static str {
        let (fr, en) = match self {
            Self::InsuranceBrokerage => ("courtage en assurances", "insurance brokerage"),
            Self::Banking => ("banque et finance", "banking and finance"),
            Self::Industry => ("industrie", "industry"),
            Self::Retail => ("commerce", "retail and wholesale"),
            Self::Health => ("santé et action sociale", "health and social work"),
            Self::PublicSector => ("secteur public", "public sector"),
            Self::Construction => ("construction", "construction"),
            Self::Transport => ("transport et entreposage", "transport and storage"),
            Self::ItServices => ("informatique et services", "IT and services"),
            Self::Agriculture => ("agriculture", "agriculture"),
            Self::Education => ("enseignement", "education"),
            Self::Other => ("autre", "other"),
        };
        match language {
            Language::Fr => fr,
            Language::En => en,
        }
    }
}

closed_set! {
    /// What a site is to its account.
    SiteKind {
        /// The head office.
        HeadOffice = "HEAD_OFFICE",
        /// A branch.
        Branch = "BRANCH",
        /// Where invoices go.
        Billing = "BILLING",
        /// Where goods go.
        Delivery = "DELIVERY",
        /// Anything else.
        Other = "OTHER",
    }
}

closed_set! {
    /// By which way somebody is reached.
    ContactPointKind {
        /// An e-mail address.
        Email = "EMAIL",
        /// A fixed telephone.
        Phone = "PHONE",
        /// A mobile telephone.
        Mobile = "MOBILE",
        /// A fax.
        Fax = "FAX",
    }
}

closed_set! {
    /// How a contact is addressed.
    Salutation {
        /// "Madame".
        Ms = "MS",
        /// "Monsieur".
        Mr = "MR",
    }
}
