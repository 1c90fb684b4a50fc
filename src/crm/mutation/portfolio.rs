//! Whose portfolio accounts are in.

use std::collections::HashSet;

use ::entity::vocabulary::{AccountId, PersonId};
use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use futures_util::future::try_join_all;

use super::{accounts::account, points::optional};
use crate::{
    action::Call,
    crm::{
        actions::{self, Handover},
        types::Account,
    },
    error::{self, Error},
    graphql::{
        call::NewCallInput,
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
    },
};

mutations! {
    MovePortfolio: common + ["OWNER_INVALID"],
}

/// Most accounts to one request.
const MOST: usize = 100;
/// Longest reason.
const REASON: usize = 1_000;

/// Changes to portfolios.
#[derive(Debug, Default)]
pub struct PortfolioMutation;

/// Accounts that go to another delegate.
#[derive(InputObject)]
struct MovePortfolioInput {
    /// Which, 1 to 100, each once.
    accounts: Vec<AccountToMove>,
    /// Delegate into whose portfolio they go; their delegation looks after the accounts from then on.
    to: IdOf<PersonId>,
    /// Why.
    reason: Option<String>,
    /// How it is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

/// An account that goes to another delegate.
#[derive(InputObject)]
struct AccountToMove {
    /// Which.
    id: IdOf<AccountId>,
    /// The version that the caller saw; another one is a conflict.
    expected_version: Option<i64>,
}

impl MovePortfolioInput {
    fn read(self) -> error::Result<(Handover, Call)> {
        let Self { accounts, to, reason, call } = self;
        let each: HashSet<AccountId> = accounts.iter().map(|account| account.id.0).collect();
        if each.is_empty() || each.len() > MOST || each.len() < accounts.len() {
            return Err(Error::bad_input(["input", "accounts"], format!("1 to {MOST} accounts, each once")));
        }
        let accounts = accounts.into_iter().map(|account| (account.id.0, account.expected_version)).collect();
        Ok((Handover { accounts, to: to.0, reason: optional("reason", reason, REASON)? }, call.into()))
    }
}

/// The accounts as they are now, and why they were not moved.
#[derive(SimpleObject)]
struct MovePortfolioPayload {
    /// The accounts that the caller may read, in the order of the input.
    accounts: Vec<Account>,
    /// Why not.
    user_errors: Vec<UserError<MovePortfolio>>,
}

#[Object]
impl PortfolioMutation {
    /// Gives accounts to another delegate: all of them, or none.
    async fn move_portfolio(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and to whom.")] input: MovePortfolioInput,
    ) -> Result<MovePortfolioPayload> {
        let op = op(ctx);
        let (handover, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::move_portfolio(op, &call, &handover).await)?;
        let accounts = try_join_all(handover.accounts.iter().map(|(id, _)| account(ctx, *id))).await?;
        Ok(MovePortfolioPayload { accounts: accounts.into_iter().flatten().collect(), user_errors })
    }
}
