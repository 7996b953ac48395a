//! Limits of WebSockets: of one address, of one socket, and of what is buffered for it.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::graphql_ws::{opened, task, token};
use crate::support::app::{App, Backend};
use crate::support::callers::{alice, user};
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;

#[tokio::test]
async fn connections_per_address_are_limited() {
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
        sockets.push(Socket::anonymous(&app).await);
    }
    assert_eq!(Socket::open(&app, &[]).await.err(), Some(429));
    assert_eq!(app.anonymous().ask("{ __typename }").await.status, 200, "requests continue");
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    assert!(metrics.text().await.unwrap().contains("\nhallpass_streaming_connections 256\n"));
    drop(sockets);
    let again = async {
        while Socket::open(&app, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("slots are free again");
}

#[tokio::test]
async fn anonymous_sockets_leave_room_for_users() {
    let app = App::start(Backend::Sqlite).await;
    let mut sockets = Vec::new();
    for _ in 0..64 {
        sockets.push(Socket::anonymous(&app).await);
    }
    let mut refused = opened(&app).await;
    refused.send_json(&json!({ "type": "connection_init" })).await;
    assert_eq!(refused.close_code().await, 1013);
    let mut user = Socket::by_bearer(&app, &token()).await;
    user.execute("1", "{ me { id } }").await;
    let answer = user.next_message().await;
    assert!(answer["payload"]["data"]["me"]["id"].is_string(), "{answer}");
    sockets.pop();
    let again = async {
        while !opened(&app).await.connection_init(json!({})).await.is_ack() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("a slot is free again");
}

/// A masked frame: opcode and flags, and a payload of at most 125 bytes.
fn frame(start: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[start, 0x80 | length, 0, 0, 0, 0][..], payload].concat()
}

#[tokio::test]
async fn frame_floods_close_1008() {
    const FRAGMENT: &[u8] = b"{\"type\":\"ping\"";
    let app = App::start(Backend::Sqlite).await;
    for (what, first, flood) in [
        ("pings", vec![], frame(0x89, &[b'x'; 125])),
        ("pongs", vec![], frame(0x8a, b"")),
        ("empty fragments", frame(0x01, FRAGMENT), frame(0x00, b"")),
        ("small fragments", frame(0x01, FRAGMENT), frame(0x00, b" ")),
        ("pings of the protocol", vec![], frame(0x81, b"{\"type\":\"ping\"}")),
        ("pongs of the protocol", vec![], frame(0x81, b"{\"type\":\"pong\"}")),
    ] {
        for mut socket in [opened(&app).await, Socket::anonymous(&app).await] {
            socket.send_bytes(&first).await;
            socket.send_bytes(&flood.repeat(1_500)).await;
            assert_eq!(socket.close_code().await, 1008, "{what}");
        }
        for mut socket in [opened(&app).await, Socket::anonymous(&app).await] {
            socket.send_bytes(&first).await;
            socket.send_bytes(&flood.repeat(900)).await;
            let is_fragment = !first.is_empty();
            socket.send_bytes(&if is_fragment { frame(0x80, b"}") } else { vec![] }).await;
            socket.send_json(&json!({"type": "ping"})).await;
            assert_eq!(socket.next_message().await, json!({"type": "pong"}), "{what}");
        }
    }
}

#[tokio::test]
async fn messages_of_operations_are_no_flood() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    for number in 0..1_500 {
        socket.execute(&number.to_string(), "{ __typename }").await;
        assert_eq!(socket.next_message().await["type"], "next", "{number}");
        assert_eq!(socket.next_message().await["type"], "complete", "{number}");
    }
}

#[tokio::test]
async fn client_that_reads_late_gets_its_messages() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let create = "mutation($i: [CreateTaskInput!]!) { createTasks(inputs: $i) { tasks { id } } }";
    let inputs = vec![json!({"title": "Long", "description": "d".repeat(9_000)}); 25];
    for _ in 0..4 {
        alice.data_with(create, json!({ "i": inputs })).await;
    }
    let all = |alias| format!("{alias}: tasks(first: 100) {{ nodes {{ description }} }}");
    let query = format!("{{ {} }}", ["a", "b", "c", "d"].map(all).join(" "));
    let mut socket = Socket::by_bearer(&app, &token()).await;
    // More than the system buffers.
    for id in ["1", "2", "3"] {
        socket.execute(id, &query).await;
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    let mut lengths = Vec::new();
    while lengths.len() < 3 {
        let message = socket.next_message().await;
        if message["type"] == "next" {
            lengths.push(message.to_string().len());
        }
    }
    assert!(lengths.iter().all(|length| *length > 3_600_000), "{lengths:?}");
}

#[tokio::test]
async fn sockets_before_their_init_are_limited() {
    let app = App::start(Backend::Sqlite).await;
    let mut sockets = Vec::new();
    for _ in 0..64 {
        sockets.push(opened(&app).await);
    }
    assert_eq!(Socket::open(&app, &[]).await.err(), Some(429));
    let user = sockets.pop().unwrap().signed_in(&token()).await;
    sockets.push(opened(&app).await);
    assert_eq!(Socket::open(&app, &[]).await.err(), Some(429));
    drop((user, sockets));
}

#[tokio::test]
async fn operations_per_socket_are_limited() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    let mut socket = Socket::by_bearer(&app, &token()).await;
    for id in 0..32 {
        socket.execute(&id.to_string(), "subscription { taskEvents { taskId } }").await;
    }
    socket.execute("more", "{ __typename }").await;
    let rejected = socket.next_message().await;
    assert_eq!(
        (&rejected["id"], &rejected["type"]),
        (&json!("more"), &json!("error")),
        "{rejected}"
    );
    assert_eq!(rejected["payload"][0]["extensions"]["code"], "QUERY_REJECTED");
    for id in 0..32 {
        socket.send_json(&json!({"id": id.to_string(), "type": "complete"})).await;
    }
    socket.send_json(&json!({"id": "unknown", "type": "complete"})).await;
    socket.send_json(&json!({"type": "ping"})).await;
    assert_eq!(socket.next_message().await, json!({"type": "pong"}), "all of it was read");
    task(&who, "Unheard").await;
    socket.execute("0", "{ __typename }").await;
    assert_eq!(
        socket.next_message().await["payload"]["data"]["__typename"],
        "Query",
        "and the id is free"
    );
}
