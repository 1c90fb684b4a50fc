//! GraphiQL, served by the binary itself: page, scripts and styles are embedded, no other host is asked.
//!
//! `graphiql/` holds the sources of the bundle and how to rebuild it.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::App;

const ENDPOINT: &str = "/graphql";
const SOCKET: &str = "/graphql/ws";

const TEMPLATE: &str = include_str!("graphiql/page.html");
const PLACEHOLDER: &str = "__SESAME_CONFIG__";

/// Monaco writes its colours and positions as inline styles; everything else comes from this server.
/// `'self'` in `connect-src` covers the WebSocket of the same host and port.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; \
    connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The page, and what it says.
struct Page {
    config: PageConfig,
    /// Where people sign in elsewhere: what is known of the issuer is in the page.
    elsewhere: Option<Arc<App>>,
}

/// What the page is told about this server.
#[derive(Clone, Debug, Default)]
pub struct PageConfig {
    /// E-mail and label of each demonstration account, offered for signing in with one click.
    pub demo_accounts: Vec<(String, String)>,
    /// The demonstration accounts' password. Without it none of them is offered.
    pub demo_password: Option<String>,
}

/// Serves `/graphiql` and its assets.
pub fn router(config: PageConfig, app: Option<Arc<App>>) -> Router {
    let elsewhere = app.filter(|app| app.oidc.is_some());
    Router::new()
        .route("/graphiql", get(page))
        .route("/graphiql/", get(async || Redirect::permanent("/graphiql")))
        .route("/graphiql/assets/{file}", get(asset))
        .with_state(Arc::new(Page { config, elsewhere }))
}

/// One embedded file of the bundle.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    body: &'static [u8],
    /// Worked out when the file is first asked for: a server that shows no page need not hash it.
    tag: OnceLock<HeaderValue>,
}

impl Asset {
    fn named(name: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.name == name)
    }

    fn tag(&self) -> HeaderValue {
        self.tag.get_or_init(|| entity_tag(self.body)).clone()
    }
}

macro_rules! asset {
    ($name:literal, $content_type:literal) => {
        Asset {
            name: $name,
            content_type: $content_type,
            body: include_bytes!(concat!("graphiql/dist/", $name)),
            tag: OnceLock::new(),
        }
    };
}

static ASSETS: [Asset; 6] = [
    asset!("app.js", "text/javascript; charset=utf-8"),
    asset!("worker.js", "text/javascript; charset=utf-8"),
    asset!("app.css", "text/css; charset=utf-8"),
    asset!("codicon.ttf", "font/ttf"),
    asset!("favicon.svg", "image/svg+xml"),
    asset!("LICENSES.txt", "text/plain; charset=utf-8"),
];

impl Page {
    /// What the page is told of the issuer; null where people sign in here.
    fn issuer(&self) -> Value {
        let Some(issuer) = self.elsewhere.as_ref().and_then(|app| app.oidc.as_ref()) else { return Value::Null };
        let (settings, metadata) = (issuer.settings(), issuer.metadata());
        json!({
            "issuer": settings.issuer,
            "client": Some(&settings.graphiql_client).filter(|client| !client.is_empty()),
            "scope": settings.graphiql_scope,
            "parameters": settings.graphiql_parameters,
            "authorization": metadata.as_ref().map(|metadata| &metadata.authorization_endpoint),
            "token": metadata.as_ref().map(|metadata| &metadata.token_endpoint),
        })
    }

    /// What the page may do: ask the issuer for tokens, too, where there is one.
    fn policy(&self) -> HeaderValue {
        let usual = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
        let issuer = self.elsewhere.as_ref().and_then(|app| app.oidc.as_ref());
        let Some(origin) = issuer.and_then(|i| i.metadata()).and_then(|m| origin(&m.token_endpoint)) else {
            return usual;
        };
        let wider = CONTENT_SECURITY_POLICY.replace("connect-src 'self'", &format!("connect-src 'self' {origin}"));
        HeaderValue::try_from(wider).unwrap_or(usual)
    }
}

/// The origin of an address, where it is one that can stand in a policy.
fn origin(address: &str) -> Option<String> {
    let address: Uri = address.parse().ok()?;
    let (scheme, authority) = (address.scheme_str()?, address.authority()?.as_str());
    let is_plain = authority.chars().all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c));
    is_plain.then(|| format!("{scheme}://{authority}"))
}

/// The page's configuration, safe within a `<script>` element: no `<` can end it early.
fn config_json(page: &Page) -> String {
    let config = &page.config;
    let accounts = match config.demo_password {
        Some(_) => config.demo_accounts.as_slice(),
        None => &[],
    };
    let demo: Vec<_> = accounts.iter().map(|(email, label)| json!({ "email": email, "label": label })).collect();
    let config = json!({
        "endpoint": ENDPOINT, "socket": SOCKET, "demo": demo, "demoPassword": config.demo_password, "oidc": page.issuer(),
    });
    config.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A strong validator of the content, so that a new release is seen at once and an old one not sent twice.
fn entity_tag(body: &[u8]) -> HeaderValue {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(body)[..12] {
        // Writing to a `String` cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

async fn page(State(page): State<Arc<Page>>) -> Response {
    let text = TEMPLATE.replace(PLACEHOLDER, &config_json(&page));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, page.policy()),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, text).into_response()
}

async fn asset(Path(file): Path<String>, request: HeaderMap) -> Response {
    let Some(asset) = Asset::named(&file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = asset.tag();
    let known = knows(&request, &tag);
    let validators = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if known {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    // A worker obeys the policy of its own answer, not the page's.
    let content = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (validators, content, asset.body).into_response()
}

/// Whether the caller already has the file with this entity tag.
fn knows(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|list| list.split(',')).any(|one| one.trim().trim_start_matches("W/").as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::Service as _;

    use super::*;

    fn demo() -> PageConfig {
        PageConfig {
            demo_accounts: vec![("delegate@demo.example".into(), "</script><b>&Délégué".into())],
            demo_password: Some("sesame-demo".into()),
        }
    }

    async fn ask(config: PageConfig, path: &str, known: Option<&HeaderValue>) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::get(path);
        if let Some(tag) = known {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = router(config, None).call(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    /// The configuration as the page's script reads it.
    fn config_in(page: &str) -> serde_json::Value {
        let (_, rest) = page.split_once("id=\"sesame-config\">").expect("a configuration");
        let (json, _) = rest.split_once("</script>").expect("its end");
        assert!(!json.contains('<'));
        serde_json::from_str(json).expect("JSON")
    }

    #[tokio::test]
    async fn the_page_carries_the_demonstration_accounts_safely() {
        let (status, headers, page) = ask(demo(), "/graphiql", None).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], CONTENT_SECURITY_POLICY);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let config = config_in(&page);
        assert_eq!(config["endpoint"], ENDPOINT);
        assert_eq!(config["socket"], SOCKET);
        assert_eq!(config["demo"][0]["label"], "</script><b>&Délégué");
        assert_eq!(config["demoPassword"], "sesame-demo");
    }

    #[tokio::test]
    async fn without_a_demonstration_no_account_is_named() {
        let config = PageConfig { demo_password: None, ..demo() };
        let (_, _, page) = ask(config, "/graphiql", None).await;
        assert_eq!(config_in(&page)["demo"], json!([]));
        assert!(!page.contains("demo.example"));
    }

    #[tokio::test]
    async fn the_page_names_only_files_that_are_served() {
        let (_, _, page) = ask(PageConfig::default(), "/graphiql", None).await;
        let named: Vec<_> = page.split('"').filter(|text| text.starts_with("/graphiql/assets/")).collect();
        assert!(named.len() >= 3);
        for path in named {
            assert_eq!(ask(PageConfig::default(), path, None).await.0, StatusCode::OK, "{path}");
        }
        assert!(!page.contains("//"));
    }

    #[tokio::test]
    async fn a_known_asset_is_not_sent_again() {
        let path = "/graphiql/assets/app.css";
        let (_, headers, body) = ask(PageConfig::default(), path, None).await;
        assert_eq!(headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
        assert!(!body.is_empty());
        let (status, _, body) = ask(PageConfig::default(), path, headers.get(header::ETAG)).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }

    #[tokio::test]
    async fn nothing_else_is_served() {
        for path in ["/graphiql/assets/page.html", "/graphiql/assets/..%2Fbuild.mjs", "/graphiql/assets/"] {
            assert_eq!(ask(PageConfig::default(), path, None).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
