//! Requests that Sésame itself sends to addresses that people typed in: to whom it may talk.
//!
//! Such an address could point anywhere this machine reaches: at its own services, at the network behind it, at the
//! cloud's metadata. So a [`Guard`] looks at *every* address that a name stands for, and connects to those very
//! addresses: a name that stands for another one a moment later changes nothing. No redirect is followed, and no
//! proxy of the environment is used.
//!
//! ```text
//! url ──rules: scheme, port──▶ name ──look-up──▶ every address permitted? ──▶ connection to these ──▶ TLS ──▶ POST
//! ```

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Request, header},
};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OnceCell,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use url::Url;

/// How long a name may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(5);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one listens to an answer whose status is known.
const LISTEN: Duration = Duration::from_secs(1);
/// Ports below this one belong to other services, those of the web aside.
const FIRST_FREE_PORT: u16 = 1024;
/// The ports of the web.
const WEB: [u16; 2] = [80, 443];

/// Why nothing is sent to an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// It is no URL of the web, or one with a user name in it.
    #[error("not an address of the web")]
    Malformed,
    /// It is not encrypted.
    #[error("not encrypted")]
    Plain,
    /// The port belongs to another service.
    #[error("port {0} is none of the web's")]
    Port(u16),
    /// It is, or stands for, an address of a network that is not public.
    #[error("{0} is not a public address")]
    Network(IpAddr),
    /// The name stands for no address.
    #[error("the name cannot be looked up")]
    Unknown,
}

/// To whom something may be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Networks that are allowed though they are not public.
    pub allowed: Vec<IpNet>,
    /// Whether it may go unencrypted.
    pub plain: bool,
}

impl Rules {
    /// Whether an address may be connected to.
    #[must_use]
    pub fn permit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }

    /// What a URL shows by itself.
    ///
    /// # Errors
    /// Why nothing is sent there.
    pub fn check(&self, url: &Url) -> Result<(), Barred> {
        match url.scheme() {
            "https" => {}
            "http" if self.plain => {}
            "http" => return Err(Barred::Plain),
            _ => return Err(Barred::Malformed),
        }
        if !url.username().is_empty() || url.password().is_some() || url.host().is_none() {
            return Err(Barred::Malformed);
        }
        match url.port_or_known_default() {
            Some(port) if port < FIRST_FREE_PORT && !WEB.contains(&port) => return Err(Barred::Port(port)),
            Some(_) => {}
            None => return Err(Barred::Malformed),
        }
        match host(url).and_then(|host| host.parse().ok()) {
            Some(address) if !self.permit(address) => Err(Barred::Network(address)),
            Some(_) | None => Ok(()),
        }
    }

    /// The addresses that a name stands for, where every one may be connected to: one that may not bars all.
    ///
    /// # Errors
    /// Why nothing is sent there.
    pub fn check_all(&self, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Barred> {
        match addresses.iter().find(|address| !self.permit(**address)) {
            Some(barred) => Err(Barred::Network(*barred)),
            None if addresses.is_empty() => Err(Barred::Unknown),
            None => Ok(addresses),
        }
    }
}

/// Whether an address belongs to the public internet: not to this machine, a private network, a link, a carrier's
/// own network, documentation, benchmarks, or something reserved; nor to an address of these within another one.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match within(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || (a == 100 && b & 0xc0 == 64)
        || (a == 169 && b == 254)
        || (a == 172 && b & 0xf0 == 16)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 192 && b == 168)
        || (a == 198 && b & 0xfe == 18)
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224)
}

/// The IPv4 address that an IPv6 one leads to: mapped, compatible, NAT64, 6to4.
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(four(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(four(high, low)),
        [0x2002, high, low, ..] => Some(four(high, low)),
        _ => None,
    }
}

/// Only global unicast is public, and of it not what is set aside.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global = a & 0xe000 == 0x2000;
    // Teredo, ORCHID, benchmarks and the like; documentation, twice.
    let is_set_aside = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || (a == 0x3fff && b < 0x1000);
    is_global && !is_set_aside
}

/// Where the addresses of names come from.
pub trait Lookup: Send + Sync + 'static {
    /// The addresses that a name stands for now.
    fn addresses(&self, name: String) -> BoxFuture<'static, Vec<IpAddr>>;
}

/// The machine's own look-up.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Lookup for System {
    fn addresses(&self, name: String) -> BoxFuture<'static, Vec<IpAddr>> {
        Box::pin(async move {
            let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((name, 0))).await;
            found.ok().and_then(Result::ok).into_iter().flatten().map(|address| address.ip()).collect()
        })
    }
}

/// Sends requests to nobody but whom its rules permit.
#[derive(Clone)]
pub struct Guard {
    rules: Arc<Rules>,
    names: Arc<dyn Lookup>,
    /// Made when it is first needed: it reads every certificate that the machine trusts.
    tls: Arc<OnceCell<TlsConnector>>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The beginning of its body.
    pub beginning: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Nothing is sent there.
    #[error(transparent)]
    Barred(#[from] Barred),
    /// The other end cannot be reached, or is not whom it should be.
    #[error("cannot be reached: {0}")]
    Connection(#[from] io::Error),
    /// It does not speak HTTP as it should.
    #[error("does not answer as it should: {0}")]
    Http(#[from] hyper::Error),
}

impl Guard {
    /// Keeps some rules.
    #[must_use]
    pub fn new(rules: Rules, names: Arc<dyn Lookup>) -> Self {
        Self { rules: Arc::new(rules), names, tls: Arc::default() }
    }

    /// Whether something may be sent to a URL, as far as one can tell now.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self, url: &Url) -> Result<(), Barred> {
        self.addresses(url).await.map(drop)
    }

    /// Where a URL leads now.
    async fn addresses(&self, url: &Url) -> Result<Vec<IpAddr>, Barred> {
        self.rules.check(url)?;
        let name = host(url).ok_or(Barred::Malformed)?;
        let found = match name.parse() {
            Ok(address) => vec![address],
            Err(_) => self.names.addresses(name.to_owned()).await,
        };
        self.rules.check_all(found)
    }

    /// Sends something, and reads at most so much of what is answered. Whoever waits for it says how long.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: String, most: usize) -> Result<Answer, Unanswered> {
        let port = url.port_or_known_default().ok_or(Barred::Malformed)?;
        let stream = connect(self.addresses(url).await?, port).await?;
        let request = request(url, headers, body)?;
        if url.scheme() == "https" {
            let name = ServerName::try_from(host(url).unwrap_or_default().to_owned()).map_err(|_| Barred::Malformed)?;
            let tls = self.tls.get_or_try_init(async || connector()).await?;
            ask(tls.connect(name, stream).await?, request, most).await
        } else {
            ask(stream, request, most).await
        }
    }
}

/// The name, or the address, that a URL leads to.
fn host(url: &Url) -> Option<&str> {
    // An address of version 6 stands in brackets.
    Some(url.host_str()?.trim_start_matches('[').trim_end_matches(']'))
}

/// To the first of some addresses that answers.
async fn connect(addresses: Vec<IpAddr>, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_elapsed) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Who trusts what the machine trusts; `SSL_CERT_FILE` names another store of certificates.
fn connector() -> io::Result<TlsConnector> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn request(url: &Url, mut headers: HeaderMap, body: String) -> Result<Request<Full<Bytes>>, Barred> {
    let name = url.host_str().ok_or(Barred::Malformed)?;
    let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    headers.insert(header::HOST, HeaderValue::from_str(&host).map_err(|_| Barred::Malformed)?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("sesame/", env!("CARGO_PKG_VERSION"))));
    let mut request = Request::post(path).body(Full::from(body)).map_err(|_| Barred::Malformed)?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Asks once: a connection is used for one request only.
async fn ask<S>(stream: S, request: Request<Full<Bytes>>, most: usize) -> Result<Answer, Unanswered>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with whoever waits for the answer, however that ends.
    let _connection = Ends(tokio::spawn(async move { drop(connection.await) }));
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    Ok(Answer { status, beginning: beginning(answer.into_body(), most).await })
}

/// A task that ends with this.
struct Ends(tokio::task::JoinHandle<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The beginning of a body, as far as it comes within a moment: what is answered is said by the status.
async fn beginning(mut body: Incoming, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < most
            && let Some(Ok(frame)) = body.frame().await
        {
            if let Some(data) = frame.data_ref() {
                bytes.extend_from_slice(data);
            }
        }
    };
    let _late = timeout(LISTEN, reading).await;
    bytes.truncate(most);
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn only_the_public_internet_is_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "2001:200::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(public(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "5f00::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    fn checked(rules: &Rules, url: &str) -> Result<(), Barred> {
        rules.check(&url.parse().unwrap())
    }

    #[test]
    fn a_url_is_one_of_the_web() {
        let rules = Rules::default();
        assert_eq!(checked(&rules, "https://hooks.example/a?b=c"), Ok(()));
        assert_eq!(checked(&rules, "https://hooks.example:8443/"), Ok(()));
        assert_eq!(checked(&rules, "http://hooks.example/"), Err(Barred::Plain));
        assert_eq!(checked(&Rules { plain: true, ..Rules::default() }, "http://hooks.example/"), Ok(()));
        assert_eq!(checked(&rules, "https://hooks.example:22/"), Err(Barred::Port(22)));
        for url in ["ftp://hooks.example/", "file:///etc/passwd", "https://me@hooks.example/", "https://:x@h.example/"]
        {
            assert_eq!(checked(&rules, url), Err(Barred::Malformed), "{url}");
        }
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://0/",
        ] {
            assert!(matches!(checked(&rules, url), Err(Barred::Network(_))), "{url}: {:?}", checked(&rules, url));
        }
    }

    #[test]
    fn allowed_networks_are_allowed_and_no_others() {
        let rules = Rules { allowed: vec!["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()], plain: false };
        let permit = |address: &str| rules.permit(address.parse().unwrap());
        assert!(permit("10.1.2.3") && permit("::1") && permit("::ffff:10.1.2.3") && permit("8.8.8.8"));
        assert!(!permit("10.2.0.1") && !permit("127.0.0.1"));
        let of = |addresses: &[&str]| rules.check_all(addresses.iter().map(|a| a.parse().unwrap()).collect());
        assert!(of(&["8.8.8.8", "10.1.0.1"]).is_ok());
        // One that is not permitted bars all.
        assert_eq!(of(&["8.8.8.8", "10.2.0.1"]), Err(Barred::Network("10.2.0.1".parse().unwrap())));
        assert_eq!(of(&[]), Err(Barred::Unknown));
    }

    /// A name that is public when it is looked at first, and this machine from then on.
    struct Rebinding(AtomicUsize);

    impl Lookup for Rebinding {
        fn addresses(&self, _: String) -> BoxFuture<'static, Vec<IpAddr>> {
            let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
            let address = if first { IpAddr::from([93, 184, 215, 14]) } else { IpAddr::from([127, 0, 0, 1]) };
            Box::pin(async move { vec![address] })
        }
    }

    #[tokio::test]
    async fn a_name_that_stands_for_another_address_later_is_barred_then() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rules = Rules { plain: true, ..Rules::default() };
        let guard = Guard::new(rules, Arc::new(Rebinding(AtomicUsize::new(0))));
        let url: Url = format!("http://rebinding.example:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
        assert_eq!(guard.check(&url).await, Ok(()));
        let refused = guard.post(&url, HeaderMap::new(), "secret".to_owned(), 0).await;
        assert!(matches!(refused, Err(Unanswered::Barred(Barred::Network(_)))), "{refused:?}");
        let knocked = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(knocked.is_err(), "nobody came");
    }
}
