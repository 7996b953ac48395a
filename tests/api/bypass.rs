//! What would go round a scope, or pretend to be somebody, does not compile.

/// One of the first tests by its name: it builds what it tries, beside the others.
#[test]
fn what_goes_round_a_scope_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
