//! `graphql-transport-ws`, word by word.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::app::{App, Backend, Client};
use crate::issuer::Issuer;
use crate::on_both_databases;
use crate::people::{alice, bob, user};
use crate::socket::{Heard, Socket};

fn token() -> String {
    Issuer::shared().token(&alice().claims())
}

async fn task(who: &Client<'_>, title: &str) -> String {
    let made = who
        .data(&format!("mutation {{ createTask(input: {{title: \"{title}\"}}) {{ id }} }}"))
        .await;
    made["createTask"]["id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn alice_hears_what_happens_to_her_tasks_and_nothing_of_bobs(app: App) {
        let (alice_asks, bob_asks) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let mut socket = Socket::by_bearer(&app, &token()).await;
        socket.hear_tasks("1", &alice_asks).await;
        let bobs = task(&bob_asks, "Bob's").await;
        let mine = task(&alice_asks, "Mine").await;
        let change = |id: &str, what: &str| format!(
            "mutation {{ updateTask(id: \"{id}\", input: {{title: \"{what}\", tags: [\"x\"], isPublic: true}}) {{ id }} }}"
        );
        bob_asks.data(&change(&bobs, "Bob's, shown to everyone")).await;
        alice_asks.data(&change(&mine, "Changed")).await;
        let old = format!("mutation {{ updateTask(id: \"{mine}\", input: {{title: \"No\"}}, expectedVersion: 1) {{ id }} }}");
        assert_eq!(alice_asks.ask(&old).await.codes(), ["CONFLICT"]);
        assert_eq!(alice_asks.ask(&change(&bobs, "Hers")).await.codes(), ["NOT_FOUND"]);
        alice_asks.data(&format!("mutation {{ completeTask(id: \"{mine}\") {{ id }} }}")).await;
        alice_asks.data(&format!("mutation {{ completeTasks(ids: [\"{mine}\"]) {{ id }} }}")).await;
        bob_asks.data(&format!("mutation {{ deleteTask(id: \"{bobs}\") }}")).await;
        alice_asks.data(&format!("mutation {{ deleteTasks(ids: [\"{mine}\"]) }}")).await;
        let mut heard = Vec::new();
        while heard.last().is_none_or(|(kind, _, _): &(String, Value, Value)| kind != "DELETED") {
            let event = socket.said().await["payload"]["data"]["taskEvents"].clone();
            let kind = event["kind"].as_str().unwrap().to_owned();
            heard.push((kind, event["taskId"].clone(), event["task"]["title"].clone()));
        }
        let kinds: Vec<_> = heard.iter().map(|(kind, _, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["CREATED", "UPDATED", "UPDATED", "DELETED"], "what changed nothing is not told");
        assert!(heard.iter().all(|(_, id, _)| *id == json!(mine)), "{heard:?}");
        assert_eq!(heard[3].2, Value::Null, "what is deleted has its id only");
    }
}

#[tokio::test]
async fn whoever_is_not_signed_in_as_a_person_hears_no_events_and_may_ask_what_is_public() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_nobody(&app).await;
    socket.ask("1", "subscription { taskEvents { taskId } }").await;
    let refused = socket.said().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("1")), "{refused}");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(refused["payload"][0]["extensions"]["rule"], "SIGNED_IN");
    socket.ask("1", "{ viewer { id } publicTasks { totalCount } }").await;
    let answer = json!({"data": {"viewer": null, "publicTasks": {"totalCount": 0}}});
    assert_eq!(socket.said().await, json!({"id": "1", "type": "next", "payload": answer}));
    assert_eq!(socket.said().await, json!({"id": "1", "type": "complete"}));
}

#[tokio::test]
async fn queries_and_mutations_run_over_a_socket_as_its_caller() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    let payload = json!({
        "query": "query Other { viewer { name } } mutation Make($in: CreateTaskInput!) { createTask(input: $in) { title isOwner } }",
        "operationName": "Make", "variables": {"in": {"title": "By socket"}},
    });
    socket.say(&json!({"id": "m", "type": "subscribe", "payload": payload})).await;
    let made = json!({"data": {"createTask": {"title": "By socket", "isOwner": true}}});
    assert_eq!(socket.said().await, json!({"id": "m", "type": "next", "payload": made}));
    assert_eq!(socket.said().await, json!({"id": "m", "type": "complete"}));
    assert_eq!(
        app.by_jwt(&alice()).data("{ tasks { totalCount } }").await["tasks"]["totalCount"],
        1
    );
    let his = "mutation { createTask(input: {title: \"His\", isPublic: true}) { id } }";
    app.by_jwt(&bob()).data(his).await;
    socket.ask("f", "{ me { id } publicTasks { nodes { description } } }").await;
    let partly = socket.said().await;
    assert_eq!(partly["type"], "next", "a refused field costs that field: {partly}");
    assert_eq!(partly["payload"]["data"]["me"]["id"], alice().id());
    assert_eq!(partly["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn the_limits_of_a_request_hold_over_a_socket() {
    let app = App::with(Backend::Sqlite, &["--max-depth", "3", "--introspection", "false"]).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    let wrong = json!({"query": "mutation($n: Int!) { createTask(input: {title: \"x\"}) { id } updateTask(id: \"x\", input: {}, expectedVersion: $n) { id } }", "variables": {"n": 3_000_000_000_u64}});
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
            json!({"query": "subscription { ...F } fragment F on Subscription { taskEvents { taskId } }"}),
            "QUERY_REJECTED",
        ),
        (
            json!({"query": "subscription { taskEvents @skip(if: true) { taskId } }"}),
            "QUERY_REJECTED",
        ),
    ] {
        socket.say(&json!({"id": "1", "type": "subscribe", "payload": payload})).await;
        let refused = socket.said().await;
        assert_eq!(refused["type"], "error", "{payload}: {refused}");
        assert_eq!(refused["payload"][0]["extensions"]["code"], code, "{payload}: {refused}");
    }
}

#[tokio::test]
async fn a_socket_runs_so_many_operations_at_once_and_each_can_be_ended() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    let mut socket = Socket::by_bearer(&app, &token()).await;
    for id in 0..32 {
        socket.ask(&id.to_string(), "subscription { taskEvents { taskId } }").await;
    }
    socket.ask("more", "{ __typename }").await;
    let refused = socket.said().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("more"), &json!("error")), "{refused}");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "QUERY_REJECTED");
    for id in 0..32 {
        socket.say(&json!({"id": id.to_string(), "type": "complete"})).await;
    }
    socket.say(&json!({"id": "unknown", "type": "complete"})).await;
    socket.say(&json!({"type": "ping"})).await;
    assert_eq!(socket.said().await, json!({"type": "pong"}), "all of it was read");
    task(&who, "Unheard").await;
    socket.ask("0", "{ __typename }").await;
    assert_eq!(socket.said().await["payload"]["data"]["__typename"], "Query", "and the id is free");
}

async fn opened(app: &App) -> Socket {
    Socket::open(app, &[]).await.unwrap()
}

#[tokio::test]
async fn each_breach_of_the_protocol_has_its_code() {
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
        assert_eq!(socket.code().await, 4400, "{text}");
    }
    for payload in [
        json!({}),
        json!("{ me }"),
        json!({"query": 1}),
        json!({"query": "{ a }", "variables": []}),
        json!([]),
    ] {
        let mut socket = Socket::by_nobody(&app).await;
        socket.say(&json!({"type": "subscribe", "id": "1", "payload": payload})).await;
        assert_eq!(socket.code().await, 4400, "{payload}");
    }
    let mut binary = opened(&app).await;
    binary.send(Message::binary(&b"{\"type\":\"connection_init\"}"[..])).await;
    assert_eq!(binary.code().await, 1003);
    let mut early = opened(&app).await;
    early.ask("1", "{ __typename }").await;
    assert_eq!(early.code().await, 4401);
    let mut twice = Socket::by_nobody(&app).await;
    twice.say(&json!({"type": "connection_init"})).await;
    assert_eq!(twice.code().await, 4429);
    let mut double = Socket::by_bearer(&app, &token()).await;
    for _ in 0..2 {
        double.ask("same", "subscription { taskEvents { taskId } }").await;
    }
    assert_eq!(
        double.hear().await,
        Heard::Closed(4409, "Subscriber for same already exists".to_owned())
    );
    let mut unnamed = Socket::open_speaking(&app, &[]).await.unwrap();
    assert_eq!(unnamed.code().await, 4406);
}

/// A frame of a client, whose mask changes nothing.
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
async fn broken_frame_is_answered_by_close_code() {
    let app = App::with(Backend::Sqlite, &["--max-body", "2KiB"]).await;
    let large = [b'x'; 3000];
    let announced = [&[0x81, 0xff][..], &10_000_000_u64.to_be_bytes(), &[0; 4], &large].concat();
    for (what, bytes, code) in [
        ("text that is no JSON", short_frame(0x81, b"{"), 4400),
        (
            "text in fragments that is no JSON",
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
        for mut socket in [opened(&app).await, Socket::by_nobody(&app).await] {
            socket.send_bytes(&bytes).await;
            assert_eq!(socket.code().await, code, "{what}");
        }
    }
}

#[tokio::test]
async fn whoever_does_not_say_who_they_are_in_time_is_not_waited_for() {
    let app = App::with(Backend::Sqlite, &["--request-timeout", "300ms"]).await;
    let mut silent = opened(&app).await;
    assert_eq!(silent.code().await, 4408);
    let mut acknowledged = Socket::by_nobody(&app).await;
    let mut pinging = opened(&app).await;
    let mut pongs = 0;
    let code = loop {
        pinging.say(&json!({"type": "ping"})).await;
        match pinging.hear().await {
            Heard::Said(pong) => assert_eq!(pong, json!({"type": "pong"})),
            Heard::Closed(code, _) => break code,
            Heard::Gone => panic!("the server went without a word"),
        }
        pongs += 1;
    };
    assert_eq!((code, pongs > 0), (4408, true), "pings are answered, and do not count");
    acknowledged.say(&json!({"type": "ping", "payload": {"any": 1}})).await;
    assert_eq!(
        acknowledged.said().await,
        json!({"type": "pong"}),
        "only the first words are hurried"
    );
}

#[tokio::test]
async fn a_message_is_as_large_as_a_body_at_most() {
    let app = App::with(Backend::Sqlite, &["--max-body", "2KiB"]).await;
    let mut socket = Socket::by_nobody(&app).await;
    socket.ask("fits", &format!("{{ __typename }} # {}", "x".repeat(1900))).await;
    assert_eq!(socket.said().await["type"], "next");
    socket.ask("no", &format!("{{ __typename }} # {}", "x".repeat(2100))).await;
    assert_eq!(socket.code().await, 1009);
    let mut flood = Socket::by_nobody(&app).await;
    flood.ask("no", &format!("{{ __typename }} # {}", "x".repeat(1_000_000))).await;
    assert_eq!(flood.code().await, 1009);
    Socket::by_nobody(&app).await;
}

#[tokio::test]
async fn the_address_is_for_sockets_and_of_one_client_for_so_many() {
    let app = App::start(Backend::Sqlite).await;
    let plain = app.anonymous().request(Method::GET, "/graphql/ws").send().await.unwrap();
    assert_eq!(plain.status(), 426);
    let mut sockets = Vec::new();
    for caller in ["a", "b", "c"] {
        let token = Issuer::shared().token(&user(caller).claims());
        for _ in 0..64 {
            sockets.push(Socket::by_bearer(&app, &token).await);
        }
    }
    for _ in 0..64 {
        sockets.push(opened(&app).await);
    }
    assert_eq!(Socket::open(&app, &[]).await.err(), Some(429));
    assert_eq!(app.anonymous().ask("{ __typename }").await.status, 200, "requests go on");
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    assert!(metrics.text().await.unwrap().contains("\nhallpass_streaming_connections 256\n"));
    drop(sockets);
    let again = async {
        while Socket::open(&app, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("seats are free again");
}

#[tokio::test]
async fn anonymous_sockets_of_one_address_are_few() {
    let app = App::start(Backend::Sqlite).await;
    let mut sockets = Vec::new();
    for _ in 0..64 {
        sockets.push(Socket::by_nobody(&app).await);
    }
    assert_eq!(Socket::open(&app, &[]).await.err(), Some(429));
    sockets.pop();
    let again = async {
        while Socket::open(&app, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("a seat is free again");
}

#[tokio::test]
async fn socket_without_an_operation_is_closed() {
    let app = App::with(Backend::Sqlite, &["--keep-alive", "1s"]).await;
    let mut subscribed = Socket::by_bearer(&app, &token()).await;
    subscribed.hear_tasks("1", &app.by_jwt(&alice())).await;
    let mut idle = Socket::by_nobody(&app).await;
    idle.ask("1", "{ __typename }").await;
    let began = std::time::Instant::now();
    let code = tokio::time::timeout(Duration::from_secs(20), idle.code()).await;
    assert_eq!(code.expect("it is closed"), 1000);
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
    task(&app.by_jwt(&alice()), "Later").await;
    assert_eq!(subscribed.event().await, ("CREATED".to_owned(), json!("Later")));
}

#[tokio::test]
async fn socket_that_answers_no_ping_is_closed() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    socket.ask("1", "subscription { taskEvents { kind } }").await;
    let is_open = async || {
        let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
        metrics.text().await.unwrap().contains("hallpass_streaming_connections 1\n")
    };
    // It is not read from here on, so that nothing answers.
    let began = std::time::Instant::now();
    while is_open().await {
        assert!(began.elapsed() < Duration::from_secs(90), "it is still open");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(45), "{:?}", began.elapsed());
}

#[tokio::test]
async fn when_the_server_stops_sockets_are_told_and_do_not_hold_it() {
    let app = App::start(Backend::Sqlite).await;
    let mut subscribed = Socket::by_bearer(&app, &token()).await;
    subscribed.hear_tasks("1", &app.by_jwt(&alice())).await;
    let mut fresh = opened(&app).await;
    let began = std::time::Instant::now();
    drop(app);
    assert_eq!(subscribed.code().await, 1001);
    assert_eq!(fresh.code().await, 1001);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn when_the_server_stops_a_mutation_over_a_socket_may_finish() {
    let app = App::start(Backend::Postgres).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    let database = app.database.clone();
    let system = database.system("a test holds the table");
    let writing = system.connection().begin().await.unwrap();
    writing.execute_unprepared("LOCK TABLE task IN EXCLUSIVE MODE").await.unwrap();
    socket.ask("s", "subscription { taskEvents { taskId } }").await;
    socket.ask("m", "mutation { createTask(input: {title: \"Last\"}) { title } }").await;
    socket.say(&json!({"type": "ping"})).await;
    assert_eq!(socket.said().await, json!({"type": "pong"}), "it was read");
    drop(app);
    writing.commit().await.unwrap();
    let made = json!({"data": {"createTask": {"title": "Last"}}});
    let mut heard = Vec::new();
    let code = loop {
        match socket.hear().await {
            Heard::Said(message) => heard.push(message),
            Heard::Closed(code, _) => break code,
            Heard::Gone => panic!("the server went without a word"),
        }
    };
    assert!(heard.contains(&json!({"id": "m", "type": "next", "payload": made})), "{heard:?}");
    assert!(heard.contains(&json!({"id": "m", "type": "complete"})), "{heard:?}");
    assert!(
        !heard.contains(&json!({"id": "s", "type": "complete"})),
        "it is not complete: {heard:?}"
    );
    assert_eq!(code, 1001);
}

/// Two servers on one database, which tell each other through Redis.
async fn two_nodes() -> (App, App) {
    let url = crate::postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url(), "--redis-url", crate::redis::url()];
    let node = || async { App::on(&url, tempfile::tempdir().unwrap(), &flags).await };
    (node().await, node().await)
}

#[tokio::test]
async fn through_redis_alice_hears_on_one_node_what_she_does_on_another_and_nothing_of_bobs() {
    let (one, other) = two_nodes().await;
    let mut socket = Socket::by_bearer(&one, &token()).await;
    // Both nodes listen, each once what the other tells is heard.
    socket.hear_tasks("1", &other.by_jwt(&alice())).await;
    task(&other.by_jwt(&bob()), "Bob's").await;
    task(&one.by_jwt(&alice()), "Here").await;
    let mine = task(&other.by_jwt(&alice()), "There").await;
    other.by_jwt(&alice()).data(&format!("mutation {{ deleteTask(id: \"{mine}\") }}")).await;
    let mut kinds = Vec::new();
    let mut titles = Vec::new();
    for _ in 0..3 {
        let (kind, title) = socket.event().await;
        kinds.push(kind);
        titles.push(title);
    }
    kinds.sort();
    assert_eq!(kinds, ["CREATED", "CREATED", "DELETED"], "each is told once: {titles:?}");
    assert!(titles.contains(&json!("Here")), "{titles:?}");
    let forged = |news: Value| json!({"from": "nobody", "news": news}).to_string();
    let bobs = task(&other.by_jwt(&bob()), "Bob's").await;
    let key = URL_SAFE_NO_PAD.decode(bobs).unwrap();
    let key = String::from_utf8(key).unwrap().replace("Task:", "");
    let event = json!({"owner": alice().id(), "change": "updated", "row": {"task": key}});
    publish(&forged(json!({ "event": event }))).await;
    publish("no message").await;
    publish(&forged(json!("gap"))).await;
    assert_eq!(
        socket.event().await,
        ("UPDATED".to_owned(), Value::Null),
        "what is bob's stays his"
    );
    let missed = socket.said().await;
    assert_eq!((&missed["type"], &missed["id"]), (&json!("error"), &json!("1")), "{missed}");
    assert_eq!(missed["payload"][0]["extensions"]["code"], "EVENTS_MISSED");
    socket.hear_tasks("1", &other.by_jwt(&alice())).await;
}

/// Says something where the nodes tell each other.
async fn publish(message: &str) {
    let client = redis::Client::open(crate::redis::url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let publish = redis::cmd("PUBLISH").arg("hallpass:events").arg(message).to_owned();
    publish.exec_async(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_client_that_says_goodbye_is_answered() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    socket.hear_tasks("1", &app.by_jwt(&alice())).await;
    let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
    socket.send(Message::Close(Some(frame))).await;
    assert_eq!(socket.code().await, 1000);
}
