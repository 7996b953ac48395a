//! The files that users of an application rely on are up to date.

use std::sync::Arc;

use super::config;
use crate::access::SchemaView;
use crate::application::Application;
use crate::cli;

/// The number of lines that a failure shows of each side.
const MAX_LINES: usize = 20;

/// Compares `committed`, the content of the file `access.md`, with the access table of `application`.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use async_graphql::EmptySubscription;
/// # use hallpass::Application;
/// # use hallpass::core_schema::{CoreMutation, CoreQuery};
/// # fn application() -> Arc<Application> {
/// #     hallpass::Hallpass::<CoreQuery, CoreMutation, EmptySubscription>::builder().build()
/// # }
/// # macro_rules! include_str { ($_:expr) => { "" } }
/// #[test]
/// fn access_table_is_current() {
///     hallpass::testing::access_table_is_current(&application(), include_str!("../access.md"));
/// }
/// ```
///
/// # Panics
/// If they differ, with the lines that do.
pub fn access_table_is_current(application: &Arc<Application>, committed: &str) {
    let config = config(application, &[]);
    // On a thread of its own: the caller may be inside a runtime.
    let table = std::thread::scope(|scope| {
        scope.spawn(|| cli::access_table(application, &config)).join().expect("the table is built")
    });
    let table = table.unwrap_or_else(|error| panic!("there is no access table: {error}"));
    compare("access.md", committed, &table, application, "access");
}

/// Compares `committed`, the content of the file `schema.graphql`, with the schema of `application`.
///
/// # Panics
/// If they differ, with the lines that do.
pub fn schema_is_current(application: &Arc<Application>, committed: &str) {
    let sdl = application.schema().build(SchemaView::FULL, true).sdl();
    compare("schema.graphql", committed, &sdl, application, "schema");
}

fn compare(name: &str, committed: &str, now: &str, application: &Application, command: &str) {
    if committed.trim_end() == now.trim_end() {
        return;
    }
    let only_in = |text: &str, other: &str, sign: &str| {
        let lines = text.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.take(MAX_LINES).map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    let (gone, new) = (only_in(committed, now, "-"), only_in(now, committed, "+"));
    let program = application.name();
    panic!(
        "{name} is out of date:\n{gone}{new}If the change is intended: `{program} {command} > {name}`"
    );
}
