//! Naming a deputy, and ending the mandate.

use ::entity::vocabulary::{Day, DeputyId, PersonId};
use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use crate::{
    graphql::{
        call::{CallInput, NewCallInput},
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
    },
    identity::{actions, query, rules::Asked, types::Deputy},
};

mutations! {
    NameDeputy: [
        "PERIOD_INVALID", "DEPUTY_INVALID", "MANDATE_OVERLAPS", "WRONG_STATUS", "NOT_DEPUTY", "IDEMPOTENCY_MISMATCH",
    ],
    EndDeputy: common + ["ALREADY_ENDED"],
}

/// Changes to who stands in for whom.
#[derive(Debug, Default)]
pub struct DeputyMutation;

/// Who stands in for whom, from when to when.
#[derive(InputObject)]
struct NameDeputyInput {
    /// Who is away; oneself where nobody is named.
    absent: Option<IdOf<PersonId>>,
    /// Who stands in.
    deputy: IdOf<PersonId>,
    /// First day, inclusive.
    first_day: Day,
    /// Last day, inclusive.
    last_day: Day,
    /// How it is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

/// Which mandate is ended.
#[derive(InputObject)]
struct EndDeputyInput {
    /// The mandate.
    id: IdOf<DeputyId>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// A mandate, or why it was not given.
#[derive(SimpleObject)]
struct NameDeputyPayload {
    /// The mandate.
    deputy: Option<Deputy>,
    /// Why not.
    user_errors: Vec<UserError<NameDeputy>>,
}

/// A mandate as it is now, and why it was not ended.
#[derive(SimpleObject)]
struct EndDeputyPayload {
    /// The mandate.
    deputy: Option<Deputy>,
    /// Why not.
    user_errors: Vec<UserError<EndDeputy>>,
}

#[Object]
impl DeputyMutation {
    /// Names who stands in for oneself, or for somebody of one's region, for some days.
    async fn name_deputy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who for whom, and when.")] input: NameDeputyInput,
    ) -> Result<NameDeputyPayload> {
        let op = op(ctx);
        let NameDeputyInput { absent, deputy, first_day, last_day, call } = input;
        let me = op.me().told(op)?;
        let absent = absent.map_or(me, |id| id.0);
        let asked = Asked { absent, deputy: deputy.0, first_day: first_day.0, last_day: last_day.0 };
        let (made, user_errors) = answer(op, actions::name_deputy(op, &call.into(), &asked).await)?;
        let deputy = match made {
            Some(id) => query::mandate(op, id).await.told(op)?,
            None => None,
        };
        Ok(NameDeputyPayload { deputy, user_errors })
    }

    /// Ends a mandate before its last day; its rights are gone at once.
    async fn end_deputy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which mandate.")] input: EndDeputyInput,
    ) -> Result<EndDeputyPayload> {
        let op = op(ctx);
        let EndDeputyInput { id, call } = input;
        let (_, user_errors) = answer(op, actions::end_deputy(op, &call.into(), id.0).await)?;
        Ok(EndDeputyPayload { deputy: query::mandate(op, id.0).await.told(op)?, user_errors })
    }
}
