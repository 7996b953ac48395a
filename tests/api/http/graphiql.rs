//! GraphiQL, in a real browser.

use std::path::Path;
use std::process::Command;

use crate::cli::commands::Process;

#[test]
fn graphiql_persona_shows_its_tasks() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(
        directory.join("node_modules").exists(),
        "the test needs a browser driver: run `npm ci` in tests/browser, or tests/run"
    );
    let server = Process::start(&[]);
    let picture = server.directory.path().join("graphiql.png");
    let output = Command::new("node")
        .arg("graphiql.mjs")
        .arg(&server.url)
        .arg(&picture)
        .current_dir(directory)
        .output()
        .expect("the test needs Node 20: install it");
    let reported = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "GraphiQL does not work in Chromium: {reported}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let tasks = answer["answer"]["data"]["tasks"]["nodes"].as_array().unwrap();
    assert!(!tasks.is_empty(), "{answer}");
    assert!(std::fs::metadata(picture).unwrap().len() > 10_000, "the screenshot shows something");
}
