//! The readiness check of the server.

use hallpass_data::Database;
use hallpass_migration::Migrator;

use crate::bypass;

/// Checks that the database is usable.
pub(super) struct Readiness {
    /// With a connection of its own, so that a busy pool is not an unavailable database.
    pub(super) database: Database,
    pub(super) migrator: Migrator,
}

impl Readiness {
    /// Fails with the name of what is not ready.
    pub(super) async fn check(&self) -> Result<(), String> {
        let unavailable = |error: hallpass_data::Error| match error.reason() {
            Some(reason) => format!("database: {reason}"),
            None => "database".to_owned(),
        };
        self.database.ping().await.map_err(unavailable)?;
        let writable = self.database.check_writable().await;
        writable.map_err(|reason| format!("database: {reason}"))?;
        let system = self.database.system(bypass::MIGRATIONS.reason());
        let status = system.read(async |conn| self.migrator.status(conn).await).await;
        match status {
            // An older server stays ready on a database that a newer one has migrated: see docs/operations/upgrades.md.
            Ok(status) if !status.has_pending() => {}
            _ => return Err("migrations".to_owned()),
        }
        match self.database.check_row_security().await {
            Ok(None) => Ok(()),
            _ => Err("row security".to_owned()),
        }
    }
}
