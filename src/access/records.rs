//! How many records somebody reads, by the statements behind the lists.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    budgets::{envelope, goodwill},
    crm::{account, contact},
    identity::person,
    orders::order,
    sales::opportunity,
};
use async_graphql::{Enum, dataloader::Loader};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QuerySelect, QueryTrait, Select,
};

use crate::{
    authz::{Caller, Permission, Reach},
    budgets, crm, identity,
    loaders::Reader,
    opportunities, orders,
};

/// A kind of records that are listed by who may read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum RecordKind {
    /// Marketing-action orders.
    Orders,
    /// Deals.
    Opportunities,
    /// Accounts, brokers among them.
    Accounts,
    /// Contacts at accounts.
    Contacts,
    /// Budget envelopes, of all years.
    Envelopes,
    /// Goodwill gestures.
    GoodwillGestures,
    /// People with their roles and settings.
    Users,
}

impl RecordKind {
    /// Every kind.
    pub(super) const ALL: [Self; 7] = [
        Self::Orders,
        Self::Opportunities,
        Self::Accounts,
        Self::Contacts,
        Self::Envelopes,
        Self::GoodwillGestures,
        Self::Users,
    ];

    /// The permissions by which its records are read; where there are two, the second reaches the brokers.
    const fn readers(self) -> &'static [Permission] {
        match self {
            Self::Orders => &[Permission::ReadOrders],
            Self::Opportunities => &[Permission::ReadOpportunities],
            Self::Accounts | Self::Contacts => &[Permission::ReadAccounts, Permission::ReadBrokers],
            Self::Envelopes => &[Permission::ReadBudgets],
            Self::GoodwillGestures => &[Permission::ReadGoodwill],
            Self::Users => &[Permission::ReadUsers],
        }
    }

    /// How far somebody reads.
    fn reaches(self, caller: &Caller) -> Vec<Reach> {
        self.readers().iter().map(|permission| caller.sees(*permission)).collect()
    }
}

/// Asks how many records come and go where one reads no longer as before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Counted {
    pub kind: RecordKind,
    before: Vec<Reach>,
    after: Vec<Reach>,
}

impl Counted {
    /// The kinds of which somebody would not read the same any more.
    pub(super) fn all(before: &Caller, after: &Caller) -> impl Iterator<Item = Self> {
        let of = |kind: RecordKind| Self { kind, before: kind.reaches(before), after: kind.reaches(after) };
        RecordKind::ALL.map(of).into_iter().filter(|asked| asked.before != asked.after)
    }
}

/// How many records somebody reads, and would read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub before: u64,
    pub gained: u64,
    pub lost: u64,
}

impl Loader<Counted> for Reader {
    type Value = Counts;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[Counted]) -> Result<HashMap<Counted, Counts>, Arc<DbErr>> {
        let conn = self.0.conn();
        let mut found = HashMap::new();
        for asked in keys {
            found.insert(asked.clone(), count(&conn, asked).await.map_err(Arc::new)?);
        }
        Ok(found)
    }
}

async fn count(conn: &impl ConnectionTrait, asked: &Counted) -> Result<Counts, DbErr> {
    use RecordKind as K;
    let both = [&asked.before, &asked.after];
    let first = both.map(|reaches| reaches.first().cloned().unwrap_or_default());
    let [old, new] = &first;
    match asked.kind {
        K::Orders => {
            let within = |reach: &Reach| order::Entity::find().filter(orders::store::within(reach));
            counts(conn, order::Column::Id, within(old), within(new)).await
        }
        K::Opportunities => {
            let within = |reach: &Reach| opportunity::Entity::find().filter(opportunities::store::within(reach));
            counts(conn, opportunity::Column::Id, within(old), within(new)).await
        }
        K::Accounts => {
            let [old, new] = both.map(|reaches| crm::store::readable(&accounts(reaches), Condition::all()));
            counts(conn, account::Column::Id, old, new).await
        }
        K::Contacts => {
            let [old, new] = both.map(|reaches| crm::store::readable_contacts(&accounts(reaches), Condition::all()));
            counts(conn, contact::Column::Id, old, new).await
        }
        K::Envelopes => {
            let within = budgets::store::every_envelope_within;
            counts(conn, envelope::Column::Id, within(old), within(new)).await
        }
        K::GoodwillGestures => {
            let within = budgets::store::gestures_within;
            counts(conn, goodwill::Column::Id, within(old), within(new)).await
        }
        K::Users => {
            let within = identity::store::people_within;
            counts(conn, person::Column::Id, within(old), within(new)).await
        }
    }
}

fn accounts(reaches: &[Reach]) -> crm::Readable {
    let at = |place: usize| reaches.get(place).cloned().unwrap_or_default();
    crm::Readable { accounts: at(0), brokers: at(1) }
}

/// What is in one list, and what is in either and not in the other.
async fn counts<E>(
    conn: &impl ConnectionTrait,
    key: E::Column,
    before: Select<E>,
    after: Select<E>,
) -> Result<Counts, DbErr>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Sized + Send + Sync,
{
    let beyond = |these: &Select<E>, others: &Select<E>| {
        let theirs = others.clone().select_only().column(key).into_query();
        these.clone().filter(key.not_in_subquery(theirs))
    };
    Ok(Counts {
        gained: beyond(&after, &before).count(conn).await?,
        lost: beyond(&before, &after).count(conn).await?,
        before: before.count(conn).await?,
    })
}
