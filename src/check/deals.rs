//! What must hold for deals (P-1 to P-24). What follows from the playbook of their time is not judged again:
//! it may have changed since.

use std::collections::HashMap;

use ::entity::{
    platform::work_item,
    sales::opportunity,
    vocabulary::{ContractDocument, OpportunityId},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Comparison, Finding, MOST};
use crate::{
    db::Conn,
    error::Result,
    opportunities::{rules, workflow::Deals},
    transition::Tracked,
    work_queue::Item,
};

/// Deals that are looked at together.
const PAGE: u64 = 1_000;
/// How often what looks wrong is read again: a server that runs beside may have changed it in between.
const LOOKS: usize = 3;

/// What SQL can compare.
pub(super) fn comparisons(postgres: bool) -> Vec<Comparison> {
    vec![amounts(), standings(postgres), successions(), figures(), replaced(), conforming(), agreements()]
}

/// P-1: a deal is worth what its parts are together; nothing is known where none of them is.
fn amounts() -> Comparison {
    let sql = "SELECT CAST(id AS TEXT) AS row_key, 'amount' AS what, COALESCE(CAST(amount AS TEXT), 'none') AS found,
            CASE WHEN parts IS NULL THEN 'none' ELSE CAST(parts AS TEXT) END AS expected
        FROM (
            SELECT id, amount, CASE WHEN one_off IS NULL AND recurring IS NULL AND services IS NULL THEN NULL
                ELSE COALESCE(one_off, 0) + COALESCE(recurring, 0) + COALESCE(services, 0) END AS parts
            FROM opportunity
        ) AS priced
        WHERE amount IS DISTINCT FROM parts";
    Comparison { rule: "P-1", table: "opportunity", sql: sql.to_owned() }
}

/// P-22: the forecast's history ends with how the deal stands.
fn standings(postgres: bool) -> Comparison {
    let reason = if postgres { "opportunity.stop ->> 'reason'" } else { "json_extract(opportunity.stop, '$.reason')" };
    let sql = format!(
        "SELECT CAST(opportunity.id AS TEXT) AS row_key, 'the last state of its history' AS what,
            COALESCE(deal_state.stage || ', ' || deal_state.category || ', ' || CAST(deal_state.amount AS TEXT), 'none')
                AS found,
            opportunity.stage || ', ' || opportunity.category || ', '
                || CAST(COALESCE(opportunity.amount, 0) AS TEXT) || ' and all else of the deal' AS expected
        FROM opportunity
        LEFT JOIN deal_state ON deal_state.opportunity_id = opportunity.id AND deal_state.until_at IS NULL
        WHERE deal_state.id IS NULL
            OR deal_state.stage <> opportunity.stage
            OR deal_state.category <> opportunity.category
            OR deal_state.amount <> COALESCE(opportunity.amount, 0)
            OR deal_state.signing_day <> opportunity.signing_on
            OR deal_state.owner_id <> opportunity.owner_id
            OR deal_state.delegation_id <> opportunity.delegation_id
            OR deal_state.region_id <> opportunity.region_id
            OR deal_state.size_class IS DISTINCT FROM opportunity.size_class
            OR deal_state.sector IS DISTINCT FROM opportunity.sector
            OR deal_state.committed_by_id IS DISTINCT FROM opportunity.committed_by_id
            OR deal_state.passed <> opportunity.passed
            OR deal_state.reason IS DISTINCT FROM
                CASE WHEN opportunity.stage IN ('NO_GO', 'ON_HOLD', 'LOST', 'DISMISSED') THEN {reason} END"
    );
    Comparison { rule: "P-22", table: "opportunity", sql }
}

/// P-22: one state follows another without a gap.
fn successions() -> Comparison {
    let sql = "SELECT CAST(ended.id AS TEXT) AS row_key, 'what follows it' AS what, 'none' AS found,
            'a state from ' || CAST(ended.until_at AS TEXT) || ' on' AS expected
        FROM deal_state AS ended
        LEFT JOIN deal_state AS following
            ON following.opportunity_id = ended.opportunity_id AND following.from_at = ended.until_at
        WHERE ended.until_at IS NOT NULL AND following.id IS NULL";
    Comparison { rule: "P-22", table: "deal_state", sql: sql.to_owned() }
}

/// P-20: a quota's history ends with what it is.
fn figures() -> Comparison {
    let sql = "SELECT CAST(quota.id AS TEXT) AS row_key, 'the last figure of its history' AS what,
            COALESCE(CAST(quota_figure.amount AS TEXT), 'none') AS found,
            COALESCE(CAST(quota.amount AS TEXT), 'none') AS expected
        FROM quota LEFT JOIN quota_figure ON quota_figure.quota_id = quota.id AND quota_figure.until_at IS NULL
        WHERE quota_figure.quota_id IS NULL OR quota_figure.amount IS DISTINCT FROM quota.amount";
    Comparison { rule: "P-20", table: "quota", sql: sql.to_owned() }
}

/// P-14: of each kind of document one is in force; a later one replaced the earlier ones.
fn replaced() -> Comparison {
    let sql = format!(
        "SELECT CAST(opportunity_id AS TEXT) AS row_key, 'documents in force: ' || kind AS what,
            CAST(COUNT(*) AS TEXT) AS found, '1' AS expected
        FROM oppy_document WHERE replaced_at IS NULL AND kind <> '{}'
        GROUP BY opportunity_id, kind HAVING COUNT(*) > 1",
        ContractDocument::Other.code()
    );
    Comparison { rule: "P-14", table: "opportunity", sql }
}

/// P-14: whatever was refused has been replaced before the deal was closed.
fn conforming() -> Comparison {
    let sql = "SELECT CAST(oppy_document.id AS TEXT) AS row_key, 'a refused document of a closed deal' AS what,
            'in force' AS found, 'replaced' AS expected
        FROM oppy_document INNER JOIN opportunity ON opportunity.id = oppy_document.opportunity_id
        WHERE opportunity.stage = 'CLOSED_WON' AND oppy_document.refused_for IS NOT NULL
            AND oppy_document.replaced_at IS NULL";
    Comparison { rule: "P-14", table: "oppy_document", sql: sql.to_owned() }
}

/// P-13: a signed deal has the client's agreement.
fn agreements() -> Comparison {
    let sql = format!(
        "SELECT CAST(opportunity.id AS TEXT) AS row_key, 'the client''s agreement' AS what, 'none' AS found,
            'a document' AS expected
        FROM opportunity
        LEFT JOIN oppy_document ON oppy_document.opportunity_id = opportunity.id
            AND oppy_document.kind = '{}' AND oppy_document.replaced_at IS NULL
        WHERE opportunity.stage IN ('WON', 'CLOSED_WON') AND oppy_document.id IS NULL",
        ContractDocument::ClientAgreement.code()
    );
    Comparison { rule: "P-13", table: "opportunity", sql }
}

/// What is derived from a deal's documents: the meeting in its columns, and what it has in the queues.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn check(conn: &Conn) -> Result<Vec<Finding>> {
    let (mut findings, mut last) = (Vec::new(), OpportunityId(0));
    loop {
        let ids: Vec<OpportunityId> = opportunity::Entity::find()
            .select_only()
            .column(opportunity::Column::Id)
            .filter(opportunity::Column::Id.gt(last))
            .order_by_asc(opportunity::Column::Id)
            .limit(PAGE)
            .into_tuple()
            .all(conn)
            .await?;
        let Some(highest) = ids.last() else { break };
        last = *highest;
        let mut wrong = wrong(conn, &ids).await?;
        for _ in 1..LOOKS {
            if wrong.is_empty() {
                break;
            }
            let again: Vec<OpportunityId> = wrong.iter().map(|(id, _)| *id).collect();
            wrong = self::wrong(conn, &again).await?;
        }
        findings.extend(wrong.into_iter().map(|(_, finding)| finding));
    }
    findings.truncate(MOST);
    Ok(findings)
}

/// What is wrong with some deals.
async fn wrong(conn: &Conn, ids: &[OpportunityId]) -> Result<Vec<(OpportunityId, Finding)>> {
    let among = opportunity::Column::Id.is_in(ids.iter().copied());
    let deals = opportunity::Entity::find().filter(among).order_by_asc(opportunity::Column::Id).all(conn).await?;
    let of_deals = work_item::Column::OpportunityId.is_in(ids.iter().copied());
    let mut queued: HashMap<OpportunityId, Vec<Item>> = HashMap::new();
    for row in work_item::Entity::find().filter(of_deals).all(conn).await? {
        if let Some(id) = row.opportunity_id {
            queued.entry(id).or_default().push(Item::from(&row));
        }
    }
    let of_deal = |deal: &opportunity::Model| {
        let items = queued.get(&deal.id).map_or([].as_slice(), Vec::as_slice);
        [queue(deal, items), meeting(deal)].into_iter().flatten().map(|finding| (deal.id, finding)).collect::<Vec<_>>()
    };
    Ok(deals.iter().flat_map(of_deal).collect())
}

/// The queues hold what the deal waits for, and repeat what it says.
fn queue(deal: &opportunity::Model, queued: &[Item]) -> Option<Finding> {
    let told = |items: &[Item]| {
        let mut told: Vec<String> = items.iter().map(line).collect();
        told.sort_unstable();
        if told.is_empty() { "nothing".to_owned() } else { told.join(" + ") }
    };
    let (found, expected) = (told(queued), told(&Deals::items(deal)));
    let text = || format!("opportunity {}: queued for {found}, should be for {expected}", deal.id.0);
    (found != expected).then(|| Finding { rule: "work queue", text: text() })
}

/// An item in full; moments count in microseconds, which both databases keep.
fn line(item: &Item) -> String {
    let Item { kind, owner, involved, delegation, region, broker, year, total, since, version } = item;
    format!(
        "{} (owner {}, not {involved}, delegation {}, region {}, broker {:?}, year {year}, {total}, since {}, version {version})",
        kind.code(),
        owner.0,
        delegation.0,
        region.0,
        broker.map(|broker| broker.0),
        since.timestamp_micros(),
    )
}

/// P-11: the committee that meets next is in the columns by which the agenda is read.
fn meeting(deal: &opportunity::Model) -> Option<Finding> {
    let due = rules::undecided(deal).filter(|_| deal.stage.is_open()).map(|meeting| (meeting.committee, meeting.on.0));
    let stands = deal.meeting_kind.zip(deal.meeting_on);
    let is_half = deal.meeting_kind.is_some() != deal.meeting_on.is_some();
    let text = || format!("opportunity {}: meeting is {stands:?}, should be {due:?}", deal.id.0);
    (due != stands || is_half).then(|| Finding { rule: "P-11", text: text() })
}
