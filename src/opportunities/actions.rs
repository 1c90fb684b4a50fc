//! One function per use case; each owns its transaction.

mod go;
mod negotiation;
mod opening;
mod proposal;
mod signing;
mod stages;

use ::entity::{
    sales::opportunity,
    vocabulary::{
        AccountId, ContactId, ContractDocument, OpportunityId, OppyDocumentId, PersonId, Signature, UploadId,
    },
};

pub(super) use self::{
    go::{
        accept_request, decide_go, decline_request, meet_condition, name_response_team, plan, record_decision,
        record_minutes, request, set_response_schedule, waive_condition, write_extended_pitch,
    },
    negotiation::{
        approve_answer, approve_discount, draft_answer, record_client_agreement, send_answer, set_discount,
        set_negotiation_kind, set_reverse_schedule,
    },
    opening::{create, fill_deal_sheet, reassign, update},
    proposal::{record_review, record_sign_off, require_teams, send_proposal, set_deliverable},
    signing::{attach_document, check_documents, name_checker, resubmit},
    stages::{advance, annul, reopen, resume, stop, wake_up},
};
use super::{
    error::{Path, Refusal, path},
    outcome::Outcome,
    store,
    transition::{AtHand, settle, signature, take},
    workflow::Action,
};
use crate::{
    action::{Call, Request, perform},
    crm,
    db::Conn,
    error::{Error, Result},
    files, identity, input,
    op::Op,
    refusal::{Done, refused},
    transition::Told,
};

/// Longest title, name, recipient.
const LINE: usize = 200;
/// Longest reason, pitch, part of a sheet.
const PARAGRAPH: usize = 10_000;
/// Most items in any list of a deal.
const MOST: usize = 100;

/// What an action on an existing deal is: the mutation's name, what the workflow calls it, and its call.
struct Acting<'a> {
    mutation: &'static str,
    action: Action,
    id: OpportunityId,
    call: &'a Call,
    /// People who are named in the input, each with where: they have to be active.
    people: Vec<(PersonId, Path)>,
    /// Contacts who are named in the input, each with where: they have to be the client's.
    contacts: Vec<(ContactId, Path)>,
    /// A file that comes with it, what it is, and where the deal keeps its key.
    file: Option<File>,
}

/// A file that comes with an action.
#[derive(Clone, Copy, Debug)]
struct File {
    upload: UploadId,
    kind: ContractDocument,
    keep: fn(&mut opportunity::Model, OppyDocumentId),
}

impl<'a> Acting<'a> {
    fn new(mutation: &'static str, action: Action, id: OpportunityId, call: &'a Call) -> Self {
        Self { mutation, action, id, call, people: Vec::new(), contacts: Vec::new(), file: None }
    }

    fn naming(self, people: impl IntoIterator<Item = (PersonId, Path)>) -> Self {
        Self { people: people.into_iter().collect(), ..self }
    }

    fn naming_contacts(self, contacts: Vec<(ContactId, Path)>) -> Self {
        Self { contacts, ..self }
    }

    fn with_file(self, file: Option<File>) -> Self {
        Self { file, ..self }
    }

    /// The way of every action on an existing deal: take it, ask what it becomes, refuse for every reason at once,
    /// write it. `change` is pure, and asked again where the database wants the transaction begun again.
    async fn perform(
        &self,
        op: &Op,
        input: &impl std::fmt::Debug,
        told: &Told,
        change: impl Fn(&AtHand, &Signature) -> Outcome,
    ) -> Done<OpportunityId, Refusal> {
        let request = Request::new(self.mutation, self.call, &(self.id, input, self.call));
        let change = &change;
        perform(op, &request, move |conn| async move {
            let at_hand = take(op, &conn, self.call, self.id, self.action).await?;
            let by = signature(op, self.call)?;
            let outcome = change(&at_hand, &by);
            let mut wrong = outcome.as_ref().err().cloned().unwrap_or_default();
            wrong.extend(unknown_people(&conn, &self.people).await?);
            wrong.extend(foreign_contacts(&conn, at_hand.stored.account_id, &self.contacts).await?);
            at_hand.judge(op, self.action, wrong)?;
            let mut after = outcome.map_err(crate::refusal::Stopped::Refused)?;
            let told = self.attached(op, &conn, &mut after, told.clone()).await?;
            settle(op, &conn, self.call, &at_hand, after, told).await
        })
        .await
    }

    /// Takes the file that comes with the action, where one does.
    async fn attached(&self, op: &Op, conn: &Conn, deal: &mut opportunity::Model, told: Told) -> Done<Told, Refusal> {
        let Some(File { upload, kind, keep }) = self.file else { return Ok(told) };
        let Ok(file) = files::take(op, conn, upload).await? else { return refused(Refusal::FileRequired) };
        let id = store::add_document(op, conn, self.id, kind, file).await?;
        keep(deal, id);
        Ok(told.with("document", id.0).with("documentKind", kind.code()))
    }
}

/// Those of some named people who are not there, or not active any more.
async fn unknown_people(conn: &Conn, named: &[(PersonId, Path)]) -> Result<Vec<Refusal>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<PersonId> = named.iter().map(|(person, _)| *person).collect();
    let active = identity::store::people(conn, &ids).await?.into_iter().filter(|person| person.active);
    let active: Vec<PersonId> = active.map(|person| person.id).collect();
    let unknown = named.iter().filter(|(person, _)| !active.contains(person));
    Ok(unknown.map(|(_, field)| Refusal::PersonNotAble { field: field.clone() }).collect())
}

/// Those of some named contacts who are none of the client's.
async fn foreign_contacts(conn: &Conn, client: AccountId, named: &[(ContactId, Path)]) -> Result<Vec<Refusal>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let links = crm::store::links_of_accounts(conn, &[client]).await?;
    let foreign = named.iter().filter(|(contact, _)| !links.iter().any(|link| link.contact_id == *contact));
    Ok(foreign.map(|(_, field)| Refusal::PersonNotAble { field: field.clone() }).collect())
}

/// A text of one line; empty where nothing is left of it.
fn line(field: &str, text: &str) -> Result<String> {
    input::line(["input", field], text, LINE)
}

/// A longer text; empty where nothing is left of it.
fn paragraph(field: &str, text: &str) -> Result<String> {
    input::paragraph(["input", field], text, PARAGRAPH)
}

/// A longer text that may be left out; none where nothing is left of it.
fn words(field: &str, text: Option<&str>) -> Result<Option<String>> {
    let text = text.map(|text| paragraph(field, text)).transpose()?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// A list is as long as it may be.
fn bounded<T>(field: &'static str, list: &[T]) -> Result<()> {
    match list.len() {
        0..=MOST => Ok(()),
        _longer => Err(Error::bad_input(["input", field], format!("at most {MOST}"))),
    }
}

/// Where something stands in a list of the input.
fn at(list: &str, place: usize, field: &str) -> Path {
    path(&[list, &place.to_string(), field])
}
