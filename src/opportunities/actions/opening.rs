//! Creating deals, changing what they are, and whose.

use ::entity::{
    sales::opportunity,
    vocabulary::{ContactId, DecisionContact, DecisionContacts, Money, OpportunityId, PersonId},
};
use async_graphql::MaybeUndefined;
use chrono::Datelike;

use super::{Acting, line, paragraph};
use crate::{
    action::{Call, Request, perform},
    authz::{Permission, Place},
    crm,
    db::Conn,
    error::{Error, Result},
    identity::{self, Delegate},
    numbering,
    op::Op,
    opportunities::{
        NUMBERS,
        draft::{self, Origin},
        error::{Path, Refusal, path},
        input::{
            CreateOpportunityInput, DecisionContactInput, FillDealSheetInput, OppyFlagsInput, ReassignOppyInput,
            UpdateOpportunityInput,
        },
        outcome::{self, Outcome},
        rules, store,
        transition::{begin, settle, take},
        workflow::Action,
    },
    refusal::{Done, unless_refused},
    transition::Told,
};

/// Creates a deal, for oneself or for a delegate within one's reach.
pub(in crate::opportunities) async fn create(op: &Op, input: CreateOpportunityInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let subject = line("subject", &input.subject)?;
    super::bounded("contacts", input.contacts.as_deref().unwrap_or_default())?;
    let request = Request::new("createOpportunity", &call, &input);
    let (call, input, subject) = (&call, &input, &subject);
    perform(op, &request, move |conn| async move {
        let owner = owner(op, &conn, call, input.owner.map(|id| id.0), Permission::CreateOpportunity).await?;
        let mut deal = new_deal(op, call, input, subject.clone(), &owner)?;
        deal.sector = client_sector(op, &conn, call, input.account.0).await?;
        let amounts = priced(&mut deal, input.one_off, input.recurring, input.services);
        let mut wrong: Vec<Refusal> = amounts.err().into_iter().collect();
        let named = named_contacts(input.contacts.as_deref());
        wrong.extend(super::foreign_contacts(&conn, deal.account_id, &named).await?);
        wrong.extend(subject.is_empty().then(|| Refusal::TextMissing { field: path(&["subject"]) }));
        unless_refused(wrong)?;
        deal.number = numbering::next(&conn, NUMBERS, op.today().year()).await?;
        let facts = store::facts(op, &conn, std::slice::from_ref(&deal)).await?.pop().unwrap_or_default();
        begin(op, &conn, call, deal, &facts, Told::kind("oppy.created")).await
    })
    .await
}

/// For whom a deal is made: a delegate within the permission's reach, oneself where nobody is named.
async fn owner(op: &Op, conn: &Conn, call: &Call, owner: Option<PersonId>, permission: Permission) -> Result<Delegate> {
    let holder = match call.on_behalf_of {
        Some(absent) => absent,
        None => op.me()?,
    };
    let unknown = || Error::bad_input(["input", "owner"], "a delegate within your reach");
    let id = owner.unwrap_or(holder);
    let owner = identity::delegates(&op.app, conn, &[id]).await?.pop().ok_or_else(unknown)?;
    let place = Place { owner: Some(id), delegation: Some(owner.delegation), region: Some(owner.region) };
    if op.acts(permission, call.name()).covers(&place) { Ok(owner) } else { Err(unknown()) }
}

/// The sector of a client whom the caller may read: another's does not exist for them.
async fn client_sector(
    op: &Op,
    conn: &Conn,
    call: &Call,
    account: ::entity::vocabulary::AccountId,
) -> Result<Option<String>> {
    let unknown = || Error::bad_input(["input", "account"], "the id of an account that you may read");
    let account = crm::readable_account(op, conn, call.name(), account).await?.ok_or_else(unknown)?;
    Ok(account.sector.map(|sector| sector.code().to_owned()))
}

fn new_deal(
    op: &Op,
    call: &Call,
    input: &CreateOpportunityInput,
    subject: String,
    owner: &Delegate,
) -> Result<opportunity::Model> {
    let mut deal = draft::identified(Origin {
        subject,
        account: input.account.0,
        sector: None,
        contacts: contacts(input.contacts.as_deref()).unwrap_or_default(),
        owner: owner.id,
        delegation: owner.delegation,
        region: owner.region,
        author: op.me()?,
        authored_for: call.on_behalf_of,
        signing_on: input.signing_on.0,
        at: op.now,
    });
    flag(&mut deal, &input.flags.clone().unwrap_or_default());
    Ok(deal)
}

/// Who takes part in the client's decision, where that is said.
fn contacts(wanted: Option<&[DecisionContactInput]>) -> Option<DecisionContacts> {
    let contact = |one: &DecisionContactInput| DecisionContact { contact: one.contact.0, part: one.part };
    wanted.map(|wanted| DecisionContacts(wanted.iter().map(contact).collect()))
}

/// The same with where each is named.
fn named_contacts(wanted: Option<&[DecisionContactInput]>) -> Vec<(ContactId, Path)> {
    let wanted = wanted.unwrap_or_default().iter().enumerate();
    wanted.map(|(place, one)| (one.contact.0, super::at("contacts", place, "contact"))).collect()
}

fn flag(deal: &mut opportunity::Model, flags: &OppyFlagsInput) {
    let OppyFlagsInput { complex, special_bid, presales_investment, out_of_standard } = *flags;
    deal.complex = complex.unwrap_or(deal.complex);
    deal.special_bid = special_bid.unwrap_or(deal.special_bid);
    deal.presales_investment = presales_investment.unwrap_or(deal.presales_investment);
    deal.out_of_standard = out_of_standard.unwrap_or(deal.out_of_standard);
}

/// Sets the three prices and their sum; a negative one, or a sum too large, is refused.
fn priced(
    deal: &mut opportunity::Model,
    one_off: Option<Money>,
    recurring: Option<Money>,
    services: Option<Money>,
) -> Result<(), Refusal> {
    let named = [("oneOff", one_off), ("recurring", recurring), ("services", services)];
    let wrong = named.into_iter().find(|(_, amount)| amount.is_some_and(|a| a < Money::ZERO || !a.is_in_range()));
    if let Some((field, _)) = wrong {
        return Err(Refusal::AmountInvalid { field: path(&[field]), at_most: Some(Money::LIMIT) });
    }
    let too_large = |rules::TooLarge| Refusal::AmountInvalid { field: path(&["oneOff"]), at_most: Some(Money::LIMIT) };
    deal.amount = rules::amount(one_off, recurring, services).map_err(too_large)?;
    (deal.one_off, deal.recurring, deal.services) = (one_off, recurring, services);
    Ok(())
}

/// Changes amounts, flags, signing date and category, as long as the client has not signed.
pub(in crate::opportunities) async fn update(op: &Op, input: UpdateOpportunityInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let subject = input.subject.as_deref().map(|text| line("subject", text)).transpose()?;
    let uncertainty = input.uncertainty.as_deref().map(|text| line("uncertainty", text)).transpose()?;
    let told = Told::kind("oppy.updated");
    super::bounded("contacts", input.contacts.as_deref().unwrap_or_default())?;
    Acting::new("updateOpportunity", Action::Update, input.id.0, &call)
        .naming_contacts(named_contacts(input.contacts.as_deref()))
        .perform(op, &input, &told, |at_hand, by| {
            let mut after = updated(&at_hand.object, &input)?;
            if let Some(subject) = &subject {
                let nothing = vec![Refusal::TextMissing { field: path(&["subject"]) }];
                after.subject = if subject.is_empty() { return Err(nothing) } else { subject.clone() };
            }
            outcome::categorised(&after, input.category, uncertainty.clone(), by)
        })
        .await
}

fn updated(deal: &opportunity::Model, input: &UpdateOpportunityInput) -> Outcome {
    let amount = |wanted: &MaybeUndefined<Money>, before: Option<Money>| match wanted {
        MaybeUndefined::Undefined => before,
        MaybeUndefined::Null => None,
        MaybeUndefined::Value(amount) => Some(*amount),
    };
    let mut after = deal.clone();
    let (one_off, recurring, services) = (
        amount(&input.one_off, deal.one_off),
        amount(&input.recurring, deal.recurring),
        amount(&input.services, deal.services),
    );
    priced(&mut after, one_off, recurring, services).map_err(|refusal| vec![refusal])?;
    after.contacts = contacts(input.contacts.as_deref()).unwrap_or_else(|| deal.contacts.clone());
    after.signing_on = input.signing_on.map_or(deal.signing_on, |day| day.0);
    flag(&mut after, &input.flags.clone().unwrap_or_default());
    Ok(after)
}

/// Fills in parts of the deal sheet (P-10).
pub(in crate::opportunities) async fn fill_deal_sheet(
    op: &Op,
    input: FillDealSheetInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let clean = |field, text: &Option<String>| text.as_deref().map(|text| paragraph(field, text)).transpose();
    let commercial = clean("commercial", &input.commercial)?;
    let structural = clean("structural", &input.structural)?;
    let functional = clean("functional", &input.functional)?;
    let technical = clean("technical", &input.technical)?;
    let pitch = clean("pitch", &input.pitch)?;
    let told = Told::kind("oppy.sheet_filled");
    Acting::new("fillDealSheet", Action::FillDealSheet, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, _| {
            let mut after = at_hand.object.clone();
            let sheet = &mut after.sheet;
            let parts = [
                (&mut sheet.commercial, &commercial),
                (&mut sheet.structural, &structural),
                (&mut sheet.functional, &functional),
                (&mut sheet.technical, &technical),
                (&mut sheet.pitch, &pitch),
            ];
            for (part, text) in parts {
                if let Some(text) = text {
                    part.clone_from(text);
                }
            }
            Ok(after)
        })
        .await
}

/// Gives a deal to another delegate within the caller's reach.
pub(in crate::opportunities) async fn reassign(op: &Op, input: ReassignOppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let reason = super::words("reason", input.reason.as_deref())?;
    let request = Request::new("reassignOppy", &call, &input);
    let (call, input, reason) = (&call, &input, &reason);
    perform(op, &request, move |conn| async move {
        let mut at_hand = take(op, &conn, call, input.id.0, Action::Reassign).await?;
        let owner = owner(op, &conn, call, Some(input.owner.0), Permission::ReassignOppy).await?;
        at_hand.judge(op, Action::Reassign, Vec::new())?;
        let after = outcome::reassigned(&at_hand.object, &owner);
        // Who may decide follows the new place.
        let moved = store::facts(op, &conn, std::slice::from_ref(&after)).await?.pop();
        at_hand.facts = moved.unwrap_or_default();
        settle(op, &conn, call, &at_hand, after, Told::kind("oppy.reassigned").because(reason.clone())).await
    })
    .await
}
