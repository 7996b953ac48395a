//! Sockets of sessions, while the auth server is slow or unavailable: they revalidate at spread times, wait
//! for the response, and get no event that a sign-out could have stopped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use hallpass_data::now;
use serde_json::{Value, json};

use crate::support::app::{App, Backend};
use crate::support::callers::alice;
use crate::support::issuer::{Issuer, serve};
use crate::support::socket::{ReceivedEvent, Socket};

/// The auth server's responses to session requests.
#[derive(Clone, Copy)]
enum Mode {
    /// One after the other, each after this time.
    Serial(Duration),
    Away,
    SignedOut,
}

/// A Better Auth server with `get-session` only.
#[derive(Clone)]
struct AuthStub {
    mode: Arc<Mutex<Mode>>,
    /// The users whose sessions it confirmed, and when.
    confirmed: Arc<Mutex<Vec<(String, Instant)>>>,
    serial_lock: Arc<tokio::sync::Mutex<()>>,
    /// The number of pending requests, and its maximum.
    pending: Arc<AtomicUsize>,
    max_pending: Arc<AtomicUsize>,
}

/// A request that waits for its response.
struct PendingRequest(Arc<AtomicUsize>);

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AuthStub {
    fn start() -> (Self, String) {
        let stub = Self {
            mode: Arc::new(Mutex::new(Mode::Serial(Duration::ZERO))),
            confirmed: Arc::default(),
            serial_lock: Arc::default(),
            pending: Arc::default(),
            max_pending: Arc::default(),
        };
        let router = Router::new().route("/api/auth/get-session", get(answer));
        let url = serve(router.with_state(stub.clone()));
        (stub, url)
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn confirmed(&self) -> Vec<Instant> {
        self.confirmed.lock().unwrap().iter().map(|(_, moment)| *moment).collect()
    }

    /// The time from each user's first confirmation to the next.
    fn intervals(&self) -> Vec<Duration> {
        let mut first = HashMap::new();
        let mut intervals = HashMap::new();
        for (user, moment) in self.confirmed.lock().unwrap().iter() {
            let since = moment.duration_since(*first.entry(user.clone()).or_insert(*moment));
            if !since.is_zero() {
                intervals.entry(user.clone()).or_insert(since);
            }
        }
        intervals.into_values().collect()
    }

    fn start_request(&self) -> PendingRequest {
        let pending = self.pending.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_pending.fetch_max(pending, Ordering::Relaxed);
        PendingRequest(Arc::clone(&self.pending))
    }
}

/// The session of the user in the cookie.
async fn answer(State(stub): State<AuthStub>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let _question = stub.start_request();
    let mode = *stub.mode.lock().unwrap();
    match mode {
        Mode::Away => return (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null)),
        Mode::SignedOut => return (StatusCode::OK, Json(Value::Null)),
        Mode::Serial(pause) => {
            let _guard = stub.serial_lock.lock().await;
            tokio::time::sleep(pause).await;
        }
    }
    let cookie = headers["cookie"].to_str().unwrap();
    let token = cookie.split_once("session_token=").unwrap().1;
    let user = token.split('.').next().unwrap();
    let expires = (now() + chrono::TimeDelta::days(7)).to_rfc3339();
    stub.confirmed.lock().unwrap().push((user.to_owned(), Instant::now()));
    let session = json!({"id": token, "userId": user, "token": token, "expiresAt": expires});
    let user = json!({"id": user, "name": user, "email": "x@example.test", "role": "user"});
    (StatusCode::OK, Json(json!({"session": session, "user": user})))
}

/// A server with the stub's sessions, and with JWTs of the tests' issuer.
async fn app(url: &str, ttl: &str) -> App {
    let issuer = Issuer::shared().url();
    let keys = format!("{issuer}/api/auth/jwks");
    let flags = ["--better-auth-url", url, "--session-cache-ttl", ttl, "--jwks-url", &keys];
    let flags = [&flags[..], &["--jwt-issuer", issuer, "--jwt-audience", issuer]].concat();
    App::configured(Backend::Sqlite, &flags).await
}

async fn socket(app: &App, user: &str) -> Socket {
    let cookie = format!("better-auth.session_token={user}.signature");
    let mut socket = Socket::open(app, &[("cookie", &cookie)]).await.unwrap();
    let received = socket.connection_init(json!({})).await;
    assert!(received.is_ack(), "{received:?}");
    socket
}

async fn eventually(condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(30), "the condition was not met in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The number of sockets: fewer than one address may have.
const SOCKETS: usize = 200;
/// The number opened at once: fewer than one address may have before their callers are known.
const BATCH_SIZE: usize = 30;

/// The maximum number of responses within 300 ms.
fn busiest(answers: &[Instant]) -> usize {
    let from = |start: &Instant| {
        let end = *start + Duration::from_millis(300);
        answers.iter().filter(|moment| *start <= **moment && **moment < end).count()
    };
    answers.iter().map(from).max().unwrap()
}

#[tokio::test]
async fn revalidation_is_spread_and_bounded() {
    let (stub, url) = AuthStub::start();
    let app = app(&url, "4s").await;
    let mut sockets = Vec::new();
    while sockets.len() < SOCKETS {
        let numbers = sockets.len()..SOCKETS.min(sockets.len() + BATCH_SIZE);
        let app = &app;
        let opening =
            numbers.map(move |number| async move { socket(app, &format!("user-{number}")).await });
        sockets.extend(futures_util::future::join_all(opening).await);
    }
    eventually(|| stub.confirmed().len() >= 2 * SOCKETS).await;
    let busiest = busiest(&stub.confirmed()[SOCKETS..2 * SOCKETS]);
    assert!(busiest < SOCKETS / 2, "{busiest} of {SOCKETS} at the same moment");
    let intervals = stub.intervals();
    let (soonest, latest) = (intervals.iter().min().unwrap(), intervals.iter().max().unwrap());
    let are_spread = *soonest < Duration::from_millis(2800) && latest.as_millis() > 3200;
    assert!(are_spread, "revalidated after {soonest:?} to {latest:?}");
    // 100 responses a second, of which 56 to 100 are needed.
    stub.set(Mode::Serial(Duration::from_millis(10)));
    eventually(|| stub.confirmed().len() >= 4 * SOCKETS).await;
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.send_json(&json!({"type": "ping"})).await;
        assert_eq!(socket.next_message().await, json!({"type": "pong"}), "socket {number}");
    }
    // Fewer responses than are needed.
    stub.max_pending.store(0, Ordering::Relaxed);
    stub.set(Mode::Serial(Duration::from_millis(20)));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let most = stub.max_pending.load(Ordering::Relaxed);
    assert!((1..=8).contains(&most), "{most} questions at once");
}

#[tokio::test]
async fn events_wait_for_session_revalidation() {
    let (stub, url) = AuthStub::start();
    let app = app(&url, "1s").await;
    let alices = app.by_jwt(&alice());
    let mut socket = socket(&app, "user-alice").await;
    socket.subscribe_to_tasks("1", &alices).await;
    stub.set(Mode::Away);
    let make = |title| {
        format!("mutation {{ createTask(input: {{title: \"{title}\"}}) {{ task {{ id }} }} }}")
    };
    let last = *stub.confirmed().last().unwrap();
    tokio::time::sleep_until((last + Duration::from_millis(1100)).into()).await;
    alices.data(&make("held back")).await;
    let early = tokio::time::timeout(Duration::from_millis(500), socket.recv()).await;
    assert!(early.is_err(), "it may be signed out by now: {early:?}");
    stub.set(Mode::Serial(Duration::ZERO));
    assert_eq!(socket.next_task_event().await.1, "held back");
    stub.set(Mode::Away);
    let last = *stub.confirmed().last().unwrap();
    tokio::time::sleep_until((last + Duration::from_millis(1100)).into()).await;
    alices.data(&make("never received")).await;
    stub.set(Mode::SignedOut);
    let received = socket.recv().await;
    assert!(matches!(received, ReceivedEvent::Closed(4401, _)), "{received:?}");
}

#[tokio::test]
async fn long_outage_closes_the_socket() {
    let (stub, url) = AuthStub::start();
    let app = app(&url, "1s").await;
    let mut socket = socket(&app, "user-alice").await;
    stub.set(Mode::Away);
    let began = Instant::now();
    assert_eq!(socket.close_code().await, 1013);
    let lasted = began.elapsed();
    let expected = Duration::from_secs(2)..Duration::from_secs(12);
    assert!(expected.contains(&lasted), "{lasted:?}");
}
