//! Rows by the position of their columns.

use sea_orm::{QueryResult, TryGetError};

/// A row of a table, read by the position of its columns. Implemented by `#[derive(FromRow)]`, beside which this trait
/// must be in scope: import both by their one name.
pub trait FromRow: Sized {
    /// Decodes `row`. `of_known_types` states that a row of the same result was decoded before: then the types of its
    /// columns are not checked again, which takes longer than decoding.
    ///
    /// # Errors
    /// When a column is missing, or has another type.
    fn from_row(row: &QueryResult, of_known_types: bool) -> Result<Self, TryGetError>;
}
