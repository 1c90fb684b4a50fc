//! The audit log is read newest first, by whoever acted, by what happened and by request; and a database whose policy
//! was loaded before it came gets its lines. What platform administration changed meanwhile stays.

crate::dialect::step! { "
CREATE INDEX event_by_moment ON event (at, id);
CREATE INDEX event_of_actor ON event (actor_id, at, id);
CREATE INDEX event_of_absent ON event (on_behalf_of_id, at, id) WHERE on_behalf_of_id IS NOT NULL;
CREATE INDEX event_of_kind ON event (kind, at, id);
CREATE INDEX event_of_request ON event (request_id);
CREATE INDEX event_of_policy ON event (policy_version, at, id);
INSERT INTO policy_line (kind, subject, object, step, scope)
SELECT 'p', came.subject, came.object, came.step, came.scope FROM (
    SELECT '' AS subject, '' AS object, '' AS step, '' AS scope
    UNION ALL VALUES
    ('SALES_ADMIN', 'auditLog', '-', 'all'),
    ('PLATFORM_ADMIN', 'auditLog', '-', 'all'),
    ('PLATFORM_ADMIN', 'asUser', '-', 'all')
) AS came
WHERE came.subject <> '' AND EXISTS (SELECT 1 FROM policy_version)
    AND NOT EXISTS (
        SELECT 1 FROM policy_line
        WHERE policy_line.kind = 'p' AND policy_line.subject = came.subject AND policy_line.object = came.object
            AND policy_line.step = came.step AND policy_line.scope = came.scope
    );
INSERT INTO policy_version (version, changed_at, reason)
SELECT MAX(version) + 1, MAX(changed_at), 'the audit log' FROM policy_version HAVING COUNT(*) > 0
" }
