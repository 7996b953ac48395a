//! The tables that the code declares.

use std::path::Path;
use std::sync::LazyLock;

/// The tables whose file contains `macro_name!(`.
pub fn declared(macro_name: &str) -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("entity/src");
    let mut tables = Vec::new();
    for file in std::fs::read_dir(directory).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        if text.lines().any(|line| line.starts_with(&format!("crate::{macro_name}!("))) {
            let name = text.split("table_name = \"").nth(1).unwrap_or_else(|| {
                panic!("{}: where is the name of the table?", file.path().display())
            });
            tables.push(name.split('"').next().unwrap().to_owned());
        }
    }
    assert!(!tables.is_empty(), "no file contains {macro_name}!(");
    tables
}

/// The tables of requests: owned and shared. The server writes its own tables at any time.
pub fn policy_tables() -> &'static [String] {
    static TABLES: LazyLock<Vec<String>> =
        LazyLock::new(|| [declared("owned"), declared("shared")].concat());
    &TABLES
}
