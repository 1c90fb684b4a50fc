//! The integrity of the budgets, for `sesame check`: sums in SQL, of which only what is wrong comes back.

use ::entity::vocabulary::Money;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use crate::db::Conn;

/// Something that cannot be, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: &'static str,
    /// What it is, for whoever repairs it.
    pub text: String,
}

/// What an envelope's ledger adds up to beside what is stored (B-3), and what no envelope may hold (B-4):
/// more committed and consumed than allocated, or, on a delegate's, use that no family accounts for.
const ENVELOPES: &str = "
SELECT envelope.id AS id, envelope.year AS year,
    envelope.allocated AS allocated, envelope.committed AS committed, envelope.consumed AS consumed,
    CAST(COALESCE(entries.allocated, 0) AS BIGINT) AS entered_allocated,
    CAST(COALESCE(entries.committed, 0) AS BIGINT) AS entered_committed,
    CAST(COALESCE(entries.consumed, 0) AS BIGINT) AS entered_consumed
FROM envelope LEFT JOIN (
    SELECT envelope_id,
        SUM(CASE WHEN effect = 0 THEN amount ELSE 0 END) AS allocated,
        SUM(CASE WHEN kind IN ('COMMITMENT', 'RELEASE') THEN effect * amount ELSE 0 END) AS committed,
        SUM(CASE WHEN kind = 'CONSUMPTION' THEN amount ELSE 0 END) AS consumed,
        SUM(CASE WHEN family = 'REFUND' THEN effect * amount ELSE 0 END) AS used_refund,
        SUM(CASE WHEN family = 'GIFT_CHEQUES' THEN effect * amount ELSE 0 END) AS used_gift_cheques,
        SUM(CASE WHEN family = 'CUSTOM' THEN effect * amount ELSE 0 END) AS used_custom,
        SUM(CASE WHEN family = 'STANDARD' THEN effect * amount ELSE 0 END) AS used_standard
    FROM (
        SELECT envelope_id, kind, family, amount,
            CASE kind WHEN 'COMMITMENT' THEN 1 WHEN 'CONSUMPTION' THEN 1 WHEN 'RELEASE' THEN -1 ELSE 0 END AS effect
        FROM ledger_entry
    ) AS entry
    GROUP BY envelope_id
) AS entries ON entries.envelope_id = envelope.id
WHERE envelope.allocated <> COALESCE(entries.allocated, 0)
    OR envelope.committed <> COALESCE(entries.committed, 0)
    OR envelope.consumed <> COALESCE(entries.consumed, 0)
    OR envelope.used_refund <> COALESCE(entries.used_refund, 0)
    OR envelope.used_gift_cheques <> COALESCE(entries.used_gift_cheques, 0)
    OR envelope.used_custom <> COALESCE(entries.used_custom, 0)
    OR envelope.used_standard <> COALESCE(entries.used_standard, 0)
    OR envelope.committed + envelope.consumed > envelope.allocated
    OR (envelope.kind = 'DELEGATE' AND envelope.committed + envelope.consumed <>
        envelope.used_refund + envelope.used_gift_cheques + envelope.used_custom + envelope.used_standard)
ORDER BY envelope.id";

/// What a goodwill gesture holds on the ledger beside what its status says (O-6).
const GESTURES: &str = "
SELECT goodwill.id AS id, goodwill.status AS status, goodwill.amount AS amount,
    CAST(COALESCE(entries.committed, 0) AS BIGINT) AS committed,
    CAST(COALESCE(entries.consumed, 0) AS BIGINT) AS consumed
FROM goodwill LEFT JOIN (
    SELECT goodwill_id,
        SUM(CASE kind WHEN 'COMMITMENT' THEN amount WHEN 'RELEASE' THEN -amount ELSE 0 END) AS committed,
        SUM(CASE WHEN kind = 'CONSUMPTION' THEN amount ELSE 0 END) AS consumed
    FROM ledger_entry WHERE goodwill_id IS NOT NULL
    GROUP BY goodwill_id
) AS entries ON entries.goodwill_id = goodwill.id
WHERE COALESCE(entries.committed, 0) <> CASE WHEN goodwill.status = 'APPROVED' THEN goodwill.amount ELSE 0 END
    OR COALESCE(entries.consumed, 0) <> CASE WHEN goodwill.status = 'PAID' THEN goodwill.amount ELSE 0 END
ORDER BY goodwill.id";

/// Years in which money that moved between envelopes was made or lost: transfers and claw-backs leave one
/// envelope and reach another.
const TRANSFERS: &str = "
SELECT envelope.year AS year, CAST(SUM(ledger_entry.amount) AS BIGINT) AS amount
FROM ledger_entry INNER JOIN envelope ON envelope.id = ledger_entry.envelope_id
WHERE ledger_entry.kind IN ('TRANSFER', 'CLAW_BACK')
GROUP BY envelope.year HAVING SUM(ledger_entry.amount) <> 0
ORDER BY envelope.year";

#[derive(Debug, FromQueryResult)]
struct WrongEnvelope {
    id: i64,
    year: i32,
    allocated: i64,
    committed: i64,
    consumed: i64,
    entered_allocated: i64,
    entered_committed: i64,
    entered_consumed: i64,
}

#[derive(Debug, FromQueryResult)]
struct WrongGesture {
    id: i64,
    status: String,
    amount: i64,
    committed: i64,
    consumed: i64,
}

#[derive(Debug, FromQueryResult)]
struct WrongYear {
    year: i32,
    amount: i64,
}

/// Recomputes every balance from the ledger and compares it with what is stored, in three statements
/// however many orders there are.
///
/// # Errors
/// When the database cannot be read.
pub async fn check(conn: &Conn) -> Result<Vec<Finding>, DbErr> {
    let envelopes: Vec<WrongEnvelope> = rows(conn, ENVELOPES).await?;
    let gestures: Vec<WrongGesture> = rows(conn, GESTURES).await?;
    let years: Vec<WrongYear> = rows(conn, TRANSFERS).await?;
    let findings = envelopes.iter().map(Finding::from).chain(gestures.iter().map(Finding::from));
    Ok(findings.chain(years.iter().map(Finding::from)).collect())
}

impl From<&WrongEnvelope> for Finding {
    fn from(found: &WrongEnvelope) -> Self {
        let told = |cents: [i64; 3]| {
            let [allocated, committed, consumed] = cents.map(Money);
            format!("{allocated} allocated, {committed} committed, {consumed} consumed")
        };
        let stored = told([found.allocated, found.committed, found.consumed]);
        let entered = told([found.entered_allocated, found.entered_committed, found.entered_consumed]);
        let (id, year) = (found.id, found.year);
        let text = format!("envelope {id} of {year} stores {stored}; its ledger adds up to {entered}");
        let text = if stored == entered { text + "; it is overspent, or its families do not add up" } else { text };
        Self { rule: "B-3", text }
    }
}

impl From<&WrongGesture> for Finding {
    fn from(found: &WrongGesture) -> Self {
        let WrongGesture { id, status, .. } = found;
        let [amount, committed, consumed] = [found.amount, found.committed, found.consumed].map(Money);
        let text = format!("goodwill gesture {id}, {status}, of {amount}: {committed} committed, {consumed} consumed");
        Self { rule: "O-6", text }
    }
}

impl From<&WrongYear> for Finding {
    fn from(found: &WrongYear) -> Self {
        let (year, amount) = (found.year, Money(found.amount));
        Self { rule: "B-3", text: format!("the transfers of {year} add up to {amount}, not to nothing") }
    }
}

async fn rows<R: FromQueryResult>(conn: &Conn, sql: &str) -> Result<Vec<R>, DbErr> {
    R::find_by_statement(Statement::from_string(conn.get_database_backend(), sql)).all(conn).await
}
