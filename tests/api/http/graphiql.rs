//! GraphiQL and the doctor page, in a real browser and behind a proxy that strips a path.

use std::path::Path;
use std::process::Command;

use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};

use crate::cli::commands::Process;
use crate::support::app::client;
use crate::support::auth_server::AuthServer;
use crate::support::prefix_proxy::serve_below;

/// Runs a program of `tests/browser`, and returns what it reports.
fn in_chromium(program: &mut Command) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(
        directory.join("node_modules").exists(),
        "the test needs a browser driver: run `npm ci` in tests/browser, or tests/run"
    );
    let output = program.current_dir(directory).output();
    let output = output.expect("the test needs Node 20: install it");
    let reported = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "GraphiQL does not work in Chromium: {reported}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Drives the page of the server at `url`, and checks that it runs a query.
fn drive(url: &str, server: &Process) {
    let picture = server.directory.path().join("graphiql.png");
    let answer = in_chromium(Command::new("node").arg("graphiql.mjs").arg(url).arg(&picture));
    let tasks = answer["answer"]["data"]["tasks"]["nodes"].as_array().unwrap();
    assert!(!tasks.is_empty(), "{answer}");
    assert!(std::fs::metadata(picture).unwrap().len() > 10_000, "the screenshot shows something");
}

#[test]
fn graphiql_persona_shows_its_tasks() {
    let server = Process::start(&[]);
    drive(&server.url, &server);
}

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_works_below_a_path() {
    let server = Process::start(&[]);
    let url = serve_below("/api/hallpass/", &server.url).await;
    let driven = tokio::task::spawn_blocking(move || drive(&url, &server)).await;
    driven.unwrap();
}

/// In production: the page shows the user of the browser's session cookie.
#[tokio::test(flavor = "multi_thread")]
async fn graphiql_shows_the_user_of_a_session() {
    let auth_server = AuthServer::shared();
    let account = auth_server.sign_up("Carla", json!({})).await;
    let jwt = auth_server.jwt(&account).await;
    let server = Process::start(&[
        ("BETTER_AUTH_URL", auth_server.url.as_str()),
        ("INTROSPECTION", "true"),
        // The page reports each 503 as an error.
        ("AUTH_TIMEOUT", "30s"),
    ]);
    let driven = tokio::task::spawn_blocking(move || {
        let mut program = Command::new("node");
        program.arg("session.mjs").arg(&server.url);
        in_chromium(program.env("COOKIE", &account.cookie).env("TOKEN", jwt));
    });
    driven.await.unwrap();
}

#[tokio::test]
async fn explain_reports_decisions_in_development() {
    let server = Process::start(&[]);
    let personas = client().get(format!("{}/dev/personas", server.url)).send().await.unwrap();
    let personas: Value = personas.json().await.unwrap();
    let admin = personas.as_array().unwrap().iter().find(|it| it["name"] == "admin").unwrap();
    let explain = async |token: Option<&str>, query: &str| {
        let request = client().post(format!("{}/dev/explain", server.url));
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        request.json(&json!({ "query": query })).send().await.unwrap()
    };
    let query = "{ tasks { nodes { id } } analytics { revenue } misspelled }";
    let decisions = |body: &Value| {
        let fields = body["fields"].as_array().unwrap().iter();
        let fields = fields.filter(|it| !it["path"].as_str().unwrap().contains('.'));
        fields.map(|it| it["decision"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let guest: Value = explain(None, query).await.json().await.unwrap();
    assert_eq!(guest["caller"], "an anonymous caller");
    assert_eq!(decisions(&guest), ["denied", "hidden", "unknown"]);
    let admin: Value = explain(admin["token"].as_str(), query).await.json().await.unwrap();
    assert_eq!(decisions(&admin), ["allowed", "allowed", "unknown"]);
    assert_eq!(explain(None, "{").await.status(), 400);
    assert_eq!(explain(Some("nonsense"), query).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_link_within_their_path() {
    let server = Process::start(&[]);
    let url = serve_below("/api/hallpass/", &server.url).await;
    for page in ["graphql", "doctor"] {
        let page = client().get(format!("{url}{page}")).header(ACCEPT, "text/html");
        let page = page.send().await.unwrap().text().await.unwrap();
        let links = ["href=\"", "src=\"", "action=\""].into_iter().flat_map(|attribute| {
            page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap())
        });
        let links: Vec<_> = links.filter(|link| !link.starts_with("data:")).collect();
        assert!(!links.is_empty(), "{page}");
        for link in links {
            let answer = client().get(format!("{url}{link}")).header(ACCEPT, "text/html");
            let answer = answer.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{link}");
            assert!(!answer.headers().contains_key(LOCATION));
        }
    }
    let form = client().post(format!("{url}doctor")).body("place=token&credential=abc");
    let form = form.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let explained = form.send().await.unwrap().text().await.unwrap();
    assert!(explained.contains("aria-label=\"The credential\""), "{explained}");
}
