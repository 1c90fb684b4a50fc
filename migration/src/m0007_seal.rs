//! The audit chain: each event is sealed behind the commits, in the order of positions; what an event
//! says is never changed, and what was given behind it is given once.

crate::dialect::step! { "
ALTER TABLE event ADD COLUMN seal TEXT;
CREATE INDEX event_unsealed ON event (position) WHERE seal IS NULL
",
sqlite: [
    "CREATE TRIGGER event_is_not_changed BEFORE UPDATE OF at, kind, actor_id, on_behalf_of_id, roles, subject_type,
        subject_id, from_status, to_status, reason, changes, queue, envelopes, policy_version, request_id ON event
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END",
    "CREATE TRIGGER event_is_placed_once BEFORE UPDATE OF position ON event WHEN OLD.position IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'an event has its position for good: never changed'); END",
    "CREATE TRIGGER event_is_sealed_once BEFORE UPDATE OF seal ON event WHEN OLD.seal IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'seals are never changed'); END",
    "CREATE TRIGGER event_is_not_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END",
],
postgres: [
    "CREATE TRIGGER event_is_kept BEFORE DELETE OR UPDATE OF at, kind, actor_id, on_behalf_of_id, roles, subject_type,
        subject_id, from_status, to_status, reason, changes, queue, envelopes, policy_version, request_id ON event
    FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER event_is_placed_once BEFORE UPDATE OF position ON event
    FOR EACH ROW WHEN (OLD.position IS NOT NULL) EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER event_is_sealed_once BEFORE UPDATE OF seal ON event
    FOR EACH ROW WHEN (OLD.seal IS NOT NULL) EXECUTE FUNCTION refuse_change()",
]}
