//! The playbook of the sales process: every number, list and day of P-1 to P-24 that the business may change,
//! kept per year. The rules of a year hold until a later one has its own.

mod actions;
mod mutation;
mod query;
mod types;

pub use mutation::PlaybookMutation;
pub use query::PlaybookQuery;

use ::entity::{
    sales::playbook,
    vocabulary::{
        ClassRules, CommitteeFunction, ContractDocument, Deliverable, Money, OppyStage, Playbook, SizeClass, StopReason,
    },
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict,
};

use crate::error::{Error, Result};

/// The year from which the shipped rules hold.
const BEGINNING: i32 = 2000;

/// The rules that hold on a day.
///
/// # Errors
/// When the database cannot be read, or there are none, which is a defect.
pub async fn in_force(conn: &impl ConnectionTrait, day: NaiveDate) -> Result<Playbook> {
    Ok(of_year(conn, day.year()).await?.rules)
}

/// The rules of a year, with the year from which they hold.
///
/// # Errors
/// When the database cannot be read, or there are none, which is a defect.
pub async fn of_year(conn: &impl ConnectionTrait, year: i32) -> Result<playbook::Model> {
    playbook::Entity::find()
        .filter(playbook::Column::Year.lte(year.max(BEGINNING)))
        .order_by_desc(playbook::Column::Year)
        .one(conn)
        .await?
        .ok_or_else(|| Error::defect("there is no playbook"))
}

/// Writes the shipped rules, where there are none yet.
///
/// # Errors
/// When the database cannot be written.
pub async fn install(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let row = playbook::ActiveModel { year: Set(BEGINNING), rules: Set(shipped()), version: Set(1) };
    playbook::Entity::insert(row)
        .on_conflict(OnConflict::column(playbook::Column::Year).do_nothing().to_owned())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// The rules that Sésame ships with.
#[must_use]
pub fn shipped() -> Playbook {
    use CommitteeFunction::{Engagement, Presales, Sales};
    Playbook {
        middle_from: Money::euros(50_000),
        large_above: Money::euros(250_000),
        restricted_days: vec![2, 3, 4],
        extended_days: vec![1],
        extended_days_after_holiday: vec![2],
        large_needs_extended: true,
        quorum: vec![Sales, Presales, Engagement],
        quorum_people: 3,
        classes: SizeClass::ALL.iter().copied().map(class_rules).collect(),
        reasons: reasons(),
        probabilities: [1_000, 2_500, 5_000, 7_500],
        learned_from: 50,
    }
}

fn class_rules(class: SizeClass) -> ClassRules {
    use ContractDocument::{
        BankDetails, DataProtectionAnnex, FinancialAnnex, OrderForm, RegisterExtract, ServiceLevelAgreement,
        SignatoryPower, SignedContract, TechnicalAnnex,
    };
    let documents = match class {
        SizeClass::Small => vec![SignedContract, OrderForm],
        SizeClass::Middle => vec![SignedContract, OrderForm, FinancialAnnex, DataProtectionAnnex, BankDetails],
        SizeClass::Large => vec![
            SignedContract,
            OrderForm,
            FinancialAnnex,
            TechnicalAnnex,
            DataProtectionAnnex,
            ServiceLevelAgreement,
            RegisterExtract,
            BankDetails,
            SignatoryPower,
        ],
    };
    ClassRules {
        class,
        deliverables: Deliverable::ALL.to_vec(),
        teams: Vec::new(),
        documents,
        sales_discount: 500,
        rr_discount: 1_500,
    }
}

fn reasons() -> Vec<StopReason> {
    use OppyStage::{Dismissed, Lost, NoGo, OnHold};
    let reason = |(stop, code, fr, en): (OppyStage, &str, &str, &str)| StopReason {
        stop,
        code: code.to_owned(),
        label_fr: fr.to_owned(),
        label_en: en.to_owned(),
    };
    [
        (NoGo, "NOT_PROFITABLE", "affaire non rentable", "not profitable"),
        (NoGo, "NO_CAPACITY", "pas de ressources pour répondre", "no capacity to answer"),
        (NoGo, "OUT_OF_OFFER", "besoin hors de l'offre", "need outside of the offer"),
        (NoGo, "TOO_RISKY", "risque trop élevé", "too risky"),
        (OnHold, "BUDGET_FROZEN", "budget du client gelé", "client's budget frozen"),
        (OnHold, "PROJECT_POSTPONED", "projet reporté par le client", "project postponed by the client"),
        (OnHold, "WAITING_FOR_CLIENT", "en attente du client", "waiting for the client"),
        (Lost, "PRICE", "prix", "price"),
        (Lost, "COMPETITOR", "offre d'un concurrent préférée", "a competitor's offer was preferred"),
        (Lost, "FUNCTIONAL_GAP", "fonction manquante", "missing function"),
        (Lost, "ABANDONED", "projet abandonné par le client", "project given up by the client"),
        (Lost, "FELL_THROUGH", "affaire gagnée qui n'aboutit pas", "a won deal that fell through"),
        (Dismissed, "DUPLICATE", "doublon", "duplicate"),
        (Dismissed, "ERROR", "saisie par erreur", "entered by mistake"),
    ]
    .map(reason)
    .to_vec()
}

/// What the playbook asks of a size class; the most that any class asks for where it is silent about one.
#[must_use]
pub fn rules_of(playbook: &Playbook, class: SizeClass) -> ClassRules {
    playbook.classes.iter().find(|rules| rules.class == class).cloned().unwrap_or_else(|| class_rules(class))
}
