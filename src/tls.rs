//! TLS towards other servers: whom the machine trusts is trusted. `SSL_CERT_FILE` names another store of
//! certificates.

use std::{fmt, io, sync::Arc};

use tokio::{net::TcpStream, sync::OnceCell};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

/// Speaks TLS. Made ready when it is first needed: it reads every certificate that the machine trusts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tls(Arc<OnceCell<TlsConnector>>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Speaks TLS on a connection, with whoever has a certificate for a host.
    ///
    /// # Errors
    /// When the host's name is none, or the other end is not whom it should be.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.get_or_try_init(async || connector()).await?.connect(name, stream).await
    }
}

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
