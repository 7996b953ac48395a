//! Start-up and shutdown tasks of an application.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use hallpass::Application;
use hallpass::app::{self, App as Server, StartError};
use hallpass::application::{Routes, ServerHandle};
use hallpass::testing::{App, config};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::builder;

type Log = UnboundedSender<&'static str>;

fn note(log: &Log, what: &'static str) -> impl Fn(ServerHandle) -> Ready<Done> + use<> {
    let log = log.clone();
    move |_| ready(log.send(what).map_err(Into::into))
}

type Done = Result<(), hallpass::application::HookError>;

async fn next(log: &mut UnboundedReceiver<&'static str>) -> Option<&'static str> {
    tokio::time::timeout(Duration::from_secs(10), log.recv()).await.unwrap()
}

/// The error of the start of `application`.
async fn start_error(application: &Arc<Application>) -> StartError {
    let files = TempDir::new().unwrap();
    let database = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let flags = ["--better-auth-url", "http://127.0.0.1:9", "--database-url", &database];
    let config = config(application, &flags);
    app::migrate(application, &config).await.unwrap();
    let database = app::open(application, &config, |_| {}).await.unwrap();
    Server::build(application, &config, database).await.err().unwrap()
}

#[tokio::test]
async fn tasks_run_in_order_around_serving() {
    let (log, mut done) = unbounded_channel();
    let limit = Duration::from_secs(5);
    let application = builder()
        .on_start(note(&log, "first"))
        .on_start(note(&log, "second"))
        .on_shutdown(limit, note(&log, "last request is over"))
        .on_shutdown(limit, note(&log, "last"))
        .build();
    let app = App::start(&application).await;
    assert_eq!((done.try_recv(), done.try_recv()), (Ok("first"), Ok("second")));
    assert_eq!(app.anonymous().data("{ __typename }").await["__typename"], "CoreQuery");
    assert!(done.try_recv().is_err(), "no shutdown task runs while the server serves");
    drop(app);
    assert_eq!(next(&mut done).await, Some("last request is over"));
    assert_eq!(next(&mut done).await, Some("last"));
}

#[tokio::test]
async fn failed_start_task_stops_the_start() {
    let (log, mut done) = unbounded_channel();
    let application = builder()
        .on_start(|_| async { Err("the prices cannot be read".into()) })
        .on_start(note(&log, "never"))
        .build();
    let error = start_error(&application).await.to_string();
    let expected = "a start-up task of the application failed: the prices cannot be read";
    assert_eq!(error, expected);
    assert!(done.try_recv().is_err(), "no further task runs");
}

#[tokio::test]
async fn shutdown_task_ends_at_its_limit() {
    let (log, mut done) = unbounded_channel();
    let application = builder()
        .on_shutdown(Duration::from_millis(50), |_| std::future::pending())
        .on_shutdown(Duration::from_secs(5), |_| async { Err("a shutdown task fails".into()) })
        .on_shutdown(Duration::from_secs(5), note(&log, "after both"))
        .build();
    drop(App::start(&application).await);
    assert_eq!(next(&mut done).await, Some("after both"));
}

#[tokio::test]
async fn spawned_work_learns_of_the_stop() {
    let (log, mut done) = unbounded_channel();
    let application = builder()
        .on_start(move |server| {
            let log = log.clone();
            tokio::spawn(async move {
                server.stopping().await;
                log.send("stopping")
            });
            ready(Ok(()))
        })
        .build();
    drop(App::start(&application).await);
    assert_eq!(next(&mut done).await, Some("stopping"));
}

#[tokio::test]
async fn route_of_the_server_stops_the_start() {
    let routes = Routes::new().route("/graphql", get(|| async { "mine" }));
    let error = start_error(&builder().routes(routes).build()).await.to_string();
    assert!(error.contains("route /graphql is one of the server's own"), "{error}");
}
