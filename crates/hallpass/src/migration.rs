//! Migrations of an application's tables.

pub use hallpass_migration::{MigrationTrait, row_security};
