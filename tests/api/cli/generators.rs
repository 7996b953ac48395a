//! `new app` and `new domain`: an application with two domains, compiled and tested.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::commands::{Output, command, run};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

#[expect(clippy::disallowed_methods, reason = "the environment of the tests")]
fn generate(directory: &Path, arguments: &[&str]) -> Output {
    // For rustfmt.
    let path = std::env::var("PATH").unwrap();
    let home = std::env::var("HOME").unwrap();
    run(&mut command(directory, arguments, &[("PATH", &path), ("HOME", &home)]))
}

fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = generate(directory, arguments);
    assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
    output.stdout
}

/// An application without domains, which is not compiled.
fn application(directory: &Path) -> PathBuf {
    succeed(directory, &["new", "app", "my-notes", "--path", REPOSITORY]);
    directory.join("my-notes")
}

/// Runs Cargo in `application`. Dependencies are those of this repository, compiled once for all runs.
fn cargo(application: &Path, arguments: &[&str]) -> String {
    let output = Command::new("cargo")
        .args(arguments)
        .current_dir(application)
        .env("CARGO_TARGET_DIR", Path::new(REPOSITORY).join("target/generated"))
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "cargo {arguments:?}:\n{stdout}\n{stderr}");
    stdout
}

/// Takes about five minutes, and one if the dependencies are compiled. Its isolation suite runs on SQLite, and on
/// PostgreSQL with `TEST_DATABASE_URL`.
#[test]
fn generated_application_passes_its_tests() {
    let directory = tempfile::tempdir().unwrap();
    let application = application(directory.path());
    std::fs::copy(Path::new(REPOSITORY).join("Cargo.lock"), application.join("Cargo.lock"))
        .unwrap();
    let project = ["new", "domain", "project", "title:String!", "archived:Boolean!"];
    succeed(&application, &project);
    let fields = "text:String! pinned:Boolean dueAt:DateTime project:Project! summary:String rank:Int price:Float day:Date code:ID";
    let note: Vec<_> = ["new", "domain", "note"].into_iter().chain(fields.split(' ')).collect();
    let created = succeed(&application, &note);
    assert!(created.contains("src/notes/mutation.rs: "), "{created}");
    cargo(&application, &["fmt", "--check"]);
    for (command, file) in [("schema", "schema.graphql"), ("access", "access.md")] {
        let text = cargo(&application, &["run", "--quiet", "--", command]);
        std::fs::write(application.join(file), text).unwrap();
    }
    cargo(&application, &["clippy", "--all-targets", "--", "--deny", "warnings"]);
    let tests = cargo(&application, &["test", "--", "--nocapture"]);
    for name in ["notes_belong_to_their_owner", "no_row_of_another_user_is_reachable"] {
        assert!(tests.contains(name), "{tests}");
    }
}

/// The files of `directory` with their texts.
fn files(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.append(&mut self::files(&path)),
            false => files.push((path.clone(), std::fs::read_to_string(path).unwrap())),
        }
    }
    files.sort();
    files
}

/// Arguments with an error outside an application, and the message.
const INVALID_OUTSIDE_APPLICATION: &[(&[&str], &str)] = &[
    (&["new", "app", "my-notes", "--path", REPOSITORY], "NAME is `my-notes`, which exists"),
    (&["new", "app", "My_Notes", "--path", REPOSITORY], "give a name of a crate in lower case"),
    (&["new", "app", "tokio", "--path", REPOSITORY], "give a name of a crate"),
    (&["new", "app", "other"], "`hallpass new app` needs --path PATH-TO-HALLPASS or --git URL"),
    (
        &["new", "app", "other", "--path", "/nonexistent"],
        "--path is `/nonexistent`, which has no crates",
    ),
    (&["new", "domain", "note", "text:String"], "this directory is not that of an application"),
];

/// Arguments with an error in an application with the domain `project`, and the message.
const INVALID_IN_APPLICATION: &[(&[&str], &str)] = &[
    (&["new", "domain", "note"], "`new domain note` needs a field: add NAME:TYPE"),
    (&["new", "domain", "note", "text"], "the field `text` has no type: write text:String!"),
    (&["new", "domain", "note", "text:Text"], "the type `Text` of `text:Text` is unknown"),
    (&["new", "domain", "note", "user:Owner!"], "the type `Owner` of `user:Owner!` is unknown"),
    (&["new", "domain", "note", "p:Project"], "`p:Project` is a reference, which is required"),
    (&["new", "domain", "note", "a:Int", "a:Int"], "the field `a` has the name `a`, which another"),
    (&["new", "domain", "note", "a:String", "aContains:Int"], "has the name `aContains`"),
    (&["new", "domain", "no te", "text:String"], "`no te` is not a name of a domain"),
    (&["new", "domain", "../note", "text:String"], "`../note` is not a name of a domain"),
    (&["new", "domain", "project", "text:String"], "the domain `project` exists"),
    (&["new", "domain", "user", "text:String"], "the core's schema has another `user`"),
    (&["new", "domain", "type", "text:String"], "generated code has another `type`"),
    (&["new", "domain", "note", "text:String", "--plural", "note"], "--plural is `note`"),
];

/// Checks that a command in `directory` fails with the message `expected`, and changes no file below `root`.
#[track_caller]
fn assert_fails_without_changes(root: &Path, directory: &Path, arguments: &[&str], expected: &str) {
    let before = files(root);
    let output = generate(directory, arguments);
    assert!(output.stderr.contains(expected), "{arguments:?}: {}", output.stderr);
    assert_eq!((output.stderr.lines().count(), output.code), (1, 2), "{}", output.stderr);
    assert!(files(root) == before, "{arguments:?} changes files");
}

#[test]
fn invalid_arguments_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let application = application(directory.path());
    let outside = directory.path();
    succeed(&application, &["new", "domain", "project", "title:String!"]);
    for (arguments, expected) in INVALID_OUTSIDE_APPLICATION {
        assert_fails_without_changes(outside, outside, arguments, expected);
    }
    for (arguments, expected) in INVALID_IN_APPLICATION {
        assert_fails_without_changes(outside, &application, arguments, expected);
    }

    for (file, marker) in [
        ("src/lib.rs", "// hallpass:modules"),
        ("src/lib.rs", "// hallpass:queries"),
        ("src/lib.rs", "// hallpass:mutations"),
        ("src/lib.rs", "// hallpass:subscriptions"),
        ("src/lib.rs", "// hallpass:domains"),
        ("tests/api/main.rs", "// hallpass:tests"),
        ("tests/api/main.rs", "// hallpass:seeds"),
    ] {
        let path = application.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(marker, "")).unwrap();
        let before = files(outside);
        let output = generate(&application, &["new", "domain", "note", "text:String"]);
        let expected = format!(
            "{file} does not have the comment `{marker}` once, on a line of its own: add it"
        );
        assert!(output.stderr.contains(&expected), "{}", output.stderr);
        assert!(files(outside) == before, "files change without {marker}");
        std::fs::write(&path, text).unwrap();
    }
}
