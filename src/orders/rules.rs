//! The rules of an order that follow from the facts alone: what must be there, what may be ordered,
//! what the budget allows. Pure: neither database nor clock.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    budgets::{budget_year, envelope},
    catalog::article,
    crm::{account, broker, site},
    orders::{order, order_line},
    vocabulary::{
        ActionType, Address, ArticleId, AttachmentPurpose, Beneficiary, BudgetFamily, BudgetYearStatus, Challenge,
        CustomDetails, Day, DeliveryMode, LedgerKind, Money, OrderId, OrderKind, OrderStatus, Printing, Routing,
        RrReason, Target,
    },
};
use chrono::{Datelike, NaiveDate};

use super::{
    error::{Path, Refusal, path},
    shares::{InvalidShares, Shares},
};
use crate::{
    budgets::{
        Envelopes, Posting,
        rules::{self as budget, Limits, Position, Verdict},
    },
    catalog,
};

/// Most pieces of one article in one order.
pub const MOST_PIECES: i64 = 1_000_000;

/// Everything that the rules may look at, beside the order itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The rules of the order's budget year.
    pub year: Option<budget_year::Model>,
    /// Its lines with what the catalogue says of each article today.
    pub lines: Vec<(order_line::Model, Option<article::Model>)>,
    /// The broker's account.
    pub account: Option<account::Model>,
    /// The broker part of that account.
    pub broker: Option<broker::Model>,
    /// The site chosen for delivery.
    pub site: Option<site::Model>,
    /// The envelopes that the order is charged to.
    pub envelopes: Envelopes,
    /// How many other orders of the same broker are open in the same year.
    pub other_open_orders: u64,
    /// Orders of the same owner whose handover receipt is overdue.
    pub overdue_receipts: Vec<(OrderId, Option<String>)>,
    /// Whether the owner places no orders any more.
    pub owner_left: bool,
}

impl Facts {
    /// The maxima and minima of the year.
    fn limits(&self) -> Option<Limits> {
        self.year.as_ref().map(Limits::from)
    }

    /// What the owner's envelope says to an amount in a family (B-5); nothing where there is none.
    #[must_use]
    pub fn judge(&self, family: BudgetFamily, amount: Money) -> Option<Verdict> {
        let position = Position::from(self.envelopes.delegate.as_ref()?);
        Some(budget::judge(&position, &self.limits()?, family, amount))
    }
}

/// The family of an order.
#[must_use]
pub fn family(order: &order::Model) -> BudgetFamily {
    budget::family_of(order.kind, order.action_type)
}

/// The shares of an order.
#[must_use]
pub fn shares(order: &order::Model) -> Shares {
    Shares { total: order.total, rr: order.rr_share, partner: order.partner_share }
}

/// Whether it is an order of gift cheques.
#[must_use]
pub fn is_gift_cheques(order: &order::Model) -> bool {
    order.kind == OrderKind::Custom && order.action_type == Some(ActionType::GiftCheques)
}

/// Whether desktop publishing makes a proof for it.
#[must_use]
pub fn needs_proof(order: &order::Model) -> bool {
    let printed = [ActionType::Mailing, ActionType::Leafleting, ActionType::PointOfSale];
    order.kind == OrderKind::Custom && order.action_type.is_some_and(|action| printed.contains(&action))
}

/// The documents without which it is not processed (O-5) or released (O-7).
#[must_use]
pub fn documents_needed(order: &order::Model) -> &'static [AttachmentPurpose] {
    match (order.kind, order.action_type) {
        (OrderKind::Custom, Some(ActionType::Refund)) => {
            &[AttachmentPurpose::BrokerInvoice, AttachmentPurpose::RefundLetter]
        }
        (OrderKind::Custom, Some(ActionType::GiftCheques)) => &[AttachmentPurpose::ChallengeDeed],
        (OrderKind::Custom | OrderKind::Standard, _) => &[],
    }
}

/// Those of them that are not there.
#[must_use]
pub fn documents_missing(order: &order::Model) -> Vec<AttachmentPurpose> {
    documents_needed(order).iter().copied().filter(|purpose| order.documents & purpose.bit() == 0).collect()
}

/// Why an order cannot be submitted: every reason (O-1 to O-8, O-10, B-5, C-3).
#[must_use]
pub fn submission(order: &order::Model, facts: &Facts, today: NaiveDate) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    refusals.extend(content(order, facts, today));
    refusals.extend(delivery(order, facts));
    refusals.extend(challenge(order, facts, today));
    if facts.account.as_ref().is_none_or(|a| a.portfolio_owner_id != Some(order.owner_id)) {
        refusals.push(Refusal::BrokerNotInPortfolio);
    }
    if order.beneficiary == Beneficiary::InsuredMember {
        refusals.push(Refusal::GoodwillNotAnOrder);
    }
    if !facts.overdue_receipts.is_empty() {
        refusals.push(Refusal::ReceiptOverdue { orders: facts.overdue_receipts.clone() });
    }
    refusals.extend(closing(order, facts, today));
    refusals.extend(split_maximum(order, facts));
    refusals
}

/// O-1, O-2, O-4: what the order is made of.
fn content(order: &order::Model, facts: &Facts, today: NaiveDate) -> Vec<Refusal> {
    let mut refusals = amounts(order);
    match order.kind {
        OrderKind::Standard => refusals.extend(lines(facts, today)),
        OrderKind::Custom if order.action_type.is_none() => refusals.push(Refusal::ActionTypeRequired),
        OrderKind::Custom => refusals.extend(details(order, facts)),
    }
    refusals
}

/// O-2: no amount is negative, the shares fit into the total, and there is something to pay.
#[must_use]
pub fn amounts(order: &order::Model) -> Vec<Refusal> {
    let invalid = |field: &str, at_most| Refusal::AmountInvalid { field: path(&[field]), at_most };
    if order.total < Money::ZERO || (order.kind == OrderKind::Custom && order.total == Money::ZERO) {
        return vec![invalid("total", None)];
    }
    if !order.total.is_in_range() {
        return vec![invalid("total", Some(Money::LIMIT))];
    }
    let mut refusals = Vec::new();
    for (field, share) in [("rrShare", order.rr_share), ("partnerShare", order.partner_share)] {
        if share < Money::ZERO {
            refusals.push(invalid(field, Some(order.total)));
        }
    }
    if refusals.is_empty() && shares(order).validate() == Err(InvalidShares::AboveTotal) {
        refusals.push(invalid("rrShare", Some((order.total - order.partner_share).at_least_zero())));
    }
    if order.kind == OrderKind::Standard && order.partner_share > Money::ZERO {
        refusals.push(invalid("partnerShare", Some(Money::ZERO)));
    }
    refusals
}

/// O-1, C-1, C-3: lines of articles that can be had today; several lines of one article share its stock.
fn lines(facts: &Facts, today: NaiveDate) -> Vec<Refusal> {
    if facts.lines.is_empty() {
        return vec![Refusal::NoLines];
    }
    let mut wanted: HashMap<ArticleId, i64> = HashMap::new();
    let each = facts.lines.iter().enumerate().filter_map(|(line, (row, article))| {
        if !(1..=MOST_PIECES).contains(&row.quantity) {
            return Some(Refusal::QuantityInvalid { line });
        }
        let code = article.as_ref().map(|a| a.code.clone()).unwrap_or_default();
        let Some(article) = article.as_ref().filter(|a| catalog::is_available(a, today)) else {
            return Some(Refusal::ArticleNotAvailable { line, article: code });
        };
        let before = wanted.entry(article.id).or_default();
        let left = article.stock.map(|stock| (stock - *before).max(0));
        *before += row.quantity;
        left.filter(|left| *left < row.quantity).map(|left| Refusal::OutOfStock { line, article: code, left })
    });
    each.collect()
}

fn is_blank(text: Option<&String>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

/// O-4: what must be printed, posted and aimed at, field by field.
fn details(order: &order::Model, facts: &Facts) -> Vec<Refusal> {
    let printed = [ActionType::Mailing, ActionType::Leafleting, ActionType::Advertising, ActionType::PointOfSale];
    let Some(action) = order.action_type.filter(|action| printed.contains(action)) else { return Vec::new() };
    let CustomDetails { office_details, legal_mentions, nature, printing, routing, target } =
        order.details.clone().unwrap_or_default();
    let Printing { format, paper, colours, quantity } = printing.unwrap_or_default();
    let Target { audience, product, zone } = target.unwrap_or_default();
    let orias = facts.broker.as_ref().map(|b| b.orias.clone());
    let names_orias = legal_mentions.as_ref().is_some_and(|text| orias.is_none_or(|number| text.contains(&number)));
    let mut missing: Vec<Path> = Vec::new();
    let mut need = |is_missing: bool, field: &[&str]| {
        if is_missing {
            missing.push([&["details"], field].concat().iter().map(|&w| w.to_owned()).collect());
        }
    };
    need(is_blank(office_details.as_ref()), &["officeDetails"]);
    need(is_blank(legal_mentions.as_ref()) || !names_orias, &["legalMentions"]);
    need(is_blank(nature.as_ref()), &["nature"]);
    need(is_blank(format.as_ref()), &["printing", "format"]);
    need(is_blank(paper.as_ref()), &["printing", "paper"]);
    need(is_blank(colours.as_ref()), &["printing", "colours"]);
    need(quantity.is_none_or(|q| q < 1), &["printing", "quantity"]);
    if action == ActionType::Mailing || routing.is_some() {
        let Routing { volume, posted_on, postage_class } = routing.unwrap_or_default();
        need(volume.is_none_or(|v| v < 1), &["routing", "volume"]);
        need(posted_on.is_none(), &["routing", "postedOn"]);
        need(is_blank(postage_class.as_ref()), &["routing", "postageClass"]);
    }
    need(is_blank(audience.as_ref()), &["target", "audience"]);
    need(is_blank(product.as_ref()), &["target", "product"]);
    need(is_blank(zone.as_ref()), &["target", "zone"]);
    missing.into_iter().map(|field| Refusal::DetailsIncomplete { field }).collect()
}

/// O-3: a place where the goods can really go.
#[must_use]
pub fn delivery(order: &order::Model, facts: &Facts) -> Vec<Refusal> {
    let missing: Vec<Path> = match order.delivery_mode {
        DeliveryMode::Delegation => Vec::new(),
        DeliveryMode::PartnerSite if facts.site.as_ref().is_some_and(|s| s.account_id == order.broker_id) => Vec::new(),
        DeliveryMode::PartnerSite => vec![path(&["delivery", "site"])],
        DeliveryMode::Other => address(order.delivery_address.as_ref()),
    };
    missing.into_iter().map(|field| Refusal::DeliveryIncomplete { field }).collect()
}

fn address(address: Option<&Address>) -> Vec<Path> {
    let Address { recipient, street, postcode, city } = address.cloned().unwrap_or_default();
    let is_postcode = postcode.len() == 5 && postcode.bytes().all(|b| b.is_ascii_digit());
    let fields = [
        ("recipient", recipient.trim().is_empty()),
        ("street", street.trim().is_empty()),
        ("postcode", !is_postcode),
        ("city", city.trim().is_empty()),
    ];
    fields.into_iter().filter(|(_, missing)| *missing).map(|(f, _)| path(&["delivery", "address", f])).collect()
}

/// O-7: a complete challenge, and none about health for a broker in the company-wide programme.
#[must_use]
pub fn challenge(order: &order::Model, facts: &Facts, today: NaiveDate) -> Vec<Refusal> {
    if !is_gift_cheques(order) {
        return Vec::new();
    }
    let Challenge { challenge_type, starts_on, ends_on, objective, dedicated_support, concerns_health } =
        order.challenge.clone().unwrap_or_default();
    let reversed = starts_on.zip(ends_on).is_some_and(|(first, last)| last < first);
    let fields = [
        ("challengeType", challenge_type.is_none()),
        ("startsOn", starts_on.is_none()),
        ("endsOn", ends_on.is_none() || reversed),
        ("objective", is_blank(objective.as_ref())),
        ("dedicatedSupport", is_blank(dedicated_support.as_ref())),
    ];
    let incomplete = fields.into_iter().filter(|(_, missing)| *missing);
    let mut refusals: Vec<Refusal> =
        incomplete.map(|(f, _)| Refusal::ChallengeIncomplete { field: path(&["challenge", f]) }).collect();
    // What is not known to be outside health counts as health.
    if concerns_health != Some(false) && in_programme(facts.broker.as_ref(), today, starts_on.zip(ends_on)) {
        refusals.push(Refusal::BrokerInChallengeProgramme);
    }
    refusals
}

/// Whether a broker is enrolled on a day, or on any day of a period.
fn in_programme(broker: Option<&broker::Model>, today: NaiveDate, period: Option<(Day, Day)>) -> bool {
    let Some((from, to)) = broker.and_then(|b| Some((b.programme_from?, b.programme_to))) else { return false };
    let overlaps = |first: NaiveDate, last: NaiveDate| from <= last && to.is_none_or(|to| first <= to);
    overlaps(today, today) || period.is_some_and(|(first, last)| overlaps(first.0, last.0))
}

/// O-10: within the year and before its closing date.
fn closing(order: &order::Model, facts: &Facts, today: NaiveDate) -> Vec<Refusal> {
    let not_open = Refusal::YearNotOpen { year: order.year };
    let Some(year) = &facts.year else { return vec![not_open] };
    if let Some(refusal) = year_closed(year) {
        return vec![refusal];
    }
    if year.status == BudgetYearStatus::Planned || today.year() < year.year {
        return vec![not_open];
    }
    let closed_on = match order.kind {
        OrderKind::Standard => year.standard_closes_on,
        OrderKind::Custom => year.custom_closes_on,
    };
    let mut refusals = Vec::new();
    if today > closed_on {
        refusals.push(Refusal::SubmissionClosed { closed_on });
    }
    if facts.envelopes.delegate.is_none() {
        refusals.push(Refusal::NotAllocated { year: order.year });
    }
    refusals
}

/// B-10: nothing of a closed year changes any more.
#[must_use]
pub fn year_closed(year: &budget_year::Model) -> Option<Refusal> {
    (year.status == BudgetYearStatus::Closed).then_some(Refusal::YearClosed { year: year.year })
}

/// B-5: a broken maximum refuses the submission.
fn split_maximum(order: &order::Model, facts: &Facts) -> Option<Refusal> {
    let family = family(order);
    let maximum = facts.judge(family, own_share(order))?.maximum?;
    Some(Refusal::SplitMaximum { family, available: maximum.still_orderable })
}

/// The delegation's share of an order, as far as it can be computed.
#[must_use]
pub fn own_share(order: &order::Model) -> Money {
    shares(order).delegation().at_least_zero()
}

/// O-20: why the regional manager has to see the order; none: it skips them.
#[must_use]
pub fn rr_reasons(order: &order::Model, facts: &Facts) -> Vec<RrReason> {
    let mut reasons = BTreeSet::new();
    let threshold = facts.year.as_ref().map_or(Money::ZERO, |year| match order.kind {
        OrderKind::Standard => year.auto_standard_below,
        OrderKind::Custom => year.auto_custom_below,
    });
    if order.total >= threshold {
        reasons.insert(RrReason::AboveThreshold);
    }
    if order.rr_share > Money::ZERO {
        reasons.insert(RrReason::RrShare);
    }
    if facts.other_open_orders > 0 {
        reasons.insert(RrReason::SeveralOrdersForBroker);
    }
    let verdict = facts.judge(family(order), own_share(order));
    if verdict.as_ref().is_some_and(|v| v.deficit.is_some()) {
        reasons.insert(RrReason::BudgetDeficit);
    }
    if verdict.as_ref().is_some_and(|v| v.minimum.is_some()) {
        reasons.insert(RrReason::SplitMinimum);
    }
    reasons.into_iter().collect()
}

/// B-5 where a delegate's use rises: everything that the envelope refuses.
#[must_use]
pub fn budget_refusals(order: &order::Model, facts: &Facts, rise: Money) -> Vec<Refusal> {
    let family = family(order);
    let Some(verdict) = facts.judge(family, rise) else { return vec![Refusal::NotAllocated { year: order.year }] };
    let Verdict { maximum, deficit, minimum } = verdict;
    let mut refusals = Vec::new();
    refusals.extend(maximum.map(|m| Refusal::SplitMaximum { family, available: m.still_orderable }));
    refusals.extend(deficit.map(|d| Refusal::BudgetDeficit { short_by: d.short_by, to_move: d.to_move }));
    refusals.extend(minimum.map(|m| Refusal::SplitMinimum { held_back: m.held_back, to_move: m.to_move }));
    refusals
}

/// O-21: what the regional manager's envelope refuses.
#[must_use]
pub fn rr_budget_refusal(facts: &Facts, rise: Money) -> Option<Refusal> {
    if rise <= Money::ZERO {
        return None;
    }
    let available = facts.envelopes.region.as_ref().map_or(Money::ZERO, |e| Position::from(e).available());
    (rise > available).then_some(Refusal::RrBudgetDeficit { available: available.at_least_zero() })
}

/// A draft of catalogue articles with today's prices: frozen when it is submitted (O-1).
#[must_use]
pub fn priced(order: &order::Model, facts: &Facts) -> order::Model {
    if order.kind == OrderKind::Custom {
        return order.clone();
    }
    // A line beyond all range makes a total beyond it, which is refused.
    let beyond = Money::LIMIT + Money::LIMIT;
    let cost = |line: &_| {
        let order_line::Model { unit_price, quantity, .. } = at_todays_price(line);
        unit_price.times(quantity).unwrap_or(beyond)
    };
    let total: Money = facts.lines.iter().map(cost).sum();
    with_shares(order.clone(), Shares { total, ..shares(order) })
}

/// A draft's line with its article's price of today.
#[must_use]
pub fn at_todays_price((line, article): &(order_line::Model, Option<article::Model>)) -> order_line::Model {
    let unit_price = article.as_ref().map_or(line.unit_price, |article| article.unit_price);
    order_line::Model { unit_price, ..line.clone() }
}

/// An order as the rules see it: a draft has today's prices.
#[must_use]
pub fn seen(order: &order::Model, facts: &Facts) -> order::Model {
    if order.status == OrderStatus::Draft { priced(order, facts) } else { order.clone() }
}

/// The order with other shares; the delegation's is the rest (O-2).
#[must_use]
pub fn with_shares(order: order::Model, shares: Shares) -> order::Model {
    order::Model {
        total: shares.total,
        rr_share: shares.rr,
        partner_share: shares.partner,
        delegation_share: shares.delegation().at_least_zero(),
        ..order
    }
}

/// What moves on the envelopes when an order changes (B-3): it follows from what the order has
/// committed before and after, and from its cost when it is completed (O-25).
#[must_use]
pub fn postings(before: &order::Model, after: &order::Model, envelopes: &Envelopes) -> Vec<Posting> {
    let family = family(before);
    let mut postings = Vec::new();
    let mut post = |envelope: Option<&envelope::Model>, family, kind, amount: Money| {
        postings.extend(envelope.and_then(|e| Posting::new(e.id, kind, family, amount.at_least_zero())));
    };
    let (own, region) = (envelopes.delegate.as_ref(), envelopes.region.as_ref());
    post(own, Some(family), LedgerKind::Release, before.committed - after.committed);
    post(own, Some(family), LedgerKind::Commitment, after.committed - before.committed);
    post(region, None, LedgerKind::Release, before.rr_committed - after.rr_committed);
    post(region, None, LedgerKind::Commitment, after.rr_committed - before.rr_committed);
    if let (None, Some(cost)) = (before.actual_cost, after.actual_cost) {
        let spent = shares(before).at_actual_cost(cost);
        post(own, Some(family), LedgerKind::Consumption, spent.delegation());
        post(region, None, LedgerKind::Consumption, spent.rr);
    }
    postings
}
