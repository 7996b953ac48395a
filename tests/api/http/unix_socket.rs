//! A server on a Unix socket.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::cli::commands::{command, run};
use crate::support::issuer::Issuer;

const TIMEOUT: Duration = Duration::from_secs(20);
const SOCKET: &str = "hallpass.sock";

/// A server as its own process, in a directory of its own.
struct Server {
    child: Child,
    path: PathBuf,
}

impl Server {
    /// Starts it in `directory`, and waits until it prints its address.
    fn start(directory: &Path, variables: &[(&str, &str)]) -> Self {
        let all = [&[("API_SOCKET", SOCKET), ("METRICS_ADDR", "127.0.0.1:0")], variables].concat();
        let mut child = command(directory, &[], &all);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains(SOCKET), "{line}");
        Self { child, path: directory.join(SOCKET) }
    }

    fn production(directory: &Path, variables: &[(&str, &str)]) -> Self {
        let own = [("BETTER_AUTH_URL", Issuer::shared().url()), ("DRAIN_DELAY", "0s")];
        Self::start(directory, &[&own, variables].concat())
    }

    fn mode(&self) -> u32 {
        std::fs::metadata(&self.path).unwrap().permissions().mode() & 0o777
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.path).await.unwrap()
    }

    /// The response to a request with these header lines.
    async fn query(&self, query: &str, headers: &str) -> String {
        let body = serde_json::json!({ "query": query }).to_string();
        let mut stream = self.connect().await;
        stream.write_all(post(&body, headers).as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    /// Stops it, and waits for its end.
    fn stop(&mut self) {
        self.signal();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    fn signal(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The head of a request that closes its connection.
fn post(body: &str, headers: &str) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Connection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
}

async fn rest(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    let read = tokio::time::timeout(TIMEOUT, stream.read_to_string(&mut text)).await;
    read.expect("the server closes the connection").unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_socket_serves_queries_and_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::production(directory.path(), &[]);
    assert_eq!(server.mode(), 0o660);
    let answer = server.query("{ __typename }", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("{\"data\":{\"__typename\":\"Query\"}}"), "{answer}");
    let health = || run(&mut command(directory.path(), &["health"], &[("API_SOCKET", SOCKET)]));
    let healthy = health();
    assert_eq!(healthy.code, 0, "{}", healthy.stderr);
    assert!(
        healthy.stdout.contains("http+unix://hallpass.sock/ready: ready"),
        "{}",
        healthy.stdout
    );
    server.stop();
    assert!(!server.path.exists());
    assert_eq!(health().code, 1, "no server listens");
    let other = Server::production(directory.path(), &[("API_SOCKET_MODE", "0666")]);
    assert_eq!(other.mode(), 0o666);
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_peer_states_the_clients_address() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::production(directory.path(), &[("RATE_LIMIT", "1/hour")]);
    for (forwarded, status) in [
        ("X-Forwarded-For: 203.0.113.7\r\n", "200"),
        ("X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n", "429"),
        ("X-Forwarded-For: 203.0.113.8\r\n", "200"),
        ("", "200"),
        ("", "429"),
    ] {
        let answer = server.query("{ __typename }", forwarded).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{forwarded}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_socket_is_replaced_a_live_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut killed = Server::production(directory.path(), &[]);
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    assert!(killed.path.exists(), "its socket is left");
    let server = Server::production(directory.path(), &[]);
    let own = [
        ("API_SOCKET", SOCKET),
        ("BETTER_AUTH_URL", Issuer::shared().url()),
        ("METRICS_ADDR", "127.0.0.1:0"),
    ];
    let second = run(&mut command(directory.path(), &[], &own));
    assert_eq!(second.code, 2, "{}", second.stderr);
    assert!(second.stderr.contains("API_SOCKET"), "{}", second.stderr);
    assert!(server.query("{ __typename }", "").await.starts_with("HTTP/1.1 200"));
    let file = directory.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let third = run(&mut command(directory.path(), &["--api-socket", "file"], &own[1..]));
    assert_eq!(third.code, 2, "{}", third.stderr);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "text");
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_socket_is_drained() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::production(directory.path(), &[]);
    let mut idle = server.connect().await;
    let body = "{\"query\":\"{__typename}\"}";
    let mut busy = server.connect().await;
    let head = post(body, "Expect: 100-continue\r\n");
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut continues = [0; 25];
    busy.read_exact(&mut continues).await.unwrap();
    assert_eq!(&continues, b"HTTP/1.1 100 Continue\r\n\r\n");
    let began = Instant::now();
    server.signal();
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed");
    while server.path.exists() {
        assert!(began.elapsed() < Duration::from_secs(5), "connections are still accepted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    busy.write_all(body.as_bytes()).await.unwrap();
    let answer = rest(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn development_socket_is_its_owners_only() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    assert_eq!(server.mode(), 0o600);
    assert!(server.query("{ __typename }", "").await.starts_with("HTTP/1.1 200"));
    for address in ["203.0.113.7", "127.0.0.1, 203.0.113.7", "10.0.0.1"] {
        let forwarded = format!("X-Forwarded-For: {address}\r\n");
        let answer = server.query("{ __typename }", &forwarded).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{address}: {answer}");
    }
    let files = tempfile::tempdir().unwrap();
    for (mode, variables, setting) in [
        ("0660", &[][..], "API_SOCKET_MODE"),
        ("0604", &[], "API_SOCKET_MODE"),
        ("rw", &[], "API_SOCKET_MODE"),
        ("1777", &[], "API_SOCKET_MODE"),
        ("0600", &[("API_PORT", "8000")], "API_PORT"),
    ] {
        let own = [&[("API_SOCKET", SOCKET), ("API_SOCKET_MODE", mode)], variables].concat();
        let rejected = run(&mut command(files.path(), &[], &own));
        assert_eq!(rejected.code, 2, "{mode}: {}", rejected.stderr);
        assert!(rejected.stderr.contains(setting), "{mode}: {}", rejected.stderr);
    }
}
