//! Code that bypasses a scope, or forges a caller, does not compile.

/// Sorted among the first tests by its name, so that the build runs beside the others.
#[test]
fn compile_fail() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
