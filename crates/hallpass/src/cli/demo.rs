//! `hallpass demo`: loads the demo content.

use super::output::print_line;
use super::{CliError, block_on};
use crate::app;
use crate::application::Application;
use crate::config::Config;

pub(super) fn run(application: &Application, config: &Config) -> Result<(), CliError> {
    block_on(async {
        app::migrate(application, config).await?;
        let database = app::open(application, config, |_| {}).await?;
        let loaded = app::load_demo_content(application, &database).await?;
        match loaded.as_slice() {
            [] => print_line(format_args!("nothing to load: the demo content is there")),
            domains => {
                print_line(format_args!("loaded the demo content of {}", domains.join(", ")))
            }
        }
    })
}
