//! `sesame restore`.

use std::{path::PathBuf, time::Instant};

use clap::Args;

use super::{
    Outcome,
    archive::{conclude, incoming, progress},
};
use crate::{archive::restore, config::Settings};

/// Takes a backup in, of whichever kind of database it was made.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup, or - for standard input.
    from: PathBuf,
    /// Replace what is there.
    #[arg(long)]
    force: bool,
}

impl Restore {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let begun = Instant::now();
        std::fs::create_dir_all(&settings.data)?;
        let summary = restore(&settings, incoming(&self.from)?, self.force, progress).await?;
        conclude("Restored from", &self.from.display().to_string(), summary, begun);
        Ok(())
    }
}
