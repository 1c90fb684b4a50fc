//! What an event changed, in one form, however it was told: each value by its path, before and after. Pure.
//!
//! Events tell changes in four ways: a pair for each column of a workflow's object, `{before, after}` for each field
//! of others, a pair of whole documents, and plain values of what is new. Here all of them come to a list of leaves,
//! named as the schema names them, amounts in euros and keys as global ids.

use async_graphql::{Enum, SimpleObject};
use chrono::SecondsFormat;
use serde_json::{Map, Value as Json};

use crate::{graphql::id, record};

/// What a value of a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AuditValueKind {
    /// A text, a code, a day or a moment.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An amount in euros.
    Amount,
    /// A global id.
    Id,
}

/// One value that an event changed.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct AuditChange {
    /// Path to it in the object, as the schema names it; places in a list count from 0.
    pub path: Vec<String>,
    /// What it is.
    pub kind: AuditValueKind,
    /// What it was; none where there was nothing, or where the event tells only what is new.
    pub before: Option<String>,
    /// What it became; none where nothing is left.
    pub after: Option<String>,
}

/// Everything that an event changed.
#[must_use]
pub fn of(kind: &str, changes: &Json) -> Vec<AuditChange> {
    let mut told = Vec::new();
    match changes {
        Json::Object(fields) => fields.iter().for_each(|(name, value)| {
            let (before, after) = sides(kind, value);
            differ(&mut vec![schema_name(name)], name, before, after, &mut told);
        }),
        Json::Array(pair) if pair.len() == 2 => differ(&mut Vec::new(), "", &pair[0], &pair[1], &mut told),
        _ => {}
    }
    told
}

/// What a field was and what it became, in the form in which the event tells it.
fn sides<'j>(kind: &str, value: &'j Json) -> (&'j Json, &'j Json) {
    // Only these tell pairs; what is a list of two elsewhere is a list.
    let tells_pairs = ["order.", "oppy.", "budget.year_changed"].iter().any(|start| kind.starts_with(start));
    match value {
        Json::Array(pair) if tells_pairs && pair.len() == 2 => (&pair[0], &pair[1]),
        Json::Object(fields) => match (fields.len(), fields.get("before"), fields.get("after")) {
            (2, Some(before), Some(after)) => (before, after),
            _ => (&Json::Null, value),
        },
        _ => (&Json::Null, value),
    }
}

/// Goes down where either side has something inside, and tells the leaves that differ.
fn differ(path: &mut Vec<String>, name: &str, before: &Json, after: &Json, told: &mut Vec<AuditChange>) {
    if before == after {
        return;
    }
    if let (Some(old), Some(new)) = (inside(before), inside(after))
        && !(old.is_empty() && new.is_empty())
    {
        let names = old.iter().chain(new.iter().filter(|(name, _)| !has(&old, name))).map(|(name, _)| name.clone());
        for inner in names {
            path.push(schema_name(&inner));
            // A place in a list is named as the list is.
            let named = if inner.bytes().all(|b| b.is_ascii_digit()) { name } else { &inner };
            differ(path, named, at(&old, &inner), at(&new, &inner), told);
            path.pop();
        }
        return;
    }
    let kind =
        [after, before].into_iter().find(|side| !side.is_null()).map_or(AuditValueKind::Text, |v| of_leaf(name, v));
    let text = |side: &Json| leaf(kind, name, side);
    told.push(AuditChange { path: path.clone(), kind, before: text(before), after: text(after) });
}

type Inside<'j> = Vec<(String, &'j Json)>;

/// What a list or an object holds; nothing holds nothing; none for a leaf.
fn inside(value: &Json) -> Option<Inside<'_>> {
    match value {
        Json::Null => Some(Vec::new()),
        Json::Array(items) => Some(items.iter().enumerate().map(|(place, item)| (place.to_string(), item)).collect()),
        Json::Object(fields) => Some(fields.iter().map(|(name, field)| (name.clone(), field)).collect()),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

fn has(inside: &Inside<'_>, name: &str) -> bool {
    inside.iter().any(|(known, _)| known == name)
}

fn at<'j>(inside: &Inside<'j>, name: &str) -> &'j Json {
    inside.iter().find(|(known, _)| known == name).map_or(&Json::Null, |(_, value)| value)
}

fn of_leaf(name: &str, value: &Json) -> AuditValueKind {
    match value {
        Json::Bool(_) => AuditValueKind::Boolean,
        Json::Number(_) if pointed_to(name).is_some() => AuditValueKind::Id,
        Json::Number(_) if AMOUNTS.contains(&schema_name(name).as_str()) => AuditValueKind::Amount,
        Json::Number(_) => AuditValueKind::Number,
        Json::String(_) | Json::Null | Json::Array(_) | Json::Object(_) => AuditValueKind::Text,
    }
}

/// A leaf as a text; what is empty inside is told as such.
fn leaf(kind: AuditValueKind, name: &str, value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::Bool(truth) => Some(truth.to_string()),
        Json::String(text) => Some(as_it_is_shown(text)),
        Json::Number(number) => Some(match (kind, number.as_i64(), pointed_to(name)) {
            (AuditValueKind::Id, Some(key), Some(of)) => id::named(of, key).0,
            (AuditValueKind::Amount, Some(cents), _) => ::entity::vocabulary::Money(cents).to_string(),
            _ => number.to_string(),
        }),
        Json::Array(items) => items.is_empty().then(|| "[]".to_owned()),
        Json::Object(fields) => Map::is_empty(fields).then(|| "{}".to_owned()),
    }
}

/// A text; the moments of the first events stand as SQL wrote them.
fn as_it_is_shown(text: &str) -> String {
    let quoted = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let Some(plain) = quoted else { return text.to_owned() };
    let moment = record::moment(plain).map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    moment.or_else(|| day(plain)).unwrap_or_else(|| text.to_owned())
}

fn day(plain: &str) -> Option<String> {
    plain.parse::<chrono::NaiveDate>().ok().map(|day| day.to_string())
}

/// `rr_share` as the schema has it: `rrShare`; a key as what it points to: `owner_id` is `owner`.
fn schema_name(name: &str) -> String {
    let words = name.strip_suffix("_id").unwrap_or(name).split('_').filter(|word| !word.is_empty()).enumerate();
    let in_camel_case = words.map(|(place, word)| match (place, word.split_at_checked(1)) {
        (1.., Some((first, rest))) => first.to_uppercase() + rest,
        _ => word.to_owned(),
    });
    in_camel_case.collect()
}

/// What is kept in cents.
const AMOUNTS: &[&str] = &[
    "actualCost",
    "allocated",
    "amount",
    "autoCustomBelow",
    "autoStandardBelow",
    "available",
    "committed",
    "consumed",
    "delegationShare",
    "largeAbove",
    "management",
    "middleFrom",
    "oneOff",
    "partnerShare",
    "pool",
    "premiumVolume",
    "recurring",
    "rrCommitted",
    "rrShare",
    "services",
    "total",
    "unitPrice",
];

/// The type of what a key of that name points to.
fn pointed_to(name: &str) -> Option<&'static str> {
    Some(match schema_name(name).trim_end_matches("Id") {
        "absent" | "actor" | "author" | "authoredFor" | "checker" | "committedBy" | "decidedBy" | "deputy"
        | "engagementManager" | "onBehalfOf" | "owner" | "person" | "portfolioOwner" | "recordedBy" | "requester"
        | "requestedFor" | "submitter" | "submittedFor" => "Person",
        "account" | "broker" => "Account",
        "article" => "Article",
        "attachment" => "Attachment",
        "contact" => "Contact",
        "delegation" => "Delegation",
        "document" => "OppyDocument",
        "donor" | "envelope" | "recipient" => "Envelope",
        "copyOf" | "order" => "Order",
        "opportunity" => "Opportunity",
        "region" => "Region",
        "site" => "Site",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kind: &str, changes: Json) -> Vec<(String, Option<String>, Option<String>)> {
        of(kind, &changes).into_iter().map(|c| (c.path.join("."), c.before, c.after)).collect()
    }

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> (String, Option<String>, Option<String>) {
        (path.into(), before.map(str::to_owned), after.map(str::to_owned))
    }

    #[test]
    fn the_columns_of_an_order_are_told_as_the_schema_names_them() {
        let changes = json!({
            "rr_share": [0, 12_050],
            "owner_id": [3, 4],
            "submitted_at": [null, "'2026-03-16 09:00:00.000000 +00:00'"],
            "cheques_received_on": [null, "'2026-03-16'"],
            "auto_validated": [false, true],
            "delivery_address": [null, { "street": "1 rue Haute", "city": "Lille" }],
        });
        let expected = [
            change("autoValidated", Some("false"), Some("true")),
            change("chequesReceivedOn", None, Some("2026-03-16")),
            change("deliveryAddress.city", None, Some("Lille")),
            change("deliveryAddress.street", None, Some("1 rue Haute")),
            change("owner", Some(&id::named("Person", 3)), Some(&id::named("Person", 4))),
            change("rrShare", Some("0.00"), Some("120.50")),
            change("submittedAt", None, Some("2026-03-16T09:00:00Z")),
        ];
        assert_eq!(told("order.submitted", changes), expected);
    }

    #[test]
    fn only_what_differs_inside_is_told() {
        let line = |quantity: i64| json!({ "article": 7, "quantity": quantity, "unitPrice": 150 });
        let changes = json!({ "lines": [[line(2), line(9)], [line(3), line(9), line(1)]] });
        let expected = [
            change("lines.0.quantity", Some("2"), Some("3")),
            change("lines.2.article", None, Some(&id::named("Article", 7))),
            change("lines.2.quantity", None, Some("1")),
            change("lines.2.unitPrice", None, Some("1.50")),
        ];
        assert_eq!(told("order.updated", changes), expected);
    }

    #[test]
    fn other_events_tell_before_and_after_or_what_is_new() {
        let updated = json!({ "roles": { "before": ["RR"], "after": ["RR", "PDV"] }, "password": true });
        let expected = [change("password", None, Some("true")), change("roles.1", None, Some("PDV"))];
        assert_eq!(told("identity.user_updated", updated), expected);
        let created = json!({ "roles": ["RR", "PDV"], "delegation": null, "region": 2 });
        let expected = [
            change("region", None, Some(&id::named("Region", 2))),
            change("roles.0", None, Some("RR")),
            change("roles.1", None, Some("PDV")),
        ];
        assert_eq!(told("identity.user_created", created), expected);
        let whole = json!([{ "days": 3, "same": 1 }, { "days": 5, "same": 1 }]);
        assert_eq!(told("playbook.updated", whole), [change("days", Some("3"), Some("5"))]);
        assert_eq!(told("x", json!({ "list": { "before": ["a"], "after": [] } })), [change("list.0", Some("a"), None)]);
        assert_eq!(told("x", json!("scalar")), []);
    }
}
