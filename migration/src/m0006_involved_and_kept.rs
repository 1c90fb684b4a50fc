//! Everybody who is involved in an order in one column, which grows with each submission, instead of the
//! last submitter alone; and rows that are never changed are kept so by the database itself.

crate::dialect::step! { "
ALTER TABLE orders ADD COLUMN involved TEXT NOT NULL DEFAULT ',';
ALTER TABLE work_item ADD COLUMN involved TEXT NOT NULL DEFAULT ',';
UPDATE orders SET involved = ',' || (
    SELECT {joined:person} FROM (
        SELECT owner_id AS person UNION SELECT author_id UNION SELECT authored_for_id
        UNION SELECT submitter_id UNION SELECT submitted_for_id ORDER BY 1
    ) AS people WHERE person IS NOT NULL
) || ',';
UPDATE work_item SET involved = ',' || (
    SELECT {joined:person} FROM (
        SELECT owner_id AS person UNION SELECT author_id UNION SELECT authored_for_id
        UNION SELECT submitter_id UNION SELECT submitted_for_id ORDER BY 1
    ) AS people WHERE person IS NOT NULL
) || ',';
ALTER TABLE work_item DROP COLUMN author_id;
ALTER TABLE work_item DROP COLUMN authored_for_id;
ALTER TABLE work_item DROP COLUMN submitter_id;
ALTER TABLE work_item DROP COLUMN submitted_for_id
",
sqlite: [
    "CREATE TRIGGER ledger_entry_is_not_changed BEFORE UPDATE ON ledger_entry
    BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END",
    "CREATE TRIGGER ledger_entry_is_not_deleted BEFORE DELETE ON ledger_entry
    BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted'); END",
],
postgres: [
    "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME; END $$",
    "CREATE TRIGGER ledger_entry_is_kept BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change()",
]}
