use std::borrow::Cow;

use castiron_codegen::graph::{BuiltinOperator as Op, DType, Graph, OpKind, Tensor};
use castiron_codegen::graph::{Operator, Options, TensorId};
use castiron_codegen::ops;
use castiron_codegen::passes::Pass;
use castiron_codegen::passes::editing::Editing;
use castiron_codegen::passes::join_movements::*;

/// A tensor of [2, 3, 4], transposed again and again.
fn transposed(orders: &[[usize; 3]]) -> Graph {
    let mut graph = Graph {
        name: String::new(),
        tensors: vec![tensor(&[2, 3, 4], None)],
        operators: Vec::new(),
        inputs: vec![TensorId(0)],
        outputs: Vec::new(),
    };
    for order in orders {
        let last = last(&graph);
        let shape = order.map(|axis| graph.tensor(last).shape[axis]);
        let bytes = order.iter().flat_map(|axis| (*axis as i32).to_le_bytes());
        graph.tensors.push(tensor(&[3], Some(bytes.collect())));
        let order = TensorId(graph.tensors.len() as u32 - 1);
        push(&mut graph, Op::Transpose, &[last, order], &shape);
    }
    graph
}

fn last(graph: &Graph) -> TensorId {
    TensorId(graph.tensors.len() as u32 - 1)
}

fn push(graph: &mut Graph, op: Op, inputs: &[TensorId], shape: &[usize]) {
    graph.tensors.push(tensor(shape, None));
    graph.outputs = vec![last(graph)];
    graph.operators.push(Operator {
        kind: OpKind::Builtin(op),
        version: 1,
        inputs: inputs.iter().copied().map(Some).collect(),
        outputs: graph.outputs.clone(),
        intermediates: Vec::new(),
        options: Options::None,
        origin: Vec::new(),
    });
}

fn tensor(shape: &[usize], data: Option<Vec<u8>>) -> Tensor {
    let dtype = match data {
        Some(_) => DType::Int32,
        None => DType::Float32,
    };
    Tensor {
        data: data.map(Into::into),
        ..crate::unit::tensor(dtype, shape)
    }
}

/// Of each operator that is left: those of the file that it is, and whether it moves anything.
fn left(graph: &Graph) -> Vec<(Vec<usize>, bool)> {
    let mut editing = Editing::new(Cow::Borrowed(graph), Pass::JoinMovements);
    run(&mut editing);
    let (graph, _) = editing.finish();
    let parts = |o: &Operator| o.origin.iter().map(|part| part.index).collect();
    let operators = graph.operators.iter().enumerate();
    operators
        .map(|(index, o)| (parts(o), ops::joined::moves_elements(&graph, index)))
        .collect()
}

#[test]
fn three_are_one_and_opposites_are_none() {
    let turn = [2, 0, 1];
    assert_eq!(left(&transposed(&[turn, turn])), [(vec![0, 1], true)]);
    assert_eq!(
        left(&transposed(&[turn, turn, turn])),
        [(vec![0, 1, 2], false)]
    );
}

#[test]
fn what_only_changes_the_shape_may_be_between() {
    let mut graph = transposed(&[[0, 2, 1]]);
    let between = last(&graph);
    push(&mut graph, Op::Reshape, &[between], &[2, 2, 2, 3]);
    let reshaped = last(&graph);
    let order = [1i32, 0, 2, 3]
        .iter()
        .flat_map(|axis| axis.to_le_bytes())
        .collect();
    graph.tensors.push(tensor(&[4], Some(order)));
    let order = last(&graph);
    push(&mut graph, Op::Transpose, &[reshaped, order], &[2, 2, 2, 3]);
    assert_eq!(left(&graph), [(vec![0, 1, 2], true)]);
    // One RESHAPE more is no copy, and stays.
    let moved = last(&graph);
    push(&mut graph, Op::Reshape, &[moved], &[24]);
    assert_eq!(left(&graph).len(), 2);
}

#[test]
fn what_others_read_stays() {
    let mut graph = transposed(&[[2, 0, 1], [1, 0, 2]]);
    let between = graph.operators[0].outputs[0];
    graph.outputs.push(between);
    assert_eq!(left(&graph).len(), 2);
}
