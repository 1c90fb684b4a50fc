//! What can be asked about accounts and contacts.

use ::entity::vocabulary::{AccountId, ContactId};
use async_graphql::{Context, Object, Result};
use sea_orm::IntoSimpleExpr;

use super::{
    Readable,
    filter::{AccountFilter, AccountOrder, ContactFilter, ContactOrder},
    store,
    types::{Account, Contact},
};
use crate::{
    graphql::{
        connection::{Connection, Paging, page},
        filter,
        guard::requires,
        id::IdOf,
        payload::{Told, op},
        sorting::Sorting,
    },
    loaders::Loaders,
    op::Op,
};

/// Questions about accounts and contacts.
#[derive(Debug, Default)]
pub struct CrmQuery;

#[Object]
impl CrmQuery {
    /// The accounts that one may read.
    #[graphql(directive = requires::apply("readAccounts".into()))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones; all by default.")] filter: Option<AccountFilter>,
        #[graphql(desc = "In which order; by name by default.")] order_by: Option<Vec<AccountOrder>>,
    ) -> Result<Connection<Account>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        list(op, filter.as_ref(), &Sorting::new(order_by), &paging).await.told(op)
    }

    /// An account by its global id; none where there is none that one may read.
    #[graphql(directive = requires::apply("readAccounts".into()))]
    async fn account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the account.")] id: IdOf<AccountId>,
    ) -> Result<Option<Account>> {
        Ok(super::readable(op(ctx), Loaders::of(ctx), id.0).await.told(op(ctx))?.map(Account))
    }

    /// The contacts of the accounts that one may read.
    #[graphql(directive = requires::apply("readAccounts".into()))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones; all by default.")] filter: Option<ContactFilter>,
        #[graphql(desc = "In which order; by family name by default.")] order_by: Option<Vec<ContactOrder>>,
    ) -> Result<Connection<Contact>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        list_contacts(op, filter.as_ref(), &Sorting::new(order_by), &paging).await.told(op)
    }

    /// A contact by their global id; none where there is none that one may read.
    #[graphql(directive = requires::apply("readAccounts".into()))]
    async fn contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the contact.")] id: IdOf<ContactId>,
    ) -> Result<Option<Contact>> {
        Ok(super::readable_contact(op(ctx), Loaders::of(ctx), id.0).await.told(op(ctx))?.map(Contact))
    }
}

async fn list_contacts(
    op: &Op,
    filter: Option<&ContactFilter>,
    sorting: &Sorting<ContactOrder>,
    paging: &Paging,
) -> crate::error::Result<Connection<Contact>> {
    let contacts = store::readable_contacts(&Readable::by(op), filter::condition(filter)?);
    let keys = sorting.keys(::entity::crm::contact::Column::Id.into_simple_expr());
    Ok(page(&op.conn(), contacts, &keys, |row| sorting.values(row, row.id.0), paging).await?.into())
}

async fn list(
    op: &Op,
    filter: Option<&AccountFilter>,
    sorting: &Sorting<AccountOrder>,
    paging: &Paging,
) -> crate::error::Result<Connection<Account>> {
    let accounts = store::readable(&Readable::by(op), filter::condition(filter)?);
    let keys = sorting.keys(::entity::crm::account::Column::Id.into_simple_expr());
    Ok(page(&op.conn(), accounts, &keys, |row| sorting.values(row, row.id.0), paging).await?.into())
}
