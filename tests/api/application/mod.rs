//! Applications with hooks, settings and bypasses of their own.

mod bypasses;
mod routes;
mod settings;
mod tasks;
mod tenants;

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription};
use hallpass::application::Builder;
use hallpass::testing::{App, config};
use hallpass::{Application, Hallpass, core_schema};
use tempfile::TempDir;

/// An application without domains.
fn builder() -> Builder {
    Hallpass::<core_schema::CoreQuery, EmptyMutation, EmptySubscription>::builder()
}

/// A server that authenticates callers at `auth_server`.
async fn with_auth_server(
    application: &Arc<Application>,
    auth_server: &str,
    flags: &[&str],
) -> App {
    let files = TempDir::new().unwrap();
    let database = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let own = ["--better-auth-url", auth_server, "--database-url", &database];
    let config = config(application, &[&own[..], flags].concat());
    App::launch(application, config, files, |_| {}).await
}
