//! Passwords, kept as Argon2id hashes.

use std::{fmt, sync::LazyLock};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Least length of a password, in characters.
pub const LEAST: usize = 12;
/// Most bytes that are hashed, so that a huge password costs nobody's time.
pub const MOST: usize = 1024;

/// A hash that no password fits: verifying it costs what verifying a real one costs.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2VzYW1lLW5vYm9keQ$Ks5m3JhZkKbiJ6v4JpQFjU4wYQwJm0o3bVd0oVvJcJQ";

/// Each hash takes 19 MiB and a core: no more of them at a time than there are cores.
static AT_ONCE: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, std::num::NonZero::get)));

/// A password as it was typed. It is never shown, not in a log and not in a fingerprint.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// A password that somebody typed.
    ///
    /// # Errors
    /// [`Error::BadInput`] at `path` where it is longer than [`MOST`] bytes.
    pub fn typed<const N: usize>(path: [&str; N], password: String) -> Result<Self> {
        if password.len() > MOST {
            return Err(Error::bad_input(path, format!("at most {MOST} bytes")));
        }
        Ok(Self(password))
    }

    /// Whether it is long enough to be chosen as a new one.
    #[must_use]
    pub fn is_long_enough(&self) -> bool {
        self.0.chars().count() >= LEAST
    }

    /// Its hash.
    ///
    /// # Errors
    /// When the machine has no randomness or memory.
    pub async fn hashed(self) -> Result<String> {
        aside(move || hash(&self.0)).await?.map_err(|e| Error::Internal(e.into()))
    }

    /// Whether it fits a hash; without one the same work is done.
    ///
    /// # Errors
    /// When the work was given up.
    pub async fn fits(self, hash: Option<String>) -> Result<bool> {
        aside(move || verify(&self.0, hash.as_deref())).await
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Does the work where it holds no other request up.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _turn = AT_ONCE.acquire().await.map_err(|e| Error::Internal(e.into()))?;
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(e.into()))
}

/// OWASP's second recommendation: 19 MiB, two passes.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap_or_default())
}

/// The hash of a password.
///
/// # Errors
/// When the machine has no randomness or memory.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(hasher().hash_password(password.as_bytes())?.to_string())
}

/// Whether a password fits a hash. Without a hash the same work is done and the answer is no, so that
/// the time does not tell whether somebody exists.
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let known = hash.unwrap_or(NOBODY);
    let fits = password.len() <= MOST
        && PasswordHash::new(known).is_ok_and(|parsed| hasher().verify_password(password.as_bytes(), &parsed).is_ok());
    fits && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let kept = hash("correct horse battery").unwrap();
        assert!(kept.starts_with("$argon2id$"));
        assert!(verify("correct horse battery", Some(&kept)));
        assert!(!verify("correct horse", Some(&kept)));
        assert!(!verify("correct horse battery", None));
    }

    #[test]
    fn nobody_costs_what_somebody_costs() {
        let kept = hash("correct horse battery").unwrap();
        let (nobody, somebody) = (PasswordHash::new(NOBODY).unwrap(), PasswordHash::new(&kept).unwrap());
        assert_eq!((nobody.algorithm, nobody.version), (somebody.algorithm, somebody.version));
        assert_eq!(nobody.params, somebody.params);
        let length = |hash: &PasswordHash| hash.hash.as_ref().map(|h| h.as_bytes().len());
        assert_eq!(length(&nobody), length(&somebody));
        assert!(nobody.salt.is_some());
        // What is compared at the end is a refusal, and no failure on the way there.
        let refused = hasher().verify_password(b"anything", &nobody).unwrap_err();
        assert_eq!(refused, argon2::password_hash::Error::PasswordInvalid);
    }

    #[test]
    fn a_password_is_never_shown() {
        let password = Password::typed(["password"], "correct horse battery".into()).unwrap();
        assert_eq!(format!("{password:?}"), "***");
        assert!(password.is_long_enough());
        assert!(!Password::typed(["password"], "elevenchars".into()).unwrap().is_long_enough());
        assert!(Password::typed(["password"], "x".repeat(MOST + 1)).is_err());
    }
}
