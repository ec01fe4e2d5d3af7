use castiron_codegen::ident::*;

#[test]
fn keyword_lists_are_sorted() {
    assert!(C_KEYWORDS.windows(2).all(|w| w[0] < w[1]));
    assert!(RUST_KEYWORDS.windows(2).all(|w| w[0] < w[1]));
}

#[test]
fn any_text_gives_an_identifier() {
    for (text, want) in [
        ("kws", "kws"),
        ("magic-wand int8", "magic_wand_int8"),
        ("3dcnn", "m3dcnn"),
        ("__x__y__", "x_y"),
        ("", "model"),
        ("模型", "model"),
        ("int", "int_model"),
        ("class", "class_model"),
        ("a\"*/\n??/b", "a_b"),
    ] {
        assert_eq!(identifier(text, Language::C), want, "{text:?}");
    }
    assert_eq!(identifier("fn", Language::Rust), "fn_model");
    assert_eq!(identifier("fn", Language::C), "fn");
    assert!(identifier(&"a".repeat(10_000), Language::C).len() <= MAX_LEN + 6);
}

#[test]
fn names_are_given_once() {
    let mut names = Names::new();
    let got: Vec<_> = ["a", "a_2", "a", "a"].map(|n| names.unique(n)).into();
    assert_eq!(got, ["a", "a_2", "a_3", "a_4"]);
}
