//! `include_model!` in crates with other lints, and what a user sees when it refuses.

#[test]
fn strict_crates_accept_it_and_errors_read_well() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/*.rs");
}
