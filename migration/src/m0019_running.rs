//! On SQLite too an event's position is the one behind the last, whatever its key: rows that came from
//! PostgreSQL have keys with gaps between them, and positions have none (G-21).

crate::dialect::step! { "",
sqlite: [
    "DROP TRIGGER event_position",
    "CREATE TRIGGER event_position AFTER INSERT ON event WHEN NEW.position IS NULL
    BEGIN
        UPDATE event SET position = (SELECT COALESCE(MAX(position), 0) + 1 FROM event) WHERE id = NEW.id;
    END",
]}
