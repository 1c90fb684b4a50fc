//! What an API key looks like, pure: how it is made, recognised and remembered (G-31).
//!
//! `sesame_`, 43 letters and digits out of the machine's randomness, more than 255 bits, and six that check
//! them: scanners of source code find a key that was published, and a mistyped one is refused without a look
//! at the database. What is kept is its SHA-256. A slow hash, as passwords have, would protect nothing:
//! nobody tries 2²⁵⁵ of them, and each request would pay for it.

use std::{net::IpAddr, str::FromStr};

use rand::RngExt;
use sha2::{Digest, Sha256};

/// What every key begins with.
pub const PREFIX: &str = "sesame_";
/// Letters and digits of the secret.
const SECRET: usize = 43;
/// Letters and digits that check it.
const CHECK: usize = 6;
/// Letters of the secret that are shown afterwards, to recognise it by.
const SHOWN: usize = 4;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key as its holder has it. It is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Secret {
    /// A new key.
    #[must_use]
    pub fn new() -> Self {
        let mut rng = rand::rng();
        let secret: String = (0..SECRET).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect();
        let check = check(&secret);
        Self(format!("{PREFIX}{secret}{check}"))
    }

    /// The key in a bearer token; nothing where it is none.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        let rest = token.strip_prefix(PREFIX)?;
        let is_one = rest.len() == SECRET + CHECK && rest.bytes().all(|byte| ALPHABET.contains(&byte));
        let (secret, checked) = rest.split_at_checked(SECRET)?;
        (is_one && check(secret) == checked).then(|| Self(token.to_owned()))
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> String {
        crate::hex(&Sha256::digest(&self.0))
    }

    /// Its beginning, to be recognised by.
    #[must_use]
    pub fn hint(&self) -> String {
        self.0.chars().take(PREFIX.len() + SHOWN).collect()
    }

    /// The whole, to be told once.
    #[must_use]
    pub fn tell(&self) -> &str {
        &self.0
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

fn check(secret: &str) -> String {
    let digest = Sha256::digest(secret);
    digest.iter().take(CHECK).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

/// An address, or the network of all that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    length: u8,
}

impl FromStr for Network {
    type Err = ();

    /// Reads `192.0.2.7`, `192.0.2.0/24` or `2001:db8::/32`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let first: IpAddr = address.parse().map_err(|_| ())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), |length| length.parse().map_err(|_| ()))?;
        if length > most { Err(()) } else { Ok(Self { first, length }) }
    }
}

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let beyond = 32 - u32::from(self.length.min(32));
                (u32::from(first) ^ u32::from(address)).checked_shr(beyond).is_none_or(|differs| differs == 0)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let beyond = 128 - u32::from(self.length.min(128));
                (u128::from(first) ^ u128::from(address)).checked_shr(beyond).is_none_or(|differs| differs == 0)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g31_a_key_is_recognised_and_a_mistyped_one_is_not() {
        let (key, other) = (Secret::new(), Secret::new());
        assert_eq!(Secret::read(key.tell()), Some(key.clone()));
        assert_ne!(key.hash(), other.hash());
        assert!(key.tell().starts_with(&key.hint()) && key.hint().len() < 12);
        assert_eq!(format!("{key:?}"), "***");
        let told = key.tell();
        for place in PREFIX.len()..told.len() {
            let mut mistyped: Vec<u8> = told.bytes().collect();
            mistyped[place] = if mistyped[place] == b'a' { b'b' } else { b'a' };
            // Six letters check the rest: now and then one of them stays the same, all of them never do.
            assert_eq!(Secret::read(std::str::from_utf8(&mistyped).unwrap()), None, "{place}");
        }
        for bad in
            ["", "sesame_", &told[1..], &told[..told.len() - 1], &format!("{told}a"), &told.replace("sesame", "SESAME")]
        {
            assert_eq!(Secret::read(bad), None, "{bad}");
        }
        assert_eq!(Secret::read(&format!("sesame_{}", "é".repeat(24))), None);
    }

    #[test]
    fn a_network_contains_what_begins_like_it() {
        let contains =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.8"));
        assert!(contains("192.0.2.0/24", "192.0.2.255") && !contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.9"));
        assert!(contains("2001:db8::/32", "2001:db8:9::1") && !contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("::/0", "2001:db9::1"));
        for bad in ["", "192.0.2", "192.0.2.0/33", "2001:db8::/129", "192.0.2.0/", "192.0.2.0/-1", "/24"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
