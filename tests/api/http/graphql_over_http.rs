//! The HTTP endpoint, as browsers, clients and attackers use it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::app::{App, Backend, Client, GraphQlResponse};
use crate::support::callers::alice;

const GRAPHQL: &str = "application/graphql-response+json";
const QUERY: &str = "{\"query\": \"{ __typename }\"}";
const MUTATION: &str =
    "{\"query\": \"mutation { createTask(input: {title: \\\"x\\\"}) { task { id } } }\"}";

pub(super) async fn post(
    who: &Client<'_>,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> GraphQlResponse {
    let mut request = who.request(Method::POST, "/graphql").body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    GraphQlResponse::read(request.send().await.unwrap()).await
}

pub(super) async fn get(who: &Client<'_>, query: &str) -> GraphQlResponse {
    let request = who.request(Method::GET, &format!("/graphql?{query}"));
    GraphQlResponse::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn form_content_types_are_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/graphql"),
        Some("application/json; charset=utf-16"),
        Some("application/jsonx"),
        Some(""),
    ] {
        let headers: Vec<_> =
            content_type.map(|value| ("content-type", value)).into_iter().collect();
        let answer = post(&alice, &headers, MUTATION).await;
        assert_eq!(answer.status, 415, "{content_type:?}");
        assert_eq!(answer.codes(), ["BAD_USER_INPUT"]);
    }
    let twice = [("content-type", "application/json"), ("content-type", "text/plain")];
    for headers in [twice, [twice[1], twice[0]], [twice[0], twice[0]]] {
        assert_eq!(post(&alice, &headers, MUTATION).await.status, 415, "{headers:?}");
    }
    let zipped = post(
        &alice,
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        MUTATION,
    );
    assert_eq!(zipped.await.status, 415);
    for content_type in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert_eq!(post(&alice, &[("content-type", content_type)], QUERY).await.status, 200);
    }
    assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 0, "nothing ran");
}

#[tokio::test]
async fn get_runs_queries_and_rejects_mutations() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let answer = get(
        &alice,
        "query=query%20A%7Bme%7Bid%7D%7Dquery%20B%7Bviewer%7Bname%7D%7D&operationName=B",
    )
    .await;
    assert_eq!(answer.body["data"], json!({"viewer": {"name": "alice"}}));
    let answer = get(&alice, "query=query(%24s%3AString!)%7Bcourse(slug%3A%24s)%7Bid%7D%7D&variables=%7B%22s%22%3A%22x%22%7D").await;
    assert_eq!(answer.body["data"], json!({ "course": null }));
    let answer = get(
        &alice,
        "query=mutation%7BcreateTask(input%3A%7Btitle%3A%22x%22%7D)%7Btask%7Bid%7D%7D%7D",
    )
    .await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.headers["allow"], "POST");
    for (query, status) in [
        ("", 400),
        ("query=%7B", 200),
        ("query=%7Bme%7Bid%7D%7D&variables=x", 400),
        ("query=%7Bme%7Bid%7D%7D&query=%7Bme%7Bid%7D%7D", 400),
    ] {
        assert_eq!(get(&alice, query).await.status, status, "{query}");
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let request = alice.request(method.parse().unwrap(), "/graphql").body(MUTATION);
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()["allow"], "GET, POST");
    }
    assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 0, "nothing ran");
}

#[tokio::test]
async fn media_type_determines_the_status() {
    let app = App::start(Backend::Sqlite).await;
    let guest = app.anonymous();
    for (query, json_status, graphql_status) in [
        ("{ __typename }", 200, 200),
        ("{ tasks { totalCount } }", 200, 200),
        ("{", 200, 400),
        ("{ nothing }", 200, 400),
        ("query($id: ID!) { task(id: $id) { id } }", 200, 400),
        ("query A { __typename } query B { __typename }", 200, 400),
    ] {
        for (accept, content_type, status) in [
            ("application/json", "application/json; charset=utf-8", json_status),
            ("*/*", "application/json; charset=utf-8", json_status),
            (GRAPHQL, "application/graphql-response+json; charset=utf-8", graphql_status),
            (
                "application/graphql-response+json, application/json;q=0.9",
                "application/graphql-response+json; charset=utf-8",
                graphql_status,
            ),
        ] {
            let body = json!({ "query": query }).to_string();
            let answer =
                post(&guest, &[("content-type", "application/json"), ("accept", accept)], body)
                    .await;
            assert_eq!(answer.status, status, "{query} as {accept}");
            assert_eq!(answer.headers["content-type"], content_type);
            assert!(graphql_status == 200 || answer.body.get("data").is_none(), "{}", answer.body);
        }
    }
    let rejected =
        post(&guest, &[("content-type", "application/json"), ("accept", "text/plain")], QUERY)
            .await;
    assert_eq!(rejected.status, 406);
}

#[tokio::test]
async fn malformed_requests_reveal_no_internals() {
    let app = App::start(Backend::Sqlite).await;
    let guest = app.anonymous();
    let deep = format!(
        "{{\"query\":\"{{ __typename }}\",\"variables\":{}{}}}",
        "[".repeat(9000),
        "]".repeat(9000)
    );
    for (body, word) in [
        ("", "JSON"),
        ("{", "JSON"),
        ("null", "object"),
        ("[]", "batch"),
        ("[{\"query\":\"{ __typename }\"}]", "batch"),
        ("{}", "query"),
        ("{\"query\": null}", "query"),
        ("{\"query\": 5}", "query"),
        ("{\"query\": [\"x\"]}", "query"),
        ("{\"query\": \"{ __typename }\", \"variables\": []}", "variables"),
        ("{\"query\": \"{ __typename }\", \"variables\": \"x\"}", "variables"),
        ("{\"query\": \"{ __typename }\", \"operationName\": 5}", "operationName"),
        ("{\"query\": \"{ __typename }\", \"extensions\": 5}", "extensions"),
        ("\u{feff}{}", "JSON"),
        (deep.as_str(), "JSON"),
    ] {
        let answer = post(&guest, &[("content-type", "application/json")], body.to_owned()).await;
        assert_eq!(answer.status, 400, "{body:.60}");
        assert_eq!(answer.codes(), ["BAD_USER_INPUT"]);
        let message = answer.error()["message"].as_str().unwrap();
        assert!(message.contains(word) && message.len() < 120, "{message}");
    }
    for (document, message) in [
        ("{ me(", "Syntax error at line 1, column 6."),
        (
            "query A { me { id } }\nquery A { viewer { id } }",
            "An operation has the name of another one: at line 2, column 1.",
        ),
        (
            "{ me { id } } query A { me { id } }",
            "An operation without a name must be the only one of its document: there is one at line 1, column 1.",
        ),
        (
            "{ ...F } fragment F on Query { me { id } } fragment F on Query { viewer { id } }",
            "A fragment has the name of another one: at line 1, column 44.",
        ),
    ] {
        let answer = guest.ask(document).await;
        assert_eq!(answer.error()["message"], message);
        assert_eq!(answer.codes(), ["GRAPHQL_PARSE_FAILED"]);
    }
    let answer = guest.ask("{ taks { id } }").await;
    assert_eq!(answer.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    assert!(!answer.body.to_string().contains("mean"), "no names are suggested: {}", answer.body);
}

#[tokio::test]
async fn numbers_and_parameters_of_any_client_are_read() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let query = r#"query($n: Int, $f: TaskFilter) { tasks(first: $n, filter: $f) { totalCount } }"#;
    for (variables, is_accepted) in [
        (r#"{"n": 2.0}"#, true),
        (r#"{"n": 2e0, "f": {"tags": ["a"]}}"#, true),
        (r#"{"n": -0.0}"#, true),
        (r#"{"n": 2.5}"#, false),
        (r#"{"n": 2e10}"#, false),
        (r#"{"n": "2"}"#, false),
    ] {
        let body = format!(r#"{{"query": "{query}", "variables": {variables}}}"#);
        let answer = post(&alice, &[("content-type", "application/json")], body).await;
        assert_eq!(answer.body["errors"].is_null(), is_accepted, "{variables}: {}", answer.body);
    }
    let empty = get(&alice, "query=%7B__typename%7D&variables=&operationName=&extensions=").await;
    assert_eq!(empty.status, 200, "{}", empty.body);
}

#[tokio::test]
async fn body_over_the_limit_gets_413() {
    let app = App::with(Backend::Sqlite, &["--max-body", "10KiB"]).await;
    let guest = app.anonymous();
    let padded = |size: usize| {
        format!("{{\"query\": \"{{ __typename }}\", \"x\": \"{}\"}}", "x".repeat(size))
    };
    let headers = [("content-type", "application/json")];
    assert_eq!(post(&guest, &headers, padded(9_000)).await.status, 200);
    let rejected = post(&guest, &headers, padded(11_000)).await;
    assert_eq!(rejected.status, 413);
    let chunks = padded(11_000)
        .into_bytes()
        .chunks(1000)
        .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
        .collect::<Vec<_>>();
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    assert_eq!(post(&guest, &headers, chunked).await.status, 413);
}

/// A chain of fragments, each of which spreads the next one twice.
fn chain(levels: usize, end: &str) -> String {
    let mut chain = String::from("{ ...F0 } ");
    for n in 0..levels {
        let _ = write!(chain, "fragment F{n} on Query {{ ...F{m} ...F{m} }} ", m = n + 1);
    }
    chain + end
}

/// Small documents that would run for hours.
fn expensive_documents() -> Vec<(&'static str, String)> {
    let doubling = chain(30, "fragment F30 on Query { __typename }");
    let mut wide = String::from("{ ...W0 } ");
    for n in 0..4 {
        let spreads = format!("...W{} ", n + 1).repeat(60);
        let _ = write!(wide, "fragment W{n} on Query {{ {spreads} }} ");
    }
    wide.push_str("fragment W4 on Query { __typename }");
    let unselected = format!("query A {{ __typename }} query B {doubling}");
    let nested = format!("{}__typename{}", "{ viewer ".repeat(60), " }".repeat(60));
    let pages = "chapters(first: 100) { nodes { course { id } } } ";
    let nulled = "publicTasks(first: null, last: 100) { nodes { id } } ";
    let nulled: String = (0..20).map(|n| format!("a{n}: {nulled}")).collect();
    let repeated: String = (0..11).map(|n| format!("a{n}: {pages}")).collect();
    vec![
        ("a chain of doubling fragments", doubling),
        ("wide fragments", wide),
        ("a bomb in another operation", unselected),
        (
            "a fragment that spreads itself",
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }".to_owned(),
        ),
        ("a bomb that is not used", "{ __typename } fragment A on Query { ...A }".to_owned()),
        ("deep nesting", nested),
        ("many braces", "{ a ".repeat(20_000)),
        ("many fields", format!("{{ {} }}", "viewer { id } ".repeat(2_000))),
        (
            "many aliases",
            format!("{{ {} }}", (0..31).map(|n| format!("a{n}: __typename ")).collect::<String>()),
        ),
        ("many directives", format!("{{ viewer {{ id {} }} }}", "@include(if: true) ".repeat(51))),
        ("many root fields", format!("{{ {} }}", "__typename ".repeat(21))),
        ("many operations", (0..11).map(|n| format!("query Q{n} {{ __typename }} ")).collect()),
        ("long pages that look short", format!("{{ {nulled} }}")),
        (
            "a list of variables for a length",
            format!(
                "query($a: Int) {{ publicTasks(first: [{}]) {{ totalCount }} }}",
                "$a ".repeat(101)
            ),
        ),
        (
            "many uses of a variable",
            format!(
                "query($a: ID!) {{ completeTasks(ids: [{}]) {{ tasks {{ id }} }} }}",
                "$a ".repeat(101)
            ),
        ),
        ("many values in a list", format!("{{ task(id: [{}]) {{ id }} }}", "1 ".repeat(2_001))),
        ("an alias that is too long", format!("{{ {}: __typename }}", "z".repeat(129))),
        ("many long pages", format!("{{ {repeated} }}")),
        (
            "deep introspection",
            format!(
                "{{ __schema {{ types {}name{} }} }}",
                "{ fields { type ".repeat(20),
                "} }".repeat(20)
            ),
        ),
    ]
}

#[tokio::test]
async fn expensive_documents_are_rejected_first() {
    let app = App::with(Backend::Sqlite, &["--introspection", "true"]).await;
    let guest = app.anonymous();
    for (what, document) in expensive_documents() {
        let selected = document.starts_with("query A").then_some("A");
        let began = Instant::now();
        let answer = guest.send(&json!({"query": document, "operationName": selected})).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{what}: {:?}", began.elapsed());
        assert_eq!(answer.status, 400, "{what}: {}", answer.body);
        assert_eq!(answer.codes(), ["QUERY_REJECTED"], "{what}: {}", answer.body);
        assert!(answer.body.to_string().len() < 500, "{what}");
    }
    let nowhere = guest.ask(&chain(30, "")).await;
    assert_eq!(nowhere.error()["message"], "The query spreads an undefined fragment.");
    let long = guest.ask(&format!("{{ {} }}", "a{b}".repeat(60_000))).await;
    assert_eq!(long.error()["message"], "The query has more than 5000 tokens.");
    guest.data("{ publicTasks { totalCount } }").await;
}

#[tokio::test]
async fn conflicting_fields_are_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let guest = app.anonymous();
    for document in [
        "{ viewer { id } viewer { id: email } }",
        "{ viewer { ...A } viewer { ...B } } fragment A on Me { x: id } fragment B on Me { x: email }",
        "{ t: publicTasks(first: 1) { nodes { x: title } } t: publicTasks(first: 1) { nodes { x: id } } }",
        "{ publicTasks(first: 1) { totalCount } ... on Query { publicTasks(first: 2) { totalCount } } }",
    ] {
        let rejected = guest.ask(document).await;
        assert_eq!(rejected.codes(), ["GRAPHQL_VALIDATION_FAILED"], "{document}");
    }
    for document in [
        "{ viewer { id } viewer { email } }",
        "{ viewer { ...A } viewer { ...A } } fragment A on Me { x: id }",
        "query($n: Int = 1) { publicTasks(first: $n) { totalCount } publicTasks(first: $n) { nodes { id } } }",
        "{ node(id: \"x\") { ... on Task { x: title } ... on Course { x: slug } ... on Chapter { x: summary } } }",
    ] {
        guest.data(document).await;
    }
}

#[tokio::test]
async fn document_limits_are_configurable() {
    let flags = ["--max-depth", "2", "--max-cost", "30", "--max-aliases", "1"];
    let app = App::with(Backend::Sqlite, &flags).await;
    let guest = app.anonymous();
    guest.data("{ a: viewer { id } }").await;
    for document in [
        "{ viewer { profile { interestArea } } }",
        "{ a: viewer { id } b: viewer { id } }",
        "{ publicTasks(first: 50) { nodes { title } } }",
        "query($n: Int) { publicTasks(first: $n) { nodes { title } } }",
        "query($m: Int = 50) { publicTasks(first: $m) { nodes { title } } }",
    ] {
        let rejected = guest.ask_with(document, json!({ "n": 50 })).await;
        assert_eq!(rejected.codes(), ["QUERY_REJECTED"], "{document}");
    }
}

#[tokio::test]
async fn introspection_query_fits_the_limits() {
    let app = App::with(Backend::Sqlite, &["--introspection", "true"]).await;
    let of_type =
        (0..9).fold("kind name".to_owned(), |inner, _| format!("kind name ofType {{ {inner} }}"));
    let query = format!(
        "query IntrospectionQuery {{ __schema {{ queryType {{ name }} types {{ kind name description isOneOf specifiedByURL
            fields(includeDeprecated: true) {{ name args {{ name type {{ {of_type} }} }} type {{ {of_type} }} }} }}
            directives {{ name locations args {{ name }} }} }} }}"
    );
    let data = app.anonymous().data(&query).await;
    assert!(data["__schema"]["types"].as_array().unwrap().len() > 20);
}

#[tokio::test]
async fn introspection_is_off_in_production() {
    let app = App::start(Backend::Sqlite).await;
    for document in [
        "{ __schema { queryType { name } } }",
        "{ ...F } fragment F on Query { __schema { types { name } } }",
    ] {
        let rejected = app.anonymous().ask(document).await;
        assert_eq!(rejected.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
        assert!(rejected.body.get("data").is_none());
    }
    let unknown = app.anonymous().data("{ __type(name: \"Task\") { name fields { name } } }").await;
    assert_eq!(unknown, json!({ "__type": null }), "null is an answer that the schema allows");
    app.anonymous().data("{ __typename }").await;
    let sdl = app.anonymous().request(Method::GET, "/schema.graphql").send().await.unwrap();
    assert_eq!(sdl.status(), 404);
    let personas = app.anonymous().request(Method::GET, "/dev/personas").send().await.unwrap();
    assert_eq!(personas.status(), 404);
    let explain = app.anonymous().request(Method::POST, "/dev/explain");
    let explain = explain.json(&json!({"query": "{ me { id } }"})).send().await.unwrap();
    assert_eq!(explain.status(), 404);
}

#[tokio::test]
async fn responses_have_no_store_and_nosniff() {
    let app = App::start(Backend::Sqlite).await;
    let answer = app.by_jwt(&alice()).ask("{ me { id } }").await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let vary = answer.headers["vary"].to_str().unwrap();
    for name in ["Accept", "Accept-Encoding", "Authorization", "Cookie", "Origin", "x-api-key"] {
        assert!(vary.contains(name), "{vary}");
    }
    assert!(answer.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn graphiql_serves_its_own_assets() {
    let app = App::with(Backend::Sqlite, &["--introspection", "true"]).await;
    let guest = app.anonymous();
    let page = guest.request(Method::GET, "/graphql").header("accept", "text/html,*/*;q=0.8");
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let html = page.text().await.unwrap();
    assert!(!html.contains("https://"), "nothing comes from elsewhere");
    for asset in [
        "hallpass.js",
        "hallpass.css",
        "contrast.css",
        "panels.css",
        "narrow.css",
        "react.js",
        "react-dom.js",
        "graphiql.js",
        "graphiql.css",
        "explorer.js",
        "explorer.css",
    ] {
        assert!(html.contains(&format!("\"graphiql/{asset}\"")), "{asset}");
        let path = format!("/graphiql/{asset}");
        let answer = guest.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{asset}");
        let tag = answer.headers()["etag"].clone();
        let again =
            guest.request(Method::GET, &path).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
    }
    assert_eq!(
        guest.request(Method::GET, "/graphiql/../Cargo.toml").send().await.unwrap().status(),
        404
    );
    let production = App::start(Backend::Sqlite).await;
    let guest = production.anonymous();
    for path in ["/graphql", "/graphiql/graphiql.js", "/schema.graphql", "/dev/personas"] {
        let request = guest.request(Method::GET, path).header("accept", "text/html,*/*;q=0.8");
        assert_eq!(request.send().await.unwrap().status(), 404, "without introspection: {path}");
    }
}

#[tokio::test]
async fn database_outage_is_503_not_401() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    alice.data("{ me { id } }").await;
    app.database.clone().close().await.unwrap();
    let answer = alice.ask("{ me { id } tasks { totalCount } }").await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.codes(), ["UNAVAILABLE"]);
    assert_eq!(answer.body["data"], json!({"me": {"id": "user-alice"}, "tasks": null}));
    let ready = alice.request(Method::GET, "/ready").send().await.unwrap();
    assert_eq!(
        (ready.status().as_u16(), ready.text().await.unwrap()),
        (503, "not ready: database\n".to_owned())
    );
    assert_eq!(alice.request(Method::GET, "/health").send().await.unwrap().status(), 200);
}
