//! Accounts and their broker parts.

use ::entity::{
    crm::{account, broker},
    vocabulary::{AccountId, AccountKind, DelegationId, PersonId, RegionId, Sector},
};
use chrono::NaiveDate;
use sea_orm::ActiveValue::{NotSet, Set};
use serde::Serialize;

use super::{Together, about_account, account_to, holder, keeper, kept, reaches, request, taken_meanwhile};
use crate::{
    action::{Call, perform},
    authz::{Permission, Place},
    crm::{
        error::{Number, Refusal},
        rules::{self, AccountProfile, BrokerProfile, Point},
        store::{self, Owner},
    },
    db::Conn,
    error::{Error, Result},
    identity,
    op::Op,
    outbox::{self, Event},
    refusal::{Done, refused, unless_refused},
    version,
};

/// An account that is to be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// What it is like, its addresses and numbers as they were given.
    pub profile: AccountProfile,
    /// In whose portfolio.
    pub owner: Option<PersonId>,
    /// Which delegation looks after it.
    pub delegation: Option<DelegationId>,
}

/// What is changed about an account; what is none stays as it is.
#[derive(Clone, Debug)]
pub struct AccountChange {
    /// Which.
    pub id: AccountId,
    /// Name of a company.
    pub name: Option<String>,
    /// Given name of a person.
    pub given_name: Option<String>,
    /// Family name of a person.
    pub family_name: Option<String>,
    /// SIREN number, or that it has none.
    pub siren: Option<Option<String>>,
    /// VAT number, or that it has none.
    pub vat_number: Option<Option<String>>,
    /// Line of business, or that it is not known.
    pub sector: Option<Option<Sector>>,
    /// Whether it is dealt with.
    pub active: Option<bool>,
    /// All its addresses and numbers, as they were given.
    pub contact_points: Option<Vec<Point>>,
}

/// What is changed about a broker part; what is none stays as it is.
#[derive(Clone, Debug)]
pub struct BrokerChange {
    /// Which account.
    pub id: AccountId,
    /// Number in the register of insurance intermediaries.
    pub orias: Option<String>,
    /// First day in the challenge programme, or that there is none.
    pub programme_from: Option<Option<NaiveDate>>,
    /// Last day in it, or that there is none.
    pub programme_to: Option<Option<NaiveDate>>,
}

/// Where an account belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Origin {
    portfolio_owner: Option<PersonId>,
    delegation: DelegationId,
    region: RegionId,
}

/// Creates an account. It gets its code by itself; without an owner it is the caller's where they keep a portfolio,
/// else nobody's.
///
/// # Errors
/// Every rule that the account breaks.
pub async fn create_account(op: &Op, call: &Call, new: &NewAccount) -> Done<AccountId, Refusal> {
    let request = request("createAccount", call, new);
    perform(op, &request, |tx| async move {
        let origin = origin(op, &tx, call, new).await?;
        let (points, mut refusals) = kept(&new.profile.contact_points);
        let profile = AccountProfile { contact_points: points, ..new.profile.clone() }.named();
        refusals.extend(rules::account_flaws(&profile, &[]));
        refusals.extend(siren_taken(op, &tx, call, None, &profile).await?);
        unless_refused(refusals)?;
        let id = insert(op, &tx, &profile, origin).await?;
        let event = Event::new("account.created", about_account(id))
            .with_changes(&Together { one: &profile, other: &origin })?;
        outbox::record(op, &tx, call, event).await?;
        Ok(id)
    })
    .await
}

/// Where a new account belongs, which the caller's right must reach.
async fn origin(op: &Op, tx: &Conn, call: &Call, new: &NewAccount) -> Done<Origin, Refusal> {
    let caller = op.caller()?.grant(call.name()).ok_or(Error::Forbidden)?.holder.clone();
    let elsewhere = new.delegation.is_some_and(|delegation| Some(delegation) != caller.delegation);
    let is_keeper = || async { Ok::<_, Error>(!identity::delegates(&op.app, tx, &[caller.id]).await?.is_empty()) };
    let owner = match new.owner {
        Some(owner) => Some(owner),
        None if !elsewhere && is_keeper().await? => Some(caller.id),
        None => None,
    };
    if let Some(owner) = owner {
        let delegate = keeper(op, tx, call, Permission::CreateAccount, ("portfolioOwner", owner)).await?;
        if new.delegation.is_some_and(|delegation| delegation != delegate.delegation) {
            let message = "left out with an owner, or the owner's delegation";
            return Err(Error::bad_input(["input", "delegation"], message).into());
        }
        let identity::Delegate { delegation, region, .. } = delegate;
        return Ok(Origin { portfolio_owner: Some(owner), delegation, region });
    }
    let Some(delegation) = new.delegation.or(caller.delegation) else {
        reaches(op, call, Permission::CreateAccount, &Place { region: caller.region, ..Place::default() })?;
        return refused(Refusal::DelegationRequired);
    };
    let office = identity::store::delegations(tx, &[delegation]).await?.pop().ok_or(Error::NotFound)?;
    let region = office.region_id;
    let place = Place { owner: None, delegation: Some(delegation), region: Some(region) };
    reaches(op, call, Permission::CreateAccount, &place)?;
    Ok(Origin { portfolio_owner: None, delegation, region })
}

async fn insert(op: &Op, tx: &Conn, profile: &AccountProfile, origin: Origin) -> Result<AccountId> {
    let AccountProfile { kind, name, given_name, family_name, siren, vat_number, sector, active, contact_points } =
        profile.clone();
    let Origin { portfolio_owner, delegation, region } = origin;
    let row = account::ActiveModel {
        id: NotSet,
        // Until its key is known.
        code: Set(format!("new in {}", op.request_id)),
        kind: Set(kind),
        name: Set(name),
        siren: Set(siren),
        vat_number: Set(vat_number),
        sector: Set(sector),
        given_name: Set(given_name),
        family_name: Set(family_name),
        active: Set(active),
        portfolio_owner_id: Set(portfolio_owner),
        delegation_id: Set(delegation),
        region_id: Set(region),
        created_at: Set(op.now),
        version: Set(1),
    };
    let id = store::insert_account(tx, row).await.map_err(taken_meanwhile)?;
    store::set_points(tx, Owner::Account(id), &contact_points).await?;
    Ok(id)
}

/// Another company that is dealt with must not have the same SIREN number.
async fn siren_taken(
    op: &Op,
    tx: &Conn,
    call: &Call,
    except: Option<AccountId>,
    profile: &AccountProfile,
) -> Result<Option<Refusal>> {
    let Some(siren) = profile.sole_siren() else { return Ok(None) };
    match store::company_of(tx, siren).await?.filter(|other| Some(other.id) != except) {
        Some(other) => Ok(Some(Number::SirenTaken { by: holder(op, tx, call, other.id).await? }.into())),
        None => Ok(None),
    }
}

/// Changes an account.
///
/// # Errors
/// Every rule that the change breaks.
pub async fn update_account(op: &Op, call: &Call, change: &AccountChange) -> Done<(), Refusal> {
    let request = request("updateAccount", call, change);
    perform(op, &request, |tx| async move {
        let account = account_to(op, &tx, call, Permission::UpdateAccount, change.id).await?;
        version::check(&tx, call, Some(about_account(account.id)), account.version).await?;
        let before = profile(&tx, &account).await?;
        let (after, mut refusals) = changed(&before, change)?;
        let sites = store::sites_of(&tx, &[account.id]).await?;
        let sirets: Vec<String> = sites.into_iter().filter(|site| site.active).filter_map(|site| site.siret).collect();
        refusals.extend(rules::account_flaws(&after, &sirets));
        refusals.extend(siren_taken(op, &tx, call, Some(account.id), &after).await?);
        unless_refused(refusals)?;
        let event = Event::new("account.updated", about_account(account.id)).with_difference(&before, &after)?;
        write(&tx, account, &before, after).await?;
        outbox::record(op, &tx, call, event).await?;
        Ok(())
    })
    .await
}

async fn profile(tx: &Conn, account: &account::Model) -> Result<AccountProfile> {
    let points = store::points_of_accounts(tx, &[account.id]).await?;
    Ok(AccountProfile {
        kind: account.kind,
        name: account.name.clone(),
        given_name: account.given_name.clone(),
        family_name: account.family_name.clone(),
        siren: account.siren.clone(),
        vat_number: account.vat_number.clone(),
        sector: account.sector,
        active: account.active,
        contact_points: points.into_iter().map(Point::from).collect(),
    })
}

/// The account as it is to be, and what is wrong with its addresses and numbers.
fn changed(before: &AccountProfile, change: &AccountChange) -> Result<(AccountProfile, Vec<Refusal>)> {
    let AccountChange { id: _, name, given_name, family_name, siren, vat_number, sector, active, contact_points } =
        change.clone();
    only_of(before.kind, name.is_some(), given_name.is_some() || family_name.is_some())?;
    let (points, refusals) = match contact_points {
        Some(given) => kept(&given),
        None => (before.contact_points.clone(), Vec::new()),
    };
    let before = before.clone();
    let after = AccountProfile {
        kind: before.kind,
        name: name.unwrap_or(before.name),
        given_name: given_name.or(before.given_name),
        family_name: family_name.or(before.family_name),
        siren: siren.unwrap_or(before.siren),
        vat_number: vat_number.unwrap_or(before.vat_number),
        sector: sector.unwrap_or(before.sector),
        active: active.unwrap_or(before.active),
        contact_points: points,
    };
    Ok((after.named(), refusals))
}

/// Companies have a name, persons two.
///
/// # Errors
/// [`Error::BadInput`] where the names are those of the other kind.
pub(in crate::crm) fn only_of(kind: AccountKind, name: bool, names: bool) -> Result<()> {
    match kind {
        AccountKind::Company if names => {
            Err(Error::bad_input(["input", "familyName"], "given and family name are a person's; a company has a name"))
        }
        AccountKind::Person if name => {
            Err(Error::bad_input(["input", "name"], "a person is named by givenName and familyName"))
        }
        AccountKind::Company | AccountKind::Person => Ok(()),
    }
}

async fn write(
    tx: &Conn,
    account: account::Model,
    before: &AccountProfile,
    after: AccountProfile,
) -> Done<(), Refusal> {
    let AccountProfile { kind, name, given_name, family_name, siren, vat_number, sector, active, contact_points } =
        after;
    let (id, version) = (account.id, account.version);
    let row = account::Model { kind, name, given_name, family_name, siren, vat_number, sector, active, ..account };
    if !store::update_account(tx, row).await.map_err(taken_meanwhile)? {
        return version::overtaken(tx, Some(about_account(id)), version, version + 1).await;
    }
    if contact_points != before.contact_points {
        store::set_points(tx, Owner::Account(id), &contact_points).await?;
    }
    Ok(())
}

/// Changes what an account has more as a broker; makes it one where it was none.
///
/// # Errors
/// Every rule that the change breaks.
pub async fn update_broker(op: &Op, call: &Call, change: &BrokerChange) -> Done<(), Refusal> {
    let request = request("updateBroker", call, change);
    perform(op, &request, |tx| async move {
        let account = account_to(op, &tx, call, Permission::UpdateBroker, change.id).await?;
        version::check(&tx, call, Some(about_account(account.id)), account.version).await?;
        let present = store::brokers(&tx, &[account.id]).await?.pop();
        let before = broker_profile(present.as_ref());
        let BrokerChange { id, orias, programme_from, programme_to } = change.clone();
        let after = BrokerProfile {
            orias: orias.or(before.orias.clone()),
            programme_from: programme_from.unwrap_or(before.programme_from),
            programme_to: programme_to.unwrap_or(before.programme_to),
        };
        let mut refusals = rules::broker_flaws(&after);
        refusals.extend(orias_taken(op, &tx, call, id, &after).await?);
        unless_refused(refusals)?;
        let event = Event::new("account.broker_updated", about_account(id)).with_difference(&before, &after)?;
        let BrokerProfile { orias, programme_from, programme_to } = after;
        let row = broker::Model { account_id: id, orias: orias.unwrap_or_default(), programme_from, programme_to };
        store::write_broker(&tx, row, present.is_none()).await.map_err(taken_meanwhile)?;
        let version = account.version;
        if !store::update_account(&tx, account).await? {
            return version::overtaken(&tx, Some(about_account(id)), version, version + 1).await;
        }
        outbox::record(op, &tx, call, event).await?;
        Ok(())
    })
    .await
}

fn broker_profile(broker: Option<&broker::Model>) -> BrokerProfile {
    BrokerProfile {
        orias: broker.map(|broker| broker.orias.clone()),
        programme_from: broker.and_then(|broker| broker.programme_from),
        programme_to: broker.and_then(|broker| broker.programme_to),
    }
}

/// Another broker must not have the same ORIAS number.
async fn orias_taken(
    op: &Op,
    tx: &Conn,
    call: &Call,
    id: AccountId,
    broker: &BrokerProfile,
) -> Result<Option<Refusal>> {
    let Some(orias) = &broker.orias else { return Ok(None) };
    match store::broker_of(tx, orias).await?.filter(|other| other.account_id != id) {
        Some(other) => Ok(Some(Number::OriasTaken { by: holder(op, tx, call, other.account_id).await? }.into())),
        None => Ok(None),
    }
}
