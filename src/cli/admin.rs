//! `sesame admin`.

use std::{
    io::{IsTerminal, Read},
    sync::Arc,
};

use ::entity::vocabulary::Language;
use async_graphql::ScalarType;
use clap::Args;
use rand::RngExt;

use super::Outcome;
use crate::{
    app::App,
    clock::Clock,
    config::Settings,
    graphql::scalars::Email,
    identity::{self, Administrator, passwords::Password},
    op::Op,
    refusal::{Refusal, Stopped},
};

/// Lets somebody administer the platform: the first person of a new database, or one who is locked out.
#[derive(Debug, Args)]
pub(super) struct Admin {
    /// E-mail address; where nobody has it, a person is made.
    email: String,
    /// Given name of a new person.
    #[arg(long, default_value = "Platform")]
    given_name: String,
    /// Family name of a new person.
    #[arg(long, default_value = "Administrator")]
    family_name: String,
    /// Read the password from standard input; otherwise one is made and printed.
    #[arg(long)]
    password_stdin: bool,
}

impl Admin {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let Self { email, given_name, family_name, password_stdin } = self;
        let Email(email) = Email::parse(email.into()).map_err(|_| "that is not an e-mail address")?;
        let made = (!password_stdin).then(new_password);
        let typed = made.clone().map_or_else(read_password, Ok)?;
        let password = Password::typed(["password"], typed)?;
        let app = App::open(settings, Clock::system()).await?;
        let op = Op::new(Arc::clone(&app), None, Language::En, "command line".to_owned());
        let who = Administrator { email, given_name, family_name, password };
        match identity::appoint(&op, &who).await {
            Ok(_) => {}
            Err(Stopped::Refused(refusals)) => {
                let texts: Vec<String> =
                    refusals.iter().map(|refusal| refusal.text().into_language(op.language)).collect();
                return Err(texts.join(" ").into());
            }
            Err(Stopped::Failed(error)) => return Err(error.into()),
        }
        println!("{} administers the platform.", who.email);
        if let Some(password) = made {
            println!("Password: {password}");
        }
        Ok(())
    }
}

/// 120 bits, in hexadecimal.
fn new_password() -> String {
    crate::hex(&rand::rng().random::<[u8; 15]>())
}

fn read_password() -> std::io::Result<String> {
    if std::io::stdin().is_terminal() {
        eprint!("Password: ");
    }
    let mut typed = String::new();
    std::io::stdin().read_to_string(&mut typed)?;
    Ok(typed.trim_end_matches(['\r', '\n']).to_owned())
}
