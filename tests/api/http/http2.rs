//! HTTP/2 beside HTTP/1.1 on one port: requests, limits and floods.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{Request, Response, StatusCode};
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::cli::commands::Process;
use crate::http::connections::RawConnection;
use crate::http::http2_frames::{ACK, END_STREAM, Frame, RawHttp2, kind};
use crate::streaming::graphql_sse::TASKS;
use crate::support::app::{App, Backend};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;

/// Longer than any operation here takes.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The error code of a client that sends too much (RFC 9113 section 7).
const ENHANCE_YOUR_CALM: u32 = 11;

/// A client with prior knowledge (RFC 9113 section 3.3).
struct Http2 {
    send: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    async fn to(url: &str) -> Self {
        Self::with_window(url, 65_535).await
    }

    /// A client that takes at most `bytes` of each response, unless it asks for more.
    async fn with_window(url: &str, bytes: u32) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        let (send, connection) =
            h2::client::Builder::new().initial_window_size(bytes).handshake(stream).await.unwrap();
        Self { send, connection: tokio::spawn(connection) }
    }

    async fn send(
        &self,
        request: Request<()>,
        body: &str,
    ) -> Result<Response<RecvStream>, h2::Error> {
        let mut send = self.send.clone().ready().await?;
        let (response, mut stream) = send.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true)?;
        }
        tokio::time::timeout(TIMEOUT, response).await.expect("the server responds")
    }

    async fn get(&self, path: &str) -> Result<Response<RecvStream>, h2::Error> {
        self.send(Request::get(format!("http://127.0.0.1{path}")).body(()).unwrap(), "").await
    }

    /// The end of the connection.
    async fn ended(self) -> Result<(), h2::Error> {
        drop(self.send);
        tokio::time::timeout(TIMEOUT, self.connection).await.expect("it ends").unwrap()
    }
}

fn post(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::post("http://127.0.0.1/graphql");
    request = request.header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

async fn body(response: Response<RecvStream>) -> Vec<u8> {
    let mut stream = response.into_body();
    let mut all = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.unwrap();
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        all.extend_from_slice(&chunk);
    }
    all
}

fn document(query: &str) -> String {
    json!({ "query": query }).to_string()
}

#[tokio::test]
async fn http2_query_by_prior_knowledge() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let client = Http2::to(&app.url).await;
    let bearer = format!("Bearer {}", Issuer::shared().token(&alice().claims()));
    let me = client.send(post(&[("authorization", &bearer)]), &document("{ me { id } }")).await;
    let me = me.unwrap();
    assert_eq!((me.status(), me.version()), (StatusCode::OK, axum::http::Version::HTTP_2));
    let me: Value = serde_json::from_slice(&body(me).await).unwrap();
    assert_eq!(me["data"]["me"]["id"], alice().id());
    let courses =
        "{ courses { nodes { title description } } chapters { nodes { summary title } } }";
    let plain = client.send(post(&[]), &document(courses)).await.unwrap();
    let plain: Value = serde_json::from_slice(&body(plain).await).unwrap();
    assert_eq!(plain, app.anonymous().ask(courses).await.body, "the same as over HTTP/1.1");
    let packed = client.send(post(&[("accept-encoding", "gzip")]), &document(courses)).await;
    assert_eq!(packed.unwrap().headers()["content-encoding"], "gzip");
    let head = Request::head("http://127.0.0.1/graphql").body(()).unwrap();
    let head = client.send(head, "").await.unwrap();
    assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(body(head).await.is_empty(), "the response to HEAD has none");
    let first = RawConnection::to(&app.url).await.get("/health").await;
    assert!(first.starts_with("http/1.1 200"), "the same port speaks HTTP/1.1: {first}");
}

#[tokio::test]
async fn http2_authority_is_the_host() {
    let app = App::configured(Backend::Sqlite, &[]).await;
    for (authority, host, status) in [
        ("127.0.0.1", None, 200),
        ("localhost:8000", Some("localhost:8000"), 200),
        ("evil.example", None, 403),
        ("127.0.0.1", Some("evil.example"), 400),
        ("user@127.0.0.1", None, 400),
    ] {
        let client = Http2::to(&app.url).await;
        let mut request = Request::get(format!("http://{authority}/health"));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        match client.send(request.body(()).unwrap(), "").await {
            Ok(answer) => assert_eq!(answer.status(), status, "{authority}, {host:?}"),
            Err(error) => assert_eq!(status, 400, "{authority}: {error}"),
        }
    }
}

#[tokio::test]
async fn http2_event_streams_share_a_connection() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    let bearer = format!("Bearer {}", Issuer::shared().token(&alice().claims()));
    let client = Http2::to(&app.url).await;
    let headers = [("authorization", bearer.as_str()), ("accept", "text/event-stream")];
    let mut streams = Vec::new();
    for _ in 0..64 {
        let stream = client.send(post(&headers), &document(TASKS)).await.unwrap();
        assert_eq!(stream.status(), 200);
        streams.push(stream.into_body());
    }
    let more = client.send(post(&headers), &document(TASKS)).await.unwrap();
    assert_eq!(more.status(), 429, "the limit of one caller is that of HTTP/1.1");
    let mut first = streams.remove(0);
    let event = async {
        loop {
            who.data("mutation { createTask(input: {title: \"x\"}) { task { id } } }").await;
            let wait = Duration::from_millis(100);
            if let Ok(Some(event)) = tokio::time::timeout(wait, first.data()).await {
                return String::from_utf8(event.unwrap().to_vec()).unwrap();
            }
        }
    };
    let event = tokio::time::timeout(TIMEOUT, event).await.expect("an event arrives");
    assert!(event.starts_with("event: next\ndata: "), "{event}");
    drop(streams);
    let began = Instant::now();
    while client.send(post(&headers), &document(TASKS)).await.unwrap().status() == 429 {
        assert!(began.elapsed() < TIMEOUT, "a stream that the client resets is freed");
    }
}

#[tokio::test]
async fn http2_streams_beyond_the_limit_are_refused() {
    let app = App::start(Backend::Sqlite).await;
    let mut raw = RawHttp2::to(&app.url).await;
    // Their bodies do not end.
    for number in 0..110 {
        raw.send_post(2 * number + 1).await.unwrap();
    }
    let mut refused = Vec::new();
    while refused.len() < 10 {
        let frame = raw.next().await.expect("the connection stays open");
        if frame.kind == kind::RST_STREAM {
            assert_eq!(frame.payload, 7_u32.to_be_bytes(), "REFUSED_STREAM: {frame:?}");
            refused.push(frame.stream);
        }
    }
    assert_eq!(refused, (100..110).map(|number| 2 * number + 1).collect::<Vec<_>>());
    let query = document("{ __typename }");
    raw.send(Frame::new(kind::DATA, END_STREAM, 1, query.as_bytes())).await.unwrap();
    let answer = raw.response_to(1).await.expect("the open streams are served");
    assert_eq!(answer, b"{\"data\":{\"__typename\":\"Query\"}}");
    raw.send_get(221).await.unwrap();
    assert!(raw.response_to(221).await.is_some(), "a stream is free again");
}

#[tokio::test]
async fn rapid_reset_is_cut_off() {
    let app = App::start(Backend::Sqlite).await;
    let other = Http2::to(&app.url).await;
    let mut raw = RawHttp2::to(&app.url).await;
    let pairs = |numbers: std::ops::Range<u32>| -> Vec<u8> {
        let reset = |stream| Frame::new(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes()).bytes();
        numbers.flat_map(|it| [RawHttp2::get(2 * it + 1), reset(2 * it + 1)].concat()).collect()
    };
    let flood = async {
        raw.send_bytes(&pairs(0..1_000)).await.unwrap();
        assert_eq!(raw.goaway_code().await, ENHANCE_YOUR_CALM);
        let began = Instant::now();
        // What is sent after it is discarded for a moment.
        while raw.send_bytes(&pairs(1_000..2_000)).await.is_ok() {
            assert!(began.elapsed() < Duration::from_secs(10), "the connection is not closed");
        }
    };
    let served = async {
        for _ in 0..20 {
            assert_eq!(other.get("/health").await.unwrap().status(), 200);
        }
    };
    tokio::join!(flood, served);
    let began = Instant::now();
    assert_eq!(other.get("/health").await.unwrap().status(), 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn control_frame_floods_are_cut_off() {
    let app = App::start(Backend::Sqlite).await;
    let ping = Frame::new(kind::PING, 0, 0, &[0; 8]).bytes();
    let settings = Frame::new(kind::SETTINGS, 0, 0, &[]).bytes();
    for (what, frame) in [
        ("PING", &ping),
        ("ACK of PING", &Frame::new(kind::PING, ACK, 0, &[0; 8]).bytes()),
        ("SETTINGS", &settings),
        ("PRIORITY", &Frame::new(kind::PRIORITY, 0, 1, &[0; 5]).bytes()),
        ("PRIORITY_UPDATE", &Frame::new(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=3").bytes()),
        ("WINDOW_UPDATE", &window_update(0)),
        ("an unknown frame", &Frame::new(0xee, 0, 0, &[0; 100]).bytes()),
    ] {
        let mut raw = RawHttp2::to(&app.url).await;
        raw.send_bytes(&frame.repeat(1_000)).await.unwrap();
        raw.send_get(3).await.unwrap();
        assert!(raw.response_to(3).await.is_some(), "{what}: some are accepted");
        let _ = raw.send_bytes(&frame.repeat(1_500)).await;
        let began = Instant::now();
        while raw.next().await.is_some() {}
        assert!(began.elapsed() < Duration::from_secs(5), "{what}: {:?}", began.elapsed());
    }
    let proxied = App::with(Backend::Sqlite, &["--trusted-proxies", "127.0.0.1"]).await;
    let mut raw = RawHttp2::to(&proxied.url).await;
    for number in 0..5 {
        raw.send_bytes(&ping.repeat(500)).await.unwrap();
        raw.send_get(2 * number + 1).await.unwrap();
        assert!(raw.response_to(2 * number + 1).await.is_some(), "a proxy has many clients");
    }
}

fn window_update(stream: u32) -> Vec<u8> {
    Frame::new(kind::WINDOW_UPDATE, 0, stream, &500_u32.to_be_bytes()).bytes()
}

/// A client that opens its windows for each frame of data, while it uploads and downloads.
#[tokio::test]
async fn window_updates_of_a_reader_are_accepted() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    app.set_all_bodies(&"long ".repeat(130_000)).await;
    let padding = " ".repeat(200_000);
    let query = document(&format!(
        "{{ chapters(first: 3) {{ nodes {{ personalized {{ body }} }} }} }}{padding}"
    ));
    let bearer = format!("Bearer {}", Issuer::shared().token(&alice().claims()));
    let window = [&[0, 4][..], &500_u32.to_be_bytes()].concat();
    let mut raw = RawHttp2::to(&app.url).await;
    raw.send(Frame::new(kind::SETTINGS, 0, 0, &window)).await.unwrap();
    raw.send_signed_post(1, &bearer).await.unwrap();
    let (mut updates, mut received, mut unsent, mut may_send) = (0, 0, query.as_bytes(), 65_535);
    loop {
        while may_send > 1_000 && !unsent.is_empty() {
            let (part, rest) = unsent.split_at(unsent.len().min(1_000));
            let flags = if rest.is_empty() { END_STREAM } else { 0 };
            raw.send(Frame::new(kind::DATA, flags, 1, part)).await.unwrap();
            (unsent, may_send) = (rest, may_send - part.len());
        }
        let frame = raw.next().await.expect("the connection stays open");
        match frame.kind {
            kind::WINDOW_UPDATE if frame.stream == 1 => may_send += frame.increment(),
            kind::DATA => {
                received += frame.payload.len();
                raw.send_bytes(&[window_update(0), window_update(1)].concat()).await.unwrap();
                updates += 2;
            }
            _ => {}
        }
        if frame.kind == kind::DATA && frame.flags & END_STREAM != 0 {
            break;
        }
    }
    assert!(received > 1_200_000 && updates > 4_000, "{received} bytes, {updates} updates");
}

/// A browser states the priority of each request, and opens its window.
#[tokio::test]
async fn priorities_of_requests_are_accepted() {
    let app = App::start(Backend::Sqlite).await;
    let mut raw = RawHttp2::to(&app.url).await;
    let streams: Vec<u32> = (0..1_500).map(|number| 2 * number + 1).collect();
    for streams in streams.chunks(50) {
        for stream in streams {
            let field = [&stream.to_be_bytes()[..], b"u=1, i"].concat();
            let priority = Frame::new(kind::PRIORITY_UPDATE, 0, 0, &field).bytes();
            let request = [priority, RawHttp2::get(*stream), window_update(*stream)].concat();
            raw.send_bytes(&request).await.unwrap();
        }
        let mut open = streams.len();
        while open > 0 {
            let frame = raw.next().await.expect("the connection stays open");
            let may_end = matches!(frame.kind, kind::DATA | kind::HEADERS);
            open -= usize::from(may_end && frame.flags & END_STREAM != 0);
        }
    }
}

#[tokio::test]
async fn oversized_http2_heads_are_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let client = Http2::to(&app.url).await;
    for (bytes, status) in [(30 * 1024, 200), (33 * 1024, 431)] {
        let request = Request::get("http://127.0.0.1/health").header("x-large", "x".repeat(bytes));
        let answer = client.send(request.body(()).unwrap(), "").await.unwrap();
        assert_eq!(answer.status(), status, "{bytes}");
    }
    let mut raw = RawHttp2::to(&app.url).await;
    raw.send(Frame::new(kind::HEADERS, END_STREAM, 1, &RawHttp2::GET_HEALTH)).await.unwrap();
    // A literal header of 128 bytes: `x: xxx…`.
    let field = [&[0_u8, 1, b'x', 127, 1][..], &[b'x'; 128]].concat();
    let next = Frame::new(kind::CONTINUATION, 0, 1, &field).bytes();
    raw.send_bytes(&next.repeat(100)).await.unwrap();
    assert_eq!(raw.goaway_code().await, ENHANCE_YOUR_CALM, "CONTINUATION frames are limited");
    assert_eq!(client.get("/health").await.unwrap().status(), 200);
}

#[tokio::test]
async fn slow_http2_head_is_timed() {
    let app = App::start(Backend::Sqlite).await;
    let mut silent = RawHttp2::to(&app.url).await;
    let mut slow = RawHttp2::to(&app.url).await;
    slow.send_get(1).await.unwrap();
    assert!(slow.response_to(1).await.is_some());
    slow.send(Frame::new(kind::HEADERS, END_STREAM, 3, &RawHttp2::GET_HEALTH)).await.unwrap();
    let began = Instant::now();
    while silent.next().await.is_some() {}
    let first = began.elapsed();
    while slow.next().await.is_some() {}
    for after in [first, began.elapsed()] {
        assert!((19..26).contains(&after.as_secs()), "{after:?}");
    }
}

#[tokio::test]
async fn idle_http2_connection_gets_goaway() {
    let app = App::with(Backend::Sqlite, &["--keep-alive", "1500ms"]).await;
    let mut raw = RawHttp2::to(&app.url).await;
    raw.send_get(1).await.unwrap();
    assert!(raw.response_to(1).await.is_some());
    let began = Instant::now();
    let (mut has_goaway, mut next_ping) = (false, began);
    // PING frames are no requests: they keep no connection open. These are too few for a flood.
    loop {
        if Instant::now() >= next_ping {
            let _ = raw.send(Frame::new(kind::PING, 0, 0, &[0; 8])).await;
            next_ping = Instant::now() + Duration::from_millis(100);
        }
        match tokio::time::timeout(Duration::from_millis(100), raw.next()).await {
            Ok(Some(frame)) => has_goaway |= frame.kind == kind::GOAWAY,
            Ok(None) => break,
            Err(_) => {}
        }
    }
    assert!(has_goaway);
    let after = began.elapsed();
    assert!((1400..6000).contains(&after.as_millis()), "{after:?}");
    let client = Http2::to(&app.url).await;
    assert_eq!(client.get("/health").await.unwrap().status(), 200);
    let Http2 { send, connection } = client;
    let ended = tokio::time::timeout(TIMEOUT, connection).await.unwrap().unwrap();
    drop(send);
    ended.expect("the client sees an orderly end");
}

#[tokio::test]
async fn unread_http2_response_is_reset() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    app.set_all_bodies(&"long ".repeat(20_000)).await;
    let bearer = format!("Bearer {}", Issuer::shared().token(&alice().claims()));
    let query = document("{ chapters(first: 3) { nodes { personalized { body } } } }");
    let client = Http2::with_window(&app.url, 1_000).await;
    let began = Instant::now();
    let answer = client.send(post(&[("authorization", &bearer)]), &query).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut unread = answer.into_body();
    let first = unread.data().await.unwrap().unwrap();
    assert_eq!(first.len(), 1_000, "as much as the client takes");
    assert_eq!(client.get("/health").await.unwrap().status(), 200, "other streams work");
    let error = tokio::time::timeout(TIMEOUT, unread.data()).await.expect("it is reset");
    assert_eq!(error.unwrap().unwrap_err().reason(), Some(Reason::CANCEL));
    assert!((18..26).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(client.get("/health").await.unwrap().status(), 200, "the connection stays open");
}

#[tokio::test]
async fn http2_shutdown_completes_open_requests() {
    let app = App::start(Backend::Sqlite).await;
    let (idle, client) = (Http2::to(&app.url).await, Http2::to(&app.url).await);
    assert_eq!(idle.get("/health").await.unwrap().status(), 200);
    let mut send = client.send.clone().ready().await.unwrap();
    let (response, mut stream) = send.send_request(post(&[]), false).unwrap();
    assert_eq!(client.get("/health").await.unwrap().status(), 200, "the request has arrived");
    drop(app);
    idle.ended().await.expect("an idle connection ends in order");
    let late = async {
        loop {
            if client.get("/health").await.is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(TIMEOUT, late).await.expect("no request begins after GOAWAY");
    stream.send_data(Bytes::from(document("{ __typename }")), true).unwrap();
    let answer = tokio::time::timeout(TIMEOUT, response).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(body(answer).await, b"{\"data\":{\"__typename\":\"Query\"}}");
    drop((send, stream));
    client.ended().await.expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_http2_connection_gets_goaway() {
    let mut server = Process::start(&[("DRAIN_DELAY", "3s")]);
    let idle = Http2::to(&server.url).await;
    assert_eq!(idle.get("/health").await.unwrap().status(), 200);
    server.signal("TERM");
    let began = Instant::now();
    loop {
        // Each connection answers a request, and is closed then.
        let client = Http2::to(&server.url).await;
        let status = client.get("/ready").await.unwrap().status();
        if status == 503 {
            client.ended().await.expect("it ends in order");
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(2), "readiness changes at once");
    }
    assert_eq!(idle.get("/health").await.unwrap().status(), 200);
    idle.ended().await.expect("it ends in order");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
