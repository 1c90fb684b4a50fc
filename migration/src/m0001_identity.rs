//! People, the organisation they work in, their sessions, and the policy.

crate::dialect::step! { "
CREATE TABLE region (
    id {key},
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
);
CREATE TABLE delegation (
    id {key},
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    region_id BIGINT NOT NULL REFERENCES region (id),
    street TEXT NOT NULL,
    postcode TEXT NOT NULL,
    city TEXT NOT NULL
);
CREATE INDEX delegation_of_region ON delegation (region_id);
CREATE TABLE role (
    code TEXT PRIMARY KEY,
    label_fr TEXT NOT NULL,
    label_en TEXT NOT NULL
);
CREATE TABLE person (
    id {key},
    code TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    given_name TEXT NOT NULL,
    family_name TEXT NOT NULL,
    language TEXT NOT NULL,
    delegation_id BIGINT REFERENCES delegation (id),
    region_id BIGINT REFERENCES region (id),
    password_hash TEXT,
    active BOOLEAN NOT NULL,
    created_at {moment} NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX person_of_delegation ON person (delegation_id);
CREATE INDEX person_of_region ON person (region_id);
CREATE TABLE person_role (
    person_id BIGINT NOT NULL REFERENCES person (id),
    role_code TEXT NOT NULL REFERENCES role (code),
    PRIMARY KEY (person_id, role_code)
);
CREATE TABLE deputy (
    id {key},
    absent_id BIGINT NOT NULL REFERENCES person (id),
    deputy_id BIGINT NOT NULL REFERENCES person (id),
    first_day {day} NOT NULL,
    last_day {day} NOT NULL,
    named_by_id BIGINT NOT NULL REFERENCES person (id),
    ended_at {moment},
    created_at {moment} NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX deputy_of_deputy ON deputy (deputy_id);
CREATE INDEX deputy_of_absent ON deputy (absent_id);
CREATE TABLE session (
    id {key},
    person_id BIGINT NOT NULL REFERENCES person (id),
    created_at {moment} NOT NULL,
    expires_at {moment} NOT NULL,
    revoked_at {moment}
);
CREATE INDEX session_of_person ON session (person_id);
CREATE TABLE refresh_token (
    id {key},
    session_id BIGINT NOT NULL REFERENCES session (id),
    token_hash TEXT NOT NULL UNIQUE,
    used_at {moment}
);
CREATE INDEX refresh_token_of_session ON refresh_token (session_id);
CREATE TABLE policy_line (
    id {key},
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    object TEXT NOT NULL,
    step TEXT NOT NULL,
    scope TEXT NOT NULL,
    UNIQUE (kind, subject, object, step, scope)
);
CREATE TABLE policy_version (
    version BIGINT PRIMARY KEY,
    changed_at {moment} NOT NULL,
    changed_by_id BIGINT REFERENCES person (id),
    reason TEXT NOT NULL
)
" }
