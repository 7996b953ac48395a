//! Columns made of others by folding, for the rows that are there already.

use sea_orm_migration::prelude::{DbErr, SchemaManager};
use sea_orm_migration::sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Order, Query};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, DbBackend, Statement, Value};
use uuid::Uuid;

/// How many rows are read and written at once.
const BATCH: u64 = 500;

/// A column, and what it is made of.
pub struct Folded {
    /// The column to be written.
    pub column: &'static str,
    /// The column of text that it is made of.
    pub of: &'static str,
    /// How.
    pub by: fn(&str) -> String,
}

/// Writes the columns of every row of `table`.
///
/// # Errors
/// When the database is away or refuses.
pub async fn fold_all(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[Folded],
) -> Result<(), DbErr> {
    open_policies(manager).await?;
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

/// Row-level security that is on already shows this transaction every row. See [`crate::wall`].
async fn open_policies(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        let open = "SELECT set_config('hallpass.door', 'server', true)";
        manager.get_connection().execute_unprepared(open).await?;
    }
    Ok(())
}

type Row = (Uuid, Vec<Option<String>>);

/// The next rows after `last`, folded.
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
        // SQLite takes `?1` and `$1` for names and numbers; PostgreSQL only the latter.
        let line = (1..=texts.len() + 1).map(|place| format!("${}", values.len() + place));
        lines.push(format!("({})", line.collect::<Vec<_>>().join(", ")));
        values.push(id.into());
        values.extend(texts.into_iter().map(Value::from));
    }
    // Both databases call the columns of such a list `column1` and so on.
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
