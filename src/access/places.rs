//! Where records belong, whoever asks, and which kinds of records a permission is about.

use ::entity::vocabulary::{
    AccountId, ArticleId, ContactId, DelegationId, DeputyId, EnvelopeId, GoodwillId, OpportunityId, OrderId, PersonId,
    QuotaId, RegionId, SiteId,
};
use async_graphql::ID;

use crate::{
    authz::{Permission, Person, Place, Reach, Scope},
    budgets, catalog, crm,
    db::Conn,
    error::{Error, Result},
    forecast,
    graphql::id::{self, Key},
    identity,
    opportunities::workflow::Deals,
    orders::workflow::OrderWorkflow,
    transition::{self, Tracked},
    workflow::Action,
};

/// A record as far as access is concerned.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Its global id.
    pub id: ID,
    /// Name of its type in the schema.
    pub kind: String,
    /// Its key.
    pub key: i64,
    places: Places,
}

#[derive(Clone, Debug)]
enum Places {
    /// It belongs to no place: any scope reaches it.
    Everywhere,
    /// It belongs to these alike.
    At(Vec<Place>),
}

impl Record {
    /// A record by its global id, whoever may read it.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none.
    pub(super) async fn find(conn: &Conn, id: &ID) -> Result<Self> {
        let (kind, key) = id::parse(id).ok_or(Error::NotFound)?;
        let places = places(conn, &kind, key).await?.ok_or(Error::NotFound)?;
        Ok(Self { id: id.clone(), kind, key, places })
    }

    /// Whether it is within a scope of somebody's.
    pub(super) fn is_within(&self, holder: &Person, scope: Scope) -> bool {
        let mut reach = Reach::default();
        holder.extend(&mut reach, scope);
        match &self.places {
            Places::Everywhere => true,
            Places::At(places) => places.iter().any(|place| reach.covers(place)),
        }
    }

    /// Whether it belongs to somebody themselves.
    pub(super) fn is_owned_by(&self, person: PersonId) -> bool {
        match &self.places {
            Places::Everywhere => false,
            Places::At(places) => places.iter().any(|place| place.owner == Some(person)),
        }
    }
}

async fn places(conn: &Conn, kind: &str, key: i64) -> Result<Option<Places>> {
    let at = |place: Option<Place>| place.map(|place| Places::At(vec![place]));
    Ok(match kind {
        OrderId::TYPE => at(transition::place_of::<OrderWorkflow>(conn, OrderId(key)).await?),
        OpportunityId::TYPE => at(transition::place_of::<Deals>(conn, OpportunityId(key)).await?),
        AccountId::TYPE => at(crm::places_of(conn, &[AccountId(key)]).await?.pop()),
        SiteId::TYPE => match crm::store::sites(conn, &[SiteId(key)]).await?.pop() {
            Some(site) => at(crm::places_of(conn, &[site.account_id]).await?.pop()),
            None => None,
        },
        ContactId::TYPE => of_contact(conn, ContactId(key)).await?,
        EnvelopeId::TYPE => {
            at(budgets::store::envelopes_by_key(conn, &[EnvelopeId(key)]).await?.first().map(budgets::store::place))
        }
        GoodwillId::TYPE => {
            let gesture = budgets::store::gestures_by_key(conn, &[GoodwillId(key)]).await?.pop();
            gesture.map(|gesture| Places::At(budgets::goodwill::places(&gesture)))
        }
        QuotaId::TYPE => at(forecast::place_of(conn, QuotaId(key)).await?),
        ArticleId::TYPE => catalog::articles(conn, &[ArticleId(key)]).await?.pop().map(|_| Places::Everywhere),
        PersonId::TYPE => at(of_person(conn, PersonId(key)).await?),
        DeputyId::TYPE => match identity::store::mandate(conn, DeputyId(key)).await? {
            Some(mandate) => at(of_person(conn, mandate.absent_id).await?),
            None => None,
        },
        DelegationId::TYPE => {
            let row = identity::store::delegations(conn, &[DelegationId(key)]).await?.pop();
            at(row.map(|row| Place { owner: None, delegation: Some(row.id), region: Some(row.region_id) }))
        }
        RegionId::TYPE => {
            let row = identity::store::regions(conn, &[RegionId(key)]).await?.pop();
            at(row.map(|row| Place { owner: None, delegation: None, region: Some(row.id) }))
        }
        _ => None,
    })
}

async fn of_person(conn: &Conn, id: PersonId) -> Result<Option<Place>> {
    Ok(identity::store::places(conn, &[id], None).await?.remove(&id))
}

/// A contact belongs where the accounts do at which they are; of one who is nowhere any more, where they were.
async fn of_contact(conn: &Conn, id: ContactId) -> Result<Option<Places>> {
    if crm::store::contacts(conn, &[id]).await?.is_empty() {
        return Ok(None);
    }
    let links = crm::store::links_of_contacts(conn, &[id]).await?;
    let is_somewhere = links.iter().any(|link| link.until.is_none());
    let accounts: Vec<AccountId> =
        links.iter().filter(|link| link.until.is_none() || !is_somewhere).map(|link| link.account_id).collect();
    Ok(Some(Places::At(crm::places_of(conn, &accounts).await?)))
}

/// The kinds of records that a permission is about; none where it is about no single record that is there, or
/// nobody says.
pub(super) fn kinds(permission: Permission) -> &'static [&'static str] {
    use Permission as P;
    if is_step::<OrderWorkflow>(permission) {
        return &[OrderId::TYPE];
    }
    if is_step::<Deals>(permission) {
        return &[OpportunityId::TYPE];
    }
    match permission {
        P::ReadOrders => &[OrderId::TYPE],
        P::ReadOpportunities => &[OpportunityId::TYPE],
        P::ReadAccounts | P::ReadBrokers => &[AccountId::TYPE, SiteId::TYPE, ContactId::TYPE],
        P::UpdateAccount | P::UpdateBroker | P::AddSite | P::MovePortfolio => &[AccountId::TYPE],
        P::UpdateSite => &[SiteId::TYPE],
        P::UpdateContact | P::LinkContact | P::UnlinkContact => &[ContactId::TYPE],
        P::ReadBudgets | P::MoveBudget | P::GrantFromPool => &[EnvelopeId::TYPE],
        P::ReadGoodwill | P::DecideGoodwill | P::RecordGoodwillPaid => &[GoodwillId::TYPE],
        P::ReadForecast | P::SetQuota => &[QuotaId::TYPE],
        P::ReadCatalog => &[ArticleId::TYPE],
        P::ReadUsers | P::UpdateUser | P::DeactivateUser | P::ReactivateUser | P::NameDeputy => &[PersonId::TYPE],
        P::EndDeputy => &[DeputyId::TYPE],
        P::ReadNetwork => &[PersonId::TYPE, DelegationId::TYPE, RegionId::TYPE],
        _ => &[],
    }
}

fn is_step<W: Tracked>(permission: Permission) -> bool {
    W::Action::ALL.iter().flat_map(|action| action.steps()).any(|step| step.permission == permission)
}
