//! An issuer's public keys, pure: which of them a token may be signed with.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, jwk::Jwk};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of one issuer.
const MOST: usize = 64;
/// Fewest bytes of an RSA modulus: 2048 bits.
const LEAST_MODULUS: usize = 256;

/// A set of keys as an issuer publishes it.
#[derive(Debug, Deserialize)]
pub struct KeySet {
    keys: Vec<Value>,
}

/// A key that tokens can be verified with.
struct Key {
    id: Option<String>,
    /// The algorithms that it can be used with.
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No key has this name: the issuer may have made it since.
    Unknown,
    /// There is one, and it is not for this algorithm; or none is named and several would do.
    Unfit,
}

/// The keys that an issuer's tokens are verified with.
#[derive(Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// The usable ones among those published: what is not understood, not for signing, symmetric or too weak
    /// is left out.
    #[must_use]
    pub fn read(set: &KeySet) -> Self {
        Self(set.keys.iter().take(MOST).filter_map(usable).collect())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The key that a token names, for the algorithm that it names. A token that names none is verified with
    /// the only key that fits, where there is only one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&DecodingKey, Missing> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm);
        let Some(id) = id else {
            let mut fitting = self.0.iter().filter(fits);
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(&key.public),
                (None, _) => Err(Missing::Unknown),
                (Some(_), Some(_)) => Err(Missing::Unfit),
            };
        };
        let mut named = self.0.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
        if named.peek().is_none() {
            return Err(Missing::Unknown);
        }
        named.find(fits).map(|key| &key.public).ok_or(Missing::Unfit)
    }
}

fn usable(key: &Value) -> Option<Key> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let is_for_signing = text("use").is_none_or(|purpose| purpose == "sig");
    let may_verify = |operations: &Value| operations.as_array().is_some_and(|all| all.iter().any(|o| o == "verify"));
    if !is_for_signing || !key.get("key_ops").is_none_or(may_verify) {
        return None;
    }
    let mut algorithms = of_kind(text("kty")?, text("crv"))?;
    if text("kty") == Some("RSA") && URL_SAFE_NO_PAD.decode(text("n")?).ok()?.len() < LEAST_MODULUS {
        return None;
    }
    if let Some(only) = text("alg") {
        let only: Algorithm = only.parse().ok()?;
        algorithms.retain(|algorithm| *algorithm == only);
    }
    let public = DecodingKey::from_jwk(&serde_json::from_value::<Jwk>(key.clone()).ok()?).ok()?;
    (!algorithms.is_empty()).then(|| Key { id: text("kid").map(str::to_owned), algorithms, public })
}

/// The algorithms of a kind of key; none where both ends would have to know it.
fn of_kind(kind: &str, curve: Option<&str>) -> Option<Vec<Algorithm>> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match (kind, curve) {
        ("RSA", _) => Some(vec![RS256, RS384, RS512, PS256, PS384, PS512]),
        ("EC", Some("P-256")) => Some(vec![ES256]),
        ("EC", Some("P-384")) => Some(vec![ES384]),
        ("OKP", Some("Ed25519")) => Some(vec![EdDSA]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(keys: Value) -> Keys {
        Keys::read(&serde_json::from_value(json!({ "keys": keys })).unwrap())
    }

    fn curve(more: Value) -> Value {
        let mut key = json!({
            "kty": "EC", "crv": "P-256", "kid": "one",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    #[test]
    fn a_key_is_found_by_its_name_and_for_its_algorithm() {
        let one = keys(json!([curve(json!({}))]));
        assert!(one.find(Some("one"), Algorithm::ES256).is_ok());
        assert!(one.find(None, Algorithm::ES256).is_ok());
        assert_eq!(one.find(Some("one"), Algorithm::RS256).err(), Some(Missing::Unfit));
        assert_eq!(one.find(Some("one"), Algorithm::HS256).err(), Some(Missing::Unfit));
        assert_eq!(one.find(Some("two"), Algorithm::ES256).err(), Some(Missing::Unknown));
        let two = keys(json!([curve(json!({})), curve(json!({ "kid": "two" }))]));
        assert_eq!(two.find(None, Algorithm::ES256).err(), Some(Missing::Unfit));
    }

    #[test]
    fn only_keys_that_may_verify_are_kept() {
        for bad in [
            json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256" }),
            json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "one" }),
            curve(json!({ "use": "enc" })),
            curve(json!({ "key_ops": ["sign"] })),
            curve(json!({ "crv": "P-521" })),
            curve(json!({ "alg": "HS256" })),
            curve(json!({ "alg": "ES384" })),
            json!({ "kid": "one" }),
            json!("one"),
        ] {
            assert_eq!(keys(json!([bad.clone(), curve(json!({}))])).count(), 1, "{bad}");
        }
        assert_eq!(keys(json!([curve(json!({ "use": "sig", "alg": "ES256", "key_ops": ["verify"] }))])).count(), 1);
    }
}
