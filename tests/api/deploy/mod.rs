//! The files that operators deploy with: image, compose file, Kubernetes manifests, systemd unit, alerts and dashboard.
//! What can be run here is run; the rest is compared with the schema of its program, and with the server.

mod compose;
mod image;
mod kubernetes;
mod metrics;
mod monitoring;
mod restore;
mod runbooks;
mod settings;
mod systemd;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A path in the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file of the repository.
fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A program of tests/deploy/requirements.txt.
fn python_tool(program: &str) -> Command {
    let found = path("tests/deploy/.venv/bin").join(program);
    assert!(found.exists(), "the tests need {}: run tests/run", found.display());
    Command::new(found)
}

/// The output of a command that succeeds.
fn output(command: &mut Command) -> String {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: run .ci/run"));
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {stdout}{stderr}");
    stdout.into_owned()
}

/// The documents of a YAML file.
fn documents(name: &str) -> Vec<Value> {
    let mut check = python_tool("python");
    check.arg(path("tests/deploy/check.py")).arg("json").arg(path(name));
    serde_json::from_str(&output(&mut check)).unwrap()
}

/// The document of a YAML file.
fn document(name: &str) -> Value {
    documents(name).into_iter().next().unwrap()
}
