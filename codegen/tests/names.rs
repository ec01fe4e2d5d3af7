//! Names in the Rust module, of models that name their parts alike or badly.

use std::collections::BTreeSet;

use castiron_codegen::compile;
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::graph::{
    BuiltinOperator, DType, Graph, Model, OpKind, Operator, Options, Signature, Tensor, TensorId,
};

fn tensor(name: &str) -> Tensor {
    Tensor {
        name: name.to_owned(),
        shape: vec![2],
        shape_signature: None,
        dtype: DType::Float32,
        quantization: None,
        data: None,
        is_variable: false,
        stored: None,
        blocks: None,
    }
}

/// A graph that gives the sum of its first two inputs.
fn graph(inputs: &[&str]) -> Graph {
    let ids: Vec<TensorId> = (0..=inputs.len() as u32).map(TensorId).collect();
    let (output, input_ids) = ids.split_last().expect("an output");
    Graph {
        name: String::new(),
        tensors: inputs.iter().chain(&["sum"]).map(|n| tensor(n)).collect(),
        operators: vec![Operator {
            kind: OpKind::Builtin(BuiltinOperator::Add),
            version: 1,
            inputs: vec![Some(ids[0]), Some(ids[1])],
            outputs: vec![*output],
            intermediates: Vec::new(),
            options: Options::None,
            origin: Vec::new(),
        }],
        inputs: input_ids.to_vec(),
        outputs: vec![*output],
    }
}

fn module(graphs: Vec<Graph>, signatures: &[&str]) -> String {
    let signatures = signatures
        .iter()
        .enumerate()
        .map(|(graph, name)| Signature {
            name: (*name).to_owned(),
            graph,
            inputs: Vec::new(),
            outputs: Vec::new(),
        });
    let model = Model {
        file: "made.tflite".to_owned(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        graphs,
        signatures: signatures.collect(),
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    };
    let program = compile::compile(&model, &Default::default()).expect("the model compiles");
    rust::file(&program, &RustOptions::default())
}

/// What follows `keyword` at the beginning of a line that is indented by `indent`.
fn declared<'a>(text: &'a str, indent: &str, keyword: &str) -> Vec<&'a str> {
    let start = format!("{indent}{keyword} ");
    let rest = text.lines().filter_map(|line| line.strip_prefix(&start));
    let end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    rest.filter_map(|rest| rest.split(end).next()).collect()
}

fn assert_distinct(names: &[&str], count: usize) {
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!((distinct.len(), names.len()), (count, count), "{names:?}");
}

#[test]
fn types_of_ports_are_distinct() {
    let text = module(vec![graph(&["a1", "a_1", "A 1", "a__1"])], &[]);
    assert_distinct(&declared(&text, "", "pub type"), 5);
    assert_distinct(&declared(&text, "", "pub const"), 9);
}

#[test]
fn signatures_meet_neither_each_other_nor_the_models_methods() {
    let names = [
        "go",
        "run_go",
        "go_output",
        "Go",
        "input",
        "output",
        "input_x_mut",
        "is_guarded",
        "",
        "fn",
        "*/",
    ];
    let text = module(names.map(|_| graph(&["x", "y"])).to_vec(), &names);
    assert_distinct(&declared(&text, "", "pub mod"), names.len());
    for own in ["run_go", "*/", "fn", "entry_8"] {
        let doc = format!("Inputs and outputs of the signature `{own}`.");
        assert!(text.contains(&doc), "{doc}");
    }
    // Three accessors and two ways to run for each signature, the same for the default entry, reset, and what looks at guard words.
    let methods = declared(&text, "    ", "pub fn");
    assert_distinct(&methods, 5 * names.len() + 7);
}

#[test]
fn signatures_do_not_hide_what_the_code_refers_to() {
    let names = ["castiron", "f32", "usize"];
    let text = module(names.map(|_| graph(&["x", "y"])).to_vec(), &names);
    for module in declared(&text, "", "pub mod") {
        assert!(!names.contains(&module), "{module}");
    }
}
