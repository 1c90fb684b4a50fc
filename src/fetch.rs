//! Small documents of other servers: what an issuer says of itself, and its keys.
//!
//! No redirects, no proxies, no cookies: an address is one that somebody configured, or one that a document
//! from there names.

use std::{io, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderValue, Request, Uri, header, uri::Scheme},
};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::tls::Tls;

/// How long a document may take, all in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest document that is read.
const LARGEST: usize = 512 * 1024;

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Unfetched {
    /// The address is none that documents come from.
    #[error("not an address of a document")]
    Address,
    /// The other end cannot be reached.
    #[error("cannot be reached: {0}")]
    Connection(#[from] io::Error),
    /// It is reached, but does not speak HTTP as it should.
    #[error("does not answer as it should: {0}")]
    Http(#[from] hyper::Error),
    /// It answers with something else than the document.
    #[error("answers {0}")]
    Status(u16),
    /// The document is too large, or breaks off.
    #[error("is too large, or breaks off")]
    Body,
    /// The document is not what it should be.
    #[error("is not the document expected: {0}")]
    Content(#[from] serde_json::Error),
    /// It takes too long.
    #[error("takes too long")]
    Late,
}

/// Fetches documents.
#[derive(Debug, Default)]
pub struct Fetcher {
    tls: Tls,
}

impl Fetcher {
    /// The JSON document at an address.
    ///
    /// # Errors
    /// Why it could not be had.
    pub async fn json<T: DeserializeOwned>(&self, address: &str) -> Result<T, Unfetched> {
        let address: Uri = address.parse().map_err(|_| Unfetched::Address)?;
        let document = timeout(PATIENCE, self.document(&address)).await.map_err(|_| Unfetched::Late)??;
        Ok(serde_json::from_slice(&document)?)
    }

    async fn document(&self, address: &Uri) -> Result<Bytes, Unfetched> {
        let host = address.host().ok_or(Unfetched::Address)?;
        let is_secure = address.scheme() == Some(&Scheme::HTTPS);
        let port = address.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        // An address of version 6 stands in brackets.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, port)).await?;
        if is_secure { ask(self.tls.connect(host, stream).await?, address).await } else { ask(stream, address).await }
    }
}

async fn ask<S>(stream: S, address: &Uri) -> Result<Bytes, Unfetched>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request(address)?).await;
    let document = match answer {
        Ok(answer) if answer.status().is_success() => read(answer.into_body()).await,
        Ok(answer) => Err(Unfetched::Status(answer.status().as_u16())),
        Err(error) => Err(error.into()),
    };
    connection.abort();
    document
}

fn request(address: &Uri) -> Result<Request<Empty<Bytes>>, Unfetched> {
    let host = address.authority().ok_or(Unfetched::Address)?.as_str();
    let host = HeaderValue::from_str(host.rsplit('@').next().unwrap_or(host)).map_err(|_| Unfetched::Address)?;
    let path = address.path_and_query().map_or("/", |path| path.as_str());
    Request::get(path)
        .header(header::HOST, host)
        .header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .header(header::USER_AGENT, HeaderValue::from_static("sesame"))
        .body(Empty::new())
        .map_err(|_| Unfetched::Address)
}

async fn read(body: Incoming) -> Result<Bytes, Unfetched> {
    Ok(Limited::new(body, LARGEST).collect().await.map_err(|_| Unfetched::Body)?.to_bytes())
}
