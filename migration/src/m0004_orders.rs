//! Marketing-action orders, their lines, results and attached files.

crate::dialect::step! { "
CREATE TABLE orders (
    id {key},
    number TEXT UNIQUE,
    kind TEXT NOT NULL,
    action_type TEXT,
    year INTEGER NOT NULL REFERENCES budget_year (year),
    status TEXT NOT NULL,
    status_since {moment} NOT NULL,
    owner_id BIGINT NOT NULL REFERENCES person (id),
    author_id BIGINT NOT NULL REFERENCES person (id),
    authored_for_id BIGINT REFERENCES person (id),
    submitter_id BIGINT REFERENCES person (id),
    submitted_for_id BIGINT REFERENCES person (id),
    delegation_id BIGINT NOT NULL REFERENCES delegation (id),
    region_id BIGINT NOT NULL REFERENCES region (id),
    broker_id BIGINT NOT NULL REFERENCES account (id),
    site_id BIGINT REFERENCES site (id),
    beneficiary TEXT NOT NULL,
    delivery_mode TEXT NOT NULL,
    delivery_address {json},
    total BIGINT NOT NULL,
    rr_share BIGINT NOT NULL,
    partner_share BIGINT NOT NULL,
    delegation_share BIGINT NOT NULL,
    committed BIGINT NOT NULL,
    rr_committed BIGINT NOT NULL,
    actual_cost BIGINT,
    rr_reasons {json} NOT NULL,
    auto_validated BOOLEAN NOT NULL,
    details {json},
    challenge {json},
    subject TEXT NOT NULL,
    comment TEXT,
    documents INTEGER NOT NULL,
    documents_since {moment},
    proof_rounds INTEGER NOT NULL,
    cheques_received_on {day},
    receipt_due_on {day},
    created_at {moment} NOT NULL,
    submitted_at {moment},
    released_at {moment},
    completed_at {moment},
    version BIGINT NOT NULL
);
CREATE INDEX orders_of_owner ON orders (owner_id, id);
CREATE INDEX orders_of_delegation ON orders (delegation_id, id);
CREATE INDEX orders_of_region ON orders (region_id, id);
CREATE INDEX orders_by_status ON orders (status, status_since, id);
CREATE INDEX orders_by_year ON orders (year, status, id);
CREATE INDEX orders_of_broker ON orders (broker_id, year, status);
CREATE INDEX orders_with_receipt_due ON orders (owner_id, receipt_due_on) WHERE receipt_due_on IS NOT NULL;
CREATE TABLE order_line (
    id {key},
    order_id BIGINT NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL,
    article_id BIGINT NOT NULL REFERENCES article (id),
    quantity BIGINT NOT NULL CHECK (quantity >= 1),
    unit_price BIGINT NOT NULL,
    UNIQUE (order_id, position)
);
CREATE TABLE order_result (
    order_id BIGINT PRIMARY KEY REFERENCES orders (id),
    contacts_reached INTEGER NOT NULL,
    appointments INTEGER NOT NULL,
    quotes INTEGER NOT NULL,
    contracts_signed INTEGER NOT NULL,
    premium_volume BIGINT NOT NULL,
    comment TEXT,
    improvement_ideas TEXT,
    recorded_at {moment} NOT NULL,
    recorded_by_id BIGINT NOT NULL REFERENCES person (id)
);
CREATE TABLE order_number (
    year INTEGER PRIMARY KEY,
    last INTEGER NOT NULL
);
CREATE TABLE upload (
    id {key},
    token_hash TEXT NOT NULL UNIQUE,
    person_id BIGINT NOT NULL REFERENCES person (id),
    name TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT,
    content_type TEXT,
    storage_key TEXT NOT NULL,
    received_at {moment},
    attached_at {moment},
    created_at {moment} NOT NULL,
    expires_at {moment} NOT NULL
);
CREATE TABLE attachment (
    id {key},
    order_id BIGINT NOT NULL REFERENCES orders (id),
    purpose TEXT NOT NULL,
    round INTEGER,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    storage_key TEXT NOT NULL,
    added_by_id BIGINT NOT NULL REFERENCES person (id),
    added_at {moment} NOT NULL,
    relied_on BOOLEAN NOT NULL,
    invalid_reason TEXT,
    removed_at {moment}
);
CREATE INDEX attachment_of_order ON attachment (order_id, id)
" }
