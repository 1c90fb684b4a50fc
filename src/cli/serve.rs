//! `sesame serve`.

use std::{os::unix::net::UnixDatagram, time::Duration};

use clap::Args;
use tokio::net::TcpListener;

use super::Outcome;
use crate::{app::App, clock::Clock, config::Settings, http::Serving, identity, observe};

/// Serves with the settings in force.
#[derive(Debug, Args)]
pub(super) struct Serve {}

impl Serve {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let _log = observe::log::start(&settings)?;
        let app = App::open(settings, Clock::system()).await?;
        if !identity::store::is_anybody_there(app.database.reader()).await? {
            tracing::warn!("nobody can sign in yet: let somebody administer the platform with «sesame admin EMAIL»");
        }
        until_told(app, |_| ()).await
    }
}

/// Serves until the process is told to end; `announce` is told the address first.
pub(super) async fn until_told(app: std::sync::Arc<App>, announce: impl FnOnce(std::net::SocketAddr)) -> Outcome {
    let place = (app.settings.host, app.settings.port);
    let drain_seconds = app.settings.drain_seconds;
    let taken = |error| format!("cannot listen on {}:{}: {error}; take another with --port", place.0, place.1);
    let listener = TcpListener::bind(place).await.map_err(taken)?;
    let serving = Serving::start(app, listener)?;
    tracing::info!("listening on http://{}", serving.address);
    if let Some(address) = serving.figures {
        tracing::info!("figures on http://{address}/metrics");
    }
    announce(serving.address);
    tell_systemd("READY=1");
    end_of_process().await?;
    tell_systemd("STOPPING=1");
    drain(&serving, drain_seconds).await?;
    tracing::info!("ending");
    serving.stop().await?;
    Ok(())
}

/// Goes on while a balancer notices that readiness is red; who tells it to end once more does not want to wait.
async fn drain(serving: &Serving, seconds: u32) -> std::io::Result<()> {
    serving.drain();
    if seconds > 0 {
        tracing::info!(seconds, "draining");
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds.into())) => {}
            told = end_of_process() => told?,
        }
    }
    Ok(())
}

/// Says how far the server is to systemd, where that started it with `Type=notify`.
fn tell_systemd(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let told = UnixDatagram::unbound().and_then(|from| from.send_to(state.as_bytes(), &socket));
    if let Err(error) = told {
        tracing::warn!(%error, "systemd does not hear «{state}»");
    }
}

async fn end_of_process() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        told = tokio::signal::ctrl_c() => told,
    }
}
