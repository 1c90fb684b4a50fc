//! `sesame schema`.

use clap::Args;

use super::Outcome;
use crate::{
    authz::{PermissionSet, View, implied_by, policy},
    config::Settings,
    graphql::{self, Schemas},
};

/// Prints the schema.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// As this role of the shipped policy sees it.
    #[arg(long)]
    role: Option<String>,
}

impl Schema {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let schemas = Schemas::new(settings.limits);
        let held = match self.role {
            Some(role) => held_by(&role).await?,
            None => PermissionSet::all(),
        };
        print!("{}", graphql::sdl(&schemas, held));
        Ok(())
    }
}

async fn held_by(role: &str) -> Result<PermissionSet, Box<dyn std::error::Error>> {
    let view = View::compile(policy::MODEL, &policy::shipped()?).await?;
    if !view.roles().any(|known| known == role) {
        let known: Vec<&str> = view.roles().collect();
        return Err(format!("there is no role {role}; there are {}", known.join(", ")).into());
    }
    Ok(view.rights([role, implied_by(role)]).permissions())
}
