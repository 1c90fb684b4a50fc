//! `sesame token`.

use std::sync::Arc;

use ::entity::vocabulary::Language;
use clap::Args;

use super::Outcome;
use crate::{app::App, clock::Clock, config::Settings, error::Error, identity, op::Op};

/// Opens a session for somebody and prints its bearer token.
#[derive(Debug, Args)]
pub(super) struct Token {
    /// E-mail address of the person.
    #[arg(long, value_name = "EMAIL")]
    user: String,
    /// Days until the token expires.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
}

impl Token {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        if let Some(oidc) = &settings.oidc {
            return Err(format!("people sign in at {}: tokens come from there", oidc.issuer).into());
        }
        let app = App::open(settings, Clock::system()).await?;
        let op = Op::new(Arc::clone(&app), None, Language::Fr, "command line".to_owned());
        let email = self.user.trim().to_lowercase();
        match identity::open_token(&op, &email, self.days).await {
            Ok(access) => println!("{}", access.token),
            Err(Error::NotFound) => return Err(format!("nobody who is active has the address {email}").into()),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
