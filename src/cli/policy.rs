//! `sesame policy …`.

mod diff;
mod lint;
mod show;
mod test;

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};

use super::{Outcome, check::existing};
use crate::{
    access::lint::Surroundings,
    authz::{
        View, history,
        policy::{self, Line},
    },
    config::Settings,
    db::Database,
    identity,
};

/// Checks, tests, compares and shows policies.
#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Name what is wrong with a policy, or odd about it; fails where it cannot be used.
    Lint(lint::Lint),
    /// Hold a policy against what is expected of it; fails where it does not keep to that.
    Test(test::Test),
    /// Tell what each role may do under another policy, and in what its schema differs.
    Diff(diff::Diff),
    /// Print a policy, or what a role may do by it.
    Show(show::Show),
}

impl Policy {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        match self.command {
            Command::Lint(command) => command.run(settings).await,
            Command::Test(command) => command.run(settings).await,
            Command::Diff(command) => command.run(settings).await,
            Command::Show(command) => command.run(settings).await,
        }
    }
}

/// Which policy is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Shipped,
    Database,
    Version(i64),
    File(PathBuf),
}

/// How a policy is named on the command line.
const NAMES: &str = "shipped, database, version:N, or a file of lines";

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("version", number)) => number.parse().map(Self::Version).map_err(|_| format!("one of {NAMES}")),
            _ if text == "shipped" => Ok(Self::Shipped),
            _ if text == "database" => Ok(Self::Database),
            _ => Ok(Self::File(text.into())),
        }
    }
}

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

impl Source {
    /// What it says, line by line, sound or not.
    async fn said(&self, settings: &Settings) -> Fallible<Vec<(usize, String)>> {
        let owned = |text: &str| policy::said(text).map(|(number, text)| (number, text.to_owned())).collect();
        let written =
            |lines: Vec<Line>| -> Vec<(usize, String)> { (1..).zip(lines.iter().map(Line::to_string)).collect() };
        Ok(match self {
            Self::Shipped => owned(policy::SHIPPED),
            Self::File(path) => {
                let unreadable = |error| format!("cannot read {}: {error}", path.display());
                owned(&std::fs::read_to_string(path).map_err(unreadable)?)
            }
            Self::Database => written(in_force(&existing(settings).await?).await?),
            Self::Version(version) => {
                let database = existing(settings).await?;
                let past = history::of(database.reader(), &[*version]).await?.remove(version);
                written(past.ok_or_else(|| format!("the lines of version {version} were not kept"))?.lines)
            }
        })
    }

    /// Its lines.
    async fn lines(&self, settings: &Settings) -> Fallible<Vec<Line>> {
        let said = self.said(settings).await?;
        let sound = |(number, text): &(usize, String)| {
            Line::parse(text).map_err(|error| format!("line {number}: «{text}»: {error}"))
        };
        Ok(said.iter().map(sound).collect::<Result<_, _>>()?)
    }

    /// The same, compiled.
    async fn view(&self, settings: &Settings) -> Fallible<View> {
        Ok(View::compile(policy::MODEL, &self.lines(settings).await?).await?)
    }

    /// What is known of roles and people: of those in the database.
    async fn surroundings(&self, settings: &Settings) -> Fallible<Surroundings> {
        if matches!(self, Self::Shipped | Self::File(_)) {
            return Ok(Surroundings::default());
        }
        let database = existing(settings).await?;
        let roles = identity::store::roles(database.reader()).await?;
        let held = identity::store::roles_of_active(database.reader()).await?;
        Ok(Surroundings {
            roles: Some(roles.into_iter().map(|role| role.code).collect()),
            held: Some(held.into_values().collect()),
        })
    }
}

async fn in_force(database: &Database) -> Fallible<Vec<Line>> {
    let found = policy::in_force(database.reader()).await?;
    let (_, lines) = found.ok_or("the database has no policy yet: serve it once")?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_named_by_one_word() {
        assert_eq!("shipped".parse(), Ok(Source::Shipped));
        assert_eq!("database".parse(), Ok(Source::Database));
        assert_eq!("version:12".parse(), Ok(Source::Version(12)));
        assert_eq!("ours.csv".parse(), Ok(Source::File("ours.csv".into())));
        assert!("version:last".parse::<Source>().is_err());
    }
}
