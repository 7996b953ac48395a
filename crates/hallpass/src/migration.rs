//! Migrations of an application's tables.

pub use hallpass_migration::{MigrationTrait, SchemaManager, row_security, search_index};
