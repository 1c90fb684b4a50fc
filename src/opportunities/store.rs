//! All SQL of the context. Whoever gets a deal has named an action, and the deal is within its reach.

use std::collections::{HashMap, HashSet};

use ::entity::{
    sales::{opportunity, oppy_document},
    vocabulary::{ContractDocument, Deciders, OpportunityId, OppyDocumentId, OppyStage},
};
use chrono::NaiveDate;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use super::{
    rules::{Client, Facts},
    workflow::Deals,
};
use crate::{
    authz::{Permission, Reach},
    crm,
    db::Conn,
    error::{Error, Result},
    files::StoredFile,
    identity,
    op::Op,
    playbook,
    workflow::Workflow,
};

/// The deals within a reach.
#[must_use]
pub fn within(reach: &Reach) -> Condition {
    reach.condition(opportunity::Column::OwnerId, opportunity::Column::DelegationId, opportunity::Column::RegionId)
}

/// Deals that match a condition, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn deals(conn: &impl ConnectionTrait, condition: Condition) -> Result<Vec<opportunity::Model>, DbErr> {
    opportunity::Entity::find().filter(condition).order_by_asc(opportunity::Column::Id).all(conn).await
}

/// Deals that the caller may read.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(op: &Op, ids: &[OpportunityId]) -> Result<Vec<opportunity::Model>, DbErr> {
    let wanted = opportunity::Column::Id.is_in(ids.iter().copied());
    deals(&op.conn(), within(&op.sees(Permission::ReadOpportunities)).add(wanted)).await
}

/// What the rules have to know about deals, in the order of these: a handful of statements however many there are.
///
/// # Errors
/// When the database cannot be read.
pub async fn facts(op: &Op, conn: &Conn, deals: &[opportunity::Model]) -> Result<Vec<Facts>> {
    let playbook = playbook::in_force(conn, op.today()).await?;
    let (managing, checking) = (Permission::DecideGoAsRr, Permission::CheckDocumentsFirst);
    let holders = identity::holders(&op.app, conn, &[managing, checking]).await?;
    let signing = deals.iter().filter(|deal| matches!(deal.stage, OppyStage::Negotiation | OppyStage::Won));
    let documents = documents(conn, &signing.map(|deal| deal.id).collect::<Vec<_>>()).await?;
    let clients = clients(conn, deals).await?;
    let about = |deal: &opportunity::Model| {
        let place = Deals::place(deal);
        Facts {
            playbook: playbook.clone(),
            client: clients.get(&deal.account_id.0).copied().unwrap_or_default(),
            documents: documents.iter().filter(|document| document.opportunity_id == deal.id).cloned().collect(),
            deciders: Deciders { managers: holders.of(managing, &place), assistants: holders.of(checking, &place) },
        }
    };
    Ok(deals.iter().map(about).collect())
}

/// How much is known of the clients of deals that are still being identified; later it does not matter.
async fn clients(conn: &Conn, deals: &[opportunity::Model]) -> Result<HashMap<i64, Client>> {
    let early = deals.iter().filter(|deal| deal.stage == OppyStage::Identification).map(|deal| deal.account_id);
    let accounts: Vec<_> = early.collect::<HashSet<_>>().into_iter().collect();
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let known = crm::completeness(conn, &accounts).await?;
    let client = |known: crm::Completeness| Client { siret: known.siret, address: known.address, sector: known.sector };
    Ok(known.into_iter().map(|(account, known)| (account.0, client(known))).collect())
}

/// The documents of deals, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn documents(
    conn: &impl ConnectionTrait,
    deals: &[OpportunityId],
) -> Result<Vec<oppy_document::Model>, DbErr> {
    if deals.is_empty() {
        return Ok(Vec::new());
    }
    oppy_document::Entity::find()
        .filter(oppy_document::Column::OpportunityId.is_in(deals.iter().copied()))
        .order_by_asc(oppy_document::Column::Id)
        .all(conn)
        .await
}

/// A document of a deal that the caller may read.
///
/// # Errors
/// [`Error::NotFound`] where it is not there, or its deal may not be read.
pub async fn document_for(op: &Op, id: OppyDocumentId) -> Result<oppy_document::Model> {
    let row = oppy_document::Entity::find_by_id(id).one(&op.conn()).await?.ok_or(Error::NotFound)?;
    if readable(op, &[row.opportunity_id]).await?.is_empty() { Err(Error::NotFound) } else { Ok(row) }
}

/// Adds a deal.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(conn: &Conn, deal: opportunity::Model) -> Result<opportunity::Model, DbErr> {
    let mut row = deal.clone().into_active_model().reset_all();
    row.id = NotSet;
    let id = opportunity::Entity::insert(row).exec(conn).await?.last_insert_id;
    Ok(opportunity::Model { id, ..deal })
}

/// Adds a document; a later one takes the place of an earlier one of its kind, all are kept.
///
/// # Errors
/// When the database cannot be written.
pub async fn add_document(
    op: &Op,
    conn: &Conn,
    deal: OpportunityId,
    kind: ContractDocument,
    file: StoredFile,
) -> Result<OppyDocumentId> {
    if kind != ContractDocument::Other {
        oppy_document::Entity::update_many()
            .col_expr(oppy_document::Column::ReplacedAt, Expr::value(op.now))
            .filter(oppy_document::Column::OpportunityId.eq(deal))
            .filter(oppy_document::Column::Kind.eq(kind))
            .filter(oppy_document::Column::ReplacedAt.is_null())
            .exec(conn)
            .await?;
    }
    let StoredFile { name, content_type, size, sha256, storage_key } = file;
    let row = oppy_document::ActiveModel {
        id: NotSet,
        opportunity_id: Set(deal),
        kind: Set(kind),
        name: Set(name),
        content_type: Set(content_type),
        size: Set(size),
        sha256: Set(sha256),
        storage_key: Set(storage_key),
        added_by_id: Set(op.me()?),
        added_at: Set(op.now),
        refused_for: Set(None),
        replaced_at: Set(None),
    };
    Ok(oppy_document::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Notes why a document does not conform.
///
/// # Errors
/// When the database cannot be written.
pub async fn refuse_document(conn: &Conn, id: OppyDocumentId, reason: &str) -> Result<(), DbErr> {
    oppy_document::Entity::update_many()
        .col_expr(oppy_document::Column::RefusedFor, Expr::value(reason))
        .filter(oppy_document::Column::Id.eq(id))
        .exec(conn)
        .await
        .map(drop)
}

/// Deals whose committee meets between two days, in the order of the days, within a reach.
///
/// # Errors
/// When the database cannot be read.
pub async fn agenda(
    conn: &Conn,
    reach: &Reach,
    from: NaiveDate,
    to: NaiveDate,
    most: u64,
) -> Result<Vec<opportunity::Model>, DbErr> {
    opportunity::Entity::find()
        .filter(within(reach))
        .filter(opportunity::Column::MeetingOn.between(from, to))
        .order_by_asc(opportunity::Column::MeetingOn)
        .order_by_asc(opportunity::Column::Id)
        .limit(most)
        .all(conn)
        .await
}

/// Deals on hold whose day has come, behind a key, in the order of keys.
///
/// # Errors
/// When the database cannot be read.
pub async fn to_wake(
    conn: &Conn,
    today: NaiveDate,
    after: OpportunityId,
    most: u64,
) -> Result<Vec<opportunity::Model>, DbErr> {
    opportunity::Entity::find()
        .filter(opportunity::Column::WakeUpOn.lte(today))
        .filter(opportunity::Column::Id.gt(after))
        .order_by_asc(opportunity::Column::Id)
        .limit(most)
        .all(conn)
        .await
}
