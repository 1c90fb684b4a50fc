//! What became of a quarter's open deals between two moments, deal by deal (P-22). Pure.
//!
//! ```text
//! open before + new + moved in + grown − shrunk − won − lost − moved out = open after
//! ```

use std::collections::BTreeMap;

use ::entity::vocabulary::{ForecastCategory, Money, OpportunityId, OppyStage, WaterfallKind};

use super::rules::{counts_as, is_stopped, plus};

/// A deal as it was at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DealAt {
    /// Which deal.
    pub opportunity: OpportunityId,
    /// Whether it was in the quarter and the scope that are looked at.
    pub is_inside: bool,
    /// Where it stood.
    pub stage: OppyStage,
    /// How it was forecast.
    pub category: ForecastCategory,
    /// What it was worth.
    pub amount: Money,
}

/// A line of the waterfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which deal.
    pub opportunity: OpportunityId,
    /// What became of it.
    pub kind: WaterfallKind,
    /// By how much what is open changed; never zero.
    pub amount: Money,
}

/// Where a deal is, as the waterfall sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    /// In pipeline, best case or commit of the quarter and scope.
    Open,
    /// Signed, in the quarter and scope.
    Won,
    /// Stopped, in the quarter and scope.
    Lost,
    /// In another quarter, out of scope, omitted or on hold.
    Elsewhere,
}

impl DealAt {
    fn seat(&self) -> Seat {
        match counts_as(self.stage, self.category) {
            _ if !self.is_inside => Seat::Elsewhere,
            Some(ForecastCategory::Closed) => Seat::Won,
            Some(_) => Seat::Open,
            None if is_stopped(self.stage) => Seat::Lost,
            None => Seat::Elsewhere,
        }
    }
}

/// What is open among some deals.
#[must_use]
pub fn open(deals: &[DealAt]) -> Money {
    let open = deals.iter().filter(|deal| deal.seat() == Seat::Open);
    open.map(|deal| deal.amount).fold(Money::ZERO, plus)
}

/// What became of the deals between two moments, given as they were at each; deal by deal, in the order of
/// their keys. Of one deal: how it came, how its amount changed, how it went.
#[must_use]
pub fn waterfall(before: &[DealAt], after: &[DealAt]) -> Vec<Change> {
    let mut deals: BTreeMap<OpportunityId, [Option<&DealAt>; 2]> = BTreeMap::new();
    for deal in before {
        deals.entry(deal.opportunity).or_default()[0] = Some(deal);
    }
    for deal in after {
        deals.entry(deal.opportunity).or_default()[1] = Some(deal);
    }
    let lines = deals.into_iter().flat_map(|(opportunity, [before, after])| {
        let lines = between(before, after).into_iter().flatten();
        lines.map(move |(kind, amount)| Change { opportunity, kind, amount })
    });
    lines.filter(|line| line.amount != Money::ZERO).collect()
}

type Line = Option<(WaterfallKind, Money)>;

fn between(before: Option<&DealAt>, after: Option<&DealAt>) -> [Line; 2] {
    use WaterfallKind::{Lost, MovedIn, MovedOut, New, Won};
    let was_signed = before.is_some_and(|deal| deal.stage.is_signed());
    let arrival = if before.is_some() { MovedIn } else { New };
    let worth = |deal: Option<&DealAt>| deal.map_or(Money::ZERO, |deal| deal.amount);
    let (was, is) = (worth(before), worth(after));
    match (before.map(DealAt::seat), after.map(DealAt::seat)) {
        (Some(Seat::Open), Some(Seat::Open)) => [by_amount(was, is), None],
        (Some(Seat::Open), Some(Seat::Won)) => [by_amount(was, is), Some((Won, -is))],
        (Some(Seat::Open), Some(Seat::Lost)) => [by_amount(was, is), Some((Lost, -is))],
        (Some(Seat::Open), Some(Seat::Elsewhere)) => [by_amount(was, is), Some((MovedOut, -is))],
        (Some(Seat::Open), None) => [None, Some((MovedOut, -was))],
        (None | Some(Seat::Won | Seat::Lost | Seat::Elsewhere), Some(Seat::Open)) => [Some((arrival, is)), None],
        (None | Some(Seat::Lost | Seat::Elsewhere), Some(Seat::Won)) if !was_signed => {
            [Some((arrival, is)), Some((Won, -is))]
        }
        (
            None | Some(Seat::Won | Seat::Lost | Seat::Elsewhere),
            None | Some(Seat::Won | Seat::Lost | Seat::Elsewhere),
        ) => [None, None],
    }
}

fn by_amount(was: Money, is: Money) -> Line {
    let kind = if is > was { WaterfallKind::Grown } else { WaterfallKind::Shrunk };
    Some((kind, Money(is.0.saturating_sub(was.0))))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn deal(opportunity: i64, stage: OppyStage, category: ForecastCategory, euros: i64) -> DealAt {
        let opportunity = OpportunityId(opportunity);
        DealAt { opportunity, is_inside: true, stage, category, amount: Money::euros(euros) }
    }

    fn told(before: &[DealAt], after: &[DealAt]) -> Vec<(WaterfallKind, i64)> {
        waterfall(before, after).into_iter().map(|line| (line.kind, line.amount.0 / 100)).collect()
    }

    #[test]
    fn p22_each_kind_of_change_has_its_line() {
        use ForecastCategory::{BestCase, Closed, Commit, Omitted, Pipeline};
        use OppyStage::{Dismissed, Lost, Negotiation, NoGo, OnHold, Proposition, Won};
        use WaterfallKind as K;
        let outside = |deal: DealAt| DealAt { is_inside: false, ..deal };
        let was = deal(1, Proposition, Pipeline, 100);
        let one = |after: DealAt| told(&[was], &[after]);
        assert_eq!(one(deal(1, Negotiation, Commit, 100)), []);
        assert_eq!(one(deal(1, Negotiation, BestCase, 130)), [(K::Grown, 30)]);
        assert_eq!(one(deal(1, Negotiation, BestCase, 90)), [(K::Shrunk, -10)]);
        assert_eq!(one(deal(1, Won, Closed, 130)), [(K::Grown, 30), (K::Won, -130)]);
        for stop in [Lost, NoGo, Dismissed] {
            assert_eq!(one(deal(1, stop, Pipeline, 100)), [(K::Lost, -100)]);
        }
        assert_eq!(one(deal(1, Proposition, Omitted, 100)), [(K::MovedOut, -100)]);
        assert_eq!(one(deal(1, OnHold, Pipeline, 100)), [(K::MovedOut, -100)]);
        assert_eq!(one(outside(deal(1, Won, Closed, 100))), [(K::MovedOut, -100)]);
        assert_eq!(told(&[], &[was]), [(K::New, 100)]);
        assert_eq!(told(&[], &[deal(1, Won, Closed, 80)]), [(K::New, 80), (K::Won, -80)]);
        assert_eq!(told(&[], &[deal(1, Lost, Pipeline, 80)]), [], "no net change, no line");
        for elsewhere in [outside(was), deal(1, OnHold, Pipeline, 1), deal(1, Proposition, Omitted, 1)] {
            assert_eq!(told(&[elsewhere], &[was]), [(K::MovedIn, 100)]);
            assert_eq!(told(&[elsewhere], &[deal(1, Won, Closed, 80)]), [(K::MovedIn, 80), (K::Won, -80)]);
        }
        assert_eq!(told(&[deal(1, Lost, Pipeline, 100)], &[was]), [(K::MovedIn, 100)], "reopened");
        assert_eq!(told(&[deal(1, Won, Closed, 80)], &[deal(1, Lost, Closed, 80)]), [], "annulled");
        assert_eq!(told(&[outside(deal(1, Won, Closed, 80))], &[deal(1, Won, Closed, 80)]), [], "signed before");
    }

    fn deals() -> impl Strategy<Value = Vec<DealAt>> {
        let one = (1..20_i64, any::<bool>(), select(OppyStage::ALL), select(ForecastCategory::ALL), 0..500_i64);
        vec(one, 0..30).prop_map(|all| {
            let deals = all.into_iter().map(|(key, is_inside, stage, category, cents)| DealAt {
                opportunity: OpportunityId(key),
                is_inside,
                stage,
                category,
                amount: Money(cents),
            });
            let unique: BTreeMap<_, _> = deals.map(|deal| (deal.opportunity, deal)).collect();
            unique.into_values().collect()
        })
    }

    proptest! {
        #[test]
        fn p22_start_and_lines_make_the_end(before in deals(), after in deals()) {
            use WaterfallKind::{Grown, MovedIn, New};
            let lines = waterfall(&before, &after);
            let sum: Money = lines.iter().map(|line| line.amount).sum();
            prop_assert_eq!(open(&before) + sum, open(&after));
            prop_assert!(lines.iter().all(|line| line.amount != Money::ZERO));
            let rises = |line: &Change| matches!(line.kind, New | MovedIn | Grown);
            prop_assert!(lines.iter().all(|line| (line.amount > Money::ZERO) == rises(line)));
            prop_assert!(waterfall(&before, &before).is_empty());
        }
    }
}
