//! Secrets and signatures, as [Standard Webhooks](https://www.standardwebhooks.com) has them: whoever verifies needs
//! nothing of ours.
//!
//! A secret is kept nowhere: it is derived from the key of the data folder and from what the table keeps. Who reads
//! the table alone can sign nothing.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    error::{Error, Result},
    identity::Issuer,
};

/// What begins a secret.
const PREFIX: &str = "whsec_";

/// What a webhook's messages are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// What a new secret is derived from.
    #[must_use]
    pub fn seed() -> String {
        crate::hex(&rand::random::<[u8; 16]>())
    }

    /// The secret of a seed.
    ///
    /// # Errors
    /// When it cannot be derived, which is a defect.
    pub fn of(issuer: &Issuer, seed: &str) -> Result<Self> {
        let sealed = issuer.seal(&format!("webhook:{seed}")).map_err(|error| Error::Internal(error.into()))?;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(sealed);
        bytes.map(Self).map_err(|error| Error::Internal(error.into()))
    }

    /// As it is shown, once.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    fn sign(&self, message: &str) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(message.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The header `webhook-signature` of a message: one signature for each secret in force.
#[must_use]
pub fn signature(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> String {
    let message = format!("{id}.{timestamp}.{body}");
    secrets.iter().map(|secret| secret.sign(&message)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standards_own_example() {
        let secret = Secret(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        assert_eq!(secret.shown(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = signature(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
