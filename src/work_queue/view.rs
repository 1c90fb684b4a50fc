//! Which items wait for a caller: one value, asked in memory or turned into conditions of SQL.

use ::entity::{
    platform::work_item::{self, Column},
    vocabulary::{DelegationId, People, PersonId, RegionId, WorkKind},
};
use sea_orm::{
    ColumnTrait, Condition,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};
use sha2::{Digest, Sha256};

use super::moves::{Audience, Item};
use crate::authz::{Caller, InNameOf, Permission, Place, Reach, is_barred};

/// What makes a kind of item somebody's.
#[derive(Clone, Copy, Debug)]
struct Belonging {
    /// Whoever holds it has the kind in their queue, within its reach.
    owed_by: Permission,
    /// Whoever does not hold it on the record may not know of it.
    readable_by: Permission,
    /// Whether it is a decision, from which those involved are barred.
    is_decision: bool,
}

/// Whose queue a kind is in.
///
/// Mostly it is the permission of the act that ends the waiting. But results may also be recorded and
/// files attached by those who validate or process the order, for whom nothing waits: there it is the
/// permission that only the delegation's side holds, which submits the orders and receives the cheques.
const fn belonging(kind: WorkKind) -> Belonging {
    use Permission::{
        AcceptCommitteeRequest, ApproveAnswerAsDirector, ApproveAnswerAsEngagement, ApproveAnswerAsRr,
        ApproveDiscountAsDirector, ApproveDiscountAsRr, ApproveProof, CheckDocumentsFirst, CheckDocumentsSecond,
        CompleteOrder, DecideGoAsDirector, DecideGoAsRr, DecideGoodwill, NameOppyChecker, OwnWork, PlanCommittee,
        ReadGoodwill, ReadOpportunities, ReadOrders, RecordChequesReceived, RecordExtendedDecision, RecordGoodwillPaid,
        RecordMinutes, RecordRestrictedDecision, ReleaseGiftCheques, SendProof, SubmitOrder, ValidateOrderAsPdv,
        ValidateOrderAsRr,
    };
    let (owed_by, readable_by, is_decision) = match kind {
        WorkKind::RrValidation => (ValidateOrderAsRr, ReadOrders, true),
        WorkKind::PdvValidation => (ValidateOrderAsPdv, ReadOrders, true),
        WorkKind::Proof => (SendProof, ReadOrders, false),
        WorkKind::ProofApproval => (ApproveProof, ReadOrders, false),
        WorkKind::Release => (ReleaseGiftCheques, ReadOrders, false),
        WorkKind::Processing => (CompleteOrder, ReadOrders, false),
        WorkKind::Results | WorkKind::MissingDocuments => (SubmitOrder, ReadOrders, false),
        WorkKind::HandoverReceipt => (RecordChequesReceived, ReadOrders, false),
        WorkKind::GoodwillDecision => (DecideGoodwill, ReadGoodwill, true),
        WorkKind::GoodwillPayment => (RecordGoodwillPaid, ReadGoodwill, false),
        WorkKind::GoDecision => (DecideGoAsRr, ReadOpportunities, true),
        WorkKind::GoDecisionDirector => (DecideGoAsDirector, ReadOpportunities, true),
        WorkKind::CommitteeRequest => (AcceptCommitteeRequest, ReadOpportunities, true),
        WorkKind::CommitteePlanning => (PlanCommittee, ReadOpportunities, false),
        WorkKind::CommitteeMinutes => (RecordMinutes, ReadOpportunities, false),
        WorkKind::RestrictedDecision => (RecordRestrictedDecision, ReadOpportunities, true),
        WorkKind::ExtendedDecision => (RecordExtendedDecision, ReadOpportunities, true),
        WorkKind::DiscountRr => (ApproveDiscountAsRr, ReadOpportunities, true),
        WorkKind::DiscountDirector => (ApproveDiscountAsDirector, ReadOpportunities, true),
        WorkKind::AnswerApproval => (ApproveAnswerAsRr, ReadOpportunities, true),
        WorkKind::AnswerApprovalEngagement => (ApproveAnswerAsEngagement, ReadOpportunities, true),
        WorkKind::AnswerApprovalDirector => (ApproveAnswerAsDirector, ReadOpportunities, true),
        WorkKind::FirstCheck => (CheckDocumentsFirst, ReadOpportunities, true),
        WorkKind::CheckerToName => (NameOppyChecker, ReadOpportunities, false),
        WorkKind::SecondCheck => (CheckDocumentsSecond, ReadOpportunities, true),
        // Who is named is never among those who are barred: that was seen to when they were named.
        WorkKind::NamedCheck | WorkKind::DocumentsRefused | WorkKind::WakeUp => (OwnWork, ReadOpportunities, false),
    };
    Belonging { owed_by, readable_by, is_decision }
}

/// The items that wait for a caller: in their own name, or for somebody whom they stand in for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    caller: PersonId,
    parts: Vec<Part>,
}

/// Some kinds of items that wait for a caller under one of their grants.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: InNameOf,
    kinds: Vec<WorkKind>,
    reach: Reach,
    readable: Reach,
    is_decision: bool,
}

impl View {
    /// What waits for a caller with their present rights.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        let mut view = Self { caller: caller.person.id, parts: Vec::new() };
        if caller.permissions.contains(Permission::WorkQueue) {
            for grant in &caller.grants {
                let name = grant.through.map_or(InNameOf::Self_, |_| InNameOf::Absent(grant.holder.id));
                WorkKind::ALL.iter().for_each(|kind| view.include(caller, name, *kind));
            }
        }
        view
    }

    fn include(&mut self, caller: &Caller, name: InNameOf, kind: WorkKind) {
        let Belonging { owed_by, readable_by, is_decision } = belonging(kind);
        let (reach, readable) = (caller.acts(owed_by, name), caller.sees(readable_by));
        if reach.is_empty() || readable.is_empty() {
            return;
        }
        let part = Part { name, kinds: vec![kind], reach, readable, is_decision };
        match self.parts.iter_mut().find(|p| p.is_alike(&part)) {
            // Two mandates of the same person are one.
            Some(alike) if alike.kinds.contains(&kind) => {}
            Some(alike) => alike.kinds.push(kind),
            None => self.parts.push(part),
        }
    }

    /// The same view of some kinds only.
    #[must_use]
    pub fn only(mut self, kinds: &[WorkKind]) -> Self {
        self.parts.iter_mut().for_each(|part| part.kinds.retain(|kind| kinds.contains(kind)));
        self.parts.retain(|part| !part.kinds.is_empty());
        self
    }

    /// The kinds that can wait for the caller, in the order of their declaration.
    pub fn kinds(&self) -> impl Iterator<Item = WorkKind> {
        WorkKind::ALL.iter().copied().filter(|kind| self.parts.iter().any(|part| part.kinds.contains(kind)))
    }

    /// Whether an item waits for the caller.
    #[must_use]
    pub fn contains(&self, audience: &Audience) -> bool {
        self.parts.iter().any(|part| part.contains(self.caller, audience))
    }

    /// For whom the caller would act on an item that waits for them only because they stand in.
    #[must_use]
    pub fn on_behalf_of(&self, audience: &Audience) -> Option<PersonId> {
        let mut names = self.parts.iter().filter(|part| part.contains(self.caller, audience)).map(|part| part.name);
        match names.next()? {
            // The own grant stands first.
            InNameOf::Self_ => None,
            InNameOf::Absent(person) => Some(person),
        }
    }

    /// The same question as [`View::contains`] for SQL.
    #[must_use]
    pub fn condition(&self) -> Condition {
        if self.parts.is_empty() {
            return Condition::all().add(Expr::val(1).eq(0));
        }
        self.parts.iter().fold(Condition::any(), |any, part| any.add(part.condition(self.caller)))
    }

    /// The same items as [`View::condition`] in pieces, each of which is one range of an index that is
    /// in the order of waiting.
    #[must_use]
    pub(super) fn strands(&self) -> Vec<Strand> {
        let mut strands: Vec<Strand> = Vec::new();
        for strand in self.parts.iter().flat_map(|part| part.strands(self.caller)) {
            if !strands.contains(&strand) {
                strands.push(strand);
            }
        }
        strands
    }

    /// By which roads news of items can concern the caller.
    pub(super) fn routes(&self) -> Vec<Route> {
        self.strands().into_iter().map(|strand| (strand.kind, strand.place)).collect()
    }

    /// Tells one view from another, in any process.
    #[must_use]
    pub(super) fn fingerprint(&self) -> u32 {
        let digest = Sha256::digest(format!("{self:?}"));
        digest.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
    }
}

impl Part {
    fn is_alike(&self, other: &Self) -> bool {
        self.name == other.name
            && self.is_decision == other.is_decision
            && self.reach == other.reach
            && self.readable == other.readable
    }

    fn contains(&self, caller: PersonId, audience: &Audience) -> bool {
        let place = audience.place();
        self.kinds.contains(&audience.kind)
            && self.reach.covers(&place)
            && self.readable.covers(&place)
            && !(self.is_decision && is_barred(caller, self.name, &audience.barred))
    }

    fn condition(&self, caller: PersonId) -> Condition {
        Condition::all()
            .add(Column::Kind.is_in(self.kinds.iter().copied()))
            .add(within(&self.reach))
            .add(within(&self.readable))
            .add(unbarred(&self.deciders(caller)))
    }

    /// The people of whom none may be involved.
    fn deciders(&self, caller: PersonId) -> Vec<PersonId> {
        match (self.is_decision, self.name) {
            (false, _) => Vec::new(),
            (true, InNameOf::Self_) => vec![caller],
            (true, InNameOf::Absent(person)) => vec![caller, person],
        }
    }

    fn strands(&self, caller: PersonId) -> impl Iterator<Item = Strand> {
        let barred = self.deciders(caller);
        let each =
            Anchor::each(&self.reach).into_iter().flat_map(|place| self.kinds.iter().map(move |kind| (*kind, place)));
        each.map(move |(kind, place)| Strand {
            kind,
            place,
            readable: (!place.is_within(&self.readable)).then(|| self.readable.clone()),
            barred: barred.clone(),
        })
    }
}

/// Where items are looked for: each is the beginning of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Anchor {
    /// Everywhere.
    Everywhere,
    /// In a region.
    Region(RegionId),
    /// In a delegation.
    Delegation(DelegationId),
    /// With an owner.
    Owner(PersonId),
}

impl Anchor {
    /// The places of which a reach consists.
    fn each(reach: &Reach) -> Vec<Self> {
        let Reach { all, regions, delegations, owners } = reach;
        if *all {
            return vec![Self::Everywhere];
        }
        let regions = regions.iter().copied().map(Self::Region);
        let delegations = delegations.iter().copied().map(Self::Delegation);
        regions.chain(delegations).chain(owners.iter().copied().map(Self::Owner)).collect()
    }

    /// Whether a reach plainly covers the whole place.
    fn is_within(self, reach: &Reach) -> bool {
        let places = Self::each(reach);
        places.contains(&Self::Everywhere) || places.contains(&self)
    }

    fn condition(self) -> Option<SimpleExpr> {
        match self {
            Self::Everywhere => None,
            Self::Region(region) => Some(Column::RegionId.eq(region)),
            Self::Delegation(delegation) => Some(Column::DelegationId.eq(delegation)),
            Self::Owner(owner) => Some(Column::OwnerId.eq(owner)),
        }
    }
}

/// A kind at a place.
pub(super) type Route = (WorkKind, Anchor);

/// Items of one kind at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strand {
    kind: WorkKind,
    place: Anchor,
    /// What of it may be read, where that is not all.
    readable: Option<Reach>,
    barred: Vec<PersonId>,
}

impl Strand {
    /// The condition of its items.
    pub(super) fn condition(&self) -> Condition {
        Condition::all()
            .add(Column::Kind.eq(self.kind))
            .add_option(self.place.condition())
            .add_option(self.readable.as_ref().map(within))
            .add(unbarred(&self.barred))
    }

    /// Whether no item can be in both.
    fn is_apart(&self, other: &Self) -> bool {
        let places_apart = match (self.place, other.place) {
            (Anchor::Region(one), Anchor::Region(another)) => one != another,
            (Anchor::Delegation(one), Anchor::Delegation(another)) => one != another,
            (Anchor::Owner(one), Anchor::Owner(another)) => one != another,
            (Anchor::Everywhere | Anchor::Region(_) | Anchor::Delegation(_) | Anchor::Owner(_), _) => false,
        };
        self.kind != other.kind || places_apart
    }
}

/// Whether no item is in two of them.
pub(super) fn are_apart(strands: &[Strand]) -> bool {
    strands.iter().enumerate().all(|(place, strand)| strands[..place].iter().all(|other| strand.is_apart(other)))
}

impl Audience {
    /// Where the item belongs.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { owner: Some(self.owner), delegation: Some(self.delegation), region: Some(self.region) }
    }

    /// By which roads news of the item travel.
    pub(super) fn routes(&self) -> [Route; 4] {
        let places = [
            Anchor::Everywhere,
            Anchor::Region(self.region),
            Anchor::Delegation(self.delegation),
            Anchor::Owner(self.owner),
        ];
        places.map(|place| (self.kind, place))
    }
}

/// For whom a row waits.
#[must_use]
pub(super) fn audience(row: &work_item::Model) -> Audience {
    Item::from(row).audience()
}

fn within(reach: &Reach) -> Condition {
    reach.condition(Column::OwnerId, Column::DelegationId, Column::RegionId)
}

/// Nobody of these is involved.
fn unbarred(people: &[PersonId]) -> Condition {
    people.iter().fold(Condition::all(), |all, person| all.add(Column::Involved.not_like(People::pattern(*person))))
}
