//! Who signs in elsewhere, with which subject of which issuer; the sessions that such tokens open; API keys;
//! and attempts at passwords, counted for all processes together.

crate::dialect::step! { "
CREATE TABLE external_identity (
    id {key},
    person_id BIGINT NOT NULL REFERENCES person (id),
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    linked_at {moment} NOT NULL
);
CREATE UNIQUE INDEX external_identity_of_subject ON external_identity (issuer, subject);
CREATE UNIQUE INDEX external_identity_of_person ON external_identity (person_id, issuer);
ALTER TABLE session ADD COLUMN token_hash TEXT;
ALTER TABLE session ADD COLUMN issuer_sid TEXT;
CREATE UNIQUE INDEX session_of_token ON session (token_hash);
CREATE TABLE api_key (
    id {key},
    person_id BIGINT NOT NULL UNIQUE REFERENCES person (id),
    session_id BIGINT NOT NULL UNIQUE REFERENCES session (id),
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    limited_to {json},
    addresses {json} NOT NULL,
    created_by_id BIGINT NOT NULL REFERENCES person (id),
    created_at {moment} NOT NULL,
    expires_at {moment} NOT NULL,
    last_used_at {moment},
    revoked_at {moment},
    version BIGINT NOT NULL
);
CREATE INDEX api_key_of_creator ON api_key (created_by_id);
CREATE TABLE sign_in_attempt (
    trier TEXT PRIMARY KEY,
    attempts BIGINT NOT NULL,
    last_at {moment} NOT NULL
);
CREATE INDEX sign_in_attempt_by_age ON sign_in_attempt (last_at);
INSERT INTO policy_line (kind, subject, object, step, scope)
SELECT 'p', came.subject, came.object, came.step, came.scope FROM (
    SELECT '' AS subject, '' AS object, '' AS step, '' AS scope
    UNION ALL VALUES
    ('API_KEY', 'viewer', '-', 'all'),
    ('API_KEY', 'node', '-', 'all'),
    ('PLATFORM_ADMIN', 'readApiKeys', '-', 'all'),
    ('PLATFORM_ADMIN', 'createApiKey', '-', 'all'),
    ('PLATFORM_ADMIN', 'updateApiKey', '-', 'all'),
    ('PLATFORM_ADMIN', 'revokeApiKey', '-', 'all'),
    ('PLATFORM_ADMIN', 'unlinkUser', '-', 'all')
) AS came
WHERE came.subject <> '' AND EXISTS (SELECT 1 FROM policy_version)
    AND NOT EXISTS (
        SELECT 1 FROM policy_line
        WHERE policy_line.kind = 'p' AND policy_line.subject = came.subject AND policy_line.object = came.object
            AND policy_line.step = came.step AND policy_line.scope = came.scope
    );
INSERT INTO policy_version (version, changed_at, reason)
SELECT MAX(version) + 1, MAX(changed_at), 'signing in' FROM policy_version HAVING COUNT(*) > 0
" }
