//! Rows of which some columns are read.

use sea_orm::sea_query::Value;
use sea_orm::{EntityTrait, QueryResult, TryGetError};

/// A row of which some columns were read: a list reads those that its client selects. Implemented by
/// `#[derive(PartialModel)]` for the struct `Partial` beside the model; import both by their one name. A column that was
/// not read is an error, not an empty value.
pub trait PartialModel: From<<Self::Entity as EntityTrait>::Model> + Send + Sync {
    /// The table.
    type Entity: EntityTrait;

    /// The columns that a model has, without those for search.
    const COLUMNS: &'static [<Self::Entity as EntityTrait>::Column];

    /// The column of this name. None if there is none, or if it is for search only.
    fn column(name: &str) -> Option<<Self::Entity as EntityTrait>::Column>;

    /// Decodes a row of `columns`, in their order. `known` is that of [`FromRow::from_row`](crate::FromRow::from_row).
    ///
    /// # Errors
    /// When a column is missing, or has another type.
    fn read(
        row: &QueryResult,
        columns: &[<Self::Entity as EntityTrait>::Column],
        known: &mut u64,
    ) -> Result<Self, TryGetError>;

    /// The value of a column. None if it was not read.
    fn value(&self, column: <Self::Entity as EntityTrait>::Column) -> Option<Value>;
}
