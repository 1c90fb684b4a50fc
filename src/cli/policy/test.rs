//! `sesame policy test`.

use std::path::PathBuf;

use clap::Args;

use super::{NAMES, Source};
use crate::{access::expectations, cli::Outcome, config::Settings};

/// Holds a policy against what is expected of it; fails where it does not keep to that.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// Which policy.
    #[arg(default_value = "database", help = NAMES)]
    policy: Source,
    /// A file of lines «ROLE, action, step, scope, allow» or «…, deny»; what is expected of the shipped policy by
    /// default.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
}

impl Test {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let file = match &self.expect {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?
            }
            None => expectations::SHIPPED.to_owned(),
        };
        let failures = match expectations::read(&file) {
            Ok(expected) => {
                println!("{} expectations", expected.len());
                expectations::failures(&self.policy.view(&settings).await?, &expected)
            }
            Err(faults) => faults,
        };
        failures.iter().for_each(|failure| println!("{failure}"));
        match failures.len() {
            0 => Ok(()),
            1 => Err("1 expectation is not kept".into()),
            more => Err(format!("{more} expectations are not kept").into()),
        }
    }
}
