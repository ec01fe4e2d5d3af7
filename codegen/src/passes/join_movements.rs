//! Movements behind each other become one, where nobody else reads what is between them: TRANSPOSE after SLICE is one copy, and
//! TRANSPOSE after its opposite is none.

use super::Effect;
use super::editing::Editing;
use crate::graph::{Operator, Options, TensorId};
use crate::ops;

/// Operators that become one, at most.
const MOST_JOINED: usize = 8;

pub(super) fn run(editing: &mut Editing<'_>) {
    for index in 0..editing.graph().operators.len() {
        if !editing.is_gone(index) {
            operator(editing, index);
        }
    }
}

/// Movements that end in a tensor.
struct Chain {
    /// The tensor that the first of them reads.
    source: TensorId,
    /// Their positions.
    positions: Vec<usize>,
    /// Whether any of them moves an element.
    moved: bool,
}

fn operator(editing: &mut Editing<'_>, index: usize) {
    // What keeps all elements where they are is no copy anyway.
    if !ops::moves_elements(editing.graph(), index) {
        return;
    }
    let inputs = editing.operator(index).inputs.iter().flatten();
    let chain = inputs
        .copied()
        .find_map(|id| chain(editing, id))
        .filter(|chain| chain.moved && is_worth_it(editing, chain, index));
    if let Some(chain) = chain {
        join(editing, index, &chain);
    }
}

/// The movements that nobody but an operator that reads a tensor needs.
fn chain(editing: &Editing<'_>, mut id: TensorId) -> Option<Chain> {
    let mut chain = Chain {
        source: id,
        positions: Vec::new(),
        moved: false,
    };
    while chain.positions.len() < MOST_JOINED
        && editing.is_read_once(id)
        && let Some(producer) = editing.producer(id)
        && let Some(source) = ops::moved_input(editing.graph(), producer)
        && !editing.tensor(source).is_constant()
    {
        chain.positions.insert(0, producer);
        chain.source = source;
        chain.moved |= ops::moves_elements(editing.graph(), producer);
        id = source;
    }
    (!chain.positions.is_empty()).then_some(chain)
}

/// What is read later than before is kept for longer: not more than what is saved.
fn is_worth_it(editing: &Editing<'_>, chain: &Chain, index: usize) -> bool {
    let first = chain.positions.first().copied().unwrap_or(index);
    let mut between = (first..index)
        .filter(|position| !chain.positions.contains(position) && !editing.is_gone(*position));
    let last = chain.positions.last().map(|p| editing.operator(*p));
    let saved = last.and_then(|o| o.outputs.first());
    let bytes = |id: TensorId| editing.tensor(id).bytes();
    between.next().is_none() || saved.is_some_and(|saved| bytes(chain.source) <= bytes(*saved))
}

fn join(editing: &mut Editing<'_>, index: usize, chain: &Chain) {
    let mut before: Vec<Operator> = Vec::new();
    let mut parts = Vec::new();
    for position in &chain.positions {
        let operator = editing.operator(*position);
        match &operator.options {
            Options::Joined(all) => before.extend(all.iter().cloned()),
            _ => before.push(operator.clone()),
        }
        parts.extend(editing.graph().parts(*position));
    }
    if before.len() >= MOST_JOINED {
        return;
    }
    let Some(joined) = ops::join(editing.graph(), index, before, chain.source) else {
        return;
    };
    let positions: Vec<usize> = chain.positions.iter().copied().chain([index]).collect();
    editing.say(Effect::Joined, &positions);
    editing.replace(index, joined, parts);
    for position in &chain.positions {
        editing.remove(*position);
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::graph::{BuiltinOperator as Op, DType, Graph, OpKind, Tensor};
    use crate::passes::Pass;

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
        Tensor {
            name: "t".to_owned(),
            shape: shape.to_vec(),
            shape_signature: None,
            dtype: match data {
                Some(_) => DType::Int32,
                None => DType::Float32,
            },
            quantization: None,
            data: data.map(Into::into),
            is_variable: false,
            stored: None,
            blocks: None,
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
            .map(|(index, o)| (parts(o), ops::moves_elements(&graph, index)))
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
}
