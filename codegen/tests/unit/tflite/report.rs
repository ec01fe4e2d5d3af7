use castiron_codegen::error::Diagnostic;
use castiron_codegen::tflite::report::*;

#[test]
fn shortens_names_between_characters() {
    assert_eq!(short("ü"), "ü");
    assert_eq!(short(&"ü".repeat(200)), format!("{}…", "ü".repeat(100)));
}

#[test]
fn says_how_many_it_left_out() {
    let mut report = Report::default();
    assert!(Report::default().into_error().is_none());
    for _ in 0..MOST + 3 {
        report.push(Diagnostic::new("wrong"));
    }
    assert_eq!(report.count(), MOST + 3);
    let error = report.into_error().expect("there are some");
    assert_eq!(error.diagnostics().len(), MOST + 1);
    assert_eq!(error.diagnostics()[MOST].message, "3 more problems");
}
