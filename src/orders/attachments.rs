//! Files of orders: attached, removed, declared invalid (D-2, O-5, O-8).

use ::entity::{
    orders::{attachment, order},
    vocabulary::{AttachmentId, AttachmentPurpose, OrderId, UploadId},
};
use sea_orm::ActiveValue::Set;

use super::{
    actions::clean,
    error::Refusal,
    outcome, store,
    transition::{AtHand, settle, take},
    workflow::{self, Action},
};
use crate::{
    action::{Call, Request, perform},
    db::Conn,
    error::{Error, Result},
    files,
    op::Op,
    refusal::{Done, refused},
    transition::Told,
};

/// Attaches a file to an order (D-2).
pub(super) async fn attach_file(
    op: &Op,
    id: OrderId,
    upload: UploadId,
    purpose: AttachmentPurpose,
    call: Call,
) -> Done<OrderId, Refusal> {
    if purpose == AttachmentPurpose::Proof {
        return Err(Error::bad_input(["input", "purpose"], "anything but PROOF, which is sent with sendProof").into());
    }
    let request = Request::new("attachFile", &call, &(id, upload, purpose, &call));
    let call = &call;
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, id, Action::AttachFile).await?;
        at_hand.judge(op, Action::AttachFile, workflow::attaching(purpose, &at_hand.stored, &at_hand.facts))?;
        let attached = attach(op, &conn, id, upload, purpose, None).await?;
        let after = outcome::with_document(&at_hand.stored, purpose, &at_hand.facts, op.now);
        let told = Told::kind("order.file_attached").with("attachment", attached.0).with("purpose", purpose.code());
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// Takes a file that was sent and makes it the order's.
pub(super) async fn attach(
    op: &Op,
    conn: &Conn,
    order: OrderId,
    upload: UploadId,
    purpose: AttachmentPurpose,
    round: Option<i32>,
) -> Done<AttachmentId, Refusal> {
    let Ok(file) = files::take(op, conn, upload).await? else { return refused(Refusal::FileRequired) };
    let row = attachment::ActiveModel {
        order_id: Set(order),
        purpose: Set(purpose),
        round: Set(round),
        name: Set(file.name),
        content_type: Set(file.content_type),
        size: Set(file.size),
        sha256: Set(file.sha256),
        storage_key: Set(file.storage_key),
        added_by_id: Set(op.me()?),
        added_at: Set(op.now),
        relied_on: Set(false),
        invalid_reason: Set(None),
        removed_at: Set(None),
        ..Default::default()
    };
    Ok(store::insert_attachment(conn, row).await?)
}

/// Which attachment, and why.
#[derive(Clone, Debug)]
pub(super) struct Withdraw {
    pub attachment: AttachmentId,
    pub reason: Option<String>,
    pub call: Call,
}

/// Removes an attachment that no transition relied on.
pub(super) async fn remove_attachment(op: &Op, withdraw: Withdraw) -> Done<OrderId, Refusal> {
    let request = Request::new("removeAttachment", &withdraw.call, &withdraw);
    let (withdraw, call) = (&withdraw, &withdraw.call);
    perform(op, &request, move |conn| async move {
        let (at_hand, row) = take_with(op, &conn, withdraw, Action::RemoveAttachment).await?;
        let in_use = row.relied_on || row.purpose == AttachmentPurpose::Proof;
        at_hand.judge(
            op,
            Action::RemoveAttachment,
            in_use.then_some(Refusal::AttachmentInUse).into_iter().collect(),
        )?;
        let gone = attachment::ActiveModel { id: Set(row.id), removed_at: Set(Some(op.now)), ..Default::default() };
        store::update_attachment(&conn, gone).await?;
        let after = without(&at_hand, op, &conn, &row).await?;
        let told = Told::kind("order.file_removed").with("attachment", row.id.0);
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// Declares a handover receipt invalid: the delegate is blocked again until a valid one comes (O-8).
pub(super) async fn declare_invalid(op: &Op, withdraw: Withdraw) -> Done<OrderId, Refusal> {
    let request = Request::new("declareReceiptInvalid", &withdraw.call, &withdraw);
    let reason = &clean(withdraw.reason.clone(), "reason")?;
    let (withdraw, call) = (&withdraw, &withdraw.call);
    perform(op, &request, move |conn| async move {
        let (at_hand, row) = take_with(op, &conn, withdraw, Action::DeclareReceiptInvalid).await?;
        let mut wrong = Vec::new();
        if row.purpose != AttachmentPurpose::HandoverReceipt {
            wrong.push(Refusal::FileRequired);
        }
        if reason.is_none() {
            wrong.push(Refusal::ReasonRequired);
        }
        at_hand.judge(op, Action::DeclareReceiptInvalid, wrong)?;
        let invalid =
            attachment::ActiveModel { id: Set(row.id), invalid_reason: Set(reason.clone()), ..Default::default() };
        store::update_attachment(&conn, invalid).await?;
        let after = without(&at_hand, op, &conn, &row).await?;
        let told = Told::kind("order.receipt_invalid").because(reason.clone()).with("attachment", row.id.0);
        settle(op, &conn, call, &at_hand, after, told).await.map(|o| o.id)
    })
    .await
}

/// The order when an attachment of it does not count any more.
async fn without(at_hand: &AtHand, op: &Op, conn: &Conn, row: &attachment::Model) -> Result<order::Model> {
    let others = store::attachments(conn, &[row.order_id]).await?;
    let is_like = |other: &attachment::Model| {
        other.id != row.id && other.purpose == row.purpose && other.invalid_reason.is_none()
    };
    Ok(match others.iter().any(is_like) {
        true => at_hand.stored.clone(),
        false => outcome::without_document(&at_hand.stored, row.purpose, &at_hand.facts, op.now),
    })
}

/// An attachment and its order, taken for an action. The attachment is read again behind the order: what
/// somebody relied on meanwhile has given the order another version, too.
async fn take_with(
    op: &Op,
    conn: &Conn,
    withdraw: &Withdraw,
    action: Action,
) -> Done<(AtHand, attachment::Model), Refusal> {
    let find = async || store::attachment(conn, withdraw.attachment).await;
    let order = find().await?.ok_or(Error::NotFound)?.order_id;
    let at_hand = take(op, conn, &withdraw.call, order, action).await?;
    let row = find().await?.ok_or(Error::NotFound)?;
    Ok((at_hand, row))
}
