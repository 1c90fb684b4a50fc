//! The calendar of Europe/Paris: where days begin and end, which of them are worked, how long a month is.
//!
//! Pure: nobody here asks what time it is. Every function answers for every date; results beyond the
//! dates that `chrono` knows stop at the last of them.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Europe::Paris;

/// The calendar day in Europe/Paris at this instant.
#[must_use]
pub fn paris_day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Paris).date_naive()
}

/// The calendar day and the time of day in Europe/Paris at this instant, the time as people read it: `14:05`.
#[must_use]
pub fn paris_day_and_time(at: DateTime<Utc>) -> (NaiveDate, String) {
    let there = at.with_timezone(&Paris);
    (there.date_naive(), there.format("%H:%M").to_string())
}

/// The end of a calendar day in Europe/Paris, exclusive: the first instant of the following day.
///
/// Summer time makes days of 23 and 25 hours. In Paris the clocks never jumped over a midnight, so that every
/// day has one; from 2100 on the zone's tables know of no summer time.
#[must_use]
pub fn end_of_paris_day(day: NaiveDate) -> DateTime<Utc> {
    let midnight = following(day).and_time(NaiveTime::MIN);
    Paris.from_local_datetime(&midnight).earliest().map_or_else(|| midnight.and_utc(), |start| start.to_utc())
}

/// The beginning of a calendar day in Europe/Paris: its first instant.
#[must_use]
pub fn start_of_paris_day(day: NaiveDate) -> DateTime<Utc> {
    day.pred_opt().map_or(DateTime::<Utc>::MIN_UTC, end_of_paris_day)
}

/// Whether a day is one of the eleven national French holidays.
#[must_use]
pub fn is_holiday(day: NaiveDate) -> bool {
    let fixed = matches!(
        (day.month(), day.day()),
        (1 | 5 | 11, 1) // New Year, Labour Day, All Saints
            | (5, 8) // Victory in Europe
            | (7, 14) // National Day
            | (8, 15) // Assumption
            | (11, 11) // Armistice
            | (12, 25) // Christmas
    );
    // Easter Monday, Ascension Thursday and Whit Monday follow Easter Sunday.
    fixed || easter_sunday(day.year()).is_some_and(|easter| matches!((day - easter).num_days(), 1 | 39 | 50))
}

/// Whether a day is worked ("jour ouvré"): no Saturday, no Sunday, no national holiday.
#[must_use]
pub fn is_business_day(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !is_holiday(day)
}

/// The `count`-th business day after a day, which itself is day 0 whether it is worked or not (O-31).
#[must_use]
pub fn add_business_days(day: NaiveDate, count: u32) -> NaiveDate {
    let Some(past) = count.checked_sub(1) else { return day };
    days_after(day).filter(|day| is_business_day(*day)).nth(past as usize).unwrap_or(NaiveDate::MAX)
}

/// How many business days lie after `from`, up to and including `to`: the opposite of
/// [`add_business_days`]. Negative where `to` comes first.
#[must_use]
pub fn business_days_between(from: NaiveDate, to: NaiveDate) -> i64 {
    let (first, last, sign) = if from <= to { (from, to, 1) } else { (to, from, -1) };
    days_after(first).take_while(|day| *day <= last).filter(|day| is_business_day(*day)).map(|_| sign).sum()
}

/// The same day of the month `count` months later (earlier where negative), or that month's last day
/// where it is shorter (O-8).
#[must_use]
pub fn add_months(day: NaiveDate, count: i32) -> NaiveDate {
    let months = Months::new(count.unsigned_abs());
    if count < 0 {
        day.checked_sub_months(months).unwrap_or(NaiveDate::MIN)
    } else {
        day.checked_add_months(months).unwrap_or(NaiveDate::MAX)
    }
}

fn following(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(NaiveDate::MAX)
}

fn days_after(day: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    std::iter::successors(day.succ_opt(), NaiveDate::succ_opt)
}

/// Easter Sunday of a year of the Gregorian calendar, by Gauss's rule with its two corrections:
/// the first Sunday after the full moon on or after 21 March, as the Church computes that moon.
fn easter_sunday(year: i32) -> Option<NaiveDate> {
    let century = year.div_euclid(100);
    let lunar_shift = (15 - (13 + 8 * century).div_euclid(25) + century - century.div_euclid(4)).rem_euclid(30);
    let golden = year.rem_euclid(19);
    let mut moon = (19 * golden + lunar_shift).rem_euclid(30);
    if moon == 29 || (moon == 28 && golden > 10) {
        moon -= 1;
    }
    let full_moon = NaiveDate::from_ymd_opt(year, 3, 21)? + TimeDelta::days(i64::from(moon));
    let to_sunday = 7 - full_moon.weekday().num_days_from_sunday();
    Some(full_moon + TimeDelta::days(i64::from(to_sunday)))
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Any day from 1950 to 2199.
    fn any_day() -> impl Strategy<Value = NaiveDate> {
        (0..91_310_u64).prop_map(|n| day("1950-01-01") + Days::new(n))
    }

    #[test]
    fn easter_is_where_the_almanacs_put_it() {
        let almanac = [
            "1818-03-22",
            "1900-04-15",
            "1943-04-25",
            "1954-04-18",
            "1961-04-02",
            "1981-04-19",
            "2000-04-23",
            "2008-03-23",
            "2011-04-24",
            "2019-04-21",
            "2020-04-12",
            "2021-04-04",
            "2022-04-17",
            "2023-04-09",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2028-04-16",
            "2029-04-01",
            "2030-04-21",
            "2031-04-13",
            "2032-03-28",
            "2033-04-17",
            "2034-04-09",
            "2035-03-25",
            "2036-04-13",
            "2037-04-05",
            "2038-04-25",
            "2039-04-10",
            "2040-04-01",
            "2049-04-18",
            "2076-04-19",
            "2285-03-22",
        ];
        for sunday in almanac.map(day) {
            assert_eq!(easter_sunday(sunday.year()), Some(sunday));
        }
    }

    /// The anonymous Gregorian computation (Meeus), written quite differently.
    fn easter_by_meeus(year: i32) -> NaiveDate {
        let (a, b, c) = (year % 19, year / 100, year % 100);
        let g = (b - (b + 8) / 25 + 1) / 3;
        let h = (19 * a + b - b / 4 - g + 15) % 30;
        let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
        let sum = h + l - 7 * ((a + 11 * h + 22 * l) / 451) + 114;
        NaiveDate::from_ymd_opt(year, (sum / 31).unsigned_abs(), (sum % 31 + 1).unsigned_abs()).unwrap()
    }

    #[test]
    fn two_computations_of_easter_agree_for_a_millennium() {
        for year in 1583..=2600 {
            assert_eq!(easter_sunday(year), Some(easter_by_meeus(year)));
        }
    }

    fn holidays(year: i32) -> Vec<String> {
        let days = NaiveDate::from_ymd_opt(year, 1, 1).unwrap().iter_days();
        let holidays = days.take_while(|day| day.year() == year).filter(|day| is_holiday(*day));
        holidays.map(|day| day.format("%m-%d").to_string()).collect()
    }

    #[test]
    fn the_eleven_holidays_of_a_year() {
        let expected = [
            (2024, ["01-01", "04-01", "05-01", "05-08", "05-09", "05-20", "07-14", "08-15", "11-01", "11-11", "12-25"]),
            (2025, ["01-01", "04-21", "05-01", "05-08", "05-29", "06-09", "07-14", "08-15", "11-01", "11-11", "12-25"]),
            (2026, ["01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25"]),
            (2027, ["01-01", "03-29", "05-01", "05-06", "05-08", "05-17", "07-14", "08-15", "11-01", "11-11", "12-25"]),
            (2038, ["01-01", "04-26", "05-01", "05-08", "06-03", "06-14", "07-14", "08-15", "11-01", "11-11", "12-25"]),
        ];
        for (year, days) in expected {
            assert_eq!(holidays(year), days, "{year}");
        }
        assert_eq!(holidays(2008).len(), 10, "Ascension fell on 1 May");
    }

    #[test]
    fn days_begin_and_end_in_paris() {
        assert_eq!(paris_day(at("2026-01-01T22:59:59Z")), day("2026-01-01"));
        assert_eq!(paris_day(at("2026-01-01T23:00:00Z")), day("2026-01-02"));
        assert_eq!(paris_day(at("2026-07-01T21:59:59.999Z")), day("2026-07-01"));
        assert_eq!(paris_day(at("2026-07-01T22:00:00Z")), day("2026-07-02"));
        assert_eq!(end_of_paris_day(day("2026-12-10")), at("2026-12-10T23:00:00Z"));
        assert_eq!(end_of_paris_day(day("2026-06-30")), at("2026-06-30T22:00:00Z"));
    }

    #[test]
    fn the_clocks_change_within_the_day() {
        let length = |text| end_of_paris_day(day(text)) - end_of_paris_day(day(text).pred_opt().unwrap());
        assert_eq!(end_of_paris_day(day("2026-03-28")), at("2026-03-28T23:00:00Z"));
        assert_eq!(end_of_paris_day(day("2026-03-29")), at("2026-03-29T22:00:00Z"));
        assert_eq!(length("2026-03-29"), TimeDelta::hours(23));
        assert_eq!(end_of_paris_day(day("2026-10-24")), at("2026-10-24T22:00:00Z"));
        assert_eq!(end_of_paris_day(day("2026-10-25")), at("2026-10-25T23:00:00Z"));
        assert_eq!(length("2026-10-25"), TimeDelta::hours(25));
    }

    #[test]
    fn business_days_skip_weekends_and_holidays() {
        // Thursday 2026-05-14 is Ascension; Friday is worked.
        assert_eq!(add_business_days(day("2026-05-12"), 2), day("2026-05-15"));
        // From a Saturday the following Monday is day 1.
        assert_eq!(add_business_days(day("2026-08-15"), 1), day("2026-08-17"));
        assert_eq!(add_business_days(day("2026-08-15"), 0), day("2026-08-15"));
        // The end of the year: Christmas on a Friday, New Year on a Friday.
        assert_eq!(add_business_days(day("2026-12-23"), 5), day("2026-12-31"));
        assert_eq!(business_days_between(day("2026-12-23"), day("2027-01-01")), 5);
        assert_eq!(business_days_between(day("2026-12-31"), day("2026-12-23")), -5);
        assert!(!is_business_day(day("2026-04-06")) && is_business_day(day("2026-04-07")));
    }

    #[test]
    fn a_month_later_is_the_same_day_or_the_last() {
        for (from, months, to) in [
            ("2026-01-31", 1, "2026-02-28"),
            ("2028-01-31", 1, "2028-02-29"),
            ("2026-02-28", 1, "2026-03-28"),
            ("2026-12-15", 1, "2027-01-15"),
            ("2026-05-31", 1, "2026-06-30"),
            ("2026-03-31", -1, "2026-02-28"),
            ("2026-03-31", 0, "2026-03-31"),
        ] {
            assert_eq!(add_months(day(from), months), day(to), "{from} {months}");
        }
    }

    #[test]
    fn the_ends_of_the_calendar_are_walls() {
        assert_eq!(add_business_days(NaiveDate::MAX, 3), NaiveDate::MAX);
        assert_eq!(add_months(NaiveDate::MAX, i32::MAX), NaiveDate::MAX);
        assert_eq!(add_months(NaiveDate::MIN, i32::MIN), NaiveDate::MIN);
        assert_eq!(business_days_between(NaiveDate::MAX, NaiveDate::MAX), 0);
        let _ = (end_of_paris_day(NaiveDate::MAX), end_of_paris_day(NaiveDate::MIN));
        let _ = (paris_day(DateTime::<Utc>::MIN_UTC), is_holiday(NaiveDate::MIN), is_holiday(NaiveDate::MAX));
    }

    #[test]
    fn every_day_ends_where_the_next_begins() {
        for day in day("1950-01-01").iter_days().take(91_310) {
            let end = end_of_paris_day(day);
            assert_eq!(paris_day(end - TimeDelta::nanoseconds(1)), day);
            assert_eq!(Some(paris_day(end)), day.succ_opt());
        }
    }

    proptest! {
        #[test]
        fn counting_undoes_adding(from in any_day(), count in 0..120_u32) {
            let to = add_business_days(from, count);
            prop_assert_eq!(business_days_between(from, to), i64::from(count));
            prop_assert_eq!(business_days_between(to, from) > 0, false);
            prop_assert!(count == 0 || is_business_day(to));
        }

        #[test]
        fn counts_add_up(one in any_day(), gap in 0..200_u64, more in 0..200_u64) {
            let (two, three) = (one + Days::new(gap), one + Days::new(gap + more));
            prop_assert_eq!(
                business_days_between(one, two) + business_days_between(two, three),
                business_days_between(one, three)
            );
            prop_assert_eq!(business_days_between(one, three), -business_days_between(three, one));
        }

        #[test]
        fn months_never_spill_into_the_next(from in any_day(), count in -60..60_i32) {
            let to = add_months(from, count);
            let months = |day: NaiveDate| day.year() * 12 + i32::try_from(day.month()).unwrap();
            prop_assert_eq!(months(to) - months(from), count);
            prop_assert!(to.day() == from.day() || (to.day() < from.day() && to.succ_opt().unwrap().day() == 1));
        }
    }
}
