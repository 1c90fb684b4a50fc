//! Relay's `node`: any object by its global id, where one may read it.

use std::sync::Arc;

use ::entity::vocabulary::{
    AccountId, ApiKeyId, ArticleId, ContactId, DelegationId, DeliveryId, DeputyId, EnvelopeId, GoodwillId,
    OpportunityId, OrderId, PersonId, QuotaId, RegionId, SiteId, WebhookId, WorkItemId,
};
use async_graphql::{Context, ID, Interface, Object, Result};

use super::{
    id::{self, Key},
    payload::{Told, op},
};
use crate::{
    audit::{self, AuditEntry, EntryId},
    budgets::{
        self,
        types::{Envelope, GoodwillGesture},
    },
    catalog::{self, types::Article},
    crm::{
        self,
        types::{Account, Contact, Site},
    },
    error::Error,
    forecast::{self, types::Quota},
    identity::{
        self,
        types::{ApiKey, Delegation, Deputy, Person, Region},
    },
    loaders::{self, Loaders},
    op::Op,
    opportunities::{self, types::Opportunity},
    orders::{Readable, types::Order},
    webhooks::{
        self,
        types::{Webhook, WebhookDelivery},
    },
    work_queue::{Waiting, types::WorkItem},
};

/// An object with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global id."))]
pub enum Node {
    /// A marketing-action order.
    Order(Order),
    /// A deal.
    Opportunity(Opportunity),
    /// A person.
    Person(Person),
    /// A delegation.
    Delegation(Delegation),
    /// A region.
    Region(Region),
    /// An account.
    Account(Account),
    /// A site of an account.
    Site(Site),
    /// A contact at accounts.
    Contact(Contact),
    /// An article of the catalogue.
    Article(Article),
    /// Somebody's budget of a year.
    Envelope(Envelope),
    /// A goodwill gesture towards an insured member.
    GoodwillGesture(GoodwillGesture),
    /// What a person or a team is to sign in a quarter.
    Quota(Quota),
    /// Something that waits for the caller.
    WorkItem(WorkItem),
    /// A deputy's mandate.
    Deputy(Deputy),
    /// A key with which a program comes in.
    ApiKey(ApiKey),
    /// An entry of the audit log.
    AuditEntry(AuditEntry),
    /// An address that is told of events.
    Webhook(Webhook),
    /// What one webhook is told of one event.
    WebhookDelivery(WebhookDelivery),
}

/// Look-ups by global id.
#[derive(Debug, Default)]
pub struct NodeQuery;

/// Most ids to one request.
const MOST: usize = 100;

#[Object]
impl NodeQuery {
    /// An object by its global id; none where there is none that one may read.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Result<Option<Node>> {
        find(op(ctx), Loaders::of(ctx), &id).await.told(op(ctx))
    }

    /// Objects by their global ids, in the same order.
    #[graphql(directive = super::guard::requires::apply("node".into()))]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let op = op(ctx);
        if ids.len() > MOST {
            return Err(Error::bad_input(["ids"], "0 to 100")).told(op);
        }
        let found = ids.iter().map(|id| find(op, Loaders::of(ctx), id));
        futures_util::future::try_join_all(found).await.told(op)
    }
}

/// Whether there is an object of that id that the caller may read.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_readable(op: &Arc<Op>, id: &ID) -> crate::error::Result<bool> {
    let known = Loaders::new(op);
    Ok(loaders::along_with(find(op, &known, id)).await?.is_some())
}

/// What a global id stands for; nothing where the caller may not read it.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(op: &Op, loaders: &Loaders, id: &ID) -> crate::error::Result<Option<Node>> {
    let Some((name, key)) = id::parse(id) else { return Ok(None) };
    // Everybody signed in sees people; every other kind asks its context.
    Ok(match name.as_str() {
        OpportunityId::TYPE => {
            loaders.find(opportunities::Readable(OpportunityId(key))).await?.map(|row| Opportunity(row).into())
        }
        OrderId::TYPE => loaders.find(Readable(OrderId(key))).await?.map(|row| Order(row).into()),
        PersonId::TYPE => loaders.find(PersonId(key)).await?.map(|row| Person(row).into()),
        DelegationId::TYPE => identity::delegation(op, loaders, DelegationId(key)).await?.map(Node::from),
        DeputyId::TYPE => identity::mandate(op, DeputyId(key)).await?.map(Node::from),
        ApiKeyId::TYPE => identity::api_key(op, ApiKeyId(key)).await?.map(Node::from),
        RegionId::TYPE => identity::region(op, loaders, RegionId(key)).await?.map(Node::from),
        AccountId::TYPE => crm::readable(op, loaders, AccountId(key)).await?.map(|row| Account(row).into()),
        SiteId::TYPE => crm::readable_site(op, loaders, SiteId(key)).await?.map(|row| Site(row).into()),
        ContactId::TYPE => crm::readable_contact(op, loaders, ContactId(key)).await?.map(|row| Contact(row).into()),
        WorkItemId::TYPE => loaders.find(Waiting(WorkItemId(key))).await?.map(Node::from),
        EnvelopeId::TYPE => budgets::readable(op, loaders, EnvelopeId(key)).await?.map(|row| Envelope(row).into()),
        GoodwillId::TYPE => {
            budgets::readable_gesture(op, loaders, GoodwillId(key)).await?.map(|row| GoodwillGesture(row).into())
        }
        QuotaId::TYPE => forecast::readable(op, loaders, QuotaId(key)).await?.map(|row| Quota(row).into()),
        EntryId::TYPE => audit::readable(op, loaders, EntryId::from_raw(key)).await?.map(Node::from),
        ArticleId::TYPE => catalog::readable(op, loaders, ArticleId(key)).await?.map(|row| Article(row).into()),
        WebhookId::TYPE => webhooks::readable(op, WebhookId(key)).await?.map(|row| Webhook(row).into()),
        DeliveryId::TYPE => {
            webhooks::readable_delivery(op, DeliveryId(key)).await?.map(|row| WebhookDelivery(row).into())
        }
        _ => None,
    })
}
