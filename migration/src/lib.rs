//! Database migrations of Hallpass.
//!
//! Of the workspace, only `hallpass-text` is imported: applied migrations must not change with the code, so
//! each spells out its names. To add one, create a file beside the others and add it to
//! [`Migrator::migrations`].

use sea_orm_migration::prelude::DbErr;
pub use sea_orm_migration::prelude::MigrationTrait;
pub use sea_orm_migration::prelude::{MigratorTrait, SchemaManager};
use sea_orm_migration::sea_orm::ConnectionTrait;

mod folding;
mod m20261121_000001_tasks;
mod m20261121_000002_courses;
mod m20261121_000003_revocations;
mod m20261121_000004_learners;
mod m20261121_000005_known_users;
mod m20261121_000007_audit;
mod m20261121_000009_row_security;
mod m20261128_000010_search;
mod m20261128_000011_orders;
mod m20261128_000020_idempotency_keys;
mod m20261128_000021_due_days;
mod m20261128_000030_key_sets;
mod m20261128_000040_audit_clients;
mod m20261128_000041_deferrable_tags;
mod m20261128_000050_revocation_state;
pub mod row_security;
mod search_index;

/// Every migration, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_tasks::Migration),
            Box::new(m20261121_000002_courses::Migration),
            Box::new(m20261121_000003_revocations::Migration),
            Box::new(m20261121_000004_learners::Migration),
            Box::new(m20261121_000005_known_users::Migration),
            Box::new(m20261121_000007_audit::Migration),
            Box::new(m20261121_000009_row_security::Migration),
            Box::new(m20261128_000010_search::Migration),
            Box::new(m20261128_000011_orders::Migration),
            Box::new(m20261128_000020_idempotency_keys::Migration),
            Box::new(m20261128_000021_due_days::Migration),
            Box::new(m20261128_000030_key_sets::Migration),
            Box::new(m20261128_000040_audit_clients::Migration),
            Box::new(m20261128_000041_deferrable_tags::Migration),
            Box::new(m20261128_000050_revocation_state::Migration),
        ]
    }
}

/// The error of a failed migration.
pub type Error = DbErr;

/// Whether each migration, oldest first, is applied to the database behind `connection`.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn status(connection: &impl ConnectionTrait) -> Result<Vec<(String, bool)>, Error> {
    let waiting = Migrator::get_pending_migrations_read_only(connection).await?;
    Ok(Migrator::migrations()
        .iter()
        .map(|migration| {
            let name = migration.name().to_owned();
            let applied = !waiting.iter().any(|other| other.name() == name);
            (name, applied)
        })
        .collect())
}
