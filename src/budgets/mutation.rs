//! What can be done to budgets and goodwill gestures. Thin: decode, call, answer.

use std::borrow::Cow;

use ::entity::vocabulary::{Day, DelegationId, EnvelopeId, GoodwillId, Money, PersonId, RegionId};
use async_graphql::{Context, Enum, InputObject, Object, OneofObject, Result, SimpleObject, TypeName};

use super::{
    actions::{self, Allocation, Decision, GoodwillRequest, Payment, Transfer},
    error::Refusal,
    goodwill as gestures,
    store::{self, Holder},
    types::{BudgetYear, Envelope, GoodwillGesture},
    year::YearChange,
};
use crate::{
    authz::Permission,
    error::Error,
    graphql::{
        call::{CallInput, NewCallInput},
        id::IdOf,
        payload::{Mutation, Told, UserError, answer, mutations, op},
        scalars::Percent,
    },
    op::Op,
    refusal::Done,
};

mutations! {
    AllocateBudgets: common + ["ALREADY_ALLOCATED", "AMOUNT_INVALID", "NO_OBJECTIVES", "YEAR_CLOSED"],
    MoveBudget: common + ["AMOUNT_INVALID", "BELOW_COMMITTED", "REASON_REQUIRED", "SELF_BENEFIT", "SPLIT_MAXIMUM", "SPLIT_MINIMUM", "WRONG_ENVELOPE", "YEAR_CLOSED", "YEAR_NOT_OPEN"],
    GrantFromPool: common + ["AMOUNT_INVALID", "BELOW_COMMITTED", "REASON_REQUIRED", "SELF_BENEFIT", "WRONG_ENVELOPE", "YEAR_CLOSED", "YEAR_NOT_OPEN"],
    UpdateBudgetYear: common + ["AMOUNT_INVALID", "DATE_OUTSIDE_YEAR", "YEAR_CLOSED"],
    RequestGoodwill: common + ["AMOUNT_INVALID", "DELEGATION_REQUIRED", "NAME_REQUIRED", "REASON_REQUIRED", "YEAR_CLOSED", "YEAR_NOT_OPEN"],
    DecideGoodwill: common + ["BUDGET_DEFICIT", "REASON_REQUIRED", "SELF_VALIDATION", "WRONG_STATUS", "YEAR_CLOSED"],
    RecordGoodwillPaid: common + ["DATE_IN_FUTURE", "DATE_INVALID", "WRONG_STATUS", "YEAR_CLOSED"],
}

/// The objective of a delegate, by which a year's budget is shared out.
#[derive(Clone, Debug, InputObject)]
pub struct ObjectiveInput {
    /// Delegate; each one once.
    delegate: IdOf<PersonId>,
    /// The objective in euros: what a delegate gets is in proportion to it.
    weight: Money,
}

/// What a regional manager gets.
#[derive(Clone, Debug, InputObject)]
pub struct RegionAmountInput {
    /// Region; each one once.
    region: IdOf<RegionId>,
    /// Amount of the regional manager's envelope.
    amount: Money,
}

/// How a year's budget is shared out.
#[derive(Clone, Debug, InputObject)]
pub struct AllocateBudgetsInput {
    /// Budget year, from 2000 to 2200.
    year: i32,
    /// What is shared among the delegates, pro rata of their objectives and to the cent.
    total: Money,
    /// Objectives of the delegates, at most 2 000.
    objectives: Vec<ObjectiveInput>,
    /// What the regional managers get; a region that is left out gets an empty envelope.
    #[graphql(default)]
    regions: Vec<RegionAmountInput>,
    /// What the management budget gets, for goodwill gestures.
    management: Money,
    /// What stays in the central pool.
    pool: Money,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// Whose envelope gives; exactly one is named.
#[derive(Clone, Copy, Debug, OneofObject)]
pub enum MoveDonorInput {
    /// A delegate.
    Delegate(IdOf<PersonId>),
    /// The manager of a region.
    Region(IdOf<RegionId>),
}

/// Whose envelope receives.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct MoveReceiverInput {
    /// A delegate.
    delegate: IdOf<PersonId>,
}

/// What is moved from where to where.
#[derive(Clone, Debug, InputObject)]
pub struct MoveBudgetInput {
    /// Budget year.
    year: i32,
    /// Who gives; `expectedVersion` is the version of this envelope.
    from: MoveDonorInput,
    /// Who receives.
    to: MoveReceiverInput,
    /// How much.
    amount: Money,
    /// Why.
    reason: String,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// Whose envelope receives; exactly one is named.
#[derive(Clone, Copy, Debug, OneofObject)]
pub enum GrantReceiverInput {
    /// A delegate.
    Delegate(IdOf<PersonId>),
    /// The manager of a region.
    Region(IdOf<RegionId>),
    /// The management budget; `true`, where it is named.
    Management(bool),
}

/// What is granted from the central pool.
#[derive(Clone, Debug, InputObject)]
pub struct GrantFromPoolInput {
    /// Budget year.
    year: i32,
    /// Who receives; `expectedVersion` is the version of the pool.
    to: GrantReceiverInput,
    /// How much.
    amount: Money,
    /// Why.
    reason: String,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// What changes of a budget year's rules; what is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateBudgetYearInput {
    /// Budget year, from 2000 to 2200; one that is not there is planned, and counts as version 0.
    year: i32,
    /// Standard orders whose total is strictly below skip the regional manager.
    auto_standard_below: Option<Money>,
    /// Custom orders whose total is strictly below skip the regional manager.
    auto_custom_below: Option<Money>,
    /// Most of an allocation that refunds may take.
    refund_maximum: Option<Percent>,
    /// Most of an allocation that gift cheques may take.
    gift_cheques_maximum: Option<Percent>,
    /// Least of an allocation that is kept for the other custom actions.
    custom_minimum: Option<Percent>,
    /// Least of an allocation that is kept for standard orders; at most 100 % with `customMinimum`.
    standard_minimum: Option<Percent>,
    /// Last day on which standard orders can be submitted, in the year.
    standard_closes_on: Option<Day>,
    /// Last day on which custom orders can be submitted, in the year.
    custom_closes_on: Option<Day>,
    /// Months between the arrival of gift cheques and the handover receipt that is due, 0 to 24.
    receipt_due_months: Option<i32>,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// A goodwill gesture that is asked for.
#[derive(Clone, Debug, InputObject)]
pub struct RequestGoodwillInput {
    /// Budget year; the present one where it is left out.
    year: Option<i32>,
    /// Name of the insured member, to whom the cheque is made out.
    member_name: String,
    /// Number of the insured member, where it is known.
    member_number: Option<String>,
    /// Amount.
    amount: Money,
    /// Why it is asked for.
    motive: String,
    /// Person for whom it is asked, where it is not oneself; left out together with `onBehalfOf`.
    requested_for: Option<IdOf<PersonId>>,
    /// Delegation that it comes from, needed of whoever works in none.
    delegation: Option<IdOf<DelegationId>>,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

/// What is decided on a goodwill gesture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum GoodwillDecision {
    /// It is made; its amount is committed on the management budget.
    Approve,
    /// It is not made, for a reason.
    Refuse,
}

/// A decision on a goodwill gesture.
#[derive(Clone, Debug, InputObject)]
pub struct DecideGoodwillInput {
    /// Which gesture.
    id: IdOf<GoodwillId>,
    /// What is decided.
    decision: GoodwillDecision,
    /// Why; needed for a refusal.
    reason: Option<String>,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// The payment of a goodwill gesture.
#[derive(Clone, Debug, InputObject)]
pub struct RecordGoodwillPaidInput {
    /// Which gesture.
    id: IdOf<GoodwillId>,
    /// Day on which the cheque was paid, not in the future.
    paid_on: Day,
    /// Number of the cheque.
    cheque_number: String,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// The year and its envelopes after an allocation.
#[derive(SimpleObject)]
pub struct AllocateBudgetsPayload {
    /// The budget year, as it is now.
    budget_year: Option<BudgetYear>,
    /// The envelopes that were made: pool, management, regions and delegates by code.
    envelopes: Vec<Envelope>,
    /// Why nothing was changed.
    user_errors: Vec<UserError<AllocateBudgets>>,
}

/// The year after a change of its rules.
#[derive(SimpleObject)]
pub struct UpdateBudgetYearPayload {
    /// The budget year, as it is now.
    budget_year: Option<BudgetYear>,
    /// Why nothing was changed.
    user_errors: Vec<UserError<UpdateBudgetYear>>,
}

/// Two envelopes between which money was to move; as they are now where the mutation was refused.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct TransferPayload<M: Mutation> {
    /// The envelope that gives, as it is now.
    from: Option<Envelope>,
    /// The envelope that receives, as it is now.
    to: Option<Envelope>,
    /// Why nothing was changed.
    user_errors: Vec<UserError<M>>,
}

impl<M: Mutation> TypeName for TransferPayload<M> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Payload", M::NAME).into()
    }
}

/// A goodwill gesture after a mutation; as it is now where the mutation was refused.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct GoodwillPayload<M: Mutation> {
    /// The gesture, as it is now.
    gesture: Option<GoodwillGesture>,
    /// Why nothing was changed.
    user_errors: Vec<UserError<M>>,
}

impl<M: Mutation> TypeName for GoodwillPayload<M> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Payload", M::NAME).into()
    }
}

/// Changes to budgets and goodwill gestures.
#[derive(Debug, Default)]
pub struct BudgetsMutation;

#[Object]
impl BudgetsMutation {
    /// Shares a year's budget out, once, and opens the year.
    async fn allocate_budgets(&self, ctx: &Context<'_>, input: AllocateBudgetsInput) -> Result<AllocateBudgetsPayload> {
        let op = op(ctx);
        let AllocateBudgetsInput { year, total, objectives, regions, management, pool, call } = input;
        let objectives =
            objectives.into_iter().map(|ObjectiveInput { delegate, weight }| (delegate.0, weight)).collect();
        let regions = regions.into_iter().map(|RegionAmountInput { region, amount }| (region.0, amount)).collect();
        let allocation = Allocation { year, total, objectives, regions, management, pool };
        let (made, user_errors) = answer(op, actions::allocate(op, &call.into(), &allocation).await)?;
        let envelopes = envelopes(op, &made.unwrap_or_default()).await?;
        Ok(AllocateBudgetsPayload { budget_year: budget_year(op, year).await?, envelopes, user_errors })
    }

    /// Moves budget from a delegate or a regional manager to a delegate of the same region.
    async fn move_budget(&self, ctx: &Context<'_>, input: MoveBudgetInput) -> Result<TransferPayload<MoveBudget>> {
        let op = op(ctx);
        let MoveBudgetInput { year, from, to: MoveReceiverInput { delegate }, amount, reason, call } = input;
        let from = match from {
            MoveDonorInput::Delegate(person) => Holder::Delegate(person.0),
            MoveDonorInput::Region(region) => Holder::Region(region.0),
        };
        let to = Holder::Delegate(delegate.0);
        let done = actions::move_budget(op, &call.into(), Transfer { year, from, to, amount, reason }).await;
        transferred(op, year, [from, to], done).await
    }

    /// Grants budget from the central pool to any other envelope.
    async fn grant_from_pool(
        &self,
        ctx: &Context<'_>,
        input: GrantFromPoolInput,
    ) -> Result<TransferPayload<GrantFromPool>> {
        let op = op(ctx);
        let GrantFromPoolInput { year, to, amount, reason, call } = input;
        let to = match to {
            GrantReceiverInput::Delegate(person) => Holder::Delegate(person.0),
            GrantReceiverInput::Region(region) => Holder::Region(region.0),
            GrantReceiverInput::Management(true) => Holder::Management,
            GrantReceiverInput::Management(false) => {
                return Err(Error::bad_input(["input", "to", "management"], "true, or another receiver")).told(op);
            }
        };
        let transfer = Transfer { year, from: Holder::Pool, to, amount, reason };
        transferred(op, year, [Holder::Pool, to], actions::grant(op, &call.into(), transfer).await).await
    }

    /// Changes a budget year's rules, or plans a year that is not there yet.
    async fn update_budget_year(
        &self,
        ctx: &Context<'_>,
        input: UpdateBudgetYearInput,
    ) -> Result<UpdateBudgetYearPayload> {
        let op = op(ctx);
        let (year, change, call) = input.split();
        let (_, user_errors) = answer(op, actions::change_year(op, &call.into(), year, &change).await)?;
        Ok(UpdateBudgetYearPayload { budget_year: budget_year(op, year).await?, user_errors })
    }

    /// Asks for a goodwill gesture towards an insured member.
    async fn request_goodwill(
        &self,
        ctx: &Context<'_>,
        input: RequestGoodwillInput,
    ) -> Result<GoodwillPayload<RequestGoodwill>> {
        let op = op(ctx);
        let (request, call) = input.split();
        let (made, user_errors) = answer(op, actions::request(op, &call.into(), request).await)?;
        Ok(GoodwillPayload { gesture: gesture(op, made).await?, user_errors })
    }

    /// Approves or refuses a goodwill gesture.
    async fn decide_goodwill(
        &self,
        ctx: &Context<'_>,
        input: DecideGoodwillInput,
    ) -> Result<GoodwillPayload<DecideGoodwill>> {
        let op = op(ctx);
        let DecideGoodwillInput { id, decision, reason, call } = input;
        let approved = decision == GoodwillDecision::Approve;
        let decision = Decision { id: id.0, approved, reason: reason.unwrap_or_default() };
        let (_, user_errors) = answer(op, actions::decide(op, &call.into(), decision).await)?;
        Ok(GoodwillPayload { gesture: gesture(op, Some(id.0)).await?, user_errors })
    }

    /// Records that the cheque of a goodwill gesture is paid.
    async fn record_goodwill_paid(
        &self,
        ctx: &Context<'_>,
        input: RecordGoodwillPaidInput,
    ) -> Result<GoodwillPayload<RecordGoodwillPaid>> {
        let op = op(ctx);
        let RecordGoodwillPaidInput { id, paid_on, cheque_number, call } = input;
        let payment = Payment { id: id.0, paid_on: paid_on.0, cheque_number };
        let (_, user_errors) = answer(op, actions::record_paid(op, &call.into(), payment).await)?;
        Ok(GoodwillPayload { gesture: gesture(op, Some(id.0)).await?, user_errors })
    }
}

impl UpdateBudgetYearInput {
    fn split(self) -> (i32, YearChange, CallInput) {
        let Self {
            year,
            auto_standard_below,
            auto_custom_below,
            refund_maximum,
            gift_cheques_maximum,
            custom_minimum,
            standard_minimum,
            standard_closes_on,
            custom_closes_on,
            receipt_due_months,
            call,
        } = self;
        let hundredths = |percent: Option<Percent>| percent.map(|percent| percent.hundredths);
        let change = YearChange {
            auto_standard_below,
            auto_custom_below,
            refund_maximum: hundredths(refund_maximum),
            gift_cheques_maximum: hundredths(gift_cheques_maximum),
            custom_minimum: hundredths(custom_minimum),
            standard_minimum: hundredths(standard_minimum),
            standard_closes_on: standard_closes_on.map(|day| day.0),
            custom_closes_on: custom_closes_on.map(|day| day.0),
            receipt_due_months,
        };
        (year, change, call)
    }
}

impl RequestGoodwillInput {
    fn split(self) -> (GoodwillRequest, NewCallInput) {
        let Self { year, member_name, member_number, amount, motive, requested_for, delegation, call } = self;
        let (requested_for, delegation) = (requested_for.map(|id| id.0), delegation.map(|id| id.0));
        (GoodwillRequest { year, member_name, member_number, amount, motive, requested_for, delegation }, call)
    }
}

/// The payload of a movement: the two envelopes as they are now, where the caller may read them.
async fn transferred<M: Mutation>(
    op: &Op,
    year: i32,
    [from, to]: [Holder; 2],
    done: Done<(), Refusal>,
) -> Result<TransferPayload<M>> {
    let (_, user_errors) = answer(op, done)?;
    let found = store::readable(&op.conn(), &op.sees(Permission::ReadBudgets), year, &[from, to]).await.told(op)?;
    let envelope = |holder: Holder| holder.among(&found).cloned().map(Envelope);
    Ok(TransferPayload { from: envelope(from), to: envelope(to), user_errors })
}

async fn envelopes(op: &Op, ids: &[EnvelopeId]) -> Result<Vec<Envelope>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = store::envelopes_by_key(&op.conn(), ids).await.told(op)?;
    let readable = op.sees(Permission::ReadBudgets);
    Ok(found.into_iter().filter(|row| readable.covers(&store::place(row))).map(Envelope).collect())
}

async fn budget_year(op: &Op, year: i32) -> Result<Option<BudgetYear>> {
    let readable = !op.sees(Permission::ReadBudgets).is_empty();
    Ok(store::years(&op.conn(), &[year]).await.told(op)?.pop().filter(|_| readable).map(BudgetYear))
}

async fn gesture(op: &Op, id: Option<GoodwillId>) -> Result<Option<GoodwillGesture>> {
    let Some(id) = id else { return Ok(None) };
    let readable = op.sees(Permission::ReadGoodwill);
    let found = store::gestures_by_key(&op.conn(), &[id]).await.told(op)?.pop();
    Ok(found.filter(|gesture| gestures::is_within(&readable, gesture)).map(GoodwillGesture))
}
