//! What the schema shows of orders.

use ::entity::{
    orders::{attachment, order, order_line, order_result},
    vocabulary::{
        ActionType, Address, AttachmentPurpose, Beneficiary, Challenge, CustomDetails, Day, DeliveryMode, Money,
        OrderKind, OrderStatus, PersonId, RrReason,
    },
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    labels,
    lookups::{AttachmentsOf, LineCountOf, LinesOf, ResultsOf},
    rules,
    workflow::OrderWorkflow,
};
use crate::{
    catalog::types::Article,
    crm::types::{Account, Site},
    graphql::{
        available::{self, AvailableAction, Offered},
        guard::requires,
        id::{IdOf, global},
        payload::{Told, mutations, op},
        timeline::{self, TimelineEntry},
    },
    identity::types::{Delegation, Person, Region},
    loaders::Loaders,
};

/// A marketing-action order.
#[derive(Clone, Debug)]
pub struct Order(pub order::Model);

/// A marketing-action order ("commande ACOR").
#[Object(directive = requires::apply("readOrders".into()))]
impl Order {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Number, such as `ACOR-2026-000123`; a draft that was never submitted has none.
    async fn number(&self) -> Option<&str> {
        self.0.number.as_deref()
    }

    /// Standard or custom.
    async fn kind(&self) -> OrderKind {
        self.0.kind
    }

    /// What a custom order is for.
    async fn action_type(&self) -> Option<ActionType> {
        self.0.action_type
    }

    /// Budget year.
    async fn year(&self) -> i32 {
        self.0.year
    }

    /// Title in a few words.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Complementary information.
    async fn comment(&self) -> Option<&str> {
        self.0.comment.as_deref()
    }

    /// Where it stands.
    async fn status(&self) -> OrderStatus {
        self.0.status
    }

    /// Where it stands, in the users' own words.
    async fn status_label(&self, ctx: &Context<'_>) -> String {
        labels::status(self.0.status).into_language(op(ctx).language)
    }

    /// Since when it stands there.
    async fn status_since(&self) -> DateTime<Utc> {
        self.0.status_since
    }

    /// Delegate whose order it is.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.owner_id).await.told(op(ctx))?))
    }

    /// Who created it.
    async fn author(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.author_id).await.told(op(ctx))?))
    }

    /// Who submitted it last.
    async fn submitter(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.submitter_id).await.told(op(ctx))?.map(Person))
    }

    /// Delegation of the owner.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Delegation> {
        Ok(Delegation(Loaders::of(ctx).one(self.0.delegation_id).await.told(op(ctx))?))
    }

    /// Region of that delegation.
    async fn region(&self, ctx: &Context<'_>) -> Result<Region> {
        Ok(Region(Loaders::of(ctx).one(self.0.region_id).await.told(op(ctx))?))
    }

    /// Broker for whom it is.
    async fn broker(&self, ctx: &Context<'_>) -> Result<Account> {
        Ok(Account(Loaders::of(ctx).one(self.0.broker_id).await.told(op(ctx))?))
    }

    /// Who benefits.
    async fn beneficiary(&self) -> Beneficiary {
        self.0.beneficiary
    }

    /// Where it goes.
    async fn delivery(&self) -> Delivery {
        Delivery(self.0.clone())
    }

    /// Everything together.
    async fn total(&self) -> Money {
        self.0.total
    }

    /// What the regional manager pays.
    async fn rr_share(&self) -> Money {
        self.0.rr_share
    }

    /// What the broker pays.
    async fn partner_share(&self) -> Money {
        self.0.partner_share
    }

    /// The rest: what the owner's envelope pays.
    async fn delegation_share(&self) -> Money {
        self.0.delegation_share
    }

    /// What is committed on the owner's envelope at this moment.
    async fn committed(&self) -> Money {
        self.0.committed
    }

    /// What it cost in the end.
    async fn actual_cost(&self) -> Option<Money> {
        self.0.actual_cost
    }

    /// Why the regional manager had to see it.
    async fn rr_reasons(&self) -> &[RrReason] {
        &self.0.rr_reasons.0
    }

    /// Whether it skipped the regional manager.
    async fn auto_validated(&self) -> bool {
        self.0.auto_validated
    }

    /// Details of a custom order.
    async fn details(&self) -> Option<&CustomDetails> {
        self.0.details.as_ref()
    }

    /// The challenge that gift cheques reward.
    async fn challenge(&self) -> Option<&Challenge> {
        self.0.challenge.as_ref()
    }

    /// Lines of a standard order.
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<OrderLine>> {
        let lines = Loaders::of(ctx).find(LinesOf(self.0.id)).await.told(op(ctx))?.unwrap_or_default();
        Ok(lines.into_iter().map(OrderLine).collect())
    }

    /// How many lines a standard order has; a custom order has none.
    async fn line_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(Loaders::of(ctx).find(LineCountOf(self.0.id)).await.told(op(ctx))?.unwrap_or_default())
    }

    /// Files attached to it, oldest first.
    async fn attachments(&self, ctx: &Context<'_>) -> Result<Vec<Attachment>> {
        let attachments = Loaders::of(ctx).find(AttachmentsOf(self.0.id)).await.told(op(ctx))?.unwrap_or_default();
        Ok(attachments.into_iter().map(Attachment).collect())
    }

    /// Documents that are still missing before it can be processed or released.
    async fn missing_documents(&self) -> Vec<AttachmentPurpose> {
        rules::documents_missing(&self.0)
    }

    /// What it brought.
    async fn results(&self, ctx: &Context<'_>) -> Result<Option<OrderResults>> {
        Ok(Loaders::of(ctx).find(ResultsOf(self.0.id)).await.told(op(ctx))?.map(OrderResults))
    }

    /// Day on which the gift cheques reached the delegation.
    async fn cheques_received_on(&self) -> Option<Day> {
        self.0.cheques_received_on.map(Day)
    }

    /// Last day for the handover receipt; none once it is there.
    async fn receipt_due_on(&self) -> Option<Day> {
        self.0.receipt_due_on.map(Day)
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was submitted last.
    async fn submitted_at(&self) -> Option<DateTime<Utc>> {
        self.0.submitted_at
    }

    /// When it was completed.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// Everything that happened to it, oldest first.
    async fn timeline(&self, ctx: &Context<'_>) -> Result<Vec<TimelineEntry>> {
        timeline::of(ctx, self.0.id).await
    }

    /// For each action of the caller's schema whether they may take it now, and if not, every reason; none for an order
    /// as it stood (`asOf`).
    async fn available_actions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The absent person for whom the caller would act.")] on_behalf_of: Option<IdOf<PersonId>>,
    ) -> Result<Vec<AvailableAction<OrderWorkflow>>> {
        available::of(ctx, self.0.id, on_behalf_of).await
    }
}

/// Where an order goes.
#[derive(Clone, Debug)]
pub struct Delivery(order::Model);

/// Where an order goes.
#[Object]
impl Delivery {
    /// To what kind of place.
    async fn mode(&self) -> DeliveryMode {
        self.0.delivery_mode
    }

    /// Which of the broker's sites.
    async fn site(&self, ctx: &Context<'_>) -> Result<Option<Site>> {
        Ok(Loaders::of(ctx).optional(self.0.site_id).await.told(op(ctx))?.map(Site))
    }

    /// The free address; from submission on the copy of whichever was chosen.
    async fn address(&self) -> Option<PostalAddress> {
        self.0.delivery_address.clone().map(PostalAddress::from)
    }
}

/// A postal address.
#[derive(Clone, Debug, SimpleObject)]
pub struct PostalAddress {
    /// Name on the letter box.
    recipient: String,
    /// Number and street.
    street: String,
    /// Postcode.
    postcode: String,
    /// City.
    city: String,
}

impl From<Address> for PostalAddress {
    fn from(address: Address) -> Self {
        let Address { recipient, street, postcode, city } = address;
        Self { recipient, street, postcode, city }
    }
}

/// A line of a standard order.
#[derive(Clone, Debug)]
pub struct OrderLine(pub order_line::Model);

/// A line of a standard order.
#[Object]
impl OrderLine {
    /// Place in the order, from 1.
    async fn position(&self) -> i32 {
        self.0.position
    }

    /// What is ordered.
    async fn article(&self, ctx: &Context<'_>) -> Result<Article> {
        Ok(Article(Loaders::of(ctx).one(self.0.article_id).await.told(op(ctx))?))
    }

    /// Pieces.
    async fn quantity(&self) -> i64 {
        self.0.quantity
    }

    /// Price of a piece: frozen when the order was submitted.
    async fn unit_price(&self) -> Money {
        self.0.unit_price
    }

    /// Price of the line.
    async fn total(&self) -> Option<Money> {
        self.0.unit_price.times(self.0.quantity)
    }
}

/// A file attached to an order.
#[derive(Clone, Debug)]
pub struct Attachment(pub attachment::Model);

/// A file attached to an order.
#[Object(directive = requires::apply("readOrders".into()))]
impl Attachment {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// What it is for.
    async fn purpose(&self) -> AttachmentPurpose {
        self.0.purpose
    }

    /// Number of the proof's round.
    async fn round(&self) -> Option<i32> {
        self.0.round
    }

    /// Name of the file.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Media type, found from its content.
    async fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// Size in bytes.
    async fn size(&self) -> i64 {
        self.0.size
    }

    /// SHA-256 of its content, in hexadecimal.
    async fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// Where it can be had, with the same sign-in.
    async fn url(&self) -> String {
        format!("/files/attachments/{}", global(self.0.id).0)
    }

    /// Who added it.
    async fn added_by(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.added_by_id).await.told(op(ctx))?))
    }

    /// When.
    async fn added_at(&self) -> DateTime<Utc> {
        self.0.added_at
    }

    /// Why it was declared invalid.
    async fn invalid_reason(&self) -> Option<&str> {
        self.0.invalid_reason.as_deref()
    }
}

/// What an order brought.
#[derive(Clone, Debug)]
pub struct OrderResults(pub order_result::Model);

/// What an order brought.
#[Object]
impl OrderResults {
    /// People reached.
    async fn contacts_reached(&self) -> i32 {
        self.0.contacts_reached
    }

    /// Appointments made.
    async fn appointments(&self) -> i32 {
        self.0.appointments
    }

    /// Quotes made.
    async fn quotes(&self) -> i32 {
        self.0.quotes
    }

    /// Contracts signed.
    async fn contracts_signed(&self) -> i32 {
        self.0.contracts_signed
    }

    /// Yearly premium of these contracts.
    async fn premium_volume(&self) -> Money {
        self.0.premium_volume
    }

    /// A comment.
    async fn comment(&self) -> Option<&str> {
        self.0.comment.as_deref()
    }

    /// What could be done better.
    async fn improvement_ideas(&self) -> Option<&str> {
        self.0.improvement_ideas.as_deref()
    }

    /// When it was recorded or corrected last.
    async fn recorded_at(&self) -> DateTime<Utc> {
        self.0.recorded_at
    }

    /// By whom.
    async fn recorded_by(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.recorded_by_id).await.told(op(ctx))?))
    }
}

mutations! {
    OrderActionRefusal: common + ["ACTION_TYPE_REQUIRED", "ALREADY_RECORDED", "AMOUNT_INVALID", "ARTICLE_NOT_AVAILABLE", "BROKER_IN_CHALLENGE_PROGRAMME", "BROKER_NOT_IN_PORTFOLIO", "BUDGET_DEFICIT", "CHALLENGE_INCOMPLETE", "CHEQUES_RECEIVED", "DELIVERY_INCOMPLETE", "DETAILS_INCOMPLETE", "FILE_REQUIRED", "FORBIDDEN", "GOODWILL_NOT_AN_ORDER", "MISSING_DOCUMENTS", "NOT_ALLOCATED", "NOT_GIFT_CHEQUES", "NOT_YOUR_STEP", "NO_LINES", "OUT_OF_STOCK", "OWNER_LEFT", "QUANTITY_INVALID", "RECEIPT_OVERDUE", "RR_BUDGET_DEFICIT", "SELF_VALIDATION", "SPLIT_MAXIMUM", "SPLIT_MINIMUM", "SUBMISSION_CLOSED", "TOO_MANY", "WRONG_STATUS", "YEAR_CLOSED", "YEAR_FIXED", "YEAR_NOT_OPEN"],
}

impl Offered for OrderWorkflow {
    const NAME: &'static str = "AvailableAction";
    type Reasons = OrderActionRefusal;
}
