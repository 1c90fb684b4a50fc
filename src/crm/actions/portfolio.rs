//! Whose portfolio accounts are in.

use ::entity::{
    crm::account,
    vocabulary::{AccountId, DelegationId, PersonId},
};
use serde::Serialize;

use super::{about_account, keeper, reaches, request};
use crate::{
    action::{Call, perform},
    authz::Permission,
    crm::{error::Refusal, may_read, place, store},
    db::Conn,
    error::Error,
    identity::Delegate,
    op::Op,
    outbox::{self, Event},
    refusal::Done,
    version,
};

/// Accounts that go to another delegate.
#[derive(Clone, Debug)]
pub struct Handover {
    /// Which, each once, with the version that the caller saw.
    pub accounts: Vec<(AccountId, Option<i64>)>,
    /// To whom.
    pub to: PersonId,
    /// Why.
    pub reason: Option<String>,
}

/// Who looks after an account, as its timeline tells it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Keeping {
    portfolio_owner: Option<PersonId>,
    delegation: DelegationId,
}

/// Gives accounts to another delegate, whose delegation and region they take over: all of them, or none.
///
/// # Errors
/// A refusal where the other keeps no portfolio, or an account changed since the caller saw it.
pub async fn move_portfolio(op: &Op, call: &Call, handover: &Handover) -> Done<(), Refusal> {
    let request = request("movePortfolio", call, handover);
    perform(op, &request, |tx| async move {
        let ids: Vec<AccountId> = handover.accounts.iter().map(|(id, _)| *id).collect();
        let accounts = store::accounts_held(&tx, &ids).await?;
        if accounts.len() < ids.len() {
            return Err(Error::NotFound.into());
        }
        for account in &accounts {
            if !may_read(op, &tx, call.name(), account).await? {
                return Err(Error::NotFound.into());
            }
        }
        for account in &accounts {
            reaches(op, call, Permission::MovePortfolio, &place(account))?;
        }
        let to = keeper(op, &tx, call, Permission::MovePortfolio, ("to", handover.to)).await?;
        for account in accounts {
            let seen = handover.accounts.iter().find(|(id, _)| *id == account.id).and_then(|(_, version)| *version);
            let seen = Call { expected_version: seen, ..call.clone() };
            version::check(&tx, &seen, Some(about_account(account.id)), account.version).await?;
            hand_over(op, &tx, call, handover, account, &to).await?;
        }
        Ok(())
    })
    .await
}

/// Writes who looks after an account from now on; one that they look after already stays as it is.
async fn hand_over(
    op: &Op,
    tx: &Conn,
    call: &Call,
    handover: &Handover,
    account: account::Model,
    to: &Delegate,
) -> Done<(), Refusal> {
    let (id, version) = (account.id, account.version);
    let before = Keeping { portfolio_owner: account.portfolio_owner_id, delegation: account.delegation_id };
    let after = Keeping { portfolio_owner: Some(to.id), delegation: to.delegation };
    if before.portfolio_owner == after.portfolio_owner && before.delegation == after.delegation {
        return Ok(());
    }
    let row = account::Model {
        portfolio_owner_id: Some(to.id),
        delegation_id: to.delegation,
        region_id: to.region,
        ..account
    };
    if !store::update_account(tx, row).await? {
        return version::overtaken(tx, Some(about_account(id)), version, version + 1).await;
    }
    let mut event = Event::new("account.moved", about_account(id)).with_difference(&before, &after)?;
    event.reason.clone_from(&handover.reason);
    outbox::record(op, tx, call, event).await?;
    Ok(())
}
