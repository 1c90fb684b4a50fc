//! The history of the deals' states, of the quotas, and of where people worked (P-20 to P-22).
//!
//! A board reads what counts of one quarter: of now from `deal_state_now`, of a past day from `deal_state_past`,
//! without touching the table. Probabilities are learned from the ended deals alone.

crate::dialect::step! { "
CREATE TABLE deal_state (
    id {key},
    opportunity_id BIGINT NOT NULL REFERENCES opportunity (id),
    from_at {moment} NOT NULL,
    until_at {moment},
    stage TEXT NOT NULL,
    category TEXT NOT NULL,
    counts_as TEXT,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    signing_day {day} NOT NULL,
    quarter INTEGER NOT NULL,
    owner_id BIGINT NOT NULL REFERENCES person (id),
    delegation_id BIGINT NOT NULL REFERENCES delegation (id),
    region_id BIGINT NOT NULL REFERENCES region (id),
    size_class TEXT,
    sector TEXT,
    reason TEXT,
    committed_by_id BIGINT REFERENCES person (id),
    passed INTEGER NOT NULL,
    way_stage TEXT NOT NULL,
    spent_before BIGINT NOT NULL,
    entered BOOLEAN NOT NULL,
    left_stage TEXT,
    left_after BIGINT,
    slipped_from INTEGER,
    ended_at {moment},
    CHECK (until_at > from_at)
);
CREATE UNIQUE INDEX deal_state_of_deal ON deal_state (opportunity_id, from_at);
CREATE UNIQUE INDEX deal_state_open ON deal_state (opportunity_id) WHERE until_at IS NULL;
CREATE INDEX deal_state_now ON deal_state (quarter, counts_as, stage, owner_id, delegation_id, region_id, amount)
    WHERE until_at IS NULL AND counts_as IS NOT NULL;
CREATE INDEX deal_state_past ON deal_state
    (quarter, from_at, until_at, counts_as, stage, owner_id, delegation_id, region_id, amount, opportunity_id)
    WHERE counts_as IS NOT NULL;
CREATE INDEX deal_state_of_owner ON deal_state (owner_id, quarter);
CREATE INDEX deal_state_ended_now ON deal_state (passed, stage) WHERE ended_at IS NOT NULL AND until_at IS NULL;
CREATE INDEX deal_state_ended_past ON deal_state (passed, stage, from_at, until_at) WHERE ended_at IS NOT NULL;
CREATE INDEX deal_state_ended ON deal_state (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX deal_state_entered ON deal_state (from_at, stage, owner_id, delegation_id, region_id) WHERE entered;
CREATE INDEX deal_state_left ON deal_state (from_at, left_stage, stage, left_after, owner_id, delegation_id, region_id)
    WHERE left_stage IS NOT NULL;
CREATE INDEX deal_state_slipped ON deal_state (from_at) WHERE slipped_from IS NOT NULL;
CREATE TABLE quota (
    id {key},
    quarter INTEGER NOT NULL,
    level TEXT NOT NULL,
    person_id BIGINT REFERENCES person (id),
    delegation_id BIGINT REFERENCES delegation (id),
    region_id BIGINT REFERENCES region (id),
    amount BIGINT CHECK (amount >= 0),
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX quota_of_person ON quota (quarter, person_id) WHERE level = 'OWNER';
CREATE UNIQUE INDEX quota_of_delegation ON quota (quarter, delegation_id) WHERE level = 'DELEGATION';
CREATE UNIQUE INDEX quota_of_region ON quota (quarter, region_id) WHERE level = 'REGION';
CREATE UNIQUE INDEX quota_of_company ON quota (quarter) WHERE level = 'COMPANY';
CREATE INDEX quota_of_quarter ON quota (quarter);
CREATE TABLE quota_figure (
    quota_id BIGINT NOT NULL REFERENCES quota (id),
    from_at {moment} NOT NULL,
    until_at {moment},
    amount BIGINT,
    PRIMARY KEY (quota_id, from_at)
);
CREATE TABLE former_place (
    person_id BIGINT NOT NULL REFERENCES person (id),
    until_at {moment} NOT NULL,
    delegation_id BIGINT REFERENCES delegation (id),
    region_id BIGINT REFERENCES region (id),
    PRIMARY KEY (person_id, until_at)
)
" }
