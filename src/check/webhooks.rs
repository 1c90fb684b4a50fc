//! What is told is what happened, and each thing stands where it says.

use super::Comparison;

const RULE: &str = "R-16";

/// What must hold for webhooks and their deliveries.
pub(super) fn comparisons() -> Vec<Comparison> {
    vec![events(), states(), beyond()]
}

/// A delivery tells of an event that is there, by its kind and at its position.
fn events() -> Comparison {
    let sql = "SELECT CAST(webhook_delivery.id AS TEXT) AS row_key, 'event' AS what,
            webhook_delivery.kind || ' at ' || CAST(webhook_delivery.position AS TEXT) AS found,
            COALESCE(event.kind || ' at ' || CAST(event.position AS TEXT), 'none') AS expected
        FROM webhook_delivery LEFT JOIN event ON event.id = webhook_delivery.event_id
        WHERE webhook_delivery.event_id IS NOT NULL
            AND (event.id IS NULL OR event.kind <> webhook_delivery.kind
                OR event.position IS DISTINCT FROM webhook_delivery.position)";
    Comparison { rule: RULE, table: "webhook_delivery", sql: sql.to_owned() }
}

/// What has ended has ended at some time; what waits has not, and only that is anybody at.
fn states() -> Comparison {
    let sql = "SELECT CAST(id AS TEXT) AS row_key, 'state' AS what, state AS found,
            CASE WHEN finished_at IS NULL THEN 'PENDING' ELSE 'one that has ended' END AS expected
        FROM webhook_delivery
        WHERE (state = 'PENDING') <> (finished_at IS NULL)
            OR (state <> 'PENDING' AND leased_until IS NOT NULL)";
    Comparison { rule: RULE, table: "webhook_delivery", sql: sql.to_owned() }
}

/// Nothing was looked at that has not happened.
fn beyond() -> Comparison {
    let sql = "SELECT CAST(webhook.id AS TEXT) AS row_key, 'position' AS what,
            CAST(webhook.position AS TEXT) AS found, 'at most ' || CAST(latest.position AS TEXT) AS expected
        FROM webhook CROSS JOIN (SELECT COALESCE(MAX(position), 0) AS position FROM event) AS latest
        WHERE webhook.position > latest.position OR webhook.replay_until > latest.position";
    Comparison { rule: RULE, table: "webhook", sql: sql.to_owned() }
}
