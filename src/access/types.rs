//! What the schema shows of access explained and foreseen.

use std::sync::Arc;

use ::entity::vocabulary::Language;
use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};

use super::{
    explain::{Access, AccessVerdict, Way},
    gains::{Held, Right},
    records::{Counted, Counts, RecordKind},
    simulation::{Foreseen, PersonChange, RoleChange, Sight},
};
use crate::{
    administration::{
        Refusal, Wanted, change_of,
        types::{PolicyLine, PolicyLineInput},
    },
    authz::{Scope, policy::Line},
    error::{self, Error},
    graphql::{
        connection::{self, Connection, Paging},
        coordinates::Difference,
        payload::{Told, UserError, mutations, op, user_errors},
    },
    identity::types::{Deputy, Person},
    loaders::Loaders,
    op::Op,
};

mutations! {
    SimulatePolicy: [
        "CONFLICT", "POLICY_LINE_INVALID", "POLICY_LINE_EXISTS", "POLICY_LINE_UNKNOWN", "POLICY_VERSION_UNKNOWN",
        "POLICY_VERSION_IN_FORCE", "LAST_ADMINISTRATOR",
    ],
}

fn shown(lines: &[Line]) -> Vec<PolicyLine> {
    lines.iter().cloned().map(PolicyLine::from).collect()
}

fn step(step: &'static str) -> Option<&'static str> {
    Some(step).filter(|step| *step != "-")
}

/// A change of the policy that is only tried out: lines that come and go, or an old version to go back to.
#[derive(InputObject)]
pub struct PolicyChangeInput {
    /// Lines that would come.
    #[graphql(default)]
    add: Vec<PolicyLineInput>,
    /// Lines that would go.
    #[graphql(default)]
    remove: Vec<PolicyLineInput>,
    /// The version whose lines the policy would have again, instead of lines that come and go.
    roll_back_to: Option<i64>,
    /// The version that the change is meant for; where another is in force, the answer is a conflict.
    expected_version: Option<i64>,
}

impl PolicyChangeInput {
    /// What is asked for, and the version that is expected.
    pub(super) fn read(self) -> error::Result<(Wanted, Option<i64>)> {
        let Self { add, remove, roll_back_to, expected_version } = self;
        let wanted = match roll_back_to {
            Some(version) if add.is_empty() && remove.is_empty() => Wanted::Version(version, None),
            Some(_) => return Err(Error::bad_input(["change", "rollBackTo"], "either lines or «rollBackTo»")),
            None => Wanted::Lines(change_of(add, remove, None)?),
        };
        Ok((wanted, expected_version))
    }
}

/// What a change of the policy would give and take.
#[derive(Debug)]
pub struct PolicySimulation(pub(super) std::result::Result<Foreseen, Vec<Refusal>>);

/// What a change of the policy would give and take. Nothing is written.
#[Object]
impl PolicySimulation {
    /// Whether the change would be accepted.
    async fn accepted(&self) -> bool {
        self.0.is_ok()
    }

    /// Every reason for which it would be refused; nothing else is told then.
    async fn refusals(&self, ctx: &Context<'_>) -> Vec<UserError<SimulatePolicy>> {
        match &self.0 {
            Ok(_) => Vec::new(),
            Err(refusals) => user_errors(refusals, op(ctx).language),
        }
    }

    /// The version in force, from which it would lead away: the `expectedVersion` of the change.
    async fn based_on(&self) -> Option<i64> {
        self.0.as_ref().ok().map(|foreseen| foreseen.decided.version)
    }

    /// The lines that would come.
    async fn added(&self) -> Vec<PolicyLine> {
        self.0.as_ref().map(|foreseen| shown(&foreseen.decided.change.add)).unwrap_or_default()
    }

    /// The lines that would go.
    async fn removed(&self) -> Vec<PolicyLine> {
        self.0.as_ref().map(|foreseen| shown(&foreseen.decided.change.remove)).unwrap_or_default()
    }

    /// The roles whose rights would be others, by code.
    async fn roles(&self) -> Vec<RoleAccessChange> {
        let roles = self.0.as_ref().map(Foreseen::roles).unwrap_or_default();
        roles.into_iter().map(RoleAccessChange).collect()
    }

    /// Everybody whose rights would be others, in their own name or for whom they stand in for today.
    #[graphql(complexity = "connection::cost(first, last) * child_complexity")]
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<Connection<PersonAccessChange>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let people = self.0.as_ref().map(|foreseen| foreseen.people(op)).unwrap_or_default();
        Ok(connection::slice(people, |change| change.before.person.id.0, &paging).told(op)?.into())
    }
}

/// A permission on some records.
#[derive(SimpleObject)]
pub struct AccessRight {
    /// What may be done, by the name of its permission.
    action: &'static str,
    /// At which step of the workflow, where there are several.
    step: Option<&'static str>,
    /// On which records.
    scope: Scope,
}

impl From<Right> for AccessRight {
    fn from(Right { permission, scope }: Right) -> Self {
        Self { action: permission.object(), step: step(permission.step()), scope }
    }
}

/// A role whose rights would be others.
pub struct RoleAccessChange(RoleChange);

/// A role whose rights would be others.
#[Object]
impl RoleAccessChange {
    /// Code of the role; ANYONE for everybody signed in, ANONYMOUS for whoever is not.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Its label in the caller's language.
    async fn label(&self, ctx: &Context<'_>) -> &str {
        let known = self.0.role.as_ref();
        known.map_or(&self.0.code, |role| match op(ctx).language {
            Language::Fr => &role.label_fr,
            Language::En => &role.label_en,
        })
    }

    /// How many people who can sign in hold it.
    async fn holders(&self) -> usize {
        self.0.holders
    }

    /// The rights that it would have and has not.
    async fn gained(&self) -> Vec<AccessRight> {
        self.0.gained.iter().copied().map(AccessRight::from).collect()
    }

    /// The rights that it has and would not have.
    async fn lost(&self) -> Vec<AccessRight> {
        self.0.lost.iter().copied().map(AccessRight::from).collect()
    }

    /// Fields of Query, Mutation and Subscription that would exist for it and do not.
    async fn fields_gained(&self, ctx: &Context<'_>) -> Vec<String> {
        self.0.sight.fields(&op(ctx).app)
    }

    /// Fields of Query, Mutation and Subscription that exist for it and would not.
    async fn fields_lost(&self, ctx: &Context<'_>) -> Vec<String> {
        self.0.sight.reversed().fields(&op(ctx).app)
    }

    /// In what its schema would differ, by coordinate.
    async fn schema(&self, ctx: &Context<'_>) -> Vec<SchemaChange> {
        changes(op(ctx), self.0.sight)
    }
}

fn changes(op: &Op, sight: Sight) -> Vec<SchemaChange> {
    sight.schema(&op.app).into_iter().map(SchemaChange::from).collect()
}

/// How a part of a schema changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SchemaChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

/// A part of a schema that changes.
#[derive(SimpleObject)]
pub struct SchemaChange {
    /// How.
    kind: SchemaChangeKind,
    /// Where, such as `Query.orders`, `Query.orders(first:)` or `OrderStatus.DRAFT`. What goes with a field's own
    /// arguments is told of the field.
    coordinate: String,
    /// Its definition before.
    before: Option<String>,
    /// Its definition after.
    after: Option<String>,
}

impl From<Difference> for SchemaChange {
    fn from(Difference { coordinate, before, after }: Difference) -> Self {
        let kind = match (&before, &after) {
            (None, _) => SchemaChangeKind::Added,
            (_, None) => SchemaChangeKind::Removed,
            (Some(_), Some(_)) => SchemaChangeKind::Changed,
        };
        Self { kind, coordinate, before, after }
    }
}

/// A right of somebody's, in their own name or for an absent person.
pub struct PersonRight(Held);

/// A right of somebody's.
#[Object]
impl PersonRight {
    /// What may be done, by the name of its permission.
    async fn action(&self) -> &'static str {
        self.0.0.permission.object()
    }

    /// At which step of the workflow, where there are several.
    async fn step(&self) -> Option<&'static str> {
        step(self.0.0.permission.step())
    }

    /// On which records.
    async fn scope(&self) -> Scope {
        self.0.0.scope
    }

    /// For whom, where they stand in for somebody.
    async fn on_behalf_of(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.1).await.told(op(ctx))?.map(Person))
    }
}

/// Somebody whose rights would be others.
pub struct PersonAccessChange(PersonChange);

impl From<PersonChange> for PersonAccessChange {
    fn from(change: PersonChange) -> Self {
        Self(change)
    }
}

/// Somebody whose rights would be others.
#[Object]
impl PersonAccessChange {
    /// Who.
    async fn person(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.before.person.id).await.told(op(ctx))?))
    }

    /// The rights that they would have and have not.
    async fn gained(&self) -> Vec<PersonRight> {
        self.0.gained().into_iter().map(PersonRight).collect()
    }

    /// The rights that they have and would not have.
    async fn lost(&self) -> Vec<PersonRight> {
        self.0.lost().into_iter().map(PersonRight).collect()
    }

    /// Fields of Query, Mutation and Subscription that would exist for them and do not.
    async fn fields_gained(&self, ctx: &Context<'_>) -> Vec<String> {
        self.0.sight().fields(&op(ctx).app)
    }

    /// Fields of Query, Mutation and Subscription that exist for them and would not.
    async fn fields_lost(&self, ctx: &Context<'_>) -> Vec<String> {
        self.0.sight().reversed().fields(&op(ctx).app)
    }

    /// In what their schema would differ, by coordinate.
    async fn schema(&self, ctx: &Context<'_>) -> Vec<SchemaChange> {
        changes(op(ctx), self.0.sight())
    }

    /// How many records they would come to read and no longer read, of each kind of which they would not read the
    /// same.
    async fn records(&self, ctx: &Context<'_>) -> Result<Vec<RecordAccessChange>> {
        let mut changes = Vec::new();
        for asked in Counted::all(&self.0.before, &self.0.after) {
            let kind = asked.kind;
            let counts = Loaders::of(ctx).one(asked).await.told(op(ctx))?;
            changes.push(RecordAccessChange::new(kind, counts));
        }
        Ok(changes)
    }
}

/// How many records of a kind somebody would come to read, and no longer read.
#[derive(SimpleObject)]
pub struct RecordAccessChange {
    /// Which kind.
    kind: RecordKind,
    /// How many they read.
    before: u64,
    /// How many they would read.
    after: u64,
    /// How many they would read and do not.
    gained: u64,
    /// How many they read and would not.
    lost: u64,
}

impl RecordAccessChange {
    fn new(kind: RecordKind, counts: Counts) -> Self {
        let Counts { before, gained, lost } = counts;
        Self { kind, before, after: (before + gained).saturating_sub(lost), gained, lost }
    }
}

/// What the policy answers somebody about an action.
pub struct PersonAccess(Arc<Access>);

impl From<Access> for PersonAccess {
    fn from(access: Access) -> Self {
        Self(Arc::new(access))
    }
}

/// What the policy answers somebody about an action, and by which lines. Access alone is explained: whether rules
/// refuse the action beside it is told with yes or no, since why would tell of the record.
#[Object]
impl PersonAccess {
    /// Who.
    async fn person(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.person).await.told(op(ctx))?))
    }

    /// What the policy answers.
    async fn verdict(&self) -> AccessVerdict {
        self.0.verdict
    }

    /// Whether a rule of its workflow, the segregation of duties among them, would refuse it to them at this moment;
    /// none where the policy does, where no record is named, or where it is no step of a workflow.
    async fn refused_by_rules(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        let op = op(ctx);
        match &self.0.trial {
            Some(trial) => trial.is_refused(op).await.told(op),
            None => Ok(None),
        }
    }

    /// The ways in which it gives them the action, whether or not these reach the record.
    async fn ways(&self) -> Vec<AccessWay> {
        self.0.ways.iter().cloned().map(AccessWay).collect()
    }
}

/// One way in which the policy gives somebody an action.
pub struct AccessWay(Way);

/// One way in which the policy gives somebody an action: a role, the lines, a scope.
#[Object]
impl AccessWay {
    /// For whom, where they stand in for somebody: it is that person's role and scope.
    async fn on_behalf_of(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let absent = self.0.through.map(|_| self.0.holder);
        Ok(Loaders::of(ctx).optional(absent).await.told(op(ctx))?.map(Person))
    }

    /// The mandate by which they stand in.
    async fn mandate(&self, ctx: &Context<'_>) -> Result<Option<Deputy>> {
        let op = op(ctx);
        let Some(id) = self.0.through else { return Ok(None) };
        Ok(crate::identity::store::mandate(&op.conn(), id).await.told(op)?.map(Deputy))
    }

    /// Code of the role that is held; ANYONE for everybody signed in.
    async fn role(&self) -> &str {
        &self.0.role
    }

    /// The lines of the policy: first those over which the role has what another has, last the one that grants.
    async fn lines(&self) -> Vec<PolicyLine> {
        shown(&self.0.lines)
    }

    /// At which step of the workflow, where there are several.
    async fn step(&self) -> Option<&'static str> {
        step(self.0.permission.step())
    }

    /// On which records.
    async fn scope(&self) -> Scope {
        self.0.scope
    }

    /// Whether the record is within that scope; none where no record is named.
    async fn in_scope(&self) -> Option<bool> {
        self.0.reaches
    }

    /// Whether the record can be read in that name, without which it does not exist; none where no record is named.
    async fn readable(&self) -> Option<bool> {
        self.0.readable
    }
}

/// Who may do something.
pub struct WhoCanDo {
    pub(super) lines: Vec<Line>,
    pub(super) people: Vec<Access>,
}

/// Who may do something, as far as the policy is concerned.
#[Object]
impl WhoCanDo {
    /// The lines of the policy that grant it, to whatever role.
    async fn lines(&self) -> Vec<PolicyLine> {
        shown(&self.lines)
    }

    /// Everybody whom the policy lets, in the order in which they came.
    #[graphql(complexity = "connection::cost(first, last) * child_complexity")]
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<Connection<PersonAccess>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        Ok(connection::slice(self.people.clone(), |access| access.person.0, &paging).told(op)?.into())
    }
}
