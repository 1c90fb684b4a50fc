//! Each ledger entry names the order, the gesture or the decision for which money moved (B-3).

crate::dialect::step! { "
ALTER TABLE ledger_entry ADD COLUMN decision_id BIGINT REFERENCES event (id)
" }
