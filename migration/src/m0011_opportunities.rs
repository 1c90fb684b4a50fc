//! Deals with their documents and the client's people, the playbook of the sales process; deals wait in the
//! queues like orders.

crate::dialect::step! { "
CREATE TABLE playbook (
    year INTEGER PRIMARY KEY,
    rules {json} NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE opportunity (
    id {key},
    number TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES account (id),
    sector TEXT,
    contacts {json} NOT NULL,
    owner_id BIGINT NOT NULL REFERENCES person (id),
    author_id BIGINT NOT NULL REFERENCES person (id),
    authored_for_id BIGINT REFERENCES person (id),
    involved TEXT NOT NULL,
    delegation_id BIGINT NOT NULL REFERENCES delegation (id),
    region_id BIGINT NOT NULL REFERENCES region (id),
    engagement_manager_id BIGINT REFERENCES person (id),
    one_off BIGINT CHECK (one_off >= 0),
    recurring BIGINT CHECK (recurring >= 0),
    services BIGINT CHECK (services >= 0),
    amount BIGINT CHECK (amount >= 0),
    signing_on {day} NOT NULL,
    size_class TEXT,
    stage TEXT NOT NULL,
    stage_since {moment} NOT NULL,
    category TEXT NOT NULL,
    uncertainty TEXT,
    committed_by_id BIGINT REFERENCES person (id),
    complex BOOLEAN NOT NULL,
    special_bid BOOLEAN NOT NULL,
    presales_investment BOOLEAN NOT NULL,
    out_of_standard BOOLEAN NOT NULL,
    committee_requested BOOLEAN NOT NULL,
    sheet {json} NOT NULL,
    go {json} NOT NULL,
    meeting_kind TEXT,
    meeting_on {day},
    proposal {json} NOT NULL,
    negotiation {json} NOT NULL,
    agreement {json} NOT NULL,
    contract {json} NOT NULL,
    stop {json},
    wake_up_on {day},
    deciders {json} NOT NULL,
    waiting {json} NOT NULL,
    passed INTEGER NOT NULL,
    created_at {moment} NOT NULL,
    active_at {moment} NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX opportunity_of_owner ON opportunity (owner_id, id);
CREATE INDEX opportunity_of_delegation ON opportunity (delegation_id, id);
CREATE INDEX opportunity_of_region ON opportunity (region_id, id);
CREATE INDEX opportunity_of_account ON opportunity (account_id, id);
CREATE INDEX opportunity_by_stage ON opportunity (stage, stage_since, id);
CREATE INDEX opportunity_by_signing ON opportunity (signing_on, id);
CREATE INDEX opportunity_asleep ON opportunity (wake_up_on) WHERE wake_up_on IS NOT NULL;
CREATE INDEX opportunity_with_meeting ON opportunity (meeting_on, id) WHERE meeting_on IS NOT NULL;
CREATE TABLE oppy_document (
    id {key},
    opportunity_id BIGINT NOT NULL REFERENCES opportunity (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    storage_key TEXT NOT NULL,
    added_by_id BIGINT NOT NULL REFERENCES person (id),
    added_at {moment} NOT NULL,
    refused_for TEXT,
    replaced_at {moment}
);
CREATE INDEX oppy_document_of_deal ON oppy_document (opportunity_id, id);
ALTER TABLE work_item ADD COLUMN opportunity_id BIGINT REFERENCES opportunity (id);
CREATE UNIQUE INDEX work_item_of_opportunity ON work_item (opportunity_id, kind) WHERE opportunity_id IS NOT NULL
" }
