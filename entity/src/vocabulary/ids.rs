//! One type per table's key, so that an order's id can never be taken for a person's.

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// Key of a person who can sign in.
    PersonId,
    /// Key of a region.
    RegionId,
    /// Key of a delegation (a sales office).
    DelegationId,
    /// Key of a deputy's mandate.
    DeputyId,
    /// Key of a signed-in session.
    SessionId,
    /// Key of a refresh token.
    RefreshTokenId,
    /// Key of a subject of an issuer's.
    ExternalIdentityId,
    /// Key of an API key.
    ApiKeyId,
    /// Key of a line of the policy.
    PolicyLineId,
    /// Key of a line of the policy in its history.
    PolicyHistoryId,
    /// Key of an account of the CRM (a broker is one).
    AccountId,
    /// Key of an account's site.
    SiteId,
    /// Key of a contact.
    ContactId,
    /// Key of a contact's place in an account.
    ContactLinkId,
    /// Key of an e-mail address or a telephone number.
    ContactPointId,
    /// Key of a catalogue article.
    ArticleId,
    /// Key of a budget envelope.
    EnvelopeId,
    /// Key of a ledger entry.
    LedgerEntryId,
    /// Key of a marketing-action order.
    OrderId,
    /// Key of an order's line.
    OrderLineId,
    /// Key of an attached file.
    AttachmentId,
    /// Key of a file on its way in.
    UploadId,
    /// Key of a goodwill gesture.
    GoodwillId,
    /// Key of a deal.
    OpportunityId,
    /// Key of a deal's document.
    OppyDocumentId,
    /// Key of a deal's state in the forecast's history.
    DealStateId,
    /// Key of a quota.
    QuotaId,
    /// Key of a work item.
    WorkItemId,
    /// Key of an event.
    EventId,
    /// Key of a webhook.
    WebhookId,
    /// Key of what a webhook is told of an event.
    DeliveryId,
}
