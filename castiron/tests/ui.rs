//! `include_model!` in crates with other lints, and what a user sees when it refuses.
//!
//! Cases are built together with all that this crate's tests depend on, so these stand apart from the other tests.

#[test]
fn strict_crates_accept_it_and_errors_read_well() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
