//! `sesame import`.

use std::{path::PathBuf, time::Instant};

use clap::Args;

use super::{
    Outcome,
    archive::{conclude, incoming, progress},
};
use crate::{archive::import, config::Settings};

/// Takes an archive into an empty database, of whichever kind.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The archive, or - for standard input.
    from: PathBuf,
}

impl Import {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let begun = Instant::now();
        std::fs::create_dir_all(&settings.data)?;
        let summary = import(&settings, incoming(&self.from)?, progress).await?;
        conclude("Imported from", &self.from.display().to_string(), summary, begun);
        Ok(())
    }
}
