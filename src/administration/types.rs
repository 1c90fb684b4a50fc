//! What the schema shows of the policy.

use ::entity::platform::policy_version;
use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    authz::policy::{self, Line},
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
pub(super) enum PolicyLineKind {
    /// A role may do something, within a scope.
    Grant,
    /// A role has everything that another has.
    Inherit,
}

/// The policy: who may do what.
#[derive(Debug)]
pub(super) struct Policy(pub(super) policy_version::Model);

/// The policy in force: who may do what, on which records.
#[Object(directive = requires::apply("readPolicy".into()))]
impl Policy {
    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// Since when it is in force.
    async fn changed_at(&self) -> DateTime<Utc> {
        self.0.changed_at
    }

    /// Who changed it last; nobody where it is as shipped.
    async fn changed_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.changed_by_id).await.told(op(ctx))?.map(Person))
    }

    /// Why it was changed.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Its lines, in the order in which they were added.
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<PolicyLine>> {
        let op = op(ctx);
        let found = policy::in_force(&op.conn()).await.told(op)?;
        Ok(found.into_iter().flat_map(|(_, lines)| lines).map(PolicyLine::from).collect())
    }
}

/// A line of the policy.
#[derive(Debug, SimpleObject)]
#[graphql(directive = requires::apply("readPolicy".into()))]
pub(super) struct PolicyLine {
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
pub(super) struct PolicyLineInput {
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
    pub(super) fn read(self, list: &'static str) -> error::Result<Line> {
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
