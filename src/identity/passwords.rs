//! Passwords, kept as Argon2id hashes.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};

/// Least length of a password, in characters.
pub const LEAST: usize = 12;
/// Most bytes that are hashed, so that a huge password costs nobody's time.
const MOST: usize = 1024;

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
    /// A hash of nothing anybody can type.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c2VzYW1lLW5vYm9keQ$Ks5m3JhZkKbiJ6v4JpQFjU4wYQwJm0o3bVd0oVvJcJQ";
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
}
