use castiron_codegen::emit::rust::literals::without_suffixes;
use quote::quote;

#[test]
fn suffixes_go_and_values_stay() {
    let tokens = quote!([1usize, -2i32, 0.5f32, 3f32, 1e10f32, "4usize", b"5u8", {
        6u64
    }]);
    let expected = quote!([1, -2, 0.5, 3.0, 1e10, "4usize", b"5u8", { 6 }]);
    assert_eq!(without_suffixes(tokens).to_string(), expected.to_string());
}
