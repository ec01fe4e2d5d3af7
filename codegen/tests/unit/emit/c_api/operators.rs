use std::collections::BTreeSet;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::emit::c_api::operators::snake;
use castiron_codegen::emit::c_api::{
    Case, Library, OperatorFunction, PlacedMemory, header, self_test,
};
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::graph::{
    DType, Graph, OpKind, Operator, Options, Quantization, Tensor, TensorId,
};
use castiron_codegen::plan::Buffers;
use castiron_codegen::program::{FirmwareOps, Program};

#[test]
fn words_are_apart() {
    for (name, expected) in [
        ("MyScale", "my_scale"),
        ("my_scale", "my_scale"),
        ("MFCC", "mfcc"),
        ("ethos-u", "ethos-u"),
    ] {
        assert_eq!(snake(name), expected);
    }
}

/// A library `kws` of a model that consists of custom operators of these names, each of which reads what the one before it writes.
fn of_names(names: &[&str]) -> (Program, Library) {
    let tensor = |dtype| Tensor {
        quantization: Some(Quantization {
            scale: vec![0.5],
            zero_point: vec![0],
            dimension: 0,
        }),
        ..crate::unit::tensor(dtype, &[1, 4])
    };
    let operator = |(at, name): (u32, &&str)| Operator {
        kind: OpKind::Custom((*name).to_owned()),
        version: 1,
        inputs: vec![Some(TensorId(at))],
        outputs: vec![TensorId(at + 1)],
        intermediates: Vec::new(),
        options: Options::Custom(Vec::new()),
        origin: Vec::new(),
    };
    let graph = Graph {
        name: String::new(),
        // Both ways to quantise: of few bits and of many.
        tensors: std::iter::once(tensor(DType::Int8))
            .chain(names.iter().map(|_| tensor(DType::Int32)))
            .collect(),
        operators: (0..).zip(names).map(operator).collect(),
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(names.len() as u32)],
    };
    let model = crate::unit::model("kws.tflite", graph);
    let mut options = CompileOptions::default();
    options.custom = FirmwareOps::all();
    let program = compile::compile(&model, &options).expect("it compiles");
    let library = Library {
        prefix: "kws".to_owned(),
        model: "kws".to_owned(),
        engine: String::new(),
        facts: GraphFacts::of_model(&model, None, None).expect("it has facts"),
        arena_bytes: 16,
        state_bytes: 0,
        memories: vec![PlacedMemory {
            name: "sram".to_owned(),
            bytes: 16,
            section: None,
        }],
        weight_bytes: 0,
        instance_bytes: 16,
        traced: true,
        server: false,
        verify: true,
        guards: true,
        may_end_early: true,
        rows: None,
        buffers: Buffers::Model,
        operators: Vec::new(),
    };
    (program, library)
}

/// Every name in the library's own C is one that an operator could be called after.
#[test]
fn no_function_has_a_name_of_the_library() {
    let (_, library) = of_names(&["x"]);
    let case = Case {
        inputs: vec![vec![0; 4]],
        outputs: vec![vec![0; 16]],
    };
    let test = self_test(&library, &[case], false, &[]).expect("a self-test");
    let text = format!("{}{}", header(&library).expect("a header"), test.header);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let own: BTreeSet<&str> = words.filter_map(|word| word.strip_prefix("kws_")).collect();
    assert!(
        own.contains("status_text") && own.contains("quantize_wide"),
        "{own:?}"
    );
    for name in own {
        let (program, library) = of_names(&[name]);
        let found = OperatorFunction::all(&program, &library, &[]).expect("a name");
        assert_ne!(found[0].name, format!("kws_{name}"));
        let given = [(name.to_owned(), format!("kws_{name}"))];
        OperatorFunction::all(&program, &library, &given).expect_err(name);
    }
}

/// The header has a type for each function.
#[test]
fn no_function_has_the_name_of_a_type() {
    let (program, library) = of_names(&["scale", "scale function"]);
    let error = OperatorFunction::all(&program, &library, &[]).expect_err("two of one name");
    assert!(error.to_string().contains("kws_scale_function"), "{error}");
    let given = [("scale function".to_owned(), "other".to_owned())];
    OperatorFunction::all(&program, &library, &given).expect("names that are apart");
}
