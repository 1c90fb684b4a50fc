//! What can be changed about the policy.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::{
    actions, query,
    rules::Change,
    types::{Policy, PolicyLineInput},
};
use crate::{
    action::Call,
    authz::policy::Line,
    error::{self, Error},
    graphql::{
        call::CallInput,
        payload::{Told, UserError, answer, mutations, op},
    },
    input::paragraph,
};

mutations! {
    ChangePolicy: common + [
        "REASON_REQUIRED", "POLICY_LINE_INVALID", "POLICY_LINE_EXISTS", "POLICY_LINE_UNKNOWN", "LAST_ADMINISTRATOR",
    ],
    RollBackPolicy: common + [
        "REASON_REQUIRED", "POLICY_VERSION_UNKNOWN", "POLICY_VERSION_IN_FORCE", "POLICY_LINE_INVALID", "LAST_ADMINISTRATOR",
    ],
}

/// Most lines to one change.
const MOST: usize = 500;
/// Longest reason.
const REASON: usize = 2_000;

/// Changes to the policy.
#[derive(Debug, Default)]
pub struct AdministrationMutation;

/// Which lines come and go, and why.
#[derive(InputObject)]
struct ChangePolicyInput {
    /// Lines that come.
    #[graphql(default)]
    add: Vec<PolicyLineInput>,
    /// Lines that go.
    #[graphql(default)]
    remove: Vec<PolicyLineInput>,
    /// Why.
    reason: String,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl ChangePolicyInput {
    fn read(self) -> error::Result<(Change, Call)> {
        let Self { add, remove, reason, call } = self;
        let reason = paragraph(["input", "reason"], &reason, REASON)?;
        Ok((change_of(add, remove, Some(reason))?, call.into()))
    }
}

/// The lines of a change, read.
///
/// # Errors
/// Where there are none or too many, or one is malformed.
pub fn change_of(
    add: Vec<PolicyLineInput>,
    remove: Vec<PolicyLineInput>,
    reason: Option<String>,
) -> error::Result<Change> {
    if !(1..=MOST).contains(&(add.len() + remove.len())) {
        return Err(Error::bad_input(["input", "add"], format!("1 to {MOST} lines, added or removed")));
    }
    let read = |list, lines: Vec<PolicyLineInput>| {
        lines.into_iter().map(|line| line.read(list)).collect::<error::Result<Vec<Line>>>()
    };
    Ok(Change { add: read("add", add)?, remove: read("remove", remove)?, reason })
}

/// Which version to go back to, and why.
#[derive(InputObject)]
struct RollBackPolicyInput {
    /// The version whose lines the policy is to have again.
    version: i64,
    /// Why.
    reason: String,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// The policy as it is now, and why it was not rolled back.
#[derive(SimpleObject)]
struct RollBackPolicyPayload {
    /// The policy.
    policy: Policy,
    /// Why not.
    user_errors: Vec<UserError<RollBackPolicy>>,
}

/// The policy as it is now, and why it was not changed.
#[derive(SimpleObject)]
struct ChangePolicyPayload {
    /// The policy.
    policy: Policy,
    /// Why not.
    user_errors: Vec<UserError<ChangePolicy>>,
}

#[Object]
impl AdministrationMutation {
    /// Changes who may do what; every process and open socket follows within a second.
    async fn change_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which lines come and go, and why.")] input: ChangePolicyInput,
    ) -> Result<ChangePolicyPayload> {
        let op = op(ctx);
        let (change, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::change_policy(op, &call, change).await)?;
        Ok(ChangePolicyPayload { policy: query::policy(op).await.told(op)?, user_errors })
    }

    /// Gives the policy the lines of an old version again, as a new version; every process and open socket follows
    /// within a second.
    async fn roll_back_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which version, and why.")] input: RollBackPolicyInput,
    ) -> Result<RollBackPolicyPayload> {
        let op = op(ctx);
        let RollBackPolicyInput { version, reason, call } = input;
        let reason = paragraph(["input", "reason"], &reason, REASON).told(op)?;
        let done = actions::roll_back_policy(op, &call.into(), version, reason).await;
        let (_, user_errors) = answer(op, done)?;
        Ok(RollBackPolicyPayload { policy: query::policy(op).await.told(op)?, user_errors })
    }
}
