//! The import graph: each module of `crates/hallpass` imports only modules of lower layers. Crates hold the rest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The modules, the lowest first. A module imports only modules that come before it.
const LAYERS: [&str; 21] = [
    "unprintable",
    "bypass",
    "config",
    "telemetry",
    "code",
    "row_security",
    "events",
    "batch_writer",
    "access",
    "graphql",
    "schema",
    "access_report",
    "audit",
    "activity",
    "cluster",
    "core_schema",
    "application",
    "doctor",
    "http",
    "app",
    "cli",
];
/// Modules above all layers: what applications and their tests are written with.
const TOP: [&str; 6] = ["lib", "testing", "prelude", "data", "identity", "migration"];

/// The layers that a source text of the module `module` imports; comments do not count.
fn imports(text: &str) -> BTreeSet<&str> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or(line));
    let code =
        code.flat_map(|line| line.match_indices("crate::").map(|(at, it)| &line[at + it.len()..]));
    code.flat_map(|path| {
        let first =
            path.split(|it: char| !it.is_alphanumeric() && it != '_').next().unwrap_or(path);
        let group = path.strip_prefix('{').into_iter().flat_map(|group| {
            group.split([',', '}']).map(|part| part.trim().split(':').next().unwrap_or(part))
        });
        group.chain([first])
    })
    .filter(|name| LAYERS.contains(name) || TOP.contains(name))
    .collect()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => sources(&path, found),
            path if path.extension().is_some_and(|it| it == "rs") => found.push(path),
            _ => {}
        }
    }
}

fn layer(name: &str) -> usize {
    let found = LAYERS.iter().position(|it| *it == name);
    found.unwrap_or_else(|| panic!("{name} has no layer: add it to LAYERS"))
}

#[test]
fn modules_import_lower_layers_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/hallpass/src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 100, "only {} files", files.len());
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let first = path.iter().next().unwrap().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        if TOP.contains(&module) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for imported in imports(&text).into_iter().filter(|it| *it != module) {
            let is_below = !TOP.contains(&imported) && layer(imported) < layer(module);
            assert!(is_below, "{}: {module} imports {imported}, which is above it", path.display());
        }
    }
}

#[test]
fn imports_of_a_source_text() {
    for (text, expected) in [
        ("use crate::http::Rejection;", vec!["http"]),
        ("use crate::{access, graphql::code};", vec!["access", "graphql"]),
        ("let x = crate::events::Event; // crate::http", vec!["events"]),
        ("/// See [`http`](crate::http).", vec![]),
        ("use hallpass_data::Scope;", vec![]),
    ] {
        assert_eq!(imports(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
    }
}

/// The crates of the workspace that the manifest of `name` depends on.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(name).join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let names = manifest.lines().filter_map(|line| line.split([' ', '.']).next());
    names.filter(|it| it.starts_with("hallpass-")).map(str::to_owned).collect()
}

#[test]
fn identity_and_data_share_only_types() {
    assert_eq!(dependencies("hallpass-types"), BTreeSet::new());
    assert_eq!(dependencies("hallpass-identity"), ["hallpass-types".to_owned()].into());
    let data = ["hallpass-macros", "hallpass-text", "hallpass-types"];
    assert_eq!(dependencies("hallpass-data"), data.map(str::to_owned).into());
    assert_eq!(dependencies("hallpass-migration"), ["hallpass-text".to_owned()].into());
}

/// Modules that read or write rows outside of a caller's scope: the server's own work.
const UNSCOPED: [&str; 9] = [
    "activity.rs",
    "app/doctor.rs",
    "app/migrations.rs",
    "app/mod.rs",
    "app/readiness.rs",
    "audit/writer.rs",
    "cli/migrate.rs",
    "cluster/key_set_store.rs",
    "cluster/revocation_sync.rs",
];

#[test]
fn rows_are_reached_through_scopes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/hallpass/src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
        assert!(!text.contains("sea_orm::"), "{path}: rows are reached through hallpass_data");
        if !UNSCOPED.contains(&path) {
            assert!(!text.contains(".system("), "{path} bypasses the scopes");
        }
        if path.starts_with("domains/") {
            for foreign in ["axum", "HeaderMap"] {
                assert!(!text.contains(foreign), "{path} depends on {foreign}");
            }
        }
    }
}

/// A message names the program of the application, `Config::program`.
#[test]
fn commands_in_messages_are_of_the_application() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/hallpass/src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files.iter().filter(|file| !file.ends_with("widening/tests.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(!line.contains("`hallpass "), "{}: {line}", file.display());
        }
    }
}

/// The reasons of system access that `text` states itself.
fn stated_reasons(text: &str) -> Vec<&str> {
    let calls = text.split(".system(\"").skip(1);
    calls.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn reasons_of_system_access_are_listed() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut files = Vec::new();
    sources(&crates.join("hallpass/src"), &mut files);
    sources(&crates.join("hallpass-data/src"), &mut files);
    for file in files.iter().filter(|file| !file.ends_with("hallpass-data/src/testing.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        for reason in stated_reasons(&text) {
            let is_listed = hallpass::bypass::CORE.iter().any(|it| it.reason() == reason);
            assert!(is_listed, "{}: `{reason}` is not in CORE of bypass.rs", file.display());
        }
    }
}
