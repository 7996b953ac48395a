//! Inserts of many rows of the server on PostgreSQL, as one array for each column.
//!
//! The text of such a statement does not depend on the number of rows: it is parsed once, and does not evict statements
//! of requests from a connection's cache. With a value for each column of each row, parsing takes longer than inserting.

use sea_orm::sea_query::{ArrayType, Value};
use sea_orm::{
    ColumnTrait, ColumnType, DbBackend, DbErr, EntityTrait, IdenStatic as _, Iterable, ModelTrait,
    Statement,
};

/// The text of a null in an array, where sea-query has none. Ids and names have no control characters; a text that equals
/// it would be stored as null.
const NULL: &str = "\u{1}null";

/// Inserts `rows`, except those whose `key` exists.
///
/// # Errors
/// For a column of a type that has no array here.
pub(crate) fn insert_new<M>(
    rows: &[M],
    key: <M::Entity as EntityTrait>::Column,
) -> Result<Statement, DbErr>
where
    M: ModelTrait,
{
    let columns: Vec<_> = <M::Entity as EntityTrait>::Column::iter().collect();
    let (mut names, mut read, mut arrays, mut values) = (vec![], vec![], vec![], vec![]);
    for (column, place) in columns.into_iter().zip(1..) {
        let name = format!("\"{}\"", column.as_str());
        let (sql_type, array_type) = array_of(&column)?;
        let is_null = column.def().is_null();
        read.push(match is_null {
            true => format!("NULLIF({name}, '{NULL}')"),
            false => name.clone(),
        });
        names.push(name);
        arrays.push(format!("${place}::{sql_type}[]"));
        let column_values = rows.iter().map(|row| match row.get(column) {
            Value::String(None) => NULL.into(),
            value => value,
        });
        values.push(Value::Array(array_type, Some(Box::new(column_values.collect()))));
    }
    let (table, key) = (<M::Entity as Default>::default(), key.as_str());
    let sql = format!(
        r#"INSERT INTO "{}" ({names}) SELECT {} FROM UNNEST({}) AS "new" ({names}) ON CONFLICT ("{key}") DO NOTHING"#,
        table.as_str(),
        read.join(", "),
        arrays.join(", "),
        names = names.join(", "),
    );
    Ok(Statement::from_sql_and_values(DbBackend::Postgres, sql, values))
}

/// The types of the arrays of a column, in PostgreSQL and in sea-query.
fn array_of(column: &impl ColumnTrait) -> Result<(&'static str, ArrayType), DbErr> {
    let definition = column.def();
    match (definition.get_column_type(), definition.is_null()) {
        (ColumnType::String(_) | ColumnType::Text, _) => Ok(("text", ArrayType::String)),
        (ColumnType::Uuid, false) => Ok(("uuid", ArrayType::Uuid)),
        (ColumnType::Integer, false) => Ok(("integer", ArrayType::Int)),
        (ColumnType::TimestampWithTimeZone, false) => {
            Ok(("timestamptz", ArrayType::ChronoDateTimeUtc))
        }
        (other, _) => Err(DbErr::Type(format!("no array of {other:?}"))),
    }
}
