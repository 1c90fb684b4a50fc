//! The local issuer: short access tokens, signed with a key of the data folder, algorithm pinned.

use std::{fs, io, io::Write};

use ::entity::vocabulary::{PersonId, SessionId};
use chrono::{DateTime, Duration, TimeZone, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::config::Settings;

const ISSUER: &str = "sesame";
const AUDIENCE: &str = "sesame-api";

/// Makes and reads access tokens.
pub struct Issuer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    life: Duration,
}

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: i64,
    /// So that a client can tell the token's life whatever its own clock says.
    iat: i64,
    exp: i64,
}

/// An access token with its end.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The bearer token.
    pub token: String,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// What a valid token proves.
#[derive(Clone, Copy, Debug)]
pub struct Bearer {
    /// Who.
    pub person: PersonId,
    /// Under which session.
    pub session: SessionId,
    /// Until when.
    pub until: DateTime<Utc>,
}

impl Issuer {
    /// Opens the issuer with the key of the data folder, made at first use and readable by its owner alone.
    ///
    /// # Errors
    /// When the key can be neither read nor made.
    pub fn open(settings: &Settings) -> io::Result<Self> {
        let folder = settings.data.join("keys");
        fs::create_dir_all(&folder)?;
        let path = folder.join("issuer.key");
        let key = match fs::read(&path) {
            Ok(key) if key.len() >= 32 => key,
            Ok(_) => return Err(io::Error::other(format!("{} is not a key", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(&path)?,
            Err(error) => return Err(error),
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Expiry is judged by Sésame's own clock.
        validation.validate_exp = false;
        Ok(Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            validation,
            life: Duration::seconds(settings.access_token_seconds.into()),
        })
    }

    /// A token for a session.
    ///
    /// # Errors
    /// When it cannot be signed, which is a defect.
    pub fn issue(
        &self,
        person: PersonId,
        session: SessionId,
        now: DateTime<Utc>,
        life: Option<Duration>,
    ) -> jsonwebtoken::errors::Result<AccessToken> {
        let expires_at = now + life.unwrap_or(self.life);
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: person.0.to_string(),
            sid: session.0,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)?;
        Ok(AccessToken { token, expires_at })
    }

    /// A secret that nobody else can derive from a text, the same each time. The text must have a
    /// colon, which nothing has that is signed as an access token.
    ///
    /// # Errors
    /// When it cannot be signed, which is a defect.
    pub fn seal(&self, text: &str) -> jsonwebtoken::errors::Result<String> {
        debug_assert!(text.contains(':'), "«{text}» could be an access token");
        jsonwebtoken::crypto::sign(text.as_bytes(), &self.encoding, Algorithm::HS256)
    }

    /// What a token proves; nothing where it is forged, foreign or expired.
    #[must_use]
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Option<Bearer> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let until = Utc.timestamp_opt(claims.exp, 0).single().filter(|until| *until > now)?;
        let person = PersonId(claims.sub.parse().ok()?);
        Some(Bearer { person, session: SessionId(claims.sid), until })
    }
}

fn make_key(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let key: [u8; 32] = rand::random();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            file.write_all(&key)?;
            file.sync_all()?;
            Ok(key.to_vec())
        }
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read(path),
        Err(error) => Err(error),
    }
}
