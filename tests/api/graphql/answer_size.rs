//! No answer is larger than `MAX_ANSWER`, and none is built beyond it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use hallpass::graphql::{AnswerBudget, NullOnError};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::json;

use crate::support::app::{App, Backend, Client};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;

const LIMIT: usize = 64 * 1024;
/// Limits that allow anything but the size.
const FLAGS: [&str; 4] = ["--max-answer", "64KiB", "--max-cost", "1000000"];

async fn ten_long_tasks(who: &Client<'_>) {
    let create = "mutation($text: String!) { createTask(input: {title: \"t\", description: $text}) { task { id } } }";
    for _ in 0..10 {
        who.data_with(create, json!({"text": "\"é".repeat(2_000)})).await;
    }
}

/// The description of each task, under 30 names.
fn amplified() -> String {
    let mut query = String::from("{ tasks(first: 100) { nodes { ");
    for n in 0..30 {
        let _ = write!(query, "a{n}: description ");
    }
    query + "} } }"
}

#[tokio::test]
async fn answer_over_the_limit_is_one_error() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = App::with(backend, &FLAGS).await;
        let alice = app.by_jwt(&alice());
        ten_long_tasks(&alice).await;
        alice.data("{ tasks(first: 5) { nodes { description } } }").await;
        for query in [
            amplified(),
            "{ tasks { nodes { description title } } }".to_owned(),
            "{ tasks { nodes { title d: description e: description f: description } } me { id } }"
                .to_owned(),
        ] {
            let rejected = alice.ask(&query).await;
            assert_eq!(rejected.status, 400);
            assert_eq!(rejected.codes(), ["QUERY_REJECTED"]);
            assert!(rejected.error()["message"].as_str().unwrap().contains("MAX_ANSWER"));
            assert_eq!(rejected.body.get("data"), None);
        }
    }
}

#[tokio::test]
async fn default_cost_limit_rejects_amplified_texts() {
    let app = App::start(Backend::Sqlite).await;
    let rejected = app.by_jwt(&alice()).ask(&amplified()).await;
    assert_eq!(rejected.codes(), ["QUERY_REJECTED"]);
    assert!(
        rejected.error()["message"].as_str().unwrap().contains("MAX_COST"),
        "{}",
        rejected.body
    );
}

#[tokio::test]
async fn every_transport_limits_the_answer() {
    let app = App::with(Backend::Sqlite, &FLAGS).await;
    let who = app.by_jwt(&alice());
    ten_long_tasks(&who).await;
    let mut socket = Socket::by_bearer(&app, &Issuer::shared().token(&alice().claims())).await;
    socket.execute("1", &amplified()).await;
    let rejected = socket.next_message().await;
    assert_eq!(rejected["type"], "error", "{rejected}");
    assert_eq!(rejected["payload"][0]["extensions"]["code"], "QUERY_REJECTED");
    let request = who.request(Method::POST, "/graphql").header(ACCEPT, "text/event-stream");
    let request = request.header(CONTENT_TYPE, "application/json");
    let body = json!({"query": amplified()}).to_string();
    let events = request.body(body).send().await.unwrap().text().await.unwrap();
    assert!(events.contains("QUERY_REJECTED") && events.len() < 1_000, "{events:.1000}");
}

#[tokio::test]
async fn event_over_the_limit_is_an_error() {
    let app = App::with(Backend::Sqlite, &["--max-answer", "8KiB", "--max-cost", "100000"]).await;
    let who = app.by_jwt(&alice());
    let mut socket = Socket::by_bearer(&app, &Issuer::shared().token(&alice().claims())).await;
    socket.subscribe_to_tasks("small", &who).await;
    socket
        .execute("large", "subscription { taskEvents { task { a: description b: description } } }")
        .await;
    let create = |length: usize| {
        let text = "x".repeat(length);
        format!(
            "mutation {{ createTask(input: {{title: \"t\", description: \"{text}\"}}) {{ task {{ id }} }} }}"
        )
    };
    // Each is within the limit, all of them together are not.
    for _ in 0..6 {
        who.data(&create(2_000)).await;
    }
    who.data(&create(5_000)).await;
    let mut within = 0;
    loop {
        let message = socket.next_message().await;
        if message["type"] == "error" {
            assert_eq!(message["id"], "large");
            assert_eq!(message["payload"][0]["extensions"]["code"], "QUERY_REJECTED");
            break;
        }
        assert_eq!(message["payload"].get("errors"), None, "{message}");
        within += usize::from(message["id"] == "large");
    }
    assert!(within > 3, "events are counted one by one: {within} came");
}

#[tokio::test]
async fn answer_size_includes_errors() {
    let app = App::with(Backend::Sqlite, &["--max-answer", "2KiB"]).await;
    let ask = |count: usize| {
        let aliases: String =
            (0..count).map(|n| format!("a{n}: tasks {{ totalCount }} ")).collect();
        format!("{{ {aliases} }}")
    };
    let few = app.anonymous().ask(&ask(2)).await;
    assert_eq!(few.codes(), ["UNAUTHENTICATED"; 2]);
    let many = app.anonymous().ask(&ask(20)).await;
    assert_eq!(many.codes(), ["QUERY_REJECTED"]);
    assert!(many.error()["message"].as_str().unwrap().contains("MAX_ANSWER"), "{}", many.body);
}

#[tokio::test]
async fn mutation_persists_when_answer_is_too_large() {
    let app = App::with(Backend::Sqlite, &["--max-answer", "2KiB"]).await;
    let alice = app.by_jwt(&alice());
    let text = "x".repeat(3_000);
    let create = format!(
        "mutation {{ createTask(input: {{title: \"t\", description: \"{text}\"}}) {{ task {{ description }} }} }}"
    );
    assert_eq!(alice.ask(&create).await.codes(), ["QUERY_REJECTED"]);
    assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 1);
}

struct Row(Arc<AtomicUsize>);

#[Object]
impl Row {
    async fn text(&self) -> Option<String> {
        tokio::task::yield_now().await;
        self.0.fetch_add(1, Ordering::Relaxed);
        Some("x".repeat(1_000))
    }
}

struct Query(Arc<AtomicUsize>);

#[Object]
impl Query {
    async fn rows(&self) -> Vec<Option<NullOnError<Row>>> {
        (0..100).map(|_| Some(NullOnError(Row(Arc::clone(&self.0))))).collect()
    }
}

#[tokio::test]
async fn fields_beyond_the_limit_are_not_resolved() {
    let resolved = Arc::<AtomicUsize>::default();
    let query = NullOnError(Query(Arc::clone(&resolved)));
    let schema = Schema::new(query, EmptyMutation, EmptySubscription);
    let aliases: String = (0..30).map(|n| format!("a{n}: text ")).collect();
    let ask = |limit| {
        let document = format!("{{ rows {{ {aliases} }} }}");
        let budget = AnswerBudget::new(limit);
        (async_graphql::Request::new(document).data(budget.clone()), budget)
    };
    let (request, budget) = ask(LIMIT);
    let response = schema.execute(request).await;
    assert!(budget.is_exceeded());
    let length = response.data.to_string().len();
    assert!(length <= LIMIT, "{length}");
    let calls = resolved.swap(0, Ordering::Relaxed);
    assert!(calls < 300, "{calls} of 3,000 fields were resolved");
    let (request, budget) = ask(4 << 20);
    assert!(schema.execute(request).await.is_ok());
    assert!(!budget.is_exceeded());
    assert_eq!(resolved.load(Ordering::Relaxed), 3_000);
}
