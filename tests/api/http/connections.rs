//! Limits of connections: number, speed, size, duration.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, select_all};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::app::{App, Backend};

/// Longer than any operation here takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A connection that sends raw bytes.
pub struct RawConnection(TcpStream);

impl RawConnection {
    /// A connection to `url` from the address 127.0.0.`from`.
    pub async fn from(url: &str, from: u8) -> Self {
        let to: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, from), 0))).unwrap();
        Self(socket.connect(to).await.unwrap())
    }

    pub async fn to(url: &str) -> Self {
        Self::from(url, 1).await
    }

    pub async fn send(&mut self, text: &str) {
        // A client whose connection was closed meanwhile reads the reason.
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// Sends a request, and returns the head of its response.
    pub async fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).await;
        self.answer().await
    }

    /// The head of a response, once the whole response is read; empty if the connection is closed.
    pub async fn answer(&mut self) -> String {
        let all = self.whole_answer().await;
        all.split_once("\r\n\r\n").map_or(all.as_str(), |(head, _)| head).to_owned()
    }

    /// A response; empty if the connection is closed.
    pub async fn whole_answer(&mut self) -> String {
        let reading = async {
            let mut text = Vec::new();
            let mut part = [0; 4096];
            loop {
                let read = self.0.read(&mut part).await.unwrap_or(0);
                text.extend_from_slice(&part[..read]);
                let all = String::from_utf8_lossy(&text).to_lowercase();
                let Some((head, body)) = all.split_once("\r\n\r\n") else {
                    if read == 0 {
                        return all;
                    }
                    continue;
                };
                let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
                if read == 0 || length.is_none_or(|it| body.len() >= it.parse().unwrap()) {
                    return all;
                }
            }
        };
        tokio::time::timeout(TIMEOUT, reading).await.expect("the server responds")
    }

    /// The time until the server closes the connection.
    pub async fn closed_after(&mut self) -> Duration {
        let began = Instant::now();
        assert_eq!(self.answer().await, "", "nothing is sent");
        began.elapsed()
    }

    fn is_open(&self) -> bool {
        let peeked = self.0.try_read(&mut [0]);
        peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

#[tokio::test]
async fn oversized_request_head_gets_431() {
    let app = App::start(Backend::Sqlite).await;
    let start = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    let large = format!("X-Large: {}\r\n", "x".repeat(33 * 1024));
    for (what, more, status) in [
        ("a large head", large.as_str(), "431"),
        ("a large head without an end", &large.replace("\r\n", ""), "431"),
        ("many headers", &"a: b\r\n".repeat(101), "431"),
        ("a head as large as it may be", &"a: b\r\n".repeat(99), "200"),
        ("a long header", &format!("X-Long: {}\r\n", "x".repeat(30 * 1024)), "200"),
    ] {
        let mut raw = RawConnection::to(&app.url).await;
        raw.send(&format!("{start}{more}\r\n")).await;
        let answer = raw.answer().await;
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{what}: {answer}");
    }
}

#[tokio::test]
async fn request_without_one_valid_host_gets_400() {
    let app = App::start(Backend::Sqlite).await;
    for (request, status) in [
        ("GET /health HTTP/1.1\r\nHost: api.example.com:8000\r\n", "200"),
        ("GET /health HTTP/1.0\r\n", "200"),
        ("GET /health HTTP/1.1\r\n", "400"),
        ("GET /health HTTP/1.1\r\nHost:\r\n", "400"),
        ("GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n", "400"),
        ("GET /health HTTP/1.1\r\nHost: a\r\nhost: b\r\n", "400"),
        ("GET /health HTTP/1.1\r\nHost: a/b\r\n", "400"),
        ("GET http://a/health HTTP/1.1\r\n", "400"),
        ("GET http://a/health HTTP/1.1\r\nHost: a\r\n", "200"),
        ("POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\n", "400"),
    ] {
        let mut raw = RawConnection::to(&app.url).await;
        raw.send(&format!("{request}\r\n")).await;
        let answer = raw.answer().await;
        let found = answer.split(' ').nth(1);
        assert_eq!(found, Some(status), "{request}: {answer}");
    }
}

#[tokio::test]
async fn silent_connection_is_closed_within_seconds() {
    let app = App::start(Backend::Sqlite).await;
    let mut silent = RawConnection::to(&app.url).await;
    let mut slow = RawConnection::to(&app.url).await;
    slow.send("GET /hea").await;
    let after = silent.closed_after().await;
    assert!((4..8).contains(&after.as_secs()), "{after:?}");
    slow.send("lth HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(slow.answer().await.starts_with("http/1.1 200"), "a head has more time");
}

#[tokio::test]
async fn silent_connections_do_not_block_others() {
    let app = App::start(Backend::Sqlite).await;
    let mut working = RawConnection::to(&app.url).await;
    working.get("/health").await;
    let mut silent = Vec::new();
    for _ in 0..900 {
        silent.push(RawConnection::to(&app.url).await);
    }
    let began = Instant::now();
    let other = RawConnection::from(&app.url, 2).await.get("/health").await;
    assert!(other.starts_with("http/1.1 200"), "{other}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let again = RawConnection::to(&app.url).await.get("/health").await;
    assert!(again.starts_with("http/1.1 200"), "the idlest of its own made room: {again}");
    let open = silent.iter().filter(|raw| raw.is_open()).count();
    assert!((400..=512).contains(&open), "{open} are open");
    assert!(silent[899].is_open(), "the latest is open");
}

#[tokio::test]
async fn busy_connections_of_one_address_are_kept() {
    let app = App::start(Backend::Sqlite).await;
    let body = "{\"query\":\"{__typename}\"}";
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut busy = Vec::new();
    for _ in 0..512 {
        let mut raw = RawConnection::to(&app.url).await;
        raw.send(&head).await;
        assert!(raw.answer().await.starts_with("http/1.1 100"), "its body is awaited");
        busy.push(raw);
    }
    let rejected = RawConnection::to(&app.url).await.answer().await;
    assert!(rejected.starts_with("http/1.1 429"), "{rejected}");
    assert!(rejected.contains("retry-after: 1"), "{rejected}");
    let other = RawConnection::from(&app.url, 2).await.get("/health").await;
    assert!(other.starts_with("http/1.1 200"), "{other}");
    for raw in &mut busy {
        raw.send(body).await;
        let answer = raw.answer().await;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn trusted_proxy_is_not_limited_as_one_client() {
    let app = App::with(Backend::Sqlite, &["--trusted-proxies", "127.0.0.1"]).await;
    let mut proxied = Vec::new();
    for _ in 0..600 {
        proxied.push(RawConnection::to(&app.url).await);
    }
    RawConnection::to(&app.url).await.get("/health").await;
    assert!(proxied.iter().all(RawConnection::is_open));
}

#[tokio::test]
async fn idle_connection_is_kept_for_keep_alive() {
    let app = App::with(Backend::Sqlite, &["--keep-alive", "1500ms"]).await;
    let mut raw = RawConnection::to(&app.url).await;
    for _ in 0..3 {
        assert!(raw.get("/health").await.starts_with("http/1.1 200"));
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    // Once a request head has begun, its own timeout applies.
    raw.send("GET /hea").await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    raw.send("lth HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(raw.answer().await.starts_with("http/1.1 200"));
    let after = raw.closed_after().await;
    assert!((1400..4000).contains(&after.as_millis()), "{after:?}");
}

#[tokio::test]
async fn answer_survives_unread_request_body() {
    let app = App::with(Backend::Sqlite, &["--max-body", "1KiB"]).await;
    for _ in 0..20 {
        let mut raw = RawConnection::to(&app.url).await;
        let head = "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
        raw.send(&format!("{head}Content-Length: 300000\r\n\r\n{}", "x".repeat(300_000))).await;
        let answer = raw.answer().await;
        assert!(answer.starts_with("http/1.1 413"), "{answer}");
    }
}

/// The request line and the headers of a POST to GraphQL with a body of this length.
fn post_of(length: usize) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn unfinished_bodies_of_one_address_are_limited() {
    let app = App::start(Backend::Sqlite).await;
    let length = 256 * 1024;
    let unfinished = post_of(length) + &"x".repeat(length - 1);
    // 64 MiB are the bytes of 256 bodies.
    let send = async || {
        let mut connection = RawConnection::from(&app.url, 2).await;
        connection.send(&unfinished).await;
        connection
    };
    let mut connections = join_all((0..260).map(|_| send())).await;
    let answers = connections.iter_mut().map(|connection| Box::pin(connection.answer()));
    let (first, _, _) = select_all(answers).await;
    assert!(first.starts_with("http/1.1 429"), "{first}");
    assert!(first.contains("\r\nretry-after: 1"), "{first}");
    let document = r#"{"query": "{ viewer { id } }"}"#;
    let complete = post_of(document.len()) + document;
    let mut other = RawConnection::from(&app.url, 3).await;
    other.send(&complete).await;
    assert!(other.answer().await.starts_with("http/1.1 200"), "another address");
    drop(connections);
    let mut freed = String::new();
    while !freed.starts_with("http/1.1 200") {
        let mut same = RawConnection::from(&app.url, 2).await;
        same.send(&complete).await;
        freed = same.answer().await;
    }
}

#[tokio::test]
async fn forged_revocation_costs_little() {
    let secret = "a secret that the hook and the server share";
    let app = App::with(Backend::Sqlite, &["--revocation-secret", secret]).await;
    let at = hallpass_data::now().timestamp().to_string();
    let push = |signatures: &str, body: usize| {
        let request = app.anonymous().request(Method::POST, "/revocations");
        let request = request.header("webhook-id", "m").header("webhook-timestamp", &at);
        request.header("webhook-signature", signatures).body("x".repeat(body)).send()
    };
    let tag = format!("v1,{} ", "A".repeat(44));
    for (signatures, body, status) in [
        (tag.repeat(600), 10, 400),
        (tag.repeat(20), 200_000, 413),
        (tag.repeat(20), 16 * 1024 + 1, 413),
        (tag.repeat(20), 16 * 1024, 401),
    ] {
        let answer = push(signatures.trim(), body).await.unwrap();
        assert_eq!(answer.status(), status, "{} bytes signed {}", body, signatures.len());
    }
}
