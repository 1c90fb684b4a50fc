//! Opaque global ids: base64 of the type's name and the key.

use ::entity::vocabulary::{
    AccountId, ApiKeyId, ArticleId, AttachmentId, ContactId, DelegationId, DeliveryId, DeputyId, EnvelopeId, EventId,
    GoodwillId, LedgerEntryId, OpportunityId, OppyDocumentId, OrderId, OrderLineId, PersonId, QuotaId, RegionId,
    SiteId, UploadId, WebhookId, WorkItemId,
};
use async_graphql::{ID, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Something with a global id.
pub trait Key: Copy + Send + Sync + 'static {
    /// Name of the type in the schema.
    const TYPE: &'static str;
    /// The key in the database.
    fn raw(self) -> i64;
    /// The typed key.
    fn from_raw(key: i64) -> Self;
}

macro_rules! keys {
    ($($id:ident = $name:literal),+ $(,)?) => {$(
        impl Key for $id {
            const TYPE: &'static str = $name;
            fn raw(self) -> i64 { self.0 }
            fn from_raw(key: i64) -> Self { Self(key) }
        }
    )+};
}

keys! {
    PersonId = "Person",
    RegionId = "Region",
    DelegationId = "Delegation",
    DeputyId = "Deputy",
    ApiKeyId = "ApiKey",
    AccountId = "Account",
    SiteId = "Site",
    ContactId = "Contact",
    ArticleId = "Article",
    EnvelopeId = "Envelope",
    LedgerEntryId = "LedgerEntry",
    OrderId = "Order",
    OrderLineId = "OrderLine",
    AttachmentId = "Attachment",
    UploadId = "Upload",
    GoodwillId = "GoodwillGesture",
    OpportunityId = "Opportunity",
    QuotaId = "Quota",
    WorkItemId = "WorkItem",
    OppyDocumentId = "OppyDocument",
    EventId = "TimelineEntry",
    WebhookId = "Webhook",
    DeliveryId = "WebhookDelivery",
}

/// The global id of a key.
#[must_use]
pub fn global<K: Key>(key: K) -> ID {
    named(K::TYPE, key.raw())
}

/// The global id of something whose type is known by name alone.
#[must_use]
pub fn named(name: &str, key: i64) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{name}:{key}")))
}

/// The type and key that a global id stands for.
#[must_use]
pub fn parse(id: &str) -> Option<(String, i64)> {
    if id.len() > 64 {
        return None;
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    let (name, key) = text.split_once(':')?;
    let key: i64 = key.parse().ok()?;
    // One id per object: what would print otherwise is not one.
    (text == format!("{name}:{key}") && key > 0).then(|| (name.to_owned(), key))
}

/// A global id of one type, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdOf<K>(pub K);

/// Opaque id of an object.
#[Scalar(name = "ID")]
impl<K: Key> ScalarType for IdOf<K> {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        match parse(text) {
            Some((name, key)) if name == K::TYPE => Ok(Self(K::from_raw(key))),
            _ => Err(InputValueError::custom(format!("not the id of a {}", K::TYPE))),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(global(self.0).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_as_it_was_and_nothing_else_is_one() {
        assert_eq!(parse(&global(OrderId(7)).0), Some(("Order".into(), 7)));
        for bad in ["", "Order:7", "T3JkZXI6LTc", "T3JkZXI6MDc", "é", "T3JkZXI6Kzc"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
