//! The queues' work items, the events (timeline, outbox and audit in one row), stored answers.

crate::dialect::step! { "
CREATE TABLE work_item (
    id {key},
    kind TEXT NOT NULL,
    order_id BIGINT REFERENCES orders (id),
    goodwill_id BIGINT REFERENCES goodwill (id),
    owner_id BIGINT NOT NULL REFERENCES person (id),
    author_id BIGINT NOT NULL,
    authored_for_id BIGINT,
    submitter_id BIGINT,
    submitted_for_id BIGINT,
    delegation_id BIGINT NOT NULL REFERENCES delegation (id),
    region_id BIGINT NOT NULL REFERENCES region (id),
    broker_id BIGINT REFERENCES account (id),
    year INTEGER NOT NULL,
    total BIGINT NOT NULL,
    since {moment} NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX work_item_of_order ON work_item (order_id, kind) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX work_item_of_goodwill ON work_item (goodwill_id, kind) WHERE goodwill_id IS NOT NULL;
CREATE INDEX work_item_by_kind ON work_item (kind, since, id);
CREATE INDEX work_item_of_region ON work_item (region_id, kind, since, id);
CREATE INDEX work_item_of_delegation ON work_item (delegation_id, kind, since, id);
CREATE INDEX work_item_of_owner ON work_item (owner_id, kind, since, id);
CREATE TABLE event (
    id {key},
    position BIGINT UNIQUE,
    at {moment} NOT NULL,
    kind TEXT NOT NULL,
    actor_id BIGINT,
    on_behalf_of_id BIGINT,
    roles TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id BIGINT NOT NULL,
    from_status TEXT,
    to_status TEXT,
    reason TEXT,
    changes {json} NOT NULL,
    queue {json} NOT NULL,
    envelopes {json} NOT NULL,
    policy_version BIGINT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX event_of_subject ON event (subject_type, subject_id, id);
CREATE INDEX event_unnumbered ON event (id) WHERE position IS NULL;
CREATE TABLE idempotency (
    person_id BIGINT NOT NULL REFERENCES person (id),
    key TEXT NOT NULL,
    mutation TEXT NOT NULL,
    input_hash TEXT NOT NULL,
    answer {json} NOT NULL,
    created_at {moment} NOT NULL,
    PRIMARY KEY (person_id, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at)
",
// SQLite has one writer, so its keys are in the order of commits: they are the positions.
sqlite: ["CREATE TRIGGER event_position AFTER INSERT ON event WHEN NEW.position IS NULL
BEGIN
    UPDATE event SET position = NEW.id WHERE id = NEW.id;
END"]}
