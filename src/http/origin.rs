//! Pages of other sites (K-11): who among them may speak to this server.
//!
//! None, until `cors_origins` names them. Those that are named may read answers over HTTP (CORS), follow events and
//! open sockets; the others get no answer that a browser would show them, and are turned away where the browser
//! asks nobody: at sockets and events.

use std::time::Duration;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use tower_http::cors::{AllowHeaders, CorsLayer};

/// How long a browser may remember what a page is allowed.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Whether a request comes from a page of this host, from one of another that is named, or from no page at all.
pub(super) fn is_welcome(headers: &HeaderMap, named: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let of_this_host =
        origin.split_once("://").zip(host).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host));
    of_this_host || named.iter().any(|named| named.eq_ignore_ascii_case(origin))
}

/// What a page of another site is told.
pub(super) fn turned_away() -> Response {
    (StatusCode::FORBIDDEN, "a page of another origin\n").into_response()
}

/// The answers to browsers that ask for pages of the sites that are named; nothing where none is.
pub(super) fn cors(named: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = named.iter().filter_map(|origin| origin.parse().ok()).collect();
    let ours = |names: &[&'static str]| names.iter().copied().map(HeaderName::from_static).collect::<Vec<_>>();
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT])
            // Whatever headers it sends: the origin is what is checked, and no cookie speaks for anybody.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(ours(&["ratelimit", "ratelimit-policy", "retry-after", "server-timing", "x-request-id"]))
            .max_age(REMEMBERED)
    })
}

/// Whether a setting names an origin as browsers send it: scheme and host, perhaps a port, and nothing behind.
pub(crate) fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let is_host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(is_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_host_and_of_those_named_are_welcome() {
        let named = ["https://desk.example".to_owned()];
        let welcome = |origin: &'static str| {
            let headers = [(header::ORIGIN, origin), (header::HOST, "sesame.example:8080")];
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            is_welcome(&HeaderMap::from_iter(headers), &named)
        };
        for good in ["https://sesame.example:8080", "http://SESAME.example:8080", "https://desk.example"] {
            assert!(welcome(good), "{good}");
        }
        for bad in [
            "https://sesame.example",
            "http://desk.example",
            "https://desk.example.evil.example",
            "https://desk.example:444",
            "null",
            "",
        ] {
            assert!(!welcome(bad), "{bad}");
        }
        assert!(is_welcome(&HeaderMap::new(), &[]), "no page at all");
    }

    #[test]
    fn an_origin_has_no_path_and_no_star() {
        for good in ["https://desk.example", "http://127.0.0.1:5173", "http://[::1]:5173"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "*",
            "null",
            "desk.example",
            "https://",
            "https://desk.example/",
            "https://*.example",
            "ftp://a",
            "https://Desk.example",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
