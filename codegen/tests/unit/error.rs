use castiron_codegen::error::*;
use castiron_codegen::graph::OpKind;

#[test]
fn places_are_json_without_what_is_not_known() {
    let diagnostic = Diagnostic::new("wrong").at_operator(3, "CONV_2D").found(1);
    let json = serde_json::to_value(&diagnostic).expect("JSON");
    let expected = serde_json::json!({
        "message": "wrong",
        "place": { "operator": { "index": 3, "name": "CONV_2D" } },
        "found": "1",
    });
    assert_eq!(json, expected);
}

/// A name can be copied to where it is wanted, and drives no terminal.
#[test]
fn names_of_operators_are_as_in_the_file() {
    let named = |name: &str| {
        let kind = OpKind::Custom(name.to_owned());
        Diagnostic::new("wrong").at_operator(0, kind).to_string()
    };
    assert_eq!(
        named("top \"k\"=3 \\"),
        "operator 0 CUSTOM top \"k\"=3 \\: wrong"
    );
    assert_eq!(
        named("a\u{1b}[2J\n"),
        "operator 0 CUSTOM a\\u{1b}[2J\\n: wrong"
    );
}

fn unsupported(index: usize, name: &str) -> Diagnostic {
    Diagnostic::new("no kernel")
        .found(index)
        .at_operator(index, name)
}

#[test]
fn what_is_said_of_many_operators_is_said_once() {
    let mut all: Vec<_> = (3..102).map(|i| unsupported(i, "SHAPE")).collect();
    all.push(unsupported(5, "PACK"));
    all.push(Diagnostic::new("no kernel"));
    all.push(Diagnostic::new("no kernel"));
    let error = Error::from_many(all).expect("there are some");
    assert_eq!(
        error.to_string(),
        "operator 3 SHAPE: no kernel (the first of 99)\n  found: 3\n\
         operator 5 PACK: no kernel\n  found: 5\nno kernel\nno kernel"
    );
    assert_eq!(error.diagnostics().len(), 102);
}

#[test]
fn each_front_end_names_its_own_way() {
    let error = Error::from(Diagnostic::new("no kernel").remedy(Remedy::Tflm));
    let help = |error: &Error| error.diagnostics()[0].help.clone().expect("a remedy");
    assert!(help(&error).contains("--engine tflm"));
    let of_macro = help(&error.clone().for_front_end(FrontEnd::Macro));
    assert!(of_macro.contains("engine = \"tflm\""), "{of_macro}");
    let of_build = help(&error.for_front_end(FrontEnd::BuildScript));
    assert!(of_build.contains(".tflm("), "{of_build}");
}
