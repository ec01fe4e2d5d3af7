//! What a user sees who gives `include_model!` something it cannot take.

#[test]
fn errors_read_well() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*.rs");
}
