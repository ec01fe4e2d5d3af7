use std::sync::Arc;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{
    BuiltinOperator as Op, DType, IfOptions, OpKind, Operator, Options, VarHandleOptions,
};
use castiron_codegen::graph::{Graph, Model, Tensor, TensorId};
use castiron_codegen::resize::*;

/// Two dimensions, of which the writer knew what is not 0.
fn tensor(name: &str, [rows, columns]: [i32; 2], dtype: DType) -> Tensor {
    let open = |size| if size == 0 { -1 } else { size };
    Tensor {
        shape: [rows, columns]
            .iter()
            .map(|size| (*size).max(1) as usize)
            .collect(),
        name: name.to_owned(),
        shape_signature: Some(vec![open(rows), open(columns)]),
        ..crate::unit::tensor(dtype, &[])
    }
}

fn list(values: &[i32]) -> Tensor {
    let data: Arc<[u8]> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Tensor {
        shape: vec![values.len()],
        shape_signature: None,
        data: Some(data),
        ..tensor("constant", [1, 1], DType::Int32)
    }
}

fn graph(
    tensors: Vec<Tensor>,
    operators: &[(Op, Options, &[u32], &[u32])],
    [inputs, outputs]: [&[u32]; 2],
) -> Graph {
    let ids = |ids: &[u32]| ids.iter().copied().map(TensorId).collect::<Vec<_>>();
    let operators = operators.iter().cloned();
    Graph {
        name: String::new(),
        tensors,
        operators: operators
            .map(|(kind, options, inputs, outputs)| Operator {
                kind: OpKind::Builtin(kind),
                version: 1,
                inputs: ids(inputs).into_iter().map(Some).collect(),
                outputs: ids(outputs),
                intermediates: Vec::new(),
                options,
                origin: Vec::new(),
            })
            .collect(),
        inputs: ids(inputs),
        outputs: ids(outputs),
    }
}

fn model(graphs: Vec<Graph>) -> Model {
    Model {
        file: "m.tflite".to_owned(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        graphs,
        signatures: Vec::new(),
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    }
}

#[test]
fn what_an_operator_cannot_compute_of_the_sizes_is_refused() {
    let slice = |sizes: &[i32]| {
        let x = tensor("x", [0, 0], DType::Float32);
        let y = tensor("y", [0, 0], DType::Float32);
        let tensors = vec![x, list(&[1, 1]), list(sizes), y];
        let operators: [(_, _, &[u32], &[u32]); 1] = [(Op::Slice, Options::None, &[0, 1, 2], &[3])];
        model(vec![graph(tensors, &operators, [&[0], &[3]])])
    };
    for (sizes, shape, says) in [
        ([-1, -1], [1, 3], "the tensor has no elements"),
        ([2, 2], [3, 2], "the part lies outside the input"),
    ] {
        let error = resize(slice(&sizes), &[InputShape::new("x", shape)]);
        let error = error.expect_err("too small").to_string();
        let is_named = error.contains("m.tflite, subgraph 0") && error.contains(says);
        assert!(is_named && error.contains("other sizes"), "{error}");
    }
    let right = resize(slice(&[-1, -1]), &[InputShape::new("x", [3, 4])]);
    assert_eq!(
        right.expect("large enough").graphs[0].tensors[3].shape,
        [2, 3]
    );
}

#[test]
fn sizes_reach_subgraphs_and_what_comes_back() {
    let float = |name| tensor(name, [0, 3], DType::Float32);
    let negate: [(_, _, &[u32], &[u32]); 1] = [(Op::Neg, Options::None, &[0], &[1])];
    let branch = || graph(vec![float("a"), float("b")], &negate, [&[0], &[1]]);
    let options = Options::If(IfOptions {
        then_graph: 1,
        else_graph: 2,
    });
    let operators: [(_, _, &[u32], &[u32]); 2] = [
        (Op::Neg, Options::None, &[1], &[2]),
        (Op::If, options, &[0, 2], &[3]),
    ];
    let condition = tensor("condition", [1, 1], DType::Bool);
    let tensors = vec![condition, float("x"), float("n"), float("y")];
    let main = graph(tensors, &operators, [&[0, 1], &[3]]);
    let resized = resize(
        model(vec![main, branch(), branch()]),
        &[InputShape::new("x", [2, 3])],
    );
    let program = compile::compile(&resized.expect("open"), &CompileOptions::default());
    assert_eq!(program.expect("right").entries[0].outputs[0].shape, [2, 3]);
}

#[test]
fn sizes_reach_what_is_read_of_variables() {
    let float = |name| tensor(name, [0, 3], DType::Float32);
    let mut handle = tensor("handle", [1, 1], DType::Resource);
    (handle.shape, handle.shape_signature) = (Vec::new(), None);
    let name = Options::VarHandle(VarHandleOptions {
        container: String::new(),
        shared_name: "v".to_owned(),
    });
    let operators: [(_, _, &[u32], &[u32]); 3] = [
        (Op::VarHandle, name, &[], &[0]),
        (Op::ReadVariable, Options::None, &[0], &[2]),
        (Op::AssignVariable, Options::None, &[0, 1], &[]),
    ];
    let tensors = vec![handle, float("x"), float("y")];
    let main = graph(tensors, &operators, [&[1], &[2]]);
    let resized = resize(model(vec![main]), &[InputShape::new("x", [2, 3])]);
    let program = compile::compile(&resized.expect("open"), &CompileOptions::default());
    assert_eq!(program.expect("right").entries[0].outputs[0].shape, [2, 3]);
}

#[test]
fn a_shape_may_have_a_name() {
    let of = |text: &str| text.parse::<InputShape>();
    assert_eq!(of("a=b=1x2"), Ok(InputShape::new("a=b", [1, 2])));
    assert_eq!(of("1x96×96,3").expect("right").to_string(), "1x96x96x3");
    for wrong in ["", "x", "1x", "image=", "1x-1", "image"] {
        let error = of(wrong).expect_err(wrong).to_string();
        assert!(error.contains("image=1x96x96x3"), "{error}");
    }
}
