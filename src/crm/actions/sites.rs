//! Sites of accounts.

use ::entity::{
    crm::site,
    vocabulary::{AccountId, SiteId, SiteKind},
};
use sea_orm::ActiveValue::{NotSet, Set};
use serde::Serialize;
use serde_json::json;

use super::{Together, about_account, account_to, holder, request, taken_meanwhile};
use crate::{
    action::{Call, perform},
    authz::Permission,
    crm::{
        error::{Number, Refusal},
        rules::{self, SiteProfile},
        store,
    },
    db::Conn,
    error::{Error, Result},
    op::Op,
    outbox::{self, Event},
    refusal::{Done, unless_refused},
    version,
};

/// A site that an account is to have.
#[derive(Clone, Debug)]
pub struct NewSite {
    /// Whose.
    pub account: AccountId,
    /// What it is like.
    pub profile: SiteProfile,
}

/// What is changed about a site; what is none stays as it is.
#[derive(Clone, Debug)]
pub struct SiteChange {
    /// Which.
    pub id: SiteId,
    /// What it is to its account.
    pub kind: Option<SiteKind>,
    /// Name.
    pub name: Option<String>,
    /// SIRET number, or that it has none.
    pub siret: Option<Option<String>>,
    /// Number and street.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// INSEE code of the commune, or that it has none.
    pub insee_code: Option<Option<String>>,
    /// Whether it is still there.
    pub active: Option<bool>,
}

/// Which site an event is about, beside its account.
#[derive(Serialize)]
struct Which {
    site: SiteId,
}

/// Adds a site to an account.
///
/// # Errors
/// Every rule that the site breaks.
pub async fn add_site(op: &Op, call: &Call, new: &NewSite) -> Done<SiteId, Refusal> {
    let request = request("addSite", call, new);
    perform(op, &request, |tx| async move {
        let account = account_to(op, &tx, call, Permission::AddSite, new.account).await?;
        version::check(&tx, call, Some(about_account(account.id)), account.version).await?;
        let mut refusals = rules::site_flaws(&new.profile, account.siren.as_deref());
        refusals.extend(siret_taken(op, &tx, call, None, &new.profile).await?);
        unless_refused(refusals)?;
        let id = insert(&tx, new).await?;
        let told = Together { one: &Which { site: id }, other: &new.profile };
        let event = Event::new("account.site_added", about_account(account.id)).with_changes(&told)?;
        outbox::record(op, &tx, call, event).await?;
        Ok(id)
    })
    .await
}

async fn insert(tx: &Conn, new: &NewSite) -> Result<SiteId> {
    let SiteProfile { kind, name, siret, street, postcode, city, country, insee_code, active } = new.profile.clone();
    let row = site::ActiveModel {
        id: NotSet,
        account_id: Set(new.account),
        kind: Set(kind),
        name: Set(name),
        siret: Set(siret),
        street: Set(street),
        postcode: Set(postcode),
        city: Set(city),
        insee_code: Set(insee_code),
        country: Set(country),
        active: Set(active),
        version: Set(1),
    };
    store::insert_site(tx, row).await.map_err(taken_meanwhile)
}

/// Changes a site.
///
/// # Errors
/// Every rule that the change breaks.
pub async fn update_site(op: &Op, call: &Call, change: &SiteChange) -> Done<(), Refusal> {
    let request = request("updateSite", call, change);
    perform(op, &request, |tx| async move {
        let of = store::sites(&tx, &[change.id]).await?.pop().ok_or(Error::NotFound)?.account_id;
        let account = account_to(op, &tx, call, Permission::UpdateSite, of).await?;
        // Whoever changes a site holds its account: now the site stands still.
        let site = store::sites(&tx, &[change.id]).await?.pop().ok_or(Error::NotFound)?;
        version::check(&tx, call, Some(about_account(of)), site.version).await?;
        let before = profile(&site);
        let after = changed(&before, change);
        let mut refusals = rules::site_flaws(&after, account.siren.as_deref());
        refusals.extend(siret_taken(op, &tx, call, Some(site.id), &after).await?);
        unless_refused(refusals)?;
        let mut event = Event::new("account.site_updated", about_account(of)).with_difference(&before, &after)?;
        event.changes["site"] = json!(site.id);
        write(&tx, site, after).await?;
        outbox::record(op, &tx, call, event).await?;
        Ok(())
    })
    .await
}

fn profile(site: &site::Model) -> SiteProfile {
    let site::Model { id: _, account_id: _, kind, name, siret, street, postcode, city, insee_code, .. } = site.clone();
    SiteProfile {
        kind,
        name,
        siret,
        street,
        postcode,
        city,
        country: site.country.clone(),
        insee_code,
        active: site.active,
    }
}

fn changed(before: &SiteProfile, change: &SiteChange) -> SiteProfile {
    let SiteChange { id: _, kind, name, siret, street, postcode, city, country, insee_code, active } = change.clone();
    let before = before.clone();
    SiteProfile {
        kind: kind.unwrap_or(before.kind),
        name: name.unwrap_or(before.name),
        siret: siret.unwrap_or(before.siret),
        street: street.unwrap_or(before.street),
        postcode: postcode.unwrap_or(before.postcode),
        city: city.unwrap_or(before.city),
        country: country.unwrap_or(before.country),
        insee_code: insee_code.unwrap_or(before.insee_code),
        active: active.unwrap_or(before.active),
    }
}

async fn write(tx: &Conn, site: site::Model, after: SiteProfile) -> Done<(), Refusal> {
    let SiteProfile { kind, name, siret, street, postcode, city, country, insee_code, active } = after;
    let (account, version) = (site.account_id, site.version);
    let row = site::Model { kind, name, siret, street, postcode, city, country, insee_code, active, ..site };
    if !store::update_site(tx, row).await.map_err(taken_meanwhile)? {
        return version::overtaken(tx, Some(about_account(account)), version, version + 1).await;
    }
    Ok(())
}

/// Another site that is still there must not have the same SIRET number.
async fn siret_taken(
    op: &Op,
    tx: &Conn,
    call: &Call,
    except: Option<SiteId>,
    site: &SiteProfile,
) -> Result<Option<Refusal>> {
    let Some(siret) = site.siret.as_deref().filter(|_| site.active) else { return Ok(None) };
    match store::site_of(tx, siret).await?.filter(|other| Some(other.id) != except) {
        Some(other) => Ok(Some(Number::SiretTaken { by: holder(op, tx, call, other.account_id).await? }.into())),
        None => Ok(None),
    }
}
