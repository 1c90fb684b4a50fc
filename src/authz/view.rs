//! Casbin's own answers, compiled: permission × role × scope, asked once when the policy is loaded.
//!
//! A check then is an array access. A test proves that this table and `enforce` agree everywhere.

use std::collections::BTreeMap;

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};

use super::{
    permission::{Permission, PermissionSet},
    policy::Line,
};

/// On which records a permission holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, async_graphql::Enum)]
pub enum Scope {
    /// One's own.
    Own,
    /// Those of one's delegation.
    Delegation,
    /// Those of one's region.
    Region,
    /// All.
    All,
}

impl Scope {
    /// Every scope, narrowest first.
    pub const EACH: [Self; 4] = [Self::Own, Self::Delegation, Self::Region, Self::All];

    /// What the policy calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Delegation => "delegation",
            Self::Region => "region",
            Self::All => "all",
        }
    }
}

/// Some of the four scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Whether a scope is among them.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those among them, narrowest first.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::EACH.into_iter().filter(move |s| self.contains(*s))
    }

    fn insert(&mut self, scope: Scope) {
        self.0 |= 1 << scope as u8;
    }
}

/// What one role, or several together, may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights([Scopes; Permission::COUNT]);

impl Default for Rights {
    fn default() -> Self {
        Self([Scopes::default(); Permission::COUNT])
    }
}

impl Rights {
    /// On which records a permission is held.
    #[must_use]
    pub const fn scopes(&self, permission: Permission) -> Scopes {
        self.0[permission as usize]
    }

    /// The permissions that are held on any records at all.
    #[must_use]
    pub fn permissions(&self) -> PermissionSet {
        Permission::ALL.iter().copied().filter(|p| !self.scopes(*p).is_empty()).collect()
    }

    /// Takes away what is not among some permissions.
    pub fn limit(&mut self, only: PermissionSet) {
        for permission in Permission::ALL.iter().copied().filter(|permission| !only.contains(*permission)) {
            self.0[permission as usize] = Scopes::default();
        }
    }

    /// Adds what others may do.
    pub fn include(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.0 |= theirs.0;
        }
    }
}

/// The compiled policy.
#[derive(Clone, Debug, Default)]
pub struct View {
    roles: BTreeMap<String, Rights>,
}

impl View {
    /// Asks Casbin for every combination of role, permission and scope.
    ///
    /// # Errors
    /// When Casbin does not understand the model or a line.
    pub async fn compile(model: &str, lines: &[Line]) -> casbin::Result<Self> {
        let mut roles: BTreeMap<String, Rights> = BTreeMap::new();
        for line in lines {
            roles.entry(line.subject.clone()).or_default();
        }
        // One enforcer per object, holding that object's lines alone: a denial walks every line.
        for object in Permission::ALL.chunk_by(|a, b| a.object() == b.object()) {
            let about = lines.iter().filter(|l| l.is_grouping() || l.object == object[0].object());
            let enforcer = enforcer(model, about).await?;
            for (role, rights) in &mut roles {
                for &permission in object {
                    for scope in Scope::EACH {
                        let question = (role.as_str(), permission.object(), permission.step(), scope.name());
                        if enforcer.enforce(question)? {
                            rights.0[permission as usize].insert(scope);
                        }
                    }
                }
            }
        }
        Ok(Self { roles })
    }

    /// What somebody with these roles may do.
    pub fn rights<'r>(&self, roles: impl IntoIterator<Item = &'r str>) -> Rights {
        let mut rights = Rights::default();
        for role in roles {
            if let Some(more) = self.roles.get(role) {
                rights.include(more);
            }
        }
        rights
    }

    /// The roles that the policy names.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }
}

/// A Casbin enforcer on some lines.
///
/// # Errors
/// When Casbin does not understand the model or a line.
pub async fn enforcer<'l>(model: &str, lines: impl IntoIterator<Item = &'l Line>) -> casbin::Result<Enforcer> {
    let (groupings, grants): (Vec<&Line>, Vec<&Line>) = lines.into_iter().partition(|l| l.is_grouping());
    let mut enforcer = Enforcer::new(DefaultModel::from_str(model).await?, MemoryAdapter::default()).await?;
    enforcer.add_policies(grants.into_iter().map(Line::grant).collect()).await?;
    enforcer.add_grouping_policies(groupings.into_iter().map(Line::grouping).collect()).await?;
    Ok(enforcer)
}
