//! Which issuer is believed, and how far.

use std::{convert::Infallible, fmt, net::IpAddr, str::FromStr, time::Duration};

use axum::http::{Uri, uri::Scheme};
use jsonwebtoken::Algorithm;
use serde::Deserialize;

/// Several words: a list, or one text with commas or blanks between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Given")]
pub struct Words(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    One(String),
    Many(Vec<String>),
}

impl From<Given> for Words {
    fn from(given: Given) -> Self {
        match given {
            Given::One(text) => Self::split(&text),
            Given::Many(words) => Self(words),
        }
    }
}

impl Words {
    fn split(text: &str) -> Self {
        Self(text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }
}

impl FromStr for Words {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::split(text))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// What one source of settings says of the issuer: `[oidc]` in the file, `SESAME_OIDC_…`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SomeOidc {
    /// The issuer, exactly as its tokens name it.
    pub issuer: Option<String>,
    /// What its tokens must be meant for: one of these.
    pub audience: Option<Words>,
    /// With which algorithms they may be signed.
    pub algorithms: Option<Words>,
    /// The clients that they may have been given to; none: any.
    pub clients: Option<Words>,
    /// How far the issuer's clock may be from ours, in seconds.
    pub leeway_seconds: Option<u32>,
    /// How often its keys are read again, in seconds.
    pub refresh_seconds: Option<u32>,
    /// How long after one read for the sake of an unknown key the next one may come, in seconds.
    pub refetch_seconds: Option<u32>,
    /// Whether the issuer may be elsewhere without TLS.
    pub insecure_http: Option<bool>,
    /// The public client that GraphiQL signs in with; none: it does not.
    pub graphiql_client: Option<String>,
    /// The scope that it asks for.
    pub graphiql_scope: Option<String>,
    /// What it says more when it asks for a token, as in an address: `resource=urn:sesame`.
    pub graphiql_parameters: Option<String>,
}

/// The issuer that signs people in.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// What its tokens must be meant for: one of these.
    pub audience: Words,
    /// With which algorithms they may be signed.
    pub algorithms: Words,
    /// The clients that they may have been given to; none: any.
    pub clients: Words,
    /// How far the issuer's clock may be from ours, in seconds.
    pub leeway_seconds: u32,
    /// How often its keys are read again, in seconds.
    pub refresh_seconds: u32,
    /// How long after one read for the sake of an unknown key the next one may come, in seconds.
    pub refetch_seconds: u32,
    /// Whether the issuer may be elsewhere without TLS.
    pub insecure_http: bool,
    /// The public client that GraphiQL signs in with.
    pub graphiql_client: String,
    /// The scope that it asks for.
    pub graphiql_scope: String,
    /// What it says more when it asks for a token.
    pub graphiql_parameters: String,
}

/// Why an issuer is not one to believe.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unbelievable {
    /// Its address is none, or has more than a host and a path.
    #[error("oidc.issuer = {0}: an https address without query or fragment")]
    Address(String),
    /// It is elsewhere, and nothing protects the way to it.
    #[error("oidc.issuer = {0}: http is for this machine alone, unless oidc.insecure_http says otherwise")]
    Insecure(String),
    /// Nothing says what its tokens are meant for.
    #[error("oidc.audience is missing: the tokens of other services would be taken, too")]
    Audience,
    /// An algorithm is none, or one whose key both ends would have to know.
    #[error("oidc.algorithms: {0} is none of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA")]
    Algorithm(String),
    /// Somebody set something about an issuer, and no issuer.
    #[error("oidc.issuer is missing")]
    Issuer,
}

impl Oidc {
    /// What the settings are when nothing is said.
    #[must_use]
    pub fn of(issuer: String) -> Self {
        Self {
            issuer,
            audience: Words::default(),
            algorithms: Words::split("RS256 ES256"),
            clients: Words::default(),
            leeway_seconds: 30,
            refresh_seconds: 300,
            refetch_seconds: 30,
            insecure_http: false,
            graphiql_client: String::new(),
            graphiql_scope: "openid email".to_owned(),
            graphiql_parameters: String::new(),
        }
    }

    /// Looks whether the issuer can be believed.
    ///
    /// # Errors
    /// The first thing that would let somebody else in.
    pub fn check(&self) -> Result<(), Unbelievable> {
        self.is_within_reach(&self.issuer)?;
        if self.audience.0.is_empty() {
            return Err(Unbelievable::Audience);
        }
        self.signed_with().map(drop)
    }

    /// Whether an address of the issuer's is one that documents may be fetched from.
    ///
    /// # Errors
    /// Why not.
    pub fn is_within_reach(&self, address: &str) -> Result<(), Unbelievable> {
        let malformed = || Unbelievable::Address(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| malformed())?;
        let host = uri.host().ok_or_else(malformed)?;
        if uri.query().is_some() || address.contains(['#', '@']) {
            return Err(malformed());
        }
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        let is_plain = uri.scheme() == Some(&Scheme::HTTP);
        match (is_secure, is_plain) {
            (true, _) => Ok(()),
            (_, true) if self.insecure_http || is_of_this_machine(host) => Ok(()),
            (_, true) => Err(Unbelievable::Insecure(address.to_owned())),
            (false, false) => Err(malformed()),
        }
    }

    /// The algorithms that its tokens may be signed with.
    ///
    /// # Errors
    /// The first that is none, or symmetric.
    pub fn signed_with(&self) -> Result<Vec<Algorithm>, Unbelievable> {
        let unknown = |name: &String| Unbelievable::Algorithm(name.clone());
        let each = self.algorithms.0.iter().map(|name| match name.parse() {
            Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => Err(unknown(name)),
            Ok(algorithm) => Ok(algorithm),
        });
        let all: Vec<Algorithm> = each.collect::<Result<_, _>>()?;
        if all.is_empty() { Err(Unbelievable::Algorithm("nothing".to_owned())) } else { Ok(all) }
    }

    /// How far its clock may be from ours.
    #[must_use]
    pub fn leeway(&self) -> chrono::Duration {
        chrono::Duration::seconds(self.leeway_seconds.into())
    }

    /// How long after one read for the sake of an unknown key the next one may come.
    #[must_use]
    pub fn refetch(&self) -> Duration {
        Duration::from_secs(self.refetch_seconds.into())
    }

    /// How often its keys are read again.
    #[must_use]
    pub fn refresh(&self) -> Duration {
        Duration::from_secs(self.refresh_seconds.max(1).into())
    }

    /// A setting by its name, to be shown.
    #[must_use]
    pub fn told(&self, name: &str) -> String {
        match name {
            "issuer" => self.issuer.clone(),
            "audience" => self.audience.to_string(),
            "algorithms" => self.algorithms.to_string(),
            "clients" => self.clients.to_string(),
            "leeway_seconds" => self.leeway_seconds.to_string(),
            "refresh_seconds" => self.refresh_seconds.to_string(),
            "refetch_seconds" => self.refetch_seconds.to_string(),
            "insecure_http" => self.insecure_http.to_string(),
            "graphiql_client" => self.graphiql_client.clone(),
            "graphiql_scope" => self.graphiql_scope.clone(),
            "graphiql_parameters" => self.graphiql_parameters.clone(),
            _ => String::new(),
        }
    }
}

fn is_of_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(address: &str) -> Oidc {
        Oidc { audience: Words::split("sesame"), ..Oidc::of(address.to_owned()) }
    }

    #[test]
    fn an_issuer_is_secure_or_on_this_machine() {
        for good in
            ["https://login.example", "https://login.example/realms/one", "http://127.0.0.1:3000", "http://[::1]:1"]
        {
            assert_eq!(issuer(good).check(), Ok(()), "{good}");
        }
        let far = "http://login.example".to_owned();
        assert_eq!(issuer(&far).check(), Err(Unbelievable::Insecure(far.clone())));
        assert_eq!(Oidc { insecure_http: true, ..issuer(&far) }.check(), Ok(()));
        for bad in ["", "login.example", "ftp://login.example", "https://login.example?a=1", "https://a@login.example/"]
        {
            assert_eq!(issuer(bad).check(), Err(Unbelievable::Address(bad.into())), "{bad}");
        }
    }

    #[test]
    fn keys_that_both_ends_know_are_never_pinned() {
        for bad in ["HS256", "none", "RS256 HS512", ""] {
            let algorithms = Words::split(bad);
            assert!(
                matches!(Oidc { algorithms, ..issuer("https://a") }.check(), Err(Unbelievable::Algorithm(_))),
                "{bad}"
            );
        }
        assert_eq!(Oidc { audience: Words::default(), ..issuer("https://a") }.check(), Err(Unbelievable::Audience));
    }

    #[test]
    fn words_come_as_a_list_or_as_one_text() {
        #[derive(Deserialize)]
        struct File {
            a: Words,
            b: Words,
        }
        let File { a, b } = toml::from_str("a = \"x, y\"\nb = [\"x\", \"y\"]").unwrap();
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "x, y");
    }
}
