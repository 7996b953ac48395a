//! Members that a request has twice.

use tokio_tungstenite::tungstenite::Message;

use super::graphql_over_http::{get, post};
use crate::support::app::{App, Backend};
use crate::support::socket::{ReceivedEvent, Socket};

#[tokio::test]
async fn duplicate_members_are_rejected() {
    const MEMBERS: [(&str, &str); 8] = [
        ("query", r#""query": "{ me { id } }", "query": "{ __typename }""#),
        ("query", r#""query": "{ __typename }", "\u0071uery": "{ __typename }""#),
        ("variables", r#""query": "{ __typename }", "variables": {}, "variables": {}"#),
        ("id", r#""query": "{ __typename }", "variables": {"id": 1, "id": 2}"#),
        ("done", r#""query": "{ __typename }", "variables": {"a": [{"done": 1, "done": 1}]}"#),
        (
            "operationName",
            r#""operationName": null, "query": "query A { a: __typename }", "operationName": "A""#,
        ),
        ("extensions", r#""query": "{ __typename }", "extensions": {}, "extensions": null"#),
        ("documentId", r#""documentId": "a", "documentId": "b""#),
    ];
    let app = App::start(Backend::Sqlite).await;
    let guest = app.anonymous();
    for (name, members) in MEMBERS {
        let body = format!("{{{members}}}");
        let answer = post(&guest, &[("content-type", "application/json")], body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.codes(), ["BAD_USER_INPUT"], "{body}");
        let message = answer.error()["message"].as_str().unwrap();
        assert!(
            message.starts_with(&format!("`{name}` is repeated at line 1 column ")),
            "{message}"
        );
        let mut socket = Socket::anonymous(&app).await;
        let subscribe = format!(r#"{{"type": "subscribe", "id": "1", "payload": {body}}}"#);
        socket.send(Message::text(subscribe)).await;
        let ReceivedEvent::Closed(code, reason) = socket.recv().await else { panic!("{body}") };
        assert_eq!(code, 4400, "{body}");
        assert!(reason.contains(&format!("`{name}` is repeated")), "{reason}");
    }
    let answer = get(&guest, "query=%7B__typename%7D&variables=%7B%22a%22:1,%22a%22:2%7D").await;
    assert_eq!(answer.status, 400);
    let message = answer.error()["message"].as_str().unwrap();
    assert!(message.starts_with("In `variables`, `a` is repeated"), "{message}");
    let long = format!(r#"{{"{0}": 1, "{0}": 1}}"#, "x".repeat(1_000));
    let answer = post(&guest, &[("content-type", "application/json")], long).await;
    assert!(answer.error()["message"].as_str().unwrap().len() < 120, "{}", answer.body);
}
