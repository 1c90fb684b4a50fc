//! What of a deal the forecast can tell apart, how it counts, what it is weighted with (P-21). Pure.

use ::entity::vocabulary::{DelegationId, ForecastCategory, Money, OppyStage, PersonId, Quarter, RegionId, SizeClass};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero};

/// One hundred percent, in hundredths of a percent.
const WHOLE: i64 = 10_000;
/// The most that a share is counted in: times twice the largest amount of a deal, it stays an `i64`.
const FINEST: i64 = 1_000_000;

/// The stages in which a deal may still be signed, in their order.
pub const OPEN_STAGES: [OppyStage; 4] =
    [OppyStage::Identification, OppyStage::Qualification, OppyStage::Proposition, OppyStage::Negotiation];

/// A deal as far as the forecast can tell one state of it from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub stage: OppyStage,
    /// How it is forecast.
    pub category: ForecastCategory,
    /// What it is worth; zero where that is not known. Never negative.
    pub amount: Money,
    /// Expected signing day; from Won on the day of the agreement. Its quarter is the deal's.
    pub signing_day: NaiveDate,
    /// Whose deal it is.
    pub owner: PersonId,
    /// Delegation of the owner.
    pub delegation: DelegationId,
    /// Region of that delegation.
    pub region: RegionId,
    /// How large it is.
    pub size: Option<SizeClass>,
    /// The client's sector.
    pub sector: Option<String>,
    /// Code of the reason for which it was stopped.
    pub reason: Option<String>,
    /// Who committed it.
    pub committed_by: Option<PersonId>,
}

impl Standing {
    /// The quarter that it counts in.
    #[must_use]
    pub fn quarter(&self) -> Quarter {
        Quarter::of(self.signing_day)
    }
}

/// In which column of the board a deal counts; in none where it is stopped, on hold or omitted (P-4).
#[must_use]
pub const fn counts_as(stage: OppyStage, category: ForecastCategory) -> Option<ForecastCategory> {
    if stage.is_signed() {
        return Some(ForecastCategory::Closed);
    }
    if stage.is_open() && category.is_open() { Some(category) } else { None }
}

/// Whether a deal is stopped, other than on hold.
#[must_use]
pub const fn is_stopped(stage: OppyStage) -> bool {
    matches!(stage, OppyStage::NoGo | OppyStage::Lost | OppyStage::Dismissed)
}

/// Whether a deal has ended in a way that one learns from.
#[must_use]
pub const fn is_ended(stage: OppyStage) -> bool {
    matches!(stage, OppyStage::ClosedWon | OppyStage::Lost | OppyStage::NoGo)
}

const fn is_on_the_way(stage: OppyStage) -> bool {
    stage.is_open() || stage.is_signed()
}

/// What a deal's history carries from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// The stages that it has been in, as bits.
    pub passed: i32,
    /// The stage of the way that it is in, or was in when it was stopped or put on hold.
    pub way_stage: OppyStage,
    /// Seconds that it had spent in that stage when the state began, on hold not counted.
    pub spent_before: i64,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A state that a deal was in, as far as the next one follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Since when it was in it.
    pub from_at: DateTime<Utc>,
    /// Where it stood.
    pub stage: OppyStage,
    /// In which quarter it counted.
    pub quarter: Quarter,
    /// What it carried.
    pub track: Track,
}

/// How a deal came into a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the state carries on.
    pub track: Track,
    /// Whether it entered its stage: for the first time, from another stage, or reopened.
    pub entered: bool,
    /// The stage that it left, on the way or by a stop, and after how many seconds in it.
    pub left: Option<(OppyStage, i64)>,
    /// The quarter that its signing day was put off from.
    pub slipped_from: Option<Quarter>,
}

/// How a deal came into a state at a moment, from an earlier one or from nothing (P-23).
///
/// On hold is a pause: the stage is not left, and time does not count. A stop leaves it; whoever reopens the
/// deal enters the stage anew.
#[must_use]
pub fn step(before: Option<&Earlier>, after: &Standing, at: DateTime<Utc>) -> Step {
    let ended_at = is_ended(after.stage).then(|| {
        let before = before.filter(|before| before.stage == after.stage);
        before.and_then(|before| before.track.ended_at).unwrap_or(at)
    });
    let passed = before.map_or(0, |before| before.track.passed) | after.stage.bit();
    let track = |way_stage, spent_before| Track { passed, way_stage, spent_before, ended_at };
    let Some(before) = before else {
        let entered = is_on_the_way(after.stage);
        let way_stage = if entered { after.stage } else { OppyStage::Identification };
        return Step { track: track(way_stage, 0), entered, left: None, slipped_from: None };
    };
    let since = (at - before.from_at).num_seconds().max(0);
    let spent = before.track.spent_before + if is_on_the_way(before.stage) { since } else { 0 };
    let (way_stage, was_stopped) = (before.track.way_stage, is_stopped(before.stage));
    let (track, entered, left) = if is_on_the_way(after.stage) {
        let stays = after.stage == way_stage && !was_stopped;
        let left = (!stays && !was_stopped).then_some((way_stage, spent));
        (track(after.stage, if stays { spent } else { 0 }), !stays, left)
    } else if is_stopped(after.stage) {
        (track(way_stage, 0), false, (!was_stopped).then_some((way_stage, spent)))
    } else {
        (track(way_stage, spent), false, None)
    };
    let slips = !after.stage.is_signed() && !was_stopped && after.quarter() > before.quarter;
    Step { track, entered, left, slipped_from: slips.then_some(before.quarter) }
}

/// A share: so many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    /// So many.
    pub part: i64,
    /// Of so many; more than zero.
    pub whole: i64,
}

impl Share {
    /// A share in hundredths of a percent.
    #[must_use]
    pub fn of_hundredths(hundredths: i32) -> Self {
        Self { part: hundredths.into(), whole: WHOLE }
    }

    /// So many of so many, to the millionth; nothing of none.
    #[must_use]
    pub fn new(part: i64, whole: i64) -> Option<Self> {
        match whole {
            ..=0 => None,
            1..=FINEST => Some(Self { part, whole }),
            _ => Some(Self { part: rounded(part.into(), FINEST.into(), whole.into()), whole: FINEST }),
        }
    }

    /// The share in hundredths of a percent, rounded half up.
    #[must_use]
    pub fn hundredths(self) -> i32 {
        i32::try_from(rounded(self.part.into(), WHOLE.into(), self.whole.into())).unwrap_or(i32::MAX)
    }

    /// An amount times the share, rounded half away from zero to the cent.
    #[must_use]
    pub fn of(self, amount: Money) -> Money {
        Money(rounded(amount.0.into(), self.part.into(), self.whole.into()))
    }
}

/// `value × part ÷ whole`, rounded half away from zero.
fn rounded(value: i128, part: i128, whole: i128) -> i64 {
    let (product, half) = (2 * value * part, whole * (value * part).signum());
    i64::try_from((product + half) / (2 * whole)).unwrap_or(i64::MAX)
}

/// How likely a deal of each open stage is to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probabilities {
    /// In the order of [`OPEN_STAGES`].
    pub shares: [Share; 4],
    /// How many of the ended deals were in each of them; zero where the configured share counts.
    pub seen: [i64; 4],
    /// Whether they are learned; where not, they are the configured ones.
    pub learned: bool,
    /// How many deals have ended.
    pub ended: i64,
}

impl Probabilities {
    /// The probabilities that ended deals teach: so many of each, with the stages that they were in and the one
    /// they ended in. Fewer of them than `from` teach nothing, nor do any of a stage in which none of them was:
    /// then the configured ones count.
    #[must_use]
    pub fn learned(ended: &[(i32, OppyStage, i64)], configured: [i32; 4], from: i64) -> Self {
        let all = ended.iter().map(|(_, _, deals)| *deals).sum();
        let learned = all >= from;
        let (mut shares, mut seen) = (configured.map(Share::of_hundredths), [0; 4]);
        for (place, stage) in OPEN_STAGES.iter().enumerate().filter(|_| learned) {
            let were_in = || ended.iter().filter(|(passed, _, _)| passed & stage.bit() != 0);
            let whole: i64 = were_in().map(|(_, _, deals)| *deals).sum();
            let won = were_in().filter(|(_, end, _)| *end == OppyStage::ClosedWon);
            if let Some(share) = Share::new(won.map(|(_, _, deals)| *deals).sum(), whole) {
                (shares[place], seen[place]) = (share, whole);
            }
        }
        Self { shares, seen, learned, ended: all }
    }
}

/// One line of the board, but for the quota. No column includes another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// What may come.
    pub pipeline: Money,
    /// Committed, with an uncertainty.
    pub best_case: Money,
    /// Committed.
    pub commit: Money,
    /// Signed.
    pub closed: Money,
    /// Each open deal times the probability of its stage.
    pub weighted: Money,
    /// How many deals are in these columns.
    pub deals: i64,
}

impl Sums {
    /// What is still to be signed: pipeline, best case and commit.
    #[must_use]
    pub const fn open(&self) -> Money {
        plus(plus(self.pipeline, self.best_case), self.commit)
    }

    /// The sums of both.
    #[must_use]
    pub const fn and(self, other: &Self) -> Self {
        Self {
            pipeline: plus(self.pipeline, other.pipeline),
            best_case: plus(self.best_case, other.best_case),
            commit: plus(self.commit, other.commit),
            closed: plus(self.closed, other.closed),
            weighted: plus(self.weighted, other.weighted),
            deals: self.deals.saturating_add(other.deals),
        }
    }
}

/// Sums of a whole company have no limit that one could check at the door: they stop at the largest amount.
pub const fn plus(one: Money, other: Money) -> Money {
    Money(one.0.saturating_add(other.0))
}

/// Open over what the quota still lacks, to four decimals; none where it lacks nothing, or there is none (P-21).
#[must_use]
pub fn coverage(open: Money, quota: Option<Money>, closed: Money) -> Option<Decimal> {
    let lacking = i128::from(quota?.0) - i128::from(closed.0);
    if lacking <= 0 {
        return None;
    }
    let lacking = Decimal::try_from_i128_with_scale(lacking, 0).ok()?;
    let mut coverage = Decimal::from(open.0).checked_div(lacking)?.round_dp_with_strategy(4, MidpointAwayFromZero);
    coverage.rescale(4);
    Some(coverage)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn standing(stage: OppyStage, signing: &str) -> Standing {
        Standing {
            stage,
            category: ForecastCategory::Pipeline,
            amount: Money::euros(1_000),
            signing_day: signing.parse().unwrap(),
            owner: PersonId(1),
            delegation: DelegationId(1),
            region: RegionId(1),
            size: Some(SizeClass::Small),
            sector: None,
            reason: None,
            committed_by: None,
        }
    }

    /// Lets a deal go through stages, each after so many days, and gives the steps.
    fn walk(stages: &[(OppyStage, &str, i64)]) -> Vec<Step> {
        let mut at = DateTime::<Utc>::UNIX_EPOCH;
        let mut before: Option<Earlier> = None;
        let mut steps = Vec::new();
        for (stage, signing, days) in stages {
            at += TimeDelta::days(*days);
            let after = standing(*stage, signing);
            let step = step(before.as_ref(), &after, at);
            before = Some(Earlier { from_at: at, stage: *stage, quarter: after.quarter(), track: step.track });
            steps.push(step);
        }
        steps
    }

    const DAY: i64 = 86_400;

    #[test]
    fn p4_stops_and_what_is_omitted_count_nowhere() {
        use ForecastCategory::{BestCase, Closed, Commit, Omitted, Pipeline};
        for stage in OPEN_STAGES {
            for category in [Pipeline, BestCase, Commit] {
                assert_eq!(counts_as(stage, category), Some(category));
            }
            assert_eq!(counts_as(stage, Omitted), None);
        }
        for stage in [OppyStage::Won, OppyStage::ClosedWon] {
            assert_eq!(counts_as(stage, Closed), Some(Closed));
        }
        for stage in [OppyStage::NoGo, OppyStage::OnHold, OppyStage::Lost, OppyStage::Dismissed] {
            for category in ForecastCategory::ALL {
                assert_eq!(counts_as(stage, *category), None);
            }
        }
    }

    #[test]
    fn p23_time_in_a_stage_does_not_count_while_on_hold() {
        use OppyStage::{Identification, OnHold, Qualification};
        let steps = walk(&[
            (Identification, "2026-03-01", 0),
            (OnHold, "2026-03-01", 3),
            (Identification, "2026-03-01", 100),
            (Qualification, "2026-03-01", 4),
        ]);
        assert_eq!(steps.iter().map(|step| step.entered).collect::<Vec<_>>(), [true, false, false, true]);
        let left: Vec<_> = steps.iter().map(|step| step.left).collect();
        assert_eq!(left, [None, None, None, Some((Identification, 7 * DAY))]);
        assert_eq!(steps[3].track.passed, Identification.bit() | OnHold.bit() | Qualification.bit());
    }

    #[test]
    fn p23_a_stop_leaves_the_stage_and_reopening_enters_it_anew() {
        use OppyStage::{Identification, Lost, OnHold, Qualification};
        let steps = walk(&[
            (Identification, "2026-03-01", 0),
            (Qualification, "2026-03-01", 1),
            (Lost, "2026-03-01", 2),
            (Lost, "2026-03-01", 5),
            (Qualification, "2026-03-01", 5),
            (OnHold, "2026-03-01", 3),
            (Lost, "2026-03-01", 50),
        ]);
        let left: Vec<_> = steps.iter().map(|step| step.left).collect();
        assert_eq!(left[1..4], [Some((Identification, DAY)), Some((Qualification, 2 * DAY)), None]);
        assert_eq!(left[4..], [None, None, Some((Qualification, 3 * DAY))]);
        assert!(steps[4].entered && !steps[3].entered);
        assert_eq!(steps[3].track.ended_at, steps[2].track.ended_at, "it ended once");
        assert_eq!(steps[4].track.ended_at, None, "and has not ended any more");
        assert!(steps[6].track.ended_at > steps[2].track.ended_at);
    }

    #[test]
    fn p23_a_signing_day_that_is_put_off_to_another_quarter_slips() {
        use OppyStage::{Identification, Won};
        let steps = walk(&[
            (Identification, "2026-03-01", 0),
            (Identification, "2026-03-31", 1),
            (Identification, "2026-04-01", 1),
            (Identification, "2026-02-01", 1),
            (Won, "2026-07-01", 1),
        ]);
        let slipped: Vec<_> = steps.iter().map(|step| step.slipped_from).collect();
        assert_eq!(slipped, [None, None, Quarter::new(2026, 1), None, None]);
    }

    /// P-21: the share of those that were in the stage and ended Closed Won.
    #[test]
    fn p21_probabilities_are_learned_from_fifty_ended_deals_on() {
        use OppyStage::{ClosedWon, Identification, Lost, Negotiation, NoGo, Proposition, Qualification};
        let configured = [1_000, 2_500, 5_000, 7_500];
        let early = Identification.bit() | Qualification.bit();
        let all = early | Proposition.bit() | Negotiation.bit();
        let mut ended = vec![(all, ClosedWon, 20), (all, Lost, 9), (early, NoGo, 20)];
        let not_yet = Probabilities::learned(&ended, configured, 50);
        assert_eq!((not_yet.learned, not_yet.ended), (false, 49));
        assert_eq!(not_yet.shares.map(Share::hundredths), configured);
        ended.push((all, Lost, 1));
        let learned = Probabilities::learned(&ended, configured, 50);
        assert_eq!((learned.learned, learned.seen), (true, [50, 50, 30, 30]));
        assert_eq!(learned.shares.map(Share::hundredths), [4_000, 4_000, 6_667, 6_667]);
        assert_eq!(learned.shares[3].of(Money::euros(150_000)), Money::euros(100_000));
        let none_there = Probabilities::learned(&[(early, NoGo, 50)], configured, 50);
        assert_eq!(none_there.shares.map(Share::hundredths), [0, 0, 5_000, 7_500]);
    }

    #[test]
    fn p21_coverage_has_four_decimals_and_none_where_nothing_lacks() {
        let euros = Money::euros;
        let of = |open, quota, closed| coverage(open, quota, closed).map(|coverage| coverage.to_string());
        assert_eq!(of(euros(300), Some(euros(200)), euros(80)).as_deref(), Some("2.5000"));
        assert_eq!(of(euros(2), Some(euros(3)), Money::ZERO).as_deref(), Some("0.6667"));
        assert_eq!(of(Money::ZERO, Some(euros(3)), Money::ZERO).as_deref(), Some("0.0000"));
        assert_eq!(of(euros(2), Some(euros(3)), euros(3)), None);
        assert_eq!(of(euros(2), Some(euros(3)), euros(4)), None);
        assert_eq!(of(euros(2), None, Money::ZERO), None);
        assert!(coverage(Money(i64::MAX), Some(Money(1)), Money::ZERO).is_some());
        assert!(coverage(Money(1), Some(Money(i64::MAX)), Money(i64::MIN)).is_some());
    }

    proptest! {
        #[test]
        fn p21_each_deal_is_weighted_to_the_cent(
            amount in 0..3_000_000_000_000_i64, part in 0..2_000_000_i64, more in 1..20_000_000_i64
        ) {
            let share = Share::new(part, part + more).unwrap();
            let exact = Decimal::from(amount) * Decimal::from(share.part) / Decimal::from(share.whole);
            let rounded = exact.round_dp_with_strategy(0, MidpointAwayFromZero);
            prop_assert_eq!(Decimal::from(share.of(Money(amount)).0), rounded);
            // As the databases compute it.
            prop_assert_eq!((amount * 2 * share.part + share.whole) / (2 * share.whole), share.of(Money(amount)).0);
        }

        #[test]
        fn sums_never_overflow(open in any::<[i64; 3]>(), more in any::<i64>()) {
            let [pipeline, best_case, commit] = open.map(Money);
            let sums = Sums { pipeline, best_case, commit, ..Sums::default() };
            let _ = sums.and(&Sums { pipeline: Money(more), ..sums }).open();
            let _ = coverage(sums.open(), Some(Money(more)), pipeline);
        }
    }

    #[test]
    fn shares_are_shown_in_hundredths_of_a_percent() {
        assert_eq!(Share::new(1, 3).map(Share::hundredths), Some(3_333));
        assert_eq!(Share::new(0, 0), None);
        assert_eq!(Share::new(40_000_000, 50_000_000), Some(Share { part: 800_000, whole: 1_000_000 }));
        assert_eq!(Share::of_hundredths(2_500).of(Money(2)), Money(1));
    }
}
