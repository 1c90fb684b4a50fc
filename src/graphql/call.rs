//! What mutations are called with beside their own input: spread into each input with `flatten`.

use ::entity::vocabulary::PersonId;
use async_graphql::InputObject;

use super::id::IdOf;
use crate::action::Call;

/// How a mutation on an existing object is called.
#[derive(Clone, Debug, Default, InputObject)]
pub struct CallInput {
    /// The version that the caller saw; another one is a conflict.
    pub expected_version: Option<i64>,
    /// The absent person for whom the caller acts as deputy: for this call only that person's rights count.
    pub on_behalf_of: Option<IdOf<PersonId>>,
    /// A retry with the same key and input gets the same answer; kept for seven days.
    pub idempotency_key: Option<String>,
    /// Answer as if it had happened, and write nothing.
    #[graphql(default)]
    pub dry_run: bool,
}

/// How a mutation that creates something is called.
#[derive(Clone, Debug, Default, InputObject)]
pub struct NewCallInput {
    /// The absent person for whom the caller acts as deputy: for this call only that person's rights count.
    pub on_behalf_of: Option<IdOf<PersonId>>,
    /// A retry with the same key and input gets the same answer; kept for seven days.
    pub idempotency_key: Option<String>,
    /// Answer as if it had happened, and write nothing.
    #[graphql(default)]
    pub dry_run: bool,
}

impl From<CallInput> for Call {
    fn from(input: CallInput) -> Self {
        let CallInput { expected_version, on_behalf_of, idempotency_key, dry_run } = input;
        Self { expected_version, on_behalf_of: on_behalf_of.map(|id| id.0), idempotency_key, dry_run }
    }
}

impl From<NewCallInput> for Call {
    fn from(input: NewCallInput) -> Self {
        let NewCallInput { on_behalf_of, idempotency_key, dry_run } = input;
        Self { expected_version: None, on_behalf_of: on_behalf_of.map(|id| id.0), idempotency_key, dry_run }
    }
}
