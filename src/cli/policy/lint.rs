//! `sesame policy lint`.

use clap::Args;

use super::{NAMES, Source};
use crate::{
    access::lint::{Severity, lint},
    cli::Outcome,
    config::Settings,
};

/// Names what is wrong with a policy, or odd about it; fails where it cannot be used.
#[derive(Debug, Args)]
pub(super) struct Lint {
    /// Which policy.
    #[arg(default_value = "database", help = NAMES)]
    policy: Source,
}

impl Lint {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let said = self.policy.said(&settings).await?;
        let findings = lint(&said, &self.policy.surroundings(&settings).await?).await?;
        findings.iter().for_each(|finding| println!("{finding}"));
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        println!("{} lines, {errors} errors, {} warnings", said.len(), findings.len() - errors);
        if errors == 0 { Ok(()) } else { Err("the policy cannot be used as it is".into()) }
    }
}
