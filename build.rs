//! Sets HALLPASS_COMMIT, the commit that `hallpass --version` prints: from the variable of that name, or in a release
//! build from git. A debug build has none without the variable, so that a commit compiles nothing again.

#![expect(clippy::disallowed_methods, reason = "a build script is configured by its environment")]

use std::env;
use std::path::Path;
use std::process::Command;

/// Characters of the commit from git.
const COMMIT_LENGTH: &str = "--short=12";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=HALLPASS_COMMIT");
    let given = env::var("HALLPASS_COMMIT").ok().filter(|commit| !commit.is_empty());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| if is_release { commit_of_git() } else { None });
    println!("cargo::rustc-env=HALLPASS_COMMIT={}", commit.unwrap_or_default());
}

/// The commit that is checked out. Without git or a repository, there is none.
fn commit_of_git() -> Option<String> {
    // Files that change with the commit.
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", COMMIT_LENGTH, "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
