//! `sesame demo`.

use std::{io::IsTerminal, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use chrono::NaiveDate;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Outcome, serve};
use crate::{
    app::App,
    clock::Clock,
    config::Settings,
    demo::{self, ACCOUNTS, Contents, PASSWORD, Size},
    outbox,
};

/// Serves the demonstration network; makes it where there is none.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Start afresh: what an earlier demonstration left is removed.
    #[arg(long)]
    reset: bool,
    /// The day on which the demonstration lives; today where nothing is said.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = a_day)]
    today: Option<NaiveDate>,
    /// How many orders it has: small (200), medium (20 000), large (1 000 000), or a number.
    #[arg(long, default_value = "small")]
    size: Size,
}

/// A day that can be lived on: the years around it have calendars, too.
fn a_day(text: &str) -> Result<NaiveDate, String> {
    use chrono::Datelike;
    let day: Option<NaiveDate> = text.parse().ok().filter(|day: &NaiveDate| (2000..=2190).contains(&day.year()));
    day.ok_or_else(|| "a day between 2000-01-01 and 2190-12-31, such as 2026-11-10".to_owned())
}

impl Demo {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let mut settings = settings;
        (settings.demo, settings.server_timing) = (true, true);
        // Its people have their password, wherever those of the company sign in.
        settings.oidc = None;
        let _log = crate::observe::log::start(&settings)?;
        if self.reset {
            demo::remove(&settings).await?;
        }
        let clock = self.today.map_or_else(Clock::system, Clock::on_day);
        let app = App::open(settings, clock).await?;
        match demo::contents(app.database.reader()).await? {
            Contents::Nothing => load(&app, self.size).await?,
            Contents::Demonstration => {}
            Contents::Unfinished => {
                return Err("an earlier demonstration was not loaded to its end: start afresh with --reset".into());
            }
            Contents::Other => {
                return Err("this database holds somebody's own data, no demonstration: use «sesame serve», or \
                            another folder with --data"
                    .into());
            }
        }
        let behind = is_behind(&app).await?;
        serve::until_told(Arc::clone(&app), |address| print!("{}", welcome(&app, address, behind))).await
    }
}

/// Loads, with a bar where somebody looks.
async fn load(app: &App, size: Size) -> Outcome {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(1) } else { ProgressBar::hidden() };
    let style = "Chargement / loading {wide_bar} {human_pos} / {human_len} commandes / orders, {eta}";
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.enable_steady_tick(Duration::from_millis(200));
    demo::load(app, size, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })
    .await?;
    bar.finish_and_clear();
    Ok(())
}

/// Whether the demonstration was made on a later day than it now lives on.
async fn is_behind(app: &App) -> Result<bool, Box<dyn std::error::Error>> {
    let position = outbox::last_position(app.database.reader()).await?;
    let last = outbox::since(app.database.reader(), position - 1, 1).await?.pop();
    Ok(last.is_some_and(|event| event.at > app.clock.now()))
}

/// What one needs to begin.
fn welcome(app: &App, address: SocketAddr, behind: bool) -> String {
    let day = app.clock.today();
    let width = ACCOUNTS.iter().map(|account| account.email.len()).max().unwrap_or_default();
    let accounts: String =
        ACCOUNTS.iter().map(|account| format!("  {:width$}  {}\n", account.email, account.label)).collect();
    let warning = if behind {
        "\n  ATTENTION : les données vont au-delà de ce jour ; recommencez avec --reset.\n  \
         WARNING: the data go beyond this day; start afresh with --reset.\n"
    } else {
        ""
    };
    format!(
        "\nSésame – démonstration du / demonstration of {day}\n{warning}\n\
         Comptes, mot de passe / accounts, password: {PASSWORD}\n{accounts}\n\
         \x20 GraphiQL                 http://{address}/graphiql\n\
         \x20 GraphQL                  http://{address}/graphql\n\
         \x20 WebSocket                ws://{address}/graphql/ws\n\
         \x20 Schéma / schema          http://{address}/schema.graphql\n\
         \x20 Données / data           {}\n\n\
         Ctrl-C pour arrêter / to stop.\n\n",
        place(&app.settings)
    )
}

fn place(settings: &Settings) -> String {
    let embedded = settings.database_url.starts_with("sqlite:");
    let folder = Path::new(&settings.data).display().to_string();
    if embedded { folder } else { format!("PostgreSQL, {folder}") }
}
