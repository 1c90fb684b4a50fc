//! Closed sets and small documents of the webhooks.

use std::fmt;

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use sea_orm::{DeriveActiveEnum, EnumIter, FromJsonQueryResult};
use serde::{Deserialize, Serialize};

use super::sets::closed_set;

closed_set! {
    /// Whether a webhook is told of events, or why not.
    WebhookStatus {
        /// It is told.
        Active = "ACTIVE",
        /// Somebody switched it off: what happens meanwhile it is not told of, unless it is replayed.
        Disabled = "DISABLED",
        /// It only failed for too long: it waits for somebody to enable it, and is then told of everything.
        PausedFailing = "PAUSED_FAILING",
        /// Its query is no longer valid with the rights that it runs with: it goes on by itself once it is.
        PausedInvalid = "PAUSED_INVALID",
        /// The person whose rights it runs with cannot sign in any more: it goes on by itself once they can.
        PausedNobody = "PAUSED_NOBODY",
    }
}

impl WebhookStatus {
    /// Whether it goes on by itself once nothing is in the way.
    #[must_use]
    pub const fn waits(self) -> bool {
        matches!(self, Self::PausedInvalid | Self::PausedNobody)
    }
}

closed_set! {
    /// Where a delivery stands.
    DeliveryState {
        /// It waits for its next attempt.
        Pending = "PENDING",
        /// The receiver took it.
        Delivered = "DELIVERED",
        /// Every attempt failed.
        Dead = "DEAD",
        /// The person whose rights the webhook runs with may not read the event's object.
        Withheld = "WITHHELD",
    }
}

closed_set! {
    /// How an attempt at a delivery went.
    AttemptOutcome {
        /// The receiver took it.
        Accepted = "ACCEPTED",
        /// The receiver answered with another status than 2xx.
        Rejected = "REJECTED",
        /// The receiver did not answer in time.
        TimedOut = "TIMED_OUT",
        /// There was no connection to the receiver, or it broke.
        Unreachable = "UNREACHABLE",
        /// The receiver's address is one to which nothing is sent.
        AddressRefused = "ADDRESS_REFUSED",
        /// What is to be sent could not be read.
        NotRead = "NOT_READ",
    }
}

/// Kinds of events: each exactly, a family such as `order.*`, or all with `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct EventPatterns(pub Vec<String>);

/// Headers that are sent along. Their values may be secrets: they are never printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Headers(pub Vec<(String, String)>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When.
    pub at: DateTime<Utc>,
    /// How it went.
    pub outcome: AttemptOutcome,
    /// The answer's status, where there was an answer.
    pub status: Option<u16>,
    /// How long it took.
    pub milliseconds: i64,
}

/// The attempts at a delivery, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct DeliveryAttempts(pub Vec<DeliveryAttempt>);
