//! Rate limits that all processes share, and clients' manifests of operations (K-12, K-13). Whoever is signed in,
//! and whoever signs in, may send documents of their own until platform administration says otherwise.

crate::dialect::step! { "
CREATE TABLE rate_bucket (
    payer TEXT NOT NULL PRIMARY KEY,
    points DOUBLE PRECISION NOT NULL,
    granted DOUBLE PRECISION NOT NULL,
    settled_at {moment} NOT NULL
);
CREATE TABLE persisted_operation (
    id {key},
    client TEXT NOT NULL,
    version TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    name TEXT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    published_at {moment} NOT NULL,
    retired_at {moment},
    UNIQUE (client, version, operation_id)
);
CREATE INDEX persisted_operation_by_id ON persisted_operation (operation_id);
CREATE INDEX persisted_operation_by_text ON persisted_operation (sha256);
INSERT INTO policy_line (kind, subject, object, step, scope)
SELECT 'p', came.subject, came.object, came.step, came.scope FROM (
    SELECT '' AS subject, '' AS object, '' AS step, '' AS scope
    UNION ALL VALUES
    ('ANONYMOUS', 'freeFormOperations', '-', 'all'),
    ('ANYONE', 'freeFormOperations', '-', 'all')
) AS came
WHERE came.subject <> '' AND EXISTS (SELECT 1 FROM policy_version)
    AND NOT EXISTS (
        SELECT 1 FROM policy_line
        WHERE policy_line.kind = 'p' AND policy_line.subject = came.subject AND policy_line.object = came.object
            AND policy_line.step = came.step AND policy_line.scope = came.scope
    );
INSERT INTO policy_version (version, changed_at, reason)
SELECT MAX(version) + 1, MAX(changed_at), 'operations of one''s own' FROM policy_version HAVING COUNT(*) > 0
",
// What is left of a limit after a crash nobody needs to know: no log is written for it.
postgres: ["ALTER TABLE rate_bucket SET UNLOGGED"] }
