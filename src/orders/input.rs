//! What the schema takes for orders, and how it becomes what the actions take.

use ::entity::vocabulary::{
    AccountId, ActionType, Address, ArticleId, AttachmentId, AttachmentPurpose, Beneficiary, Challenge, CustomDetails,
    Day, DeliveryMode, Money, OrderId, OrderKind, PersonId, SiteId, UploadId,
};
use async_graphql::{InputObject, MaybeUndefined};

use super::{
    actions::{self, Decision},
    attachments,
    bulk::Bulk,
    draft::{Content, Delivery, Line},
};
use crate::graphql::{
    call::{CallInput, NewCallInput},
    id::IdOf,
};

/// A line of a standard order.
#[derive(Clone, Debug, InputObject)]
pub struct OrderLineInput {
    /// Article.
    article: IdOf<ArticleId>,
    /// Pieces, at least one.
    quantity: i64,
}

/// A free address.
#[derive(Clone, Debug, InputObject)]
pub struct AddressInput {
    /// Name on the letter box.
    recipient: String,
    /// Number and street.
    street: String,
    /// Postcode, five digits.
    postcode: String,
    /// City.
    city: String,
}

/// Where an order goes.
#[derive(Clone, Debug, InputObject)]
pub struct DeliveryInput {
    /// To what kind of place.
    mode: DeliveryMode,
    /// Which of the broker's sites, with `PARTNER_SITE`.
    site: Option<IdOf<SiteId>>,
    /// Which address, with `OTHER`.
    address: Option<AddressInput>,
}

impl From<DeliveryInput> for Delivery {
    fn from(input: DeliveryInput) -> Self {
        let DeliveryInput { mode, site, address } = input;
        let address = address.map(|AddressInput { recipient, street, postcode, city }| Address {
            recipient,
            street,
            postcode,
            city,
        });
        Self { mode, site: site.map(|id| id.0), address }
    }
}

/// What the author says about an order; what is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct OrderContentInput {
    /// What a custom order is for.
    #[graphql(default)]
    action_type: MaybeUndefined<ActionType>,
    /// Budget year; the current one where a new order does not say.
    year: Option<i32>,
    /// Who benefits.
    beneficiary: Option<Beneficiary>,
    /// Where it goes; to the delegation where a new order does not say.
    delivery: Option<DeliveryInput>,
    /// Total of a custom order; a standard one's is the sum of its lines.
    total: Option<Money>,
    /// The regional manager's share.
    rr_share: Option<Money>,
    /// The broker's share; the delegation's is the rest.
    partner_share: Option<Money>,
    /// Lines of a standard order, all of them, at most 200.
    lines: Option<Vec<OrderLineInput>>,
    /// Details of a custom order.
    #[graphql(default)]
    details: MaybeUndefined<CustomDetails>,
    /// The challenge that gift cheques reward.
    #[graphql(default)]
    challenge: MaybeUndefined<Challenge>,
    /// Title in a few words.
    subject: Option<String>,
    /// Complementary information.
    #[graphql(default)]
    comment: MaybeUndefined<String>,
}

/// What the author said, or nothing; `null` empties.
fn said<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

impl OrderContentInput {
    fn content(self, broker: Option<AccountId>) -> Content {
        let Self {
            action_type,
            year,
            beneficiary,
            delivery,
            total,
            rr_share,
            partner_share,
            lines,
            details,
            challenge,
            subject,
            comment,
        } = self;
        let line = |OrderLineInput { article, quantity }| Line { article: article.0, quantity };
        Content {
            action_type: said(action_type),
            year,
            broker,
            beneficiary,
            delivery: delivery.map(Delivery::from),
            total,
            rr_share,
            partner_share,
            lines: lines.map(|lines| lines.into_iter().map(line).collect()),
            details: said(details),
            challenge: said(challenge),
            subject: subject.map(|text| text.trim().to_owned()),
            comment: said(comment),
        }
    }
}

/// A new draft.
#[derive(Clone, Debug, InputObject)]
pub struct CreateOrderInput {
    /// Standard or custom; it stays so.
    kind: OrderKind,
    /// Delegate whose order it is; the caller where it is not said.
    owner: Option<IdOf<PersonId>>,
    /// Broker for whom it is.
    broker: IdOf<AccountId>,
    #[graphql(flatten)]
    content: OrderContentInput,
    #[graphql(flatten)]
    call: NewCallInput,
}

impl From<CreateOrderInput> for actions::Create {
    fn from(input: CreateOrderInput) -> Self {
        let CreateOrderInput { kind, owner, broker, content, call } = input;
        let content = content.content(Some(broker.0));
        Self { kind, owner: owner.map(|id| id.0), broker: broker.0, content, call: call.into() }
    }
}

/// An order to try out: like a new draft, or one that exists.
#[derive(Clone, Debug, InputObject)]
pub struct SimulateOrderInput {
    /// An existing draft to try out; then everything else is left out.
    pub(super) id: Option<IdOf<OrderId>>,
    /// Standard or custom.
    kind: Option<OrderKind>,
    /// Delegate whose order it would be; the caller where it is not said.
    owner: Option<IdOf<PersonId>>,
    /// Broker for whom it would be.
    broker: Option<IdOf<AccountId>>,
    #[graphql(flatten)]
    content: OrderContentInput,
    /// The absent person for whom the caller acts as deputy.
    pub(super) on_behalf_of: Option<IdOf<PersonId>>,
}

impl SimulateOrderInput {
    /// The new draft that it describes; nothing where kind or broker are missing.
    pub(super) fn draft(self) -> Option<actions::Create> {
        let Self { id: _, kind, owner, broker, content, on_behalf_of } = self;
        let broker = broker?.0;
        let call = NewCallInput { on_behalf_of, ..NewCallInput::default() };
        let content = content.content(Some(broker));
        Some(actions::Create { kind: kind?, owner: owner.map(|id| id.0), broker, content, call: call.into() })
    }
}

/// A change of a draft.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateOrderInput {
    /// The draft.
    pub(super) id: IdOf<OrderId>,
    /// Broker for whom it is.
    broker: Option<IdOf<AccountId>>,
    #[graphql(flatten)]
    content: OrderContentInput,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

impl UpdateOrderInput {
    pub(super) fn split(self) -> (OrderId, Content, CallInput) {
        let Self { id, broker, content, call } = self;
        (id.0, content.content(broker.map(|id| id.0)), call)
    }
}

/// An order to act on, with nothing more to say.
#[derive(Clone, Debug, InputObject)]
pub struct OrderInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

/// A decision about an order.
#[derive(Clone, Debug, InputObject)]
pub struct ValidateOrderInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// What is decided.
    pub(super) decision: Decision,
    /// Why; needed to reject and to return.
    pub(super) reason: Option<String>,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

/// One order of a bulk decision.
#[derive(Clone, Debug, InputObject)]
pub struct ValidateOrdersItem {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// The version that the caller saw.
    pub(super) expected_version: Option<i64>,
}

/// One decision about several orders, each by itself, in order.
#[derive(Clone, Debug, InputObject)]
pub struct ValidateOrdersInput {
    /// The orders, at most 100.
    items: Vec<ValidateOrdersItem>,
    /// What is decided.
    decision: Decision,
    /// Why; needed to reject and to return.
    reason: Option<String>,
    #[graphql(flatten)]
    call: NewCallInput,
}

impl From<ValidateOrdersInput> for Bulk {
    fn from(input: ValidateOrdersInput) -> Self {
        let ValidateOrdersInput { items, decision, reason, call } = input;
        let items = items.into_iter().map(|item| (item.id.0, item.expected_version)).collect();
        Self { items, decision, reason, call: call.into() }
    }
}

/// A release of gift cheques.
#[derive(Clone, Debug, InputObject)]
pub struct ReleaseGiftChequesInput {
    /// The order.
    id: IdOf<OrderId>,
    /// Lower total; without shares, the partner's, the regional manager's, then the own one shrink.
    total: Option<Money>,
    /// The regional manager's share.
    rr_share: Option<Money>,
    /// The broker's share.
    partner_share: Option<Money>,
    /// Complementary information.
    comment: Option<String>,
    /// Where it goes now.
    delivery: Option<DeliveryInput>,
    #[graphql(flatten)]
    call: CallInput,
}

impl From<ReleaseGiftChequesInput> for actions::Release {
    fn from(input: ReleaseGiftChequesInput) -> Self {
        let ReleaseGiftChequesInput { id, total, rr_share, partner_share, comment, delivery, call } = input;
        let delivery = delivery.map(Delivery::from);
        Self { id: id.0, total, rr_share, partner_share, comment, delivery, call: call.into() }
    }
}

/// A proof to send.
#[derive(Clone, Debug, InputObject)]
pub struct SendProofInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// The file, sent with `createUpload`.
    pub(super) upload: IdOf<UploadId>,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

/// A word on an order.
#[derive(Clone, Debug, InputObject)]
pub struct CommentedOrderInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// What is to be said.
    pub(super) comment: Option<String>,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

/// A completion.
#[derive(Clone, Debug, InputObject)]
pub struct CompleteOrderInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// What it cost in the end; its total where it is not said.
    pub(super) actual_cost: Option<Money>,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

/// What an order brought.
#[derive(Clone, Debug, InputObject)]
pub struct RecordResultsInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// People reached.
    contacts_reached: i32,
    /// Appointments made.
    appointments: i32,
    /// Quotes made.
    quotes: i32,
    /// Contracts signed.
    contracts_signed: i32,
    /// Yearly premium of these contracts.
    premium_volume: Money,
    /// A comment.
    comment: Option<String>,
    /// What could be done better.
    improvement_ideas: Option<String>,
    #[graphql(flatten)]
    call: CallInput,
}

impl RecordResultsInput {
    pub(super) fn split(self) -> (OrderId, actions::Results, CallInput) {
        let Self {
            id,
            contacts_reached,
            appointments,
            quotes,
            contracts_signed,
            premium_volume,
            comment,
            improvement_ideas,
            call,
        } = self;
        let results = actions::Results {
            contacts_reached,
            appointments,
            quotes,
            contracts_signed,
            premium_volume,
            comment,
            improvement_ideas,
        };
        (id.0, results, call)
    }
}

/// The arrival of gift cheques.
#[derive(Clone, Debug, InputObject)]
pub struct RecordChequesReceivedInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// Day on which they came.
    pub(super) received_on: Day,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

/// A cancellation.
#[derive(Clone, Debug, InputObject)]
pub struct CancelOrderInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// Why.
    pub(super) reason: Option<String>,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

/// A file to attach.
#[derive(Clone, Debug, InputObject)]
pub struct AttachFileInput {
    /// The order.
    pub(super) id: IdOf<OrderId>,
    /// The file, sent with `createUpload`.
    pub(super) upload: IdOf<UploadId>,
    /// What it is for; proofs are sent with `sendProof`.
    pub(super) purpose: AttachmentPurpose,
    #[graphql(flatten)]
    pub(super) call: CallInput,
}

/// An attachment to remove or to declare invalid.
#[derive(Clone, Debug, InputObject)]
pub struct AttachmentInput {
    /// The attachment.
    attachment: IdOf<AttachmentId>,
    /// Why; needed to declare a receipt invalid.
    reason: Option<String>,
    #[graphql(flatten)]
    call: CallInput,
}

impl From<AttachmentInput> for attachments::Withdraw {
    fn from(input: AttachmentInput) -> Self {
        let AttachmentInput { attachment, reason, call } = input;
        Self { attachment: attachment.0, reason, call: call.into() }
    }
}
