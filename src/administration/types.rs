//! What the schema shows of the policy.

use std::sync::Arc;

use ::entity::platform::policy_version;
use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::lookups::PastOf;
use crate::{
    authz::{history::Past, policy::Line},
    error::{self, Error},
    graphql::{
        guard::requires,
        payload::{Told, op},
    },
    identity::types::Person,
    input,
    loaders::Loaders,
};

/// Longest word of a line.
const WORD: usize = 100;
/// Where a line has no step, or no scope.
const NONE: &str = "-";

/// What a line of the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PolicyLineKind {
    /// A role may do something, within a scope.
    Grant,
    /// A role has everything that another has.
    Inherit,
}

/// A version of the policy: who may do what.
#[derive(Debug)]
pub struct Policy(pub(super) policy_version::Model);

impl From<policy_version::Model> for Policy {
    fn from(row: policy_version::Model) -> Self {
        Self(row)
    }
}

impl Policy {
    /// What it was, where its lines were kept.
    async fn past(&self, ctx: &Context<'_>) -> Result<Option<Arc<Past>>> {
        Loaders::of(ctx).find(PastOf(self.0.version)).await.told(op(ctx))
    }

    async fn lines_of(&self, ctx: &Context<'_>, which: fn(&Past) -> &Vec<Line>) -> Result<Vec<PolicyLine>> {
        let past = self.past(ctx).await?;
        Ok(past.iter().flat_map(|past| which(past)).cloned().map(PolicyLine::from).collect())
    }
}

/// A version of the policy: who may do what, on which records.
#[Object(directive = requires::apply("readPolicy".into()))]
impl Policy {
    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// Since when it has been in force.
    async fn changed_at(&self) -> DateTime<Utc> {
        self.0.changed_at
    }

    /// Who made it; nobody where it came with the program.
    async fn changed_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.changed_by_id).await.told(op(ctx))?.map(Person))
    }

    /// Why it was made.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Its lines, in the order in which they were added; none where they were not kept.
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<PolicyLine>> {
        self.lines_of(ctx, |past| &past.lines).await
    }

    /// The lines that came with it.
    async fn added(&self, ctx: &Context<'_>) -> Result<Vec<PolicyLine>> {
        self.lines_of(ctx, |past| &past.added).await
    }

    /// The lines that went with it.
    async fn removed(&self, ctx: &Context<'_>) -> Result<Vec<PolicyLine>> {
        self.lines_of(ctx, |past| &past.removed).await
    }

    /// Whether its lines were kept, so that it can be gone back to: of what was before the history began, only who,
    /// when and why are known.
    async fn is_kept(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.past(ctx).await?.is_some())
    }
}

/// A line of the policy.
#[derive(Debug, SimpleObject)]
#[graphql(directive = requires::apply("readPolicy".into()))]
pub struct PolicyLine {
    /// What it says.
    kind: PolicyLineKind,
    /// Code of the role; ANYONE for everybody signed in, API_KEY for every key, ANONYMOUS for whoever is not.
    role: String,
    /// What may be done, by the name of its permission; or the other role.
    object: String,
    /// At which step of the workflow; none where there are no steps.
    step: Option<String>,
    /// On which records: own, delegation, region or all; none for another role's.
    scope: Option<String>,
}

impl From<Line> for PolicyLine {
    fn from(line: Line) -> Self {
        let kind = if line.is_grouping() { PolicyLineKind::Inherit } else { PolicyLineKind::Grant };
        let Line { kind: _, subject, object, step, scope } = line;
        let given = |word: String| Some(word).filter(|word| word != NONE);
        Self { kind, role: subject, object, step: given(step), scope: given(scope) }
    }
}

/// A line of the policy, to be added or removed.
#[derive(Debug, InputObject)]
pub struct PolicyLineInput {
    /// What it says.
    #[graphql(default_with = "PolicyLineKind::Grant")]
    kind: PolicyLineKind,
    /// Code of the role; ANYONE for everybody signed in, API_KEY for every key, ANONYMOUS for whoever is not.
    role: String,
    /// What may be done, by the name of its permission; or the other role.
    object: String,
    /// At which step of the workflow; none where there are no steps.
    step: Option<String>,
    /// On which records: own, delegation, region or all; none for another role's.
    scope: Option<String>,
}

impl PolicyLineInput {
    /// The line, not judged yet.
    ///
    /// # Errors
    /// Where a word is too long, or a line of kind INHERIT has a step or a scope.
    pub fn read(self, list: &'static str) -> error::Result<Line> {
        let Self { kind, role, object, step, scope } = self;
        let word = |text: &str| input::line(["input", list], text, WORD);
        let optional = |text: Option<String>| text.map_or_else(|| Ok(NONE.to_owned()), |text| word(&text));
        let (subject, object, step, scope) = (word(&role)?, word(&object)?, optional(step)?, optional(scope)?);
        match kind {
            PolicyLineKind::Grant => Ok(Line { kind: "p".into(), subject, object, step, scope }),
            PolicyLineKind::Inherit if step == NONE && scope == NONE => {
                Ok(Line { kind: "g".into(), subject, object, step, scope })
            }
            PolicyLineKind::Inherit => {
                Err(Error::bad_input(["input", list], "a line of kind INHERIT has neither step nor scope"))
            }
        }
    }
}
