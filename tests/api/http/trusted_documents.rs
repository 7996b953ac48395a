//! Trusted documents: TRUSTED_DOCUMENTS and TRUSTED_ONLY.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::commands::{Process, command, hallpass_with, run};
use crate::http::observability::metric;
use crate::streaming::graphql_ws::token;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, user};
use crate::support::socket::Socket;

const MINE: &str = "query Mine($first: Int) { tasks(first: $first) { totalCount } }";
const STATS: &str = "query Stats { taskStats { total } }";
const HASH: &str = "3f1c0de9b3a1d7a0e3f0c9b65a0f4f0b8b4d8b1f3f1c0de9b3a1d7a0e3f0c9b6";

/// A directory with a manifest of these documents.
struct Manifest {
    _directory: tempfile::TempDir,
    file: PathBuf,
}

impl Manifest {
    fn of(documents: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let manifest =
            Self { file: directory.path().join("persisted.json"), _directory: directory };
        manifest.write(&documents_json(documents));
        manifest
    }

    fn path(&self) -> &str {
        self.file.to_str().unwrap()
    }

    /// Replaces the file at once, as a deployment does.
    fn write(&self, json: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, json).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }
}

fn documents_json(documents: &[(&str, &str)]) -> String {
    let documents = documents.iter().map(|(id, text)| ((*id).to_owned(), json!(text)));
    Value::Object(documents.collect()).to_string()
}

async fn app(manifest: &Manifest, flags: &[&str]) -> App {
    let flags: Vec<_> =
        ["--trusted-documents", manifest.path()].iter().chain(flags).copied().collect();
    App::with(Backend::Sqlite, &flags).await
}

async fn codes(who: &Client<'_>, body: &Value) -> Vec<String> {
    who.send(body).await.codes().into_iter().map(str::to_owned).collect()
}

fn persisted(hash: &str) -> Value {
    json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}})
}

#[tokio::test]
async fn trusted_document_runs_by_its_id() {
    let manifest = Manifest::of(&[(HASH, MINE), ("b1946ac92492d2347c6235b4d2611184", STATS)]);
    let app = app(&manifest, &["--trusted-only", "true"]).await;
    let alice = app.by_jwt(&alice());
    for body in [
        json!({"documentId": HASH, "variables": {"first": 1}}),
        json!({"documentId": format!("sha256:{HASH}")}),
        json!({"doc_id": HASH, "query": ""}),
        json!({"documentId": HASH, "doc_id": HASH}),
        json!({"documentId": null, "doc_id": HASH}),
        persisted(HASH),
        json!({"query": MINE}),
        json!({"query": MINE, "extensions": persisted(HASH)["extensions"]}),
    ] {
        let answer = alice.send(&body).await;
        assert_eq!(answer.body["data"]["tasks"]["totalCount"], 0, "{body}: {}", answer.body);
    }
    let path = format!("/graphql?documentId={HASH}&variables={{}}");
    let by_get = alice.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(by_get.status(), 200);
    let mut socket = Socket::by_bearer(&app, &token()).await;
    let payload = json!({"documentId": HASH});
    socket.send_json(&json!({"id": "1", "type": "subscribe", "payload": payload})).await;
    let message = socket.next_message().await;
    assert_eq!(message["payload"]["data"]["tasks"]["totalCount"], 0, "{message}");
    // The rules of its fields hold as for any document.
    assert_eq!(codes(&app.anonymous(), &json!({"documentId": HASH})).await, ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn trusted_only_rejects_other_documents() {
    let manifest = Manifest::of(&[(HASH, MINE)]);
    let flags =
        ["--trusted-only", "true", "--trusted-exempt-role", "admin", "--introspection", "true"];
    let app = app(&manifest, &flags).await;
    let alice = app.by_jwt(&alice());
    let other = "0".repeat(64);
    for body in [
        json!({"query": STATS}),
        json!({"query": format!("{MINE} ")}),
        json!({"query": "{ __typename }"}),
        json!({"query": "{ __schema { queryType { name } } }"}),
        json!({"query": "not GraphQL"}),
        json!({"documentId": other}),
        persisted(&other),
        json!({"query": STATS, "extensions": persisted(&other)["extensions"]}),
        json!({"query": STATS, "extensions": persisted(HASH)["extensions"]}),
    ] {
        assert_eq!(codes(&alice, &body).await, ["QUERY_REJECTED"], "{body}");
        assert_eq!(codes(&app.anonymous(), &body).await, ["QUERY_REJECTED"], "{body}");
    }
    for body in [
        json!({"documentId": HASH, "query": STATS}),
        json!({"documentId": HASH, "doc_id": other}),
        json!({"documentId": HASH, "doc_id": 1}),
        json!({"documentId": HASH, "doc_id": format!("sha256:{HASH}")}),
        json!({"documentId": 1}),
        json!({"documentId": ""}),
        json!({"documentId": "a".repeat(256)}),
    ] {
        assert_eq!(codes(&alice, &body).await, ["BAD_USER_INPUT"], "{body}");
    }
    let mut socket = Socket::by_bearer(&app, &token()).await;
    socket.send_json(&json!({"id": "1", "type": "subscribe", "payload": {"query": STATS}})).await;
    let message = socket.next_message().await;
    assert_eq!(message["payload"][0]["extensions"]["code"], "QUERY_REJECTED", "{message}");
    assert!(
        codes(&app.by_jwt(&user("ada").role("admin")), &json!({"query": STATS})).await.is_empty()
    );
}

#[tokio::test]
async fn other_documents_run_without_trusted_only() {
    let manifest = Manifest::of(&[(HASH, MINE)]);
    let app = app(&manifest, &[]).await;
    let alice = app.by_jwt(&alice());
    assert!(codes(&alice, &json!({"query": STATS})).await.is_empty());
    assert_eq!(codes(&alice, &json!({"documentId": "unknown"})).await, ["QUERY_REJECTED"]);
    assert_eq!(codes(&alice, &persisted(&"0".repeat(64))).await, ["PERSISTED_QUERY_NOT_FOUND"]);
}

#[tokio::test]
async fn id_of_any_hash_function_names_a_document() {
    // The client preset of graphql-codegen writes SHA-1.
    let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let manifest = Manifest::of(&[(sha1, MINE)]);
    for trusted_only in ["false", "true"] {
        let app = app(&manifest, &["--trusted-only", trusted_only]).await;
        let alice = app.by_jwt(&alice());
        assert!(codes(&alice, &persisted(sha1)).await.is_empty());
        let mut socket = Socket::by_bearer(&app, &token()).await;
        let unknown = persisted(&"0".repeat(40));
        for (id, payload) in [("unknown", unknown), ("known", persisted(sha1))] {
            socket.send_json(&json!({"id": id, "type": "subscribe", "payload": payload})).await;
        }
        let mut types = Vec::new();
        for _ in 0..3 {
            let message = socket.next_message().await;
            types.push(format!("{} {}", message["id"], message["type"]).replace('"', ""));
        }
        types.sort();
        assert_eq!(types, ["known complete", "known next", "unknown error"]);
    }
}

/// Sends `body` until it is answered without errors, or with errors.
async fn until(who: &Client<'_>, body: &Value, succeeds: bool) {
    let began = Instant::now();
    while codes(who, body).await.is_empty() != succeeds {
        assert!(began.elapsed() < Duration::from_secs(20), "{body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn changed_file_is_read_again() {
    let manifest = Manifest::of(&[("a", MINE)]);
    let app = app(&manifest, &["--trusted-only", "true"]).await;
    let alice = app.by_jwt(&alice());
    let (a, b) = (json!({"documentId": "a"}), json!({"documentId": "b"}));
    until(&alice, &a, true).await;
    assert_eq!(codes(&alice, &b).await, ["QUERY_REJECTED"]);
    manifest.write(&documents_json(&[("b", STATS)]));
    until(&alice, &b, true).await;
    until(&alice, &a, false).await;
}

#[tokio::test]
async fn bad_file_keeps_the_documents() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trusted.json");
    let write = |documents: &[(&str, &str)]| {
        std::fs::write(&file, documents_json(documents)).unwrap();
    };
    write(&[("a", "{ courses { totalCount } }")]);
    let mut server = Process::start_in(directory, &[("TRUSTED_DOCUMENTS", "trusted.json")]);
    let file = server.directory.path().join("trusted.json");
    std::fs::write(&file, documents_json(&[("b", "{ nothing }")])).unwrap();
    server.signal("HUP");
    assert!(server.wait_for_log("TRUSTED_DOCUMENTS").contains("document `b`"));
    let last_read = "hallpass_trusted_documents_last_read";
    assert_eq!(metric(&server.url, &format!("{last_read}_successful")).await, "0");
    let read_at = metric(&server.url, &format!("{last_read}_success_timestamp_seconds")).await;
    assert!(read_at.parse::<i64>().unwrap() > 1_700_000_000, "{read_at}");
    let answer = |id: &'static str| {
        let request = crate::support::app::client().post(format!("{}/graphql", server.url));
        async move {
            let response = request.json(&json!({"documentId": id})).send().await.unwrap();
            response.json::<Value>().await.unwrap()
        }
    };
    assert!(answer("a").await["data"]["courses"]["totalCount"].is_number());
    assert!(answer("b").await["errors"].is_array());
}

#[tokio::test]
async fn unknown_document_is_named_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("trusted.json"), documents_json(&[(HASH, MINE)])).unwrap();
    let mut server = Process::start_in(
        directory,
        &[
            ("BETTER_AUTH_URL", "http://127.0.0.1:9"),
            ("TRUSTED_DOCUMENTS", "trusted.json"),
            ("TRUSTED_ONLY", "true"),
            ("LOG_FORMAT", "json"),
        ],
    );
    let unknown = "0".repeat(64);
    for (body, document, message) in [
        (
            json!({"documentId": format!("sha256:{unknown}")}),
            json!(format!("sha256:{unknown}")),
            "none has this hash",
        ),
        (persisted(&unknown), json!(unknown), "none has this hash"),
        (json!({"documentId": "a".repeat(200)}), json!("a".repeat(80)), "none has this hash"),
        (json!({"query": STATS}), Value::Null, "send the hash of one"),
    ] {
        let request = crate::support::app::client().post(format!("{}/graphql", server.url));
        let answer: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
        let reported = answer["errors"][0]["message"].as_str().unwrap();
        assert!(reported.contains(message), "{body}: {answer}");
        let line: Value = serde_json::from_str(&server.wait_for_log("hallpass::request")).unwrap();
        assert_eq!(
            (&line["document"], &line["codes"]),
            (&document, &json!("QUERY_REJECTED")),
            "{line}"
        );
    }
}

type Variables = &'static [(&'static str, &'static str)];

#[test]
fn bad_trusted_documents_stop_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let cases: [(&str, Variables, &str); 8] = [
        (r#"{"a": "{ me { id } }", "a": "{ me { name } }"}"#, &[], "`a` twice"),
        ("{", &[], "not JSON"),
        ("{}", &[], "no documents"),
        (r#"{"a": "{ nothing }"}"#, &[], "document `a`"),
        (r#"{"a": "{ me {"}"#, &[], "document `a`: Syntax error"),
        (r#"{"a": "{ courses { totalCount } }"}"#, &[("MAX_COST", "1")], "document `a`"),
        (r#"{"a": "{ me { id } }"}"#, &[("TRUSTED_EXEMPT_ROLE", "admin")], "TRUSTED_ONLY"),
        (r#"{"a": "{ me { id } }"}"#, &[("MAX_DEPTH", "1")], "document `a`"),
    ];
    for (json, variables, words) in cases {
        std::fs::write(directory.path().join("trusted.json"), json).unwrap();
        let variables: Vec<_> =
            [("TRUSTED_DOCUMENTS", "trusted.json")].iter().chain(variables).copied().collect();
        let output = run(&mut command(directory.path(), &["--api-port", "0"], &variables));
        assert_eq!(output.code, 2, "{json}: {}", output.stderr);
        assert!(output.stderr.contains(words), "{json}: {}", output.stderr);
    }
    for (variables, words) in [
        (vec![("TRUSTED_ONLY", "true")], "TRUSTED_DOCUMENTS"),
        (vec![("TRUSTED_EXEMPT_ROLE", "admin")], "TRUSTED_EXEMPT_ROLE has no effect"),
        (vec![("TRUSTED_DOCUMENTS", "nowhere.json")], "nowhere.json"),
    ] {
        let output = hallpass_with(&["--api-port", "0"], &variables);
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}

fn check(directory: &Path, documents: &[(&str, &str)]) -> crate::cli::commands::Output {
    std::fs::write(directory.join("m.json"), documents_json(documents)).unwrap();
    run(&mut command(directory, &["documents", "check", "m.json"], &[]))
}

#[test]
fn documents_check_names_what_breaks() {
    let directory = tempfile::tempdir().unwrap();
    let report =
        check(directory.path(), &[("a", MINE), ("b", "query All { users { totalCount } }")]);
    assert_eq!(report.code, 0, "{}", report.stderr);
    let line = report.stdout.lines().find(|line| line.starts_with("b (All)")).unwrap();
    assert!(
        line.contains("hidden from") && line.contains("free") && !line.contains("admin"),
        "{line}"
    );
    assert!(!report.stdout.contains("a (Mine)") && report.stdout.contains("2 documents are valid"));
    let report = check(directory.path(), &[("a", MINE), ("c", "query Old { me { nickname } }")]);
    assert_eq!(report.code, 1);
    assert!(report.stdout.contains("c (Old): ") && report.stdout.contains("nickname"));
    assert!(report.stderr.contains("1 of 2 documents"), "{}", report.stderr);
}

#[tokio::test]
async fn metrics_name_trusted_documents_only() {
    let manifest = Manifest::of(&[(HASH, MINE)]);
    let app = app(&manifest, &[]).await;
    let alice = app.by_jwt(&alice());
    assert!(codes(&alice, &json!({"documentId": HASH})).await.is_empty());
    for number in 0..3 {
        alice.data(&format!("query Flood{number} {{ taskStats {{ total }} }}")).await;
    }
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let count = |name: &str, count: u32| {
        metrics.contains(&format!(
            "hallpass_graphql_operations_total{{operation=\"{name}\",code=\"OK\"}} {count}\n"
        ))
    };
    assert!(count("Mine", 1) && count("other", 3), "{metrics}");
    assert!(!metrics.contains("Flood"), "{metrics}");
}
