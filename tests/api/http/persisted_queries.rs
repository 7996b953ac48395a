//! Automatic persisted queries.

use aws_lc_rs::digest;
use reqwest::Method;
use serde_json::{Value, json};

use crate::streaming::graphql_ws::token;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};
use crate::support::redis::{self, RedisServer};
use crate::support::socket::Socket;

const QUERY: &str = "query Mine($first: Int) { tasks(first: $first) { totalCount } }";

fn hash(document: &str) -> String {
    let hash = digest::digest(&digest::SHA256, document.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn extensions(hash: &str) -> Value {
    json!({"persistedQuery": {"version": 1, "sha256Hash": hash}})
}

fn by_hash(document: &str) -> Value {
    json!({"extensions": extensions(&hash(document)), "variables": {"first": 1}})
}

/// The path of a GET by hash.
fn path(document: &str, variables: &str) -> String {
    let parameters = [
        ("extensions", extensions(&hash(document)).to_string()),
        ("variables", variables.to_owned()),
    ];
    let url = reqwest::Url::parse_with_params("http://host/graphql", parameters).unwrap();
    format!("/graphql?{}", url.query().unwrap())
}

fn with_both(document: &str) -> Value {
    let mut body = by_hash(document);
    body["query"] = json!(document);
    body
}

async fn executes(who: &Client<'_>, body: &Value) {
    let answer = who.send(body).await;
    assert!(answer.codes().is_empty(), "{body}: {}", answer.body);
}

async fn codes(who: &Client<'_>, body: &Value) -> Vec<String> {
    who.send(body).await.codes().into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn document_is_sent_once() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let unknown = alice.send(&by_hash(QUERY)).await;
    assert_eq!(unknown.codes(), ["PERSISTED_QUERY_NOT_FOUND"]);
    assert_eq!(unknown.error()["message"], "PersistedQueryNotFound");
    assert_eq!(unknown.status, 200, "Apollo's clients expect it with `application/json`");
    for body in [with_both(QUERY), by_hash(QUERY), by_hash(QUERY)] {
        assert_eq!(alice.send(&body).await.data(), json!({"tasks": {"totalCount": 0}}));
    }
    let by_get = alice.request(Method::GET, &path(QUERY, "{\"first\":1}"));
    let by_get: Value =
        serde_json::from_str(&by_get.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(by_get["data"]["tasks"]["totalCount"], 0, "{by_get}");
}

#[tokio::test]
async fn hash_must_be_that_of_the_document() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let other = "{ taskStats { total } }";
    let poisoned = json!({"query": other, "extensions": extensions(&hash(QUERY))});
    assert_eq!(codes(&alice, &poisoned).await, ["BAD_USER_INPUT"]);
    assert_eq!(codes(&alice, &by_hash(QUERY)).await, ["PERSISTED_QUERY_NOT_FOUND"]);
    for extensions in [
        extensions(""),
        extensions("abc"),
        extensions(&hash(QUERY).to_uppercase()),
        json!({"persistedQuery": {"version": 2, "sha256Hash": hash(QUERY)}}),
        json!({"persistedQuery": {}}),
        json!({"persistedQuery": "x"}),
    ] {
        let answer = alice.send(&json!({"query": QUERY, "extensions": extensions})).await;
        assert_eq!(answer.codes(), ["BAD_USER_INPUT"], "{extensions}");
    }
}

#[tokio::test]
async fn persisted_mutation_is_rejected_by_get() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let mutation = "mutation { createTask(input: {title: \"a\"}) { task { id } } }";
    executes(&alice, &with_both(mutation)).await;
    let by_get = alice.request(Method::GET, &path(mutation, "{}")).send().await.unwrap();
    assert_eq!(by_get.status(), 405);
    assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 1);
}

#[tokio::test]
async fn persisted_document_is_checked_for_each_caller() {
    let app = App::start(Backend::Sqlite).await;
    executes(&app.by_jwt(&alice()), &with_both(QUERY)).await;
    assert_eq!(codes(&app.anonymous(), &by_hash(QUERY)).await, ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn socket_sends_the_hash_only() {
    let app = App::start(Backend::Sqlite).await;
    executes(&app.by_jwt(&alice()), &with_both(QUERY)).await;
    let mut socket = Socket::by_bearer(&app, &token()).await;
    socket.send_json(&json!({"id": "1", "type": "subscribe", "payload": by_hash(QUERY)})).await;
    let message = socket.next_message().await;
    assert_eq!(message["payload"]["data"]["tasks"]["totalCount"], 0, "{message}");
}

#[tokio::test]
async fn persisted_queries_can_be_turned_off() {
    let app = App::with(Backend::Sqlite, &["--apq", "off"]).await;
    let alice = app.by_jwt(&alice());
    assert_eq!(codes(&alice, &by_hash(QUERY)).await, ["PERSISTED_QUERY_NOT_SUPPORTED"]);
    assert!(codes(&alice, &with_both(QUERY)).await.is_empty());
    assert_eq!(codes(&alice, &by_hash(QUERY)).await, ["PERSISTED_QUERY_NOT_SUPPORTED"]);
}

#[tokio::test]
async fn nodes_share_persisted_queries_in_redis() {
    let flags = ["--redis-url", redis::url()];
    let (one, other) =
        (App::with(Backend::Sqlite, &flags).await, App::with(Backend::Sqlite, &flags).await);
    let document = format!("query A{} {{ taskStats {{ total }} }}", uuid::Uuid::now_v7().simple());
    executes(&one.by_jwt(&alice()), &with_both(&document)).await;
    executes(&other.by_jwt(&alice()), &by_hash(&document)).await;
    let open = format!("query B{} {{ __typename }}", uuid::Uuid::now_v7().simple());
    executes(&one.anonymous(), &with_both(&open)).await;
    executes(&one.anonymous(), &by_hash(&open)).await;
    let elsewhere = codes(&other.anonymous(), &by_hash(&open)).await;
    assert_eq!(elsewhere, ["PERSISTED_QUERY_NOT_FOUND"], "anonymous callers cannot fill Redis");
}

#[tokio::test]
async fn refused_documents_are_not_stored() {
    let app = App::with(Backend::Sqlite, &["--rate-limit", "1/h"]).await;
    let alice = app.by_jwt(&alice());
    alice.data("{ __typename }").await;
    let bob = app.by_jwt(&bob());
    for (who, document, code) in [
        (&alice, "{ taskStats { total } }", "RATE_LIMITED"),
        (&bob, "{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (&bob, "{ taskStats { open } }", "RATE_LIMITED"),
    ] {
        assert_eq!(codes(who, &with_both(document)).await, [code], "{document}");
        let known = codes(&alice, &by_hash(document)).await;
        assert_eq!(known, ["PERSISTED_QUERY_NOT_FOUND"], "{document}");
    }
}

#[tokio::test]
async fn documents_of_a_caller_in_redis_are_limited() {
    let flags = ["--redis-url", redis::url()];
    let (one, other) =
        (App::with(Backend::Sqlite, &flags).await, App::with(Backend::Sqlite, &flags).await);
    let (alice, elsewhere) = (one.by_jwt(&alice()), other.by_jwt(&alice()));
    let mut stored = 0;
    for _ in 0..24 {
        let document = format!("{{ __typename }} # {}", uuid::Uuid::now_v7().simple());
        let document = document + &"x".repeat(62_000);
        executes(&alice, &with_both(&document)).await;
        executes(&alice, &by_hash(&document)).await;
        stored += usize::from(codes(&elsewhere, &by_hash(&document)).await.is_empty());
    }
    // Fewer if Redis answered late.
    assert!((8..=16).contains(&stored), "{stored} of 16, which are 1 MiB");
}

#[tokio::test]
async fn persisted_queries_survive_a_redis_outage() {
    let server = RedisServer::start();
    let url = server.url();
    let app = App::with(Backend::Sqlite, &["--redis-url", &url]).await;
    let alice = app.by_jwt(&alice());
    executes(&alice, &with_both(QUERY)).await;
    server.stop();
    executes(&alice, &by_hash(QUERY)).await;
    let other = "{ taskStats { total } }";
    assert_eq!(codes(&alice, &by_hash(other)).await, ["PERSISTED_QUERY_NOT_FOUND"]);
    executes(&alice, &with_both(other)).await;
    executes(&alice, &by_hash(other)).await;
}
