//! Settings: flags before environment before `sesame.toml` before defaults, each knowing where it came from.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::Deserialize;

use crate::{
    http::{
        is_origin,
        limits::{Limits, SomeLimits, Unfit},
        proxies::Proxies,
    },
    identity::oidc::{Oidc, SomeOidc, Unbelievable},
    webhooks::settings as webhooks,
};

/// The fewest connections to the database: a request may need one to read beside the one it writes on, and
/// the outbox must get through beside it.
const FEWEST_CONNECTIONS: u32 = 3;
/// The fewest characters of a token that opens the figures.
const SHORTEST_TOKEN: usize = 16;
/// The longest that a server goes on after it was told to end.
const LONGEST_DRAIN: u32 = 600;

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag on the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// The configuration file.
    File,
    /// Nothing said otherwise.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "sesame.toml",
            Self::Default => "default",
        })
    }
}

/// Settings as one source gives them: only what it says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Partial {
    /// Folder of the embedded database, uploads and keys.
    pub data: Option<PathBuf>,
    /// `sqlite:` or `postgres:` URL; default: `sesame.db` in the data folder.
    pub database_url: Option<String>,
    /// Most database connections.
    pub database_connections: Option<u32>,
    /// Address to listen on.
    pub host: Option<IpAddr>,
    /// Port to listen on; 0: any free one.
    pub port: Option<u16>,
    /// Whether GraphiQL is served.
    pub graphiql: Option<bool>,
    /// Whether answers carry a `Server-Timing` header with the number of SQL statements.
    pub server_timing: Option<bool>,
    /// Life of an access token in seconds.
    pub access_token_seconds: Option<u32>,
    /// Life of a session in days, renewed by refresh tokens.
    pub session_days: Option<u32>,
    /// Largest file that can be sent, in bytes.
    pub upload_bytes: Option<u64>,
    /// Whether logs are JSON lines.
    pub log_json: Option<bool>,
    /// Whether clients may register documents by sending them along with their hash.
    pub automatic_persisted_queries: Option<bool>,
    /// Origins of other sites' pages that may speak to this server, such as `https://desk.example`.
    pub cors_origins: Option<Vec<String>>,
    /// The share of requests that have a line in the log, from 0 to 1; faults and slow ones always have.
    pub log_requests: Option<f64>,
    /// From how many milliseconds on a request is slow; 0: none is.
    pub slow_request_ms: Option<u64>,
    /// From how many milliseconds on an SQL statement is slow; 0: none is.
    pub slow_statement_ms: Option<u64>,
    /// Address of a listener for `/metrics` alone, open to whoever reaches it.
    pub metrics_address: Option<SocketAddr>,
    /// Bearer token that opens `/metrics` beside everything else.
    pub metrics_token: Option<String>,
    /// Collector for traces: OTLP over HTTP, such as `http://127.0.0.1:4318`.
    pub otel_endpoint: Option<String>,
    /// The share of traces that are sent, from 0 to 1.
    pub otel_share: Option<f64>,
    /// Proxies whose word is taken for whom they speak for: addresses and networks.
    pub trusted_proxies: Option<Proxies>,
    /// Seconds from the order to end until connections are no longer taken, while readiness is red.
    pub drain_seconds: Option<u32>,
    /// Limits on what one request may ask for.
    pub limits: SomeLimits,
    /// The issuer that signs people in.
    pub oidc: SomeOidc,
    /// How webhooks are sent.
    pub webhooks: webhooks::SomeSettings,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the embedded database, uploads and keys.
    pub data: PathBuf,
    /// `sqlite:` or `postgres:` URL.
    pub database_url: String,
    /// Most database connections, at least three.
    pub database_connections: u32,
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on.
    pub port: u16,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
    /// Whether answers carry a `Server-Timing` header.
    pub server_timing: bool,
    /// Life of an access token in seconds.
    pub access_token_seconds: u32,
    /// Life of a session in days.
    pub session_days: u32,
    /// Largest file that can be sent, in bytes.
    pub upload_bytes: u64,
    /// Whether logs are JSON lines.
    pub log_json: bool,
    /// Whether clients may register documents by sending them along with their hash (K-12).
    pub automatic_persisted_queries: bool,
    /// Origins of other sites' pages that may speak to this server (K-11).
    pub cors_origins: Vec<String>,
    /// The share of requests that have a line in the log.
    pub log_requests: f64,
    /// From how many milliseconds on a request is slow; 0: none is.
    pub slow_request_ms: u64,
    /// From how many milliseconds on an SQL statement is slow; 0: none is.
    pub slow_statement_ms: u64,
    /// Address of a listener for `/metrics` alone.
    pub metrics_address: Option<SocketAddr>,
    /// Bearer token that opens `/metrics` beside everything else.
    pub metrics_token: Option<String>,
    /// Collector for traces.
    pub otel_endpoint: Option<String>,
    /// The share of traces that are sent.
    pub otel_share: f64,
    /// Proxies whose word is taken for whom they speak for.
    pub trusted_proxies: Proxies,
    /// Seconds from the order to end until connections are no longer taken, while readiness is red.
    pub drain_seconds: u32,
    /// Limits on what one request may ask for.
    pub limits: Limits,
    /// The issuer that signs people in; none: Sésame does, with passwords.
    pub oidc: Option<Oidc>,
    /// How webhooks are sent.
    pub webhooks: webhooks::Settings,
    /// Whether the demonstration accounts and their password are shown.
    pub demo: bool,
    origins: Vec<(&'static str, Origin)>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not the TOML expected.
    #[error("{path}: {source}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// An environment variable has a value that makes no sense.
    #[error("{variable}: «{value}» is not {expected}")]
    Environment {
        /// Its name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A variable `SESAME_LIMITS_…` is no number.
    #[error("SESAME_LIMITS_{}: «{value}» is not a number", name.to_uppercase())]
    Limit {
        /// Which limit.
        name: &'static str,
        /// What it was set to.
        value: String,
    },
    /// A variable `SESAME_WEBHOOKS_…` makes no sense.
    #[error("SESAME_WEBHOOKS_{}: «{value}» makes no sense", name.to_uppercase())]
    Webhooks {
        /// Which setting.
        name: &'static str,
        /// What it was set to.
        value: String,
    },
    /// One cannot work with a setting of the webhooks.
    #[error(transparent)]
    WebhooksUnfit(#[from] webhooks::Unfit),
    /// A limit is set so that it would let nothing through, or protect nothing.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// An origin is none as browsers send it.
    #[error(
        "cors_origins: «{0}» is not an origin such as https://desk.example: scheme, host and port in lower case, no path, no *"
    )]
    Origin(String),
    /// The issuer is not one to believe.
    #[error(transparent)]
    Unbelievable(#[from] Unbelievable),
    /// There are too few connections to the database to work with.
    #[error("database_connections = {0}: there are at least {FEWEST_CONNECTIONS}")]
    Connections(u32),
    /// A share is none.
    #[error("{name} = {value}: it lies between 0 and 1")]
    Share {
        /// Which setting.
        name: &'static str,
        /// What it was set to.
        value: f64,
    },
    /// The token of the figures could be guessed.
    #[error("metrics_token: it has at least {SHORTEST_TOKEN} characters")]
    Token,
    /// The collector's address is none.
    #[error("otel_endpoint = {0}: it begins with http:// or https://")]
    Collector(String),
    /// It would take too long to end.
    #[error("drain_seconds = {0}: it is at most {LONGEST_DRAIN}")]
    Drain(u32),
}

impl Partial {
    /// What the environment says.
    ///
    /// # Errors
    /// When a variable has a value of another type.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            data: get("SESAME_DATA").map(PathBuf::from),
            database_url: get("SESAME_DATABASE_URL").or_else(|| get("DATABASE_URL")),
            database_connections: parsed(&get, "SESAME_DATABASE_CONNECTIONS", "a number")?,
            host: parsed(&get, "SESAME_HOST", "an IP address")?,
            port: parsed(&get, "SESAME_PORT", "a port")?,
            graphiql: parsed(&get, "SESAME_GRAPHIQL", "true or false")?,
            server_timing: parsed(&get, "SESAME_SERVER_TIMING", "true or false")?,
            access_token_seconds: parsed(&get, "SESAME_ACCESS_TOKEN_SECONDS", "a number of seconds")?,
            session_days: parsed(&get, "SESAME_SESSION_DAYS", "a number of days")?,
            upload_bytes: parsed(&get, "SESAME_UPLOAD_BYTES", "a number of bytes")?,
            log_json: parsed(&get, "SESAME_LOG_JSON", "true or false")?,
            automatic_persisted_queries: parsed(&get, "SESAME_AUTOMATIC_PERSISTED_QUERIES", "true or false")?,
            cors_origins: get("SESAME_CORS_ORIGINS").map(|text| listed(&text)),
            oidc: SomeOidc {
                issuer: get("SESAME_OIDC_ISSUER"),
                audience: parsed(&get, "SESAME_OIDC_AUDIENCE", "a list")?,
                algorithms: parsed(&get, "SESAME_OIDC_ALGORITHMS", "a list")?,
                clients: parsed(&get, "SESAME_OIDC_CLIENTS", "a list")?,
                leeway_seconds: parsed(&get, "SESAME_OIDC_LEEWAY_SECONDS", "a number of seconds")?,
                refresh_seconds: parsed(&get, "SESAME_OIDC_REFRESH_SECONDS", "a number of seconds")?,
                refetch_seconds: parsed(&get, "SESAME_OIDC_REFETCH_SECONDS", "a number of seconds")?,
                insecure_http: parsed(&get, "SESAME_OIDC_INSECURE_HTTP", "true or false")?,
                graphiql_client: get("SESAME_OIDC_GRAPHIQL_CLIENT"),
                graphiql_scope: get("SESAME_OIDC_GRAPHIQL_SCOPE"),
                graphiql_parameters: get("SESAME_OIDC_GRAPHIQL_PARAMETERS"),
            },
            log_requests: parsed(&get, "SESAME_LOG_REQUESTS", "a share from 0 to 1")?,
            slow_request_ms: parsed(&get, "SESAME_SLOW_REQUEST_MS", "a number of milliseconds")?,
            slow_statement_ms: parsed(&get, "SESAME_SLOW_STATEMENT_MS", "a number of milliseconds")?,
            metrics_address: parsed(&get, "SESAME_METRICS_ADDRESS", "an address with a port")?,
            metrics_token: get("SESAME_METRICS_TOKEN"),
            otel_endpoint: get("SESAME_OTEL_ENDPOINT").or_else(|| get("OTEL_EXPORTER_OTLP_ENDPOINT")),
            otel_share: parsed(&get, "SESAME_OTEL_SHARE", "a share from 0 to 1")?,
            trusted_proxies: parsed(&get, "SESAME_TRUSTED_PROXIES", "addresses and networks with commas between")?,
            drain_seconds: parsed(&get, "SESAME_DRAIN_SECONDS", "a number of seconds")?,
            limits: SomeLimits::from_variables(&get).map_err(|(name, value)| ConfigError::Limit { name, value })?,
            webhooks: webhooks::SomeSettings::from_variables(&get)
                .map_err(|(name, value)| ConfigError::Webhooks { name, value })?,
        })
    }

    /// What the file says; nothing where there is none and none was asked for by name.
    ///
    /// # Errors
    /// When the file cannot be read or is not understood.
    pub fn from_file(path: Option<PathBuf>) -> Result<Self, ConfigError> {
        let asked_for = path.is_some();
        let path = path.unwrap_or_else(|| PathBuf::from("sesame.toml"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound && !asked_for => return Ok(Self::default()),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        toml::from_str(&text).map_err(|source| ConfigError::Parse { path, source: Box::new(source) })
    }
}

/// What stands between commas.
fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

fn parsed<T: std::str::FromStr>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    expected: &'static str,
) -> Result<Option<T>, ConfigError> {
    get(variable)
        .map(|value| value.parse().map_err(|_| ConfigError::Environment { variable, value, expected }))
        .transpose()
}

/// Picks a setting from the first source that has it, and notes which.
struct Pick<'a> {
    sources: [(Origin, &'a Partial); 3],
    origins: Vec<(&'static str, Origin)>,
}

impl Pick<'_> {
    fn take<T>(&mut self, name: &'static str, read: impl Fn(&Partial) -> Option<T>, default: T) -> T {
        let found = self.sources.iter().find_map(|(origin, partial)| Some((*origin, read(partial)?)));
        let (origin, value) = found.unwrap_or((Origin::Default, default));
        self.origins.push((name, origin));
        value
    }
}

/// The issuer, where anything is said of one.
fn oidc(pick: &mut Pick<'_>) -> Option<Oidc> {
    let usual = Oidc::of(pick.take("oidc.issuer", |p| p.oidc.issuer.clone(), String::new()));
    let oidc = Oidc {
        issuer: usual.issuer,
        audience: pick.take("oidc.audience", |p| p.oidc.audience.clone(), usual.audience),
        algorithms: pick.take("oidc.algorithms", |p| p.oidc.algorithms.clone(), usual.algorithms),
        clients: pick.take("oidc.clients", |p| p.oidc.clients.clone(), usual.clients),
        leeway_seconds: pick.take("oidc.leeway_seconds", |p| p.oidc.leeway_seconds, usual.leeway_seconds),
        refresh_seconds: pick.take("oidc.refresh_seconds", |p| p.oidc.refresh_seconds, usual.refresh_seconds),
        refetch_seconds: pick.take("oidc.refetch_seconds", |p| p.oidc.refetch_seconds, usual.refetch_seconds),
        insecure_http: pick.take("oidc.insecure_http", |p| p.oidc.insecure_http, usual.insecure_http),
        graphiql_client: pick.take("oidc.graphiql_client", |p| p.oidc.graphiql_client.clone(), usual.graphiql_client),
        graphiql_scope: pick.take("oidc.graphiql_scope", |p| p.oidc.graphiql_scope.clone(), usual.graphiql_scope),
        graphiql_parameters: pick.take(
            "oidc.graphiql_parameters",
            |p| p.oidc.graphiql_parameters.clone(),
            usual.graphiql_parameters,
        ),
    };
    Some(oidc).filter(|oidc| !oidc.issuer.is_empty() || !oidc.audience.0.is_empty())
}

impl Settings {
    /// Puts the sources together, the first ones winning.
    #[must_use]
    pub fn resolve(flags: &Partial, environment: &Partial, file: &Partial) -> Self {
        let sources = [(Origin::Flag, flags), (Origin::Environment, environment), (Origin::File, file)];
        let mut pick = Pick { sources, origins: Vec::new() };
        let (limits, won) = Limits::resolve(&sources.map(|(_, partial)| &partial.limits));
        let (webhooks, told) = webhooks::Settings::resolve(&sources.map(|(_, partial)| &partial.webhooks));
        let data = pick.take("data", |p| p.data.clone(), PathBuf::from("data"));
        let embedded = format!("sqlite://{}?mode=rwc", data.join("sesame.db").display());
        let mut settings = Self {
            database_url: pick.take("database_url", |p| p.database_url.clone(), embedded),
            database_connections: pick.take("database_connections", |p| p.database_connections, 16),
            host: pick.take("host", |p| p.host, IpAddr::from([127, 0, 0, 1])),
            port: pick.take("port", |p| p.port, 8080),
            graphiql: pick.take("graphiql", |p| p.graphiql, true),
            server_timing: pick.take("server_timing", |p| p.server_timing, false),
            access_token_seconds: pick.take("access_token_seconds", |p| p.access_token_seconds, 600),
            session_days: pick.take("session_days", |p| p.session_days, 30),
            upload_bytes: pick.take("upload_bytes", |p| p.upload_bytes, 20 * 1024 * 1024),
            log_json: pick.take("log_json", |p| p.log_json, false),
            automatic_persisted_queries: pick.take(
                "automatic_persisted_queries",
                |p| p.automatic_persisted_queries,
                false,
            ),
            cors_origins: pick.take("cors_origins", |p| p.cors_origins.clone(), Vec::new()),
            log_requests: pick.take("log_requests", |p| p.log_requests, 1.0),
            slow_request_ms: pick.take("slow_request_ms", |p| p.slow_request_ms, 2_000),
            slow_statement_ms: pick.take("slow_statement_ms", |p| p.slow_statement_ms, 500),
            metrics_address: pick.take("metrics_address", |p| p.metrics_address.map(Some), None),
            metrics_token: pick.take("metrics_token", |p| p.metrics_token.clone().map(Some), None),
            otel_endpoint: pick.take("otel_endpoint", |p| p.otel_endpoint.clone().map(Some), None),
            otel_share: pick.take("otel_share", |p| p.otel_share, 1.0),
            trusted_proxies: pick.take("trusted_proxies", |p| p.trusted_proxies.clone(), Proxies::default()),
            drain_seconds: pick.take("drain_seconds", |p| p.drain_seconds, 0),
            limits,
            oidc: oidc(&mut pick),
            webhooks,
            demo: false,
            data,
            origins: pick.origins,
        };
        let origin = |won: Option<usize>| won.map_or(Origin::Default, |place| sources[place].0);
        settings.origins.extend(Limits::NAMES.iter().copied().zip(won.into_iter().map(origin)));
        settings.origins.extend(webhooks::Settings::NAMES.iter().copied().zip(told.into_iter().map(origin)));
        settings
    }

    /// Looks whether one can work with the settings.
    ///
    /// # Errors
    /// The first one that would harm.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.limits.check()?;
        if let Some(odd) = self.cors_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(ConfigError::Origin(odd.clone()));
        }
        self.oidc.as_ref().map_or(Ok(()), Oidc::check)?;
        self.webhooks.check()?;
        if self.database_connections < FEWEST_CONNECTIONS {
            return Err(ConfigError::Connections(self.database_connections));
        }
        if self.drain_seconds > LONGEST_DRAIN {
            return Err(ConfigError::Drain(self.drain_seconds));
        }
        for (name, value) in [("log_requests", self.log_requests), ("otel_share", self.otel_share)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(ConfigError::Share { name, value });
            }
        }
        if self.metrics_token.as_ref().is_some_and(|token| token.len() < SHORTEST_TOKEN) {
            return Err(ConfigError::Token);
        }
        let is_address = |url: &&String| url.starts_with("http://") || url.starts_with("https://");
        match self.otel_endpoint.as_ref().filter(|url| !is_address(url)) {
            Some(url) => Err(ConfigError::Collector(url.clone())),
            None => Ok(()),
        }
    }

    /// The settings in force with their origins, one a line, secrets masked.
    #[must_use]
    pub fn describe(&self) -> String {
        let value = |name: &str| match name {
            "data" => self.data.display().to_string(),
            "database_url" => masked(&self.database_url),
            "database_connections" => self.database_connections.to_string(),
            "host" => self.host.to_string(),
            "port" => self.port.to_string(),
            "graphiql" => self.graphiql.to_string(),
            "server_timing" => self.server_timing.to_string(),
            "access_token_seconds" => self.access_token_seconds.to_string(),
            "session_days" => self.session_days.to_string(),
            "upload_bytes" => self.upload_bytes.to_string(),
            "log_json" => self.log_json.to_string(),
            "log_requests" => self.log_requests.to_string(),
            "slow_request_ms" => self.slow_request_ms.to_string(),
            "slow_statement_ms" => self.slow_statement_ms.to_string(),
            "metrics_address" => self.metrics_address.map_or_else(|| "none".into(), |at| at.to_string()),
            "metrics_token" => self.metrics_token.as_ref().map_or("none", |_| "***").to_owned(),
            "otel_endpoint" => self.otel_endpoint.as_deref().map_or_else(|| "none".into(), masked),
            "otel_share" => self.otel_share.to_string(),
            "automatic_persisted_queries" => self.automatic_persisted_queries.to_string(),
            "cors_origins" => format!("{:?}", self.cors_origins),
            "trusted_proxies" => self.trusted_proxies.to_string(),
            "drain_seconds" => self.drain_seconds.to_string(),
            _ => match (&self.oidc, name.strip_prefix("oidc.")) {
                (Some(oidc), Some(name)) => oidc.told(name),
                _ => String::new(),
            },
        };
        let limits: std::collections::HashMap<_, _> = Limits::NAMES.iter().copied().zip(self.limits.values()).collect();
        let webhooks: std::collections::HashMap<_, _> =
            webhooks::Settings::NAMES.iter().copied().zip(self.webhooks.values()).collect();
        let line = |(name, origin): &(&'static str, Origin)| match (limits.get(name), webhooks.get(name)) {
            (Some(limit), _) => format!("limits.{name} = {limit}  # {origin}\n"),
            (None, Some(setting)) => format!("webhooks.{name} = {setting}  # {origin}\n"),
            (None, None) => format!("{name} = {}  # {origin}\n", value(name)),
        };
        // Without an issuer nothing is said of it.
        let is_told = |(name, _): &&(&'static str, Origin)| self.oidc.is_some() || !name.starts_with("oidc.");
        self.origins.iter().filter(is_told).map(line).collect()
    }
}

/// A URL without its password.
fn masked(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (credentials, rest))) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{rest}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_environment_over_file_over_defaults() {
        let flags = Partial { port: Some(1), ..Partial::default() };
        let environment = Partial { port: Some(2), session_days: Some(2), ..Partial::default() };
        let file = Partial { port: Some(3), session_days: Some(3), log_json: Some(true), ..Partial::default() };
        let settings = Settings::resolve(&flags, &environment, &file);
        assert_eq!((settings.port, settings.session_days, settings.log_json), (1, 2, true));
        let told = settings.describe();
        assert!(told.contains("port = 1  # flag") && told.contains("graphiql = true  # default"), "{told}");
    }

    #[test]
    fn limits_come_from_the_environment_and_the_file_each_for_itself() {
        let file: Partial = toml::from_str("[limits]\ntokens = 7\ndepth = 9").unwrap();
        let get = |name: &str| (name == "SESAME_LIMITS_TOKENS").then(|| "8".to_owned());
        let environment = Partial::from_environment(get).unwrap();
        let settings = Settings::resolve(&Partial::default(), &environment, &file);
        assert_eq!((settings.limits.tokens, settings.limits.depth), (8, 9));
        let told = settings.describe();
        for line in
            ["limits.tokens = 8  # environment", "limits.depth = 9  # sesame.toml", "limits.fields = 10000  # default"]
        {
            assert!(told.contains(line), "{told}");
        }
        let get = |name: &str| (name == "SESAME_LIMITS_TOKENS").then(|| "many".to_owned());
        let error = Partial::from_environment(get).unwrap_err().to_string();
        assert!(error.contains("SESAME_LIMITS_TOKENS") && error.contains("many"), "{error}");
    }

    #[test]
    fn settings_that_would_harm_are_refused() {
        let checked = |toml: &str| {
            let file: Partial = toml::from_str(toml).unwrap();
            Settings::resolve(&Partial::default(), &Partial::default(), &file)
                .check()
                .map_err(|error| error.to_string())
        };
        assert_eq!(checked(""), Ok(()));
        assert!(checked("[limits]\nnesting = 100000").unwrap_err().contains("limits.nesting"));
        assert!(checked(r#"cors_origins = ["*"]"#).unwrap_err().contains("cors_origins"));
        assert_eq!(checked(r#"cors_origins = ["https://desk.example"]"#), Ok(()));
        assert!(checked("database_connections = 1").unwrap_err().contains("database_connections"));
        for (toml, named) in [
            ("database_connections = 1", "database_connections"),
            ("log_requests = 1.5", "log_requests"),
            ("otel_share = -0.1", "otel_share"),
            ("metrics_token = \"guess me\"", "metrics_token"),
            ("otel_endpoint = \"collector:4318\"", "otel_endpoint"),
        ] {
            assert!(checked(toml).unwrap_err().contains(named), "{toml}");
        }
        assert!(checked("drain_seconds = 601").unwrap_err().contains("drain_seconds"));
    }

    #[test]
    fn proxies_come_from_the_file_as_a_list_and_from_the_environment_with_commas() {
        let file: Partial = toml::from_str("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]").unwrap();
        let get = |name: &str| (name == "SESAME_TRUSTED_PROXIES").then(|| "10.0.0.0/8, ::1".to_owned());
        assert_eq!(Partial::from_environment(get).unwrap().trusted_proxies, file.trusted_proxies);
        let get = |name: &str| (name == "SESAME_TRUSTED_PROXIES").then(|| "nginx".to_owned());
        assert!(Partial::from_environment(get).unwrap_err().to_string().contains("nginx"));
        assert!(toml::from_str::<Partial>("trusted_proxies = [\"nginx\"]").is_err());
    }

    #[test]
    fn a_password_is_never_shown() {
        let file: Partial = toml::from_str("metrics_token = \"0123456789abcdef\"").unwrap();
        let told = Settings::resolve(&Partial::default(), &Partial::default(), &file).describe();
        assert!(told.contains("metrics_token = ***  # sesame.toml"), "{told}");
        assert_eq!(masked("postgres://me:secret@db/sesame"), "postgres://me:***@db/sesame");
        assert_eq!(masked("sqlite://data/sesame.db"), "sqlite://data/sesame.db");
    }
}
