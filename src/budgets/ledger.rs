//! The one place where money moves (B-3).

use std::collections::BTreeMap;

use ::entity::{
    budgets::{envelope, ledger_entry},
    vocabulary::{BudgetFamily, EnvelopeId, EventId, GoodwillId, LedgerKind, Money, OrderId},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    db::Conn,
    error::{Error, Result},
    op::Op,
};

/// For what money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An order.
    Order(OrderId),
    /// A goodwill gesture.
    Goodwill(GoodwillId),
    /// A decision about the budgets themselves: its event, which is recorded before.
    Decision(EventId),
}

/// What an entry names (B-3): one of the three.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named {
    /// An order.
    pub order: Option<OrderId>,
    /// A goodwill gesture.
    pub goodwill: Option<GoodwillId>,
    /// The event of a decision.
    pub decision: Option<EventId>,
}

impl From<Cause> for Named {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Order(id) => Self { order: Some(id), ..Self::default() },
            Cause::Goodwill(id) => Self { goodwill: Some(id), ..Self::default() },
            Cause::Decision(id) => Self { decision: Some(id), ..Self::default() },
        }
    }
}

/// A movement on one envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Where.
    pub envelope: EnvelopeId,
    /// Why.
    pub kind: LedgerKind,
    /// Family of the order, on a delegate's envelope.
    pub family: Option<BudgetFamily>,
    /// How much; only allocations, transfers and claw-backs may be negative.
    pub amount: Money,
}

impl Posting {
    /// A movement, unless it moves nothing.
    #[must_use]
    pub fn new(envelope: EnvelopeId, kind: LedgerKind, family: Option<BudgetFamily>, amount: Money) -> Option<Self> {
        (amount != Money::ZERO).then_some(Self { envelope, kind, family, amount })
    }
}

/// By how much an envelope's balances change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Of what is allocated.
    pub allocated: Money,
    /// Of what is committed.
    pub committed: Money,
    /// Of what is consumed.
    pub consumed: Money,
    /// Of what each family uses, in the order of [`BudgetFamily::ALL`].
    pub used: [Money; 4],
}

impl Change {
    /// Adds one movement. Committed is the sum of commitments less the sum of releases; a completion
    /// releases the commitment and consumes the cost.
    pub fn add(&mut self, kind: LedgerKind, family: Option<BudgetFamily>, amount: Money) {
        let (balance, sign) = match kind {
            LedgerKind::Allocation | LedgerKind::Transfer | LedgerKind::ClawBack => {
                self.allocated += amount;
                return;
            }
            LedgerKind::Commitment => (&mut self.committed, amount),
            LedgerKind::Release => (&mut self.committed, -amount),
            LedgerKind::Consumption => (&mut self.consumed, amount),
        };
        *balance += sign;
        if let Some(family) = family {
            self.used[family as usize] += sign;
        }
    }
}

/// Moves money: writes the ledger and the balances. The database itself refuses what would overspend
/// an envelope (B-4), as a defect of whoever did not ask before.
///
/// # Errors
/// When the database cannot be written.
pub async fn post(
    op: &Op,
    conn: &Conn,
    cause: Cause,
    postings: &[Posting],
    reason: Option<&str>,
) -> Result<Vec<EnvelopeId>> {
    if postings.is_empty() {
        return Ok(Vec::new());
    }
    let author = op.me()?;
    let rows = postings.iter().map(|posting| row(op, author, cause, posting, reason));
    ledger_entry::Entity::insert_many(rows).exec_without_returning(conn).await?;
    let mut changes: BTreeMap<EnvelopeId, Change> = BTreeMap::new();
    for Posting { envelope, kind, family, amount } in postings {
        changes.entry(*envelope).or_default().add(*kind, *family, *amount);
    }
    for (envelope, change) in &changes {
        apply(conn, *envelope, change).await?;
    }
    Ok(changes.into_keys().collect())
}

fn row(
    op: &Op,
    author: ::entity::vocabulary::PersonId,
    cause: Cause,
    posting: &Posting,
    reason: Option<&str>,
) -> ledger_entry::ActiveModel {
    let Posting { envelope, kind, family, amount } = posting.clone();
    let Named { order, goodwill, decision } = cause.into();
    ledger_entry::ActiveModel {
        envelope_id: Set(envelope),
        kind: Set(kind),
        family: Set(family),
        amount: Set(amount),
        order_id: Set(order),
        goodwill_id: Set(goodwill),
        decision_id: Set(decision),
        author_id: Set(author),
        at: Set(op.now),
        reason: Set(reason.map(str::to_owned)),
        ..Default::default()
    }
}

async fn apply(conn: &Conn, id: EnvelopeId, change: &Change) -> Result<()> {
    use envelope::Column::{
        Allocated, Committed, Consumed, UsedCustom, UsedGiftCheques, UsedRefund, UsedStandard, Version,
    };
    let Change { allocated, committed, consumed, used: [refund, gift_cheques, custom, standard] } = *change;
    let changed = [
        (Allocated, allocated),
        (Committed, committed),
        (Consumed, consumed),
        (UsedRefund, refund),
        (UsedGiftCheques, gift_cheques),
        (UsedCustom, custom),
        (UsedStandard, standard),
    ];
    let mut update = envelope::Entity::update_many().col_expr(Version, Expr::col(Version).add(1));
    for (column, amount) in changed.into_iter().filter(|(_, amount)| *amount != Money::ZERO) {
        update = update.col_expr(column, Expr::col(column).add(amount.0));
    }
    let updated = update.filter(envelope::Column::Id.eq(id)).exec(conn).await?;
    if updated.rows_affected == 1 { Ok(()) } else { Err(Error::defect(format!("envelope {id} vanished"))) }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    proptest! {
        /// B-3: however postings are gathered, each balance is the sum of its entries, and what the families
        /// use is what is committed and consumed.
        #[test]
        fn balances_are_the_sums_of_their_entries(
            entries in vec((select(LedgerKind::ALL), select(BudgetFamily::ALL), -10_000..10_000_i64), 0..40),
        ) {
            let mut change = Change::default();
            entries.iter().for_each(|(kind, family, amount)| change.add(*kind, Some(*family), Money(*amount)));
            let sum = |kinds: &[LedgerKind]| -> Money {
                entries.iter().filter(|(kind, ..)| kinds.contains(kind)).map(|(.., amount)| Money(*amount)).sum()
            };
            let allocated = sum(&[LedgerKind::Allocation, LedgerKind::Transfer, LedgerKind::ClawBack]);
            let committed = sum(&[LedgerKind::Commitment]) - sum(&[LedgerKind::Release]);
            let consumed = sum(&[LedgerKind::Consumption]);
            prop_assert_eq!((change.allocated, change.committed, change.consumed), (allocated, committed, consumed));
            prop_assert_eq!(change.used.into_iter().sum::<Money>(), committed + consumed);
        }
    }
}
