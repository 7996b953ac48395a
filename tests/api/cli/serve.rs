//! Start and shutdown of the server.

use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::cli::commands::{Process, command, hallpass_with};
use crate::http::connections::RawConnection;
use crate::support::postgres;

#[tokio::test]
async fn draining_server_is_not_ready_but_answers() {
    let mut server = Process::start(&[("DRAIN_DELAY", "3s")]);
    let mut idle = RawConnection::to(&server.url).await;
    assert!(!idle.get("/health").await.contains("connection: close"));
    let signalled = Instant::now();
    server.signal("TERM");
    let not_ready = async {
        loop {
            let answer =
                crate::support::app::client().get(format!("{}/ready", server.url)).send().await;
            let answer = answer.unwrap();
            if answer.status() == 503 {
                return answer.text().await.unwrap();
            }
        }
    };
    let not_ready = tokio::time::timeout(Duration::from_secs(2), not_ready).await;
    assert!(not_ready.expect("readiness changes at once").contains("draining"));
    for raw in [&mut idle, &mut RawConnection::to(&server.url).await] {
        let answer = raw.get("/health").await;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        raw.closed_after().await;
    }
    assert!(signalled.elapsed() < Duration::from_secs(3), "{:?}", signalled.elapsed());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(signalled.elapsed() > Duration::from_millis(2900), "{:?}", signalled.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sent_before_shutdown_are_answered() {
    let mut server = Process::start(&[("DRAIN_DELAY", "0s")]);
    let mut connections = Vec::new();
    for _ in 0..400 {
        connections.push(RawConnection::to(&server.url).await);
    }
    for connection in &mut connections {
        connection.send("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    }
    server.signal("TERM");
    for (number, connection) in connections.iter_mut().enumerate() {
        let answer = connection.answer().await;
        assert!(answer.starts_with("http/1.1 200"), "{number}: {answer}");
    }
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

/// A server that waits for migrations does not accept connections that it cannot answer.
#[test]
fn connections_are_rejected_until_migrated() {
    const LOCK: &str = "SELECT pg_advisory_lock(7203641), pg_sleep(4)";
    const WAITS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let url = postgres::empty_database();
    let locked = url.clone();
    let other = std::thread::spawn(move || postgres::query(&locked, LOCK));
    while postgres::query(&url, &WAITS.replace("NOT granted", "granted")) == "0" {}
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let files = tempfile::tempdir().unwrap();
    let port = free.port().to_string();
    let variables = [("API_PORT", port.as_str()), ("DATABASE_URL", &url)];
    let mut server = command(files.path(), &["serve"], &variables);
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    while postgres::query(&url, WAITS) == "0" {
        assert!(!other.is_finished(), "the server did not wait");
    }
    let rejected = TcpStream::connect(free).unwrap_err();
    assert_eq!(rejected.kind(), ErrorKind::ConnectionRefused);
    other.join().unwrap();
    // Printed once the server serves.
    server.stdout.take().unwrap().read_exact(&mut [0; 8]).unwrap();
    TcpStream::connect(free).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn second_signal_stops_the_server_at_once() {
    let mut server = Process::start(&[("DRAIN_DELAY", "1h")]);
    server.signal("TERM");
    // A signal that arrives while the same one is pending is merged into it.
    let began = Instant::now();
    loop {
        server.signal("INT");
        if let Some(status) = server.child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(1));
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "it waits for the delay");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn drain_delay_default_depends_on_the_mode() {
    let delay = |flags: &[&str]| {
        use clap::FromArgMatches as _;
        let line = std::iter::once("hallpass").chain(flags.iter().copied());
        let matches = hallpass::cli::command(crate::support::app::application())
            .try_get_matches_from(line)
            .unwrap();
        let settings = hallpass::config::Settings::from_arg_matches(&matches).unwrap();
        settings.check().unwrap()
    };
    let production = delay(&["--better-auth-url", "http://127.0.0.1:9"]);
    assert_eq!(production.drain_delay, Duration::from_secs(5));
    assert_eq!(production.metrics_address, Some("127.0.0.1:9464".parse().unwrap()));
    assert_eq!(production.keep_alive, Duration::from_secs(75));
    let development = delay(&[]);
    assert_eq!(development.drain_delay, Duration::ZERO);
    assert_eq!(development.metrics_address, None);
}

#[test]
fn port_alias_must_agree_with_api_port() {
    let port = |flags: &[&str]| crate::support::app::config(flags).address.port();
    assert_eq!(port(&[]), 8000);
    assert_eq!(port(&["--port", "8123"]), 8123);
    assert_eq!(port(&["--api-port", "8123"]), 8123);
    assert_eq!(port(&["--api-port", "8123", "--port", "8123"]), 8123);
    let output = hallpass_with(&[], &[("API_PORT", "8000"), ("PORT", "8123")]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("API_PORT and PORT"), "{}", output.stderr);
}

#[test]
fn metrics_address_in_use_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let variables = [("METRICS_ADDR", address.as_str()), ("API_PORT", "0")];
    let output = hallpass_with(&[], &variables);
    assert_eq!(output.code, 2);
    let named = [&address, "METRICS_ADDR"].iter().all(|name| output.stderr.contains(*name));
    assert!(named, "{}", output.stderr);
}

#[tokio::test]
async fn production_metrics_have_their_own_address() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Process::start(&[
        ("BETTER_AUTH_URL", "http://127.0.0.1:9"),
        ("METRICS_ADDR", &free.to_string()),
    ]);
    let status = |url: String| async {
        crate::support::app::client().get(url).send().await.unwrap().status()
    };
    assert_eq!(status(format!("{}/metrics", server.url)).await, 404);
    assert_eq!(status(format!("http://{free}/metrics")).await, 200);
}

#[tokio::test]
async fn rejected_credentials_do_not_flood_the_log() {
    let mut server = Process::start(&[]);
    let log = server.child.stderr.take().unwrap();
    let client = crate::support::app::client();
    let began = Instant::now();
    for number in 0..200 {
        let request = client.post(format!("{}/graphql", server.url)).bearer_auth(number);
        let answer = request.json(&serde_json::json!({"query": "{ viewer { id } }"})).send().await;
        assert_eq!(answer.unwrap().status(), 401);
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    // Omitted lines are counted at the end of the second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.signal("TERM");
    server.child.wait().unwrap();
    let log = std::io::read_to_string(log).unwrap();
    let rejected = log.lines().filter(|line| line.contains("credential rejected")).count();
    assert!(rejected <= 20 * (seconds + 2), "{rejected} lines in {seconds} s");
    let left_out: usize = log
        .lines()
        .filter(|line| line.contains("log lines suppressed"))
        .filter_map(|line| line.split("suppressed=").nth(1))
        .map(|rest| rest.split_whitespace().next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(rejected + left_out, 200, "each is logged or counted:\n{log}");
}
