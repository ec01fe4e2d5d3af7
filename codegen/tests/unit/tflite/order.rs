use castiron_codegen::graph::{BuiltinOperator, DType, Operator, Options, Tensor};
use castiron_codegen::graph::{Graph, OpKind, TensorId};
use castiron_codegen::tflite::order::*;
use castiron_codegen::tflite::report::Report;

/// What is wrong with NEG of a tensor that ADD, behind it, writes.
fn wrong(is_variable: bool) -> usize {
    let tensor = |is_variable| Tensor {
        is_variable,
        ..crate::unit::tensor(DType::Float32, &[2])
    };
    let operator = |kind, inputs: &[u32], output| Operator {
        kind: OpKind::Builtin(kind),
        version: 1,
        inputs: inputs.iter().map(|id| Some(TensorId(*id))).collect(),
        outputs: vec![TensorId(output)],
        intermediates: Vec::new(),
        options: Options::None,
        origin: Vec::new(),
    };
    let mut graph = Graph {
        name: String::new(),
        tensors: vec![tensor(false), tensor(is_variable), tensor(false)],
        operators: vec![
            operator(BuiltinOperator::Neg, &[1], 2),
            operator(BuiltinOperator::Add, &[0, 2], 1),
        ],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(2)],
    };
    let mut report = Report::default();
    check(&mut graph, &[true; 3], true, &mut report);
    report.count()
}

#[test]
fn a_variable_may_be_read_before_it_is_written() {
    assert_eq!([false, true].map(wrong), [1, 0]);
}
