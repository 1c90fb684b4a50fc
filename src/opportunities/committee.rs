//! The committees' calendar (P-11): on which days they may meet. Pure.

use ::entity::vocabulary::{CommitteeKind, Playbook};
use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::calendar;

/// How far ahead dates are proposed.
const HORIZON: usize = 400;

/// Why a committee may not meet on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Obstacle {
    /// The day is over.
    Past,
    /// A public holiday.
    Holiday,
    /// Not a day of the week on which it meets.
    Weekday,
}

/// Whether a committee may meet on a day.
///
/// # Errors
/// Why it may not.
pub fn may_meet(
    playbook: &Playbook,
    committee: CommitteeKind,
    day: NaiveDate,
    today: NaiveDate,
) -> Result<(), Obstacle> {
    if day < today {
        return Err(Obstacle::Past);
    }
    if calendar::is_holiday(day) {
        return Err(Obstacle::Holiday);
    }
    let is_usual = days(playbook, committee).contains(&weekday(day));
    let is_instead = committee == CommitteeKind::Extended
        && playbook.extended_days_after_holiday.contains(&weekday(day))
        && no_usual_day_in_week(playbook, committee, day);
    if is_usual || is_instead { Ok(()) } else { Err(Obstacle::Weekday) }
}

/// The next days on which a committee may meet.
#[must_use]
pub fn proposed(playbook: &Playbook, committee: CommitteeKind, from: NaiveDate, count: usize) -> Vec<NaiveDate> {
    let days = from.iter_days().take(HORIZON);
    days.filter(|day| may_meet(playbook, committee, *day, from).is_ok()).take(count).collect()
}

/// The days of the week on which it meets, 1 for Monday.
#[must_use]
pub fn days(playbook: &Playbook, committee: CommitteeKind) -> &[u8] {
    match committee {
        CommitteeKind::Restricted => &playbook.restricted_days,
        CommitteeKind::Extended => &playbook.extended_days,
    }
}

/// Whether holidays take all of a committee's own days in the week of a day.
fn no_usual_day_in_week(playbook: &Playbook, committee: CommitteeKind, day: NaiveDate) -> bool {
    let monday = day - Days::new(day.weekday().num_days_from_monday().into());
    let week = monday.iter_days().take(7);
    week.filter(|day| days(playbook, committee).contains(&weekday(*day))).all(calendar::is_holiday)
}

fn weekday(day: NaiveDate) -> u8 {
    u8::try_from(day.weekday().number_from_monday()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::playbook::shipped;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn p11_restricted_from_tuesday_to_thursday_extended_on_monday() {
        let today = day("2026-03-02");
        let may = |committee, text| may_meet(&shipped(), committee, day(text), today);
        for text in ["2026-03-03", "2026-03-04", "2026-03-05"] {
            assert_eq!(may(CommitteeKind::Restricted, text), Ok(()));
            assert_eq!(may(CommitteeKind::Extended, text), Err(Obstacle::Weekday));
        }
        for text in ["2026-03-02", "2026-03-06", "2026-03-07", "2026-03-08"] {
            assert_eq!(may(CommitteeKind::Restricted, text), Err(Obstacle::Weekday));
        }
        assert_eq!(may(CommitteeKind::Extended, "2026-03-02"), Ok(()), "today is not over");
        assert_eq!(may(CommitteeKind::Extended, "2026-02-23"), Err(Obstacle::Past));
    }

    #[test]
    fn p11_never_on_a_holiday_and_the_extended_committee_then_on_tuesday() {
        let may = |committee, text| may_meet(&shipped(), committee, day(text), day("2026-01-01"));
        // Easter Monday 2026.
        assert_eq!(may(CommitteeKind::Extended, "2026-04-06"), Err(Obstacle::Holiday));
        assert_eq!(may(CommitteeKind::Extended, "2026-04-07"), Ok(()));
        assert_eq!(may(CommitteeKind::Extended, "2026-04-08"), Err(Obstacle::Weekday));
        // Bastille Day 2026 is a Tuesday.
        assert_eq!(may(CommitteeKind::Restricted, "2026-07-14"), Err(Obstacle::Holiday));
        let proposed = proposed(&shipped(), CommitteeKind::Extended, day("2026-04-01"), 3);
        assert_eq!(proposed, [day("2026-04-07"), day("2026-04-13"), day("2026-04-20")]);
    }

    #[test]
    fn a_playbook_without_days_proposes_none() {
        let playbook = Playbook { restricted_days: Vec::new(), ..shipped() };
        assert!(proposed(&playbook, CommitteeKind::Restricted, day("2026-04-01"), 3).is_empty());
        assert!(proposed(&shipped(), CommitteeKind::Restricted, NaiveDate::MAX, 3).len() <= 1);
    }

    proptest! {
        #[test]
        fn p11_every_proposed_day_is_worked(from in 0..20_000_u64, restricted in any::<bool>()) {
            let committee = if restricted { CommitteeKind::Restricted } else { CommitteeKind::Extended };
            let from = day("2000-01-01") + Days::new(from);
            let proposed = proposed(&shipped(), committee, from, 5);
            prop_assert_eq!(proposed.len(), 5);
            for day in proposed {
                prop_assert!(calendar::is_business_day(day) && day >= from);
            }
        }
    }
}
