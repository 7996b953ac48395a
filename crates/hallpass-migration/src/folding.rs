//! Derived text columns (sort keys, search texts), for any table with ids.

use sea_orm_migration::prelude::{DbErr, SchemaManager};
use sea_orm_migration::sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Order, Query, Table};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, DbBackend, Statement, Value};
use uuid::Uuid;

/// How many rows are read and written per statement.
const BATCH: u64 = 500;

/// A derived column.
pub struct Folded {
    /// The derived column; `NAME_key` is a sort key.
    pub column: &'static str,
    /// The source column.
    pub of: &'static str,
    /// The function that derives it.
    pub by: fn(&str) -> String,
}

/// Adds the columns to `table`, and fills them for existing rows. They are compared byte by byte, in any
/// locale of PostgreSQL; SQLite always compares so. Sort keys are never null, so that cursors can contain
/// them.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn add_columns(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[Folded],
) -> Result<(), DbErr> {
    let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
    let collation = if is_postgres { "COLLATE \"C\"" } else { "" };
    for Folded { column, .. } in columns {
        let present = if column.ends_with("_key") { "NOT NULL DEFAULT ''" } else { "" };
        let sql =
            format!("ALTER TABLE \"{table}\" ADD COLUMN \"{column}\" text {collation} {present}");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    fold_all(manager, table, columns).await
}

/// Drops the columns of `table`.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn drop_columns(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[Folded],
) -> Result<(), DbErr> {
    for Folded { column, .. } in columns {
        let dropped = Table::alter().table(table).drop_column(*column).to_owned();
        manager.alter_table(dropped).await?;
    }
    Ok(())
}

/// Fills the columns of every row of `table`.
async fn fold_all(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[Folded],
) -> Result<(), DbErr> {
    bypass_policies(manager).await?;
    let mut last = Uuid::nil();
    loop {
        let rows = read(manager, table, columns, last).await?;
        match rows.last() {
            None => return Ok(()),
            Some((id, _)) => last = *id,
        }
        write(manager, table, columns, rows).await?;
    }
}

/// Gives this transaction access to every row if row-level security is enforced. See
/// [`crate::row_security`].
async fn bypass_policies(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        let bypass = "SELECT set_config('hallpass.door', 'server', true)";
        manager.get_connection().execute_unprepared(bypass).await?;
    }
    Ok(())
}

type Row = (Uuid, Vec<Option<String>>);

/// The next rows after `last`, with their derived values.
async fn read(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[Folded],
    last: Uuid,
) -> Result<Vec<Row>, DbErr> {
    let mut next = Query::select();
    next.column("id").from(Alias::new(table)).and_where(Expr::col("id").gt(last));
    next.order_by("id", Order::Asc).limit(BATCH);
    for (column, place) in columns.iter().zip(0..) {
        next.expr_as(Expr::col(column.of), format!("text{place}"));
    }
    let rows = manager.get_connection().query_all(&next).await?;
    let fold = |row: &sea_orm_migration::sea_orm::QueryResult| {
        let texts = columns.iter().zip(0..).map(|(column, place)| {
            let text: Option<String> = row.try_get("", &format!("text{place}"))?;
            Ok(text.map(|text| (column.by)(&text)))
        });
        Ok((row.try_get("", "id")?, texts.collect::<Result<_, DbErr>>()?))
    };
    rows.iter().map(fold).collect()
}

async fn write(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[Folded],
    rows: Vec<Row>,
) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let (mut values, mut lines) = (Vec::<Value>::new(), Vec::new());
    for (id, texts) in rows {
        // `$1` works on both databases: SQLite accepts `?1` too, PostgreSQL does not.
        let line = (1..=texts.len() + 1).map(|place| format!("${}", values.len() + place));
        lines.push(format!("({})", line.collect::<Vec<_>>().join(", ")));
        values.push(id.into());
        values.extend(texts.into_iter().map(Value::from));
    }
    // Both databases name the columns of a VALUES list `column1` and so on.
    let set = columns.iter().zip(2..);
    let set = set.map(|(folded, place)| format!("\"{}\" = v.column{place}", folded.column));
    let sql = format!(
        "UPDATE \"{table}\" SET {} FROM (VALUES {}) AS v WHERE \"{table}\".id = v.column1",
        set.collect::<Vec<_>>().join(", "),
        lines.join(", ")
    );
    let update = Statement::from_sql_and_values(backend, sql, values);
    manager.get_connection().execute_raw(update).await?;
    Ok(())
}
