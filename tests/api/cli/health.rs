//! `hallpass health`, as a container's health check runs it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::cli::commands::{Output, Process, hallpass_with};

fn health(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let output = hallpass_with(&[&["health"], arguments].concat(), variables);
    let lines = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(lines.lines().count(), 1, "one sentence: {lines}");
    output
}

fn port(server: &Process) -> &str {
    server.url.rsplit(':').next().unwrap()
}

#[test]
fn ready_server_is_healthy() {
    let server = Process::start(&[]);
    for host in ["127.0.0.1", "0.0.0.0"] {
        let address = [("API_PORT", port(&server)), ("API_HOST", host)];
        let ready = health(&[], &address);
        assert_eq!(ready.code, 0, "{}", ready.stderr);
        assert_eq!(ready.stdout, format!("{}/ready: ready\n", server.url));
        let live = health(&["--live"], &address);
        assert_eq!((live.code, live.stdout), (0, format!("{}/health: ok\n", server.url)));
    }
}

#[test]
fn health_needs_the_address_only() {
    let server = Process::start(&[]);
    // Settings that do not start a server.
    let variables =
        [("PORT", port(&server)), ("HALLPASS_ENV", "production"), ("JWT_SECRET", "short")];
    let output = health(&[], &variables);
    assert_eq!(output.code, 0, "{}", output.stderr);
}

#[test]
fn stopping_server_is_live_and_not_ready() {
    let server = Process::start(&[("DRAIN_DELAY", "60s")]);
    let address = [("API_PORT", port(&server))];
    server.signal("TERM");
    let began = Instant::now();
    let mut output = health(&[], &address);
    while output.code == 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "it is still ready");
        output = health(&[], &address);
    }
    assert_eq!(output.code, 1);
    let expected = "/ready: 503, not ready: draining (the server is stopping)\n";
    assert!(output.stderr.ends_with(expected), "{}", output.stderr);
    assert_eq!(health(&["--live"], &address).code, 0);
}

#[test]
fn server_that_does_not_answer_is_unhealthy() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let began = Instant::now();
    let output = health(&[], &[("API_PORT", &port)]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("no answer within 3 s"), "{}", output.stderr);
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(silent);
    let output = health(&[], &[("API_PORT", &port), ("API_HOST", "::")]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains(&format!("http://[::1]:{port}/ready")), "{}", output.stderr);
}
