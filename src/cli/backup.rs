//! `sesame backup`.

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

/// Writes an archive of everything, files and signing key included, while servers go on.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The archive, a folder for it, or - for standard output.
    to: PathBuf,
    /// Replace an archive of this name.
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let (begun, now) = (Instant::now(), Clock::system().now());
        let mut archive = Outgoing::open(&self.to, now, self.force)?;
        let summary = export(&settings, now, &mut archive, What { files: true, key: true }, progress).await?;
        conclude("Backed up to", &archive.finish()?, summary, begun);
        Ok(())
    }
}
