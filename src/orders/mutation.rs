//! What can be done to orders. Thin: decode, call, answer.

use std::borrow::Cow;

use ::entity::vocabulary::OrderId;
use async_graphql::{Context, Object, Result, SimpleObject, TypeName};

use super::{
    actions,
    attachments::{self, Withdraw},
    bulk,
    error::Refusal,
    input::{
        AttachFileInput, AttachmentInput, CancelOrderInput, CommentedOrderInput, CompleteOrderInput, CreateOrderInput,
        OrderInput, RecordChequesReceivedInput, RecordResultsInput, ReleaseGiftChequesInput, SendProofInput,
        UpdateOrderInput, ValidateOrderInput, ValidateOrdersInput,
    },
    store,
    types::Order,
};
use crate::{
    graphql::payload::{Mutation, Told, UserError, answer, mutations, op},
    op::Op,
    refusal::{Done, Stopped},
};

mutations! {
    CreateOrder: common + ["AMOUNT_INVALID", "ARTICLE_NOT_AVAILABLE", "GOODWILL_NOT_AN_ORDER", "NO_LINES", "QUANTITY_INVALID", "TOO_MANY"],
    UpdateOrder: common + ["AMOUNT_INVALID", "ARTICLE_NOT_AVAILABLE", "GOODWILL_NOT_AN_ORDER", "NO_LINES", "NOT_YOUR_STEP", "QUANTITY_INVALID", "TOO_MANY", "WRONG_STATUS", "YEAR_CLOSED", "YEAR_FIXED"],
    DuplicateOrder: common + ["NOT_YOUR_STEP", "OWNER_LEFT", "WRONG_STATUS"],
    SubmitOrder: common + ["ACTION_TYPE_REQUIRED", "AMOUNT_INVALID", "ARTICLE_NOT_AVAILABLE", "BROKER_IN_CHALLENGE_PROGRAMME", "BROKER_NOT_IN_PORTFOLIO", "CHALLENGE_INCOMPLETE", "DELIVERY_INCOMPLETE", "DETAILS_INCOMPLETE", "GOODWILL_NOT_AN_ORDER", "NOT_ALLOCATED", "NOT_YOUR_STEP", "NO_LINES", "OUT_OF_STOCK", "QUANTITY_INVALID", "RECEIPT_OVERDUE", "SPLIT_MAXIMUM", "SUBMISSION_CLOSED", "WRONG_STATUS", "YEAR_CLOSED", "YEAR_NOT_OPEN"],
    ValidateOrder: common + ["BUDGET_DEFICIT", "MISSING_DOCUMENTS", "NOT_ALLOCATED", "NOT_YOUR_STEP", "REASON_REQUIRED", "RR_BUDGET_DEFICIT", "SELF_VALIDATION", "SPLIT_MAXIMUM", "SPLIT_MINIMUM", "WRONG_STATUS", "YEAR_CLOSED"],
    ValidateOrders: common + ["BUDGET_DEFICIT", "FORBIDDEN", "INTERRUPTED", "MISSING_DOCUMENTS", "NOT_ALLOCATED", "NOT_FOUND", "NOT_YOUR_STEP", "REASON_REQUIRED", "RR_BUDGET_DEFICIT", "SELF_VALIDATION", "SPLIT_MAXIMUM", "SPLIT_MINIMUM", "TOO_MANY", "WRONG_STATUS", "YEAR_CLOSED"],
    ReleaseGiftCheques: common + ["AMOUNT_INVALID", "BROKER_IN_CHALLENGE_PROGRAMME", "CHALLENGE_INCOMPLETE", "DELIVERY_INCOMPLETE", "MISSING_DOCUMENTS", "NOT_GIFT_CHEQUES", "NOT_YOUR_STEP", "SHARES_INVALID", "TOTAL_RAISED", "WRONG_STATUS", "YEAR_CLOSED"],
    SendProof: common + ["FILE_REQUIRED", "NOT_YOUR_STEP", "WRONG_STATUS", "YEAR_CLOSED"],
    ApproveProof: common + ["NOT_YOUR_STEP", "WRONG_STATUS", "YEAR_CLOSED"],
    RequestProofChanges: common + ["COMMENT_REQUIRED", "NOT_YOUR_STEP", "WRONG_STATUS", "YEAR_CLOSED"],
    CompleteOrder: common + ["AMOUNT_INVALID", "BUDGET_DEFICIT", "MISSING_DOCUMENTS", "NOT_ALLOCATED", "NOT_YOUR_STEP", "SPLIT_MAXIMUM", "SPLIT_MINIMUM", "WRONG_STATUS", "YEAR_CLOSED"],
    RecordResults: common + ["AMOUNT_INVALID", "NOT_YOUR_STEP", "WRONG_STATUS", "YEAR_CLOSED"],
    RecordChequesReceived: common + ["ALREADY_RECORDED", "DATE_IN_FUTURE", "DATE_INVALID", "NOT_GIFT_CHEQUES", "NOT_YOUR_STEP", "WRONG_STATUS"],
    CancelOrder: common + ["CHEQUES_RECEIVED", "NOT_YOUR_STEP", "WRONG_STATUS", "YEAR_CLOSED"],
    AttachFile: common + ["FILE_REQUIRED", "NOT_GIFT_CHEQUES", "NOT_YOUR_STEP", "WRONG_STATUS", "YEAR_CLOSED"],
    RemoveAttachment: common + ["ATTACHMENT_IN_USE", "NOT_YOUR_STEP", "WRONG_STATUS", "YEAR_CLOSED"],
    DeclareReceiptInvalid: common + ["FILE_REQUIRED", "NOT_GIFT_CHEQUES", "NOT_YOUR_STEP", "REASON_REQUIRED", "WRONG_STATUS"],
}

/// The order after a mutation; as it is now where the mutation was refused.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct OrderPayload<M: Mutation> {
    /// The order, as it is now.
    order: Option<Order>,
    /// Why nothing was changed.
    user_errors: Vec<UserError<M>>,
}

impl<M: Mutation> TypeName for OrderPayload<M> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Payload", M::NAME).into()
    }
}

/// One order of a bulk decision.
#[derive(SimpleObject)]
pub struct ValidateOrdersResult {
    /// The order, as it is now.
    order: Option<Order>,
    /// Why it was not changed.
    user_errors: Vec<UserError<ValidateOrders>>,
}

/// The orders of a bulk decision, in the order in which they were given.
#[derive(SimpleObject)]
pub struct ValidateOrdersPayload {
    /// Each order by itself.
    results: Vec<ValidateOrdersResult>,
    /// Why the whole request was refused.
    user_errors: Vec<UserError<ValidateOrders>>,
}

/// The payload of an action on an order: `known` is the order where there was one before.
async fn payload<M: Mutation>(
    op: &Op,
    known: Option<OrderId>,
    done: Done<OrderId, Refusal>,
) -> Result<OrderPayload<M>> {
    let (made, user_errors) = answer(op, done)?;
    let order = current(op, made.or(known)).await?;
    Ok(OrderPayload { order, user_errors })
}

/// The payload of an action on an attachment: its order, whatever became of the action.
async fn attachment_payload<M: Mutation>(
    op: &Op,
    withdraw: Withdraw,
    action: impl AsyncFnOnce(&Op, Withdraw) -> Done<OrderId, Refusal>,
) -> Result<OrderPayload<M>> {
    let attachment = withdraw.attachment;
    let done = action(op, withdraw).await;
    let known = match &done {
        Err(Stopped::Refused(_)) => Some(store::attachment_for(op, attachment).await.told(op)?.order_id),
        Ok(_) | Err(Stopped::Failed(_)) => None,
    };
    payload(op, known, done).await
}

async fn current(op: &Op, id: Option<OrderId>) -> Result<Option<Order>> {
    let Some(id) = id else { return Ok(None) };
    Ok(store::readable(op, &[id]).await.told(op)?.pop().map(Order))
}

/// Changes to orders.
#[derive(Debug, Default)]
pub struct OrdersMutation;

#[Object]
impl OrdersMutation {
    /// Creates a draft.
    async fn create_order(&self, ctx: &Context<'_>, input: CreateOrderInput) -> Result<OrderPayload<CreateOrder>> {
        let op = op(ctx);
        payload(op, None, actions::create(op, input.into()).await).await
    }

    /// Changes a draft; what is left out stays as it is.
    async fn update_order(&self, ctx: &Context<'_>, input: UpdateOrderInput) -> Result<OrderPayload<UpdateOrder>> {
        let op = op(ctx);
        let (id, content, call) = input.split();
        payload(op, Some(id), actions::update(op, id, content, call.into()).await).await
    }

    /// Copies an order into a new draft of the current year.
    async fn duplicate_order(&self, ctx: &Context<'_>, input: OrderInput) -> Result<OrderPayload<DuplicateOrder>> {
        let op = op(ctx);
        payload(op, None, actions::duplicate(op, input.id.0, input.call.into()).await).await
    }

    /// Submits a draft: it gets its number, its budget is committed, and it goes to whoever decides next.
    async fn submit_order(&self, ctx: &Context<'_>, input: OrderInput) -> Result<OrderPayload<SubmitOrder>> {
        let op = op(ctx);
        payload(op, Some(input.id.0), actions::submit(op, input.id.0, input.call.into()).await).await
    }

    /// Approves, rejects or returns an order at the step that it is at.
    async fn validate_order(
        &self,
        ctx: &Context<'_>,
        input: ValidateOrderInput,
    ) -> Result<OrderPayload<ValidateOrder>> {
        let op = op(ctx);
        let ValidateOrderInput { id, decision, reason, call } = input;
        payload(op, Some(id.0), actions::validate(op, id.0, decision, reason, call.into()).await).await
    }

    /// Takes one decision about up to 100 orders; each succeeds or is refused by itself, in order.
    #[graphql(directive = crate::graphql::guard::requires::apply("validateOrder".into()))]
    async fn validate_orders(&self, ctx: &Context<'_>, input: ValidateOrdersInput) -> Result<ValidateOrdersPayload> {
        let op = op(ctx);
        let (decided, user_errors) = answer(op, bulk::validate(op, input.into()).await)?;
        let mut results = Vec::new();
        for (id, done) in decided.unwrap_or_default() {
            let (_, user_errors) = answer(op, done)?;
            results.push(ValidateOrdersResult { order: current(op, Some(id)).await?, user_errors });
        }
        Ok(ValidateOrdersPayload { results, user_errors })
    }

    /// Releases gift cheques, lowering their total where wanted.
    async fn release_gift_cheques(
        &self,
        ctx: &Context<'_>,
        input: ReleaseGiftChequesInput,
    ) -> Result<OrderPayload<ReleaseGiftCheques>> {
        let op = op(ctx);
        let release = actions::Release::from(input);
        payload(op, Some(release.id), actions::release(op, release).await).await
    }

    /// Sends a proof to the delegation; each round is numbered and kept.
    async fn send_proof(&self, ctx: &Context<'_>, input: SendProofInput) -> Result<OrderPayload<SendProof>> {
        let op = op(ctx);
        let SendProofInput { id, upload, call } = input;
        payload(op, Some(id.0), actions::send_proof(op, id.0, upload.0, call.into()).await).await
    }

    /// Approves the proof.
    async fn approve_proof(&self, ctx: &Context<'_>, input: CommentedOrderInput) -> Result<OrderPayload<ApproveProof>> {
        let op = op(ctx);
        let CommentedOrderInput { id, comment, call } = input;
        payload(op, Some(id.0), actions::judge_proof(op, id.0, true, comment, call.into()).await).await
    }

    /// Asks for changes to the proof, with a comment.
    async fn request_proof_changes(
        &self,
        ctx: &Context<'_>,
        input: CommentedOrderInput,
    ) -> Result<OrderPayload<RequestProofChanges>> {
        let op = op(ctx);
        let CommentedOrderInput { id, comment, call } = input;
        payload(op, Some(id.0), actions::judge_proof(op, id.0, false, comment, call.into()).await).await
    }

    /// Completes an order: its commitment becomes consumption at the actual cost.
    async fn complete_order(
        &self,
        ctx: &Context<'_>,
        input: CompleteOrderInput,
    ) -> Result<OrderPayload<CompleteOrder>> {
        let op = op(ctx);
        let CompleteOrderInput { id, actual_cost, call } = input;
        payload(op, Some(id.0), actions::complete(op, id.0, actual_cost, call.into()).await).await
    }

    /// Records what an order brought, or corrects it until the year is closed.
    async fn record_results(
        &self,
        ctx: &Context<'_>,
        input: RecordResultsInput,
    ) -> Result<OrderPayload<RecordResults>> {
        let op = op(ctx);
        let (id, results, call) = input.split();
        payload(op, Some(id), actions::record_results(op, id, results, call.into()).await).await
    }

    /// Records the day on which gift cheques reached the delegation; the handover receipt is due from then on.
    async fn record_cheques_received(
        &self,
        ctx: &Context<'_>,
        input: RecordChequesReceivedInput,
    ) -> Result<OrderPayload<RecordChequesReceived>> {
        let op = op(ctx);
        let RecordChequesReceivedInput { id, received_on, call } = input;
        payload(op, Some(id.0), actions::record_cheques(op, id.0, received_on.0, call.into()).await).await
    }

    /// Cancels an order; its budget and stock are given back.
    async fn cancel_order(&self, ctx: &Context<'_>, input: CancelOrderInput) -> Result<OrderPayload<CancelOrder>> {
        let op = op(ctx);
        let CancelOrderInput { id, reason, call } = input;
        payload(op, Some(id.0), actions::cancel(op, id.0, reason, call.into()).await).await
    }

    /// Attaches a file that was sent with `createUpload`.
    async fn attach_file(&self, ctx: &Context<'_>, input: AttachFileInput) -> Result<OrderPayload<AttachFile>> {
        let op = op(ctx);
        let AttachFileInput { id, upload, purpose, call } = input;
        payload(op, Some(id.0), attachments::attach_file(op, id.0, upload.0, purpose, call.into()).await).await
    }

    /// Removes an attachment that no transition relied on.
    async fn remove_attachment(
        &self,
        ctx: &Context<'_>,
        input: AttachmentInput,
    ) -> Result<OrderPayload<RemoveAttachment>> {
        let op = op(ctx);
        attachment_payload(op, input.into(), attachments::remove_attachment).await
    }

    /// Declares a handover receipt invalid: the delegate is blocked again until a valid one comes.
    async fn declare_receipt_invalid(
        &self,
        ctx: &Context<'_>,
        input: AttachmentInput,
    ) -> Result<OrderPayload<DeclareReceiptInvalid>> {
        let op = op(ctx);
        attachment_payload(op, input.into(), attachments::declare_invalid).await
    }
}
