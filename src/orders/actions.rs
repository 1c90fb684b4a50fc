//! One function per use case; each owns its transaction.

use ::entity::{
    identity::person,
    orders::{attachment, order, order_line, order_result},
    vocabulary::{
        AccountId, Address, AttachmentId, AttachmentPurpose, DeliveryMode, Money, OrderId, OrderKind, OrderStatus,
        PersonId, RrReasons, UploadId,
    },
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::{
    draft::{self, Content, Delivery, Line, Origin},
    error::{Refusal, path},
    rules, store,
    transition::{AtHand, Told, event, settle, take},
    workflow::{self, Action},
};
use crate::{
    action::{Call, Request, perform},
    authz::{ANYONE, Permission, Place, Scope},
    calendar, catalog, crm,
    db::Conn,
    error::{Error, Result},
    files, identity,
    op::Op,
    outbox,
    refusal::{Done, Stopped, refused, unless_refused},
};

/// Most decisions in one bulk (O-28).
pub(super) const MOST_DECISIONS: usize = 100;
/// Longest reason or comment.
const REASON: usize = 4_000;

/// A new order.
#[derive(Clone, Debug)]
pub(super) struct Create {
    pub kind: OrderKind,
    pub owner: Option<PersonId>,
    pub broker: AccountId,
    pub content: Content,
    pub call: Call,
}

/// Creates a draft.
pub(super) async fn create(op: &Op, create: Create) -> Done<OrderId, Refusal> {
    let request = Request::new("createOrder", &create.call, &create);
    let create = &create;
    perform(op, &request, move |conn| async move {
        let (draft, lines) = new_draft(op, &conn, create, Permission::CreateOrder).await?;
        let priced = priced(&conn, draft, &lines).await?;
        added(op, &conn, &create.call, priced, &lines, Told::kind("order.created")).await
    })
    .await
}

/// The draft that a creation asks for, not written yet; `simulateOrder` asks for the same.
pub(super) async fn new_draft(
    op: &Op,
    conn: &Conn,
    create: &Create,
    permission: Permission,
) -> Done<(order::Model, Vec<order_line::Model>), Refusal> {
    let Create { kind, owner, broker, content, call } = create;
    check_texts(content)?;
    let origin = origin(op, conn, call, *owner, permission).await?;
    readable_broker(op, conn, *broker).await?;
    let year = known_year(conn, content.year.unwrap_or(op.today().year())).await?;
    let empty = draft::empty(origin, *kind, year, *broker);
    let draft = draft::apply(content.clone(), &empty).map_err(Stopped::Refused)?;
    let lines = lines(conn, content.lines.as_deref().unwrap_or_default()).await?;
    Ok((draft, lines))
}

/// For whom a draft is made: oneself, or a colleague within the permission's reach who places orders
/// of their own.
async fn origin(op: &Op, conn: &Conn, call: &Call, owner: Option<PersonId>, permission: Permission) -> Result<Origin> {
    let holder = match call.on_behalf_of {
        Some(absent) => absent,
        None => op.me()?,
    };
    let unknown = || Error::bad_input(["input", "owner"], "somebody who places orders, within your reach");
    let id = owner.unwrap_or(holder);
    let owner: person::Model =
        identity::store::people(conn, &[id]).await?.into_iter().find(|p| p.active).ok_or_else(unknown)?;
    let (Some(delegation), Some(region)) = (owner.delegation_id, owner.region_id) else { return Err(unknown()) };
    let place = Place { owner: Some(id), delegation: Some(delegation), region: Some(region) };
    if !op.acts(permission, call.name()).covers(&place) || !places_orders(op, conn, id).await? {
        return Err(unknown());
    }
    Ok(Origin { owner: id, delegation, region, author: op.me()?, authored_for: call.on_behalf_of, now: op.now })
}

/// Whether somebody places orders of their own: their roles permit it in the scope `own`.
async fn places_orders(op: &Op, conn: &Conn, person: PersonId) -> Result<bool> {
    let roles = identity::store::roles_of(conn, &[person]).await?.remove(&person).unwrap_or_default();
    let policy = op.app.policy();
    let rights = policy.view.rights(roles.iter().map(String::as_str).chain([ANYONE]));
    Ok(rights.scopes(Permission::CreateOrder).contains(Scope::Own))
}

/// The broker must be one, and be readable: what the caller may not read does not exist for them.
async fn readable_broker(op: &Op, conn: &Conn, broker: AccountId) -> Result<()> {
    let found = crm::store::accounts(conn, &[broker]).await?.pop();
    let is_broker = !crm::store::brokers(conn, &[broker]).await?.is_empty();
    let crm::Readable { accounts, brokers } = crm::Readable::by(op);
    let within = |place: &Place| accounts.covers(place) || brokers.covers(place);
    let is_readable = found.is_some_and(|account| {
        within(&Place {
            owner: account.portfolio_owner_id,
            delegation: Some(account.delegation_id),
            region: Some(account.region_id),
        })
    });
    match is_broker && is_readable {
        true => Ok(()),
        false => Err(Error::bad_input(["input", "broker"], "the id of a broker whom you may read")),
    }
}

async fn known_year(conn: &Conn, year: i32) -> Result<i32> {
    let known = crate::budgets::years(conn, &[year]).await?;
    known.first().map(|y| y.year).ok_or_else(|| Error::bad_input(["input", "year"], "a budget year that exists"))
}

/// Lines as they are asked for, with today's prices.
async fn lines(conn: &Conn, wanted: &[Line]) -> Done<Vec<order_line::Model>, Refusal> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = wanted.iter().map(|line| line.article).collect();
    let articles = catalog::articles(conn, &ids).await?;
    let mut lines = Vec::new();
    let mut refusals = Vec::new();
    for (place, Line { article, quantity }) in wanted.iter().enumerate() {
        match articles.iter().find(|a| a.id == *article) {
            Some(found) => lines.push(order_line::Model {
                id: ::entity::vocabulary::OrderLineId(0),
                order_id: OrderId(0),
                position: 0,
                article_id: *article,
                quantity: *quantity,
                unit_price: found.unit_price,
            }),
            None => refusals.push(Refusal::ArticleNotAvailable { line: place, article: article.to_string() }),
        }
    }
    unless_refused(refusals)?;
    Ok(lines)
}

/// A draft whose total is the sum of its lines.
async fn priced(conn: &Conn, draft: order::Model, lines: &[order_line::Model]) -> Result<order::Model> {
    let facts = rules::Facts { lines: store::with_articles(conn, lines.to_vec()).await?, ..rules::Facts::default() };
    Ok(rules::priced(&draft, &facts))
}

fn check_texts(content: &Content) -> Result<()> {
    match draft::too_long(content) {
        Some((field, most)) => Err(Error::bad_input(["input", field], format!("at most {most} characters"))),
        None => Ok(()),
    }
}

async fn added(
    op: &Op,
    conn: &Conn,
    call: &Call,
    draft: order::Model,
    lines: &[order_line::Model],
    told: Told,
) -> Done<OrderId, Refusal> {
    let order = store::insert(conn, draft).await?;
    store::insert_lines(conn, order.id, lines).await?;
    let mut event = event(told.kind, order.id);
    event.to = Some(order.status.code());
    event.changes = told.changes.into();
    outbox::record(op, conn, call, event).await?;
    Ok(order.id)
}

/// Changes a draft.
pub(super) async fn update(op: &Op, id: OrderId, content: Content, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("updateOrder", &call, &(id, &content, &call));
    let (content, call) = (&content, &call);
    perform(op, &request, move |conn| async move {
        check_texts(content)?;
        let at_hand = take(op, &conn, call, id, Action::Update).await?;
        at_hand.judge(op, Action::Update, Vec::new())?;
        if let Some(broker) = content.broker.filter(|b| *b != at_hand.stored.broker_id) {
            readable_broker(op, &conn, broker).await?;
        }
        if let Some(year) = content.year {
            known_year(&conn, year).await?;
        }
        let after = draft::apply(content.clone(), &at_hand.stored).map_err(Stopped::Refused)?;
        let after = match &content.lines {
            Some(wanted) => {
                let lines = lines(&conn, wanted).await?;
                store::replace_lines(&conn, id, &lines).await?;
                priced(&conn, after, &lines).await?
            }
            None => rules::priced(&after, &at_hand.facts),
        };
        let told = Told::kind("order.updated").with("lines", content.lines.is_some());
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// Copies an order into a new draft of the current year.
pub(super) async fn duplicate(op: &Op, id: OrderId, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("duplicateOrder", &call, &(id, &call));
    let call = &call;
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::Duplicate).await?;
        let origin = origin(op, &conn, call, Some(at_hand.stored.owner_id), Permission::DuplicateOrder).await?;
        let year = known_year(&conn, op.today().year()).await?;
        let lines = store::lines(&conn, &[id]).await?;
        let copy = priced(&conn, draft::copy(&at_hand.stored, origin, year), &lines).await?;
        added(op, &conn, call, copy, &lines, Told::kind("order.created").with("copyOf", id.0)).await
    })
    .await
}

/// Submits a draft.
pub(super) async fn submit(op: &Op, id: OrderId, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("submitOrder", &call, &(id, &call));
    let call = &call;
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::Submit).await?;
        at_hand.judge(op, Action::Submit, Vec::new())?;
        reserve(&conn, &at_hand).await?;
        let submission = workflow::submit(&at_hand.order, &at_hand.facts);
        let number = match &at_hand.stored.number {
            Some(number) => number.clone(),
            None => store::next_number(&conn, at_hand.stored.year).await?,
        };
        let order = at_hand.order.clone();
        let after = order::Model {
            number: Some(number),
            delivery_address: Some(address(&conn, &order, &at_hand).await?),
            status: submission.status,
            auto_validated: submission.reasons.is_empty(),
            rr_reasons: RrReasons(submission.reasons),
            committed: submission.committed,
            submitter_id: Some(op.me()?),
            submitted_for_id: call.on_behalf_of,
            submitted_at: Some(op.now),
            documents_since: order.documents_since,
            ..order
        };
        settle(op, &conn, call, &at_hand, after, Told::kind("order.submitted")).await.map(|o| o.id)
    })
    .await
}

/// Holds the stock back and freezes the prices of a draft's lines.
async fn reserve(conn: &Conn, at_hand: &AtHand) -> Done<(), Refusal> {
    let lines = &at_hand.facts.lines;
    if lines.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> = lines.iter().map(|(line, _)| (line.article_id, line.quantity)).collect();
    let short = catalog::reserve(conn, &wanted).await?;
    let refusals = lines.iter().enumerate().filter(|(_, (line, _))| short.contains(&line.article_id));
    unless_refused(
        refusals
            .map(|(place, (_, article))| Refusal::OutOfStock {
                line: place,
                article: article.as_ref().map(|a| a.code.clone()).unwrap_or_default(),
                left: article.as_ref().and_then(|a| a.stock).unwrap_or_default(),
            })
            .collect(),
    )?;
    for (line, article) in lines {
        if let Some(price) = article.as_ref().map(|a| a.unit_price).filter(|price| *price != line.unit_price) {
            store::freeze_price(conn, line.id, price).await?;
        }
    }
    Ok(())
}

/// O-3: the address as it is today, to be copied onto the order.
async fn address(conn: &Conn, order: &order::Model, at_hand: &AtHand) -> Result<Address> {
    let missing = || Error::defect("a delivery that was judged complete has no address");
    match order.delivery_mode {
        DeliveryMode::Other => order.delivery_address.clone().ok_or_else(missing),
        DeliveryMode::PartnerSite => {
            let site = at_hand.facts.site.as_ref().ok_or_else(missing)?;
            Ok(Address {
                recipient: site.name.clone(),
                street: site.street.clone(),
                postcode: site.postcode.clone(),
                city: site.city.clone(),
            })
        }
        DeliveryMode::Delegation => {
            let found = identity::store::delegations(conn, &[order.delegation_id]).await?.pop().ok_or_else(missing)?;
            Ok(Address { recipient: found.name, street: found.street, postcode: found.postcode, city: found.city })
        }
    }
}

/// What a validator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
pub enum Decision {
    /// Approve: the order goes on.
    Approve,
    /// Refuse for good, with a reason.
    Reject,
    /// Send back to the author for changes, with a reason.
    Return,
}

impl Decision {
    const fn action(self) -> Action {
        match self {
            Self::Approve => Action::Approve,
            Self::Reject => Action::Reject,
            Self::Return => Action::Return,
        }
    }

    const fn event(self) -> &'static str {
        match self {
            Self::Approve => "order.approved",
            Self::Reject => "order.rejected",
            Self::Return => "order.returned",
        }
    }
}

/// Validates, at whichever step the order is (O-21, O-23).
pub(super) async fn validate(
    op: &Op,
    id: OrderId,
    decision: Decision,
    reason: Option<String>,
    call: Call,
) -> Done<OrderId, Refusal> {
    let request = Request::new("validateOrder", &call, &(id, decision, &reason, &call));
    let (reason, call) = (&clean(reason, "reason")?, &call);
    perform(op, &request, move |conn| async move {
        let action = decision.action();
        let at_hand = take(op, &conn, call, id, action).await?;
        let unexplained = decision != Decision::Approve && reason.is_none();
        at_hand.judge(op, action, unexplained.then_some(Refusal::ReasonRequired).into_iter().collect())?;
        let told = Told::kind(decision.event()).because(reason.clone());
        let after = match decision {
            Decision::Approve => approved(&conn, &at_hand).await?,
            Decision::Reject | Decision::Return => {
                withdrawn(&conn, &at_hand, workflow::next(action, &at_hand.stored)).await?
            }
        };
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// The order after an approval: at the regional manager's step its shares are committed now, at the
/// sales-promotion department's the documents that it relies on stay.
async fn approved(conn: &Conn, at_hand: &AtHand) -> Result<order::Model> {
    let order = &at_hand.stored;
    let status = workflow::next(Action::Approve, order);
    if order.status == OrderStatus::PendingRr {
        let (committed, rr_committed) = (rules::own_share(order), order.rr_share);
        return Ok(order::Model { status, committed, rr_committed, ..order.clone() });
    }
    store::rely_on(conn, order.id, rules::documents_needed(order)).await?;
    Ok(order::Model { status, ..order.clone() })
}

/// The order without its promises: money and stock are free again.
async fn withdrawn(conn: &Conn, at_hand: &AtHand, status: OrderStatus) -> Result<order::Model> {
    let order = &at_hand.stored;
    if order.kind == OrderKind::Standard && order.status != OrderStatus::Draft {
        let lines = store::lines(conn, &[order.id]).await?;
        let held: Vec<_> = lines.iter().map(|line| (line.article_id, line.quantity)).collect();
        catalog::give_back(conn, &held).await?;
    }
    let other = order.delivery_mode == DeliveryMode::Other;
    Ok(order::Model {
        status,
        committed: Money::ZERO,
        rr_committed: Money::ZERO,
        // Back in draft the place is chosen again; the copy of its address goes with the submission.
        delivery_address: order.delivery_address.clone().filter(|_| other || status != OrderStatus::Draft),
        ..order.clone()
    })
}

/// A release of gift cheques (O-22).
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub id: OrderId,
    pub total: Option<Money>,
    pub rr_share: Option<Money>,
    pub partner_share: Option<Money>,
    pub comment: Option<String>,
    pub delivery: Option<Delivery>,
    pub call: Call,
}

/// Releases gift cheques; what is lowered goes back to the envelopes at once.
pub(super) async fn release(op: &Op, release: Release) -> Done<OrderId, Refusal> {
    let request = Request::new("releaseGiftCheques", &release.call, &release);
    let comment = &clean(release.comment.clone(), "comment")?;
    let Release { id, total, rr_share, partner_share, comment: _, delivery, call } = &release;
    perform(op, &request, move |conn| async move {
        let mut at_hand = take(op, &conn, call, *id, Action::ReleaseGiftCheques).await?;
        if let Some(delivery) = delivery {
            at_hand.order = draft::delivered(at_hand.order, delivery.clone());
            let sites = at_hand.order.site_id.into_iter().collect::<Vec<_>>();
            at_hand.facts.site = crm::store::sites(&conn, &sites).await?.pop();
        }
        let lowered = workflow::lowered(&at_hand.stored, *total, *rr_share, *partner_share);
        at_hand.judge(op, Action::ReleaseGiftCheques, lowered.clone().err().unwrap_or_default())?;
        let shares = lowered.map_err(Stopped::Refused)?;
        store::rely_on(&conn, *id, rules::documents_needed(&at_hand.stored)).await?;
        let mut after = rules::with_shares(at_hand.order.clone(), shares);
        if delivery.is_some() {
            after.delivery_address = Some(address(&conn, &after, &at_hand).await?);
        }
        let after = order::Model {
            status: workflow::next(Action::ReleaseGiftCheques, &at_hand.stored),
            committed: after.committed.min(rules::own_share(&after)),
            rr_committed: after.rr_committed.min(after.rr_share),
            comment: comment.clone().or_else(|| after.comment.clone()),
            released_at: Some(op.now),
            ..after
        };
        settle(op, &conn, call, &at_hand, after, Told::kind("order.released")).await.map(|o| o.id)
    })
    .await
}

/// Sends a proof (O-24).
pub(super) async fn send_proof(op: &Op, id: OrderId, upload: UploadId, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("sendProof", &call, &(id, upload, &call));
    let call = &call;
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::SendProof).await?;
        at_hand.judge(op, Action::SendProof, Vec::new())?;
        let round = at_hand.stored.proof_rounds + 1;
        let attached = attach(op, &conn, id, upload, AttachmentPurpose::Proof, Some(round)).await?;
        let status = workflow::next(Action::SendProof, &at_hand.stored);
        let after = order::Model { status, proof_rounds: round, ..at_hand.stored.clone() };
        let told = Told::kind("order.proof_sent").with("attachment", attached.0);
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// Approves the proof, or asks for changes, with a comment (O-24).
pub(super) async fn judge_proof(
    op: &Op,
    id: OrderId,
    approve: bool,
    comment: Option<String>,
    call: Call,
) -> Done<OrderId, Refusal> {
    let (action, mutation, kind) = match approve {
        true => (Action::ApproveProof, "approveProof", "order.proof_approved"),
        false => (Action::RequestProofChanges, "requestProofChanges", "order.proof_changes_requested"),
    };
    let request = Request::new(mutation, &call, &(id, &comment, &call));
    let (comment, call) = (&clean(comment, "comment")?, &call);
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, action).await?;
        let silent = !approve && comment.is_none();
        at_hand.judge(op, action, silent.then_some(Refusal::CommentRequired).into_iter().collect())?;
        let after = order::Model { status: workflow::next(action, &at_hand.stored), ..at_hand.stored.clone() };
        settle(op, &conn, call, &at_hand, after, Told::kind(kind).because(comment.clone())).await.map(|o| o.id)
    })
    .await
}

/// Completes an order: the commitment becomes consumption at the actual cost (O-25).
pub(super) async fn complete(op: &Op, id: OrderId, actual: Option<Money>, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("completeOrder", &call, &(id, actual, &call));
    let call = &call;
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::Complete).await?;
        let cost = actual.unwrap_or(at_hand.stored.total);
        at_hand.judge(op, Action::Complete, workflow::completion(&at_hand.stored, &at_hand.facts, cost))?;
        store::rely_on(&conn, id, rules::documents_needed(&at_hand.stored)).await?;
        let after = order::Model {
            status: workflow::next(Action::Complete, &at_hand.stored),
            committed: Money::ZERO,
            rr_committed: Money::ZERO,
            actual_cost: Some(cost),
            completed_at: Some(op.now),
            ..at_hand.stored.clone()
        };
        settle(op, &conn, call, &at_hand, after, Told::kind("order.completed")).await.map(|o| o.id)
    })
    .await
}

/// What an order brought (O-26).
#[derive(Clone, Debug)]
pub(super) struct Results {
    pub contacts_reached: i32,
    pub appointments: i32,
    pub quotes: i32,
    pub contracts_signed: i32,
    pub premium_volume: Money,
    pub comment: Option<String>,
    pub improvement_ideas: Option<String>,
}

/// Records results, or corrects them until the year is closed.
pub(super) async fn record_results(op: &Op, id: OrderId, results: Results, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("recordResults", &call, &(id, &results, &call));
    let comment = &clean(results.comment.clone(), "comment")?;
    let ideas = &clean(results.improvement_ideas.clone(), "improvementIdeas")?;
    let (results, call) = (&results, &call);
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::RecordResults).await?;
        at_hand.judge(op, Action::RecordResults, negative_results(results))?;
        let row = order_result::Model {
            order_id: id,
            contacts_reached: results.contacts_reached,
            appointments: results.appointments,
            quotes: results.quotes,
            contracts_signed: results.contracts_signed,
            premium_volume: results.premium_volume,
            comment: comment.clone(),
            improvement_ideas: ideas.clone(),
            recorded_at: op.now,
            recorded_by_id: op.me()?,
        };
        store::save_results(&conn, row).await?;
        let after =
            order::Model { status: workflow::next(Action::RecordResults, &at_hand.stored), ..at_hand.stored.clone() };
        let told = Told::kind("order.results_recorded").with("contractsSigned", results.contracts_signed);
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

fn negative_results(results: &Results) -> Vec<Refusal> {
    let counts = [
        ("contactsReached", results.contacts_reached),
        ("appointments", results.appointments),
        ("quotes", results.quotes),
        ("contractsSigned", results.contracts_signed),
    ];
    let negative = counts.into_iter().filter(|(_, count)| *count < 0).map(|(field, _)| field);
    let premium = (results.premium_volume < Money::ZERO).then_some("premiumVolume");
    negative.chain(premium).map(|f| Refusal::AmountInvalid { field: path(&[f]), at_most: Some(Money::LIMIT) }).collect()
}

/// Records the day on which gift cheques reached the delegation (O-8).
pub(super) async fn record_cheques(op: &Op, id: OrderId, on: NaiveDate, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("recordChequesReceived", &call, &(id, on, &call));
    let call = &call;
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::RecordChequesReceived).await?;
        let earliest = at_hand.stored.released_at.map(calendar::paris_day);
        let mut wrong = Vec::new();
        if on > op.today() {
            wrong.push(Refusal::DateInFuture { today: op.today() });
        }
        wrong.extend(earliest.filter(|day| on < *day).map(|earliest| Refusal::DateInvalid { earliest }));
        at_hand.judge(op, Action::RecordChequesReceived, wrong)?;
        let after = with_receipt(order::Model { cheques_received_on: Some(on), ..at_hand.stored.clone() }, &at_hand);
        settle(op, &conn, call, &at_hand, after, Told::kind("order.cheques_received")).await.map(|o| o.id)
    })
    .await
}

/// The order with the day on which its handover receipt is due.
fn with_receipt(order: order::Model, at_hand: &AtHand) -> order::Model {
    let months = at_hand.facts.year.as_ref().map_or(1, |year| year.receipt_due_months);
    order::Model { receipt_due_on: workflow::receipt_due(&order, months), ..order }
}

/// Cancels an order; what it holds is given back.
pub(super) async fn cancel(op: &Op, id: OrderId, reason: Option<String>, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("cancelOrder", &call, &(id, &reason, &call));
    let (reason, call) = (&clean(reason, "reason")?, &call);
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::Cancel).await?;
        at_hand.judge(op, Action::Cancel, Vec::new())?;
        let after = withdrawn(&conn, &at_hand, workflow::next(Action::Cancel, &at_hand.stored)).await?;
        let told = Told::kind("order.cancelled").because(reason.clone());
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// Attaches a file to an order (D-2).
pub(super) async fn attach_file(
    op: &Op,
    id: OrderId,
    upload: UploadId,
    purpose: AttachmentPurpose,
    call: Call,
) -> Done<OrderId, Refusal> {
    if purpose == AttachmentPurpose::Proof {
        return Err(Error::bad_input(["input", "purpose"], "anything but PROOF, which is sent with sendProof").into());
    }
    let request = Request::new("attachFile", &call, &(id, upload, purpose, &call));
    let call = &call;
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::AttachFile).await?;
        at_hand.judge(op, Action::AttachFile, Vec::new())?;
        let attached = attach(op, &conn, id, upload, purpose, None).await?;
        let documents = at_hand.stored.documents | purpose.bit();
        let after = documented(order::Model { documents, ..at_hand.stored.clone() }, op, &at_hand);
        let told = Told::kind("order.file_attached").with("attachment", attached.0).with("purpose", purpose.code());
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

async fn attach(
    op: &Op,
    conn: &Conn,
    order: OrderId,
    upload: UploadId,
    purpose: AttachmentPurpose,
    round: Option<i32>,
) -> Done<AttachmentId, Refusal> {
    let Ok(file) = files::take(op, conn, upload).await? else { return refused(Refusal::FileRequired) };
    let row = attachment::ActiveModel {
        order_id: Set(order),
        purpose: Set(purpose),
        round: Set(round),
        name: Set(file.name),
        content_type: Set(file.content_type),
        size: Set(file.size),
        sha256: Set(file.sha256),
        storage_key: Set(file.storage_key),
        added_by_id: Set(op.me()?),
        added_at: Set(op.now),
        relied_on: Set(false),
        invalid_reason: Set(None),
        removed_at: Set(None),
        ..Default::default()
    };
    Ok(store::insert_attachment(conn, row).await?)
}

/// The order with what follows from its documents: since when they are complete (O-5), and whether a
/// receipt is still due (O-8).
fn documented(order: order::Model, op: &Op, at_hand: &AtHand) -> order::Model {
    let complete = rules::documents_missing(&order).is_empty();
    let since = order.documents_since.filter(|_| complete).or_else(|| complete.then_some(op.now));
    with_receipt(order::Model { documents_since: since, ..order }, at_hand)
}

/// Which attachment, and why.
#[derive(Clone, Debug)]
pub(super) struct Withdraw {
    pub attachment: AttachmentId,
    pub reason: Option<String>,
    pub call: Call,
}

/// Removes an attachment that no transition relied on.
pub(super) async fn remove_attachment(op: &Op, withdraw: Withdraw) -> Done<OrderId, Refusal> {
    let request = Request::new("removeAttachment", &withdraw.call, &withdraw);
    let (withdraw, call) = (&withdraw, &withdraw.call);
    perform(op, &request, move |conn| async move {
        let (row, others) = attachment_of(&conn, withdraw).await?;
        let at_hand = take(op, &conn, call, row.order_id, Action::RemoveAttachment).await?;
        let in_use = row.relied_on || row.purpose == AttachmentPurpose::Proof;
        at_hand.judge(
            op,
            Action::RemoveAttachment,
            in_use.then_some(Refusal::AttachmentInUse).into_iter().collect(),
        )?;
        let gone = attachment::ActiveModel { id: Set(row.id), removed_at: Set(Some(op.now)), ..Default::default() };
        store::update_attachment(&conn, gone).await?;
        let after = without(&at_hand, op, row.purpose, &others);
        let told = Told::kind("order.file_removed").with("attachment", row.id.0);
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// Declares a handover receipt invalid: the delegate is blocked again until a valid one comes (O-8).
pub(super) async fn declare_invalid(op: &Op, withdraw: Withdraw) -> Done<OrderId, Refusal> {
    let request = Request::new("declareReceiptInvalid", &withdraw.call, &withdraw);
    let reason = &clean(withdraw.reason.clone(), "reason")?;
    let (withdraw, call) = (&withdraw, &withdraw.call);
    perform(op, &request, move |conn| async move {
        let (row, others) = attachment_of(&conn, withdraw).await?;
        let at_hand = take(op, &conn, call, row.order_id, Action::DeclareReceiptInvalid).await?;
        let mut wrong = Vec::new();
        if row.purpose != AttachmentPurpose::HandoverReceipt {
            wrong.push(Refusal::NotGiftCheques);
        }
        if reason.is_none() {
            wrong.push(Refusal::ReasonRequired);
        }
        at_hand.judge(op, Action::DeclareReceiptInvalid, wrong)?;
        let invalid =
            attachment::ActiveModel { id: Set(row.id), invalid_reason: Set(reason.clone()), ..Default::default() };
        store::update_attachment(&conn, invalid).await?;
        let after = without(&at_hand, op, row.purpose, &others);
        let told = Told::kind("order.receipt_invalid").because(reason.clone()).with("attachment", row.id.0);
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// The order when the documents of a purpose are only what the others are.
fn without(at_hand: &AtHand, op: &Op, purpose: AttachmentPurpose, others: &[attachment::Model]) -> order::Model {
    let still = others.iter().any(|a| a.purpose == purpose && a.invalid_reason.is_none());
    let documents = if still { at_hand.stored.documents } else { at_hand.stored.documents & !purpose.bit() };
    documented(order::Model { documents, ..at_hand.stored.clone() }, op, at_hand)
}

/// An attachment of an order that the caller may read, and the order's other ones.
async fn attachment_of(conn: &Conn, withdraw: &Withdraw) -> Result<(attachment::Model, Vec<attachment::Model>)> {
    let row = attachment::Entity::find_by_id(withdraw.attachment).one(conn).await?.ok_or(Error::NotFound)?;
    if row.removed_at.is_some() {
        return Err(Error::NotFound);
    }
    let others = store::attachments(conn, &[row.order_id]).await?.into_iter().filter(|a| a.id != row.id).collect();
    Ok((row, others))
}

/// A text without the blanks around it; none where nothing is left.
fn clean(text: Option<String>, field: &str) -> Result<Option<String>> {
    let text = text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    match &text {
        Some(long) if long.chars().count() > REASON => {
            Err(Error::bad_input(["input", field], format!("at most {REASON} characters")))
        }
        Some(_) | None => Ok(text),
    }
}
