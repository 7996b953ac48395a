//! Rows by the position of their columns.

use sea_orm::sea_query::{ArrayType, Value, ValueType};
use sea_orm::{QueryResult, TryGetError};
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _};
use uuid::Uuid;

use crate::Timestamp;

/// A row of a table, read by the position of its columns. Implemented by `#[derive(FromRow)]`, beside which this trait
/// must be in scope: import both by their one name.
pub trait FromRow: Sized {
    /// Decodes `row`. `of_known_types` states that a row of the same result was decoded before: then the types of its
    /// columns are not checked again, which takes longer than decoding.
    ///
    /// # Errors
    /// When a column is missing, or has another type.
    fn from_row(row: &QueryResult, of_known_types: bool) -> Result<Self, TryGetError>;

    /// A column whose type is known: that of a time, or one that wraps a text, a UUID or a small number. None for other
    /// types, for null, and on SQLite, whose columns have no types.
    #[must_use]
    fn of_known_type<T: ValueType>(row: &QueryResult, at: usize) -> Option<T> {
        let row = row.try_as_pg_row()?;
        let value = match T::array_type() {
            ArrayType::String => unchecked::<String>(row, at)?,
            ArrayType::Uuid => unchecked::<Uuid>(row, at)?,
            ArrayType::SmallInt => unchecked::<i16>(row, at)?,
            ArrayType::ChronoDateTimeUtc => time(row, at)?,
            _ => return None,
        };
        <T as ValueType>::try_from(value).ok()
    }
}

/// Microseconds from the Unix epoch to that of PostgreSQL, 2000-01-01.
const EPOCH: i64 = 946_684_800_000_000;

/// A time, which the database sends as microseconds.
fn time(row: &PgRow, at: usize) -> Option<Value> {
    let since = row.try_get_unchecked::<i64, usize>(at).ok()?;
    Timestamp::from_timestamp_micros(since.checked_add(EPOCH)?).map(Value::from)
}

fn unchecked<'r, T>(row: &'r PgRow, at: usize) -> Option<Value>
where
    T: Decode<'r, Postgres> + Into<Value>,
{
    row.try_get_unchecked::<T, usize>(at).ok().map(T::into)
}
