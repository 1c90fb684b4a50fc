//! `sesame export`.

use std::{path::PathBuf, time::Instant};

use clap::Args;

use super::{
    Outcome,
    archive::{Outgoing, conclude, progress},
};
use crate::{
    archive::{What, export},
    clock::Clock,
    config::Settings,
};

/// Writes everything into one archive, which `sesame import` takes into an empty database of either kind.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The archive, a folder for it, or - for standard output.
    to: PathBuf,
    /// Leave out what was uploaded.
    #[arg(long)]
    without_files: bool,
    /// Replace an archive of this name.
    #[arg(long)]
    force: bool,
}

impl Export {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let (begun, now) = (Instant::now(), Clock::system().now());
        let mut archive = Outgoing::open(&self.to, now, self.force)?;
        let what = What { files: !self.without_files, key: false };
        let summary = export(&settings, now, &mut archive, what, progress).await?;
        conclude("Exported to", &archive.finish()?, summary, begun);
        Ok(())
    }
}
