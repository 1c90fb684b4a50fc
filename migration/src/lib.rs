//! The steps that make Sésame's schema, one per file, each for SQLite and PostgreSQL alike.
//!
//! A step is written as SQL with a few placeholders for what the two databases spell differently
//! (see [`dialect`]), and is never changed once released: entities move on, steps stand still.

#![forbid(unsafe_code)]

pub use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

mod dialect;
mod m0001_identity;
mod m0002_crm_and_catalog;
mod m0003_budgets;
mod m0004_orders;
mod m0005_work_and_events;
mod m0006_involved_and_kept;
mod m0007_seal;
mod m0008_decision;
mod m0009_number_series;
mod m0010_crm;
mod m0011_opportunities;
mod m0012_forecast;
mod m0013_grants;
mod m0014_policy_history;
mod m0015_sign_in;
mod m0016_http_limits;
mod m0017_webhooks;
mod m0018_audit;
mod m0019_running;

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_identity::Migration),
            Box::new(m0002_crm_and_catalog::Migration),
            Box::new(m0003_budgets::Migration),
            Box::new(m0004_orders::Migration),
            Box::new(m0005_work_and_events::Migration),
            Box::new(m0006_involved_and_kept::Migration),
            Box::new(m0007_seal::Migration),
            Box::new(m0008_decision::Migration),
            Box::new(m0009_number_series::Migration),
            Box::new(m0010_crm::Migration),
            Box::new(m0011_opportunities::Migration),
            Box::new(m0012_forecast::Migration),
            Box::new(m0013_grants::Migration),
            Box::new(m0014_policy_history::Migration),
            Box::new(m0015_sign_in::Migration),
            Box::new(m0016_http_limits::Migration),
            Box::new(m0017_webhooks::Migration),
            Box::new(m0018_audit::Migration),
            Box::new(m0019_running::Migration),
        ]
    }
}
