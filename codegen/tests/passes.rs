//! What passes do to the models that were made for them: a pass that does not act any more shows here.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{BuiltinOperator, OpKind};
use castiron_codegen::passes::{Effect, Pass, Passes};
use castiron_codegen::tflite;

/// Name and reader's model of all of them.
fn models() -> Vec<(String, castiron_codegen::Model)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ops");
    let mut paths: Vec<_> = (fs::read_dir(folder).expect("it is there"))
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "tflite"))
        .collect();
    paths.sort();
    let named = paths.into_iter().map(|path| {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (name, path)
    });
    named
        .filter(|(name, _)| name.starts_with("pass_"))
        .map(|(name, path)| {
            let bytes = fs::read(path).expect("the model is shipped");
            let model = tflite::read(&name, &bytes).expect("it is sound");
            (name, model)
        })
        .collect()
}

#[test]
fn passes_do_what_they_did() {
    let mut text = String::new();
    let mut acted = BTreeSet::new();
    for (name, model) in models() {
        let examined = compile::examine(&model, &CompileOptions::default());
        assert!(examined.program.is_ok(), "{name}");
        writeln!(text, "{name}").expect("text");
        for change in &examined.verdicts[0].changes {
            acted.insert(change.pass);
            let operators = &model.graphs[0].operators;
            let named = change.operators.iter();
            let operators: Vec<String> = named
                .map(|index| format!("{index} {}", operators[*index].kind))
                .collect();
            writeln!(
                text,
                "  {}: {} {}",
                change.pass,
                operators.join(", "),
                change.effect.name()
            )
            .expect("text");
        }
    }
    insta::assert_snapshot!(text);
    // Folding, inference and streams have tests of their own.
    let own = [
        Pass::UpdateLists,
        Pass::FoldConstants,
        Pass::InferShapes,
        Pass::JoinMovements,
        Pass::StreamRows,
    ];
    for pass in Pass::ALL.iter().filter(|pass| !own.contains(pass)) {
        assert!(acted.contains(pass), "{pass} did nothing");
    }
}

#[test]
fn a_pass_that_is_left_out_does_nothing() {
    let mut found = 0;
    for (name, model) in models() {
        for pass in Pass::ALL {
            let options = CompileOptions::default().without((*pass).into());
            let examined = compile::examine(&model, &options);
            assert!(examined.program.is_ok(), "{name} without {pass}");
            let changes = &examined.verdicts[0].changes;
            assert!(
                changes.iter().all(|change| change.pass != *pass),
                "{name}: {pass}"
            );
            found += changes.len();
        }
        let none = compile::examine(&model, &CompileOptions::default().without(Passes::ALL));
        assert_eq!(none.verdicts[0].changes, []);
    }
    assert!(found > 0);
}

/// Operators of the file are told from those that run: each is in at most one step, and none is lost.
#[test]
fn every_operator_of_the_file_has_its_end() {
    for (name, model) in models() {
        let examined = compile::examine(&model, &CompileOptions::default());
        let program = examined.program.expect("it compiles");
        let run: BTreeSet<usize> = program.calls().map(|call| call.origin.operator).collect();
        let ended: BTreeSet<usize> = (examined.verdicts[0].changes.iter())
            .filter(|change| change.effect != Effect::Permuted)
            .flat_map(|change| change.operators.iter().copied())
            .collect();
        for (index, operator) in model.graphs[0].operators.iter().enumerate() {
            // Another shape of the same bytes is no step.
            let is_free = operator.kind == OpKind::Builtin(BuiltinOperator::Reshape);
            assert!(
                is_free || run.contains(&index) || ended.contains(&index),
                "{name}: {index}"
            );
        }
    }
}
