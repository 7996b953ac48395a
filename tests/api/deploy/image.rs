//! The Dockerfile: linted, and its last stage built, from a directory in place of the stage that compiles.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{output, path, python_tool, text};
use crate::support::postgres::is_root;

/// A command that sees the users of an image: root's own, or that of a user namespace.
fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("buildah");
    command.args(["unshare", program]);
    command
}

/// buildah with a store of its own, without a daemon.
fn buildah(store: &Path) -> Command {
    let mut command = as_root("buildah");
    command.arg("--root").arg(store.join("root")).arg("--runroot").arg(store.join("run"));
    command.args(["--storage-driver", "vfs"]);
    command
}

#[test]
fn dockerfiles_pass_hadolint() {
    for name in ["Dockerfile", "examples/better-auth/Dockerfile"] {
        assert_eq!(output(python_tool("hadolint").arg("--no-color").arg(path(name))), "", "{name}");
    }
}

#[test]
fn image_is_compiled_by_the_oldest_compiler() {
    let manifest = text("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let dockerfile = text("Dockerfile");
    let line = format!("ARG RUST_VERSION={}", version.trim_matches('"'));
    assert!(dockerfile.lines().any(|it| it == line), "{line}");
    assert!(!text(".dockerignore").contains("!rust-toolchain.toml"));
}

/// The last stage, from `ARG` lines on, whose base is empty.
fn last_stage() -> String {
    let file = text("Dockerfile");
    let at = file.find("FROM ${RUNTIME}").unwrap();
    format!("ARG RUNTIME=scratch\n{}", &file[at..])
}

#[test]
fn image_has_one_program_and_no_privileges() {
    let store = tempfile::tempdir().unwrap();
    let directory = |name: &str| {
        let made = store.path().join(name);
        std::fs::create_dir_all(&made).unwrap();
        made
    };
    let (compiled, context) = (directory("compiled"), directory("context"));
    std::fs::create_dir_all(compiled.join("image/data")).unwrap();
    std::fs::write(compiled.join("image/hallpass"), "a program").unwrap();
    std::fs::write(context.join("Dockerfile"), last_stage()).unwrap();
    let compiled = format!("build={}", compiled.display());
    let mut build = buildah(store.path());
    build.args([
        "build",
        "--isolation",
        "chroot",
        "--format",
        "docker",
        "--quiet",
        "--tag",
        "test",
    ]);
    output(build.args(["--build-context", &compiled]).arg(&context));
    let inspected = output(buildah(store.path()).args(["inspect", "--type", "image", "test"]));
    let image: Value = serde_json::from_str(&inspected).unwrap();
    let config = &image["Docker"]["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/usr/local/bin/hallpass"]));
    assert_eq!(config["Cmd"], json!(["serve"]));
    assert_eq!(config["WorkingDir"], "/data");
    let health = json!(["CMD", "/usr/local/bin/hallpass", "health"]);
    assert_eq!(config["Healthcheck"]["Test"], health);
    assert_eq!(config["ExposedPorts"], json!({"8000/tcp": {}, "9464/tcp": {}}));
    let container = output(buildah(store.path()).args(["from", "--pull-never", "test"]));
    let mut mount = buildah(store.path());
    let root = output(mount.args(["mount", container.trim()]));
    let root = Path::new(root.trim());
    let program = root.join("usr/local/bin/hallpass");
    assert_eq!(std::fs::read_to_string(program).unwrap(), "a program");
    let owner = output(as_root("stat").args(["--format", "%u"]).arg(root.join("data")));
    assert_eq!(owner.trim(), "65532", "the user writes to /data");
    output(buildah(store.path()).args(["rm", "--all"]));
}

#[test]
fn build_context_has_the_sources_only() {
    let store = tempfile::tempdir().unwrap();
    let context = tempfile::tempdir().unwrap();
    // A copy, with files that must not get into an image.
    let archive =
        Command::new("git").args(["archive", "HEAD"]).current_dir(path("")).output().unwrap();
    let tar = context.path().join("archive.tar");
    std::fs::write(&tar, archive.stdout).unwrap();
    output(Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(context.path()));
    std::fs::copy(path(".dockerignore"), context.path().join(".dockerignore")).unwrap();
    std::fs::copy(path("build.rs"), context.path().join("build.rs")).unwrap();
    for secret in [".env", "hallpass.db", "hallpass.db-wal", "hallpass-dev-key.der", "src/.env"] {
        std::fs::write(context.path().join(secret), "secret").unwrap();
    }
    let dockerfile = store.path().join("Dockerfile");
    std::fs::write(&dockerfile, "FROM scratch\nCOPY . /\n").unwrap();
    let mut build = buildah(store.path());
    build.args(["build", "--isolation", "chroot", "--quiet", "--tag", "context", "--file"]);
    output(build.arg(&dockerfile).arg(context.path()));
    let container = output(buildah(store.path()).args(["from", "--pull-never", "context"]));
    let root = output(buildah(store.path()).args(["mount", container.trim()]));
    let root = Path::new(root.trim());
    let found = output(Command::new("find").arg(root).args(["-type", "f", "-printf", "%P\n"]));
    for file in found.lines() {
        let is_secret = [".env", ".db", ".db-wal", ".der"].iter().any(|end| file.ends_with(end));
        assert!(!is_secret && !file.contains("node_modules"), "{file} is in the context");
    }
    assert!(!found.contains("rust-toolchain.toml"), "the image chooses the compiler");
    // The workspace is whole: each member and each target's file is there, but for tests and benchmarks.
    let mut metadata = Command::new("cargo");
    metadata.args(["metadata", "--offline", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata = output(metadata.current_dir(root));
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        for target in package["targets"].as_array().unwrap() {
            let kind = target["kind"][0].as_str().unwrap();
            let source = target["src_path"].as_str().unwrap();
            let is_compiled = !["test", "bench"].contains(&kind);
            assert!(!is_compiled || Path::new(source).exists(), "{source} is not in the context");
        }
    }
    output(buildah(store.path()).args(["rm", "--all"]));
}
