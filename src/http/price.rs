//! What an operation is charged, to whom, and how that is told (K-13).
//!
//! The cost is told beside the answer (`extensions.cost`) to whoever asks for it: `"extensions": {"cost": true}` in
//! the request, or the header `x-sesame-cost: 1`. What is left of a limit stands in the headers of the IETF's draft
//! (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy` and `RateLimit`, and `Retry-After` behind a refusal.

use std::net::IpAddr;

use async_graphql::{Name, Value, value};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    app::App,
    authz::Caller,
    error::{Error, Result},
    op::Op,
    rates::{LEAST, Left, Payer, Spent, WINDOW},
};

/// Asks for the cost of an operation.
const ASKS: HeaderName = HeaderName::from_static("x-sesame-cost");
/// What somebody may ask for in a time.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of it.
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Who pays for what comes from somewhere.
pub(super) fn payer(caller: Option<&Caller>, address: Option<IpAddr>) -> Payer {
    caller.map_or_else(|| Payer::address(address), |caller| Payer::Person(caller.person.id))
}

/// Who pays for an operation.
pub(super) fn payer_of(op: &Op) -> Payer {
    payer(op.observer.as_ref().or(op.caller.as_ref()).map(|caller| &**caller), op.address)
}

/// Has an operation paid for before it is run.
///
/// # Errors
/// [`Error::RateLimited`] where there is not enough left.
pub(super) async fn charge(op: &Op, cost: usize) -> Result<()> {
    let cost = if op.caller.is_some() { cost } else { cost.max(LEAST) };
    op.app.rates.take(payer_of(op), cost).await.map_err(Error::RateLimited)
}

/// Whether the headers ask for the cost.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    headers.get(ASKS).is_some_and(|value| matches!(value.as_bytes(), b"1" | b"true"))
}

/// What an operation cost, and what is left.
pub(super) fn told(op: &Op, requested: usize) -> Value {
    let mut told = value!({
        "requested": requested,
        "most": op.app.settings.limits.complexity,
        "statements": op.meter.statements(),
    });
    if let (Value::Object(told), Some(left)) = (&mut told, op.app.rates.left(payer_of(op))) {
        let Left { limit, most, points, full_in } = left;
        let per_second = most as f64 / WINDOW.as_secs_f64();
        let budget = value!({
            "limit": limit,
            "most": most,
            "remaining": points,
            "perSecond": per_second,
            "fullInSeconds": full_in.as_secs_f64().ceil() as u64,
        });
        told.insert(Name::new("budget"), budget);
    }
    told
}

/// Says in the headers what is left.
pub(super) fn label(app: &App, payer: Payer, headers: &mut HeaderMap) {
    let Some(Left { limit, most, points, full_in }) = app.rates.left(payer) else { return };
    let name = limit.trim_end_matches("_points");
    let (window, seconds) = (WINDOW.as_secs(), full_in.as_secs_f64().ceil() as u64);
    let values =
        [(POLICY, format!("\"{name}\";q={most};w={window}")), (LEFT, format!("\"{name}\";r={points};t={seconds}"))];
    for (name, text) in values {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

/// Says in the headers when to try again.
pub(super) fn label_refusal(spent: &Spent, headers: &mut HeaderMap) {
    headers.insert(header::RETRY_AFTER, HeaderValue::from(spent.seconds()));
}
