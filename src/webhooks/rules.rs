//! What holds for webhooks: which events are meant, when an attempt is made again, what may be sent along. Pure.

use chrono::{DateTime, Duration, Utc};

use crate::outbox::kinds;

/// Longest name.
pub const NAME: usize = 100;
/// Longest address.
pub const URL: usize = 2_000;
/// Longest query.
pub const QUERY: usize = 16_000;
/// Most patterns, and most headers, of one webhook.
pub const MOST: usize = 30;
/// Most webhooks.
pub const MOST_WEBHOOKS: u64 = 100;
/// Longest name and value of a header.
const HEADER: (usize, usize) = (100, 2_000);
/// The kind of a test.
pub const PING: &str = "webhook.ping";

/// Whether a pattern means a kind of events: `*`, `order.*` or `order.submitted`.
#[must_use]
pub fn means(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(family) => family.ends_with('.') && kind.starts_with(family),
        None => pattern == kind,
    }
}

/// Whether any of some patterns means a kind.
#[must_use]
pub fn mean(patterns: &[String], kind: &str) -> bool {
    patterns.iter().any(|pattern| means(pattern, kind))
}

/// Whether a pattern means anything that ever happens.
#[must_use]
pub fn is_known(pattern: &str) -> bool {
    kinds::ALL.iter().any(|kind| means(pattern, kind))
}

/// Headers that Sésame sets itself, or that say how a request is sent.
const RESERVED: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "proxy-authorization",
    "proxy-connection",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// Whether a header may be sent along.
#[must_use]
pub fn is_header(name: &str, value: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let is_visible = |c: char| c == ' ' || c.is_ascii_graphic();
    !name.is_empty()
        && name.len() <= HEADER.0
        && value.len() <= HEADER.1
        && name.chars().all(is_token)
        && value.chars().all(is_visible)
        && value.trim() == value
        && !RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

/// When the next attempt is due after so many failures; none: there is no further one. `jitter` between 0 and 1
/// spreads what failed together over a fifth of the pause.
#[must_use]
pub fn retry(now: DateTime<Utc>, failures: i64, pauses: &[u32], jitter: f64) -> Option<DateTime<Utc>> {
    let place = usize::try_from(failures.checked_sub(1)?).ok()?;
    let milliseconds = i64::from(*pauses.get(place)?) * 1000;
    let thousandths = (jitter.clamp(0.0, 1.0) * 200.0) as i64;
    Some(now + Duration::milliseconds(milliseconds + milliseconds / 1000 * thousandths))
}

/// Whether a webhook has failed for so long that it is paused.
#[must_use]
pub fn is_given_up(now: DateTime<Utc>, failing_since: DateTime<Utc>, hours: u32) -> bool {
    now - failing_since >= Duration::hours(hours.into())
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn patterns_mean_all_a_family_or_one_kind() {
        for (pattern, kind, is_meant) in [
            ("*", "order.submitted", true),
            ("order.*", "order.submitted", true),
            ("order.*", "orders.submitted", false),
            ("order.*", "oppy.advanced", false),
            ("order*", "order.submitted", false),
            ("order.submitted", "order.submitted", true),
            ("order.submitted", "order.submitted_again", false),
            ("", "order.submitted", false),
        ] {
            assert_eq!(means(pattern, kind), is_meant, "{pattern} {kind}");
        }
        assert!(is_known("*") && is_known("order.*") && is_known("order.submitted"));
        assert!(!is_known("order.vanished") && !is_known("orders.*") && !is_known("order.sub*"));
    }

    #[test]
    fn headers_that_sesame_sets_are_not_set_by_others() {
        assert!(is_header("Authorization", "Bearer x") && is_header("x-tenant", ""));
        for (name, value) in [
            ("Host", "a"),
            ("webhook-signature", "v1,x"),
            ("", "a"),
            ("a b", "c"),
            ("a", "b\nc: d"),
            ("a", " b"),
            ("é", "a"),
            ("a", "é"),
            ("Content-Length", "3"),
        ] {
            assert!(!is_header(name, value), "{name}: {value}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let now = Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).unwrap();
        let after = |failures, jitter| retry(now, failures, &[5, 60], jitter).map(|due| (due - now).num_milliseconds());
        assert_eq!((after(1, 0.0), after(1, 1.0), after(2, 0.5)), (Some(5_000), Some(6_000), Some(66_000)));
        assert_eq!((after(3, 0.0), after(0, 0.0)), (None, None));
        assert!(!is_given_up(now, now - Duration::minutes(59), 1) && is_given_up(now, now - Duration::hours(1), 1));
    }
}
