//! What a draft is made of, and how it is changed. Pure.

use ::entity::{
    orders::order,
    vocabulary::{
        AccountId, ActionType, Address, ArticleId, Beneficiary, Challenge, CustomDetails, DeliveryMode, Money,
        OrderKind, OrderStatus, PersonId, RrReasons, SiteId,
    },
};
use chrono::{DateTime, Utc};

use super::{
    error::{Refusal, path},
    rules,
    shares::Shares,
};

/// Longest text of one line.
const LINE: usize = 200;
/// Longest text of several lines.
const TEXT: usize = 4_000;
/// Most lines of an order.
pub const MOST_LINES: usize = 200;

/// What the author says about an order: what is `None` stays as it is; an inner `None` empties it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// What a custom order is for.
    pub action_type: Option<Option<ActionType>>,
    /// Budget year.
    pub year: Option<i32>,
    /// Broker.
    pub broker: Option<AccountId>,
    /// Who benefits.
    pub beneficiary: Option<Beneficiary>,
    /// Where it goes.
    pub delivery: Option<Delivery>,
    /// Total of a custom order.
    pub total: Option<Money>,
    /// The regional manager's share.
    pub rr_share: Option<Money>,
    /// The broker's share.
    pub partner_share: Option<Money>,
    /// Lines of a standard order, all of them.
    pub lines: Option<Vec<Line>>,
    /// Details of a custom order.
    pub details: Option<Option<CustomDetails>>,
    /// Challenge of gift cheques.
    pub challenge: Option<Option<Challenge>>,
    /// Title in a few words.
    pub subject: Option<String>,
    /// Complementary information.
    pub comment: Option<Option<String>>,
}

/// Where an order goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// To what kind of place.
    pub mode: DeliveryMode,
    /// Which of the broker's sites.
    pub site: Option<SiteId>,
    /// Which other address.
    pub address: Option<Address>,
}

/// A line as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub article: ArticleId,
    /// How many pieces.
    pub quantity: i64,
}

/// For whom a draft is made, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Delegate whose order it is.
    pub owner: PersonId,
    /// Their delegation.
    pub delegation: ::entity::vocabulary::DelegationId,
    /// Their region.
    pub region: ::entity::vocabulary::RegionId,
    /// Who creates it.
    pub author: PersonId,
    /// For whom they do, as a deputy.
    pub authored_for: Option<PersonId>,
    /// When.
    pub now: DateTime<Utc>,
}

/// An empty draft.
#[must_use]
pub fn empty(origin: Origin, kind: OrderKind, year: i32, broker: AccountId) -> order::Model {
    let Origin { owner, delegation, region, author, authored_for, now } = origin;
    order::Model {
        id: ::entity::vocabulary::OrderId(0),
        number: None,
        kind,
        action_type: None,
        year,
        status: OrderStatus::Draft,
        status_since: now,
        owner_id: owner,
        author_id: author,
        authored_for_id: authored_for,
        submitter_id: None,
        submitted_for_id: None,
        involved: [owner, author].into_iter().chain(authored_for).collect(),
        delegation_id: delegation,
        region_id: region,
        broker_id: broker,
        site_id: None,
        beneficiary: Beneficiary::Broker,
        delivery_mode: DeliveryMode::Delegation,
        delivery_address: None,
        total: Money::ZERO,
        rr_share: Money::ZERO,
        partner_share: Money::ZERO,
        delegation_share: Money::ZERO,
        committed: Money::ZERO,
        rr_committed: Money::ZERO,
        actual_cost: None,
        rr_reasons: RrReasons::default(),
        auto_validated: false,
        details: None,
        challenge: None,
        subject: String::new(),
        comment: None,
        documents: 0,
        documents_since: None,
        proof_rounds: 0,
        cheques_received_on: None,
        receipt_due_on: None,
        created_at: now,
        submitted_at: None,
        released_at: None,
        completed_at: None,
        version: 1,
    }
}

/// A fresh draft with the content of another order; what its own course added is left out.
#[must_use]
pub fn copy(of: &order::Model, origin: Origin, year: i32) -> order::Model {
    let other = of.delivery_mode == DeliveryMode::Other;
    order::Model {
        action_type: of.action_type,
        site_id: of.site_id,
        beneficiary: of.beneficiary,
        delivery_mode: of.delivery_mode,
        delivery_address: of.delivery_address.clone().filter(|_| other),
        total: of.total,
        rr_share: of.rr_share,
        partner_share: of.partner_share,
        delegation_share: of.delegation_share,
        details: of.details.clone(),
        challenge: of.challenge.clone(),
        subject: of.subject.clone(),
        comment: of.comment.clone(),
        ..empty(origin, of.kind, year, of.broker_id)
    }
}

/// Applies what the author says to a draft.
///
/// # Errors
/// Every refusal that an incomplete draft already deserves: negative amounts, quantities below one, a
/// gesture towards a member, another year for a numbered order, texts that are too long.
pub fn apply(content: Content, draft: &order::Model) -> Result<order::Model, Vec<Refusal>> {
    let refusals = early_refusals(&content, draft);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let Content {
        action_type,
        year,
        broker,
        beneficiary,
        delivery,
        total,
        rr_share,
        partner_share,
        lines: _,
        details,
        challenge,
        subject,
        comment,
    } = content;
    let mut order = draft.clone();
    order.action_type = action_type.unwrap_or(order.action_type).filter(|_| order.kind == OrderKind::Custom);
    order.year = year.unwrap_or(order.year);
    order.broker_id = broker.unwrap_or(order.broker_id);
    order.beneficiary = beneficiary.unwrap_or(order.beneficiary);
    order.details = details.unwrap_or(order.details);
    order.challenge = challenge.unwrap_or(order.challenge);
    order.subject = subject.unwrap_or(order.subject);
    order.comment = comment.unwrap_or(order.comment);
    if let Some(delivery) = delivery {
        order = delivered(order, delivery);
    }
    let shares = Shares {
        total: total.unwrap_or(order.total),
        rr: rr_share.unwrap_or(order.rr_share),
        partner: partner_share.unwrap_or(order.partner_share),
    };
    Ok(rules::with_shares(order, shares))
}

/// The order with another delivery.
#[must_use]
pub fn delivered(order: order::Model, delivery: Delivery) -> order::Model {
    let Delivery { mode, site, address } = delivery;
    order::Model {
        delivery_mode: mode,
        site_id: site.filter(|_| mode == DeliveryMode::PartnerSite),
        delivery_address: address.filter(|_| mode == DeliveryMode::Other),
        ..order
    }
}

fn early_refusals(content: &Content, draft: &order::Model) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let amounts = [("total", content.total), ("rrShare", content.rr_share), ("partnerShare", content.partner_share)];
    for (field, amount) in amounts {
        if amount.is_some_and(|a| a < Money::ZERO) {
            refusals.push(Refusal::AmountInvalid { field: path(&[field]), at_most: Some(Money::LIMIT) });
        }
    }
    for (line, Line { quantity, .. }) in content.lines.iter().flatten().enumerate() {
        if !(1..=rules::MOST_PIECES).contains(quantity) {
            refusals.push(Refusal::QuantityInvalid { line });
        }
    }
    let has_lines = content.lines.as_ref().is_some_and(|lines| !lines.is_empty());
    if draft.kind == OrderKind::Custom && has_lines {
        refusals.push(Refusal::NoLines);
    }
    if content.lines.as_ref().is_some_and(|lines| lines.len() > MOST_LINES) {
        refusals.push(Refusal::TooMany { most: MOST_LINES });
    }
    if content.beneficiary == Some(Beneficiary::InsuredMember) {
        refusals.push(Refusal::GoodwillNotAnOrder);
    }
    if draft.number.is_some() && content.year.is_some_and(|year| year != draft.year) {
        refusals.push(Refusal::YearFixed { year: draft.year });
    }
    refusals
}

/// The first text that is longer than it may be, with the most that it may have.
#[must_use]
pub fn too_long(content: &Content) -> Option<(&'static str, usize)> {
    let details = content.details.iter().flatten().next();
    let target = details.and_then(|d| d.target.as_ref());
    let routing = details.and_then(|d| d.routing.as_ref());
    let printing = details.and_then(|d| d.printing.as_ref());
    let challenge = content.challenge.iter().flatten().next();
    let address = content.delivery.as_ref().and_then(|d| d.address.as_ref());
    let texts = [
        ("subject", content.subject.as_ref(), LINE),
        ("comment", content.comment.iter().flatten().next(), TEXT),
        ("details.officeDetails", details.and_then(|d| d.office_details.as_ref()), TEXT),
        ("details.legalMentions", details.and_then(|d| d.legal_mentions.as_ref()), TEXT),
        ("details.nature", details.and_then(|d| d.nature.as_ref()), TEXT),
        ("details.printing.format", printing.and_then(|p| p.format.as_ref()), LINE),
        ("details.printing.paper", printing.and_then(|p| p.paper.as_ref()), LINE),
        ("details.printing.colours", printing.and_then(|p| p.colours.as_ref()), LINE),
        ("details.routing.postageClass", routing.and_then(|r| r.postage_class.as_ref()), LINE),
        ("details.target.audience", target.and_then(|t| t.audience.as_ref()), TEXT),
        ("details.target.product", target.and_then(|t| t.product.as_ref()), LINE),
        ("details.target.zone", target.and_then(|t| t.zone.as_ref()), TEXT),
        ("challenge.objective", challenge.and_then(|c| c.objective.as_ref()), TEXT),
        ("challenge.dedicatedSupport", challenge.and_then(|c| c.dedicated_support.as_ref()), TEXT),
        ("delivery.address.recipient", address.map(|a| &a.recipient), LINE),
        ("delivery.address.street", address.map(|a| &a.street), LINE),
        ("delivery.address.postcode", address.map(|a| &a.postcode), LINE),
        ("delivery.address.city", address.map(|a| &a.city), LINE),
    ];
    texts
        .into_iter()
        .find(|(_, text, most)| text.is_some_and(|t| t.chars().count() > *most))
        .map(|(f, _, most)| (f, most))
}
