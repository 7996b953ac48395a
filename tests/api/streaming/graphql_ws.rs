//! `graphql-transport-ws`, message by message.

use std::time::Duration;

use reqwest::Method;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::http::connections::RawConnection;
use crate::on_both_databases;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::socket::{PROTOCOL, ReceivedEvent, Socket};

const SUBPROTOCOL: &str = "Subprotocol not acceptable: use graphql-transport-ws.";

pub fn token() -> String {
    Issuer::shared().token(&alice().claims())
}

/// Creates a task, and returns its id.
pub async fn task(who: &Client<'_>, title: &str) -> String {
    let made = who
        .data(&format!(
            "mutation {{ createTask(input: {{title: \"{title}\"}}) {{ task {{ id }} }} }}"
        ))
        .await;
    made["createTask"]["task"]["id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn task_events_are_per_owner(app: App) {
        let (alice_client, bob_client) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let mut socket = Socket::by_bearer(&app, &token()).await;
        socket.subscribe_to_tasks("1", &alice_client).await;
        let bobs = task(&bob_client, "Bob's").await;
        let mine = task(&alice_client, "Mine").await;
        let change = |id: &str, what: &str| format!(
            "mutation {{ updateTask(id: \"{id}\", input: {{title: \"{what}\", tags: [\"x\"], isPublic: true}}) {{ task {{ id }} }} }}"
        );
        bob_client.data(&change(&bobs, "Bob's, shown to everyone")).await;
        alice_client.data(&change(&mine, "Changed")).await;
        let old = format!("mutation {{ updateTask(id: \"{mine}\", input: {{title: \"No\"}}, expectedVersion: 1) {{ task {{ id }} }} }}");
        assert_eq!(alice_client.ask(&old).await.codes(), ["CONFLICT"]);
        assert_eq!(alice_client.ask(&change(&bobs, "Hers")).await.codes(), ["NOT_FOUND"]);
        alice_client.data(&format!("mutation {{ completeTask(id: \"{mine}\") {{ task {{ id }} }} }}")).await;
        alice_client.data(&format!("mutation {{ completeTasks(ids: [\"{mine}\"]) {{ tasks {{ id }} }} }}")).await;
        bob_client.data(&format!("mutation {{ deleteTask(id: \"{bobs}\") {{ deletedTaskId }} }}")).await;
        alice_client.data(&format!("mutation {{ deleteTasks(ids: [\"{mine}\"]) {{ deletedTaskIds }} }}")).await;
        let mut received = Vec::new();
        while received.last().is_none_or(|(kind, _, _): &(String, Value, Value)| kind != "DELETED") {
            let event = socket.next_message().await["payload"]["data"]["taskEvents"].clone();
            let kind = event["kind"].as_str().unwrap().to_owned();
            received.push((kind, event["taskId"].clone(), event["task"]["title"].clone()));
        }
        let kinds: Vec<_> = received.iter().map(|(kind, _, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["CREATED", "UPDATED", "UPDATED", "DELETED"], "operations without a change publish nothing");
        assert!(received.iter().all(|(_, id, _)| *id == json!(mine)), "{received:?}");
        assert_eq!(received[3].2, Value::Null, "a deleted task has only its id");
    }
}

#[tokio::test]
async fn anonymous_cannot_subscribe_but_can_query() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::anonymous(&app).await;
    socket.execute("1", "subscription { taskEvents { taskId } }").await;
    let rejected = socket.next_message().await;
    assert_eq!((&rejected["type"], &rejected["id"]), (&json!("error"), &json!("1")), "{rejected}");
    assert_eq!(rejected["payload"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(rejected["payload"][0]["extensions"]["rule"], "SIGNED_IN");
    socket.execute("1", "{ viewer { id } publicTasks { totalCount } }").await;
    let answer = json!({"data": {"viewer": null, "publicTasks": {"totalCount": 0}}});
    assert_eq!(socket.next_message().await, json!({"id": "1", "type": "next", "payload": answer}));
    assert_eq!(socket.next_message().await, json!({"id": "1", "type": "complete"}));
}

#[tokio::test]
async fn operations_run_as_the_sockets_caller() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    let payload = json!({
        "query": "query Other { viewer { name } } mutation Make($in: CreateTaskInput!) { createTask(input: $in) { task { title isOwner } } }",
        "operationName": "Make", "variables": {"in": {"title": "By socket"}},
    });
    socket.send_json(&json!({"id": "m", "type": "subscribe", "payload": payload})).await;
    let made = json!({"data": {"createTask": {"task": {"title": "By socket", "isOwner": true}}}});
    assert_eq!(socket.next_message().await, json!({"id": "m", "type": "next", "payload": made}));
    assert_eq!(socket.next_message().await, json!({"id": "m", "type": "complete"}));
    assert_eq!(
        app.by_jwt(&alice()).data("{ tasks { totalCount } }").await["tasks"]["totalCount"],
        1
    );
    let bobs = "mutation { createTask(input: {title: \"His\", isPublic: true}) { task { id } } }";
    app.by_jwt(&bob()).data(bobs).await;
    socket.execute("f", "{ me { id } publicTasks { nodes { description } } }").await;
    let partly = socket.next_message().await;
    assert_eq!(partly["type"], "next", "a denied field nulls only itself: {partly}");
    assert_eq!(partly["payload"]["data"]["me"]["id"], alice().id());
    assert_eq!(partly["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn request_limits_apply_over_websocket() {
    let app = App::with(Backend::Sqlite, &["--max-depth", "3", "--introspection", "false"]).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    let wrong = json!({"query": "mutation($n: Int!) { createTask(input: {title: \"x\"}) { task { id } } updateTask(id: \"x\", input: {}, expectedVersion: $n) { task { id } } }", "variables": {"n": 3_000_000_000_u64}});
    let aliases: String = (0..40).map(|n| format!("a{n}: __typename ")).collect();
    for (payload, code) in [
        (json!({"query": "{ tasks { edges { node { id } } } }"}), "QUERY_REJECTED"),
        (json!({"query": format!("{{ {aliases} }}")}), "QUERY_REJECTED"),
        (json!({"query": "{ __schema { types { name } } }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "{ nothing }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "{"}), "GRAPHQL_PARSE_FAILED"),
        (wrong, "BAD_USER_INPUT"),
        (
            json!({"query": "subscription { a: taskEvents { taskId } b: taskEvents { taskId } }"}),
            "QUERY_REJECTED",
        ),
        (
            json!({"query": "subscription { taskEvents { taskId } ...F } fragment F on Subscription { taskEvents { kind } }"}),
            "QUERY_REJECTED",
        ),
        (
            json!({"query": "subscription { taskEvents @skip(if: true) { taskId } }"}),
            "QUERY_REJECTED",
        ),
    ] {
        socket.send_json(&json!({"id": "1", "type": "subscribe", "payload": payload})).await;
        let rejected = socket.next_message().await;
        assert_eq!(rejected["type"], "error", "{payload}: {rejected}");
        assert_eq!(rejected["payload"][0]["extensions"]["code"], code, "{payload}: {rejected}");
    }
}

#[tokio::test]
async fn root_field_of_a_subscription_may_be_in_a_fragment() {
    let app = App::start(Backend::Sqlite).await;
    for document in [
        "subscription { ...F } fragment F on Subscription { taskEvents { kind } }",
        "subscription S { ... { taskEvents { taskId kind } } }",
        "subscription S { ... on Subscription { ...F } } fragment F on Subscription { taskEvents { kind } }",
    ] {
        let mut socket = Socket::by_bearer(&app, &token()).await;
        socket.execute("1", document).await;
        let create = async {
            loop {
                task(&app.by_jwt(&alice()), "Milk").await;
                tokio::task::yield_now().await;
            }
        };
        let event = tokio::select! {
            event = socket.next_message() => event,
            () = create => unreachable!(),
        };
        assert_eq!(
            event["payload"]["data"]["taskEvents"]["kind"], "CREATED",
            "{document}: {event}"
        );
    }
}

pub(super) async fn opened(app: &App) -> Socket {
    Socket::open(app, &[]).await.unwrap()
}

#[tokio::test]
async fn protocol_violations_close_with_their_code() {
    let app = App::start(Backend::Sqlite).await;
    for text in [
        "",
        "no JSON",
        "[]",
        "{}",
        r#"{"type": 1}"#,
        r#"{"type": "start"}"#,
        r#"{"type": "connection_ack"}"#,
        r#"{"type": "next", "id": "1"}"#,
        r#"{"type": "subscribe"}"#,
        r#"{"type": "complete"}"#,
        r#"{"type": "ping", "type": "pong"}"#,
        r#"{"type": "connection_init", "payload": "Bearer x"}"#,
        r#"{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}"#,
    ] {
        let mut socket = opened(&app).await;
        socket.send(Message::text(text)).await;
        assert_eq!(socket.close_code().await, 4400, "{text}");
    }
    for payload in [
        json!({}),
        json!("{ me }"),
        json!({"query": 1}),
        json!({"query": "{ a }", "variables": []}),
        json!([]),
    ] {
        let mut socket = Socket::anonymous(&app).await;
        socket.send_json(&json!({"type": "subscribe", "id": "1", "payload": payload})).await;
        assert_eq!(socket.close_code().await, 4400, "{payload}");
    }
    let mut binary = opened(&app).await;
    binary.send(Message::binary(&b"{\"type\":\"connection_init\"}"[..])).await;
    assert_eq!(binary.close_code().await, 1003);
    let mut early = opened(&app).await;
    early.execute("1", "{ __typename }").await;
    assert_eq!(early.close_code().await, 4401);
    let mut twice = Socket::anonymous(&app).await;
    twice.send_json(&json!({"type": "connection_init"})).await;
    assert_eq!(twice.close_code().await, 4429);
    let mut double = Socket::by_bearer(&app, &token()).await;
    for _ in 0..2 {
        double.execute("same", "subscription { taskEvents { taskId } }").await;
    }
    assert_eq!(
        double.recv().await,
        ReceivedEvent::Closed(4409, "Subscriber for same already exists".to_owned())
    );
    let mut unnamed = Socket::open_with_headers(&app, &[]).await.unwrap();
    assert_eq!(unnamed.close_code().await, 4406);
}

/// A client's frame, with a mask of zeros.
fn frame(start: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[start, 0x80 | 126], &length[..], &[0; 4], payload].concat()
}

/// The same, of at most 125 bytes.
fn short_frame(start: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[start, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[tokio::test]
async fn broken_frames_close_with_their_code() {
    let app = App::with(Backend::Sqlite, &["--max-body", "2KiB"]).await;
    let large = [b'x'; 3000];
    let announced = [&[0x81, 0xff][..], &10_000_000_u64.to_be_bytes(), &[0; 4], &large].concat();
    for (what, bytes, code) in [
        ("text that is not JSON", short_frame(0x81, b"{"), 4400),
        (
            "fragmented text that is not JSON",
            [short_frame(0x01, b"{"), short_frame(0x80, b"x")].concat(),
            4400,
        ),
        ("text that is not UTF-8", short_frame(0x81, b"{\xff\xfe}"), 1007),
        (
            "fragments that are not UTF-8",
            [short_frame(0x01, b"{"), short_frame(0x80, b"\xff")].concat(),
            1007,
        ),
        ("a reason that is not UTF-8", short_frame(0x88, b"\x03\xe8\xff"), 1007),
        ("a binary frame", short_frame(0x82, b"{}"), 1003),
        ("binary fragments", [short_frame(0x02, b"{"), short_frame(0x80, b"}")].concat(), 1003),
        ("a frame that is a little too large", frame(0x81, &large), 1009),
        ("a frame that is much too large", announced, 1009),
        ("fragments that are too large", [frame(0x01, &large), frame(0x80, &large)].concat(), 1009),
        ("a reserved bit", short_frame(0xc1, b"{}"), 1002),
        ("an unknown kind of frame", short_frame(0x83, b"{}"), 1002),
        ("an unknown kind of control frame", short_frame(0x8b, b""), 1002),
        ("a frame without a mask", b"\x81\x02{}".to_vec(), 1002),
        ("a ping in fragments", short_frame(0x09, b""), 1002),
        ("a ping that is too long", frame(0x89, &[0; 126]), 1002),
        ("a fragment of nothing", short_frame(0x80, b"{}"), 1002),
        (
            "a text inside another",
            [short_frame(0x01, b"{"), short_frame(0x81, b"}")].concat(),
            1002,
        ),
        ("half a close code", short_frame(0x88, b"x"), 1002),
    ] {
        for mut socket in [opened(&app).await, Socket::anonymous(&app).await] {
            socket.send_bytes(&bytes).await;
            assert_eq!(socket.close_code().await, code, "{what}");
        }
    }
}

#[tokio::test]
async fn connection_init_timeout_closes_4408() {
    let app = App::with(Backend::Sqlite, &["--request-timeout", "300ms"]).await;
    let mut silent = opened(&app).await;
    assert_eq!(silent.close_code().await, 4408);
    let mut acknowledged = Socket::anonymous(&app).await;
    let mut pinging = opened(&app).await;
    let mut pongs = 0;
    let code = loop {
        pinging.send_json(&json!({"type": "ping"})).await;
        match pinging.recv().await {
            ReceivedEvent::Message(pong) => assert_eq!(pong, json!({"type": "pong"})),
            ReceivedEvent::Closed(code, _) => break code,
            ReceivedEvent::Disconnected => panic!("the server closed without a code"),
        }
        pongs += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(
        (code, pongs > 0),
        (4408, true),
        "pings are answered, and do not extend the timeout"
    );
    acknowledged.send_json(&json!({"type": "ping", "payload": {"any": 1}})).await;
    assert_eq!(
        acknowledged.next_message().await,
        json!({"type": "pong"}),
        "only connection_init has this timeout"
    );
}

#[tokio::test]
async fn message_over_the_body_limit_closes_1009() {
    let app = App::with(Backend::Sqlite, &["--max-body", "2KiB"]).await;
    let mut socket = Socket::anonymous(&app).await;
    socket.execute("fits", &format!("{{ __typename }} # {}", "x".repeat(1900))).await;
    assert_eq!(socket.next_message().await["type"], "next");
    socket.execute("no", &format!("{{ __typename }} # {}", "x".repeat(2100))).await;
    assert_eq!(socket.close_code().await, 1009);
    let mut flood = Socket::anonymous(&app).await;
    flood.execute("no", &format!("{{ __typename }} # {}", "x".repeat(1_000_000))).await;
    assert_eq!(flood.close_code().await, 1009);
    Socket::anonymous(&app).await;
}

#[tokio::test]
async fn idle_socket_is_closed() {
    let app = App::with(Backend::Sqlite, &["--keep-alive", "1s"]).await;
    let mut subscribed = Socket::by_bearer(&app, &token()).await;
    subscribed.subscribe_to_tasks("1", &app.by_jwt(&alice())).await;
    let mut idle = Socket::anonymous(&app).await;
    idle.execute("1", "{ __typename }").await;
    let began = std::time::Instant::now();
    let code = tokio::time::timeout(Duration::from_secs(20), idle.close_code()).await;
    assert_eq!(code.expect("it is closed"), 1000);
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
    task(&app.by_jwt(&alice()), "Later").await;
    assert_eq!(subscribed.next_task_event().await, ("CREATED".to_owned(), json!("Later")));
}

#[tokio::test]
async fn missed_pongs_close_the_socket() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    socket.execute("1", "subscription { taskEvents { kind } }").await;
    let is_open = async || {
        let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
        metrics.text().await.unwrap().contains("hallpass_streaming_connections 1\n")
    };
    // The socket is not read from here on, so that nothing sends pongs.
    let began = std::time::Instant::now();
    while is_open().await {
        assert!(began.elapsed() < Duration::from_secs(90), "it is still open");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(45), "{:?}", began.elapsed());
}

#[tokio::test]
async fn shutdown_closes_sockets_1001() {
    let app = App::start(Backend::Sqlite).await;
    let mut subscribed = Socket::by_bearer(&app, &token()).await;
    subscribed.subscribe_to_tasks("1", &app.by_jwt(&alice())).await;
    let mut fresh = opened(&app).await;
    let began = std::time::Instant::now();
    drop(app);
    assert_eq!(subscribed.close_code().await, 1001);
    assert_eq!(fresh.close_code().await, 1001);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn shutdown_finishes_mutation_over_websocket() {
    let app = App::start(Backend::Postgres).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    let database = app.database.clone();
    let system = database.system("a test holds the table");
    let writing = system.connection().begin().await.unwrap();
    writing.execute_unprepared("LOCK TABLE task IN EXCLUSIVE MODE").await.unwrap();
    socket.execute("s", "subscription { taskEvents { taskId } }").await;
    socket
        .execute("m", "mutation { createTask(input: {title: \"Last\"}) { task { title } } }")
        .await;
    socket.send_json(&json!({"type": "ping"})).await;
    assert_eq!(socket.next_message().await, json!({"type": "pong"}), "it was read");
    drop(app);
    writing.commit().await.unwrap();
    let made = json!({"data": {"createTask": {"task": {"title": "Last"}}}});
    let mut received = Vec::new();
    let code = loop {
        match socket.recv().await {
            ReceivedEvent::Message(message) => received.push(message),
            ReceivedEvent::Closed(code, _) => break code,
            ReceivedEvent::Disconnected => panic!("the server closed without a code"),
        }
    };
    assert!(
        received.contains(&json!({"id": "m", "type": "next", "payload": made})),
        "{received:?}"
    );
    assert!(received.contains(&json!({"id": "m", "type": "complete"})), "{received:?}");
    assert!(
        !received.contains(&json!({"id": "s", "type": "complete"})),
        "it does not complete: {received:?}"
    );
    assert_eq!(code, 1001);
}

#[tokio::test]
async fn close_frame_is_answered() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    socket.subscribe_to_tasks("1", &app.by_jwt(&alice())).await;
    let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
    socket.send(Message::Close(Some(frame))).await;
    assert_eq!(socket.close_code().await, 1000);
}

#[tokio::test]
async fn graphql_path_takes_websockets_too() {
    let app = App::with(Backend::Sqlite, &["--allowed-origins", "https://app.example"]).await;
    let who = app.by_jwt(&alice());
    let socket = Socket::open_at("/graphql", &app, &[PROTOCOL]).await.unwrap();
    let mut socket = socket.signed_in(&token()).await;
    socket.subscribe_to_tasks("1", &who).await;
    for (origin, status) in [("https://app.example", None), ("https://evil.example", Some(403))] {
        let opened = Socket::open_at("/graphql", &app, &[PROTOCOL, ("origin", origin)]).await;
        assert_eq!(opened.err(), status, "{origin}");
    }
    let mut bare = Socket::open_at("/graphql", &app, &[]).await.unwrap();
    assert_eq!(bare.recv().await, ReceivedEvent::Closed(4406, SUBPROTOCOL.to_owned()));
    let incomplete = who.request(Method::GET, "/graphql?query={__typename}");
    let incomplete = incomplete.header("upgrade", "websocket").send().await.unwrap();
    assert_eq!(incomplete.status(), 426);
    for (key, status) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", 101),
        ("", 400),
        ("x", 400),
        ("dGhlIHNhbXBsZSBub25jZQ", 400),
        ("dGhlIHNhbXBsZSBub25jZR==", 400),
        ("dGhlIHNhbXBsZSBub25j", 400),
        ("dGhlIHNhbXBsZSBub25jZSBsb25n", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400),
    ] {
        let mut raw = RawConnection::to(&app.url).await;
        raw.send(&format!(
            "GET /graphql/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        ))
        .await;
        let answer = raw.whole_answer().await;
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{key}: {answer}");
        assert_eq!(answer.contains("send one sec-websocket-key header"), status == 400, "{answer}");
    }
    let other = who.request(Method::GET, "/graphql?query={__typename}");
    let other = other.header("upgrade", "h2c").send().await.unwrap();
    assert_eq!(other.status(), 200, "another protocol is not switched to");
}
