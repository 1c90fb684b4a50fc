//! Who asks, where proxies stand between: only those that are named are believed.
//!
//! A proxy appends the address that it was asked from to `X-Forwarded-For`; whatever stood there before was said
//! by whoever asked it. So the addresses are read from the right, past the proxies that are trusted, and the
//! first one that is not trusted is the caller's.

use std::{fmt, net::IpAddr, str::FromStr};

use axum::http::HeaderMap;
use ipnet::IpNet;
use serde::Deserialize;

/// The header in which proxies tell whom they speak for.
const HEADER: &str = "x-forwarded-for";

/// An address, or a network of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(IpNet);

/// What is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is neither an address nor a network, such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let text = text.trim();
        let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network.map(Self).ok_or_else(|| NotANetwork(text.to_owned()))
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Proxies(Vec<Network>);

impl FromStr for Proxies {
    type Err = NotANetwork;

    /// With commas between.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        text.split(',').filter(|one| !one.trim().is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(Network::to_string).collect();
        f.write_str(&all.join(","))
    }
}

impl Proxies {
    /// Whether an address is one of a proxy.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.0.contains(&address))
    }

    /// Where a request comes from that came over a connection from `peer`.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trust(peer) {
            return peer;
        }
        let said: Vec<&str> = headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok()).collect();
        let mut caller = peer;
        for hop in said.iter().rev().flat_map(|line| line.rsplit(',')) {
            // Behind what cannot be read, nothing can be believed.
            let Some(address) = read(hop) else { break };
            caller = address;
            if !self.trust(address) {
                break;
            }
        }
        caller
    }
}

/// An address as proxies write it: some add a port, and then brackets around version 6.
fn read(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = match hop.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => hop,
    };
    let address = bare.parse::<IpAddr>().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|at| at.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn caller(peer: &str, said: &[&str]) -> String {
        let proxies: Proxies = "127.0.0.1, 10.0.0.0/8, fd00::/8".parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in said {
            headers.append(HEADER, line.parse().unwrap());
        }
        proxies.caller(address(peer), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_but_the_proxies() {
        assert_eq!(caller("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(caller("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(caller("::ffff:127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(caller("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn what_the_caller_said_before_the_proxy_is_not_believed() {
        assert_eq!(caller("127.0.0.1", &["1.1.1.1, 10.0.0.7, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(caller("127.0.0.1", &["1.1.1.1", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(caller("127.0.0.1", &["1.1.1.1, 198.51.100.1, 10.2.3.4"]), "198.51.100.1");
    }

    #[test]
    fn behind_what_cannot_be_read_nothing_is_believed() {
        assert_eq!(caller("127.0.0.1", &["198.51.100.1, unknown"]), "127.0.0.1");
        assert_eq!(caller("127.0.0.1", &["198.51.100.1, rubbish, 10.0.0.7"]), "10.0.0.7");
        assert_eq!(caller("127.0.0.1", &["", ""]), "127.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_read() {
        assert_eq!(caller("127.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(caller("fd00::1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(caller("fd00::1", &["2001:db8::7"]), "2001:db8::7");
    }

    #[test]
    fn networks_are_read_and_nothing_else() {
        let proxies: Proxies = "10.0.0.0/8,::1".parse().unwrap();
        assert_eq!(proxies.to_string(), "10.0.0.0/8,::1/128");
        assert!(proxies.trust(address("10.255.0.1")) && !proxies.trust(address("11.0.0.1")));
        assert_eq!("".parse(), Ok(Proxies::default()));
        for bad in ["nginx", "10.0.0.0/33", "10.0.0.1,proxy"] {
            assert!(bad.parse::<Proxies>().is_err(), "{bad}");
        }
    }
}
