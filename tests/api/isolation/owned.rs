//! The tables of requests.

use std::path::Path;
use std::sync::LazyLock;

/// The owned tables.
pub fn owned_tables() -> Vec<String> {
    crate::support::app::application()
        .owned_tables()
        .names()
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// The shared tables, which no registry lists: their files contain `shared!(`.
fn shared_tables() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("entity/src");
    let mut tables = Vec::new();
    for file in std::fs::read_dir(directory).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        if text.lines().any(|line| line.starts_with("hallpass_data::shared!(")) {
            let name = text.split("table_name = \"").nth(1).unwrap();
            tables.push(name.split('"').next().unwrap().to_owned());
        }
    }
    assert!(tables.len() >= 3, "only {tables:?} are shared");
    tables
}

/// The tables of requests: owned and shared. The server writes its own tables at any time.
pub fn policy_tables() -> &'static [String] {
    static TABLES: LazyLock<Vec<String>> =
        LazyLock::new(|| [owned_tables(), shared_tables()].concat());
    &TABLES
}
