//! What an envelope allows: the split between families, sharing out, allocation pro rata (B-2 to B-6).
//!
//! Pure and exact. An amount is a whole number of cents and a limit a whole number of hundredths of a
//! percent, so every limit on an allocation is a whole number of *shares*, ten thousandths of a cent, and
//! is compared as such in an `i128`. Where a limit is told in cents it is rounded to the side that changes
//! no answer: amounts are whole cents, so staying within a maximum is staying within it rounded down, and
//! leaving a minimum is leaving it rounded up.

use std::cmp::Reverse;

use ::entity::{
    budgets::{budget_year, envelope},
    vocabulary::{ActionType, BudgetFamily, Money, OrderKind},
};

/// One hundred percent, in hundredths of a percent; also the number of shares in a cent.
const WHOLE: i128 = 10_000;

/// How a delegate's allocation is split in a budget year (B-5). All in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most of the allocation that refunds may take.
    pub refund_maximum: i32,
    /// Most of the allocation that gift cheques may take.
    pub gift_cheques_maximum: i32,
    /// Least of the allocation kept for the other custom actions.
    pub custom_minimum: i32,
    /// Least of the allocation kept for catalogue orders.
    pub standard_minimum: i32,
}

/// An envelope's balances, in euros (B-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// What was given, moved and clawed back.
    pub allocated: Money,
    /// What is promised to orders.
    pub committed: Money,
    /// What is spent.
    pub consumed: Money,
    /// Committed and consumed, by family.
    pub used: UseByFamily,
}

/// What each family has committed and consumed, in euros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UseByFamily {
    /// Refunds.
    pub refund: Money,
    /// Gift cheques.
    pub gift_cheques: Money,
    /// The other custom actions.
    pub custom: Money,
    /// Catalogue orders.
    pub standard: Money,
}

/// What stands against one more order on a delegate's envelope (B-5): every rule that it breaks, each
/// judged by itself.
#[must_use]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// `SPLIT_MAXIMUM`, which refuses a submission.
    pub maximum: Option<SplitMaximum>,
    /// `BUDGET_DEFICIT`, which sends a submission to the regional manager, uncommitted.
    pub deficit: Option<BudgetDeficit>,
    /// `SPLIT_MINIMUM`, which sends a submission to the regional manager, uncommitted.
    pub minimum: Option<SplitMinimum>,
}

/// The order would take its family above its maximum (B-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitMaximum {
    /// What could still be ordered in the family.
    pub still_orderable: Money,
}

/// The order is above what the envelope has left (B-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetDeficit {
    /// By how much.
    pub short_by: Money,
    /// The least amount which, moved in, makes room for the order and for the minima of the allocation
    /// that it raises. `None` where no amount does, the minima growing as fast as the allocation.
    pub to_move: Option<Money>,
}

/// What the order would leave does not cover the minima that the other families have yet to reach (B-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitMinimum {
    /// What the other families have yet to reach, rounded up.
    pub held_back: Money,
    /// As in [`BudgetDeficit::to_move`].
    pub to_move: Option<Money>,
}

/// Why money cannot leave an envelope (B-6). `at_most` is the largest amount that breaks no rule at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveRefusal {
    /// The envelope would fall below what it has committed and consumed.
    BelowCommitted {
        /// What could be moved.
        at_most: Money,
    },
    /// A family would be above its maximum of the new allocation.
    SplitMaximum {
        /// That family.
        family: BudgetFamily,
        /// What could be moved.
        at_most: Money,
    },
    /// What would be left does not cover the minima, of the new allocation, yet to be reached.
    SplitMinimum {
        /// What could be moved.
        at_most: Money,
    },
}

/// Where a family stands within its limit, for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corridor {
    /// Committed and consumed.
    pub used: Money,
    /// The family's maximum rounded down, or its minimum rounded up; `None` where it has neither.
    pub limit: Option<Money>,
    /// What could still be ordered in the family.
    pub still_orderable: Money,
}

/// A delegate's objective, by which a year's budget is shared out (B-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objective<'a> {
    /// The delegate's code, which decides ties; no two are the same.
    pub code: &'a str,
    /// The objective, in euros.
    pub weight: Money,
}

impl Limits {
    /// The most of the allocation that a family may take, in hundredths of a percent, where it is limited.
    #[must_use]
    pub const fn maximum(&self, family: BudgetFamily) -> Option<i32> {
        match family {
            BudgetFamily::Refund => Some(self.refund_maximum),
            BudgetFamily::GiftCheques => Some(self.gift_cheques_maximum),
            BudgetFamily::Custom | BudgetFamily::Standard => None,
        }
    }

    /// The least of the allocation kept for a family, in hundredths of a percent.
    #[must_use]
    pub const fn minimum(&self, family: BudgetFamily) -> i32 {
        match family {
            BudgetFamily::Refund | BudgetFamily::GiftCheques => 0,
            BudgetFamily::Custom => self.custom_minimum,
            BudgetFamily::Standard => self.standard_minimum,
        }
    }
}

impl From<&budget_year::Model> for Limits {
    fn from(year: &budget_year::Model) -> Self {
        Self {
            refund_maximum: year.refund_maximum,
            gift_cheques_maximum: year.gift_cheques_maximum,
            custom_minimum: year.custom_minimum,
            standard_minimum: year.standard_minimum,
        }
    }
}

impl Position {
    /// What is neither committed nor consumed.
    #[must_use]
    pub fn available(&self) -> Money {
        self.allocated - self.committed - self.consumed
    }

    /// What a family has committed and consumed.
    #[must_use]
    pub const fn used(&self, family: BudgetFamily) -> Money {
        match family {
            BudgetFamily::Refund => self.used.refund,
            BudgetFamily::GiftCheques => self.used.gift_cheques,
            BudgetFamily::Custom => self.used.custom,
            BudgetFamily::Standard => self.used.standard,
        }
    }

    /// A percentage of the allocation, in shares.
    fn portion(&self, hundredths: i32) -> i128 {
        i128::from(self.allocated.0) * i128::from(hundredths)
    }
}

impl From<&envelope::Model> for Position {
    fn from(envelope: &envelope::Model) -> Self {
        Self {
            allocated: envelope.allocated,
            committed: envelope.committed,
            consumed: envelope.consumed,
            used: UseByFamily {
                refund: envelope.used_refund,
                gift_cheques: envelope.used_gift_cheques,
                custom: envelope.used_custom,
                standard: envelope.used_standard,
            },
        }
    }
}

impl Verdict {
    /// Whether nothing stands against the order: it may be committed.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.maximum.is_none() && self.deficit.is_none() && self.minimum.is_none()
    }
}

/// The family whose limits an order counts against: four, "custom" being every action but refunds and
/// gift cheques. A custom order that does not say yet what it is for counts as custom.
#[must_use]
pub const fn family_of(kind: OrderKind, action: Option<ActionType>) -> BudgetFamily {
    match kind {
        OrderKind::Standard => BudgetFamily::Standard,
        OrderKind::Custom => match action {
            Some(ActionType::Refund) => BudgetFamily::Refund,
            Some(ActionType::GiftCheques) => BudgetFamily::GiftCheques,
            None
            | Some(
                ActionType::Mailing
                | ActionType::Leafleting
                | ActionType::Advertising
                | ActionType::PointOfSale
                | ActionType::StreetMarketing
                | ActionType::Sponsorship
                | ActionType::FileRental,
            ) => BudgetFamily::Custom,
        },
    }
}

/// Judges a rise of a family's use by the delegation's share of an order (B-4, B-5). An amount of zero, or
/// one that lowers the use, breaks nothing, however the envelope stands.
pub fn judge(position: &Position, limits: &Limits, family: BudgetFamily, amount: Money) -> Verdict {
    if amount <= Money::ZERO {
        return Verdict::default();
    }
    let used = i128::from(position.used(family).0) + i128::from(amount.0);
    let above_maximum = cap(position, limits, family).is_some_and(|cap| used > cap);
    let broken_maximum = || SplitMaximum { still_orderable: still_orderable(position, limits, family) };

    let held_back = unmet_minima(position, limits, Some(family));
    let left = i128::from(position.available().0) - i128::from(amount.0);
    let to_move = || amount_to_move(position, limits, family, amount);
    Verdict {
        maximum: above_maximum.then(broken_maximum),
        deficit: (left < 0).then(|| BudgetDeficit { short_by: saturating(-left), to_move: to_move() }),
        minimum: (held_back > left.max(0))
            .then(|| SplitMinimum { held_back: saturating(held_back), to_move: to_move() }),
    }
}

/// The largest order that a family's maximum, the envelope and the other families' minima leave room for:
/// the smaller of (maximum − used) and (available − held back), rounded down, at least zero (B-5).
#[must_use]
pub fn still_orderable(position: &Position, limits: &Limits, family: BudgetFamily) -> Money {
    let room = i128::from(position.available().0) - unmet_minima(position, limits, Some(family));
    let below_cap = cap(position, limits, family).map(|cap| cap - i128::from(position.used(family).0));
    saturating(below_cap.map_or(room, |below_cap| below_cap.min(room)).max(0))
}

/// What the other families have yet to use to reach their minima, rounded up (B-5).
#[must_use]
pub fn held_back(position: &Position, limits: &Limits, family: BudgetFamily) -> Money {
    saturating(unmet_minima(position, limits, Some(family)))
}

/// Where a family stands within its limit (B-8).
#[must_use]
pub fn corridor(position: &Position, limits: &Limits, family: BudgetFamily) -> Corridor {
    let minimum = limits.minimum(family);
    let floor = (minimum > 0).then(|| cents_up(position.portion(minimum)));
    Corridor {
        used: position.used(family),
        limit: cap(position, limits, family).or(floor).map(saturating),
        still_orderable: still_orderable(position, limits, family),
    }
}

/// Whether an amount above zero may leave the donor's envelope (B-6). Only a delegate's envelope has
/// limits: the regional manager's and the pool pass `None`. A rule that is broken before the move, as after
/// a claw-back, stays broken by it and refuses it. The receiver needs no such check: its maxima rise with
/// its allocation, and its minima by no more than what it receives, being at most the whole together.
///
/// # Errors
/// Every rule that the new allocation would break, the maxima in the order of the families.
pub fn check_move(donor: &Position, limits: Option<&Limits>, amount: Money) -> Result<(), Vec<MoveRefusal>> {
    let at_most = most_to_move(donor, limits);
    let after = Position { allocated: donor.allocated - amount, ..*donor };
    let mut refusals = Vec::new();
    if after.available() < Money::ZERO {
        refusals.push(MoveRefusal::BelowCommitted { at_most });
    }
    if let Some(limits) = limits {
        let broken = BudgetFamily::ALL.iter().filter(|family| is_above_cap(&after, limits, **family));
        refusals.extend(broken.map(|&family| MoveRefusal::SplitMaximum { family, at_most }));
        if unmet_minima(&after, limits, None) > i128::from(after.available().0).max(0) {
            refusals.push(MoveRefusal::SplitMinimum { at_most });
        }
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

/// Shares a total out by objectives, to the cent (B-2): each gets total × own objective ÷ sum of
/// objectives rounded down, and the cents left over go one each by largest remainder, ties by code. The
/// parts come in the order of the objectives and add up to the total. `None` where the objectives add up
/// to nothing or one is negative.
#[must_use]
pub fn allocate(total: Money, objectives: &[Objective<'_>]) -> Option<Vec<Money>> {
    let sum: i128 = objectives.iter().map(|objective| i128::from(objective.weight.0)).sum();
    if sum == 0 || objectives.iter().any(|objective| objective.weight < Money::ZERO) {
        return None;
    }
    let product = |objective: &Objective<'_>| i128::from(total.0) * i128::from(objective.weight.0);
    let mut parts: Vec<i128> = objectives.iter().map(|objective| product(objective).div_euclid(sum)).collect();
    let left_over = i128::from(total.0) - parts.iter().sum::<i128>();

    let mut by_remainder: Vec<usize> = (0..objectives.len()).collect();
    by_remainder.sort_by_key(|&i| (Reverse(product(&objectives[i]).rem_euclid(sum)), objectives[i].code));
    for i in by_remainder.into_iter().take(usize::try_from(left_over).ok()?) {
        parts[i] += 1;
    }
    parts.into_iter().map(to_money).collect()
}

/// A family's maximum in cents, rounded down.
fn cap(position: &Position, limits: &Limits, family: BudgetFamily) -> Option<i128> {
    limits.maximum(family).map(|maximum| cents_down(position.portion(maximum)).max(0))
}

fn is_above_cap(position: &Position, limits: &Limits, family: BudgetFamily) -> bool {
    cap(position, limits, family).is_some_and(|cap| i128::from(position.used(family).0) > cap)
}

/// What the families but one have yet to use to reach their minima, together, in cents rounded up.
fn unmet_minima(position: &Position, limits: &Limits, except: Option<BudgetFamily>) -> i128 {
    let others = BudgetFamily::ALL.iter().filter(|family| Some(**family) != except);
    cents_up(others.map(|family| missing(position, limits, *family).max(0)).sum())
}

/// By how much a family is below its minimum, in shares; negative where it is above.
fn missing(position: &Position, limits: &Limits, family: BudgetFamily) -> i128 {
    position.portion(limits.minimum(family)) - WHOLE * i128::from(position.used(family).0)
}

/// The least amount which, moved in, lets an order pass deficit and minima; `None` where no amount does.
fn amount_to_move(position: &Position, limits: &Limits, family: BudgetFamily, amount: Money) -> Option<Money> {
    let changes = solve(room_conditions(position, limits, Some(family), amount))?;
    let least = changes.least.max(0);
    if least <= changes.most { to_money(least) } else { None }
}

/// The largest amount which, moved out, breaks no rule; zero where even less would.
fn most_to_move(donor: &Position, limits: Option<&Limits>) -> Money {
    let Some(limits) = limits else { return donor.available().at_least_zero() };
    let maxima = BudgetFamily::ALL.iter().filter_map(|family| maximum_condition(donor, limits, *family));
    let changes = solve(maxima.chain(room_conditions(donor, limits, None, Money::ZERO)));
    let least = changes.filter(|changes| changes.least <= changes.most.min(0)).map(|changes| changes.least);
    least.and_then(|least| to_money(-least)).unwrap_or(Money::ZERO)
}

/// A rule as a straight line over the change of an allocation in cents: it holds where
/// `slope × change + start ≥ 0`, in shares.
struct Condition {
    slope: i128,
    start: i128,
}

/// The changes of an allocation, in cents, that satisfy a set of conditions; none where `least > most`.
struct Changes {
    least: i128,
    most: i128,
}

/// "What an order leaves covers the minima that the other families have yet to reach" bends where a family
/// reaches its minimum. It is the same as one straight line for each set of these families: what is left
/// covers what they miss, counting as negative what some are ahead by. For the empty set it says that the
/// envelope is not overdrawn.
fn room_conditions(
    position: &Position,
    limits: &Limits,
    except: Option<BudgetFamily>,
    amount: Money,
) -> impl Iterator<Item = Condition> {
    let holds_back = |family: &&BudgetFamily| Some(**family) != except && limits.minimum(**family) > 0;
    let others: Vec<BudgetFamily> = BudgetFamily::ALL.iter().filter(holds_back).copied().collect();
    let left = WHOLE * (i128::from(position.available().0) - i128::from(amount.0));
    (0..1_u32 << others.len()).map(move |set| {
        let members = others.iter().enumerate().filter(|(i, _)| set & (1 << i) != 0).map(|(_, family)| *family);
        members.fold(Condition { slope: WHOLE, start: left }, |line, family| Condition {
            slope: line.slope - i128::from(limits.minimum(family)),
            start: line.start - missing(position, limits, family),
        })
    })
}

/// "A family stays within its maximum"; nothing where it has none.
fn maximum_condition(position: &Position, limits: &Limits, family: BudgetFamily) -> Option<Condition> {
    let maximum = limits.maximum(family)?;
    let start = position.portion(maximum) - WHOLE * i128::from(position.used(family).0);
    Some(Condition { slope: i128::from(maximum), start })
}

/// The changes for which every condition holds; `None` where one of them never does.
fn solve(conditions: impl Iterator<Item = Condition>) -> Option<Changes> {
    let mut changes = Changes { least: i128::MIN, most: i128::MAX };
    for Condition { slope, start } in conditions {
        if slope > 0 {
            changes.least = changes.least.max(-(start.div_euclid(slope)));
        } else if slope < 0 {
            changes.most = changes.most.min(start.div_euclid(-slope));
        } else if start < 0 {
            return None;
        }
    }
    Some(changes)
}

/// Whole cents of an amount in shares, rounded down.
const fn cents_down(shares: i128) -> i128 {
    shares.div_euclid(WHOLE)
}

/// Whole cents of an amount in shares, rounded up.
const fn cents_up(shares: i128) -> i128 {
    -((-shares).div_euclid(WHOLE))
}

fn to_money(cents: i128) -> Option<Money> {
    i64::try_from(cents).ok().map(Money)
}

/// For telling, never for deciding: only a percentage far above a hundred could leave the range.
fn saturating(cents: i128) -> Money {
    to_money(cents).unwrap_or(Money(if cents < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
#[expect(clippy::inconsistent_digit_grouping, reason = "1_234_56 is read as 1 234.56 €")]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use BudgetFamily::{Custom, GiftCheques, Refund, Standard};

    /// The limits that the specification ships: 30 %, 30 %, 30 %, 10 %.
    const SHIPPED: Limits =
        Limits { refund_maximum: 3000, gift_cheques_maximum: 3000, custom_minimum: 3000, standard_minimum: 1000 };

    /// A position, its use given as (refund, gift cheques, custom, standard), all of it committed.
    fn position(allocated: i64, used: [i64; 4]) -> Position {
        let [refund, gift_cheques, custom, standard] = used.map(Money);
        Position {
            allocated: Money(allocated),
            committed: used.map(Money).into_iter().sum(),
            consumed: Money::ZERO,
            used: UseByFamily { refund, gift_cheques, custom, standard },
        }
    }

    fn with_order(position: &Position, family: BudgetFamily, amount: Money) -> Position {
        let mut after = *position;
        after.committed += amount;
        match family {
            Refund => after.used.refund += amount,
            GiftCheques => after.used.gift_cheques += amount,
            Custom => after.used.custom += amount,
            Standard => after.used.standard += amount,
        }
        after
    }

    fn with_more(position: &Position, amount: i64) -> Position {
        Position { allocated: position.allocated + Money(amount), ..*position }
    }

    #[test]
    fn families_are_four() {
        assert_eq!(family_of(OrderKind::Standard, None), Standard);
        assert_eq!(family_of(OrderKind::Standard, Some(ActionType::Refund)), Standard);
        assert_eq!(family_of(OrderKind::Custom, None), Custom);
        for &action in ActionType::ALL {
            let expected = match action.code() {
                "REFUND" => Refund,
                "GIFT_CHEQUES" => GiftCheques,
                _ => Custom,
            };
            assert_eq!(family_of(OrderKind::Custom, Some(action)), expected);
        }
    }

    #[test]
    fn b5_a_maximum_is_reached_but_not_passed() {
        let fresh = position(1_000_00, [0; 4]);
        assert!(judge(&fresh, &SHIPPED, Refund, Money(300_00)).passes());
        let verdict = judge(&fresh, &SHIPPED, Refund, Money(300_01));
        assert_eq!(verdict.maximum, Some(SplitMaximum { still_orderable: Money(300_00) }));
        assert_eq!((verdict.deficit, verdict.minimum), (None, None));
        assert!(judge(&fresh, &SHIPPED, GiftCheques, Money(300_00)).passes());
        assert!(!judge(&fresh, &SHIPPED, GiftCheques, Money(300_01)).passes());
    }

    #[test]
    fn b5_a_maximum_is_compared_exactly() {
        // 30 % of 10.01 € is 3.003 €: three euros pass, one cent more does not.
        let odd = position(10_01, [0; 4]);
        assert!(judge(&odd, &SHIPPED, Refund, Money(3_00)).passes());
        assert!(judge(&odd, &SHIPPED, Refund, Money(3_01)).maximum.is_some());
        // A third, to the hundredth of a percent, of 300 € is 99.99 €.
        let thirds = Limits { refund_maximum: 3333, ..SHIPPED };
        assert!(judge(&position(300_00, [0; 4]), &thirds, Refund, Money(99_99)).passes());
        assert!(judge(&position(300_00, [0; 4]), &thirds, Refund, Money(100_00)).maximum.is_some());
    }

    #[test]
    fn b5_minima_of_the_other_families_are_held_back() {
        let fresh = position(1_000_00, [0; 4]);
        assert_eq!(held_back(&fresh, &SHIPPED, Custom), Money(100_00));
        assert_eq!(held_back(&fresh, &SHIPPED, Standard), Money(300_00));
        assert_eq!(held_back(&fresh, &SHIPPED, Refund), Money(400_00));
        assert!(judge(&fresh, &SHIPPED, Custom, Money(900_00)).passes());
        // Each cent moved in is kept for standard orders by a tenth: 12 cents make room for one more.
        let verdict = judge(&fresh, &SHIPPED, Custom, Money(900_10));
        let expected = SplitMinimum { held_back: Money(100_00), to_move: Some(Money(12)) };
        assert_eq!(verdict, Verdict { minimum: Some(expected), ..Verdict::default() });
        // What a family has used already is held back no more.
        assert_eq!(held_back(&position(1_000_00, [0, 0, 500_00, 40_00]), &SHIPPED, Refund), Money(60_00));
        // 40 % of 10.01 € is 4.004 €: what is left must be a whole cent more than four euros.
        assert_eq!(held_back(&position(10_01, [0; 4]), &SHIPPED, Refund), Money(4_01));
    }

    #[test]
    fn b4_a_deficit_says_how_much_is_missing_and_how_much_to_move() {
        // Everything that has a minimum has reached it, and would on twice the allocation.
        let full = position(1_000_00, [0, 0, 600_00, 400_00]);
        let verdict = judge(&full, &SHIPPED, Standard, Money(50_00));
        let expected = BudgetDeficit { short_by: Money(50_00), to_move: Some(Money(50_00)) };
        assert_eq!(verdict, Verdict { deficit: Some(expected), ..Verdict::default() });
        // Standard orders stand at their minimum exactly: a tenth of what moves in is kept for them.
        let level = position(1_000_00, [0, 0, 900_00, 100_00]);
        let verdict = judge(&level, &SHIPPED, Custom, Money(90_00));
        let expected = BudgetDeficit { short_by: Money(90_00), to_move: Some(Money(100_00)) };
        assert_eq!(verdict, Verdict { deficit: Some(expected), ..Verdict::default() });
    }

    #[test]
    fn every_broken_rule_is_told() {
        let verdict = judge(&position(1_000_00, [0; 4]), &SHIPPED, Refund, Money(1_100_00));
        assert_eq!(verdict.maximum, Some(SplitMaximum { still_orderable: Money(300_00) }));
        // 60 % of the new allocation must cover the order: 1 833.34 €.
        let to_move = Some(Money(833_34));
        assert_eq!(verdict.deficit, Some(BudgetDeficit { short_by: Money(100_00), to_move }));
        assert_eq!(verdict.minimum, Some(SplitMinimum { held_back: Money(400_00), to_move }));
    }

    #[test]
    fn minima_that_grow_with_every_cent_cannot_be_bought_off() {
        let greedy = Limits { custom_minimum: 6000, standard_minimum: 4000, ..SHIPPED };
        let verdict = judge(&position(1_000_00, [0; 4]), &greedy, Refund, Money(1));
        let expected = SplitMinimum { held_back: Money(1_000_00), to_move: None };
        assert_eq!(verdict, Verdict { minimum: Some(expected), ..Verdict::default() });
    }

    #[test]
    fn nothing_and_less_are_never_refused() {
        let broken = position(-5_00, [900_00, 900_00, 0, 0]);
        for &family in BudgetFamily::ALL {
            assert!(judge(&broken, &SHIPPED, family, Money::ZERO).passes());
            assert!(judge(&broken, &SHIPPED, family, Money(-1)).passes());
            assert_eq!(still_orderable(&broken, &SHIPPED, family), Money::ZERO);
        }
    }

    #[test]
    fn corridors_show_the_limit_in_whole_cents() {
        let odd = position(10_01, [1_00, 0, 2_00, 0]);
        let corridor = |family| corridor(&odd, &SHIPPED, family);
        let expected = |used, limit, still| Corridor {
            used: Money(used),
            limit: Some(Money(limit)),
            still_orderable: Money(still),
        };
        // Left: 7.01. Missing: custom 1.003, standard 1.001.
        assert_eq!(corridor(Refund), expected(1_00, 3_00, 2_00));
        assert_eq!(corridor(GiftCheques), expected(0, 3_00, 3_00));
        assert_eq!(corridor(Custom), expected(2_00, 3_01, 6_00));
        assert_eq!(corridor(Standard), expected(0, 1_01, 6_00));
        let free = Limits { standard_minimum: 0, ..SHIPPED };
        assert_eq!(super::corridor(&odd, &free, Standard).limit, None);
    }

    #[test]
    fn b6_a_donor_keeps_what_it_has_promised() {
        let donor = position(1_000_00, [0, 0, 300_00, 100_00]);
        assert_eq!(check_move(&donor, None, Money(600_00)), Ok(()));
        let at_most = Money(600_00);
        assert_eq!(check_move(&donor, None, Money(600_01)), Err(vec![MoveRefusal::BelowCommitted { at_most }]));
        assert_eq!(check_move(&donor, Some(&SHIPPED), at_most), Ok(()));
        assert_eq!(
            check_move(&donor, Some(&SHIPPED), Money(600_01)),
            Err(vec![MoveRefusal::BelowCommitted { at_most }])
        );
        // Families without use stay within any maximum, and what is not there cannot be held back.
        let at_most = Money(100_00);
        assert_eq!(
            check_move(&position(100_00, [0; 4]), Some(&SHIPPED), Money(100_01)),
            Err(vec![MoveRefusal::BelowCommitted { at_most }])
        );
    }

    #[test]
    fn b6_a_donor_keeps_within_its_split() {
        // 150 € of refunds need an allocation of 500 €.
        let refunds = position(1_000_00, [150_00, 0, 200_00, 50_00]);
        assert_eq!(check_move(&refunds, Some(&SHIPPED), Money(500_00)), Ok(()));
        let refusal = MoveRefusal::SplitMaximum { family: Refund, at_most: Money(500_00) };
        assert_eq!(check_move(&refunds, Some(&SHIPPED), Money(500_01)), Err(vec![refusal]));
        // Only refunds and gift cheques: 400 € used are 60 % of 666.67 €, the rest being the minima.
        let lopsided = position(1_000_00, [200_00, 200_00, 0, 0]);
        let at_most = Money(333_33);
        assert_eq!(check_move(&lopsided, Some(&SHIPPED), at_most), Ok(()));
        let least_broken = check_move(&lopsided, Some(&SHIPPED), Money(333_34));
        assert!(least_broken.unwrap_err().contains(&MoveRefusal::SplitMinimum { at_most }));
        assert_eq!(
            check_move(&lopsided, Some(&SHIPPED), Money(700_00)),
            Err(vec![
                MoveRefusal::BelowCommitted { at_most },
                MoveRefusal::SplitMaximum { family: Refund, at_most },
                MoveRefusal::SplitMaximum { family: GiftCheques, at_most },
                MoveRefusal::SplitMinimum { at_most },
            ])
        );
    }

    #[test]
    fn a_family_frozen_above_its_maximum_lets_nothing_go() {
        let frozen = position(1_000_00, [400_00, 0, 300_00, 100_00]);
        let refusal = MoveRefusal::SplitMaximum { family: Refund, at_most: Money::ZERO };
        assert_eq!(check_move(&frozen, Some(&SHIPPED), Money(1)), Err(vec![refusal]));
        assert!(judge(&frozen, &SHIPPED, Refund, Money(1)).maximum.is_some());
        assert!(judge(&frozen, &SHIPPED, Custom, Money(200_00)).passes());
    }

    #[test]
    fn b2_left_over_cents_go_by_remainder_then_code() {
        let objectives = |weights: &[(&'static str, i64)]| -> Vec<Objective<'static>> {
            weights.iter().map(|&(code, weight)| Objective { code, weight: Money(weight) }).collect()
        };
        let cents = |parts: &[i64]| Some(parts.iter().copied().map(Money).collect::<Vec<_>>());
        assert_eq!(allocate(Money(100), &objectives(&[("C", 1), ("A", 1), ("B", 1)])), cents(&[33, 34, 33]));
        assert_eq!(allocate(Money(100), &objectives(&[("A", 1), ("B", 2), ("C", 0)])), cents(&[33, 67, 0]));
        assert_eq!(allocate(Money(0), &objectives(&[("A", 1), ("B", 2)])), cents(&[0, 0]));
        let huge = objectives(&[("A", i64::MAX), ("B", i64::MAX)]);
        assert_eq!(allocate(Money(i64::MAX), &huge), cents(&[i64::MAX / 2 + 1, i64::MAX / 2]));
        assert_eq!(allocate(Money(100), &objectives(&[])), None);
        assert_eq!(allocate(Money(100), &objectives(&[("A", 0)])), None);
        assert_eq!(allocate(Money(100), &objectives(&[("A", 3), ("B", -1)])), None);
    }

    /// Limits with minima that a whole allocation can meet.
    fn any_limits() -> impl Strategy<Value = Limits> {
        let shipped = Just(SHIPPED);
        let free = (0..=10_000_i32, 0..=10_000_i32, 0..=10_000_i32, 0..=10_000_i32).prop_map(
            |(refund_maximum, gift_cheques_maximum, custom_minimum, rest)| Limits {
                refund_maximum,
                gift_cheques_maximum,
                custom_minimum,
                standard_minimum: rest.min(10_000 - custom_minimum),
            },
        );
        prop_oneof![shipped, free]
    }

    /// Limits whatever they are, minima of more than the whole included.
    fn any_nonsense() -> impl Strategy<Value = Limits> {
        (0..=12_000_i32, 0..=12_000_i32, 0..=12_000_i32, 0..=12_000_i32).prop_map(
            |(refund_maximum, gift_cheques_maximum, custom_minimum, standard_minimum)| Limits {
                refund_maximum,
                gift_cheques_maximum,
                custom_minimum,
                standard_minimum,
            },
        )
    }

    /// Small positions, in order or not, partly consumed.
    fn any_position() -> impl Strategy<Value = Position> {
        (0..400_i64, [0..80_i64, 0..80, 0..200, 0..100], 0..=100_i64).prop_map(|(allocated, used, spent)| {
            let mut position = position(allocated, used);
            position.consumed = Money(position.committed.0 * spent / 100);
            position.committed -= position.consumed;
            position
        })
    }

    fn any_family() -> impl Strategy<Value = BudgetFamily> {
        select(BudgetFamily::ALL)
    }

    /// The rules told again, in shares, with nothing rounded: (maximum kept, not overdrawn, minima left).
    fn told_again(after: &Position, limits: &Limits, ordered: Option<BudgetFamily>) -> (bool, bool, bool) {
        let portion = |percentage: i32| i128::from(after.allocated.0) * i128::from(percentage);
        let used = |family| i128::from(after.used(family).0) * 10_000;
        let judged = |family: BudgetFamily| ordered.is_none_or(|ordered| ordered == family);
        let kept = |family, maximum| !judged(family) || used(family) <= portion(maximum);
        let missing = |family, minimum| {
            if ordered == Some(family) { 0 } else { (portion(minimum) - used(family)).max(0) }
        };
        let owed = missing(Custom, limits.custom_minimum) + missing(Standard, limits.standard_minimum);
        let left = i128::from(after.available().0) * 10_000;
        let maxima = kept(Refund, limits.refund_maximum) && kept(GiftCheques, limits.gift_cheques_maximum);
        (maxima, left >= 0, owed == 0 || left >= owed)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_verdict_says_what_exact_fractions_say(
            before in any_position(), limits in any_nonsense(), family in any_family(), amount in 1..300_i64,
        ) {
            let verdict = judge(&before, &limits, family, Money(amount));
            let after = with_order(&before, family, Money(amount));
            let (maximum, deficit, minimum) = told_again(&after, &limits, Some(family));
            prop_assert_eq!(
                (verdict.maximum.is_none(), verdict.deficit.is_none(), verdict.minimum.is_none()),
                (maximum, deficit, minimum)
            );
        }

        #[test]
        fn accepted_orders_never_break_what_held(
            allocated in 0..2_000_00_i64,
            limits in any_limits(),
            orders in vec((any_family(), 1..600_00_i64), 0..40),
        ) {
            let mut envelope = position(allocated, [0; 4]);
            for (family, amount) in orders {
                if judge(&envelope, &limits, family, Money(amount)).passes() {
                    envelope = with_order(&envelope, family, Money(amount));
                }
                prop_assert_eq!(told_again(&envelope, &limits, None), (true, true, true));
            }
        }

        #[test]
        fn still_orderable_is_tight(before in any_position(), limits in any_nonsense(), family in any_family()) {
            let most = still_orderable(&before, &limits, family);
            prop_assert!(judge(&before, &limits, family, most).passes());
            prop_assert!(!judge(&before, &limits, family, most + Money(1)).passes());
        }

        #[test]
        fn to_move_is_the_first_amount_that_is_enough(
            before in any_position(), limits in any_nonsense(), family in any_family(), amount in 1..300_i64,
        ) {
            let verdict = judge(&before, &limits, family, Money(amount));
            let told = verdict.deficit.map(|d| d.to_move).or(verdict.minimum.map(|m| m.to_move));
            let enough = |moved: i64| {
                let after = with_order(&with_more(&before, moved), family, Money(amount));
                matches!(told_again(&after, &limits, Some(family)), (_, true, true))
            };
            match told {
                None => prop_assert!(enough(0)),
                Some(None) => prop_assert!(!(0..2_000).chain([1_000_000, 1_000_000_000]).any(enough)),
                Some(Some(Money(least))) if least <= 2_000 => {
                    prop_assert_eq!((0..=2_000).find(|moved| enough(*moved)), Some(least));
                }
                Some(Some(Money(least))) => prop_assert!(enough(least) && !enough(least - 1) && !(0..2_000).any(enough)),
            }
        }

        #[test]
        fn what_may_leave_is_tight(donor in any_position(), limits in any_limits(), amount in 1..500_i64) {
            let holds = |moved: i64| told_again(&with_more(&donor, -moved), &limits, None) == (true, true, true);
            let most = (0..=500_i64).rev().find(|moved| holds(*moved)).unwrap_or(0);
            match check_move(&donor, Some(&limits), Money(amount)) {
                Ok(()) => prop_assert!(holds(amount) && amount <= most),
                Err(refusals) => {
                    prop_assert!(!holds(amount) && amount > most && !refusals.is_empty());
                    for refusal in refusals {
                        let (MoveRefusal::BelowCommitted { at_most }
                        | MoveRefusal::SplitMaximum { at_most, family: _ }
                        | MoveRefusal::SplitMinimum { at_most }) = refusal;
                        prop_assert_eq!(at_most, Money(most));
                    }
                }
            }
        }

        #[test]
        fn what_is_received_breaks_nothing(before in any_position(), limits in any_limits(), amount in 1..500_i64) {
            let (maxima, solvent, minima) = told_again(&before, &limits, None);
            prop_assume!(solvent);
            let after = told_again(&with_more(&before, amount), &limits, None);
            prop_assert!(after.0 >= maxima && after.1 && after.2 >= minima);
        }

        #[test]
        fn an_allocation_is_exact_fair_and_blind_to_order(
            total in 0..10_000_000_00_i64,
            weights in vec(0..50_000_00_i64, 1..60),
            turn in 0..60_usize,
        ) {
            let codes: Vec<String> = (0..weights.len()).map(|i| format!("D{i:02}")).collect();
            let objective = |(code, weight): (&'_ String, &i64)| (code.clone(), Money(*weight));
            let mut pairs: Vec<(String, Money)> = codes.iter().zip(&weights).map(objective).collect();
            let run = |pairs: &[(String, Money)]| {
                let given: Vec<_> = pairs.iter().map(|(code, weight)| Objective { code, weight: *weight }).collect();
                allocate(Money(total), &given)
            };
            let sum: i128 = weights.iter().map(|w| i128::from(*w)).sum();
            prop_assume!(sum > 0);
            let parts = run(&pairs).unwrap();
            prop_assert_eq!(parts.iter().copied().sum::<Money>(), Money(total));
            for (part, weight) in parts.iter().zip(&weights) {
                let off = i128::from(part.0) * sum - i128::from(total) * i128::from(*weight);
                prop_assert!(off.abs() < sum, "a whole cent away from the exact share");
            }
            let by_turns = turn % pairs.len();
            let mut turned = parts.clone();
            turned.rotate_left(by_turns);
            pairs.rotate_left(by_turns);
            prop_assert_eq!(run(&pairs), Some(turned.clone()));
            pairs.reverse();
            turned.reverse();
            prop_assert_eq!(run(&pairs), Some(turned));
        }
    }
}
