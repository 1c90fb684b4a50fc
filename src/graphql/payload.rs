//! Payloads and user errors: each mutation has the codes that it can really return, as an enum of its own.

use std::{borrow::Cow, marker::PhantomData, sync::Arc};

use ::entity::vocabulary::{Language, Money, OrderId};
use async_graphql::{
    Context, ContextSelectionSet, Name, OutputType, Positioned, ServerError, ServerResult, SimpleObject, TypeName,
    Value,
    indexmap::IndexMap,
    parser::types::Field,
    registry::{Deprecation, MetaEnumValue, MetaType, MetaTypeId, Registry},
};

use super::{codes, id::global};
use crate::{
    error::Error,
    op::Op,
    refusal::{Refusal, Stopped},
};

/// A mutation, as far as its payload's types are concerned.
pub trait Mutation: Send + Sync + 'static {
    /// Its name in PascalCase, from which its types are named.
    const NAME: &'static str;
    /// The codes of its user errors.
    const CODES: &'static [&'static str];
    /// Those that come with versions, deputies and keys, where it has these.
    const COMMON: &'static [&'static str];
}

/// Declares mutations with their codes: `mutations! { SubmitOrder: common + ["NO_LINES", …] }`, or
/// without `common` where there is neither version nor deputy nor key.
macro_rules! mutations {
    (@common) => { &[] };
    (@common common) => { $crate::graphql::codes::COMMON };
    ($($name:ident: $($common:ident +)? [$($code:literal),* $(,)?]),+ $(,)?) => {$(
        #[doc = concat!("The types of `", stringify!($name), "`.")]
        #[derive(Debug)]
        pub struct $name;

        impl $crate::graphql::payload::Mutation for $name {
            const NAME: &'static str = stringify!($name);
            const CODES: &'static [&'static str] = &[$($code),*];
            const COMMON: &'static [&'static str] = $crate::graphql::payload::mutations!(@common $($common)?);
        }
    )+};
}
pub(crate) use mutations;

/// A code of one mutation's enum.
pub struct Code<M>(&'static str, PhantomData<fn() -> M>);

impl<M: Mutation> OutputType for Code<M> {
    fn type_name() -> Cow<'static, str> {
        format!("{}ErrorCode", M::NAME).into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Enum, |_| MetaType::Enum {
            name: Self::type_name().into_owned(),
            description: Some(format!("Why `{}` can refuse.", codes::camel(M::NAME))),
            enum_values: codes_of::<M>().map(|code| (code.to_owned(), value(code))).collect::<IndexMap<_, _>>(),
            visible: None,
            inaccessible: false,
            tags: Vec::new(),
            rust_typename: Some(std::any::type_name::<Self>()),
            directive_invocations: Vec::new(),
            requires_scopes: Vec::new(),
        })
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        if codes_of::<M>().any(|code| code == self.0) {
            return Ok(Value::Enum(Name::new(self.0)));
        }
        let op = ctx.data_unchecked::<Arc<Op>>();
        let defect = Error::defect(format!("{} cannot refuse with {}", M::NAME, self.0));
        let error: ServerError = defect.into_graphql(op.language, &op.request_id).into_server_error(field.pos);
        Err(ctx.set_error_path(error))
    }
}

fn codes_of<M: Mutation>() -> impl Iterator<Item = &'static str> {
    M::CODES.iter().chain(M::COMMON).copied()
}

fn value(code: &str) -> MetaEnumValue {
    MetaEnumValue {
        name: code.to_owned(),
        description: codes::description(code).map(str::to_owned),
        deprecation: Deprecation::NoDeprecated,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        directive_invocations: Vec::new(),
    }
}

/// A refusal by a rule.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct UserError<M: Mutation> {
    /// Which rule refused.
    code: Code<M>,
    /// What is refused and what would be allowed, in the caller's language.
    message: String,
    /// Path into the input; empty where no single field is to blame.
    field: Vec<String>,
    /// What a client may want to compute with.
    details: RefusalDetails,
}

impl<M: Mutation> TypeName for UserError<M> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Error", M::NAME).into()
    }
}

/// The typed part of a refusal: only what concerns it is filled in.
#[derive(SimpleObject, Default)]
pub struct RefusalDetails {
    /// The most that would be allowed.
    available: Option<Money>,
    /// The least that has to be moved into the envelope first.
    to_move: Option<Money>,
    /// The orders that stand in the way.
    orders: Vec<OrderReference>,
    /// Codes of what is missing or in the way, such as a deliverable, a team or a document.
    items: Vec<String>,
}

/// An order that stands in the way.
#[derive(SimpleObject)]
pub struct OrderReference {
    /// Global id of the order: not `id`, which would make two things of one order where clients keep what they
    /// know by its id.
    order_id: async_graphql::ID,
    /// Its number.
    number: Option<String>,
}

impl From<(OrderId, Option<String>)> for OrderReference {
    fn from((id, number): (OrderId, Option<String>)) -> Self {
        Self { order_id: global(id), number }
    }
}

/// The user errors that refusals make.
pub fn user_errors<M: Mutation>(refusals: &[impl Refusal], language: Language) -> Vec<UserError<M>> {
    refusals.iter().map(|refusal| user_error(refusal, language)).collect()
}

fn user_error<M: Mutation>(refusal: &impl Refusal, language: Language) -> UserError<M> {
    let details = refusal.details();
    UserError {
        code: Code(refusal.code(), PhantomData),
        message: refusal.text().into_language(language),
        field: refusal.field(),
        details: RefusalDetails {
            available: details.available,
            to_move: details.to_move,
            orders: details.orders.into_iter().map(OrderReference::from).collect(),
            items: details.items,
        },
    }
}

/// Splits an action's end into what it made and what refused it; faults become errors.
///
/// # Errors
/// Access, bad requests and faults.
pub fn answer<T, R: Refusal, M: Mutation>(
    op: &Op,
    done: Result<T, Stopped<R>>,
) -> async_graphql::Result<(Option<T>, Vec<UserError<M>>)> {
    match done {
        Ok(made) => Ok((Some(made), Vec::new())),
        Err(Stopped::Refused(refusals)) => {
            op.meter.refuse();
            Ok((None, user_errors(&refusals, op.language)))
        }
        Err(Stopped::Failed(error)) => Err(error.into_graphql(op.language, &op.request_id)),
    }
}

/// The operation that a resolver belongs to.
pub fn op<'c>(ctx: &'c Context<'_>) -> &'c Arc<Op> {
    ctx.data_unchecked::<Arc<Op>>()
}

/// Turns what went wrong into GraphQL's error, in the caller's language.
pub trait Told<T> {
    /// The same result with the error as GraphQL answers it.
    ///
    /// # Errors
    /// The same as before.
    fn told(self, op: &Op) -> async_graphql::Result<T>;
}

impl<T, E: Into<Error>> Told<T> for Result<T, E> {
    fn told(self, op: &Op) -> async_graphql::Result<T> {
        self.map_err(|error| error.into().into_graphql(op.language, &op.request_id))
    }
}
