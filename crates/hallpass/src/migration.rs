//! Migrations of an application's tables.

pub use hallpass_migration::{
    MigrationTrait, OwnedTable, SchemaManager, create_tables, row_security, search_index,
};
