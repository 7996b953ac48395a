//! Builds the doctor: gives it access to the database, the auth server and the other nodes.

use std::sync::Arc;

use chrono::TimeDelta;
use hallpass_data::{Database, Executor, now};
use hallpass_migration::Migrator;
use secrecy::ExposeSecret as _;

use super::nodes::NodeBus;
use super::{StartError, build_authenticator, open, revocations};
use crate::application::Application;
use crate::bypass;
use crate::cluster::key_set_store::DatabaseKeys;
use crate::config::Config;
use crate::doctor::{DatabaseStatus, Doctor, MigrationsError, PushCounts, Storage, absent_file};
use crate::events::Events;
use crate::row_security::RowSecurityError;
use hallpass_identity::{AuthServerProbe, Authenticator};

/// A doctor for `config`. It is read-only: it creates no database and no key.
///
/// # Errors
/// If a component cannot be built.
pub async fn doctor(application: &Application, config: &Config) -> Result<Doctor, StartError> {
    let authenticator = Arc::new(build_authenticator(config)?);
    let mut bus = NodeBus::redis(config)?.unwrap_or(NodeBus::Local);
    let storage = match absent_file(config.database_url.expose_secret()) {
        Some(path) => Storage::Absent(path),
        None => match open(application, config, |_| {}).await {
            Ok(database) => {
                let keys = DatabaseKeys::read_only(database.clone());
                authenticator.store_keys_in(Arc::new(keys)).await;
                let events = Events::default();
                // If this fails, the check of migrations fails too, and reports it.
                let _ = revocations(config, &authenticator, &database, &events, None).await;
                bus = NodeBus::new(config, &database)?;
                database_status(config, database, application.migrator())
            }
            Err(StartError::Pooler) => Storage::Pooled,
            Err(error) => Storage::Failed(error.to_string()),
        },
    };
    build_doctor(config, authenticator, storage, &bus)
}

pub(super) fn database_status(config: &Config, database: Database, migrator: Migrator) -> Storage {
    let program = config.program.clone();
    Storage::Open(Box::new(move || {
        let (database, migrator) = (database.clone(), migrator.clone());
        let program = program.clone();
        Box::pin(async move {
            database
                .ping()
                .await
                .map_err(|error| MigrationsError::Unavailable(error.to_string()))?;
            let system = database.system(bypass::MIGRATIONS.reason());
            let unreadable =
                |error: hallpass_migration::Error| MigrationsError::Unreadable(error.to_string());
            let status = async |conn: &Executor<'_>| Ok(migrator.status(conn).await);
            let status = system.read(status).await;
            let status = status.map_err(|error| MigrationsError::Unreadable(error.to_string()))?;
            let migrations = status.map_err(unreadable)?;
            let gap = database.check_row_security().await;
            let gap = gap.map_err(|error| MigrationsError::Unavailable(error.to_string()))?;
            let breach = gap.map(|gap| RowSecurityError::new(gap, &program));
            let storage = database.check_writable().await.err();
            let row_security = database.row_security_enabled().then(|| breach.map_or(Ok(()), Err));
            let pushes = pushes(&database).await.ok();
            let pooler = database.pooler();
            Ok(DatabaseStatus { migrations, row_security, storage, pushes, pooler })
        })
    }))
}

/// Counts of pushed revocations, from the database.
async fn pushes(database: &Database) -> Result<PushCounts, hallpass_data::Error> {
    let system = database.system(bypass::PUSHES.reason());
    let (of_sessions, of_users) = system.count_revocations().await?;
    let since = now() - TimeDelta::days(1);
    let unsigned = system.count_audit_events("revocations", "signature", since).await?;
    Ok(PushCounts { of_sessions, of_users, unsigned })
}

pub(super) fn build_doctor(
    config: &Config,
    authenticator: Arc<Authenticator>,
    storage: Storage,
    bus: &NodeBus,
) -> Result<Doctor, StartError> {
    let probe = AuthServerProbe::new(&config.identity)?;
    let messages = bus.messages();
    Ok(Doctor { config: config.clone(), authenticator, probe, storage, messages })
}
