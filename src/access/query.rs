//! What can be asked about access.

use ::entity::vocabulary::PersonId;
use async_graphql::{Context, ID, Object, Result};

use super::{
    explain::{Question, Wanted},
    simulation::{everywhere, foresee},
    types::{PersonAccess, PolicyChangeInput, PolicySimulation, WhoCanDo},
};
use crate::{
    authz::Permission,
    error::{self, Error},
    graphql::{
        id::IdOf,
        payload::{Told, op},
    },
    identity,
    op::Op,
    refusal::Stopped,
};

/// Questions about access.
#[derive(Debug, Default)]
pub struct AccessQuery;

#[Object]
impl AccessQuery {
    /// What a change of the policy would give and take: which rights, fields and records, to which roles and people.
    /// Nothing is written.
    async fn simulate_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change to try out.")] change: PolicyChangeInput,
    ) -> Result<PolicySimulation> {
        let op = op(ctx);
        everywhere(op, Permission::SimulatePolicy).told(op)?;
        let (wanted, expected) = change.read().told(op)?;
        match foresee(op, &wanted, expected).await {
            Ok(foreseen) => Ok(PolicySimulation(Ok(foreseen))),
            Err(Stopped::Refused(refusals)) => Ok(PolicySimulation(Err(refusals))),
            Err(Stopped::Failed(error)) => Err(error).told(op),
        }
    }

    /// Who may do something, on a record or on any, and by which lines of the policy. Access is
    /// explained; whether rules of the workflow or the segregation of duties refuse it is told with yes or no.
    async fn who_can_do(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What: a field of Query, Mutation or Subscription, or a permission of the policy.")]
        action: String,
        #[graphql(desc = "At which step of the workflow; all of them where nothing is said.")] step: Option<String>,
        #[graphql(desc = "Global id of the record; none: whichever.")] id: Option<ID>,
    ) -> Result<WhoCanDo> {
        let op = op(ctx);
        everywhere(op, Permission::WhoCanDo).told(op)?;
        who_can_do(op, &action, step.as_deref(), id.as_ref()).await.told(op)
    }

    /// Why somebody may do something, on a record or on any, or why not: the lines of the policy that decide, and
    /// whether the record is within their scopes. Access is explained; whether rules of the workflow or the
    /// segregation of duties refuse it is told with yes or no.
    async fn explain_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the person.")] user: IdOf<PersonId>,
        #[graphql(desc = "What: a field of Query, Mutation or Subscription, or a permission of the policy.")]
        action: String,
        #[graphql(desc = "At which step of the workflow; all of them where nothing is said.")] step: Option<String>,
        #[graphql(desc = "Global id of the record; none: whichever.")] id: Option<ID>,
    ) -> Result<PersonAccess> {
        let op = op(ctx);
        everywhere(op, Permission::ExplainAccess).told(op)?;
        explain(op, user.0, &action, step.as_deref(), id.as_ref()).await.told(op)
    }
}

async fn who_can_do(op: &Op, action: &str, step: Option<&str>, id: Option<&ID>) -> error::Result<WhoCanDo> {
    let wanted = Wanted::new(op, action, step, id).await?;
    let question = Question::new(op, &wanted).await?;
    let lines = question.lines();
    Ok(WhoCanDo { lines, people: question.everybody().await? })
}

async fn explain(
    op: &Op,
    user: PersonId,
    action: &str,
    step: Option<&str>,
    id: Option<&ID>,
) -> error::Result<PersonAccess> {
    if identity::store::people(&op.conn(), &[user]).await?.is_empty() {
        return Err(Error::NotFound);
    }
    let wanted = Wanted::new(op, action, step, id).await?;
    Ok(Question::new(op, &wanted).await?.one(user).await?.into())
}
