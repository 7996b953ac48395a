//! The switch that removes the owner filter is not part of the released server.

use std::path::Path;

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
    let root = file("crates/hallpass-data/src/lib.rs");
    assert!(root.contains("#[cfg(feature = \"testing\")]\npub mod testing;"), "always built");
    for manifest in ["Cargo.toml", "crates/hallpass/Cargo.toml", "crates/hallpass-data/Cargo.toml"]
    {
        let manifest = file(manifest);
        assert!(!manifest.contains("\ndefault = ["), "no default features");
        let released = manifest.split("[dev-dependencies]").next().unwrap();
        let on: Vec<_> = released
            .lines()
            .filter(|line| line.contains("hallpass") && line.contains("testing"))
            .collect();
        let feature = [
            "testing = [\"dep:tempfile\", \"hallpass-data/testing\"]",
            "testing = [\"hallpass-types/testing\"]",
        ];
        assert!(on.iter().all(|line| feature.contains(line)), "{on:?} turns the switch on");
    }
}
