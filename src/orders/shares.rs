//! The money of an order: who pays which part, and how the parts shrink and grow.
//!
//! Two shares are entered, the regional manager's and the partner's; the delegation's is always the
//! rest (O-2). A partner share touches no envelope.

use ::entity::vocabulary::Money;

/// An order's total and the two shares entered beside it, in euros (O-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Everything together.
    pub total: Money,
    /// What the regional manager's envelope pays.
    pub rr: Money,
    /// What the partner pays.
    pub partner: Money,
}

/// Why shares cannot stand beside their total (O-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidShares {
    /// The total or a share is below zero.
    Negative,
    /// The shares exceed the total: the delegation's would be below zero.
    AboveTotal,
}

/// Why an order cannot be lowered as asked (O-22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoweringRefusal {
    /// The new total is above the present one.
    TotalRaised,
    /// The new total is below one cent.
    TotalTooLow,
    /// A share would rise, is below zero, or the shares exceed the new total.
    SharesInvalid,
}

/// The lowest total to which an order can be lowered (O-22).
const LOWEST_TOTAL: Money = Money(1);

impl Shares {
    /// What the owner's envelope pays: the total without the two other shares (O-2).
    #[must_use]
    pub fn delegation(&self) -> Money {
        self.total - self.rr - self.partner
    }

    /// Whether the three amounts can be an order's: none negative, the delegation's share included (O-2).
    ///
    /// # Errors
    /// The first of the two things that can be wrong. A total of zero is valid here: drafts have it.
    pub fn validate(&self) -> Result<(), InvalidShares> {
        if [self.total, self.rr, self.partner].iter().any(|part| *part < Money::ZERO) {
            Err(InvalidShares::Negative)
        } else if self.exceed_total() {
            Err(InvalidShares::AboveTotal)
        } else {
            Ok(())
        }
    }

    /// The shares at a lower total, the partner's shrinking first, then the regional manager's, then the
    /// delegation's (O-22).
    ///
    /// # Errors
    /// A total that rises or falls below one cent.
    pub fn lower_to(self, new_total: Money) -> Result<Self, LoweringRefusal> {
        self.check_lowered_total(new_total).map(|()| self.shrunk_to(new_total))
    }

    /// The shares that the delegation itself chose for a lower total (O-22). None of the three may rise,
    /// the delegation's neither: nothing of what is lowered is shifted onto another envelope.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of [`LoweringRefusal`]. Where the total itself rises, the
    /// delegation's share, which is the rest, is not held against it a second time.
    pub fn lower_explicitly(self, new: Self) -> Result<Self, Vec<LoweringRefusal>> {
        let mut refusals = Vec::from_iter(self.check_lowered_total(new.total).err());
        let entered_rise = new.rr > self.rr || new.partner > self.partner;
        let own_rises = new.total <= self.total && new.delegation() > self.delegation();
        if new.rr < Money::ZERO || new.partner < Money::ZERO || new.exceed_total() || entered_rise || own_rises {
            refusals.push(LoweringRefusal::SharesInvalid);
        }
        if refusals.is_empty() { Ok(new) } else { Err(refusals) }
    }

    /// The shares at what the action cost in the end (O-25): a lower cost shrinks partner, regional
    /// manager, delegation in that order; a higher one is wholly the delegation's. A cost below zero, which
    /// the caller has refused, counts as none.
    #[must_use]
    pub fn at_actual_cost(self, actual: Money) -> Self {
        if actual > self.total { Self { total: actual, ..self } } else { self.shrunk_to(actual.at_least_zero()) }
    }

    fn exceed_total(&self) -> bool {
        self.delegation() < Money::ZERO
    }

    fn check_lowered_total(&self, new_total: Money) -> Result<(), LoweringRefusal> {
        if new_total > self.total {
            Err(LoweringRefusal::TotalRaised)
        } else if new_total < LOWEST_TOTAL {
            Err(LoweringRefusal::TotalTooLow)
        } else {
            Ok(())
        }
    }

    /// For a total between zero and the present one.
    fn shrunk_to(self, total: Money) -> Self {
        let to_shed = self.total - total;
        let off_partner = to_shed.min(self.partner);
        let off_rr = (to_shed - off_partner).min(self.rr);
        Self { total, rr: self.rr - off_rr, partner: self.partner - off_partner }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn shares(total: i64, rr: i64, partner: i64) -> Shares {
        Shares { total: Money(total), rr: Money(rr), partner: Money(partner) }
    }

    /// Valid shares, small enough that the edges are met.
    fn any_shares() -> impl Strategy<Value = Shares> {
        (0..300_i64, 0..300_i64, 0..300_i64).prop_map(|(own, rr, partner)| shares(own + rr + partner, rr, partner))
    }

    /// Valid shares and a total, at least one cent, to which they can be lowered.
    fn any_lowering() -> impl Strategy<Value = (Shares, Money)> {
        any_shares()
            .prop_filter("nothing to lower", |order| order.total > Money::ZERO)
            .prop_flat_map(|order| (Just(order), (1..=order.total.0).prop_map(Money)))
    }

    fn parts(shares: Shares) -> [Money; 3] {
        [shares.partner, shares.rr, shares.delegation()]
    }

    #[test]
    fn o2_the_delegation_pays_the_rest_and_nothing_is_negative() {
        assert_eq!(shares(100, 30, 20).delegation(), Money(50));
        assert_eq!(shares(100, 60, 40).validate(), Ok(()));
        assert_eq!(shares(0, 0, 0).validate(), Ok(()));
        assert_eq!(shares(100, 61, 40).validate(), Err(InvalidShares::AboveTotal));
        for bad in [shares(-1, 0, 0), shares(100, -1, 0), shares(100, 0, -1)] {
            assert_eq!(bad.validate(), Err(InvalidShares::Negative));
        }
    }

    #[test]
    fn o22_partner_then_regional_manager_then_own_shrink() {
        let order = shares(100, 30, 20);
        assert_eq!(order.lower_to(Money(100)), Ok(order));
        assert_eq!(order.lower_to(Money(90)), Ok(shares(90, 30, 10)));
        assert_eq!(order.lower_to(Money(70)), Ok(shares(70, 20, 0)));
        assert_eq!(order.lower_to(Money(1)), Ok(shares(1, 0, 0)));
        assert_eq!(order.lower_to(Money(0)), Err(LoweringRefusal::TotalTooLow));
        assert_eq!(order.lower_to(Money(101)), Err(LoweringRefusal::TotalRaised));
    }

    #[test]
    fn o22_explicit_shares_may_fall_but_not_rise() {
        use LoweringRefusal::{SharesInvalid, TotalRaised, TotalTooLow};
        let order = shares(100, 30, 20);
        assert_eq!(order.lower_explicitly(shares(60, 30, 20)), Ok(shares(60, 30, 20)));
        assert_eq!(order.lower_explicitly(order), Ok(order));
        for (new, refusals) in [
            (shares(90, 31, 20), vec![SharesInvalid]),
            (shares(90, 30, 21), vec![SharesInvalid]),
            (shares(90, 10, 20), vec![SharesInvalid]), // own would rise from 50 to 60
            (shares(40, 30, 20), vec![SharesInvalid]),
            (shares(90, -1, 20), vec![SharesInvalid]),
            (shares(101, 30, 20), vec![TotalRaised]),
            (shares(101, 31, 20), vec![TotalRaised, SharesInvalid]),
            (shares(0, 0, 0), vec![TotalTooLow]),
            (shares(-5, 0, 0), vec![TotalTooLow, SharesInvalid]),
        ] {
            assert_eq!(order.lower_explicitly(new), Err(refusals), "{new:?}");
        }
    }

    #[test]
    fn o25_a_higher_cost_is_the_delegations() {
        let order = shares(100, 30, 20);
        assert_eq!(order.at_actual_cost(Money(130)), shares(130, 30, 20));
        assert_eq!(order.at_actual_cost(Money(65)), shares(65, 15, 0));
        assert_eq!(order.at_actual_cost(Money(0)), shares(0, 0, 0));
        assert_eq!(order.at_actual_cost(Money(-1)), shares(0, 0, 0));
    }

    proptest! {
        #[test]
        fn lowering_loses_nothing_raises_nothing_and_keeps_its_order((order, total) in any_lowering()) {
            let low = order.lower_to(total).unwrap();
            prop_assert_eq!(low.total, total);
            prop_assert_eq!(low.validate(), Ok(()));
            prop_assert_eq!(parts(low).into_iter().sum::<Money>(), total);
            prop_assert!(parts(low).iter().zip(parts(order)).all(|(new, old)| *new <= old));
            prop_assert!(low.rr == order.rr || low.partner == Money::ZERO);
            prop_assert!(low.delegation() == order.delegation() || low.rr == Money::ZERO);
            prop_assert_eq!(order.lower_explicitly(low), Ok(low), "what follows from the total may be said aloud");
        }

        #[test]
        fn lowering_twice_is_lowering_once((order, first) in any_lowering(), again in 0..900_i64) {
            let second = Money(first.0 - again % first.0);
            prop_assert_eq!(order.lower_to(first).unwrap().lower_to(second), order.lower_to(second));
        }

        #[test]
        fn explicit_shares_are_taken_exactly_when_nothing_rises(
            order in any_shares(), total in -2..900_i64, rr in -2..300_i64, partner in -2..300_i64,
        ) {
            let new = shares(total, rr, partner);
            let nothing_rises = parts(new).iter().zip(parts(order)).all(|(new, old)| *new <= old);
            let fits = new.validate().is_ok() && new.total > Money::ZERO && nothing_rises;
            prop_assert_eq!(order.lower_explicitly(new).is_ok(), fits);
        }

        #[test]
        fn actual_cost_is_paid_in_full(order in any_shares(), actual in 0..1200_i64) {
            let paid = order.at_actual_cost(Money(actual));
            prop_assert_eq!(paid.validate(), Ok(()));
            prop_assert_eq!(parts(paid).into_iter().sum::<Money>(), Money(actual));
            prop_assert!(paid.rr <= order.rr && paid.partner <= order.partner);
            prop_assert!(actual <= order.total.0 || (paid.rr, paid.partner) == (order.rr, order.partner));
        }
    }
}
