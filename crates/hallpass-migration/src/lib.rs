//! Database migrations: those of the core's tables, and what an application writes its own with.
//!
//! Of the workspace, only `hallpass-text` is imported: applied migrations must not change with the code, so
//! each spells out its names. To add one, create a file beside the others and add it to
//! [`core_migrations`].

use std::collections::BTreeSet;
use std::sync::Arc;

pub use owned_table::{OwnedTable, create_tables};
pub use sea_orm_migration::MigratorTraitSelf;
use sea_orm_migration::prelude::{DbErr, MigrationName, async_trait};
pub use sea_orm_migration::prelude::{MigrationTrait, SchemaManager};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, Statement};

pub mod folding;
pub mod known_user_search;
mod m20261121_000003_revocations;
mod m20261121_000005_known_users;
mod m20261121_000007_audit;
mod m20261128_000020_idempotency_keys;
mod m20261128_000030_key_sets;
mod m20261128_000040_audit_clients;
mod m20261128_000050_revocation_state;
mod m20261128_000060_idempotency_answers;
mod m20261129_000070_erased_users;
mod m20261129_000083_user_tiers;
mod m20261129_000084_audit_filters;
mod owned_table;
pub mod row_security;
pub mod search_index;

/// The migrations of the core's tables, oldest first.
#[must_use]
pub fn core_migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m20261121_000003_revocations::Migration),
        Box::new(m20261121_000005_known_users::Migration),
        Box::new(m20261121_000007_audit::Migration),
        Box::new(m20261128_000020_idempotency_keys::Migration),
        Box::new(m20261128_000030_key_sets::Migration),
        Box::new(m20261128_000040_audit_clients::Migration),
        Box::new(m20261128_000050_revocation_state::Migration),
        Box::new(m20261128_000060_idempotency_answers::Migration),
        Box::new(m20261129_000070_erased_users::Migration),
        Box::new(m20261129_000083_user_tiers::Migration),
        Box::new(m20261129_000084_audit_filters::Migration),
    ]
}

/// Every migration of an application, oldest first: those of the core, and its own.
#[derive(Clone)]
pub struct Migrator(Arc<[Arc<dyn MigrationTrait>]>);

impl Migrator {
    /// The migrations of the core and those of the `application`, by name: names start with
    /// `mYYYYMMDD_NNNNNN_`.
    #[must_use]
    pub fn new(application: Vec<Box<dyn MigrationTrait>>) -> Self {
        let mut all = core_migrations();
        all.extend(application);
        all.sort_by(|one, other| one.name().cmp(other.name()));
        Self(all.into_iter().map(Arc::from).collect())
    }

    /// The state of the database behind `connection`. A migration that is applied and not in this list, such as one of
    /// a newer version, is no error: this version serves the database as before, if the migration only added to it.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn status(&self, connection: &impl ConnectionTrait) -> Result<Status, Error> {
        let applied = applied_migrations(connection).await?;
        let known = self.0.iter().map(|migration| migration.name().to_owned());
        let known: Vec<_> = known.map(|name| (applied.contains(&name), name)).collect();
        let is_unknown = |name: &String| !known.iter().any(|(_, other)| other == name);
        let unknown = applied.iter().filter(|name| is_unknown(name)).cloned().collect();
        let known = known.into_iter().map(|(is_applied, name)| (name, is_applied)).collect();
        Ok(Status { known, unknown })
    }
}

/// The names of the applied migrations. Changes nothing: a database without the table of migrations has none.
async fn applied_migrations(connection: &impl ConnectionTrait) -> Result<BTreeSet<String>, Error> {
    let backend = connection.get_database_backend();
    let has_table = match backend {
        DbBackend::Postgres => "SELECT 1 WHERE to_regclass('seaql_migrations') IS NOT NULL",
        _ => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
    };
    let has_table = Statement::from_string(backend, has_table);
    if connection.query_all_raw(has_table).await?.is_empty() {
        return Ok(BTreeSet::new());
    }
    let applied = Statement::from_string(backend, "SELECT version FROM seaql_migrations");
    let rows = connection.query_all_raw(applied).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

/// Which migrations a database has.
#[derive(Clone, Debug)]
pub struct Status {
    /// Each migration of this version, oldest first, and whether it is applied.
    pub known: Vec<(String, bool)>,
    /// Applied migrations that this version does not have: those of a newer version.
    pub unknown: Vec<String>,
}

impl Status {
    /// Whether a migration of this version is not applied.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.known.iter().any(|(_, is_applied)| !is_applied)
    }
}

impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let shared = |it: &Arc<_>| -> Box<dyn MigrationTrait> { Box::new(Shared(Arc::clone(it))) };
        self.0.iter().map(shared).collect()
    }
}

/// A migration of a [`Migrator`], which may run its list more than once.
struct Shared(Arc<dyn MigrationTrait>);

impl MigrationName for Shared {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Shared {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.down(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        self.0.use_transaction()
    }
}

/// The error of a failed migration.
pub type Error = DbErr;
