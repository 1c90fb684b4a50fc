//! What the schema shows of the audit log.

use ::entity::{platform::event, vocabulary::EventId};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    Break, Checked,
    changes::{self, AuditChange},
    lookups::SealAt,
    sealed_text,
};
use crate::{
    error::Error,
    graphql::{
        guard::requires,
        id::{self, Key, global},
        node::{self, Node},
        payload::{Told, op},
    },
    identity::types::Person,
    loaders::Loaders,
};

/// Key of an entry of the audit log: an event, under a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(pub EventId);

impl Key for EntryId {
    const TYPE: &'static str = "AuditEntry";

    fn raw(self) -> i64 {
        self.0.0
    }

    fn from_raw(key: i64) -> Self {
        Self(EventId(key))
    }
}

/// Something that was done, as the audit log keeps it.
#[derive(Clone, Debug)]
pub struct AuditEntry(pub event::Model);

impl From<event::Model> for AuditEntry {
    fn from(row: event::Model) -> Self {
        Self(row)
    }
}

/// Something that was done: never changed, and sealed together with everything before it. The log tells all of it to
/// whoever may read the log, of objects too that its reader may not read otherwise.
#[Object(directive = requires::apply("auditLog".into()))]
impl AuditEntry {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(EntryId(self.0.id))
    }

    /// Place in the order of commits, from 1 without gaps; none in the moment before it is given.
    async fn position(&self) -> Option<i64> {
        self.0.position
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// What was done, such as `order.submitted`.
    async fn action(&self) -> &str {
        &self.0.kind
    }

    /// Who did it; none: the system.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.actor_id).await.told(op(ctx))?.map(Person))
    }

    /// For whom, as a deputy.
    async fn on_behalf_of(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.on_behalf_of_id).await.told(op(ctx))?.map(Person))
    }

    /// Codes of the roles in which they acted.
    async fn roles(&self) -> Vec<&str> {
        self.0.roles.split_whitespace().collect()
    }

    /// To what, where the reader of the log may read it, as it is now.
    async fn object(&self, ctx: &Context<'_>) -> Result<Option<Node>> {
        let id = self.named();
        node::find(op(ctx), Loaders::of(ctx), &id).await.told(op(ctx))
    }

    /// Type of what it was done to, such as `Person`.
    async fn object_type(&self) -> &str {
        &self.0.subject_type
    }

    /// Global id of what it was done to.
    async fn object_id(&self) -> ID {
        self.named()
    }

    /// Status of the object before.
    async fn from_status(&self) -> Option<&str> {
        self.0.from_status.as_deref()
    }

    /// Status of the object after.
    async fn to_status(&self) -> Option<&str> {
        self.0.to_status.as_deref()
    }

    /// Reason given.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// What was changed, value by value.
    async fn changes(&self) -> Vec<AuditChange> {
        changes::of(&self.0.kind, &self.0.changes)
    }

    /// Version of the policy that allowed it.
    async fn policy_version(&self) -> i64 {
        self.0.policy_version
    }

    /// Request in which it happened: the `x-request-id` of its answer.
    async fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// SHA-256 of `sealedText`, in hexadecimal; none in the moments before it is given.
    async fn seal(&self) -> Option<&str> {
        self.0.seal.as_deref()
    }

    /// Seal of the entry before it; empty for the first, none where that one is not sealed yet.
    async fn previous_seal(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        self.before(ctx).await
    }

    /// The text of which the seal is the hash: JSON that begins with the seal before it and says everything that the
    /// entry says. Whoever hashes it and compares has verified the entry; whoever goes on from a seal kept elsewhere
    /// has verified the chain.
    async fn sealed_text(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let op = op(ctx);
        let Some(previous) = self.before(ctx).await? else { return Ok(None) };
        let text = sealed_text(&previous, &self.0).map_err(|e| Error::Internal(e.into()));
        text.map(Some).told(op)
    }
}

impl AuditEntry {
    fn named(&self) -> ID {
        id::named(&self.0.subject_type, self.0.subject_id)
    }

    async fn before(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        match self.0.position {
            Some(1) => Ok(Some(super::FIRST.to_owned())),
            Some(position) => Loaders::of(ctx).find(SealAt(position - 1)).await.told(op(ctx)),
            None => Ok(None),
        }
    }
}

/// A part of the audit chain, read again.
#[derive(Clone, Debug, SimpleObject)]
pub struct AuditChain {
    /// Position of the first entry that was read.
    from: i64,
    /// Position of the last entry that holds; go on behind it where it is not the last one sealed.
    to: i64,
    /// How many entries hold.
    entries: i64,
    /// Whether all of them hold.
    verified: bool,
    /// Position of the first entry whose seal is not what it must be.
    broken_at: Option<i64>,
    /// The seal that is there.
    found_seal: Option<String>,
    /// The seal that it must be.
    expected_seal: Option<String>,
    /// Seal of the last entry that holds: keep it elsewhere, and nobody can rewrite what is before it unseen.
    seal: String,
    /// Position of the last entry that is sealed: the end of the chain.
    sealed_to: i64,
}

impl AuditChain {
    pub(super) fn new(from: i64, sealed_to: i64, checked: Checked) -> Self {
        let Checked { to, events, seal, broken } = checked;
        let (broken_at, found_seal, expected_seal) = match broken {
            Some(Break { position, found, expected }) => (Some(position), found, Some(expected)),
            None => (None, None, None),
        };
        Self {
            from,
            to,
            entries: i64::try_from(events).unwrap_or(i64::MAX),
            verified: broken_at.is_none(),
            broken_at,
            found_seal,
            expected_seal,
            seal,
            sealed_to,
        }
    }
}
