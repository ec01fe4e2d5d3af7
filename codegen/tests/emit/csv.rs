//! The table of operators.

use std::path::Path;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::emit::csv;
use castiron_codegen::graph::OpKind;
use castiron_codegen::report::Report;
use castiron_codegen::tflite;

fn report(file: &str, change: impl FnOnce(&mut castiron_codegen::graph::Model)) -> Report {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
    let mut model = tflite::read(file, &bytes).expect("a model");
    change(&mut model);
    let options = CompileOptions::default();
    Report::new(&model, &compile::examine(&model, &options))
}

#[test]
fn every_operator_has_its_row() {
    let report = report("examples/models/kws_dscnn_int8.tflite", |_| {});
    let measured = |graph, operator: usize| (operator != 1).then_some(1000 * graph as u64 + 7);
    let table = csv::operators(&report.subgraphs, measured);
    insta::assert_snapshot!(String::from_utf8(table).expect("text"));
}

#[test]
fn names_stay_in_their_column() {
    let report = report("examples/models/sine_int8.tflite", |model| {
        model.graphs[0].operators[0].kind = OpKind::Custom("=A1,\"\n\u{1b}".to_owned());
    });
    let table = csv::operators(&report.subgraphs, |_, _| None);
    let mut rows = ::csv::Reader::from_reader(&table[..]);
    let first = rows.records().next().expect("a row").expect("well-formed");
    assert_eq!(&first[1], "'=A1,\\\"\\n\\u{1b}");
    // What a custom operator computes is not known.
    assert_eq!(&first[3], "");
}
