//! Rows of all owners, by a registered bypass.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use hallpass::application::{HookError, Routes, ServerHandle};
use hallpass::bypass::{Bypass, CORE};
use hallpass::prelude::*;
use hallpass::testing::{App, user};
use hallpass_entity::{TaskId, task};
use hallpass_server::domains::tasks;
use hallpass_server::{Mutation, Query, Subscription};
use reqwest::Method;

use crate::cli::commands::hallpass;

const COUNT: Bypass = Bypass::new("count", "the front page counts the tasks of all users");
const UNREGISTERED: Bypass = Bypass::new("count", "another reason");

async fn count(server: ServerHandle, bypass: Bypass) -> std::result::Result<String, HookError> {
    Ok(server.unscoped(bypass)?.all::<task::Entity>().count().await?.to_string())
}

/// Copies each task to its owner.
async fn copy(server: ServerHandle) -> std::result::Result<usize, HookError> {
    let unscoped = server.unscoped(COUNT)?;
    let rows = unscoped.all::<task::Entity>().all().await?;
    for row in &rows {
        let mut copy: task::ActiveModel = row.clone().into();
        copy.id = Set(TaskId::generate());
        unscoped.scope_of(&row.owner_id).insert::<task::Entity>(copy).await?;
    }
    Ok(rows.len())
}

fn text<T: ToString>(done: std::result::Result<T, HookError>) -> String {
    done.map_or_else(|error| error.to_string(), |value| value.to_string())
}

fn application() -> Arc<Application> {
    let routes = Routes::new()
        .route(
            "/count",
            get(|State(it): State<ServerHandle>| async { text(count(it, COUNT).await) }),
        )
        .route("/copy", get(|State(it): State<ServerHandle>| async { text(copy(it).await) }))
        .route(
            "/unregistered",
            get(|State(it): State<ServerHandle>| async { text(count(it, UNREGISTERED).await) }),
        );
    Hallpass::<Query, Mutation, Subscription>::builder()
        .migrations(hallpass_server_migration::migrations)
        .domain(tasks::domain().bypass(COUNT))
        .routes(routes)
        .build()
}

async fn read(app: &App, path: &str) -> String {
    let response = app.anonymous().request(Method::GET, path).send().await.unwrap();
    response.text().await.unwrap()
}

#[tokio::test]
async fn registered_bypass_reads_the_rows_of_all() {
    let app = App::start(&application()).await;
    let create = "mutation { createTask(input: {title: \"Mine\"}) { task { id } } }";
    let (alice, bob) = (user("alice"), user("bob"));
    app.by_jwt(&alice).data(create).await;
    app.by_jwt(&bob).data(create).await;
    assert_eq!(read(&app, "/count").await, "2");
    assert_eq!(read(&app, "/copy").await, "2");
    assert_eq!(read(&app, "/count").await, "4");
    let own = app.by_jwt(&alice).data("{ tasks { totalCount } }").await;
    assert_eq!(own["tasks"]["totalCount"], 2, "a row of an owner's scope is that owner's");
}

#[tokio::test]
async fn unregistered_bypass_is_rejected() {
    let app = App::start(&application()).await;
    let message = read(&app, "/unregistered").await;
    assert!(message.contains("the bypass count is not registered"), "{message}");
}

#[test]
fn bypasses_are_listed_with_their_reasons() {
    let application = application();
    let all: Vec<_> = application.bypasses().collect();
    assert_eq!(all.len(), CORE.len() + 1);
    assert_eq!(all.last(), Some(&("tasks", COUNT)));
    let printed = hallpass(&["access", "--bypasses"]).stdout;
    for bypass in CORE {
        let line = format!("| core | {} | {} |\n", bypass.name(), bypass.reason());
        assert!(printed.contains(&line), "{printed}");
    }
    let listed: serde_json::Value =
        serde_json::from_str(&hallpass(&["access", "--bypasses", "--json"]).stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), CORE.len());
}
