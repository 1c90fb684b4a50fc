//! One function per use case; each owns its transaction.

use ::entity::{
    orders::{order, order_line, order_result},
    vocabulary::{
        AccountId, Address, AttachmentPurpose, DeliveryMode, Money, OrderId, OrderKind, OrderStatus, PersonId, UploadId,
    },
};
use chrono::{Datelike, NaiveDate};

use super::{
    attachments::attach,
    draft::{self, Content, Delivery, Line, Origin},
    error::{Refusal, path},
    outcome, past, rules, store,
    transition::{AtHand, hold_envelopes, settle, take},
    workflow::{self, Action, OrderWorkflow},
};
use crate::{
    action::{Call, Request, perform},
    authz::{Permission, Place},
    calendar, catalog, crm,
    db::Conn,
    error::{Error, Result},
    identity, numbering,
    op::Op,
    refusal::{Done, Stopped, unless_refused},
    transition::{self, Told},
};

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
        let (draft, lines) = priced(&conn, draft, lines).await?;
        added(op, &conn, &create.call, draft, &lines, Told::kind("order.created")).await
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
    readable_broker(op, conn, call, *broker).await?;
    let year = known_year(conn, content.year.unwrap_or(op.today().year())).await?;
    let empty = draft::empty(origin, *kind, year, *broker);
    let draft = draft::apply(content.clone(), &empty).map_err(Stopped::Refused)?;
    site_of_broker(conn, &draft).await?;
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
    let owner = identity::delegates(&op.app, conn, &[id]).await?.pop().ok_or_else(unknown)?;
    let identity::Delegate { delegation, region, .. } = owner;
    let place = Place { owner: Some(id), delegation: Some(delegation), region: Some(region) };
    if !op.acts(permission, call.name()).covers(&place) {
        return Err(unknown());
    }
    Ok(Origin { owner: id, delegation, region, author: op.me()?, authored_for: call.on_behalf_of, now: op.now })
}

/// The broker must be one, and be readable: what the caller may not read does not exist for them.
async fn readable_broker(op: &Op, conn: &Conn, call: &Call, broker: AccountId) -> Result<()> {
    match crm::is_readable_broker(op, conn, call.name(), broker).await? {
        true => Ok(()),
        false => Err(Error::bad_input(["input", "broker"], "the id of a broker whom you may read")),
    }
}

/// The site must be one of the broker's (O-3): another's is not there for this order.
async fn site_of_broker(conn: &Conn, order: &order::Model) -> Result<()> {
    let Some(site) = order.site_id else { return Ok(()) };
    let found = crm::store::sites(conn, &[site]).await?.pop();
    match found.is_some_and(|site| site.account_id == order.broker_id) {
        true => Ok(()),
        false => Err(Error::bad_input(["input", "delivery", "site"], "the id of one of the broker's sites")),
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

/// A draft and its lines with today's prices, the total being their sum.
async fn priced(
    conn: &Conn,
    draft: order::Model,
    lines: Vec<order_line::Model>,
) -> Result<(order::Model, Vec<order_line::Model>)> {
    let facts = rules::Facts { lines: store::with_articles(conn, lines).await?, ..rules::Facts::default() };
    let draft = rules::priced(&draft, &facts);
    Ok((draft, facts.lines.iter().map(rules::at_todays_price).collect()))
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
    transition::begin::<OrderWorkflow>(op, conn, call, &order, told).await?;
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
        let moved = content.broker.filter(|broker| *broker != at_hand.stored.broker_id);
        if let Some(broker) = moved {
            readable_broker(op, &conn, call, broker).await?;
        }
        if let Some(year) = content.year {
            known_year(&conn, year).await?;
        }
        let mut after = draft::apply(content.clone(), &at_hand.stored).map_err(Stopped::Refused)?;
        if content.delivery.is_some() {
            site_of_broker(&conn, &after).await?;
        } else if moved.is_some() {
            // The other broker's site has to be chosen.
            after.site_id = None;
        }
        let wanted = match &content.lines {
            Some(wanted) => lines(&conn, wanted).await?,
            None => at_hand.facts.lines.iter().map(|(line, _)| line.clone()).collect(),
        };
        let (after, lines) = priced(&conn, after, wanted).await?;
        let changed = past::lines_told(at_hand.facts.lines.iter().map(|(line, _)| line), &lines);
        if changed.is_some() {
            store::replace_lines(&conn, id, &lines).await?;
        }
        let told = Told::kind("order.updated").with_some(past::LINES, changed);
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
        at_hand.judge(op, Action::Duplicate, Vec::new())?;
        let origin = origin(op, &conn, call, Some(at_hand.stored.owner_id), Permission::DuplicateOrder).await?;
        let year = known_year(&conn, op.today().year()).await?;
        let copy = draft::copy(&at_hand.stored, origin, year);
        let (copy, lines) = priced(&conn, copy, store::lines(&conn, &[id]).await?).await?;
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
        let number = match &at_hand.stored.number {
            Some(number) => number.clone(),
            None => numbering::next(&conn, super::NUMBERS, at_hand.stored.year).await?,
        };
        let address = address(&conn, &at_hand.object, &at_hand).await?;
        let by = outcome::Signature { person: op.me()?, on_behalf_of: call.on_behalf_of, at: op.now };
        let after = outcome::submitted(&at_hand.object, &at_hand.facts, number, Some(address), by);
        let frozen: Vec<_> = at_hand.facts.lines.iter().map(rules::at_todays_price).collect();
        let prices = past::lines_told(at_hand.facts.lines.iter().map(|(line, _)| line), &frozen);
        let told = Told::kind("order.submitted").with_some(past::LINES, prices);
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
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
    let office = match order.delivery_mode {
        DeliveryMode::Delegation => identity::store::delegations(conn, &[order.delegation_id]).await?.pop(),
        DeliveryMode::PartnerSite | DeliveryMode::Other => None,
    };
    outcome::address(order, at_hand.facts.site.as_ref(), office.as_ref())
        .ok_or_else(|| Error::defect("a delivery that was judged complete has no address"))
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
        let mut at_hand = take(op, &conn, call, id, action).await?;
        let unexplained = decision != Decision::Approve && reason.is_none();
        at_hand.judge(op, action, unexplained.then_some(Refusal::ReasonRequired).into_iter().collect())?;
        let told = Told::kind(decision.event()).because(reason.clone());
        let after = match decision {
            Decision::Approve => approved(&conn, &at_hand.stored).await?,
            Decision::Reject | Decision::Return => withdrawn(&conn, &mut at_hand, action).await?,
        };
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// The order after an approval; the documents that the sales-promotion department relies on stay.
async fn approved(conn: &Conn, order: &order::Model) -> Result<order::Model> {
    if order.status == OrderStatus::PendingPdv {
        store::rely_on(conn, order.id, rules::documents_needed(order)).await?;
    }
    Ok(outcome::approved(order))
}

/// The order without its promises: money and stock are free again. Everybody locks money before stock, so
/// that a submission and a withdrawal wait for each other rather than stop each other.
async fn withdrawn(conn: &Conn, at_hand: &mut AtHand, action: Action) -> Result<order::Model> {
    hold_envelopes(conn, at_hand).await?;
    let order = &at_hand.stored;
    if order.kind == OrderKind::Standard && order.status != OrderStatus::Draft {
        let lines = store::lines(conn, &[order.id]).await?;
        let held: Vec<_> = lines.iter().map(|line| (line.article_id, line.quantity)).collect();
        catalog::give_back(conn, &held).await?;
    }
    Ok(outcome::withdrawn(order, action))
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
            at_hand.object = draft::delivered(at_hand.object, delivery.clone());
            site_of_broker(&conn, &at_hand.object).await?;
            let sites = at_hand.object.site_id.into_iter().collect::<Vec<_>>();
            at_hand.facts.site = crm::store::sites(&conn, &sites).await?.pop();
        }
        let lowered = workflow::lowered(&at_hand.stored, *total, *rr_share, *partner_share);
        at_hand.judge(op, Action::ReleaseGiftCheques, lowered.clone().err().unwrap_or_default())?;
        let shares = lowered.map_err(Stopped::Refused)?;
        store::rely_on(&conn, *id, rules::documents_needed(&at_hand.stored)).await?;
        let mut after = outcome::released(&at_hand.object, shares, op.now);
        if delivery.is_some() {
            after.delivery_address = Some(address(&conn, &after, &at_hand).await?);
        }
        after.comment = comment.clone().or(after.comment);
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
        let after = outcome::proof_sent(&at_hand.stored);
        let purpose = AttachmentPurpose::Proof;
        let attached = attach(op, &conn, id, upload, purpose, Some(after.proof_rounds)).await?;
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
        let after = outcome::moved_on(&at_hand.stored, action);
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
        let after = outcome::completed(&at_hand.stored, cost, op.now);
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
        let before = store::results(&conn, &[id]).await?.pop();
        let told = Told::kind("order.results_recorded").with(past::RESULTS, past::results_told(before.as_ref(), &row));
        store::save_results(&conn, row).await?;
        let after = outcome::moved_on(&at_hand.stored, Action::RecordResults);
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
        let after = outcome::cheques_received(&at_hand.stored, &at_hand.facts, on);
        settle(op, &conn, call, &at_hand, after, Told::kind("order.cheques_received")).await.map(|o| o.id)
    })
    .await
}

/// Cancels an order; what it holds is given back.
pub(super) async fn cancel(op: &Op, id: OrderId, reason: Option<String>, call: Call) -> Done<OrderId, Refusal> {
    let request = Request::new("cancelOrder", &call, &(id, &reason, &call));
    let (reason, call) = (&clean(reason, "reason")?, &call);
    perform(op, &request, move |conn| async move {
        let mut at_hand = take(op, &conn, call, id, Action::Cancel).await?;
        at_hand.judge(op, Action::Cancel, Vec::new())?;
        let after = withdrawn(&conn, &mut at_hand, Action::Cancel).await?;
        let told = Told::kind("order.cancelled").because(reason.clone());
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// A text without the blanks around it; none where nothing is left.
pub(super) fn clean(text: Option<String>, field: &str) -> Result<Option<String>> {
    let text = text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    match &text {
        Some(long) if long.chars().count() > REASON => {
            Err(Error::bad_input(["input", field], format!("at most {REASON} characters")))
        }
        Some(_) | None => Ok(text),
    }
}
