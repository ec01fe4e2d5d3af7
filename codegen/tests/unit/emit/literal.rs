use castiron_codegen::emit::literal::*;

#[test]
fn strings_hold_any_text() {
    assert_eq!(c_string("a\"b\\c"), r#""a\"b\\c""#);
    assert_eq!(c_string("??/\n*/"), r#""\?\?/\012*/""#);
    assert_eq!(c_string("é1"), r#""\303\2511""#);
}

#[test]
fn comments_cannot_be_closed() {
    assert_eq!(c_comment("*/ /* **/ ??/"), "* / / * ** / ? ?/");
    assert_eq!(c_comment("a\nb é"), "a\\nb \\u{e9}");
    for evil in ["*/", "/*/*/", "**//**//"] {
        let safe = c_comment(evil);
        assert!(!safe.contains("*/") && !safe.contains("/*"), "{safe}");
    }
}

#[test]
fn long_text_is_cut_at_a_character() {
    let text = "é".repeat(MAX_STRING);
    let cut = shortened(&text);
    assert!(cut.len() <= MAX_STRING && cut.ends_with("é..."));
    assert_eq!(shortened("x"), "x");
}

#[test]
fn floats_are_exact() {
    assert_eq!(c_float(16.0).as_deref(), Some("16.0"));
    assert_eq!(c_float(0.003_906_25).as_deref(), Some("0.00390625"));
    assert_eq!(c_float(f32::NAN), None);
    for bits in [1_u32, 0x0080_0000, 0x3b80_8081, 0x7f7f_ffff, 0x3f80_0001] {
        let value = f32::from_bits(bits);
        let text = c_float(value).unwrap();
        let wide: f64 = text.parse().unwrap();
        assert_eq!(wide, f64::from(value));
        assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits);
    }
}
