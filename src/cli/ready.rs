//! `sesame ready`.

use std::{net::IpAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Outcome;
use crate::config::Settings;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most bytes of its answer that are read.
const MOST: u64 = 16 << 10;

/// Asks the server of these settings whether it takes requests: for health checks, where there is no other
/// program to ask with.
pub(super) async fn run(settings: &Settings) -> Outcome {
    let place = (reachable(settings.host), settings.port);
    let answer = timeout(PATIENCE, ask(place)).await.map_err(|_| "the server does not answer in time")??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => {
            print!("{body}");
            Ok(())
        }
        _ => Err(body.trim().into()),
    }
}

/// Where a server that listens everywhere is found from here.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(host) if host.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(host) if host.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        host => host,
    }
}

async fn ask(place: (IpAddr, u16)) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(place).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
