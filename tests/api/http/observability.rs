//! The lines of requests in the log, metrics of operations, and traces.

use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use crate::cli::commands::{Process, command, run};
use crate::support::app::{App, Backend, client};
use crate::support::auth_server::AuthServer;
use crate::support::callers::alice;
use crate::support::socket::Socket;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traceparent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

fn hmac_of(id: &str, key: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, id.as_bytes());
    tag.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn each_request_has_one_line_in_the_log() {
    let mut server = Process::start(&[("LOG_FORMAT", "json"), ("LOG_ID_KEY", "k")]);
    let token = run(&mut command(server.directory.path(), &["token", "--as", "premium"], &[]));
    let token = token.stdout.trim();
    let body = json!({"query": "query Mine { tasks { totalCount } users { totalCount } }"});
    let request = client().post(format!("{}/graphql?secret=1", server.url)).json(&body);
    let response =
        request.bearer_auth(token).header("traceparent", traceparent()).send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    response.bytes().await.unwrap();
    let line = server.wait_for_log("hallpass::request");
    assert!(!line.contains(token) && !line.contains("persona-premium"), "{line}");
    let line: Value = serde_json::from_str(&line).unwrap();
    let expected = json!({
        "request_id": id, "trace_id": TRACE, "method": "POST", "path": "/graphql",
        "status": 400, "level": "INFO", "caller_kind": "user", "operation": "Mine",
        "caller": hmac_of("persona-premium", "k"), "codes": "GRAPHQL_VALIDATION_FAILED",
    });
    for (field, value) in expected.as_object().unwrap() {
        let is_status = field == "status";
        assert!(line[field] == *value || is_status && line[field] == 200, "{field}: {line}");
    }
    assert_eq!(line["document"].as_str().unwrap().len(), 16, "{line}");
    assert!(line["ms"].as_f64().unwrap() >= line["identity_ms"].as_f64().unwrap(), "{line}");
    assert!(line["timestamp"].is_string() && line["cost"].is_number(), "{line}");
}

#[tokio::test]
async fn lines_of_a_request_have_its_id() {
    for (format, before, after) in
        [("text", " request_id=", ""), ("json", "\"request_id\":\"", "\"}")]
    {
        let mut server = Process::start(&[("LOG_FORMAT", format)]);
        let request = client().post(format!("{}/graphql", server.url)).bearer_auth("nonsense");
        let response = request.json(&json!({"query": "{ __typename }"})).send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let line = server.wait_for_log("credential rejected");
        assert!(line.ends_with(&format!("{before}{id}{after}")), "{line}");
        assert!(format == "text" || serde_json::from_str::<Value>(&line).is_ok(), "{line}");
    }
}

#[tokio::test]
async fn log_has_no_unprintable_characters() {
    let id = "a\u{202e}b\u{2028}c\u{2066}d\u{feff}e\u{9b}f\u{e0041}g\nh";
    let escaped = r"a\u202eb\u2028c\u2066d\ufeffe\u009bf\udb40\udc41g\nh";
    for format in ["text", "json"] {
        let mut server = Process::start(&[("LOG_FORMAT", format)]);
        let request = client().post(format!("{}/graphql", server.url));
        request.json(&json!({ "documentId": id })).send().await.unwrap();
        let line = server.wait_for_log("hallpass::request");
        assert!(line.contains(escaped), "{line:?}");
        assert!(line.chars().all(|character| matches!(character, ' '..='~')), "{line:?}");
        if format == "json" {
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["document"], id);
        }
    }
}

#[tokio::test]
async fn rejected_sockets_are_in_the_log() {
    let mut server = Process::start(&[("LOG_FORMAT", "json")]);
    let url = server.url.clone();
    let from_elsewhere = [("origin", "https://evil.example")];
    let rejected = Socket::open_at_url(&url, "/graphql/ws", &from_elsewhere).await;
    assert_eq!(rejected.err(), Some(403));
    let line: Value = serde_json::from_str(&server.wait_for_log("hallpass::request")).unwrap();
    assert_eq!((&line["path"], &line["status"]), (&json!("/graphql/ws"), &json!(403)), "{line}");
    assert_eq!((&line["codes"], &line["level"]), (&json!("FORBIDDEN"), &json!("INFO")), "{line}");
    let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
    let mut socket = Socket::open_at_url(&url, "/graphql/ws", &protocol).await.unwrap();
    let payload = json!({"authorization": "Bearer nonsense"});
    socket.send_json(&json!({"type": "connection_init", "payload": payload})).await;
    let line: Value = serde_json::from_str(&server.wait_for_log("WebSocket closed")).unwrap();
    assert_eq!((&line["code"], &line["level"]), (&json!(4401), &json!("INFO")), "{line}");
    assert_eq!(line["codes"], "UNAUTHENTICATED", "{line}");
    assert_eq!((&line["check"], &line["credential"]), (&json!("Kind"), &json!("bearer_token")));
}

#[tokio::test]
async fn line_of_a_closed_socket_has_its_caller() {
    let mut server = Process::start(&[("LOG_FORMAT", "json"), ("LOG_ID_KEY", "k")]);
    let token = run(&mut command(server.directory.path(), &["token", "--as", "premium"], &[]));
    let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
    let socket = Socket::open_at_url(&server.url, "/graphql/ws", &protocol).await.unwrap();
    let mut socket = socket.signed_in(token.stdout.trim()).await;
    socket.send_json(&json!({"type": "nonsense"})).await;
    assert_eq!(socket.close_code().await, 4400);
    let line: Value = serde_json::from_str(&server.wait_for_log("WebSocket closed")).unwrap();
    assert_eq!((&line["code"], &line["caller_kind"]), (&json!(4400), &json!("user")), "{line}");
    assert_eq!(line["caller"], hmac_of("persona-premium", "k"), "{line}");
    assert_eq!(line["client"], hmac_of("127.0.0.1", "k"), "{line}");
    assert!(line["request_id"].is_string() && line["codes"].is_null(), "{line}");
}

#[tokio::test]
async fn opened_streams_have_their_number_by_caller() {
    let mut server = Process::start(&[("LOG_FORMAT", "json"), ("LOG_ID_KEY", "k")]);
    let token = run(&mut command(server.directory.path(), &["token", "--as", "premium"], &[]));
    let token = token.stdout.trim();
    let url = server.url.clone();
    let open = async || {
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        Socket::open_at_url(&url, "/graphql/ws", &protocol).await.unwrap()
    };
    let mut held = Vec::new();
    for number in 1..=2 {
        held.push(open().await.signed_in(token).await);
        let line = server.wait_for_log("WebSocket opened");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["streams"], number, "{line}");
        assert_eq!(line["caller"], hmac_of("persona-premium", "k"), "{line}");
        assert!(line["request_id"].is_string() && line["client"].is_null(), "{line}");
    }
    let request = client().post(format!("{url}/graphql")).bearer_auth(token);
    let request = request.header("accept", "text/event-stream");
    let subscription = json!({"query": "subscription { taskEvents { kind } }"});
    let stream = request.json(&subscription).send().await.unwrap();
    let line: Value = serde_json::from_str(&server.wait_for_log("\"streams\"")).unwrap();
    let expected = (&json!("/graphql"), &json!(3), &json!(200));
    assert_eq!((&line["path"], &line["streams"], &line["status"]), expected, "{line}");
    let mut anonymous = open().await;
    anonymous.connection_init(Value::Null).await;
    let line: Value = serde_json::from_str(&server.wait_for_log("WebSocket opened")).unwrap();
    assert_eq!(line["client"], hmac_of("127.0.0.1", "k"), "{line}");
    assert_eq!(line["streams"], 4, "those of its address: {line}");
    let largest = async |holder: &str| {
        let name = "hallpass_streaming_connections_largest_holder";
        metric(&url, &format!("{name}{{holder=\"{holder}\"}}")).await
    };
    assert_eq!((largest("caller").await.as_str(), largest("address").await.as_str()), ("3", "4"));
    drop((held, stream, anonymous));
    let began = Instant::now();
    while largest("address").await != "0" || largest("caller").await != "0" {
        assert!(began.elapsed() < Duration::from_secs(20), "closed streams are counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A server whose auth server does not respond.
fn without_auth_server(variables: &[(&str, &str)]) -> Process {
    let all = [("BETTER_AUTH_URL", "http://127.0.0.1:9"), ("LOG_FORMAT", "json")];
    Process::start(&[&all, variables].concat())
}

#[tokio::test]
async fn failed_authentication_has_its_time_and_reason() {
    let mut server = without_auth_server(&[("LOG_ID_KEY", "k")]);
    let ask = || client().post(format!("{}/graphql", server.url)).json(&json!({"query": "{ a }"}));
    let requests = [
        (ask().bearer_auth("session-token"), 503, "AUTH_UNAVAILABLE", "AuthServer", "bearer_token"),
        (ask().bearer_auth("?"), 401, "UNAUTHENTICATED", "Form", "malformed"),
        (
            ask()
                .header("cookie", "better-auth.session_token=a.b")
                .header("origin", "https://evil.example"),
            403,
            "FORBIDDEN",
            "SameSite",
            "cookie",
        ),
    ];
    for (request, status, code, check, credential) in requests {
        assert_eq!(request.send().await.unwrap().status(), status);
        let line: Value = serde_json::from_str(&server.wait_for_log("hallpass::request")).unwrap();
        let expected = json!({"status": status, "codes": code, "check": check,
            "credential": credential, "caller_kind": "unknown", "client": hmac_of("127.0.0.1", "k")});
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(line[field], *value, "{field}: {line}");
        }
        assert!(line["identity_ms"].as_f64().unwrap() <= line["ms"].as_f64().unwrap(), "{line}");
        assert!(line["caller"].is_null() && !line.to_string().contains("session-token"), "{line}");
    }
}

#[tokio::test]
async fn lines_of_refused_requests_are_limited() {
    let mut server = Process::start(&[("LOG_FORMAT", "json"), ("RATE_LIMIT", "anonymous=1/h")]);
    let mut refused = 0;
    for _ in 0..40 {
        let request = client().post(format!("{}/graphql", server.url));
        let answer = request.json(&json!({"query": "{ __typename }"})).send().await.unwrap();
        refused += u64::from(answer.status() == 429);
    }
    assert_eq!(refused, 39);
    let mut log = server.child.stderr.take().unwrap();
    server.signal("TERM");
    server.child.wait().unwrap();
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<_> = lines.iter().filter(|line| line["codes"] == "RATE_LIMITED").collect();
    let hidden: Vec<_> = lines.iter().filter(|line| line["suppressed"].is_number()).collect();
    let suppressed: u64 = hidden.iter().map(|line| line["suppressed"].as_u64().unwrap()).sum();
    assert_eq!(shown.len() as u64 + suppressed, refused, "{text}");
    assert!(suppressed > 0, "{text}");
    assert!(hidden.iter().all(|line| line["client"] == shown[0]["client"]), "{text}");
}

#[tokio::test]
async fn bytes_are_those_of_the_body() {
    let mut server = Process::start(&[("LOG_FORMAT", "json")]);
    for body in [
        json!({"query": "{ courses { nodes { title } } }"}),
        json!({"query": "{ courses { totalCount } }", "extensions": {"budget": true}}),
        json!({"query": "{ me { id } }"}),
        json!({"query": "{ nothing }"}),
    ] {
        let request = client().post(format!("{}/graphql", server.url)).json(&body);
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        let line: Value = serde_json::from_str(&server.wait_for_log("hallpass::request")).unwrap();
        assert_eq!(line["bytes"], answer.len(), "{body}: {line}");
    }
}

#[tokio::test]
async fn line_shows_time_in_the_database() {
    let mut server = Process::start(&[("LOG_FORMAT", "json")]);
    let body = json!({"query": "{ courses { nodes { title } totalCount } }"});
    let request = client().post(format!("{}/graphql", server.url)).json(&body);
    request.send().await.unwrap().bytes().await.unwrap();
    let line: Value = serde_json::from_str(&server.wait_for_log("hallpass::request")).unwrap();
    let [all, database] = ["ms", "database_ms"].map(|field| line[field].as_f64().unwrap());
    assert!(database > 0.0 && all > 0.0, "{line}");
    assert_eq!((&line["caller_kind"], &line["status"]), (&json!("anonymous"), &json!(200)));
    assert!(line["bytes"].as_u64().unwrap() > 100 && line["caller"].is_null(), "{line}");
}

#[tokio::test]
async fn operations_are_counted_by_name_and_code() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    alice.ask("query Mine { tasks { totalCount } }").await;
    alice.ask("query Other { nothing }").await;
    app.anonymous().ask("query Mine { tasks { totalCount } }").await;
    alice.ask("{ taskStats { total } }").await;
    let answer = app.anonymous().request(reqwest::Method::GET, "/metrics").send().await.unwrap();
    let text = answer.text().await.unwrap();
    for (name, code) in [
        ("Mine", "OK"),
        ("Mine", "UNAUTHENTICATED"),
        ("Other", "GRAPHQL_VALIDATION_FAILED"),
        ("unnamed", "OK"),
    ] {
        let line =
            format!("hallpass_graphql_operations_total{{operation=\"{name}\",code=\"{code}\"}} 1");
        assert!(text.contains(&line), "{line}\n{text}");
    }
    for metric in [
        "hallpass_db_statement_duration_seconds_count",
        "hallpass_db_acquire_duration_seconds_count",
        "hallpass_db_statements_total{outcome=\"succeeded\"}",
        "hallpass_db_connections_limit",
        "hallpass_build_info{version=",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "hallpass_budget_refusals_total{payer=\"anonymous\"}",
    ] {
        let value = text.lines().find_map(|line| line.strip_prefix(metric));
        let value = value.unwrap_or_else(|| panic!("{metric}: {text}"));
        assert!(value.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{metric}{value}");
    }
}

/// The value of a metric without labels.
pub async fn metric(url: &str, name: &str) -> String {
    let answer = client().get(format!("{url}/metrics")).send().await.unwrap();
    let text = answer.text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is not served: {text}")).to_owned()
}

/// Waits until a metric without labels has this value.
pub async fn wait_for_metric(url: &str, name: &str, value: &str) {
    let began = Instant::now();
    while metric(url, name).await != value {
        assert!(began.elapsed() < Duration::from_secs(30), "{name} is not {value}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

type Received = Arc<Mutex<Vec<u8>>>;

/// A receiver of OTLP, and what it has received.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let receive = async |State(received): State<Received>, body: Bytes| {
        received.lock().unwrap().extend_from_slice(&body);
    };
    let router = Router::new().route("/v1/traces", post(receive)).with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

fn has(received: &Received, wanted: &[u8]) -> bool {
    received.lock().unwrap().windows(wanted.len()).any(|bytes| bytes == wanted)
}

/// The fields of a message of Protocol Buffers that have a length, by number.
fn parts(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                varint(&mut bytes);
                continue;
            }
            1 => 8,
            5 => 4,
            _ => usize::try_from(varint(&mut bytes)).unwrap(),
        };
        let (part, rest) = bytes.split_at(length);
        found.push((key >> 3, part));
        bytes = rest;
    }
    found
}

/// The spans in exported traces: the name of each, and whether its status is ERROR.
fn spans(received: &[u8]) -> Vec<(String, bool)> {
    let inner = |bytes, number| parts(bytes).into_iter().filter(move |it| it.0 == number);
    let mut spans = Vec::new();
    for (_, resource) in inner(received, 1) {
        for (_, scope) in inner(resource, 2) {
            for (_, span) in inner(scope, 2) {
                let name = inner(span, 5).next().map(|(_, name)| name.to_vec()).unwrap();
                let has_failed = inner(span, 15).any(|(_, status)| status.ends_with(&[0x18, 2]));
                spans.push((String::from_utf8(name).unwrap(), has_failed));
            }
        }
    }
    spans
}

#[tokio::test]
async fn spans_of_failures_have_an_error_status() {
    let (url, received) = collector().await;
    let server = without_auth_server(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ]);
    let ask = |query: &str| {
        client().post(format!("{}/graphql", server.url)).json(&json!({"query": query}))
    };
    let file = server.directory.path().join("hallpass.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.unwrap();
    let rename = sqlx::query("ALTER TABLE course RENAME TO gone");
    rename.execute(&mut connection).await.unwrap();
    let answer: Value =
        ask("query Gone { courses { totalCount } }").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL", "{answer}");
    assert_eq!(ask("{ __typename }").bearer_auth("session").send().await.unwrap().status(), 503);
    ask("{ nothing }").send().await.unwrap();
    let began = Instant::now();
    let failed = ["statement", "courses", "auth server", "POST /graphql"];
    loop {
        let spans = spans(&received.lock().unwrap());
        let requests = spans.iter().filter(|(name, _)| name == "POST /graphql").count();
        let missing = failed.iter().find(|it| !spans.contains(&((**it).to_owned(), true)));
        if requests == 3 && missing.is_none() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{missing:?} of {spans:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let of_requests = |it: &&(String, bool)| it.0 == "POST /graphql" && it.1;
    let spans = spans(&received.lock().unwrap());
    assert_eq!(spans.iter().filter(of_requests).count(), 1, "the other two were answered");
    assert!(spans.iter().any(|(name, _)| name == "wait for a connection"), "{spans:?}");
    assert!(has(&received, b"graphql.operation.name") && has(&received, b"Gone"));
}

#[tokio::test]
async fn trace_leads_from_client_to_auth_server() {
    let auth_server = AuthServer::start(&json!({}));
    let account = auth_server.sign_up("Trace", json!({})).await;
    let (url, received) = collector().await;
    let server = Process::start(&[
        ("BETTER_AUTH_URL", auth_server.url.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_SERVICE_NAME", "traced"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ]);
    let body = json!({"query": "query Q($text: String) { tasks(filter: {text: $text}) { totalCount } }",
                      "variables": {"text": "a private word"}});
    let request = client().post(format!("{}/graphql", server.url)).json(&body);
    let request = request.header("cookie", &account.cookie).header("traceparent", traceparent());
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["tasks"]["totalCount"], 0, "{answer}");
    let upstream = auth_server.last_get_session().await;
    let forwarded = upstream["headers"]["traceparent"].as_str().unwrap();
    assert!(forwarded.starts_with(&format!("00-{TRACE}-")), "{forwarded}");
    assert!(!forwarded.contains("00f067aa0ba902b7"), "it names the span of this server");
    let trace: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&TRACE[2 * at..2 * at + 2], 16).unwrap()).collect();
    let began = Instant::now();
    let spans: [&[u8]; 8] = [
        &trace,
        b"POST /graphql",
        b"authenticate",
        b"auth server",
        b"validate",
        b"statement",
        b"graphql.field.name",
        b"traced",
    ];
    while let Some(missing) = spans.iter().find(|span| !has(&received, span)) {
        let missing = String::from_utf8_lossy(missing);
        assert!(began.elapsed() < Duration::from_secs(20), "{missing} is not exported");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!has(&received, b"a private word"), "values of statements are not exported");
    assert!(!has(&received, account.session_token.as_bytes()));
}
