//! Movements behind each other become one, where nobody else reads what is between them: TRANSPOSE after SLICE is one copy, and
//! TRANSPOSE after its opposite is none.

use std::borrow::Cow;
use std::collections::HashMap;

use super::drop_folded;
use crate::graph::{Graph, Operator, Options, TensorId};
use crate::ops;

/// Operators that become one, at most.
const MOST_JOINED: usize = 8;

pub(super) fn run(graph: Cow<'_, Graph>) -> Cow<'_, Graph> {
    let mut readers: HashMap<TensorId, usize> = HashMap::new();
    let inputs = graph
        .operators
        .iter()
        .flat_map(|o| o.inputs.iter().flatten());
    for id in inputs.chain(&graph.outputs) {
        *readers.entry(*id).or_default() += 1;
    }
    let mut joining = Joining {
        graph,
        producers: HashMap::new(),
        readers,
        gone: Vec::new(),
    };
    for index in 0..joining.graph.operators.len() {
        joining.operator(index);
    }
    let Joining { graph, gone, .. } = joining;
    if gone.is_empty() {
        return graph;
    }
    let mut is_gone = vec![false; graph.operators.len()];
    gone.into_iter()
        .for_each(|position| is_gone[position] = true);
    drop_folded::without(graph, &is_gone)
}

struct Joining<'a> {
    graph: Cow<'a, Graph>,
    /// Operators so far, by what they compute.
    producers: HashMap<TensorId, usize>,
    readers: HashMap<TensorId, usize>,
    /// Operators that became part of later ones.
    gone: Vec<usize>,
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

impl Joining<'_> {
    fn operator(&mut self, index: usize) {
        // What keeps all elements where they are is no copy anyway.
        let is_copy = ops::moves_elements(&self.graph, index);
        let inputs = self.graph.operators[index].inputs.clone();
        let chain = (inputs.into_iter().flatten())
            .filter(|_| is_copy)
            .find_map(|id| self.chain(id))
            .filter(|chain| chain.moved && self.is_worth_it(chain, index));
        if let Some(chain) = chain {
            self.join(index, &chain);
        }
        for output in self.graph.operators[index].outputs.clone() {
            self.producers.insert(output, index);
        }
    }

    /// The movements that nobody but an operator that reads a tensor needs.
    fn chain(&self, mut id: TensorId) -> Option<Chain> {
        let mut chain = Chain {
            source: id,
            positions: Vec::new(),
            moved: false,
        };
        while chain.positions.len() < MOST_JOINED
            && self.readers.get(&id) == Some(&1)
            && let Some(&producer) = self.producers.get(&id)
            && let Some(source) = ops::moved_input(&self.graph, producer)
            && !self.graph.tensor(source).is_constant()
        {
            chain.positions.insert(0, producer);
            chain.source = source;
            chain.moved |= ops::moves_elements(&self.graph, producer);
            id = source;
        }
        (!chain.positions.is_empty()).then_some(chain)
    }

    /// What is read later than before is kept for longer: not more than what is saved.
    fn is_worth_it(&self, chain: &Chain, index: usize) -> bool {
        let first = chain.positions.first().copied().unwrap_or(index);
        let between = (first..index).filter(|position| {
            !chain.positions.contains(position) && !self.gone.contains(position)
        });
        let last = chain.positions.last().map(|p| &self.graph.operators[*p]);
        let saved = last.and_then(|o| o.outputs.first());
        let bytes = |id: TensorId| self.graph.tensor(id).bytes();
        between.count() == 0 || saved.is_some_and(|saved| bytes(chain.source) <= bytes(*saved))
    }

    fn join(&mut self, index: usize, chain: &Chain) {
        let mut before: Vec<Operator> = Vec::new();
        let mut origin = Vec::new();
        for position in &chain.positions {
            let operator = &self.graph.operators[*position];
            match &operator.options {
                Options::Joined(all) => before.extend(all.iter().cloned()),
                _ => before.push(operator.clone()),
            }
            origin.extend(self.origins(*position));
        }
        if before.len() >= MOST_JOINED {
            return;
        }
        let Some(mut joined) = ops::join(&self.graph, index, before, chain.source) else {
            return;
        };
        origin.extend(self.origins(index));
        joined.origin = origin;
        self.graph.to_mut().operators[index] = joined;
        self.gone.extend(&chain.positions);
    }

    fn origins(&self, position: usize) -> Vec<usize> {
        let origin = &self.graph.operators[position].origin;
        match origin.is_empty() {
            true => vec![position],
            false => origin.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{BuiltinOperator as Op, DType, OpKind, Tensor};

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
        }
    }

    /// Of each operator that is left: those of the file that it is, and whether it moves anything.
    fn left(graph: &Graph) -> Vec<(Vec<usize>, bool)> {
        let graph = run(Cow::Borrowed(graph));
        let moves = |index| ops::moves_elements(&graph, index);
        let operators = graph.operators.iter().enumerate();
        operators
            .map(|(index, o)| (o.origin.clone(), moves(index)))
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
