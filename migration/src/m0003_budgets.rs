//! Budget years with their rules, envelopes with stored balances, the immutable ledger.

crate::dialect::step! { "
CREATE TABLE budget_year (
    year INTEGER PRIMARY KEY,
    status TEXT NOT NULL,
    auto_standard_below BIGINT NOT NULL,
    auto_custom_below BIGINT NOT NULL,
    refund_maximum INTEGER NOT NULL,
    gift_cheques_maximum INTEGER NOT NULL,
    custom_minimum INTEGER NOT NULL,
    standard_minimum INTEGER NOT NULL,
    standard_closes_on {day} NOT NULL,
    custom_closes_on {day} NOT NULL,
    receipt_due_months INTEGER NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE envelope (
    id {key},
    year INTEGER NOT NULL REFERENCES budget_year (year),
    kind TEXT NOT NULL,
    region_id BIGINT REFERENCES region (id),
    delegation_id BIGINT REFERENCES delegation (id),
    person_id BIGINT REFERENCES person (id),
    allocated BIGINT NOT NULL,
    committed BIGINT NOT NULL CHECK (committed >= 0),
    consumed BIGINT NOT NULL CHECK (consumed >= 0),
    used_refund BIGINT NOT NULL CHECK (used_refund >= 0),
    used_gift_cheques BIGINT NOT NULL CHECK (used_gift_cheques >= 0),
    used_custom BIGINT NOT NULL CHECK (used_custom >= 0),
    used_standard BIGINT NOT NULL CHECK (used_standard >= 0),
    version BIGINT NOT NULL,
    CHECK (committed + consumed <= allocated)
);
CREATE UNIQUE INDEX envelope_of_person ON envelope (person_id, year);
CREATE UNIQUE INDEX envelope_of_region ON envelope (year, region_id) WHERE kind = 'REGION';
CREATE UNIQUE INDEX envelope_of_company ON envelope (year, kind) WHERE kind IN ('POOL', 'MANAGEMENT');
CREATE INDEX envelope_of_delegation ON envelope (year, delegation_id);
CREATE TABLE ledger_entry (
    id {key},
    envelope_id BIGINT NOT NULL REFERENCES envelope (id),
    kind TEXT NOT NULL,
    family TEXT,
    amount BIGINT NOT NULL,
    order_id BIGINT,
    goodwill_id BIGINT,
    author_id BIGINT NOT NULL REFERENCES person (id),
    at {moment} NOT NULL,
    reason TEXT
);
CREATE INDEX ledger_of_envelope ON ledger_entry (envelope_id, id);
CREATE INDEX ledger_of_order ON ledger_entry (order_id) WHERE order_id IS NOT NULL;
CREATE TABLE goodwill (
    id {key},
    year INTEGER NOT NULL REFERENCES budget_year (year),
    status TEXT NOT NULL,
    member_name TEXT NOT NULL,
    member_number TEXT,
    amount BIGINT NOT NULL,
    motive TEXT NOT NULL,
    requester_id BIGINT NOT NULL REFERENCES person (id),
    requested_for_id BIGINT REFERENCES person (id),
    delegation_id BIGINT NOT NULL REFERENCES delegation (id),
    region_id BIGINT NOT NULL REFERENCES region (id),
    decided_by_id BIGINT REFERENCES person (id),
    decision_reason TEXT,
    paid_on {day},
    cheque_number TEXT,
    created_at {moment} NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX goodwill_of_delegation ON goodwill (delegation_id, id)
" }
