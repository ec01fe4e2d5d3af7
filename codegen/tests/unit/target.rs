use castiron_codegen::target::*;

#[test]
fn names_are_values() {
    for value in Optimize::ALL {
        assert_eq!(value.name().parse::<Optimize>().ok(), Some(value));
    }
}

#[test]
fn an_unknown_name_is_told_the_values() {
    let error = "fast"
        .parse::<Optimize>()
        .expect_err("no value")
        .to_string();
    for value in Optimize::ALL {
        assert!(error.contains(value.name()), "{error}");
    }
}
