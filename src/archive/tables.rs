//! What tables a database has, and the SQL that makes JSON of their rows and rows of that JSON. Read from the
//! database itself: nothing here knows what Sésame's tables are called.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement};

use super::format::Shape;

/// The table in which the steps of the schema are noted.
pub(super) const STEPS: &str = "seaql_migrations";

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    columns: Vec<Column>,
    /// The columns of its key, in their order.
    key: Vec<String>,
    /// The tables that its rows point to.
    references: BTreeSet<String>,
    /// Whether the database counts the keys.
    pub is_counted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    /// As the database calls it.
    kind: String,
    form: Form,
}

/// How a value is told in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it is: numbers, texts, on PostgreSQL also truths and days.
    Plain,
    /// True and false, which SQLite keeps as numbers.
    Truth,
    /// A moment, in the words of SQLite.
    Moment,
    /// JSON, in a text.
    Json,
    /// Bytes, in hexadecimal.
    Bytes,
    /// Anything else, in a text: fractions, for one, exactly.
    Text,
}

impl Form {
    fn of(backend: DbBackend, kind: &str) -> Self {
        let kind = kind.to_ascii_lowercase();
        match (backend, kind.as_str()) {
            (DbBackend::Postgres, "bigint" | "integer" | "smallint" | "text" | "boolean" | "date") => Self::Plain,
            (DbBackend::Postgres, "timestamp with time zone") => Self::Moment,
            (DbBackend::Postgres, "jsonb" | "json") => Self::Json,
            (DbBackend::Postgres, "bytea") | (_, "blob") => Self::Bytes,
            (DbBackend::Postgres, _) => Self::Text,
            (_, "boolean") => Self::Truth,
            (_, "real" | "float" | "double" | "double precision") => Self::Text,
            _ => Self::Plain,
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.map(|name| quoted(name.as_ref())).collect::<Vec<_>>().join(", ")
}

impl Column {
    /// Its value as JSON has it.
    fn told(&self, backend: DbBackend) -> String {
        let name = quoted(&self.name);
        match (self.form, backend) {
            (Form::Plain, _) => name,
            (Form::Truth, _) => {
                format!("CASE WHEN {name} IS NULL THEN NULL WHEN {name} THEN json('true') ELSE json('false') END")
            }
            // Without a fraction, with thousandths, or with millionths, whichever says it all.
            (Form::Moment, _) => format!(
                "to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') || CASE \
                 WHEN to_char({name}, 'US') = '000000' THEN '' \
                 WHEN to_char({name}, 'US') LIKE '%000' THEN to_char({name}, '.MS') \
                 ELSE to_char({name}, '.US') END || '+00:00'"
            ),
            (Form::Bytes, DbBackend::Postgres) => format!("encode({name}, 'hex')"),
            (Form::Bytes, _) => format!("CASE WHEN {name} IS NOT NULL THEN lower(hex({name})) END"),
            (Form::Json | Form::Text, DbBackend::Postgres) => format!("{name}::text"),
            // All digits of a binary fraction: it comes back as it was.
            (Form::Json | Form::Text, _) => format!("CASE WHEN {name} IS NOT NULL THEN printf('%!.17g', {name}) END"),
        }
    }

    /// What is at its place in the row, as a value of its own kind.
    fn read(&self, backend: DbBackend, place: usize) -> String {
        match (self.form, backend) {
            (Form::Bytes, DbBackend::Postgres) => format!("decode(line.row ->> {place}, 'hex')"),
            (_, DbBackend::Postgres) => format!("(line.row ->> {place})::{}", self.kind),
            (Form::Bytes, _) => format!("unhex(json_extract(value, '$[{place}]'))"),
            _ => format!("json_extract(value, '$[{place}]')"),
        }
    }
}

impl Table {
    /// Its name and its columns.
    pub(super) fn shape(&self) -> Shape {
        let columns = self.columns.iter().map(|column| column.name.clone()).collect();
        Shape { name: self.name.clone(), columns }
    }

    /// Its name, in quotes.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// The places of the columns with JSON.
    pub(super) fn json(&self) -> Vec<usize> {
        let is_json = |(place, column): (usize, &Column)| (column.form == Form::Json).then_some(place);
        self.columns.iter().enumerate().filter_map(is_json).collect()
    }

    /// Its rows, each an array, in the order of the key.
    pub(super) fn select(&self, backend: DbBackend) -> String {
        let values: Vec<String> = self.columns.iter().map(|column| column.told(backend)).collect();
        let key = match self.key.is_empty() {
            true => list(self.columns.iter().map(|column| &column.name)),
            false => list(self.key.iter()),
        };
        let array = match backend {
            DbBackend::Postgres => format!("json_build_array({})::text", values.join(", ")),
            _ => format!("json_array({})", values.join(", ")),
        };
        format!("SELECT {array} AS line FROM {} ORDER BY {key}", self.quoted())
    }

    /// Takes an array of rows, whose values are in the order of `columns`.
    pub(super) fn insert(&self, backend: DbBackend, columns: &[String]) -> String {
        let place = |name: &str| columns.iter().position(|column| column == name).unwrap_or_default();
        let values: Vec<String> = self.columns.iter().map(|column| column.read(backend, place(&column.name))).collect();
        let (table, names) = (self.quoted(), list(self.columns.iter().map(|column| &column.name)));
        let rows = match backend {
            DbBackend::Postgres => "jsonb_array_elements($1::jsonb) AS line (row)",
            _ => "json_each(?)",
        };
        format!("INSERT INTO {table} ({names}) SELECT {} FROM {rows}", values.join(", "))
    }
}

#[derive(Debug, FromQueryResult)]
struct Found {
    table_name: String,
    name: String,
    kind: String,
    /// Its place in the key, from one on.
    place: i64,
    is_counted: bool,
}

#[derive(Debug, FromQueryResult)]
struct Reference {
    table_name: String,
    target: String,
}

/// The columns of all tables, in their order.
const COLUMNS: [(DbBackend, &str); 2] = [
    (
        DbBackend::Sqlite,
        "SELECT t.name AS table_name, c.name AS name, c.type AS kind, c.pk AS place,
            c.pk > 0 AND s.sql LIKE '%AUTOINCREMENT%' AS is_counted
         FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
         JOIN sqlite_master AS s ON s.type = 'table' AND s.name = t.name
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         ORDER BY t.name, c.cid",
    ),
    (
        DbBackend::Postgres,
        "SELECT t.relname::text AS table_name, c.attname::text AS name, format_type(c.atttypid, c.atttypmod) AS kind,
            COALESCE((SELECT k.place FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
                WHERE k.number = c.attnum), 0) AS place,
            c.attidentity <> '' AS is_counted
         FROM pg_class AS t
         JOIN pg_attribute AS c
            ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped AND c.attgenerated = ''
         LEFT JOIN pg_index AS i ON i.indrelid = t.oid AND i.indisprimary
         WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind = 'r'
         ORDER BY t.relname, c.attnum",
    ),
];

/// Which table points to which.
const REFERENCES: [(DbBackend, &str); 2] = [
    (
        DbBackend::Sqlite,
        "SELECT DISTINCT t.name AS table_name, f.\"table\" AS target
         FROM pragma_table_list AS t JOIN pragma_foreign_key_list(t.name) AS f
         WHERE t.schema = 'main' AND t.type = 'table'",
    ),
    (
        DbBackend::Postgres,
        "SELECT DISTINCT t.relname::text AS table_name, o.relname::text AS target
         FROM pg_constraint AS f JOIN pg_class AS t ON t.oid = f.conrelid JOIN pg_class AS o ON o.oid = f.confrelid
         WHERE f.contype = 'f' AND t.relnamespace = current_schema()::regnamespace",
    ),
];

async fn ask<R: FromQueryResult>(conn: &impl ConnectionTrait, sql: &[(DbBackend, &str)]) -> Result<Vec<R>, DbErr> {
    let backend = conn.get_database_backend();
    let sql = sql.iter().find(|(of, _)| *of == backend).map(|(_, sql)| *sql).unwrap_or_default();
    R::find_by_statement(Statement::from_string(backend, sql)).all(conn).await
}

/// Every table but the one of the steps, those that others point to before these.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn all(conn: &impl ConnectionTrait) -> Result<Vec<Table>, DbErr> {
    let backend = conn.get_database_backend();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let mut keys: BTreeMap<(String, i64), String> = BTreeMap::new();
    for Found { table_name, name, kind, place, is_counted } in ask::<Found>(conn, &COLUMNS).await? {
        if place > 0 {
            keys.insert((table_name.clone(), place), name.clone());
        }
        let table = tables.entry(table_name.clone()).or_insert_with(|| Table {
            name: table_name,
            columns: Vec::new(),
            key: Vec::new(),
            references: BTreeSet::new(),
            is_counted: false,
        });
        table.is_counted |= is_counted;
        table.columns.push(Column { form: Form::of(backend, &kind), name, kind });
    }
    for ((table, _), column) in keys {
        tables.entry(table).and_modify(|table| table.key.push(column));
    }
    for Reference { table_name, target } in ask::<Reference>(conn, &REFERENCES).await? {
        tables.entry(table_name).and_modify(|table| {
            table.references.insert(target);
        });
    }
    tables.remove(STEPS);
    Ok(in_order(tables))
}

/// Each table behind those that it points to, otherwise by name; where tables point to each other in a circle,
/// by name too.
fn in_order(mut left: BTreeMap<String, Table>) -> Vec<Table> {
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let is_free = |table: &Table| !table.references.iter().any(|to| *to != table.name && left.contains_key(to));
        let free: Vec<String> = left.values().filter(|table| is_free(table)).map(|table| table.name.clone()).collect();
        let next = if free.is_empty() { left.keys().take(1).cloned().collect() } else { free };
        ordered.extend(next.iter().filter_map(|name| left.remove(name)));
    }
    ordered
}

/// The steps of the schema that a database has, oldest first; none where it is new.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn steps(conn: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    #[derive(Debug, FromQueryResult)]
    struct Step {
        version: String,
    }
    let there = [
        (
            DbBackend::Sqlite,
            "SELECT name AS version FROM sqlite_master
             WHERE type = 'table' AND name = 'seaql_migrations'",
        ),
        (
            DbBackend::Postgres,
            "SELECT tablename::text AS version FROM pg_tables
             WHERE schemaname = current_schema() AND tablename = 'seaql_migrations'",
        ),
    ];
    if ask::<Step>(conn, &there).await?.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT version FROM seaql_migrations ORDER BY version";
    let steps = Step::find_by_statement(Statement::from_string(conn.get_database_backend(), sql)).all(conn).await?;
    Ok(steps.into_iter().map(|step| step.version).collect())
}

/// The last key that the database gave in a table whose keys it counts.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn counter(conn: &impl ConnectionTrait, table: &Table) -> Result<Option<i64>, DbErr> {
    #[derive(Debug, FromQueryResult)]
    struct Last {
        last: i64,
    }
    if !table.is_counted {
        return Ok(None);
    }
    let backend = conn.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "SELECT COALESCE(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0) AS last"
        }
        _ => "SELECT COALESCE(MAX(seq), 0) AS last FROM sqlite_sequence WHERE name = ?",
    };
    let name = if backend == DbBackend::Postgres { table.quoted() } else { table.name.clone() };
    let statement = Statement::from_sql_and_values(backend, sql, [name.into()]);
    Ok(Last::find_by_statement(statement).one(conn).await?.map(|found| found.last))
}

/// Goes on counting behind the last key that was given.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn count_on(conn: &impl ConnectionTrait, table: &Table, last: i64) -> Result<(), DbErr> {
    let backend = conn.get_database_backend();
    let run = |sql: &'static str, values: [sea_orm::Value; 2]| {
        conn.execute_raw(Statement::from_sql_and_values(backend, sql, values))
    };
    if backend == DbBackend::Postgres {
        let sql = "SELECT setval(pg_get_serial_sequence($1, 'id')::regclass, GREATEST($2, 1), $2 > 0)";
        return run(sql, [table.quoted().into(), last.into()]).await.map(drop);
    }
    let name = || table.name.clone().into();
    let counted = run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", [last.into(), name()]).await?;
    if counted.rows_affected() == 0 && last > 0 {
        run("INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)", [last.into(), name()]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn table(name: &str, references: &[&str]) -> (String, Table) {
        let references = references.iter().map(|to| (*to).to_owned()).collect();
        let (columns, key) = (Vec::new(), Vec::new());
        (name.to_owned(), Table { name: name.to_owned(), columns, key, references, is_counted: false })
    }

    fn names(tables: impl IntoIterator<Item = (String, Table)>) -> Vec<String> {
        in_order(tables.into_iter().collect()).into_iter().map(|table| table.name).collect()
    }

    #[test]
    fn what_is_pointed_to_comes_first() {
        let tables = [table("a", &["c"]), table("b", &[]), table("c", &["b", "c"]), table("d", &["a", "b"])];
        assert_eq!(names(tables), ["b", "c", "a", "d"]);
    }

    #[test]
    fn tables_in_a_circle_are_all_there() {
        let tables = [table("a", &["b"]), table("b", &["a"]), table("c", &["b"])];
        assert_eq!(names(tables), ["a", "b", "c"]);
    }

    /// Every table of the schema is found, behind those that it points to.
    #[tokio::test]
    async fn no_table_is_forgotten() {
        use migration::MigratorTrait;
        let database = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        migration::Migrator::up(&database, None).await.unwrap();
        let sql = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let row = database.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap().unwrap();
        let made: i64 = row.try_get_by_index(0).unwrap();
        let tables = all(&database).await.unwrap();
        assert_eq!(tables.len() as i64, made - 1, "all but the table of the steps");
        let mut before = HashSet::new();
        for table in &tables {
            let missing: Vec<_> =
                table.references.iter().filter(|to| **to != table.name && !before.contains(to.as_str())).collect();
            assert!(missing.is_empty(), "{} comes before {missing:?}", table.name);
            assert!(!table.key.is_empty(), "{} has no key", table.name);
            before.insert(table.name.as_str());
        }
    }

    #[tokio::test]
    async fn every_kind_of_value_comes_back_as_it_was() {
        let database = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        for name in ["before", "after"] {
            let columns =
                "id INTEGER PRIMARY KEY, truth BOOLEAN, share DOUBLE PRECISION, bytes BLOB, said TEXT, cents BIGINT";
            database.execute_unprepared(&format!("CREATE TABLE {name} ({columns})")).await.unwrap();
        }
        let rows = "INSERT INTO before VALUES (1, TRUE, 0.1, x'00ff', 'é\"\n', 9007199254740993), (2, FALSE, -1234567.891, x'', '', 0),
            (3, NULL, NULL, NULL, NULL, NULL), (4, TRUE, 1.0, x'7b7d', '{\"b\":1,\"a\":2}', -1)";
        database.execute_unprepared(rows).await.unwrap();
        let tables = all(&database).await.unwrap();
        let [after, before] = &tables[..] else { panic!("{tables:?}") };
        let select = Statement::from_string(DbBackend::Sqlite, before.select(DbBackend::Sqlite));
        let told = database.query_all_raw(select).await.unwrap();
        let told = told.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
        let told: Vec<String> = told.map(|row| super::super::format::canonical(&row, &[]).unwrap()).collect();
        let sql = after.insert(DbBackend::Sqlite, &before.shape().columns);
        let array = format!("[{}]", told.join(","));
        let insert = Statement::from_sql_and_values(DbBackend::Sqlite, sql, [array.into()]);
        assert_eq!(database.execute_raw(insert).await.unwrap().rows_affected(), 4);
        let differ = "SELECT COUNT(*) FROM (SELECT * FROM before EXCEPT SELECT * FROM after)";
        let row = database.query_one_raw(Statement::from_string(DbBackend::Sqlite, differ)).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 0, "{told:?}");
    }
}
