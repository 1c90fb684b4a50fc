//! Webhooks: who is told of what, under which address, and each delivery. A database whose policy was loaded
//! before they came gets the lines that came with them.
//!
//! `position` is how far the events were looked through for a webhook; `replay_after` and `replay_until` bound what
//! is to be looked through again. What is due is read from `webhook_delivery_due`.

crate::dialect::step! { "
CREATE TABLE webhook (
    id {key},
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    events {json} NOT NULL,
    query TEXT,
    run_as_id BIGINT NOT NULL REFERENCES person (id),
    headers {json} NOT NULL,
    status TEXT NOT NULL,
    status_since {moment} NOT NULL,
    status_detail TEXT,
    secret TEXT NOT NULL,
    former_secret TEXT,
    former_secret_until {moment},
    position BIGINT NOT NULL,
    replay_after BIGINT,
    replay_until BIGINT,
    failing_since {moment},
    created_by_id BIGINT NOT NULL REFERENCES person (id),
    created_at {moment} NOT NULL,
    version BIGINT NOT NULL,
    CHECK ((replay_after IS NULL) = (replay_until IS NULL))
);
CREATE TABLE webhook_delivery (
    id {key},
    webhook_id BIGINT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event_id BIGINT REFERENCES event (id),
    kind TEXT NOT NULL,
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    failures BIGINT NOT NULL,
    due_at {moment} NOT NULL,
    leased_until {moment},
    attempts {json} NOT NULL,
    response TEXT,
    created_at {moment} NOT NULL,
    finished_at {moment},
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX webhook_delivery_of_event ON webhook_delivery (webhook_id, event_id);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, due_at, id) WHERE state = 'PENDING';
CREATE INDEX webhook_delivery_in_state ON webhook_delivery (state, created_at);
CREATE INDEX webhook_delivery_listed ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_finished ON webhook_delivery (finished_at) WHERE finished_at IS NOT NULL;
INSERT INTO policy_line (kind, subject, object, step, scope)
SELECT 'p', 'PLATFORM_ADMIN', came.object, '-', 'all' FROM (
    SELECT '' AS object
    UNION ALL VALUES
    ('readWebhooks'), ('createWebhook'), ('updateWebhook'), ('enableWebhook'), ('disableWebhook'), ('deleteWebhook'),
    ('rotateWebhookSecret'), ('testWebhook'), ('replayWebhook'), ('replayDelivery')
) AS came
WHERE came.object <> '' AND EXISTS (SELECT 1 FROM policy_version)
    AND NOT EXISTS (
        SELECT 1 FROM policy_line
        WHERE policy_line.kind = 'p' AND policy_line.subject = 'PLATFORM_ADMIN' AND policy_line.object = came.object
            AND policy_line.step = '-' AND policy_line.scope = 'all'
    );
INSERT INTO policy_version (version, changed_at, reason)
SELECT MAX(version) + 1, MAX(changed_at), 'webhooks' FROM policy_version HAVING COUNT(*) > 0
" }
