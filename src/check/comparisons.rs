//! What must agree with what. Amounts are in cents.

use ::entity::vocabulary::AttachmentPurpose;

use super::Comparison;
use crate::{numbering::Series, opportunities, orders};

/// Every comparison of a database.
pub(super) fn all(postgres: bool) -> Vec<Comparison> {
    let mut all = vec![
        shares(),
        lines(),
        committed(postgres),
        promises(),
        numbered(postgres),
        documents(),
        proofs(),
        receipts(),
        positions(),
        last_event("O-27", "Order", "orders", "status"),
        last_event("P-2", "Opportunity", "opportunity", "stage"),
        causes(),
        establishments(),
    ];
    all.extend(super::deals::comparisons(postgres));
    all.extend(super::webhooks::comparisons());
    all.extend(NUMBERED.iter().map(|numbered| numbered.last_number(postgres)));
    if !postgres {
        // PostgreSQL lets nobody break these.
        all.extend([foreign_keys(), unnumbered_events()]);
    }
    all
}

/// O-2: three shares, together the total. A draft may still be at odds with itself, and a cancelled one
/// may have stayed so.
fn shares() -> Comparison {
    let sql = "SELECT CAST(id AS TEXT) AS row_key, 'total' AS what, CAST(total AS TEXT) AS found,
            CAST(rr_share + partner_share + delegation_share AS TEXT) AS expected
        FROM orders
        WHERE status NOT IN ('DRAFT', 'CANCELLED')
            AND (total <> rr_share + partner_share + delegation_share
                OR rr_share < 0 OR partner_share < 0 OR delegation_share < 0)";
    Comparison { rule: "O-2", table: "orders", sql: sql.to_owned() }
}

/// O-1: a catalogue order costs what its lines cost.
fn lines() -> Comparison {
    let sql = "SELECT CAST(id AS TEXT) AS row_key, 'total' AS what, CAST(total AS TEXT) AS found,
            CAST(COALESCE(amount, 0) AS TEXT) AS expected
        FROM orders LEFT JOIN (
            SELECT order_id, SUM(quantity * unit_price) AS amount FROM order_line GROUP BY order_id
        ) AS cost ON cost.order_id = orders.id
        WHERE kind = 'STANDARD' AND status NOT IN ('DRAFT', 'CANCELLED') AND total <> COALESCE(amount, 0)";
    Comparison { rule: "O-1", table: "orders", sql: sql.to_owned() }
}

/// B-3, O-25: what an order holds on its two envelopes and what it cost them is what the ledger says; a
/// lower cost spares the broker, then the manager, then the delegation.
fn committed(postgres: bool) -> Comparison {
    let most = if postgres { "GREATEST" } else { "MAX" };
    let sql = format!(
        "SELECT CAST(id AS TEXT) AS row_key, 'committed / by the manager / spent / by the manager' AS what,
            CAST(committed AS TEXT) || ' / ' || CAST(rr_committed AS TEXT) || ' / '
                || CAST(cost - rr_cost - partner_cost AS TEXT) || ' / ' || CAST(rr_cost AS TEXT) AS found,
            CAST(own_promise AS TEXT) || ' / ' || CAST(rr_promise AS TEXT) || ' / '
                || CAST(own_spent AS TEXT) || ' / ' || CAST(rr_spent AS TEXT) AS expected
        FROM (
            SELECT id, committed, rr_committed, COALESCE(actual_cost, 0) AS cost,
                CASE WHEN actual_cost IS NULL THEN 0
                    ELSE {most}(rr_share - {most}({most}(total - actual_cost, 0) - partner_share, 0), 0) END AS rr_cost,
                CASE WHEN actual_cost IS NULL THEN 0
                    ELSE {most}(partner_share - {most}(total - actual_cost, 0), 0) END AS partner_cost,
                COALESCE(own_promise, 0) AS own_promise, COALESCE(rr_promise, 0) AS rr_promise,
                COALESCE(own_spent, 0) AS own_spent, COALESCE(rr_spent, 0) AS rr_spent
            FROM orders LEFT JOIN (
                SELECT order_id,
                    SUM(CASE WHEN family IS NULL THEN 0 WHEN kind = 'COMMITMENT' THEN amount
                        WHEN kind = 'RELEASE' THEN -amount ELSE 0 END) AS own_promise,
                    SUM(CASE WHEN family IS NOT NULL THEN 0 WHEN kind = 'COMMITMENT' THEN amount
                        WHEN kind = 'RELEASE' THEN -amount ELSE 0 END) AS rr_promise,
                    SUM(CASE WHEN family IS NOT NULL AND kind = 'CONSUMPTION' THEN amount ELSE 0 END) AS own_spent,
                    SUM(CASE WHEN family IS NULL AND kind = 'CONSUMPTION' THEN amount ELSE 0 END) AS rr_spent
                FROM ledger_entry WHERE order_id IS NOT NULL
                GROUP BY order_id
            ) AS entries ON entries.order_id = orders.id
        ) AS compared
        WHERE committed <> own_promise OR rr_committed <> rr_promise
            OR cost - rr_cost - partner_cost <> own_spent OR rr_cost <> rr_spent"
    );
    Comparison { rule: "B-3", table: "orders", sql }
}

/// B-3: money is promised from submission to completion, wholly from the manager's approval on; a cost is
/// known from completion on.
fn promises() -> Comparison {
    let sql = "SELECT CAST(id AS TEXT) AS row_key, status || ': committed / by the manager / cost' AS what,
            CAST(committed AS TEXT) || ' / ' || CAST(rr_committed AS TEXT) || ' / '
                || COALESCE(CAST(actual_cost AS TEXT), 'none') AS found,
            CASE WHEN status IN ('AWAITING_RESULTS', 'CLOSED') THEN '0 / 0 / known'
                WHEN status IN ('DRAFT', 'REJECTED', 'CANCELLED') THEN '0 / 0 / none'
                WHEN status = 'PENDING_RR' THEN '0 or ' || CAST(delegation_share AS TEXT) || ' / 0 / none'
                ELSE CAST(delegation_share AS TEXT) || ' / ' || CAST(rr_share AS TEXT) || ' / none' END AS expected
        FROM orders
        WHERE CASE WHEN status IN ('AWAITING_RESULTS', 'CLOSED')
                THEN committed <> 0 OR rr_committed <> 0 OR actual_cost IS NULL
            WHEN status IN ('DRAFT', 'REJECTED', 'CANCELLED')
                THEN committed <> 0 OR rr_committed <> 0 OR actual_cost IS NOT NULL
            WHEN status = 'PENDING_RR'
                THEN committed NOT IN (0, delegation_share) OR rr_committed <> 0 OR actual_cost IS NOT NULL
            ELSE committed <> delegation_share OR rr_committed <> rr_share OR actual_cost IS NOT NULL END";
    Comparison { rule: "B-3", table: "orders", sql: sql.to_owned() }
}

/// A table whose rows have numbers of a series.
struct Numbered {
    series: Series,
    table: &'static str,
    column: &'static str,
}

/// Everything that is numbered.
const NUMBERED: &[Numbered] = &[ORDERS, DEALS];
const ORDERS: Numbered = Numbered { series: orders::NUMBERS, table: "orders", column: "number" };
const DEALS: Numbered = Numbered { series: opportunities::NUMBERS, table: "opportunity", column: "number" };

impl Numbered {
    /// Whether a number looks like one of its series.
    fn is_number(&self, postgres: bool) -> String {
        let Self { series, column, .. } = self;
        let prefix = series.prefix();
        if postgres {
            return format!("{column} ~ '^{prefix}-[0-9]{{4}}-[0-9]{{6,9}}$'");
        }
        let digit = "[0-9]";
        format!(
            "({column} GLOB '{prefix}-{}-{}*' AND {} NOT GLOB '*[^0-9]*')",
            digit.repeat(4),
            digit.repeat(6),
            self.place()
        )
    }

    /// The year that a number names.
    fn year(&self) -> String {
        format!("SUBSTR({}, {}, 4)", self.column, self.series.prefix().len() + 2)
    }

    /// The place in the year that it names.
    fn place(&self) -> String {
        format!("SUBSTR({}, {})", self.column, self.series.prefix().len() + 7)
    }

    /// Numbers have no gaps: as many as the highest, which is the last that was given.
    fn last_number(&self, postgres: bool) -> Comparison {
        let sql = format!(
            "SELECT year AS row_key, 'the last number' AS what,
                COALESCE(CAST(last AS TEXT), 'none') || ', the highest ' || CAST(highest AS TEXT) AS found,
                CAST(given AS TEXT) || ' for both' AS expected
            FROM (
                SELECT years.year, counter.last, COALESCE(given, 0) AS given, COALESCE(highest, 0) AS highest
                FROM (
                    SELECT CAST(year AS TEXT) AS year FROM number_series WHERE series = '{prefix}'
                    UNION SELECT {year} FROM {table} WHERE {is_number}
                ) AS years
                LEFT JOIN number_series AS counter
                    ON counter.series = '{prefix}' AND CAST(counter.year AS TEXT) = years.year
                LEFT JOIN (
                    SELECT {year} AS year, COUNT(*) AS given, MAX(CAST({place} AS INTEGER)) AS highest
                    FROM {table} WHERE {is_number} GROUP BY {year}
                ) AS numbered ON numbered.year = years.year
            ) AS compared
            WHERE last IS NULL OR last <> given OR highest <> given",
            prefix = self.series.prefix(),
            table = self.table,
            year = self.year(),
            place = self.place(),
            is_number = self.is_number(postgres),
        );
        Comparison { rule: "numbering", table: "number_series", sql }
    }
}

/// An order has a number from its first submission on, and none before.
fn numbered(postgres: bool) -> Comparison {
    let is_number = ORDERS.is_number(postgres);
    let sql = format!(
        "SELECT CAST(id AS TEXT) AS row_key, 'number' AS what, COALESCE(number, 'none') AS found,
            CASE WHEN submitted_at IS NULL THEN 'none before the first submission' ELSE 'ACOR-YYYY-NNNNNN' END AS expected
        FROM orders
        WHERE (number IS NULL AND (submitted_at IS NOT NULL OR status NOT IN ('DRAFT', 'CANCELLED')))
            OR (number IS NOT NULL AND (submitted_at IS NULL OR NOT {is_number}))"
    );
    Comparison { rule: "numbering", table: "orders", sql }
}

/// O-5, O-7, O-8: an order knows which of its documents are there and valid.
fn documents() -> Comparison {
    let bits: String = AttachmentPurpose::ALL
        .iter()
        .filter(|purpose| **purpose != AttachmentPurpose::Proof)
        .map(|purpose| format!("WHEN '{}' THEN {} ", purpose.code(), purpose.bit()))
        .collect();
    let sql = format!(
        "SELECT CAST(id AS TEXT) AS row_key, 'documents' AS what, CAST(documents AS TEXT) AS found,
            CAST(COALESCE(bits, 0) AS TEXT) AS expected
        FROM orders LEFT JOIN (
            SELECT order_id, SUM(bit) AS bits FROM (
                SELECT DISTINCT order_id, CASE purpose {bits}ELSE 0 END AS bit
                FROM attachment WHERE removed_at IS NULL AND invalid_reason IS NULL
            ) AS attached
            GROUP BY order_id
        ) AS found ON found.order_id = orders.id
        WHERE documents <> COALESCE(bits, 0)"
    );
    Comparison { rule: "D-2", table: "orders", sql }
}

/// O-24: each round of the proof is numbered, and all are kept.
fn proofs() -> Comparison {
    let sql = "SELECT CAST(id AS TEXT) AS row_key, 'proof_rounds' AS what, CAST(proof_rounds AS TEXT) AS found,
            CAST(COALESCE(rounds, 0) AS TEXT) || ', the last being ' || CAST(COALESCE(last, 0) AS TEXT) AS expected
        FROM orders LEFT JOIN (
            SELECT order_id, COUNT(*) AS rounds, MAX(round) AS last FROM attachment
            WHERE purpose = 'PROOF' AND removed_at IS NULL GROUP BY order_id
        ) AS proofs ON proofs.order_id = orders.id
        WHERE proof_rounds <> COALESCE(rounds, 0) OR proof_rounds <> COALESCE(last, 0)";
    Comparison { rule: "O-24", table: "orders", sql: sql.to_owned() }
}

/// O-8: a handover receipt is due from the cheques' arrival until it is there.
fn receipts() -> Comparison {
    let sql = format!(
        "SELECT CAST(id AS TEXT) AS row_key, 'receipt_due_on' AS what,
            COALESCE(CAST(receipt_due_on AS TEXT), 'none') AS found,
            CASE WHEN receipt_due_on IS NULL THEN 'a day: the cheques came without a receipt' ELSE 'none' END AS expected
        FROM orders
        WHERE (receipt_due_on IS NOT NULL) <> (cheques_received_on IS NOT NULL AND documents & {} = 0)",
        AttachmentPurpose::HandoverReceipt.bit()
    );
    Comparison { rule: "O-8", table: "orders", sql }
}

/// Positions are counted from 1 without a gap.
fn positions() -> Comparison {
    let sql = "SELECT 'positions' AS row_key, 'their number' AS what, CAST(given AS TEXT) AS found,
            'up to ' || CAST(highest AS TEXT) || ' without a gap' AS expected
        FROM (
            SELECT COUNT(position) AS given, COALESCE(MAX(position), 0) AS highest, COALESCE(MIN(position), 1) AS lowest
            FROM event
        ) AS counted
        WHERE given <> highest OR lowest <> 1";
    Comparison { rule: "G-21", table: "event", sql: sql.to_owned() }
}

/// On SQLite an event has its position from the beginning.
fn unnumbered_events() -> Comparison {
    let sql = "SELECT CAST(id AS TEXT) AS row_key, 'position' AS what, 'none' AS found, CAST(id AS TEXT) AS expected
        FROM event WHERE position IS NULL";
    Comparison { rule: "G-21", table: "event", sql: sql.to_owned() }
}

/// O-27, P-2: an object stands where its last event left it.
fn last_event(rule: &'static str, subject: &str, table: &'static str, status: &str) -> Comparison {
    let sql = format!(
        "SELECT CAST({table}.id AS TEXT) AS row_key, '{status}' AS what, {table}.{status} AS found,
            COALESCE(event.to_status, 'that of an event') AS expected
        FROM {table} LEFT JOIN (
            SELECT subject_id, MAX(id) AS id FROM event
            WHERE subject_type = '{subject}' AND to_status IS NOT NULL GROUP BY subject_id
        ) AS last ON last.subject_id = {table}.id
        LEFT JOIN event ON event.id = last.id
        WHERE event.id IS NULL OR event.to_status <> {table}.{status}"
    );
    Comparison { rule, table, sql }
}

/// B-3: an entry names an order, a gesture or a decision that is there.
fn causes() -> Comparison {
    let sql = "SELECT CAST(ledger_entry.id AS TEXT) AS row_key, 'order, gesture or decision' AS what,
            COALESCE(CAST(COALESCE(ledger_entry.order_id, ledger_entry.goodwill_id, ledger_entry.decision_id) AS TEXT),
                'none') AS found,
            'one that is there' AS expected
        FROM ledger_entry
        LEFT JOIN orders ON orders.id = ledger_entry.order_id
        LEFT JOIN goodwill ON goodwill.id = ledger_entry.goodwill_id
        LEFT JOIN event ON event.id = ledger_entry.decision_id
        WHERE orders.id IS NULL AND goodwill.id IS NULL AND event.id IS NULL";
    Comparison { rule: "B-3", table: "ledger_entry", sql: sql.to_owned() }
}

/// a site that is still there has a SIRET number of its account's SIREN number.
fn establishments() -> Comparison {
    let sql = "SELECT CAST(site.id AS TEXT) AS row_key, 'siret' AS what, site.siret AS found,
            account.siren || ' and five digits' AS expected
        FROM site JOIN account ON account.id = site.account_id
        WHERE site.active AND site.siret IS NOT NULL AND account.siren IS NOT NULL
            AND SUBSTR(site.siret, 1, 9) <> account.siren";
    Comparison { rule: "R-2", table: "site", sql: sql.to_owned() }
}

/// Every reference leads somewhere.
fn foreign_keys() -> Comparison {
    let sql =
        "SELECT \"table\" || ' ' || COALESCE(CAST(rowid AS TEXT), '?') AS row_key, 'a reference to ' || parent AS what,
            'dangling' AS found, 'a row that is there' AS expected
        FROM pragma_foreign_key_check";
    Comparison { rule: "foreign keys", table: "row", sql: sql.to_owned() }
}
