//! Look-ups of what the caller may read, and batched ones of years and pages of ledgers.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    budgets::{budget_year, envelope, goodwill},
    vocabulary::{EnvelopeId, GoodwillId},
};
use async_graphql::dataloader::Loader;
use sea_orm::DbErr;

use super::{
    goodwill::is_within,
    history::{self, LedgerPage, Window},
    store,
};
use crate::{
    authz::Permission,
    error::Result,
    loaders::{Loaders, Reader},
    op::Op,
};

/// An envelope by its key, where the caller may read it.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(op: &Op, loaders: &Loaders, id: EnvelopeId) -> Result<Option<envelope::Model>> {
    let reach = op.sees(Permission::ReadBudgets);
    if reach.is_empty() {
        return Ok(None);
    }
    Ok(loaders.find(id).await?.filter(|row| reach.covers(&store::place(row))))
}

/// A goodwill gesture by its key, where the caller may read it.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable_gesture(op: &Op, loaders: &Loaders, id: GoodwillId) -> Result<Option<goodwill::Model>> {
    let reach = op.sees(Permission::ReadGoodwill);
    if reach.is_empty() {
        return Ok(None);
    }
    Ok(loaders.find(id).await?.filter(|row| is_within(&reach, row)))
}

/// Asks for a budget year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct YearOf(pub i32);

impl Loader<YearOf> for Reader {
    type Value = budget_year::Model;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[YearOf]) -> Result<HashMap<YearOf, budget_year::Model>, Arc<DbErr>> {
        let years: Vec<i32> = keys.iter().map(|key| key.0).collect();
        let rows = store::years(&self.0.conn(), &years).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (YearOf(row.year), row)).collect())
    }
}

/// Asks for the management budget of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ManagementOf(pub i32);

impl Loader<ManagementOf> for Reader {
    type Value = envelope::Model;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[ManagementOf]) -> Result<HashMap<ManagementOf, envelope::Model>, Arc<DbErr>> {
        let years: Vec<i32> = keys.iter().map(|key| key.0).collect();
        let rows = store::management_of(&self.0.conn(), &years).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (ManagementOf(row.year), row)).collect())
    }
}

/// Asks for a page of an envelope's ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LedgerOf(pub EnvelopeId, pub Window);

impl Loader<LedgerOf> for Reader {
    type Value = LedgerPage;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[LedgerOf]) -> Result<HashMap<LedgerOf, LedgerPage>, Arc<DbErr>> {
        let mut windows: HashMap<&Window, Vec<EnvelopeId>> = HashMap::new();
        for LedgerOf(envelope, window) in keys {
            windows.entry(window).or_default().push(*envelope);
        }
        let mut found = HashMap::new();
        // One field of a query asks for one window: as many statements as fields, not as envelopes.
        for (window, envelopes) in windows {
            let pages = history::pages(&self.0.conn(), window, &envelopes).await.map_err(Arc::new)?;
            found.extend(pages.into_iter().map(|(envelope, page)| (LedgerOf(envelope, window.clone()), page)));
        }
        Ok(found)
    }
}
