//! The demonstration network: made from a seed, believable, the same every time on the same day.
//!
//! ```text
//! Scale ─▶ Network (people, brokers) ─▶ Simulation ──rows──▶ load ─▶ database
//!                                          │ every step asks orders::workflow and orders::rules,
//!                                          │ every cent moves as budgets::Posting
//!                                          └ deals: every step asks opportunities::workflow
//! ```
//! Nothing here knows how an order may look in a status: orders are made by taking them through the
//! workflow, in the order of time, with the rules of the mutations.

use std::str::FromStr;

use ::entity::{identity::person, vocabulary::Money};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    app::App,
    error::{Error, Result},
    identity::passwords,
};

mod books;
mod bulk;
mod catalogue;
mod clients;
mod communes;
mod content;
mod deals;
mod dice;
mod files;
mod goodwill;
mod journal;
mod journey;
mod load;
mod names;
mod network;
mod numbers;
mod reset;
mod results;
mod schedule;
mod showcase;
mod simulation;
mod world;

pub use reset::remove;

/// Password of every demonstration account, in demo mode only.
pub const PASSWORD: &str = "sesame-demo";

/// An account to try Sésame with.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// What one signs in with.
    pub email: &'static str,
    /// Who it is.
    pub label: &'static str,
    /// Code of its role.
    pub role: &'static str,
}

/// The accounts to try Sésame with.
pub const ACCOUNTS: &[Account] = &[
    Account { email: "delegate@demo.example", label: "Délégué", role: "DELEGATE" },
    Account { email: "delegate2@demo.example", label: "Délégué, même délégation", role: "DELEGATE" },
    Account { email: "delegate3@demo.example", label: "Délégué, autre région", role: "DELEGATE" },
    Account { email: "assistant@demo.example", label: "Assistante commerciale", role: "ASSISTANT" },
    Account { email: "rr@demo.example", label: "Responsable régionale", role: "RR" },
    Account { email: "rr2@demo.example", label: "Responsable régional, autre région", role: "RR" },
    Account { email: "pdv@demo.example", label: "Promotion des ventes", role: "PDV" },
    Account { email: "sales-admin@demo.example", label: "Administration des ventes", role: "SALES_ADMIN" },
    Account { email: "director@demo.example", label: "Direction commerciale", role: "DIRECTOR" },
    Account { email: "engagement@demo.example", label: "Responsable d'engagement", role: "ENGAGEMENT_MANAGER" },
    Account { email: "platform-admin@demo.example", label: "Administration de la plateforme", role: "PLATFORM_ADMIN" },
];

/// How large the demonstration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 60 orders and as many deals of eight delegates: for tests.
    Test,
    /// 200 orders and three thousand deals of forty delegates, a few thousand brokers.
    Small,
    /// 20 000 orders of the same.
    Medium,
    /// A million orders and twenty thousand deals of four hundred delegates.
    Large,
    /// So many orders.
    Orders(u32),
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "small" => Ok(Self::Small),
            "medium" => Ok(Self::Medium),
            "large" => Ok(Self::Large),
            _ => match text.parse() {
                Ok(orders @ 60..=10_000_000) => Ok(Self::Orders(orders)),
                Ok(_) | Err(_) => Err("small, medium, large, or a number of orders from 60 on".to_owned()),
            },
        }
    }
}

/// What a size means.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Orders, about.
    orders: u64,
    /// Deals, about.
    deals: usize,
    /// Delegations of a region.
    delegations: usize,
    /// Delegates of a delegation.
    delegates: usize,
    /// Brokers in a portfolio, at least and at most.
    brokers: (i64, i64),
    /// Other companies in it, at least and at most.
    clients: (i64, i64),
    /// How much busier the last weeks were, so that there is something to do where orders are few.
    recent: u64,
    /// How much more those whom one can sign in as order.
    favour: u32,
    /// Least that a delegate is allocated.
    least_budget: Money,
}

impl Size {
    const fn scale(self) -> Scale {
        let usual = Scale {
            orders: 200,
            deals: 3_000,
            delegations: 4,
            delegates: 5,
            brokers: (50, 100),
            clients: (6, 10),
            recent: 4,
            favour: 3,
            least_budget: Money::euros(9_000),
        };
        match self {
            Self::Test => Scale {
                orders: 60,
                deals: 60,
                delegations: 2,
                delegates: 2,
                brokers: (8, 12),
                clients: (4, 5),
                ..usual
            },
            Self::Small => usual,
            Self::Medium => Self::Orders(20_000).scale(),
            Self::Large => Self::Orders(1_000_000).scale(),
            Self::Orders(orders) => {
                let busy = if orders < 2_000 { (4, 3) } else { (1, 1) };
                let (delegations, delegates) = if orders < 200_000 { (4, 5) } else { (20, 10) };
                let deals = match orders {
                    0..200 => orders as usize,
                    200..200_000 => 3_000,
                    _ => 20_000,
                };
                let (recent, favour) = busy;
                Scale { orders: orders as u64, deals, delegations, delegates, recent, favour, ..usual }
            }
        }
    }
}

/// What a database holds, as far as the demonstration is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Nobody yet.
    Nothing,
    /// The demonstration.
    Demonstration,
    /// A demonstration whose loading was interrupted.
    Unfinished,
    /// Somebody's own data.
    Other,
}

/// What the database holds.
///
/// # Errors
/// When the database cannot be read.
pub async fn contents(conn: &impl sea_orm::ConnectionTrait) -> Result<Contents, sea_orm::DbErr> {
    let last = ACCOUNTS.last().map(|account| account.email).unwrap_or_default();
    let found = person::Entity::find().filter(person::Column::Email.eq(last)).one(conn).await?;
    Ok(match found {
        // The password is the last thing that is written.
        Some(person) if person.password_hash.is_none() => Contents::Unfinished,
        Some(_) => Contents::Demonstration,
        None if person::Entity::find().one(conn).await?.is_none() => Contents::Nothing,
        None => Contents::Other,
    })
}

/// Makes the demonstration in an empty database, on the day that the clock shows. The history ends at
/// the last midnight, so that the same day gives the same data. `progress` is told how many orders of
/// how many there are.
///
/// # Errors
/// When the database already holds something, or it or the object store cannot be written.
pub async fn load(app: &App, size: Size, progress: impl Fn(u64, u64)) -> Result<()> {
    if contents(app.database.reader()).await? != Contents::Nothing {
        return Err(Error::defect("the database already holds something: a demonstration needs an empty one"));
    }
    put_files(app).await?;
    let password = passwords::hash(PASSWORD).map_err(|error| Error::Internal(error.into()))?;
    let simulation = simulation::Simulation::new(size.scale(), app.clock.today(), app.policy().version);
    load::load(app, simulation, &password, progress).await?;
    app.directory.forget();
    Ok(())
}

/// Puts the demonstration's supporting documents into the object store: for a copy of its database
/// beside another object store.
///
/// # Errors
/// When the object store cannot be written.
pub async fn put_files(app: &App) -> Result<()> {
    files::DOCUMENTS.put(app.files.as_ref()).await
}
