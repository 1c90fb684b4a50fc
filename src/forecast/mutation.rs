//! What can be done to the forecast. Thin: decode, call, answer.

use ::entity::vocabulary::{DelegationId, Money, PersonId, Quarter, QuotaId, RegionId};
use async_graphql::{Context, InputObject, Object, OneofObject, Result, SimpleObject};

use super::{
    actions::{self, NewQuota},
    lookups,
    quotas::Unit,
    store,
    types::Quota,
};
use crate::{
    authz::Permission,
    error::Error,
    graphql::{
        call::CallInput,
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
    },
    op::Op,
};

mutations! {
    SetQuota: common + ["AMOUNT_INVALID", "NOT_A_DELEGATE"],
}

/// Whose quota; exactly one is named.
#[derive(Clone, Copy, Debug, OneofObject)]
pub enum QuotaHolderInput {
    /// A delegate.
    Person(IdOf<PersonId>),
    /// A delegation.
    Delegation(IdOf<DelegationId>),
    /// A region.
    Region(IdOf<RegionId>),
    /// The whole company; `true`, where it is named.
    Company(bool),
}

/// A quota that is set.
#[derive(Clone, Debug, InputObject)]
pub struct SetQuotaInput {
    /// Whose; `expectedVersion` is the version of this quota, and 0 where there is none yet.
    of: QuotaHolderInput,
    /// In which quarter.
    quarter: Quarter,
    /// How much; left out, the quota is taken back: a team's is then the sum of its people's.
    amount: Option<Money>,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// A quota after it was set; as it is now where that was refused.
#[derive(SimpleObject)]
pub struct SetQuotaPayload {
    /// The quota, as it is now.
    quota: Option<Quota>,
    /// Why nothing was changed.
    user_errors: Vec<UserError<SetQuota>>,
}

/// Changes to the forecast.
#[derive(Debug, Default)]
pub struct ForecastMutation;

#[Object]
impl ForecastMutation {
    /// Sets what a person or a team is to sign in a quarter (P-20).
    async fn set_quota(&self, ctx: &Context<'_>, input: SetQuotaInput) -> Result<SetQuotaPayload> {
        let op = op(ctx);
        let SetQuotaInput { of, quarter, amount, call } = input;
        let unit = match of {
            QuotaHolderInput::Person(person) => Unit::Owner(person.0),
            QuotaHolderInput::Delegation(delegation) => Unit::Delegation(delegation.0),
            QuotaHolderInput::Region(region) => Unit::Region(region.0),
            QuotaHolderInput::Company(true) => Unit::Company,
            QuotaHolderInput::Company(false) => {
                return Err(Error::bad_input(["input", "of", "company"], "true, or somebody else")).told(op);
            }
        };
        let done = actions::set_quota(op, &call.into(), &NewQuota { unit, quarter, amount }).await;
        let (made, user_errors) = answer(op, done)?;
        Ok(SetQuotaPayload { quota: quota(op, made.flatten(), unit, quarter).await.told(op)?, user_errors })
    }
}

/// The quota as it is now, where the caller may read it.
async fn quota(op: &Op, id: Option<QuotaId>, unit: Unit, quarter: Quarter) -> crate::error::Result<Option<Quota>> {
    let conn = op.conn();
    let found = match id {
        Some(id) => store::quotas_by_key(&conn, &[id]).await?,
        None => store::quota_of(&conn, quarter, unit).await?.into_iter().collect(),
    };
    Ok(lookups::within(&conn, &op.sees(Permission::ReadForecast), found).await?.pop().map(Quota))
}
