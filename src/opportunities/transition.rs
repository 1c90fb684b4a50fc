//! What deals add to the way of every transition ([`crate::transition`]): the rows that belong to them, what
//! follows from a change by itself, and their standing in the forecast's history.

use ::entity::{
    sales::opportunity,
    vocabulary::{DiscountLevel, OpportunityId, OppyStage, Signature},
};
use chrono::{DateTime, Datelike, Utc};
use sea_orm::{Condition, DbErr};

use super::{
    error::Refusal,
    rules::{self, Facts},
    store,
    workflow::{self, Action, Deals},
};
use crate::{
    action::Call,
    authz::{Permission, Reach},
    db::{Conn, Lock},
    error::Result,
    forecast::{self, Standing},
    op::Op,
    record::Versioned,
    refusal::Done,
    transition::{self, Told, Tracked},
    work_queue,
};

/// A deal at hand, with everything that the rules have to know.
pub(super) type AtHand = transition::AtHand<Deals>;

impl Versioned for opportunity::Entity {
    const KEY: opportunity::Column = opportunity::Column::Id;
    const VERSION: opportunity::Column = opportunity::Column::Version;
}

impl Tracked for Deals {
    type Entity = opportunity::Entity;
    type Key = OpportunityId;
    type Found = opportunity::Model;

    const READ: Permission = Permission::ReadOpportunities;
    const SILENT: &'static [opportunity::Column] = &[
        opportunity::Column::Version,
        opportunity::Column::Stage,
        opportunity::Column::StageSince,
        opportunity::Column::ActiveAt,
        opportunity::Column::Deciders,
        opportunity::Column::Waiting,
        opportunity::Column::Passed,
    ];

    async fn find(conn: &Conn, condition: Condition) -> Result<Vec<opportunity::Model>, DbErr> {
        store::deals(conn, condition).await
    }

    fn object(found: &opportunity::Model) -> &opportunity::Model {
        found
    }

    fn within(reach: &Reach) -> Condition {
        store::within(reach)
    }

    fn key(deal: &opportunity::Model) -> OpportunityId {
        deal.id
    }

    fn version(deal: &opportunity::Model) -> i64 {
        deal.version
    }

    fn raise(after: &mut opportunity::Model, before: &opportunity::Model, now: DateTime<Utc>) {
        after.version = before.version + 1;
        if after.stage != before.stage {
            after.stage_since = now;
        }
    }

    fn status_code(stage: OppyStage) -> &'static str {
        stage.code()
    }

    fn subject(deal: &opportunity::Model) -> work_queue::Subject {
        work_queue::Subject::Opportunity(deal.id)
    }

    fn items(deal: &opportunity::Model) -> Vec<work_queue::Item> {
        let item = |waiting: &::entity::vocabulary::Waiting| work_queue::Item {
            kind: waiting.kind,
            owner: waiting.owner,
            involved: waiting.barred.iter().copied().collect(),
            delegation: deal.delegation_id,
            region: deal.region_id,
            broker: None,
            year: deal.signing_on.year(),
            total: deal.amount.unwrap_or_default(),
            since: waiting.since,
            version: deal.version,
        };
        deal.waiting.0.iter().map(item).collect()
    }

    async fn facts(
        op: &Op,
        conn: &Conn,
        _lock: Lock,
        _action: Option<Action>,
        found: &[opportunity::Model],
    ) -> Result<Vec<Facts>> {
        store::facts(op, conn, found).await
    }

    fn seen(deal: &opportunity::Model, facts: &Facts) -> opportunity::Model {
        opportunity::Model { deciders: facts.deciders.clone(), ..deal.clone() }
    }
}

/// Fetches a deal for an action; see [`transition::take`].
pub(super) async fn take(
    op: &Op,
    conn: &Conn,
    call: &Call,
    id: OpportunityId,
    action: Action,
) -> Done<AtHand, Refusal> {
    transition::take(op, conn, call, id, action).await
}

/// Writes the deal's new state with everything that follows from it.
pub(super) async fn settle(
    op: &Op,
    conn: &Conn,
    call: &Call,
    at_hand: &AtHand,
    after: opportunity::Model,
    told: Told,
) -> Done<OpportunityId, Refusal> {
    let after = derived(opportunity::Model { active_at: op.now, ..after }, &at_hand.facts);
    let after = transition::settle(op, conn, call, at_hand, after, told, Vec::new()).await?;
    forecast::record(conn, after.id, Some(&standing(&at_hand.stored)), &standing(&after), op.now).await?;
    Ok(after.id)
}

/// Writes a new deal with everything that follows from it.
pub(super) async fn begin(
    op: &Op,
    conn: &Conn,
    call: &Call,
    deal: opportunity::Model,
    facts: &Facts,
    told: Told,
) -> Done<OpportunityId, Refusal> {
    let deal = store::insert(conn, derived(deal, facts)).await?;
    transition::begin::<Deals>(op, conn, call, &deal, told).await?;
    forecast::record(conn, deal.id, None, &standing(&deal), op.now).await?;
    Ok(deal.id)
}

/// The deal with everything that follows from the rest of it: no change may forget one of these.
#[must_use]
pub fn derived(mut deal: opportunity::Model, facts: &Facts) -> opportunity::Model {
    deal.size_class = rules::size_class(&deal, &facts.playbook);
    deal.deciders = facts.deciders.clone();
    deal.passed |= deal.stage.bit();
    let meeting = rules::undecided(&deal).filter(|_| deal.stage.is_open()).map(|m| (m.committee, m.on.0));
    (deal.meeting_kind, deal.meeting_on) = meeting.unzip();
    deal.negotiation.waits_for = discount_waits_for(&deal, facts);
    deal.waiting = ::entity::vocabulary::Waits(workflow::waits_for(&deal, facts));
    deal
}

/// Whose agreement the discount waits for: the director's where no manager of the region may give it.
fn discount_waits_for(deal: &opportunity::Model, facts: &Facts) -> Option<DiscountLevel> {
    let level = rules::agreement_due(deal, &facts.playbook).filter(|_| deal.stage == OppyStage::Negotiation)?;
    let nobody = rules::nobody_left(&facts.deciders.managers, &rules::barred_from_discount(deal));
    Some(if nobody { DiscountLevel::Director } else { level })
}

/// What the forecast has to know of a deal.
#[must_use]
pub fn standing(deal: &opportunity::Model) -> Standing {
    Standing {
        stage: deal.stage,
        category: deal.category,
        amount: deal.amount.unwrap_or_default(),
        signing_day: deal.signing_on,
        owner: deal.owner_id,
        delegation: deal.delegation_id,
        region: deal.region_id,
        size: deal.size_class,
        sector: deal.sector.clone(),
        reason: deal.stop.as_ref().filter(|_| !deal.stage.is_open()).map(|stop| stop.reason.clone()),
        committed_by: deal.committed_by_id,
    }
}

/// Who acts, for whom, now.
pub(super) fn signature(op: &Op, call: &Call) -> Result<Signature> {
    Ok(Signature { by: op.me()?, on_behalf_of: call.on_behalf_of, at: op.now })
}
