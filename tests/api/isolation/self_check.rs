//! The scope is what isolates users: without the owner filter, the suite finds leaks.

use std::path::Path;

use super::attackers;
use super::fixture::FixturePair;
use super::owned::owned_tables;
use super::runner::IsolationRun;
use crate::support::app::Backend;

/// Reads of this table have no owner condition: the owner is part of its key.
const NEVER_READ: &str = "idempotency_key";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suite_detects_missing_owner_filter() {
    let pair = FixturePair::build(Backend::Sqlite, &[], true).await;
    let run = IsolationRun::execute(&pair, 4, &attackers()).await;
    let leaks = run.by_table();
    println!("{leaks:?} in {} cases", run.generated.cases.len());
    for table in owned_tables().into_iter().filter(|table| table != NEVER_READ) {
        let found = leaks.get(&table).copied().unwrap_or_default();
        assert!(found > 0, "no case detects a leak of {table} without the owner filter: {leaks:?}");
    }
}

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Code under the feature `testing` is not part of the released server.
#[test]
fn owner_filter_switch_is_test_only() {
    let code = file("crates/hallpass-data/src/owner_filter.rs");
    let (body, switch) =
        code.split_once("#[cfg(feature = \"testing\")]\nimpl crate::Database").unwrap();
    assert_eq!(switch.matches("\nimpl").count(), 0, "nothing follows the switch");
    let gated = "#[cfg(feature = \"testing\")]";
    for (above, line) in body.lines().zip(body.lines().skip(1)) {
        assert!(!line.contains("is_disabled") || above.trim() == gated, "{line} is always built");
    }
    for manifest in ["Cargo.toml", "crates/hallpass-data/Cargo.toml"] {
        let manifest = file(manifest);
        assert!(!manifest.contains("\ndefault = ["), "no default features");
        let dependencies = manifest.lines().filter(|line| line.contains("hallpass-data"));
        let dependencies: Vec<_> = dependencies.filter(|line| line.contains("testing")).collect();
        let expected = "testing = [\"dep:tempfile\", \"hallpass-data/testing\"]";
        assert!(
            dependencies.iter().all(|line| *line == expected),
            "{dependencies:?} turns the switch on"
        );
    }
}
