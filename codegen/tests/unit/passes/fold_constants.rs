use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{BuiltinOperator, Graph, OpKind, Operator, Options, TensorId};
use castiron_codegen::graph::{DType, Model, Tensor};
use castiron_codegen::passes::Passes;
use castiron_codegen::passes::fold_constants::*;
use castiron_codegen::program::Step;
use castiron_codegen::read;
use std::borrow::Cow;

fn tensor(dtype: DType, shape: &[usize], data: Option<Vec<u8>>) -> Tensor {
    Tensor {
        data: data.map(Into::into),
        ..crate::unit::tensor(dtype, shape)
    }
}

/// One operator of all tensors but the last, which is its output.
fn graph(kind: BuiltinOperator, tensors: Vec<Tensor>) -> Graph {
    let output = TensorId(tensors.len() as u32 - 1);
    Graph {
        name: String::new(),
        operators: vec![Operator {
            kind: OpKind::Builtin(kind),
            version: 1,
            inputs: (0..output.0).map(|id| Some(TensorId(id))).collect(),
            outputs: vec![output],
            intermediates: Vec::new(),
            options: Options::None,
            origin: Vec::new(),
        }],
        tensors,
        inputs: Vec::new(),
        outputs: vec![output],
    }
}

fn model(graph: Graph) -> Model {
    Model {
        file: String::new(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        graphs: vec![graph],
        signatures: Vec::new(),
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    }
}

fn compiles(graph: Graph) -> std::result::Result<(), String> {
    let program = compile::compile(&model(graph), &CompileOptions::default());
    program.map(|_| ()).map_err(|error| error.to_string())
}

/// PAD takes constants at run time as well.
#[test]
fn what_is_too_large_to_fold_is_left_to_the_target() {
    let paddings = [0, MOST_BYTES as i32].iter().flat_map(|v| v.to_le_bytes());
    let graph = graph(
        BuiltinOperator::Pad,
        vec![
            tensor(DType::Int8, &[1], Some(vec![7])),
            tensor(DType::Int32, &[1, 2], Some(paddings.collect())),
            tensor(DType::Int8, &[1 + MOST_BYTES as usize], None),
        ],
    );
    let passed = run(&graph, Passes::NONE);
    assert!(matches!(passed.graph, Cow::Borrowed(_)));
    assert_eq!(passed.unfolded.len(), 1);
    compiles(graph).expect("PAD of a constant runs on the target");
}

/// The reason is the operator's and names its place in the file.
#[test]
fn what_no_kernel_takes_is_named_as_it_is_in_the_file() {
    let relu = |dtype, data| {
        let tensors = vec![tensor(dtype, &[1], data), tensor(dtype, &[1], None)];
        graph(BuiltinOperator::Relu, tensors)
    };
    let mut both = relu(DType::Float32, Some(vec![0; 4]));
    let second = relu(DType::Int64, Some(vec![0; 8]));
    both.tensors.extend(second.tensors);
    both.operators.push(Operator {
        inputs: vec![Some(TensorId(2))],
        outputs: vec![TensorId(3)],
        ..second.operators[0].clone()
    });
    both.outputs.push(TensorId(3));
    let passed = run(&both, Passes::NONE);
    assert!(passed.graph.tensors[1].is_constant());
    assert!(!passed.graph.tensors[3].is_constant());
    let error = compiles(both).expect_err("RELU of int64 has no kernel");
    assert!(error.contains("operator 1 RELU"), "{error}");
    assert!(
        error.contains("these element types are not supported"),
        "{error}"
    );
}

#[test]
fn what_is_left_knows_which_operator_of_the_file_it_is() {
    let scalar = |data| tensor(DType::Float32, &[1], data);
    let folded = vec![
        scalar(Some(vec![0; 4])),
        scalar(None),
        scalar(None),
        scalar(None),
    ];
    let mut graph = graph(BuiltinOperator::Relu, folded);
    graph.operators[0].inputs = vec![Some(TensorId(0))];
    graph.operators[0].outputs = vec![TensorId(1)];
    graph.operators.push(Operator {
        kind: OpKind::Builtin(BuiltinOperator::Add),
        inputs: vec![Some(TensorId(2)), Some(TensorId(1))],
        outputs: vec![TensorId(3)],
        ..graph.operators[0].clone()
    });
    graph.inputs = vec![TensorId(2)];
    let program = compile::compile(&model(graph), &CompileOptions::default());
    let program = program.expect("right");
    let entry = &program.entries[0];
    let origins: Vec<usize> = program.calls().map(|call| call.origin.operator).collect();
    assert_eq!((origins, &entry.plan.order), (vec![1], &vec![1]));
    assert_eq!(entry.plan.operators[0].index, 1);
    let seen = entry.steps.iter().filter_map(|step| match step {
        Step::Observe(seen) => Some(seen.operator),
        _ => None,
    });
    assert_eq!(seen.collect::<Vec<_>>(), [1]);
}

/// Kernels that fold constants are compiled for the macro, and others are not: no family may choose another one here.
#[test]
fn what_folds_is_computed_by_kernels_that_fold() {
    let mut folded = 0;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/ops");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "tflite")
        {
            continue;
        }
        let model = read(&path.to_string_lossy(), &std::fs::read(&path).unwrap()).unwrap();
        for mut graph in model.graphs {
            for input in graph.inputs.clone() {
                let tensor = &mut graph.tensors[input.index()];
                tensor.data = Some(vec![0; tensor.bytes()].into());
            }
            let passed = run(&graph, Passes::NONE);
            folded += passed.changes.len();
            for (_, reason) in &passed.unfolded {
                let reason = reason.to_string();
                let refused = reason.contains("does not fold constants");
                assert!(!refused, "{}: {reason}", path.display());
            }
        }
    }
    assert!(folded > 300, "{folded} operators fold");
}
