//! Why somebody may do something, or may not: the lines of the policy behind each of their grants, and whether
//! these reach the record.

use std::{collections::HashMap, sync::Arc};

use ::entity::vocabulary::{DelegationId, DeputyId, PersonId, RegionId};
use async_graphql::{Enum, ID};

use super::{
    people::People,
    places::{self, Record},
    refusing::Trial,
};
use crate::{
    authz::{
        ANYONE, Behind, Caller, Grant, Permission, Person, Policy, Scope, behind,
        policy::{self, Line},
    },
    error::{Error, Result},
    graphql::{id::Key, node},
    loaders::Loaders,
    op::Op,
};

/// What the policy would answer somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AccessVerdict {
    /// The policy lets them; whether the record's state, versions, budgets or the segregation of duties do, is for
    /// the action's own rules.
    Allowed,
    /// No line gives it to any of their roles: for them it does not exist.
    NoLine,
    /// They cannot read the record: for them it does not exist (NOT_FOUND).
    NotReadable,
    /// They can read the record, but the action does not reach it (FORBIDDEN).
    OutOfScope,
    /// They cannot sign in.
    Inactive,
}

/// What is asked about.
#[derive(Debug)]
pub(super) struct Wanted {
    pub permissions: Vec<Permission>,
    pub record: Option<Record>,
}

impl Wanted {
    /// An action by its permission's or its field's name, at all of its steps or at one, on a record or on any.
    ///
    /// # Errors
    /// [`Error::BadInput`] where there is no such action, or it is not about such a record; [`Error::NotFound`] where
    /// there is no such record.
    pub(super) async fn new(op: &Op, action: &str, step: Option<&str>, id: Option<&ID>) -> Result<Self> {
        let opens = op.app.schemas.needs().of(action);
        let is_meant = |p: &Permission| p.object() == action || opens.contains(*p);
        let mut permissions: Vec<Permission> = Permission::ALL.iter().copied().filter(is_meant).collect();
        if permissions.is_empty() {
            let known = "the name of a field of Query, Mutation or Subscription, or of a permission of the policy";
            return Err(Error::bad_input(["action"], known));
        }
        let steps: Vec<&str> = permissions.iter().map(|permission| permission.step()).collect();
        if step.is_some_and(|step| !steps.contains(&step)) {
            return Err(Error::bad_input(["step"], format!("one of {}", steps.join(", "))));
        }
        permissions.retain(|permission| step.is_none_or(|step| permission.step() == step));
        let record = match id {
            Some(id) => Some(Record::find(&op.conn(), id).await?),
            None => None,
        };
        if let Some(record) = &record {
            fits(&permissions, record)?;
        }
        Ok(Self { permissions, record })
    }
}

/// An action is asked about a record that it can be about.
fn fits(permissions: &[Permission], record: &Record) -> Result<()> {
    let mut kinds: Vec<&str> = permissions.iter().flat_map(|permission| places::kinds(*permission)).copied().collect();
    kinds.dedup();
    let kind = record.kind.as_str();
    if kinds.is_empty() || kinds.contains(&kind) {
        return Ok(());
    }
    Err(Error::bad_input(["id"], format!("this action is about {}, not {kind}", kinds.join(", "))))
}

/// One way in which the policy gives somebody the action.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Whose rights they are.
    pub holder: PersonId,
    /// The mandate, where they are not one's own.
    pub through: Option<DeputyId>,
    /// The role that is held.
    pub role: String,
    /// The lines, the one that grants last.
    pub lines: Vec<Line>,
    pub permission: Permission,
    pub scope: Scope,
    /// Whether the scope reaches the record, where one is named.
    pub reaches: Option<bool>,
    /// Whether the record can be read in that name.
    pub readable: Option<bool>,
}

impl Way {
    pub(super) fn allows(&self) -> bool {
        self.reaches.unwrap_or(true) && self.readable.unwrap_or(true)
    }
}

fn verdict(ways: &[Way], is_readable: bool) -> AccessVerdict {
    if ways.is_empty() {
        AccessVerdict::NoLine
    } else if ways.iter().any(Way::allows) {
        AccessVerdict::Allowed
    } else if is_readable {
        AccessVerdict::OutOfScope
    } else {
        AccessVerdict::NotReadable
    }
}

/// What the policy answers somebody.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub person: PersonId,
    pub verdict: AccessVerdict,
    pub ways: Vec<Way>,
    /// What they might try, where the policy lets them.
    pub trial: Option<Trial>,
}

/// A question, with everything that it takes to answer it.
pub(super) struct Question<'q> {
    op: &'q Op,
    policy: Arc<Policy>,
    lines: Vec<Line>,
    wanted: &'q Wanted,
    people: People,
    /// Who reads alike was asked once.
    readers: HashMap<Alike, bool>,
}

/// People whom the policy treats alike, as far as reading one record goes.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Alike {
    roles: Vec<String>,
    delegation: Option<DelegationId>,
    region: Option<RegionId>,
    is_owner: bool,
    is_own: bool,
    /// A mandate shows to its deputy too.
    person: Option<PersonId>,
}

impl<'q> Question<'q> {
    pub(super) async fn new(op: &'q Op, wanted: &'q Wanted) -> Result<Self> {
        let conn = op.conn();
        let policy = policy::up_to_date(&conn, op.app.policy()).await?;
        let (_, lines) = policy::in_force(&conn).await?.ok_or_else(|| Error::defect("there is no policy"))?;
        let people = People::read(op).await?;
        Ok(Self { op, policy, lines, wanted, people, readers: HashMap::new() })
    }

    /// The lines that grant what is asked about, to whatever role.
    pub(super) fn lines(&self) -> Vec<Line> {
        let names = |line: &&Line| Permission::find(&line.object, &line.step);
        let grants = |line: &&Line| {
            !line.is_grouping() && names(line).is_some_and(|permission| self.wanted.permissions.contains(&permission))
        };
        self.lines.iter().filter(grants).cloned().collect()
    }

    /// Everybody whom the policy lets, in the order of keys.
    pub(super) async fn everybody(mut self) -> Result<Vec<Access>> {
        let people: Vec<Arc<Person>> = self.people.iter().cloned().collect();
        let mut found = Vec::new();
        for person in people {
            let access = self.of(&person).await?;
            found.extend((access.verdict == AccessVerdict::Allowed).then_some(access));
        }
        Ok(found)
    }

    /// What the policy answers one person.
    pub(super) async fn one(mut self, id: PersonId) -> Result<Access> {
        match self.people.find(id).cloned() {
            Some(person) => self.of(&person).await,
            None => Ok(Access { person: id, verdict: AccessVerdict::Inactive, ways: Vec::new(), trial: None }),
        }
    }

    async fn of(&mut self, person: &Arc<Person>) -> Result<Access> {
        let caller = self.people.caller(self.op, &self.policy, person);
        let mut ways = Vec::new();
        let mut is_readable = false;
        for grant in &caller.grants {
            let mut theirs = self.ways_of(grant);
            if theirs.is_empty() {
                continue;
            }
            let readable = self.is_readable(&caller, grant).await?;
            theirs.iter_mut().for_each(|way| way.readable = readable);
            is_readable |= readable.unwrap_or(true);
            ways.extend(theirs);
        }
        let verdict = verdict(&ways, is_readable);
        let trial = self.trial(caller, &ways).filter(|_| verdict == AccessVerdict::Allowed);
        Ok(Access { person: person.id, verdict, ways, trial })
    }

    /// What somebody might try, in the names in which the policy lets them.
    fn trial(&self, caller: Caller, ways: &[Way]) -> Option<Trial> {
        let record = self.wanted.record.as_ref()?;
        let mut names: Vec<Option<PersonId>> =
            ways.iter().filter(|way| way.allows()).map(|way| way.through.map(|_| way.holder)).collect();
        names.dedup();
        let (permissions, kind) = (self.wanted.permissions.clone(), record.kind.clone());
        Some(Trial { caller: Arc::new(caller), names, permissions, kind, key: record.key })
    }

    /// The ways that one grant gives.
    fn ways_of(&self, grant: &Grant) -> Vec<Way> {
        let own = grant.through.is_none().then_some(ANYONE);
        let roles: Vec<&str> = grant.holder.roles.iter().map(String::as_str).chain(own).collect();
        let mut ways = Vec::new();
        for permission in &self.wanted.permissions {
            for role in &roles {
                let found = behind(&self.policy.view, &self.lines, role, *permission);
                ways.extend(found.into_iter().map(|behind| self.way(grant, role, *permission, behind)));
            }
        }
        ways
    }

    fn way(&self, grant: &Grant, role: &str, permission: Permission, behind: Behind<'_>) -> Way {
        let Behind { over, line, scope } = behind;
        let record = self.wanted.record.as_ref();
        Way {
            holder: grant.holder.id,
            through: grant.through,
            role: role.to_owned(),
            lines: over.into_iter().chain([line]).cloned().collect(),
            permission,
            scope,
            reaches: record.map(|record| record.is_within(&grant.holder, scope)),
            readable: None,
        }
    }

    /// Whether the record can be read by somebody in the name of one grant alone: by reading it.
    async fn is_readable(&mut self, caller: &Caller, grant: &Grant) -> Result<Option<bool>> {
        let Some(record) = &self.wanted.record else { return Ok(None) };
        let alike = Alike {
            roles: grant.holder.roles.clone(),
            delegation: grant.holder.delegation,
            region: grant.holder.region,
            is_owner: record.is_owned_by(grant.holder.id),
            is_own: grant.through.is_none(),
            person: (record.kind == DeputyId::TYPE).then_some(caller.person.id),
        };
        if let Some(known) = self.readers.get(&alike) {
            return Ok(Some(*known));
        }
        let op = self.acting(caller, grant);
        let readable = node::find(&op, &Loaders::new(&op), &record.id).await?.is_some();
        self.readers.insert(alike, readable);
        Ok(Some(readable))
    }

    /// An operation of somebody in the name of one grant alone, which only reads.
    fn acting(&self, caller: &Caller, grant: &Grant) -> Arc<Op> {
        let permissions = grant.rights.permissions();
        let alone = Caller { grants: vec![grant.clone()], permissions, ..caller.clone() };
        let asking = self.op;
        let mut op = Op::new(asking.app.clone(), Some(Arc::new(alone)), asking.language, asking.request_id.clone());
        op.meter = asking.meter.clone();
        Arc::new(op)
    }
}
