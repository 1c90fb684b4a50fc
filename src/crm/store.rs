//! All SQL of the context.

use ::entity::{
    crm::{account, broker, contact, contact_link, contact_point, site},
    vocabulary::{AccountId, AccountKind, ContactId, ContactLinkId, SiteId},
};
use chrono::NaiveDate;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    sea_query::{Expr, Query},
};

use super::{Readable, rules::Point};
use crate::authz::Reach;

/// Accounts by key, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn accounts(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<Vec<account::Model>, DbErr> {
    account::Entity::find().filter(account::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// The broker parts of accounts; an account that is no broker has none.
///
/// # Errors
/// When the database cannot be read.
pub async fn brokers(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<Vec<broker::Model>, DbErr> {
    broker::Entity::find().filter(broker::Column::AccountId.is_in(ids.iter().copied())).all(conn).await
}

/// Sites by key, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn sites(conn: &impl ConnectionTrait, ids: &[SiteId]) -> Result<Vec<site::Model>, DbErr> {
    site::Entity::find().filter(site::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// The sites of accounts, in the order of their names.
///
/// # Errors
/// When the database cannot be read.
pub async fn sites_of(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<Vec<site::Model>, DbErr> {
    site::Entity::find()
        .filter(site::Column::AccountId.is_in(ids.iter().copied()))
        .order_by_asc(site::Column::Name)
        .order_by_asc(site::Column::Id)
        .all(conn)
        .await
}

/// The accounts that somebody may read, of those that a condition selects.
#[must_use]
pub fn readable(readable: &Readable, wanted: Condition) -> Select<account::Entity> {
    use account::Column::{DelegationId, Id, PortfolioOwnerId, RegionId};
    let Readable { accounts, brokers } = readable;
    let within = |reach: &Reach| reach.condition(PortfolioOwnerId, DelegationId, RegionId);
    let mut any = Condition::any().add(within(accounts));
    if !brokers.is_empty() && !accounts.all {
        let ids = Query::select().column(broker::Column::AccountId).from(broker::Entity).to_owned();
        any = any.add(within(brokers).add(Id.in_subquery(ids)));
    }
    account::Entity::find().filter(any).filter(wanted)
}

/// Contacts by key, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn contacts(conn: &impl ConnectionTrait, ids: &[ContactId]) -> Result<Vec<contact::Model>, DbErr> {
    contact::Entity::find().filter(contact::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// The places of contacts in accounts, present and past, in the order in which they came.
///
/// # Errors
/// When the database cannot be read.
pub async fn links_of_contacts(
    conn: &impl ConnectionTrait,
    ids: &[ContactId],
) -> Result<Vec<contact_link::Model>, DbErr> {
    contact_link::Entity::find()
        .filter(contact_link::Column::ContactId.is_in(ids.iter().copied()))
        .order_by_asc(contact_link::Column::Id)
        .all(conn)
        .await
}

/// The places of contacts in some accounts, present and past: the first contact first, then in the order in
/// which they came.
///
/// # Errors
/// When the database cannot be read.
pub async fn links_of_accounts(
    conn: &impl ConnectionTrait,
    ids: &[AccountId],
) -> Result<Vec<contact_link::Model>, DbErr> {
    contact_link::Entity::find()
        .filter(contact_link::Column::AccountId.is_in(ids.iter().copied()))
        .order_by_desc(contact_link::Column::IsPrimary)
        .order_by_asc(contact_link::Column::Id)
        .all(conn)
        .await
}

/// The addresses and numbers of accounts, the first of each kind before the others.
pub(super) async fn points_of_accounts(
    conn: &impl ConnectionTrait,
    ids: &[AccountId],
) -> Result<Vec<contact_point::Model>, DbErr> {
    points(conn, contact_point::Column::AccountId.is_in(ids.iter().copied())).await
}

/// The addresses and numbers of contacts, the first of each kind before the others.
pub(super) async fn points_of_contacts(
    conn: &impl ConnectionTrait,
    ids: &[ContactId],
) -> Result<Vec<contact_point::Model>, DbErr> {
    points(conn, contact_point::Column::ContactId.is_in(ids.iter().copied())).await
}

async fn points(
    conn: &impl ConnectionTrait,
    whose: sea_orm::sea_query::SimpleExpr,
) -> Result<Vec<contact_point::Model>, DbErr> {
    contact_point::Entity::find()
        .filter(whose)
        .order_by_asc(contact_point::Column::Kind)
        .order_by_desc(contact_point::Column::IsPrimary)
        .order_by_asc(contact_point::Column::Id)
        .all(conn)
        .await
}

/// The contacts of accounts that somebody may read, of those that a condition selects. Who was at such an
/// account once remains among them.
#[must_use]
pub fn readable_contacts(may_read: &Readable, wanted: Condition) -> Select<contact::Entity> {
    let contacts = contact::Entity::find().filter(wanted);
    if may_read.accounts.all {
        return contacts;
    }
    let accounts = readable(may_read, Condition::all()).select_only().column(account::Column::Id).into_query();
    let theirs = Query::select()
        .column(contact_link::Column::ContactId)
        .from(contact_link::Entity)
        .and_where(contact_link::Column::AccountId.in_subquery(accounts))
        .to_owned();
    contacts.filter(contact::Column::Id.in_subquery(theirs))
}

/// Accounts by key, in the order of their keys, held until the transaction ends.
pub(super) async fn accounts_held(
    conn: &impl ConnectionTrait,
    ids: &[AccountId],
) -> Result<Vec<account::Model>, DbErr> {
    account::Entity::find()
        .filter(account::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(account::Column::Id)
        .lock_exclusive()
        .all(conn)
        .await
}

/// A contact by key, held until the transaction ends.
pub(super) async fn contact_held(conn: &impl ConnectionTrait, id: ContactId) -> Result<Option<contact::Model>, DbErr> {
    contact::Entity::find_by_id(id).lock_exclusive().one(conn).await
}

/// The company that has a SIREN number and is dealt with.
pub(super) async fn company_of(conn: &impl ConnectionTrait, siren: &str) -> Result<Option<account::Model>, DbErr> {
    account::Entity::find()
        .filter(account::Column::Siren.eq(siren))
        .filter(account::Column::Active.eq(true))
        .filter(account::Column::Kind.eq(AccountKind::Company))
        .one(conn)
        .await
}

/// The site that has a SIRET number and is still there.
pub(super) async fn site_of(conn: &impl ConnectionTrait, siret: &str) -> Result<Option<site::Model>, DbErr> {
    site::Entity::find().filter(site::Column::Siret.eq(siret)).filter(site::Column::Active.eq(true)).one(conn).await
}

/// The broker that has an ORIAS number.
pub(super) async fn broker_of(conn: &impl ConnectionTrait, orias: &str) -> Result<Option<broker::Model>, DbErr> {
    broker::Entity::find().filter(broker::Column::Orias.eq(orias)).one(conn).await
}

/// Adds an account, under the code that its key gives, or the next one that nobody has.
pub(super) async fn insert_account(conn: &impl ConnectionTrait, row: account::ActiveModel) -> Result<AccountId, DbErr> {
    let id = account::Entity::insert(row).exec(conn).await?.last_insert_id;
    let mut number = id.0;
    loop {
        let code = format!("CLI-{number:06}");
        let taken = account::Entity::find().filter(account::Column::Code.eq(code.as_str())).one(conn).await?;
        if taken.is_some() {
            number += 1;
            continue;
        }
        account::Entity::update_many()
            .col_expr(account::Column::Code, Expr::value(code))
            .filter(account::Column::Id.eq(id))
            .exec(conn)
            .await?;
        return Ok(id);
    }
}

/// Adds a site.
pub(super) async fn insert_site(conn: &impl ConnectionTrait, row: site::ActiveModel) -> Result<SiteId, DbErr> {
    Ok(site::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Adds a contact.
pub(super) async fn insert_contact(conn: &impl ConnectionTrait, row: contact::ActiveModel) -> Result<ContactId, DbErr> {
    Ok(contact::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Gives a contact a place in an account; where it is to be the first one, nobody else there is.
pub(super) async fn insert_link(conn: &impl ConnectionTrait, row: contact_link::Model) -> Result<(), DbErr> {
    if row.is_primary {
        contact_link::Entity::update_many()
            .col_expr(contact_link::Column::IsPrimary, Expr::value(false))
            .filter(contact_link::Column::AccountId.eq(row.account_id))
            .filter(contact_link::Column::IsPrimary.eq(true))
            .exec(conn)
            .await?;
    }
    let mut row = row.into_active_model().reset_all();
    row.id = NotSet;
    contact_link::Entity::insert(row).exec_without_returning(conn).await.map(drop)
}

/// Ends a contact's place in an account.
pub(super) async fn end_link(conn: &impl ConnectionTrait, id: ContactLinkId, until: NaiveDate) -> Result<(), DbErr> {
    contact_link::Entity::update_many()
        .col_expr(contact_link::Column::Until, Expr::value(until))
        .col_expr(contact_link::Column::IsPrimary, Expr::value(false))
        .filter(contact_link::Column::Id.eq(id))
        .exec(conn)
        .await
        .map(drop)
}

/// Gives an account or a contact exactly these addresses and numbers.
pub(super) async fn set_points(conn: &impl ConnectionTrait, owner: Owner, points: &[Point]) -> Result<(), DbErr> {
    let (account, contact) = match owner {
        Owner::Account(id) => (Some(id), None),
        Owner::Contact(id) => (None, Some(id)),
    };
    let theirs = match owner {
        Owner::Account(id) => contact_point::Column::AccountId.eq(id),
        Owner::Contact(id) => contact_point::Column::ContactId.eq(id),
    };
    contact_point::Entity::delete_many().filter(theirs).exec(conn).await?;
    if points.is_empty() {
        return Ok(());
    }
    let rows = points.iter().map(|Point { kind, value, label, primary }| contact_point::ActiveModel {
        id: NotSet,
        account_id: Set(account),
        contact_id: Set(contact),
        kind: Set(*kind),
        value: Set(value.clone()),
        label: Set(label.clone()),
        is_primary: Set(*primary),
    });
    contact_point::Entity::insert_many(rows).exec_without_returning(conn).await.map(drop)
}

/// Whose addresses and numbers are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// An account's.
    Account(AccountId),
    /// A contact's.
    Contact(ContactId),
}

/// Writes what an account has more as a broker, new or not.
pub(super) async fn write_broker(conn: &impl ConnectionTrait, row: broker::Model, is_new: bool) -> Result<(), DbErr> {
    let account = row.account_id;
    let row = row.into_active_model().reset_all();
    if is_new {
        return broker::Entity::insert(row).exec_without_returning(conn).await.map(drop);
    }
    broker::Entity::update_many().set(row).filter(broker::Column::AccountId.eq(account)).exec(conn).await.map(drop)
}

/// Functions that write a row as it is to be, one version on, and tell whether it still was at its version.
macro_rules! updates {
    ($($(#[$doc:meta])* $name:ident => $module:ident);+ $(;)?) => {$(
        $(#[$doc])*
        pub(super) async fn $name(conn: &impl ConnectionTrait, row: $module::Model) -> Result<bool, DbErr> {
            let (id, version) = (row.id, row.version);
            let mut changed = $module::Model { version: version + 1, ..row }.into_active_model().reset_all();
            changed.id = NotSet;
            let written = $module::Entity::update_many()
                .set(changed)
                .filter($module::Column::Id.eq(id))
                .filter($module::Column::Version.eq(version))
                .exec(conn)
                .await?;
            Ok(written.rows_affected == 1)
        }
    )+};
}

updates! {
    /// Writes an account's row as it is to be, one version on; whether it still was at its version.
    update_account => account;
    /// Writes a site's row as it is to be, one version on; whether it still was at its version.
    update_site => site;
    /// Writes a contact's row as it is to be, one version on; whether it still was at its version.
    update_contact => contact;
}
