//! What the schema shows of budgets and goodwill gestures.

use ::entity::{
    budgets::{budget_year, envelope, goodwill, ledger_entry},
    vocabulary::{
        BudgetFamily, BudgetYearStatus, Day, DelegationId, EnvelopeKind, GoodwillStatus, LedgerKind, Money, PersonId,
    },
};
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    error::{GoodwillRefusal, Refusal},
    goodwill::{self as gestures, Action, Facts},
    history::Window,
    labels,
    lookups::{LedgerOf, ManagementOf, YearOf},
    rules::{self, Limits, Position},
    store::Balance,
};
use crate::{
    action::Common,
    authz::{InNameOf, Permission},
    graphql::{
        connection::{self, Connection, Paging},
        guard::requires,
        id::{IdOf, global},
        payload::{Told, UserError, mutations, op, user_errors},
        scalars::Percent,
    },
    identity::types::{Delegation, Person, Region},
    loaders::Loaders,
    op::Op,
};

/// Somebody's budget of a year.
#[derive(Clone, Debug)]
pub struct Envelope(pub envelope::Model);

impl From<envelope::Model> for Envelope {
    fn from(row: envelope::Model) -> Self {
        Self(row)
    }
}

/// Somebody's budget of a year, with its balances.
#[Object(directive = requires::apply("readBudgets".into()))]
impl Envelope {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Budget year.
    async fn year(&self) -> i32 {
        self.0.year
    }

    /// Whose money it is.
    async fn kind(&self) -> EnvelopeKind {
        self.0.kind
    }

    /// Delegate whose envelope it is.
    async fn delegate(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.person_id).await.told(op(ctx))?.map(Person))
    }

    /// Delegation of the delegate.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Option<Delegation>> {
        Ok(Loaders::of(ctx).optional(self.0.delegation_id).await.told(op(ctx))?.map(Delegation))
    }

    /// Region of the delegate, or the one whose manager's envelope it is.
    async fn region(&self, ctx: &Context<'_>) -> Result<Option<Region>> {
        Ok(Loaders::of(ctx).optional(self.0.region_id).await.told(op(ctx))?.map(Region))
    }

    /// What was allocated, moved in and out, and clawed back.
    async fn allocated(&self) -> Money {
        self.0.allocated
    }

    /// What is promised to orders or goodwill gestures.
    async fn committed(&self) -> Money {
        self.0.committed
    }

    /// What is spent.
    async fn consumed(&self) -> Money {
        self.0.consumed
    }

    /// What is neither committed nor consumed.
    async fn available(&self) -> Money {
        Position::from(&self.0).available()
    }

    /// How a delegate's allocation is split between the families of orders; empty for other envelopes.
    #[graphql(complexity = "4 * child_complexity")]
    async fn corridors(&self, ctx: &Context<'_>) -> Result<Vec<Corridor>> {
        match self.0.kind {
            EnvelopeKind::Delegate => {
                let year = Loaders::of(ctx).one(YearOf(self.0.year)).await.told(op(ctx))?;
                Ok(Corridor::each(&Position::from(&self.0), &Limits::from(&year)))
            }
            EnvelopeKind::Pool | EnvelopeKind::Management | EnvelopeKind::Region => Ok(Vec::new()),
        }
    }

    /// Every movement of money on it, newest first.
    #[graphql(complexity = "connection::cost(first, last) * child_complexity")]
    async fn ledger(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<Connection<LedgerEntry>> {
        let op = op(ctx);
        let window = Paging::new(ctx, first, after, last, before).and_then(Window::new).told(op)?;
        Ok(Loaders::of(ctx).one(LedgerOf(self.0.id, window)).await.told(op)?.into())
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// Which side a family's limit is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CorridorKind {
    /// The family may take at most so much of the allocation.
    Maximum,
    /// At least so much of the allocation is kept for the family.
    Minimum,
}

/// Where one family of orders stands within its limit.
#[derive(Clone, Debug, SimpleObject)]
pub struct Corridor {
    /// Family of orders.
    family: BudgetFamily,
    /// Committed and consumed by the family.
    used: Money,
    /// The family's limit of the present allocation: a maximum rounded down, a minimum rounded up.
    limit: Money,
    /// Whether the limit is a maximum or a minimum.
    kind: CorridorKind,
    /// What could still be ordered in the family.
    still_orderable: Money,
}

impl Corridor {
    fn each(position: &Position, limits: &Limits) -> Vec<Self> {
        let corridor = |family: &BudgetFamily| {
            let rules::Corridor { used, limit, still_orderable } = rules::corridor(position, limits, *family);
            let is_maximum = limits.maximum(*family).is_some();
            let kind = if is_maximum { CorridorKind::Maximum } else { CorridorKind::Minimum };
            Self { family: *family, used, limit: limit.unwrap_or(Money::ZERO), kind, still_orderable }
        };
        BudgetFamily::ALL.iter().map(corridor).collect()
    }
}

/// A movement of money on an envelope; it is never changed (B-3).
#[derive(Clone, Debug)]
pub struct LedgerEntry(pub ledger_entry::Model);

impl From<ledger_entry::Model> for LedgerEntry {
    fn from(row: ledger_entry::Model) -> Self {
        Self(row)
    }
}

/// A movement of money on an envelope; it is never changed.
#[Object(directive = requires::apply("readBudgets".into()))]
impl LedgerEntry {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Why it moved.
    async fn kind(&self) -> LedgerKind {
        self.0.kind
    }

    /// Family of the order for which it moved.
    async fn family(&self) -> Option<BudgetFamily> {
        self.0.family
    }

    /// How much; what leaves the allocation is negative, all else is positive as its kind says.
    async fn amount(&self) -> Money {
        self.0.amount
    }

    /// Global id of the order for which it moved, for `node`.
    #[graphql(directive = requires::apply("readOrders".into()))]
    async fn order_id(&self) -> Option<ID> {
        self.0.order_id.map(global)
    }

    /// Global id of the decision that moved it, where it was one about the budgets themselves; the same for all
    /// movements of one decision.
    async fn decision_id(&self) -> Option<ID> {
        self.0.decision_id.map(global)
    }

    /// Goodwill gesture for which it moved, where the caller may read it.
    async fn goodwill(&self, ctx: &Context<'_>) -> Result<Option<GoodwillGesture>> {
        let op = op(ctx);
        let found = Loaders::of(ctx).optional(self.0.goodwill_id).await.told(op)?;
        let readable = op.sees(Permission::ReadGoodwill);
        Ok(found.filter(|gesture| gestures::is_within(&readable, gesture)).map(GoodwillGesture))
    }

    /// Who moved it.
    async fn author(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.author_id).await.told(op(ctx))?))
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Why, in words.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }
}

/// What the envelopes of a delegation's delegates hold together.
#[derive(Clone, Copy, Debug)]
pub struct DelegationBalance {
    pub(super) year: i32,
    pub(super) delegation: DelegationId,
    pub(super) balance: Balance,
}

/// What the envelopes of a delegation's delegates hold together.
#[Object(directive = requires::apply("readBudgets".into()))]
impl DelegationBalance {
    /// Budget year.
    async fn year(&self) -> i32 {
        self.year
    }

    /// Delegation.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Delegation> {
        Ok(Delegation(Loaders::of(ctx).one(self.delegation).await.told(op(ctx))?))
    }

    /// What was allocated, moved in and out, and clawed back.
    async fn allocated(&self) -> Money {
        self.balance.allocated
    }

    /// What is promised to orders.
    async fn committed(&self) -> Money {
        self.balance.committed
    }

    /// What is spent.
    async fn consumed(&self) -> Money {
        self.balance.consumed
    }

    /// What is neither committed nor consumed.
    async fn available(&self) -> Money {
        let Balance { allocated, committed, consumed } = self.balance;
        allocated - committed - consumed
    }
}

/// A budget year with its rules.
#[derive(Clone, Debug)]
pub struct BudgetYear(pub budget_year::Model);

/// A budget year with the rules that hold in it.
#[Object(directive = requires::apply("readBudgets".into()))]
impl BudgetYear {
    /// The calendar year.
    async fn year(&self) -> i32 {
        self.0.year
    }

    /// Where it stands.
    async fn status(&self) -> BudgetYearStatus {
        self.0.status
    }

    /// Standard orders whose total is strictly below skip the regional manager.
    async fn auto_standard_below(&self) -> Money {
        self.0.auto_standard_below
    }

    /// Custom orders whose total is strictly below skip the regional manager.
    async fn auto_custom_below(&self) -> Money {
        self.0.auto_custom_below
    }

    /// Most of an allocation that refunds may take.
    async fn refund_maximum(&self) -> Percent {
        Percent { hundredths: self.0.refund_maximum }
    }

    /// Most of an allocation that gift cheques may take.
    async fn gift_cheques_maximum(&self) -> Percent {
        Percent { hundredths: self.0.gift_cheques_maximum }
    }

    /// Least of an allocation that is kept for the other custom actions.
    async fn custom_minimum(&self) -> Percent {
        Percent { hundredths: self.0.custom_minimum }
    }

    /// Least of an allocation that is kept for standard orders.
    async fn standard_minimum(&self) -> Percent {
        Percent { hundredths: self.0.standard_minimum }
    }

    /// Last day on which standard orders can be submitted.
    async fn standard_closes_on(&self) -> Day {
        Day(self.0.standard_closes_on)
    }

    /// Last day on which custom orders can be submitted.
    async fn custom_closes_on(&self) -> Day {
        Day(self.0.custom_closes_on)
    }

    /// Months between the arrival of gift cheques and the handover receipt that is due for them.
    async fn receipt_due_months(&self) -> i32 {
        self.0.receipt_due_months
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// An insured member.
#[derive(Clone, Debug, SimpleObject)]
pub struct InsuredMember {
    /// Name, to which the cheque is made out.
    name: String,
    /// Number, where it is known.
    number: Option<String>,
}

/// A goodwill gesture towards an insured member.
#[derive(Clone, Debug)]
pub struct GoodwillGesture(pub goodwill::Model);

impl From<goodwill::Model> for GoodwillGesture {
    fn from(row: goodwill::Model) -> Self {
        Self(row)
    }
}

/// A goodwill gesture towards an insured member, charged to the management budget.
#[Object(directive = requires::apply("readGoodwill".into()))]
impl GoodwillGesture {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Budget year.
    async fn year(&self) -> i32 {
        self.0.year
    }

    /// Where it stands.
    async fn status(&self) -> GoodwillStatus {
        self.0.status
    }

    /// Where it stands, in the caller's language.
    async fn status_label(&self, ctx: &Context<'_>) -> String {
        labels::goodwill(self.0.status).into_language(op(ctx).language)
    }

    /// Insured member to whom it is made.
    async fn member(&self) -> InsuredMember {
        InsuredMember { name: self.0.member_name.clone(), number: self.0.member_number.clone() }
    }

    /// Amount.
    async fn amount(&self) -> Money {
        self.0.amount
    }

    /// Why it is asked for.
    async fn motive(&self) -> &str {
        &self.0.motive
    }

    /// Who asked for it.
    async fn requester(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.requester_id).await.told(op(ctx))?))
    }

    /// For whom they asked: the delegate, or the absent person for whom they stood in.
    async fn requested_for(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.requested_for_id).await.told(op(ctx))?.map(Person))
    }

    /// Delegation that it comes from.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Delegation> {
        Ok(Delegation(Loaders::of(ctx).one(self.0.delegation_id).await.told(op(ctx))?))
    }

    /// Region of that delegation.
    async fn region(&self, ctx: &Context<'_>) -> Result<Region> {
        Ok(Region(Loaders::of(ctx).one(self.0.region_id).await.told(op(ctx))?))
    }

    /// Who decided.
    async fn decided_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.decided_by_id).await.told(op(ctx))?.map(Person))
    }

    /// Why it was refused, or a word with the approval.
    async fn decision_reason(&self) -> Option<&str> {
        self.0.decision_reason.as_deref()
    }

    /// Day on which the cheque was paid.
    async fn paid_on(&self) -> Option<Day> {
        self.0.paid_on.map(Day)
    }

    /// Number of the cheque.
    async fn cheque_number(&self) -> Option<&str> {
        self.0.cheque_number.as_deref()
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// For each action of the caller's schema whether they may take it now, and if not, every reason.
    #[graphql(directive = requires::apply("decideGoodwill".into()), complexity = "3 * child_complexity")]
    async fn available_actions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The absent person for whom the caller would act.")] on_behalf_of: Option<IdOf<PersonId>>,
    ) -> Result<Vec<GoodwillAvailableAction>> {
        let (op, loaders) = (op(ctx), Loaders::of(ctx));
        let year = loaders.one(YearOf(self.0.year)).await.told(op)?;
        let management = loaders.find(ManagementOf(self.0.year)).await.told(op)?;
        let facts = Facts {
            gesture: &self.0,
            year: year.status,
            available: management.as_ref().map_or(Money::ZERO, |envelope| Position::from(envelope).available()),
            actor: op.me().told(op)?,
            name: on_behalf_of.map_or(InNameOf::Self_, |id| InNameOf::Absent(id.0)),
        };
        Ok(available_actions(op, &facts))
    }
}

mutations! {
    GoodwillActionRefusal: common + ["BUDGET_DEFICIT", "FORBIDDEN", "SELF_VALIDATION", "WRONG_STATUS", "YEAR_CLOSED"],
}

/// Whether an action can be taken on a goodwill gesture now.
#[derive(SimpleObject)]
#[graphql(directive = requires::apply("readGoodwill".into()))]
pub struct GoodwillAvailableAction {
    /// Which.
    action: Action,
    /// Whether the caller may take it now.
    allowed: bool,
    /// Every reason why not: those for which the mutation would refuse.
    reasons: Vec<UserError<GoodwillActionRefusal>>,
}

/// What the caller may do to a gesture: the mutations' own checks, asked without doing it.
fn available_actions(op: &Op, facts: &Facts<'_>) -> Vec<GoodwillAvailableAction> {
    let permitted = op.app.permissions_of(op.caller.as_deref());
    let mine = Action::ALL.into_iter().filter(|action| permitted.contains(action.permission()));
    mine.map(|action| {
        let reasons = reasons(op, facts, action);
        GoodwillAvailableAction { action, allowed: reasons.is_empty(), reasons: user_errors(&reasons, op.language) }
    })
    .collect()
}

fn reasons(op: &Op, facts: &Facts<'_>, action: Action) -> Vec<Refusal> {
    if op.caller.as_ref().is_none_or(|caller| caller.grant(facts.name).is_none()) {
        return vec![Common::NotDeputy.into()];
    }
    if !gestures::is_within(&op.acts(action.permission(), facts.name), facts.gesture) {
        return vec![GoodwillRefusal::Forbidden.into()];
    }
    gestures::decide(facts, action, Vec::new()).err().unwrap_or_default()
}
