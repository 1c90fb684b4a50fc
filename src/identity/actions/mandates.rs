//! Naming a deputy, and ending the mandate.

use ::entity::{
    identity::{deputy, person},
    vocabulary::{DeputyId, PersonId},
};
use sea_orm::ActiveValue::Set;

use super::{permitted, place_of, request, settled};
use crate::{
    action::{Call, perform},
    authz::{InNameOf, Permission},
    db::Conn,
    error::Error,
    identity::{
        error::{Mandate, Refusal},
        rules::{self, Asked},
        store,
    },
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, refused, unless_refused},
    version,
};

/// Names a deputy.
///
/// # Errors
/// Every rule that the mandate breaks; [`Error::Forbidden`] for people whom the caller's right does not
/// reach, or reaches only as somebody's deputy who would hand their mandate on.
pub async fn name_deputy(op: &Op, call: &Call, asked: &Asked) -> Done<DeputyId, Refusal> {
    let request = request("nameDeputy", call, asked);
    settled(op, call, perform(op, &request, |tx| name(op, tx, call, asked)).await)
}

async fn name(op: &Op, tx: Conn, call: &Call, asked: &Asked) -> Done<DeputyId, Refusal> {
    let people = store::people_held(&tx, &[asked.absent, asked.deputy]).await?;
    let find = |id: PersonId| people.iter().find(|p| p.id == id).ok_or(Error::NotFound);
    let (absent, deputy) = (find(asked.absent)?, find(asked.deputy)?);
    if store::is_of_a_key(&tx, absent.id).await? || store::is_of_a_key(&tx, deputy.id).await? {
        return Err(Error::NotFound.into());
    }
    let roles = store::roles_of(&tx, &[absent.id]).await?.remove(&absent.id).unwrap_or_default();
    permitted(op, call, Permission::NameDeputy, &place_of(absent), &roles)?;
    if call.name() == InNameOf::Absent(absent.id) {
        return Err(Error::Forbidden.into());
    }
    if !absent.active {
        return refused(Mandate::AbsentInactive.into());
    }
    let mut refusals = Vec::new();
    if !deputy.active {
        refusals.push(Mandate::DeputyInactive);
    }
    let earlier = store::mandates_between(&tx, absent.id, deputy.id).await?;
    refusals.extend(rules::against_mandate(asked, op.today(), &earlier));
    unless_refused(refusals.into_iter().map(Refusal::from).collect())?;
    let id = store::insert_mandate(&tx, mandate(op, asked)?).await?;
    let event = Event::new("identity.deputy_named", Subject { kind: "Deputy", id: id.0 }).with_changes(asked)?;
    outbox::record(op, &tx, call, event).await?;
    Ok(id)
}

fn mandate(op: &Op, asked: &Asked) -> Result<deputy::ActiveModel, Error> {
    Ok(deputy::ActiveModel {
        absent_id: Set(asked.absent),
        deputy_id: Set(asked.deputy),
        first_day: Set(asked.first_day),
        last_day: Set(asked.last_day),
        named_by_id: Set(op.me()?),
        ended_at: Set(None),
        created_at: Set(op.now),
        version: Set(1),
        ..Default::default()
    })
}

/// Ends a mandate before its last day: its rights are gone at once.
///
/// # Errors
/// A refusal where it has ended already; [`Error::NotFound`] where it does not concern the caller.
pub async fn end_deputy(op: &Op, call: &Call, id: DeputyId) -> Done<DeputyId, Refusal> {
    let request = request("endDeputy", call, &id);
    settled(op, call, perform(op, &request, |tx| end(op, tx, call, id)).await)
}

async fn end(op: &Op, tx: Conn, call: &Call, id: DeputyId) -> Done<DeputyId, Refusal> {
    let (mandate, absent) = find(op, &tx, id).await?.ok_or(Error::NotFound)?;
    if !op.acts(Permission::EndDeputy, call.name()).covers(&place_of(&absent)) {
        return Err(Error::Forbidden.into());
    }
    let about = Subject { kind: "Deputy", id: id.0 };
    version::check(&tx, call, Some(about), mandate.version).await?;
    if mandate.ended_at.is_some() || mandate.last_day < op.today() {
        return refused(Mandate::AlreadyEnded.into());
    }
    if !store::end_mandate(&tx, &mandate, op.now).await? {
        return version::overtaken(&tx, Some(about), mandate.version, mandate.version + 1).await;
    }
    outbox::record(op, &tx, call, Event::new("identity.deputy_ended", about)).await?;
    Ok(id)
}

/// A mandate with the absent person, where it concerns the caller.
async fn find(op: &Op, tx: &Conn, id: DeputyId) -> Result<Option<(deputy::Model, person::Model)>, Error> {
    let Some(mandate) = store::mandate_within(tx, id, &op.sees(Permission::NameDeputy), op.me()?).await? else {
        return Ok(None);
    };
    let absent = store::people(tx, &[mandate.absent_id]).await?.pop();
    Ok(absent.map(|absent| (mandate, absent)))
}
