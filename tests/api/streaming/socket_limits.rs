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

#[tokio::test]
async fn pings_without_reading_are_not_buffered() {
    /// Masked, with the largest content of a control frame.
    const PING: [u8; 131] = {
        let mut frame = [0; 131];
        (frame[0], frame[1]) = (0x89, 0x80 | 125);
        frame
    };
    /// More than the buffers of both systems.
    const TOO_MUCH: usize = 64 * 1024 * 1024;
    let app = App::start(Backend::Sqlite).await;
    for mut socket in [opened(&app).await, Socket::anonymous(&app).await] {
        let pings = PING.repeat(1000);
        let mut sent = 0;
        while tokio::time::timeout(Duration::from_secs(2), socket.send_bytes(&pings)).await.is_ok()
        {
            sent += pings.len();
            assert!(sent < TOO_MUCH, "the server reads on");
        }
    }
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
