//! The audit suite of the GraphQL over HTTP reference library.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::app::{App, Backend};

/// The number of audits that passed, of those with names that start with `level`; all must.
fn passed(audits: &[Value], level: &str) -> usize {
    let of_level = audits.iter().filter(|audit| audit["name"].as_str().unwrap().starts_with(level));
    of_level.inspect(|audit| assert_eq!(audit["status"], "ok", "{audit}")).count()
}

#[tokio::test]
async fn graphql_http_audit_passes() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphql-http");
    assert!(
        directory.join("node_modules").exists(),
        "the test needs the audits: run `npm ci` in tests/graphql-http, or tests/run"
    );
    for introspection in ["true", "false"] {
        let app = App::with(Backend::Sqlite, &["--introspection", introspection]).await;
        let url = format!("{}/graphql", app.url);
        let mut node = Command::new("node");
        node.args(["audit.mjs", &url]).current_dir(&directory).stderr(Stdio::inherit());
        let output = tokio::task::spawn_blocking(move || node.output()).await.unwrap();
        let output = output.expect("the test needs Node 20: install it");
        assert!(output.status.success());
        let lines = String::from_utf8(output.stdout).unwrap();
        let audits: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(passed(&audits, "MUST"), 13, "introspection {introspection}");
        assert_eq!(passed(&audits, "SHOULD"), 23, "introspection {introspection}");
        assert!(audits.len() > 60, "{}", audits.len());
    }
}
