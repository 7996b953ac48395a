//! The tables: brought up to date, and filled for a first look, by one server at a time.

use std::time::Duration;

use hallpass_entity::{Database, Error, Executor, Options, Reason};
use hallpass_migration::{Migrator, MigratorTrait as _};
use secrecy::ExposeSecret as _;

use super::{StartError, persona_callers, request_context};
use crate::config::{Config, RowSecurity};
use crate::domains::{courses, tasks};
use crate::identity::{Authenticator, CallerKind, DevTokenIssuer};

/// How long a server waits for another that changes the tables.
const PATIENCE: Duration = Duration::from_secs(120);

/// Opens the database of `config` for changing its tables, however long that takes.
///
/// # Errors
/// When it is away.
pub async fn open_for_migration(config: &Config) -> Result<Database, StartError> {
    let url = config.database_url.expose_secret();
    // Migrations see every row, and wait long: another server may be at it.
    let pooler = crate::app::pooler(config);
    let options = Options { busy_timeout: PATIENCE, pooler, ..Options::at(url) };
    match Database::connect(options).await {
        Ok(database) => Ok(database),
        Err(error) => Err(crate::app::not_opened(config, error).await),
    }
}

/// Brings the tables up to date.
///
/// # Errors
/// When the database is away or refuses.
pub async fn migrate(config: &Config) -> Result<(), StartError> {
    let database = open_for_migration(config).await?;
    migrate_up(config, &database).await?;
    Ok(database.close().await?)
}

/// Applies every migration to `database`, and enforces its policies where they are asked for: all of it or
/// nothing. Where others do so at the same time, one does and the others wait.
///
/// # Errors
/// When the database is away or refuses.
pub async fn migrate_up(config: &Config, database: &Database) -> Result<(), StartError> {
    let system = database.system("which migrations are applied is not in a table of ours");
    let pending =
        async |conn: &Executor<'_>| Ok(Migrator::get_pending_migrations_read_only(conn).await);
    let waiting = system.read(pending).await??;
    if waiting.is_empty() && config.row_security == RowSecurity::Off {
        // A database that is only read serves too.
        return Ok(());
    }
    let alone = database.exclusively(PATIENCE).await.map_err(occupied)?;
    Migrator::up(alone.connection(), None).await?;
    match config.row_security {
        RowSecurity::Off => {}
        RowSecurity::On => hallpass_migration::wall::enforce(&alone.connection()).await?,
    }
    Ok(alone.commit().await?)
}

/// Takes the last migration back.
///
/// # Errors
/// When the database is away or refuses.
pub async fn migrate_down(database: &Database) -> Result<(), StartError> {
    let alone = database.exclusively(PATIENCE).await.map_err(occupied)?;
    Migrator::down(alone.connection(), Some(1)).await?;
    Ok(alone.commit().await?)
}

fn occupied(error: Error) -> StartError {
    match error.reason() {
        Some(Reason::Locked) => StartError::Occupied(PATIENCE.as_secs()),
        _ => error.into(),
    }
}

/// Fills an empty database with something to look at in development: all of it or nothing, by one server.
pub(crate) async fn load_demo(
    database: &Database,
    issuer: &DevTokenIssuer,
    authenticator: &Authenticator,
) -> Result<(), StartError> {
    let system =
        database.system("courses have no owner, and the demo is written before anyone asks");
    if courses::has_demo(&system).await? {
        return Ok(());
    }
    let alone = database.exclusively(PATIENCE).await.map_err(occupied)?;
    courses::load_demo(&alone.system()).await?;
    for (_, caller) in persona_callers(issuer, authenticator).await? {
        if let Some(caller) = caller.filter(|caller| caller.kind() == CallerKind::User) {
            let together = request_context::scope_within(&alone, &caller).begin().await?;
            tasks::load_demo(&together).await?;
            courses::load_demo_progress(&together).await?;
            together.commit().await?;
        }
    }
    Ok(alone.commit().await?)
}
