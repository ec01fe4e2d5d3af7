//! The formulas on hand-counted operators.

use std::sync::Arc;

use castiron_codegen::graph::{
    BatchMatmulOptions, Border, BuiltinOperator, DType, Operator, Options, Padding, Pool2dOptions,
    Tensor, TensorId,
};
use castiron_codegen::graph::{Graph, OpKind};
use castiron_codegen::work::*;

/// A graph of one operator; shapes that begin with a constant are weights.
fn work_of(
    kind: BuiltinOperator,
    options: Options,
    inputs: &[(&[usize], bool)],
    output: &[usize],
) -> Work {
    let tensor = |shape: &[usize], constant: bool| Tensor {
        data: constant.then(|| Arc::from(vec![0; shape.iter().product()])),
        ..crate::unit::tensor(DType::Int8, shape)
    };
    let mut tensors: Vec<Tensor> = inputs.iter().map(|(s, c)| tensor(s, *c)).collect();
    tensors.push(tensor(output, false));
    let output = TensorId(inputs.len() as u32);
    let operator = Operator {
        kind: OpKind::Builtin(kind),
        version: 1,
        inputs: (0..inputs.len() as u32)
            .map(|i| Some(TensorId(i)))
            .collect(),
        outputs: vec![output],
        intermediates: Vec::new(),
        options,
        origin: Vec::new(),
    };
    let graph = Graph {
        name: String::new(),
        tensors,
        operators: vec![operator],
        inputs: vec![TensorId(0)],
        outputs: vec![output],
    };
    of(&graph, 0).expect("a rule")
}

fn check(work: &Work, equation: &str, total: u64) {
    assert_eq!(work.equation(), equation);
    assert_eq!(work.total(), total);
}

#[test]
fn products_are_counted_by_hand() {
    use BuiltinOperator as Op;
    let none = Options::None;
    let conv = work_of(
        Op::Conv2d,
        none.clone(),
        &[(&[1, 49, 10, 1], false), (&[64, 10, 4, 1], true)],
        &[1, 25, 5, 64],
    );
    check(&conv, "10*4*25*5*64*1", 320_000);
    let depthwise = work_of(
        Op::DepthwiseConv2d,
        none.clone(),
        &[(&[2, 25, 5, 64], false), (&[1, 3, 3, 64], true)],
        &[2, 25, 5, 64],
    );
    check(&depthwise, "3*3*25*5*64*2", 144_000);
    // Every input element meets every tap of every output channel.
    let transposed = work_of(
        Op::TransposeConv,
        none.clone(),
        &[(&[4], true), (&[8, 2, 2, 3], true), (&[1, 5, 5, 3], false)],
        &[1, 10, 10, 8],
    );
    check(&transposed, "2*2*5*5*3*8", 2_400);
    let dense = work_of(
        Op::FullyConnected,
        none.clone(),
        &[(&[1, 64], false), (&[12, 64], true)],
        &[1, 12],
    );
    check(&dense, "64*1*12", 768);
    let options = BatchMatmulOptions {
        adj_x: true,
        ..BatchMatmulOptions::default()
    };
    let matmul = work_of(
        Op::BatchMatmul,
        Options::BatchMatmul(options),
        &[(&[2, 7, 3], false), (&[2, 7, 5], false)],
        &[2, 3, 5],
    );
    check(&matmul, "7*2*3*5", 210);
    // Two ranks of one unit: features, then memory.
    let svdf = work_of(
        Op::Svdf,
        none.clone(),
        &[(&[1, 22], false), (&[8, 22], true), (&[8, 10], true)],
        &[1, 4],
    );
    check(&svdf, "8*22*1+8*10*1", 256);
    // Six rows; biases are no matrices, states no constants.
    let lstm = work_of(
        Op::UnidirectionalSequenceLstm,
        none,
        &[
            (&[2, 3, 4], false),
            (&[5, 4], true),
            (&[5, 5], true),
            (&[5], true),
            (&[2, 5], false),
        ],
        &[2, 3, 5],
    );
    check(&lstm, "5*4*6+5*5*6", 270);
    for work in [conv, depthwise, transposed, dense, matmul, svdf, lstm] {
        assert_eq!(work.unit, Unit::MultiplyAccumulates);
    }
}

#[test]
fn other_operations_are_counted_by_element() {
    use BuiltinOperator as Op;
    let pool = Options::Pool2d(Pool2dOptions {
        padding: Padding::Valid,
        border: Border::default(),
        stride: (5, 5),
        filter: (25, 5),
        activation: castiron_codegen::graph::Activation::None,
    });
    for (kind, options, input, output, equation, total) in [
        (
            Op::AveragePool2d,
            pool,
            &[1, 25, 5, 64][..],
            &[1, 1, 1, 64][..],
            "25*5*1*1*64",
            8_000,
        ),
        (Op::Softmax, Options::None, &[1, 12], &[1, 12], "3*12", 36),
        (Op::Mean, Options::None, &[1, 4, 4, 2], &[1, 2], "32", 32),
        (Op::Tanh, Options::None, &[3, 4], &[3, 4], "12", 12),
        (
            Op::ResizeBilinear,
            Options::None,
            &[1, 2, 2, 1],
            &[1, 4, 4, 1],
            "4*16",
            64,
        ),
        (Op::Reshape, Options::None, &[3, 4], &[12], "0", 0),
    ] {
        let work = work_of(kind, options, &[(input, false)], output);
        assert_eq!(work.unit, Unit::Operations, "{kind:?}");
        check(&work, equation, total);
    }
}

#[test]
fn a_malformed_operator_computes_nothing() {
    let none = work_of(
        BuiltinOperator::Conv2d,
        Options::None,
        &[(&[1, 4], false)],
        &[1, 4],
    );
    check(&none, "0", 0);
}
