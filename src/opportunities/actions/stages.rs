//! Moving a deal from stage to stage, stopping it, taking it up again.

use ::entity::{
    sales::opportunity,
    vocabulary::{ContractDocument, OpportunityId, OppyStage, Signature},
};

use super::{Acting, File, line, words};
use crate::{
    action::Call,
    app::App,
    error::{Error, Result},
    op::Op,
    opportunities::{
        error::Refusal,
        input::{AdvanceOppyInput, AnnulOppyInput, OppyInput, ReasonedOppyInput, StopOppyInput},
        outcome::{self, Outcome, StopWords},
        store,
        transition::{AtHand, settle},
        workflow::{Action, Deals},
    },
    record::Versioned,
    refusal::{Done, Stopped, refused},
    transition::{Told, Tracked},
    workflow::Actor,
};

/// Takes a deal to its next stage (P-10 to P-15).
pub(in crate::opportunities) async fn advance(op: &Op, input: AdvanceOppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.advanced");
    let change = |at_hand: &AtHand, by: &Signature| -> Outcome {
        let after = outcome::advanced(&at_hand.object, input.stage, &at_hand.facts)?;
        let signs = after.stage == OppyStage::Won && at_hand.object.stage != OppyStage::Won;
        Ok(if signs { outcome::with_round(after, by) } else { after })
    };
    Acting::new("advanceOppy", Action::Advance, input.id.0, &call).perform(op, &input, &told, change).await
}

/// Stops a deal (P-2).
pub(in crate::opportunities) async fn stop(op: &Op, input: StopOppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let comment = words("comment", input.comment.as_deref())?;
    let competitor = input.competitor.as_deref().map(|text| line("competitor", text)).transpose()?;
    let competitor = competitor.filter(|name| !name.is_empty());
    let told = Told::kind("oppy.stopped").because(comment.clone());
    let today = op.today();
    Acting::new("stopOppy", Action::Stop, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            let words = StopWords {
                reason: input.reason.clone().filter(|code| !code.is_empty()),
                comment: comment.clone(),
                competitor: competitor.clone(),
                wake_up_on: input.wake_up_on,
            };
            outcome::stopped(&at_hand.object, input.stage, words, &at_hand.facts.playbook, by, today)
        })
        .await
}

/// Takes up a deal that was on hold.
pub(in crate::opportunities) async fn resume(op: &Op, input: OppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.resumed");
    Acting::new("resumeOppy", Action::Resume, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, _| Ok(outcome::resumed(&at_hand.object)))
        .await
}

/// Opens a stopped deal again, with a reason.
pub(in crate::opportunities) async fn reopen(op: &Op, input: ReasonedOppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let reason = words("reason", input.reason.as_deref())?;
    let told = Told::kind("oppy.reopened").because(reason.clone());
    Acting::new("reopenOppy", Action::Reopen, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, _| outcome::reopened(&at_hand.object, reason.as_deref()))
        .await
}

/// Records that a won deal fell through, with a reason and a document.
pub(in crate::opportunities) async fn annul(op: &Op, input: AnnulOppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let reason = words("reason", input.reason.as_deref())?;
    let told = Told::kind("oppy.annulled").because(reason.clone());
    let file = File { upload: input.upload.0, kind: ContractDocument::Annulment, keep: |_, _| {} };
    Acting::new("annulOppy", Action::Annul, input.id.0, &call)
        .with_file(Some(file))
        .perform(op, &input, &told, |at_hand, by| outcome::annulled(&at_hand.object, reason.clone(), by))
        .await
}

/// How many deals are read at a time.
const AT_A_TIME: u64 = 100;

/// P-2: puts the deals on hold whose day has come on their owners' queues; how many. Each once, also where several
/// processes try.
///
/// # Errors
/// When the database cannot be read or written.
pub(in crate::opportunities) async fn wake_up(app: &std::sync::Arc<App>) -> Result<usize> {
    let op = Op::new(app.clone(), None, ::entity::vocabulary::Language::Fr, "wake-up".to_owned());
    let (mut woken, mut last) = (0, OpportunityId(0));
    loop {
        let due = store::to_wake(&op.conn(), op.today(), last, AT_A_TIME).await?;
        let Some(latest) = due.last() else { return Ok(woken) };
        last = latest.id;
        for deal in due.iter().filter(|deal| deal.stop.as_ref().is_some_and(|stop| !stop.woken)) {
            match wake(&op, deal.id).await {
                Ok(_) => woken += 1,
                // Somebody else was faster.
                Err(Stopped::Refused(_)) => {}
                Err(Stopped::Failed(error)) => return Err(error),
            }
        }
    }
}

async fn wake(op: &Op, id: OpportunityId) -> Done<OpportunityId, Refusal> {
    let conn = op.begin().await?;
    let call = Call::default();
    let found = Deals::find(&conn, opportunity::Entity::among([id])).await?.pop().ok_or(Error::NotFound)?;
    if found.stop.as_ref().is_none_or(|stop| stop.woken) {
        return refused(Refusal::NotOnHold);
    }
    let facts = store::facts(op, &conn, std::slice::from_ref(&found)).await?.pop().unwrap_or_default();
    let actor = Actor { person: found.owner_id, name: crate::authz::InNameOf::Self_ };
    let object = Deals::seen(&found, &facts);
    let mut after = object.clone();
    if let Some(stop) = &mut after.stop {
        stop.woken = true;
    }
    let at_hand = AtHand { stored: found, object, facts, actor };
    let done = settle(op, &conn, &call, &at_hand, after, Told::kind("oppy.woke_up")).await?;
    conn.commit().await?;
    op.app.outbox.wake();
    Ok(done)
}
