//! The commands for the log in the runbooks, run with a log.

use std::process::Command;

use serde_json::{Value, json};

use super::{output, text};

/// The documented command that follows a comment which begins with these words.
fn documented(words: &str) -> String {
    let page = text("docs/operations/runbooks.md");
    let at = page.find(&format!("\n# {words}")).unwrap_or_else(|| panic!("no command: {words}"));
    page[at..].trim_start().split("\n\n").next().unwrap().to_owned()
}

/// The rows that a command prints for these lines of a log.
fn rows(words: &str, log: &[Value]) -> Vec<Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let lines = log.iter().map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(directory.path().join("hallpass.log"), lines).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &documented(words)]).current_dir(directory.path());
    let printed = output(&mut shell);
    let cells = |row: &str| row.split('\t').map(str::to_owned).collect();
    printed.lines().map(cells).collect()
}

fn request(fields: &Value) -> Value {
    let mut line = json!({"level": "INFO", "target": "hallpass::request", "message": "request"});
    line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    line
}

#[test]
fn list_of_callers_over_their_rate_has_no_others() {
    let log = [
        request(&json!({"caller": "alice", "codes": "RATE_LIMITED"})),
        request(&json!({"client": "guesser", "codes": "UNAUTHENTICATED"})),
        request(&json!({"client": "guesser", "suppressed": 34})),
        request(&json!({"client": "unlucky", "codes": "UNAVAILABLE"})),
        request(&json!({"client": "unlucky", "suppressed": 100})),
        request(&json!({"caller": "bob", "status": 200})),
        // Of clients that are not counted by themselves, and of other lines.
        request(&json!({"suppressed": 500})),
        json!({"level": "WARN", "target": "hallpass::cli::log", "suppressed": 9}),
    ];
    let expected = [["", "guesser", "35"], ["alice", "", "1"]];
    assert_eq!(rows("Callers and clients over their rate", &log), expected);
}

#[test]
fn list_of_streams_begins_with_the_largest_holder() {
    let log = [
        request(&json!({"caller": "alice", "streams": 1})),
        request(&json!({"caller": "bob", "streams": 62})),
        request(&json!({"caller": "bob", "streams": 63})),
        request(&json!({"client": "office", "streams": 7})),
        request(&json!({"caller": "carol", "status": 200})),
    ];
    let expected = [["bob", "", "63", "2"], ["", "office", "7", "1"], ["alice", "", "1", "1"]];
    assert_eq!(rows("Callers, and addresses of anonymous ones", &log), expected);
}
