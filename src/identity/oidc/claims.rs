//! What a token of the issuer's proves, pure: signature, issuer, audience, times, type.

use std::collections::HashMap;

use chrono::{DateTime, TimeZone, Utc};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::{
    keys::{Keys, Missing},
    settings::{Oidc, Unbelievable},
};

/// The longest token that is looked at.
const LONGEST: usize = 16 * 1024;
/// The longest name of a key, a subject or a session.
const NAME: usize = 255;
/// Types of access tokens: RFC 9068's, and the one that says nothing.
const ACCESS: [&str; 2] = ["at+jwt", "jwt"];
/// Types of logout tokens.
const LOGOUT: [&str; 2] = ["logout+jwt", "jwt"];
/// The event that a logout token tells of.
const LOGGED_OUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How old a logout token may be, beside the leeway.
const LOGOUT_LIFE: chrono::Duration = chrono::Duration::minutes(5);

/// What an access token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whom it speaks for, as the issuer calls them.
    pub subject: String,
    /// Their e-mail address in small letters, where the issuer says that it is theirs.
    pub email: Option<String>,
    /// The session at the issuer.
    pub sid: Option<String>,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// When it ends, leeway included.
    pub until: DateTime<Utc>,
    /// What it is known by: a hash of what is signed, which nobody can spell in another way.
    pub hash: String,
}

/// Who has logged out at the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// Whom it is about.
    pub subject: Option<String>,
    /// The session that has ended; none: all of theirs.
    pub sid: Option<String>,
}

/// Why a token proves nothing; told to the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its key is not known: the issuer may have made it since.
    UnknownKey,
    /// Something else.
    Refused(&'static str),
}

/// What is asked of a token.
#[derive(Clone, Debug)]
pub struct Rules {
    settings: Oidc,
    algorithms: Vec<Algorithm>,
}

#[derive(Deserialize)]
struct AccessClaims {
    iss: String,
    sub: String,
    exp: Number,
    nbf: Option<Number>,
    iat: Number,
    azp: Option<String>,
    client_id: Option<String>,
    sid: Option<String>,
    email: Option<String>,
    email_verified: Option<Value>,
    events: Option<Value>,
}

#[derive(Deserialize)]
struct LogoutClaims {
    iss: String,
    sub: Option<String>,
    sid: Option<String>,
    iat: Number,
    exp: Option<Number>,
    nonce: Option<Value>,
    events: HashMap<String, Value>,
}

impl Rules {
    /// The rules that settings make.
    ///
    /// # Errors
    /// Where the settings pin no algorithm.
    pub fn new(settings: Oidc) -> Result<Self, Unbelievable> {
        let algorithms = settings.signed_with()?;
        Ok(Self { settings, algorithms })
    }

    /// What an access token proves at a moment.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn access(&self, token: &str, keys: &Keys, now: DateTime<Utc>) -> Result<Access, Fault> {
        let claims: AccessClaims = self.signed(token, keys, &ACCESS, &self.settings.audience.0, &["exp", "sub"])?;
        let leeway = self.settings.leeway();
        let (issued_at, until) = (moment(&claims.iat)?, moment(&claims.exp)? + leeway);
        let begins = claims.nbf.as_ref().map(moment).transpose()?;
        if claims.iss != self.settings.issuer {
            return Err(Fault::Refused("another issuer"));
        }
        if until <= now {
            return Err(Fault::Refused("expired"));
        }
        if issued_at.max(begins.unwrap_or(issued_at)) > now + leeway {
            return Err(Fault::Refused("not yet valid"));
        }
        if claims.events.is_some() {
            return Err(Fault::Refused("it tells of an event"));
        }
        if !self.is_of_a_client(claims.azp.as_ref().or(claims.client_id.as_ref())) {
            return Err(Fault::Refused("made for another client"));
        }
        let is_theirs = claims.email_verified == Some(Value::Bool(true));
        Ok(Access {
            subject: name(claims.sub)?,
            email: claims.email.filter(|_| is_theirs).map(|email| email.trim().to_lowercase()),
            sid: claims.sid.map(name).transpose()?,
            issued_at,
            until,
            hash: hash(token),
        })
    }

    /// Who has logged out, as a logout token tells (OpenID Connect Back-Channel Logout 1.0, 2.6).
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn logout(&self, token: &str, keys: &Keys, now: DateTime<Utc>) -> Result<Logout, Fault> {
        // It is meant for a client, where an access token is meant for the service.
        let audience = [self.settings.clients.0.as_slice(), &self.settings.audience.0].concat();
        let claims: LogoutClaims = self.signed(token, keys, &LOGOUT, &audience, &[])?;
        let leeway = self.settings.leeway();
        let issued_at = moment(&claims.iat)?;
        let ends = claims.exp.as_ref().map(moment).transpose()?.unwrap_or(issued_at + LOGOUT_LIFE);
        if claims.iss != self.settings.issuer {
            return Err(Fault::Refused("another issuer"));
        }
        if issued_at > now + leeway || ends.min(issued_at + LOGOUT_LIFE) + leeway <= now {
            return Err(Fault::Refused("not of now"));
        }
        if claims.nonce.is_some() || !claims.events.get(LOGGED_OUT).is_some_and(Value::is_object) {
            return Err(Fault::Refused("no logout token"));
        }
        let (subject, sid) = (claims.sub.map(name).transpose()?, claims.sid.map(name).transpose()?);
        if subject.is_none() && sid.is_none() {
            return Err(Fault::Refused("it names nobody"));
        }
        Ok(Logout { subject, sid })
    }

    /// The claims of a token that the issuer signed.
    fn signed<T: DeserializeOwned>(
        &self,
        token: &str,
        keys: &Keys,
        types: &[&str],
        audience: &[String],
        required: &[&str],
    ) -> Result<T, Fault> {
        if token.len() > LONGEST {
            return Err(Fault::Refused("too long"));
        }
        let header = decode_header(token).map_err(|_| Fault::Refused("no signed token"))?;
        self.is_understood(&header, types)?;
        let key = keys.find(header.kid.as_deref(), header.alg).map_err(|missing| match missing {
            Missing::Unknown => Fault::UnknownKey,
            Missing::Unfit => Fault::Refused("not the key's algorithm"),
        })?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(audience);
        validation.set_required_spec_claims(&[&["iss", "aud"][..], required].concat());
        // Times are judged by Sésame's own clock.
        validation.validate_exp = false;
        let token = decode(token, key, &validation).map_err(|_| Fault::Refused("signature, issuer or audience"))?;
        Ok(token.claims)
    }

    /// Whether a header says nothing that changes what the token means. Keys that it brings along are nobody's:
    /// they are not even looked at.
    fn is_understood(&self, header: &Header, types: &[&str]) -> Result<(), Fault> {
        let is_pinned = self.algorithms.contains(&header.alg);
        let of_type = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        let of_type = of_type.strip_prefix("application/").unwrap_or(&of_type);
        if !is_pinned {
            return Err(Fault::Refused("an algorithm that is not pinned"));
        }
        if !types.contains(&of_type) {
            return Err(Fault::Refused("a token of another type"));
        }
        if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
            return Err(Fault::Refused("a header that is not understood"));
        }
        if header.kid.as_ref().is_some_and(|kid| kid.len() > NAME) {
            return Err(Fault::Refused("a name too long"));
        }
        Ok(())
    }

    fn is_of_a_client(&self, client: Option<&String>) -> bool {
        let clients = &self.settings.clients.0;
        clients.is_empty() || client.is_some_and(|client| clients.contains(client))
    }
}

fn moment(seconds: &Number) -> Result<DateTime<Utc>, Fault> {
    let whole = seconds.as_i64().or_else(|| Some(seconds.as_f64()?.floor() as i64));
    let moment = whole.and_then(|seconds| Utc.timestamp_opt(seconds, 0).single());
    // What lies beyond is no date of a token, and no database keeps it.
    moment.filter(|at| (1970..=9000).contains(&chrono::Datelike::year(at))).ok_or(Fault::Refused("no moment"))
}

fn name(name: String) -> Result<String, Fault> {
    let is_one = !name.is_empty() && name.len() <= NAME && !name.contains(char::is_control);
    if is_one { Ok(name) } else { Err(Fault::Refused("a name that is none")) }
}

/// A hash of what is signed: header and claims. A signature can be spelt in more ways than one.
fn hash(token: &str) -> String {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    crate::hex(&Sha256::digest(signed))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, encode};
    use serde_json::json;

    use super::*;
    use crate::identity::oidc::{keys::KeySet, settings::Words};

    /// A key of nobody but these tests: PKCS #8, in base64.
    const PRIVATE: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
    /// Its public part (RFC 8037, appendix A).
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn now() -> DateTime<Utc> {
        Utc.timestamp_opt(1_800_000_000, 0).unwrap()
    }

    fn keys() -> Keys {
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": PUBLIC });
        Keys::read(&serde_json::from_value::<KeySet>(json!({ "keys": [key] })).unwrap())
    }

    fn rules() -> Rules {
        let settings = Oidc::of("https://login.example".into());
        Rules::new(Oidc {
            audience: Words(vec!["sesame".into()]),
            algorithms: Words(vec!["EdDSA".into()]),
            clients: Words(vec!["dashboard".into()]),
            ..settings
        })
        .unwrap()
    }

    fn header(typ: &str) -> Header {
        Header { typ: Some(typ.into()), kid: Some("one".into()), ..Header::new(Algorithm::EdDSA) }
    }

    fn signed(header: &Header, claims: &Value) -> String {
        let key = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, PRIVATE).unwrap();
        encode(header, claims, &EncodingKey::from_ed_der(&key)).unwrap()
    }

    fn claims(more: Value) -> Value {
        let at = now().timestamp();
        let mut claims = json!({
            "iss": "https://login.example", "aud": "sesame", "sub": "abc", "iat": at - 10, "exp": at + 60,
            "client_id": "dashboard", "email": "Me@Example.org", "email_verified": true,
        });
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    fn access(more: Value) -> Result<Access, Fault> {
        rules().access(&signed(&header("at+jwt"), &claims(more)), &keys(), now())
    }

    #[test]
    fn k13_a_good_token_says_who_and_until_when() {
        let good = access(json!({ "sid": "s" })).unwrap();
        assert_eq!((good.subject.as_str(), good.email.as_deref()), ("abc", Some("me@example.org")));
        assert_eq!(good.until.timestamp(), now().timestamp() + 60 + 30);
        for unproven in
            [json!({ "email_verified": false }), json!({ "email_verified": null }), json!({ "email_verified": "true" })]
        {
            assert_eq!(access(unproven).unwrap().email, None);
        }
        for other in ["JWT", "application/at+JWT"] {
            assert!(rules().access(&signed(&header(other), &claims(json!({}))), &keys(), now()).is_ok(), "{other}");
        }
        assert!(access(json!({ "aud": ["sesame", "another"] })).is_ok());
    }

    #[test]
    fn k13_what_is_missing_or_meant_for_others_proves_nothing() {
        let at = now().timestamp();
        for bad in [
            json!({ "iss": "https://evil.example" }),
            json!({ "iss": "https://login.example/" }),
            json!({ "iss": ["https://login.example"] }),
            json!({ "iss": null }),
            json!({ "aud": "another" }),
            json!({ "aud": [] }),
            json!({ "aud": null }),
            json!({ "sub": null }),
            json!({ "sub": "" }),
            json!({ "exp": null }),
            json!({ "exp": at - 31 }),
            json!({ "exp": "tomorrow" }),
            json!({ "exp": 1e300 }),
            json!({ "iat": null }),
            json!({ "iat": at + 31 }),
            json!({ "nbf": at + 31 }),
            json!({ "client_id": "another" }),
            json!({ "client_id": null }),
            json!({ "azp": "another" }),
            json!({ "events": {} }),
        ] {
            assert!(matches!(access(bad.clone()), Err(Fault::Refused(_))), "{bad}");
        }
        assert!(access(json!({ "exp": at - 29, "nbf": at + 29 })).is_ok(), "clocks differ a little");
    }

    #[test]
    fn k13_a_header_changes_nothing() {
        let look = |header: Header| rules().access(&signed(&header, &claims(json!({}))), &keys(), now());
        assert!(
            look(Header { jku: Some("https://evil.example".into()), ..header("at+jwt") }).is_ok(),
            "and is not asked"
        );
        assert_eq!(look(Header { kid: Some("two".into()), ..header("at+jwt") }), Err(Fault::UnknownKey));
        assert!(look(Header { kid: None, ..header("at+jwt") }).is_ok(), "there is but one key");
        for bad in
            [header("logout+jwt"), header("dpop+jwt"), Header { crit: Some(vec!["b64".into()]), ..header("at+jwt") }]
        {
            assert!(matches!(look(bad.clone()), Err(Fault::Refused(_))), "{bad:?}");
        }
    }

    #[test]
    fn k13_no_other_signature_is_taken() {
        let good = signed(&header("at+jwt"), &claims(json!({})));
        let (head, rest) = good.split_once('.').unwrap();
        let body = rest.split_once('.').unwrap().0;
        let forged = |alg: &str| {
            let header = json!({ "alg": alg, "kid": "one", "typ": "at+jwt" }).to_string();
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header)
        };
        let secret = EncodingKey::from_secret(PUBLIC.as_bytes());
        let confused = Header { kid: Some("one".into()), typ: Some("at+jwt".into()), ..Header::new(Algorithm::HS256) };
        for bad in [
            format!("{head}.{body}."),
            format!("{}.{body}.", forged("none")),
            format!("{}.{body}.", forged("None")),
            encode(&confused, &claims(json!({})), &secret).unwrap(),
            good.replace('.', ".."),
            String::new(),
            "a.b.c".to_owned(),
            "a".repeat(LONGEST + 1),
        ] {
            assert!(matches!(rules().access(&bad, &keys(), now()), Err(Fault::Refused(_))), "{bad}");
        }
    }

    #[test]
    fn a_logout_token_is_one_and_no_access_token_is() {
        let at = now().timestamp();
        let token = |more: Value| {
            let mut claims = json!({
                "iss": "https://login.example", "aud": "dashboard", "iat": at, "jti": "1", "sid": "s", "sub": "abc",
                "events": { LOGGED_OUT: {} },
            });
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            rules().logout(&signed(&header("logout+jwt"), &claims), &keys(), now())
        };
        assert_eq!(token(json!({})), Ok(Logout { subject: Some("abc".into()), sid: Some("s".into()) }));
        for bad in [
            json!({ "nonce": "n" }),
            json!({ "events": {} }),
            json!({ "aud": "another" }),
            json!({ "iat": at - 331 }),
            json!({ "exp": at - 31 }),
            json!({ "sub": null, "sid": null }),
        ] {
            assert!(token(bad.clone()).is_err(), "{bad}");
        }
        let access = signed(&header("at+jwt"), &claims(json!({})));
        assert!(rules().logout(&access, &keys(), now()).is_err());
    }
}
