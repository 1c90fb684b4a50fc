//! The sales playbook: every number, list and day of the sales process that the business may change.

use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};

use super::{CommitteeFunction, ContractDocument, Deliverable, Money, OppyStage, SizeClass, Team};

/// The rules of the sales process, from a year on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Playbook {
    /// From this amount on a deal is middle (P-1).
    pub middle_from: Money,
    /// Above this amount a deal is large (P-1).
    pub large_above: Money,
    /// Days of the week for a restricted committee, 1 for Monday (P-11).
    pub restricted_days: Vec<u8>,
    /// Days of the week for an extended one.
    pub extended_days: Vec<u8>,
    /// Days of the week for an extended one where a holiday takes its own.
    pub extended_days_after_holiday: Vec<u8>,
    /// Whether every large deal needs the extended committee.
    pub large_needs_extended: bool,
    /// The functions without which a committee has no quorum.
    pub quorum: Vec<CommitteeFunction>,
    /// How many at least have to be there.
    pub quorum_people: i32,
    /// What each size class asks for.
    pub classes: Vec<ClassRules>,
    /// The reasons for which a deal may be stopped.
    pub reasons: Vec<StopReason>,
    /// Probabilities of the four open stages, in hundredths of a percent, until they are learned (P-21).
    pub probabilities: [i32; 4],
    /// From how many ended deals on probabilities are learned.
    pub learned_from: i64,
}

/// What a size class asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRules {
    /// Which.
    pub class: SizeClass,
    /// What its proposal consists of (P-12).
    pub deliverables: Vec<Deliverable>,
    /// Teams that always sign off (P-12).
    pub teams: Vec<Team>,
    /// The documents of its contract (P-14).
    pub documents: Vec<ContractDocument>,
    /// The discount up to which sales may agree, in hundredths of a percent (P-13).
    pub sales_discount: i32,
    /// The discount up to which the regional manager may agree, in hundredths of a percent (P-13).
    pub rr_discount: i32,
}

/// A reason for which a deal may be stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopReason {
    /// For which stop.
    pub stop: OppyStage,
    /// Its code.
    pub code: String,
    /// What people read, in French.
    pub label_fr: String,
    /// What people read, in English.
    pub label_en: String,
}
