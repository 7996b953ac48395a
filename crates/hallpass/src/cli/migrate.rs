//! `hallpass migrate`: applies, reverts and lists migrations.

use hallpass_data::Executor;
use hallpass_migration::Status;

use super::output::print_line;
use super::{CliError, Direction, block_on};
use crate::app::{self, StartError};
use crate::application::Application;
use crate::bypass;
use crate::config::Config;

pub(super) fn run(
    application: &Application,
    config: &Config,
    direction: Direction,
) -> Result<(), CliError> {
    block_on(async {
        let database = app::open_for_migration(config).await?;
        let system = database.system(bypass::MIGRATIONS.reason());
        match direction {
            Direction::Up => app::migrate_up(application, config, &database).await,
            Direction::Down => app::migrate_down(application, &database).await,
            Direction::Status => Ok(()),
        }?;
        let migrator = application.migrator();
        let status = async |conn: &Executor<'_>| Ok(migrator.status(conn).await);
        let status = system.read(status).await.map_err(StartError::from)?;
        let Status { known, unknown } = status.map_err(StartError::from)?;
        for (name, applied) in known {
            let state = if applied { "applied" } else { "pending" };
            print_line(format_args!("{state} {name}"))?;
        }
        for name in unknown {
            print_line(format_args!("applied {name} (of a newer version)"))?;
        }
        Ok(())
    })
}
