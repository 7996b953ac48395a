//! An auth server that is slow, down or rate-limiting.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::future::join_all;
use reqwest::Method;

use crate::app::{App, Backend};
use crate::issuer::serve;

/// Stands in for a `get-session` that fails, or answers when it is told to.
#[derive(Clone, Default)]
struct Trouble {
    asked: Arc<AtomicUsize>,
    well: Arc<AtomicBool>,
    held: Arc<tokio::sync::RwLock<()>>,
    last_address: Arc<Mutex<String>>,
}

async fn get_session(
    State(trouble): State<Trouble>,
    headers: axum::http::HeaderMap,
) -> (StatusCode, &'static str) {
    trouble.asked.fetch_add(1, Ordering::SeqCst);
    let address = headers.get("x-forwarded-for").map(|it| it.to_str().unwrap().to_owned());
    *trouble.last_address.lock().unwrap() = address.unwrap_or_default();
    drop(trouble.held.read().await);
    if trouble.well.load(Ordering::SeqCst) {
        (StatusCode::OK, "null")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "")
    }
}

async fn troubled(flags: &[&str]) -> (Trouble, App) {
    let trouble = Trouble::default();
    let router = Router::new().route("/api/auth/get-session", get(get_session));
    let url = serve(router.with_state(trouble.clone()));
    let flags = [&["--better-auth-url", url.as_str()], flags].concat();
    (trouble, App::configured(Backend::Sqlite, &flags).await)
}

async fn status(app: &App, token: usize) -> (StatusCode, Duration) {
    let began = Instant::now();
    let answer = app.by_bearer(&format!("session{token}")).ask("{ viewer { id } }").await;
    (answer.status, began.elapsed())
}

#[tokio::test]
async fn an_auth_server_that_fails_again_and_again_is_left_alone_for_a_moment() {
    let (trouble, app) = troubled(&[]).await;
    for token in 0..150 {
        assert_eq!(status(&app, token).await.0, 503);
    }
    let asked = trouble.asked.load(Ordering::SeqCst);
    assert!((50..70).contains(&asked), "asked {asked} times");
    let ready = app.anonymous().request(Method::GET, "/ready").send().await.unwrap();
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("\nhallpass_auth_circuit_open 1.0\n"), "it is told in metrics");
    assert!(metrics.contains("purpose=\"sessions\",outcome=\"not_sent\""));
    assert_ne!(ready.status(), 500);
    trouble.well.store(true, Ordering::SeqCst);
    let began = Instant::now();
    while status(&app, 1000).await.0 != 401 {
        assert!(began.elapsed() < Duration::from_secs(10), "it is well, and nobody notices");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status(&app, 1001).await.0, 401);
}

#[tokio::test]
async fn a_few_failures_keep_nobody_from_asking() {
    let (trouble, app) = troubled(&[]).await;
    for token in 0..40 {
        assert_eq!(status(&app, token).await.0, 503);
    }
    trouble.well.store(true, Ordering::SeqCst);
    assert_eq!(status(&app, 100).await.0, 401, "it is asked again at once");
    assert_eq!(trouble.asked.load(Ordering::SeqCst), 41);
}

#[tokio::test]
async fn a_slow_auth_server_is_asked_by_few_at_once_and_nobody_waits_past_the_deadline() {
    let (trouble, app) = troubled(&["--auth-timeout", "2s"]).await;
    let stuck = trouble.held.clone().write_owned().await;
    let asking = join_all((0..100).map(|token| status(&app, token)));
    let more = async {
        while trouble.asked.load(Ordering::SeqCst) <= 16 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let within_the_deadline = tokio::time::timeout(Duration::from_millis(1500), more);
    let (asked, more) = tokio::join!(asking, within_the_deadline);
    assert!(more.is_err(), "more than 16 were asked at once for one address");
    for (status, took) in asked {
        assert_eq!(status, 503);
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
    drop(stuck);
}

#[tokio::test]
async fn the_end_users_address_is_passed_on_as_one_value() {
    let (trouble, app) = troubled(&["--trusted-proxies", "127.0.0.0/8"]).await;
    let who = app.by_bearer("somebody").with_header("x-forwarded-for", "6.6.6.6, 2001:db8::7");
    who.ask("{ viewer { id } }").await;
    assert_eq!(*trouble.last_address.lock().unwrap(), "2001:db8::7");
}

#[tokio::test]
async fn however_many_have_to_be_asked_nobody_waits_for_each_in_turn() {
    let answer = |wait: u64, body: &'static str| {
        get(move || async move {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            body
        })
    };
    let introspection = axum::routing::post(std::future::pending::<&'static str>);
    let router = Router::new()
        .route("/api/auth/get-session", answer(1800, "null"))
        .route("/api/auth/oauth2/introspect", introspection);
    let url = serve(router);
    let flags = ["--better-auth-url", &url, "--auth-timeout", "2s"];
    let client = ["--introspection-client-id", "us", "--introspection-client-secret", "secret"];
    let app = App::configured(Backend::Sqlite, &[&flags[..], &client].concat()).await;
    let (status, took) = status(&app, 1).await;
    assert_eq!(status, 503);
    assert!(took < Duration::from_millis(3600), "not 1.8 seconds and then two more: {took:?}");
}

/// A server behind a proxy, whose `get-session` never answers about a session called `stuck…`.
async fn with_some_stuck() -> App {
    let get_session = |headers: axum::http::HeaderMap| async move {
        if headers["authorization"].to_str().unwrap().contains("stuck") {
            std::future::pending::<()>().await;
        }
        "null"
    };
    let url = serve(Router::new().route("/api/auth/get-session", get(get_session)));
    let flags = ["--better-auth-url", &url, "--trusted-proxies", "127.0.0.0/8"];
    App::configured(Backend::Sqlite, &flags).await
}

#[tokio::test]
async fn whoever_asks_about_many_sessions_takes_nobody_elses_turn() {
    let app = with_some_stuck().await;
    let ask = |address: &'static str, token: String| {
        let who = app.by_bearer(&token).with_header("x-forwarded-for", address);
        async move { who.ask("{ viewer { id } }").await.status }
    };
    let greedy = join_all((0..200).map(|number| ask("203.0.113.7", format!("stuck{number}"))));
    let others = async {
        for number in 0..40 {
            assert_eq!(ask("198.51.100.9", format!("other{number}")).await, 401);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (greedy, ()) = tokio::join!(greedy, others);
    assert!(greedy.iter().all(|status| *status == 503));
    assert_eq!(ask("198.51.100.9", "after".to_owned()).await, 401, "waiting was no failure");
}

#[tokio::test]
async fn once_the_auth_server_is_well_again_everybody_is_served() {
    let (trouble, app) = troubled(&[]).await;
    for token in 0..60 {
        assert_eq!(status(&app, token).await.0, 503);
    }
    trouble.well.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for (status, _) in join_all((100..150).map(|token| status(&app, token))).await {
        assert_eq!(status, 401, "nobody waits for another's trial");
    }
}
