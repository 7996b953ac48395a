//! GraphiQL and the doctor page, in a real browser and behind a proxy that strips a path.

use std::path::Path;
use std::process::Command;

use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use serde_json::Value;

use crate::cli::commands::Process;
use crate::support::app::client;
use crate::support::prefix_proxy::serve_below;

/// Drives the page of the server at `url`, and checks that it runs a query.
fn drive(url: &str, server: &Process) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(
        directory.join("node_modules").exists(),
        "the test needs a browser driver: run `npm ci` in tests/browser, or tests/run"
    );
    let picture = server.directory.path().join("graphiql.png");
    let output = Command::new("node")
        .arg("graphiql.mjs")
        .arg(url)
        .arg(&picture)
        .current_dir(directory)
        .output()
        .expect("the test needs Node 20: install it");
    let reported = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "GraphiQL does not work in Chromium: {reported}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
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
