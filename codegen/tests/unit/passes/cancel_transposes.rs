use std::borrow::Cow;

use castiron_codegen::graph::DType;
use castiron_codegen::graph::{
    BuiltinOperator as Op, Graph, OpKind, Operator, Options, Tensor, TensorId,
};
use castiron_codegen::passes::Pass;
use castiron_codegen::passes::cancel_transposes::*;
use castiron_codegen::passes::editing::Editing;

fn tensor(shape: &[usize], order: Option<[i32; 3]>) -> Tensor {
    let data = order.map(|order| order.iter().flat_map(|axis| axis.to_le_bytes()).collect());
    Tensor {
        data,
        ..crate::unit::tensor(
            match order {
                Some(_) => DType::Int32,
                None => DType::Float32,
            },
            shape,
        )
    }
}

fn operator(op: Op, inputs: &[u32], output: u32) -> Operator {
    Operator {
        kind: OpKind::Builtin(op),
        version: 1,
        inputs: inputs.iter().map(|id| Some(TensorId(*id))).collect(),
        outputs: vec![TensorId(output)],
        intermediates: Vec::new(),
        options: Options::None,
        origin: Vec::new(),
    }
}

/// [2, 3, 4], transposed, RELU, and transposed by another order.
fn around_relu(back: [i32; 3], shape: &[usize]) -> Graph {
    Graph {
        name: String::new(),
        tensors: vec![
            tensor(&[2, 3, 4], None),
            tensor(&[3], Some([2, 0, 1])),
            tensor(&[4, 2, 3], None),
            tensor(&[4, 2, 3], None),
            tensor(&[3], Some(back)),
            tensor(shape, None),
        ],
        operators: vec![
            operator(Op::Transpose, &[0, 1], 2),
            operator(Op::Relu, &[2], 3),
            operator(Op::Transpose, &[3, 4], 5),
        ],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(5)],
    }
}

/// Names of the operators that are left, and the shapes of what they compute.
fn left(graph: &Graph) -> Vec<(String, Vec<usize>)> {
    let mut editing = Editing::new(Cow::Borrowed(graph), Pass::CancelTransposes);
    run(&mut editing);
    let (graph, _) = editing.finish();
    let computed = |o: &Operator| graph.tensor(o.outputs[0]).shape.clone();
    let operators = graph.operators.iter();
    operators.map(|o| (o.name(), computed(o))).collect()
}

#[test]
fn opposites_around_an_operator_leave() {
    let graph = around_relu([1, 2, 0], &[2, 3, 4]);
    assert_eq!(left(&graph), [("RELU".to_owned(), vec![2, 3, 4])]);
}

#[test]
fn what_is_read_in_its_order_stays() {
    // One TRANSPOSE by another order than the opposite is left of two.
    let two = [("RELU", [2, 3, 4]), ("TRANSPOSE", [3, 4, 2])];
    let two = two.map(|(name, shape)| (name.to_owned(), shape.to_vec()));
    assert_eq!(left(&around_relu([2, 0, 1], &[3, 4, 2])), two);
    let mut graph = around_relu([1, 2, 0], &[2, 3, 4]);
    graph.outputs.push(TensorId(3));
    assert_eq!(left(&graph).len(), 3);
}

/// What the last TRANSPOSE gives is what one before it gave, which leaves with it: both are what RELU computes.
#[test]
fn who_reads_behind_opposites_in_a_row_reads_what_is_left() {
    let mut graph = around_relu([1, 2, 0], &[2, 3, 4]);
    let shapes = [[4, 2, 3], [4, 2, 3], [2, 3, 4], [2, 3, 4], [2, 3, 4]];
    let more = shapes.map(|shape| tensor(&shape, None));
    graph.tensors.extend(more);
    graph.operators.extend([
        operator(Op::Transpose, &[5, 1], 6),
        operator(Op::Maximum, &[3, 6], 7),
        operator(Op::Transpose, &[6, 4], 8),
        operator(Op::Transpose, &[7, 4], 9),
        operator(Op::Relu, &[8], 10),
    ]);
    graph.outputs = vec![TensorId(9), TensorId(10)];
    let mut editing = Editing::new(Cow::Borrowed(&graph), Pass::CancelTransposes);
    run(&mut editing);
    let (graph, _) = editing.finish();
    let [first, _, last] = &graph.operators[..] else {
        panic!("{graph:?}");
    };
    assert_eq!(last.inputs[0], Some(first.outputs[0]));
}
