//! The files that users of the server rely on are up to date.

use std::path::Path;

use crate::cli::commands::hallpass;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails with the lines that differ, if a committed file differs from the output of `hallpass COMMAND`.
fn assert_kept(name: &str, command: &str) {
    let (kept, now) = (file(name), hallpass(&[command]).stdout);
    if kept == now {
        return;
    }
    let those_not_in = |text: &str, other: &str, sign: &str| {
        let lines = text.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    let (gone, new) = (those_not_in(&kept, &now, "-"), those_not_in(&now, &kept, "+"));
    panic!(
        "{name} says otherwise:\n{gone}{new}If that is meant: `cargo run -q -- {command} > {name}`"
    );
}

#[test]
fn schema_graphql_is_up_to_date() {
    assert_kept("schema.graphql", "schema");
}

#[test]
fn access_md_is_up_to_date() {
    assert_kept("access.md", "access");
}

/// Each setting's variable, default and explanation, from the command line itself.
fn settings() -> Vec<(String, Option<String>, String)> {
    let command = hallpass::cli::command(crate::support::app::application());
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    arguments
        .filter_map(|argument| {
            let name = argument.get_env()?.to_str()?.to_owned();
            let default = argument.get_default_values().first();
            let default = default.map(|value| value.to_string_lossy().into_owned());
            Some((name, default, argument.get_help()?.to_string()))
        })
        .collect()
}

#[test]
fn settings_are_documented_with_their_defaults() {
    let example = file(".env.example");
    let settings = settings();
    assert!(settings.len() >= 28, "only {} settings", settings.len());
    for (name, default, help) in &settings {
        let line = example
            .lines()
            .find(|line| line.trim_start_matches("# ").starts_with(&format!("{name}=")));
        let line = line.unwrap_or_else(|| panic!(".env.example does not show {name}"));
        if let Some(default) = default {
            assert!(line.ends_with(&format!("={default}")), "{line}: the default is {default}");
        }
        assert!(!help.is_empty(), "--help does not explain {name}");
    }
    for line in example.lines().filter(|line| line.contains('=') && line.starts_with("# ")) {
        let name = line.trim_start_matches("# ").split('=').next().unwrap();
        assert!(
            settings.iter().any(|(known, ..)| known == name),
            ".env.example shows {name}, which is not a setting"
        );
    }
}

#[test]
fn settings_page_is_up_to_date() {
    let tables = hallpass(&["settings"]).stdout;
    assert!(tables.starts_with("## Serving\n"), "{tables}");
    let page = file("docs/settings.md");
    let update = "replace the tables of docs/settings.md with the output of `hallpass settings`";
    assert!(page.contains(&tables), "{update}");
}

#[test]
fn domain_recipe_matches_compiled_code() {
    let recipe = file("docs/add-a-domain.md");
    let names = ["Cargo.toml", "src/tables.rs", "src/migration.rs", "src/lib.rs", "src/main.rs"];
    for name in names.into_iter().chain(["tests/api.rs"]) {
        let name = format!("examples/notes/{name}");
        assert!(recipe.contains(file(&name).trim()), "docs/add-a-domain.md differs from {name}");
    }
}

#[test]
fn documented_api_key_endpoint_matches_tests() {
    let code = file("tests/better-auth/verify-api-key.mjs");
    let part = &code[code.find("// A key belongs").unwrap()..];
    let page = file("docs/credentials.md");
    assert!(page.contains(part.trim()), "docs/credentials.md differs from verify-api-key.mjs");
}
