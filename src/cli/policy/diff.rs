//! `sesame policy diff`.

use clap::Args;

use super::{NAMES, Source};
use crate::{access::comparison::compare, cli::Outcome, config::Settings, graphql::Schemas};

/// Tells what each role may do under another policy, and in what its schema differs.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// From which policy.
    #[arg(help = NAMES)]
    from: Source,
    /// To which.
    #[arg(help = NAMES)]
    to: Source,
    /// Leave out in what the schemas differ.
    #[arg(long)]
    brief: bool,
}

impl Diff {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let (from, to) = (self.from.view(&settings).await?, self.to.view(&settings).await?);
        let roles = compare(&from, &to, &Schemas::new(settings.limits.clone()));
        for role in &roles {
            print!("{role}");
            if !self.brief {
                role.schema.iter().for_each(|difference| println!("    {difference}"));
            }
        }
        if roles.is_empty() {
            println!("every role may do the same");
        }
        Ok(())
    }
}
