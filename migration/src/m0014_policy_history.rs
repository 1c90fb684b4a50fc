//! The lines of every version of the policy: from which version on each was in force, and until which. What is
//! known of the versions before is written when the server opens the database.
//!
//! Whoever may change the whole policy of a database of before may from now on roll it back, try a change out and
//! ask why somebody may do something; a new database loads the shipped policy whole.

crate::dialect::step! { "
CREATE TABLE policy_history (
    id {key},
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    object TEXT NOT NULL,
    step TEXT NOT NULL,
    scope TEXT NOT NULL,
    from_version BIGINT NOT NULL,
    until_version BIGINT CHECK (until_version > from_version)
);
CREATE UNIQUE INDEX policy_history_in_force ON policy_history (kind, subject, object, step, scope)
    WHERE until_version IS NULL;
INSERT INTO policy_line (kind, subject, object, step, scope)
SELECT 'p', holder.subject, came.object, '-', 'all' FROM (
    SELECT DISTINCT subject FROM policy_line WHERE kind = 'p' AND object = 'changePolicy' AND scope = 'all'
) AS holder CROSS JOIN (
    SELECT 'rollBackPolicy' AS object
    UNION ALL SELECT 'simulatePolicy'
    UNION ALL SELECT 'whoCanDo'
    UNION ALL SELECT 'explainAccess'
) AS came
WHERE NOT EXISTS (
    SELECT 1 FROM policy_line
    WHERE policy_line.kind = 'p' AND policy_line.subject = holder.subject AND policy_line.object = came.object
        AND policy_line.step = '-' AND policy_line.scope = 'all'
);
INSERT INTO policy_version (version, changed_at, reason)
SELECT MAX(version) + 1, MAX(changed_at), 'access explained and foreseen' FROM policy_version HAVING COUNT(*) > 0
" }
