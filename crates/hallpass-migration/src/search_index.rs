//! Trigram search indexes, for any table with normalized search texts.
//!
//! The companion table `NAME_search` holds the text of each row that may be found, in the order in which
//! they were written. Triggers maintain it on every write. SQLite searches it with FTS5, with the same
//! row ids; PostgreSQL with a GIN index on an array of trigrams, which needs no extension and works for
//! every script in any locale.

use sea_orm_migration::prelude::{DbErr, SchemaManager};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, DbBackend};

/// An index over some columns of a table.
pub struct SearchIndex {
    /// Its name.
    pub name: &'static str,
    /// The searched table.
    pub table: &'static str,
    /// The searched columns.
    pub columns: &'static [&'static str],
    /// The boolean column of rows that may be found; none if every row may.
    pub shown: Option<&'static str>,
}

/// The function that splits a text into trigrams in PostgreSQL.
const TRIGRAMS: &str = "CREATE FUNCTION hallpass_trigrams(value text) RETURNS text[] \
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$ SELECT ARRAY( \
    SELECT DISTINCT substr(value, n, 3) FROM generate_series(1, length(value) - 2) n) $$";

/// Creates the function that PostgreSQL's indexes need. Does nothing on SQLite.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub(crate) async fn prepare(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if is_postgres(manager) { run(manager, TRIGRAMS).await } else { Ok(()) }
}

/// Undoes [`prepare`], after the last index is dropped.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub(crate) async fn clear(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if !is_postgres(manager) {
        return Ok(());
    }
    run(manager, "DROP FUNCTION hallpass_trigrams(text)").await
}

impl SearchIndex {
    /// Creates the index over the existing rows, and the triggers that maintain it.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn create(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let is_postgres = is_postgres(manager);
        for sql in if is_postgres { self.on_postgres() } else { self.on_sqlite() } {
            run(manager, &sql).await?;
        }
        Ok(())
    }

    /// Drops the index.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn drop(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let Self { name, table, .. } = self;
        let is_postgres = is_postgres(manager);
        for event in ["insert", "update", "delete"] {
            let on = if is_postgres { format!("ON \"{table}\"") } else { String::new() };
            run(manager, &format!("DROP TRIGGER {name}_search_{event} {on}")).await?;
        }
        if is_postgres {
            run(manager, &format!("DROP FUNCTION hallpass_index_{name}()")).await?;
        } else {
            run(manager, &format!("DROP TABLE {name}_fts")).await?;
        }
        run(manager, &format!("DROP TABLE {name}_search")).await
    }

    /// The search text of `row`, an SQL alias.
    fn text(&self, row: &str) -> String {
        // Normalized texts contain no line break: matches never span columns.
        let parts = self.columns.iter().map(|column| format!("coalesce({row}.\"{column}\", '')"));
        parts.collect::<Vec<_>>().join(" || '\n' || ")
    }

    fn is_shown(&self, row: &str) -> String {
        self.shown.map_or("TRUE".to_owned(), |column| format!("{row}.\"{column}\""))
    }

    /// Whether an update changes the index; `differ` is the null-safe inequality operator.
    fn is_changed(&self, differ: &str) -> String {
        let (old, new) = (self.is_shown("OLD"), self.is_shown("NEW"));
        let texts = format!("({}) {differ} ({})", self.text("OLD"), self.text("NEW"));
        format!("{old} {differ} {new} OR ({new} AND {texts})")
    }

    fn fill(&self) -> String {
        let Self { name, table, .. } = self;
        let (text, shown) = (self.text("t"), self.is_shown("t"));
        format!(
            "INSERT INTO {name}_search (row_id, text) \
             SELECT t.id, {text} FROM \"{table}\" t WHERE {shown} ORDER BY t.id"
        )
    }

    fn on_postgres(&self) -> Vec<String> {
        let Self { name, table, .. } = self;
        let (old_shown, new_shown) = (self.is_shown("OLD"), self.is_shown("NEW"));
        let (text, changed) = (self.text("NEW"), self.is_changed("IS DISTINCT FROM"));
        let trigger = |event: &str, when: &str| {
            format!(
                "CREATE TRIGGER {name}_search_{event} AFTER {event} ON \"{table}\" \
                 FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION hallpass_index_{name}()"
            )
        };
        vec![
            format!(
                "CREATE TABLE {name}_search (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
                 row_id uuid NOT NULL UNIQUE, text text COLLATE \"C\" NOT NULL)"
            ),
            self.fill(),
            format!(
                "CREATE INDEX {name}_search_trigrams ON {name}_search \
                 USING gin (hallpass_trigrams(text))"
            ),
            format!(
                "CREATE FUNCTION hallpass_index_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ \
                 BEGIN \
                 IF TG_OP <> 'INSERT' THEN DELETE FROM {name}_search WHERE row_id = OLD.id; END IF; \
                 IF TG_OP <> 'DELETE' THEN \
                 INSERT INTO {name}_search (row_id, text) SELECT NEW.id, {text} WHERE {new_shown}; \
                 END IF; RETURN NULL; END $$"
            ),
            trigger("insert", &new_shown),
            trigger("update", &changed),
            trigger("delete", &old_shown),
        ]
    }

    fn on_sqlite(&self) -> Vec<String> {
        let Self { name, table, .. } = self;
        let (old_shown, new_shown) = (self.is_shown("OLD"), self.is_shown("NEW"));
        let changed = self.is_changed("IS NOT");
        let forget = format!("DELETE FROM {name}_search WHERE row_id = OLD.id;");
        let note = format!(
            "INSERT INTO {name}_search (row_id, text) SELECT NEW.id, {} WHERE {new_shown};",
            self.text("NEW")
        );
        let on_table = |event: &str, when: &str, work: &str| {
            format!(
                "CREATE TRIGGER {name}_search_{event} AFTER {event} ON \"{table}\" \
                 WHEN {when} BEGIN {work} END"
            )
        };
        let on_index = |event: &str, work: &str| {
            format!(
                "CREATE TRIGGER {name}_fts_{event} AFTER {event} ON {name}_search BEGIN {work}; END"
            )
        };
        vec![
            format!(
                "CREATE TABLE {name}_search (id INTEGER PRIMARY KEY, \
                 row_id uuid_text NOT NULL UNIQUE, text TEXT NOT NULL)"
            ),
            self.fill(),
            format!(
                "CREATE VIRTUAL TABLE {name}_fts USING fts5(text, content='', \
                 contentless_delete=1, tokenize='trigram case_sensitive 1')"
            ),
            format!("INSERT INTO {name}_fts (rowid, text) SELECT id, text FROM {name}_search"),
            on_table("insert", &new_shown, &note),
            on_table("update", &changed, &format!("{forget} {note}")),
            on_table("delete", &old_shown, &forget),
            on_index(
                "insert",
                &format!("INSERT INTO {name}_fts (rowid, text) VALUES (NEW.id, NEW.text)"),
            ),
            on_index("delete", &format!("DELETE FROM {name}_fts WHERE rowid = OLD.id")),
        ]
    }
}

fn is_postgres(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::Postgres
}

async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(sql).await?;
    Ok(())
}
