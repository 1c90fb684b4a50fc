//! `simulateOrder` (O-30): the submission's own decision, asked without writing.

use ::entity::{
    identity::role,
    orders::order,
    vocabulary::{Money, OrderStatus, RrReason},
};
use async_graphql::{Result, SimpleObject};

use super::{
    actions,
    error::Refusal,
    input::SimulateOrderInput,
    labels, rules, store,
    store::Found,
    types::OrderActionRefusal,
    workflow::{self, Action, OrderWorkflow},
};
use crate::{
    action::Call,
    authz::Permission,
    budgets::{self, rules::Position},
    db::Lock,
    error::Error,
    graphql::payload::{Told, UserError, user_errors},
    identity::{self, types::Role},
    op::Op,
    refusal::{Done, Stopped},
    transition,
    workflow::{Action as _, Actor, Workflow, at_step},
};

/// What a submission would lead to.
#[derive(SimpleObject)]
pub struct OrderSimulation {
    /// Whether it would be accepted.
    accepted: bool,
    /// Every reason for which it would be refused.
    refusals: Vec<UserError<OrderActionRefusal>>,
    /// What would not refuse it now, but stop it later as things stand.
    warnings: Vec<UserError<OrderActionRefusal>>,
    /// Why the regional manager would have to see it; none: it skips them.
    rr_reasons: Vec<RrReason>,
    /// The statuses that it would go through, with who has to act at each.
    path: Vec<SimulatedStep>,
    /// Its total with today's prices.
    total: Money,
    /// The delegation's share.
    delegation_share: Money,
    /// What would be committed on the owner's envelope at once.
    committed: Money,
    /// The owner's envelope before and after, as far as there is one.
    envelope: Option<SimulatedEnvelope>,
    /// The regional manager's envelope before and after its approval.
    rr_envelope: Option<SimulatedEnvelope>,
}

/// A status that an order would go through.
#[derive(SimpleObject)]
pub struct SimulatedStep {
    /// The status.
    status: OrderStatus,
    /// The same in the users' own words.
    label: String,
    /// What has to be done there to go on; none at the end.
    action: Option<&'static str>,
    /// Whose step it is: the roles that may do it.
    roles: Vec<Role>,
}

/// What an envelope still holds.
#[derive(SimpleObject)]
pub struct SimulatedEnvelope {
    /// Available before.
    before: Money,
    /// Available after; negative where the order does not fit in.
    after: Money,
}

/// Tries an order out.
pub(super) async fn simulate(op: &Op, input: SimulateOrderInput) -> Result<OrderSimulation> {
    match considered(op, input).await {
        Ok((order, facts, call)) => {
            let actor = Actor { person: op.me().told(op)?, name: call.name() };
            let refusals = workflow::blockers(Action::Submit, &order, &facts, actor, op.today());
            let roles = identity::store::roles(&op.conn()).await.told(op)?;
            Ok(answer(op, &order, &facts, &refusals, &roles))
        }
        Err(Stopped::Refused(refusals)) => Ok(refused(op, &refusals)),
        Err(Stopped::Failed(error)) => Err(error).told(op),
    }
}

/// The order to try out, as the rules see it: a draft that exists, or the one that is described.
async fn considered(op: &Op, input: SimulateOrderInput) -> Done<(order::Model, rules::Facts, Call), Refusal> {
    let conn = op.conn();
    let call = Call { on_behalf_of: input.on_behalf_of.map(|id| id.0), ..Call::default() };
    if op.caller()?.grant(call.name()).is_none() {
        return Err(Stopped::Refused(vec![crate::action::Common::NotDeputy.into()]));
    }
    if let Some(id) = input.id {
        let found = transition::fetch::<OrderWorkflow>(op, &conn, &call, id.0, [Permission::SimulateOrder]).await?;
        let place = OrderWorkflow::place(&found.order);
        let held = |permission| op.acts(permission, call.name()).covers(&place);
        if let Err(refusal) = at_step::<OrderWorkflow>(Action::Submit, &found.order, held) {
            return Err(Stopped::Refused(vec![refusal]));
        }
        let order = found.order.clone();
        let facts = store::facts(&conn, Lock::No, &[found], op.today()).await?.pop().unwrap_or_default();
        return Ok((rules::seen(&order, &facts), facts, call));
    }
    let missing = || Error::bad_input(["input"], "either «id», or «kind» and «broker»");
    let described = input.draft().ok_or_else(missing)?;
    let (draft, lines) = actions::new_draft(op, &conn, &described, Permission::SimulateOrder).await?;
    let year = budgets::years(&conn, &[draft.year]).await?.pop().ok_or_else(|| Error::defect("the year vanished"))?;
    let found = Found { order: draft.clone(), year };
    let mut facts = store::facts(&conn, Lock::No, &[found], op.today()).await?.pop().unwrap_or_default();
    facts.lines = store::with_articles(&conn, lines).await?;
    Ok((rules::seen(&draft, &facts), facts, call))
}

fn answer(
    op: &Op,
    order: &order::Model,
    facts: &rules::Facts,
    refusals: &[Refusal],
    roles: &[role::Model],
) -> OrderSimulation {
    let submission = workflow::submit(order, facts);
    let accepted = refusals.is_empty();
    let available = |envelope| Position::from(envelope).available();
    OrderSimulation {
        accepted,
        refusals: user_errors(refusals, op.language),
        warnings: user_errors(&workflow::warnings(order, facts, &submission), op.language),
        path: if accepted { path(op, order, submission.status, roles) } else { Vec::new() },
        total: order.total,
        delegation_share: order.delegation_share,
        committed: if accepted { submission.committed } else { Money::ZERO },
        envelope: facts.envelopes.delegate.as_ref().map(|envelope| SimulatedEnvelope {
            before: available(envelope),
            after: available(envelope) - rules::own_share(order),
        }),
        rr_envelope: facts.envelopes.region.as_ref().filter(|_| order.rr_share > Money::ZERO).map(|envelope| {
            SimulatedEnvelope { before: available(envelope), after: available(envelope) - order.rr_share }
        }),
        rr_reasons: submission.reasons,
    }
}

fn refused(op: &Op, refusals: &[Refusal]) -> OrderSimulation {
    OrderSimulation {
        accepted: false,
        refusals: user_errors(refusals, op.language),
        warnings: Vec::new(),
        rr_reasons: Vec::new(),
        path: Vec::new(),
        total: Money::ZERO,
        delegation_share: Money::ZERO,
        committed: Money::ZERO,
        envelope: None,
        rr_envelope: None,
    }
}

/// The way from a status to the end, each step by the action that leads on.
fn path(op: &Op, order: &order::Model, first: OrderStatus, roles: &[role::Model]) -> Vec<SimulatedStep> {
    let mut steps = Vec::new();
    let mut at = order::Model { status: first, ..order.clone() };
    while let Some(action) = leads_on(at.status) {
        steps.push(step(op, at.status, Some(action), roles));
        at.status = workflow::next(action, &at);
    }
    steps.push(step(op, at.status, None, roles));
    steps
}

fn step(op: &Op, status: OrderStatus, action: Option<Action>, roles: &[role::Model]) -> SimulatedStep {
    let label = labels::status(status).into_language(op.language);
    let here = action.and_then(|a| a.steps().iter().find(|s| s.statuses.contains(&status)));
    let permission = here.map(|step| step.permission);
    let view = &op.app.policy().view;
    let may =
        |role: &&role::Model| permission.is_some_and(|p| view.rights([role.code.as_str()]).permissions().contains(p));
    let roles = roles.iter().filter(may).cloned().map(Role).collect();
    SimulatedStep { status, label, action: permission.map(Permission::object), roles }
}

/// The action that leads on from a status.
const fn leads_on(status: OrderStatus) -> Option<Action> {
    match status {
        OrderStatus::Draft => Some(Action::Submit),
        OrderStatus::PendingRr | OrderStatus::PendingPdv => Some(Action::Approve),
        OrderStatus::HeldByDelegation => Some(Action::ReleaseGiftCheques),
        OrderStatus::ProofInProgress => Some(Action::SendProof),
        OrderStatus::PendingProofApproval => Some(Action::ApproveProof),
        OrderStatus::InProcess => Some(Action::Complete),
        OrderStatus::AwaitingResults => Some(Action::RecordResults),
        OrderStatus::Closed | OrderStatus::Rejected | OrderStatus::Cancelled => None,
    }
}
