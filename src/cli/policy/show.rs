//! `sesame policy show`.

use clap::Args;

use super::{NAMES, Source};
use crate::{
    authz::{Permission, Scope, View, implied_by},
    cli::Outcome,
    config::Settings,
};

/// Prints a policy, or what a role may do by it.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Which policy.
    #[arg(default_value = "database", help = NAMES)]
    policy: Source,
    /// What this role may do, by whatever line, what everybody signed in may do included.
    #[arg(long)]
    role: Option<String>,
}

impl Show {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        match &self.role {
            Some(role) => print!("{}", held(&self.policy.view(&settings).await?, role)?),
            None => self.policy.lines(&settings).await?.iter().for_each(|line| println!("{line}")),
        }
        Ok(())
    }
}

/// What a role may do: action, step, scopes.
fn held(view: &View, role: &str) -> Result<String, String> {
    if !view.roles().any(|known| known == role) {
        return Err(format!(
            "no line names the role {role}; there are {}",
            view.roles().collect::<Vec<_>>().join(", ")
        ));
    }
    let rights = view.rights([role, implied_by(role)]);
    let line = |permission: &Permission| {
        let scopes: Vec<&str> = rights.scopes(*permission).iter().map(Scope::name).collect();
        let told = || format!("{:<28}{:<12}{}\n", permission.object(), permission.step(), scopes.join("+"));
        (!scopes.is_empty()).then(told)
    };
    Ok(Permission::ALL.iter().filter_map(line).collect())
}
