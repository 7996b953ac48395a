//! `--version`: the version, and the commit of the build.

use std::path::Path;
use std::process::Command;

use async_graphql::{EmptyMutation, EmptySubscription};
use hallpass::{Hallpass, cli, core_schema};

use crate::cli::commands::{command, hallpass, run};

#[test]
fn version_names_the_commit_of_the_build() {
    let version = env!("CARGO_PKG_VERSION");
    let commit = env!("HALLPASS_COMMIT");
    let expected = match commit {
        "" => format!("hallpass {version}\n"),
        commit => format!("hallpass {version} ({commit})\n"),
    };
    assert_eq!(hallpass(&["--version"]).stdout, expected);
}

#[test]
fn application_states_its_own_commit() {
    let version = |commit| {
        let builder =
            Hallpass::<core_schema::CoreQuery, EmptyMutation, EmptySubscription>::builder();
        let application = builder.name("notes").version("2.1.0").commit(commit).build();
        cli::command(&application).render_version()
    };
    assert_eq!(version(Some("0123456789ab")), "notes 2.1.0 (0123456789ab)\n");
    assert_eq!(version(Some("")), "notes 2.1.0\n", "an empty variable");
    assert_eq!(version(None), "notes 2.1.0\n");
}

/// `cargo run` sets the variables of the build script for the program too.
#[test]
fn commit_of_the_build_does_not_stop_the_start() {
    let directory = tempfile::tempdir().unwrap();
    for commit in ["", "0123456789ab"] {
        let variables = [("HALLPASS_COMMIT", commit)];
        let output = run(&mut command(directory.path(), &["token", "--as", "other"], &variables));
        assert!(output.stderr.contains("--as is `other`"), "{}", output.stderr);
        let output = run(&mut command(directory.path(), &["schema"], &variables));
        assert_eq!(output.code, 0, "{}", output.stderr);
    }
}

/// Output of the build script in a directory, for a profile and with a value of HALLPASS_COMMIT.
fn build_script(directory: &Path, profile: &str, commit: Option<&str>) -> String {
    let program = directory.join("build-script");
    if !program.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "-o"]).arg(&program).arg(source);
        assert!(rustc.status().unwrap().success());
    }
    let mut script = Command::new(program);
    script.current_dir(directory).env("PROFILE", profile).env_remove("HALLPASS_COMMIT");
    script.envs(commit.map(|commit| ("HALLPASS_COMMIT", commit)));
    let output = script.output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn build_takes_the_commit_from_variable_or_git() {
    let directory = tempfile::tempdir().unwrap();
    let commit = |profile, commit| {
        let output = build_script(directory.path(), profile, commit);
        output.split("HALLPASS_COMMIT=").nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(commit("release", None), "", "without a repository");
    assert_eq!(commit("release", Some("abc")), "abc");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.test"]).args(arguments);
        let output = git.current_dir(directory.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "first"]);
    let head = git(&["rev-parse", "HEAD"]);
    assert_eq!(commit("release", None), head[..12]);
    assert_eq!(commit("release", Some("abc")), "abc", "the variable is preferred");
    // A debug build is not compiled again by a commit.
    assert_eq!(commit("debug", None), "");
    let watched = build_script(directory.path(), "debug", None);
    assert!(!watched.contains(".git"), "{watched}");
    assert!(build_script(directory.path(), "release", None).contains("rerun-if-changed=.git/HEAD"));
}
