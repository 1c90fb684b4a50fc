//! When things happen: on working days, in working hours, in Europe/Paris.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

use super::dice::Dice;
use crate::calendar;

/// When the first of them comes, after midnight.
const MORNING: TimeDelta = TimeDelta::minutes(8 * 60 + 30);
/// Seconds of a working day.
const WORKING_DAY: i64 = 10 * 3600;
/// How far behind the demonstration's day the calendar goes on.
const BEYOND: u64 = 200;

/// The working days of the demonstration, each as the instant at which it begins.
#[derive(Clone, Debug)]
pub(super) struct WorkDays {
    mornings: Vec<DateTime<Utc>>,
    /// How many of them lie before the demonstration's day.
    past: usize,
}

impl WorkDays {
    /// From a day on, with the demonstration's day as the first that has not happened.
    pub(super) fn new(from: NaiveDate, today: NaiveDate) -> Self {
        let last = today.checked_add_days(Days::new(BEYOND)).unwrap_or(today);
        let days = from.iter_days().take_while(|day| *day <= last).filter(|day| calendar::is_business_day(*day));
        let mornings: Vec<_> = days.map(|day| midnight(day) + MORNING).collect();
        let past = mornings.partition_point(|morning| *morning < midnight(today));
        Self { mornings, past }
    }

    /// How many working days have happened.
    pub(super) fn past(&self) -> usize {
        self.past
    }

    /// The first working day on or after a day.
    pub(super) fn from(&self, day: NaiveDate) -> usize {
        self.mornings.partition_point(|morning| *morning < midnight(day))
    }

    /// The calendar day of a working day.
    pub(super) fn day(&self, index: usize) -> NaiveDate {
        calendar::paris_day(self.morning(index))
    }

    /// When a working day begins; beyond the last one, that one.
    pub(super) fn morning(&self, index: usize) -> DateTime<Utc> {
        let last = self.mornings.len().saturating_sub(1);
        self.mornings.get(index.min(last)).copied().unwrap_or_default()
    }

    /// Some moment of a working day.
    pub(super) fn during(&self, index: usize, dice: &mut Dice) -> DateTime<Utc> {
        self.morning(index) + TimeDelta::seconds(dice.between(0, WORKING_DAY))
    }

    /// Some moment so many working days later; with none of them, later on the same day or, where that
    /// is over, on the next.
    pub(super) fn after(&self, at: DateTime<Utc>, days: usize, dice: &mut Dice) -> DateTime<Utc> {
        let today = self.mornings.partition_point(|morning| *morning <= at).saturating_sub(1);
        if days > 0 {
            return self.during(today + days, dice).max(at);
        }
        let soon = at + TimeDelta::seconds(dice.between(300, 10_800));
        let evening = self.morning(today) + TimeDelta::seconds(WORKING_DAY);
        if soon <= evening { soon } else { self.during(today + 1, dice).max(at) }
    }
}

/// The first instant of a day in Paris.
pub(super) fn midnight(day: NaiveDate) -> DateTime<Utc> {
    calendar::end_of_paris_day(day.pred_opt().unwrap_or(day))
}

/// A day of a year.
pub(super) fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// How busy a day is, compared with others.
pub(super) fn season(day: NaiveDate) -> u64 {
    match day.month() {
        8 => 50,
        12 => 70,
        1 | 7 => 80,
        9..=11 => 125,
        _ => 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_happens_in_working_hours_and_never_goes_back() {
        let days = WorkDays::new(day(2025, 1, 1), day(2026, 11, 10));
        let mut dice = Dice::new(1);
        let mut at = days.during(0, &mut dice);
        for n in 0..400 {
            let next = days.after(at, n % 3, &mut dice);
            assert!(next >= at);
            assert!(calendar::is_business_day(calendar::paris_day(next)), "{next}");
            at = if n % 100 == 99 { days.during(n, &mut dice) } else { next };
        }
        assert_eq!(days.day(days.past()), day(2026, 11, 10));
        assert_eq!(days.day(days.from(day(2026, 5, 1))), day(2026, 5, 4));
    }
}
