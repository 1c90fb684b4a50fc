//! The schema: the contexts' roots merged, and what all of them use.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_graphql::{MergedObject, MergedSubscription, Request, Response, SDLExportOptions};
use futures_util::stream::BoxStream;
use parking_lot::RwLock;

pub mod available;
pub mod call;
pub mod codes;
pub mod completion;
pub mod connection;
pub mod coordinates;
pub mod filter;
pub mod guard;
pub mod id;
pub mod node;
pub mod payload;
pub mod scalars;
pub mod sorting;
pub mod timeline;

use self::guard::{Guarded, Needs};
use crate::{authz::PermissionSet, http::limits::Limits, loaders};

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    node::NodeQuery,
    crate::access::AccessQuery,
    crate::administration::AdministrationQuery,
    crate::audit::AuditQuery,
    crate::budgets::BudgetsQuery,
    crate::crm::CrmQuery,
    crate::forecast::ForecastQuery,
    crate::catalog::CatalogQuery,
    crate::identity::IdentityQuery,
    crate::opportunities::OpportunitiesQuery,
    crate::orders::OrdersQuery,
    crate::playbook::PlaybookQuery,
    crate::webhooks::WebhooksQuery,
    crate::work_queue::WorkQueueQuery,
);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(
    crate::administration::AdministrationMutation,
    crate::budgets::BudgetsMutation,
    crate::crm::CrmMutation,
    crate::files::FilesMutation,
    crate::forecast::ForecastMutation,
    crate::identity::IdentityMutation,
    crate::opportunities::OpportunitiesMutation,
    crate::orders::OrdersMutation,
    crate::playbook::PlaybookMutation,
    crate::webhooks::WebhooksMutation,
);

/// Everything that can be followed.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    crate::work_queue::WorkQueueSubscription,
    crate::orders::OrdersSubscription,
    crate::budgets::BudgetsSubscription,
    crate::forecast::ForecastSubscription,
);

/// The schema that somebody sees.
#[derive(Clone)]
pub struct Schema(async_graphql::Schema<Guarded<Query>, Guarded<Mutation>, Guarded<Subscription>>);

impl Schema {
    /// Runs a query or a mutation, and the look-ups that it needs along with it.
    pub async fn execute(&self, request: Request) -> Response {
        loaders::along_with(self.0.execute(request)).await
    }

    /// Follows a subscription.
    pub fn execute_stream(&self, request: Request) -> BoxStream<'static, Response> {
        self.0.execute_stream(request)
    }

    /// The schema language.
    #[must_use]
    pub fn sdl(&self) -> String {
        self.0.sdl_with_options(SDLExportOptions::new().include_specified_by())
    }
}

/// How many sets of permissions are kept built at most; far more than an organisation has.
const MOST_SCHEMAS: usize = 256;

/// The schemas, one per set of permissions, built when first asked for.
pub struct Schemas {
    built: RwLock<HashMap<PermissionSet, Schema>>,
    /// How many were built, those included that were forgotten.
    made: AtomicU64,
    needs: Needs,
    limits: Limits,
}

impl Schemas {
    /// None built yet, but the whole one, which tells what each root field needs.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let (whole, needs) = guard::building(PermissionSet::all(), || build(&limits));
        let built = RwLock::new(HashMap::from([(PermissionSet::all(), whole)]));
        Self { built, made: AtomicU64::new(1), needs, limits }
    }

    /// The schema of a set of permissions.
    #[must_use]
    pub fn of(&self, held: PermissionSet) -> Schema {
        if let Some(schema) = self.built.read().get(&held) {
            return schema.clone();
        }
        let (schema, _) = guard::building(held, || build(&self.limits));
        self.made.fetch_add(1, Ordering::Relaxed);
        let mut built = self.built.write();
        if built.len() >= MOST_SCHEMAS {
            built.clear();
        }
        built.entry(held).or_insert(schema).clone()
    }

    /// How many are kept, and how many were ever built.
    #[must_use]
    pub fn built(&self) -> (usize, u64) {
        (self.built.read().len(), self.made.load(Ordering::Relaxed))
    }

    /// What each root field needs.
    #[must_use]
    pub fn needs(&self) -> &Needs {
        &self.needs
    }
}

impl std::fmt::Debug for Schemas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schemas").field("built", &self.built.read().len()).finish_non_exhaustive()
    }
}

fn build(limits: &Limits) -> Schema {
    let schema = async_graphql::Schema::build(Guarded::default(), Guarded::default(), Guarded::default())
        .disable_suggestions()
        // Everything else is measured before a request comes here: see `http::limits`.
        .limit_recursive_depth(limits.nesting);
    Schema(schema.finish())
}

/// The schema language of a set of permissions, as `schema.graphql` has it.
#[must_use]
pub fn sdl(schemas: &Schemas, held: PermissionSet) -> String {
    let text = schemas.of(held).sdl();
    let mut sdl = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    sdl.push('\n');
    sdl
}

/// What a request carries for its resolvers.
#[must_use]
pub fn request(request: Request, op: &Arc<crate::op::Op>) -> Request {
    loaders::install(request.data(op.clone()), op)
}
