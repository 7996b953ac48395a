//! Migrations and demo data, applied by one server at a time under an exclusive lock.

use std::time::Duration;

use hallpass_data::{Database, Error, Exclusive, Executor, Options, Reason};
use hallpass_migration::MigratorTraitSelf as _;
use secrecy::ExposeSecret as _;

use super::{StartError, backend, persona_callers};
use crate::application::{Application, Demo, DemoRows};
use crate::bypass;
use crate::config::{Config, RowSecurity};
use hallpass_identity::{Authenticator, CallerKind, DevTokenIssuer};

/// How long to wait for another server that holds the migration lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(120);

/// Opens the database of `config` for migrations, without a statement timeout.
///
/// # Errors
/// If the database is unavailable.
pub async fn open_for_migration(config: &Config) -> Result<Database, StartError> {
    let url = config.database_url.expose_secret();
    // No row-level security, and a long busy timeout: another server may be migrating.
    let pooler = crate::app::pooler(config);
    let options = Options { busy_timeout: LOCK_TIMEOUT, pooler, ..Options::at(url) };
    match Database::connect(options).await {
        Ok(database) => Ok(database),
        Err(error) => Err(crate::app::open_error(config, error).await),
    }
}

/// Applies all pending migrations.
///
/// # Errors
/// If the database is unavailable or a migration fails.
pub async fn migrate(application: &Application, config: &Config) -> Result<(), StartError> {
    let database = open_for_migration(config).await?;
    migrate_up(application, config, &database).await?;
    Ok(database.close().await?)
}

/// Applies all pending migrations to `database`, and its row-level security policies if enabled, in one transaction.
/// Concurrent servers wait for the one that holds the lock. Applied migrations of a newer version are left as they are.
///
/// # Errors
/// If the database is unavailable or a migration fails.
pub async fn migrate_up(
    application: &Application,
    config: &Config,
    database: &Database,
) -> Result<(), StartError> {
    let system = database.system(bypass::MIGRATIONS.reason());
    let migrator = application.migrator();
    let status = async |conn: &Executor<'_>| Ok(migrator.status(conn).await);
    let has_pending = system.read(status).await??.has_pending();
    if !has_pending && config.row_security == RowSecurity::Off {
        // So that a read-only database can be served.
        return Ok(());
    }
    let exclusive = database.exclusively(LOCK_TIMEOUT).await.map_err(lock_error)?;
    // Another server, of a newer version too, may have migrated before this one had the lock.
    if migrator.status(&exclusive.connection()).await?.has_pending() {
        migrator.up(exclusive.connection(), None).await?;
    }
    match config.row_security {
        RowSecurity::Off => {}
        RowSecurity::On => {
            hallpass_migration::row_security::enforce(&exclusive.connection()).await?
        }
    }
    Ok(exclusive.commit().await?)
}

/// Reverts the last migration.
///
/// # Errors
/// If the database is unavailable or a migration fails.
pub async fn migrate_down(
    application: &Application,
    database: &Database,
) -> Result<(), StartError> {
    let exclusive = database.exclusively(LOCK_TIMEOUT).await.map_err(lock_error)?;
    application.migrator().down(exclusive.connection(), Some(1)).await?;
    Ok(exclusive.commit().await?)
}

fn lock_error(error: Error) -> StartError {
    match error.reason() {
        Some(Reason::Locked) => StartError::Occupied(LOCK_TIMEOUT.as_secs()),
        _ => error.into(),
    }
}

/// A domain with demo data.
type DomainDemo<'a> = (&'static str, &'a dyn Demo);

async fn missing_demos<'a>(
    application: &'a Application,
    database: &Database,
) -> Result<Vec<DomainDemo<'a>>, StartError> {
    let system = database.system(bypass::DEMO.reason());
    let mut missing = Vec::new();
    for (domain, demo) in application.demos() {
        let is_missing = demo.is_missing(&DemoRows::new(&system)).await;
        if is_missing.map_err(|error| StartError::Demo(domain, error))? {
            missing.push((domain, demo));
        }
    }
    Ok(missing)
}

/// Loads the rows without an owner.
async fn load_shared(exclusive: &Exclusive, demos: Vec<DomainDemo<'_>>) -> Result<(), StartError> {
    for (domain, demo) in demos {
        let system = exclusive.system();
        let loaded = demo.load(&DemoRows::new(&system)).await;
        loaded.map_err(|error| StartError::Demo(domain, error))?;
    }
    Ok(())
}

/// Loads the demo content that is missing in a database: the rows without an owner. Returns the names of its domains.
pub(crate) async fn load_demo_content(
    application: &Application,
    database: &Database,
) -> Result<Vec<&'static str>, StartError> {
    let missing = missing_demos(application, database).await?;
    let domains = missing.iter().map(|(domain, _)| *domain).collect();
    if !missing.is_empty() {
        let exclusive = database.exclusively(LOCK_TIMEOUT).await.map_err(lock_error)?;
        load_shared(&exclusive, missing).await?;
        exclusive.commit().await?;
    }
    Ok(domains)
}

/// Loads the demo data that is missing in a development database, in one transaction, by one server.
pub(crate) async fn load_demo(
    application: &Application,
    config: &Config,
    database: &Database,
    issuer: &DevTokenIssuer,
    authenticator: &Authenticator,
) -> Result<(), StartError> {
    let missing = missing_demos(application, database).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let exclusive = database.exclusively(LOCK_TIMEOUT).await.map_err(lock_error)?;
    load_shared(&exclusive, missing).await?;
    let personas = config.identity.personas;
    for (_, caller) in persona_callers(personas, issuer, authenticator).await? {
        if let Some(caller) = caller.filter(|caller| caller.kind() == CallerKind::User) {
            let transaction = backend::scope_within(&exclusive, &caller).begin().await?;
            for (domain, demo) in application.demos() {
                let loaded = demo.load_for_user(&transaction).await;
                loaded.map_err(|error| StartError::Demo(domain, error))?;
            }
            transaction.commit().await?;
        }
    }
    Ok(exclusive.commit().await?)
}
