//! It is the scope that stops strangers: where scopes forget whose rows are, the tests find leaks.

use std::path::Path;

use super::hunt::Hunt;
use super::owned::declared;
use super::people;
use super::world::Worlds;
use crate::app::Backend;

/// No condition narrows reads of this table to its owner: the owner is part of the key by which it is written.
const NEVER_READ: &str = "idempotency_key";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_owner_in_its_statements_every_owned_table_leaks() {
    let worlds = Worlds::build(Backend::Sqlite, &[], true).await;
    let hunt = Hunt::through(&worlds, 4, &people()).await;
    let leaks = hunt.by_table();
    println!("{leaks:?} in {} cases", hunt.generated.cases.len());
    for table in declared("owned").into_iter().filter(|table| table != NEVER_READ) {
        let found = leaks.get(&table).copied().unwrap_or_default();
        assert!(
            found > 0,
            "nothing finds a leak of {table}, so nothing would in earnest: {leaks:?}"
        );
    }
}

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Lines that stand under the feature `testing` are not part of the server that people run.
#[test]
fn the_switch_is_built_for_tests_only() {
    let code = file("entity/src/owner_filter.rs");
    let (body, switch) =
        code.split_once("#[cfg(feature = \"testing\")]\nimpl crate::Database").unwrap();
    assert_eq!(switch.matches("\nimpl").count(), 0, "nothing follows the switch");
    let gated = "#[cfg(feature = \"testing\")]";
    for (above, line) in body.lines().zip(body.lines().skip(1)) {
        assert!(!line.contains("is_forgotten") || above.trim() == gated, "{line} is always built");
    }
    for manifest in ["Cargo.toml", "entity/Cargo.toml"] {
        let manifest = file(manifest);
        assert!(!manifest.contains("\ndefault = ["), "no feature is on unless asked for");
        let asks = manifest.lines().filter(|line| line.contains("hallpass-entity"));
        let asks: Vec<_> = asks.filter(|line| line.contains("testing")).collect();
        let expected = "testing = [\"dep:tempfile\", \"hallpass-entity/testing\"]";
        assert!(asks.iter().all(|line| *line == expected), "{asks:?} turns the switch on");
    }
}
