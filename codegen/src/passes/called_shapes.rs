//! Shapes of subgraphs that operators run, of a model whose input sizes were not known when it was converted: they follow from
//! those of what the operators hand over.

use std::borrow::Cow;

use super::infer_shapes::is_needed;
use super::{Pass, Passes, known};
use crate::graph::{Graph, Model, Options, TensorId, callees_first};

/// The model with the shapes of its subgraphs that follow from their callers', unless that is left out.
pub fn of_called(model: &Model, without: Passes) -> Cow<'_, Model> {
    let mut found = Cow::Borrowed(model);
    let calls = |graph: &Graph| graph.callees().next().is_some();
    let is_open = |graph: &Graph| calls(graph) && is_needed(graph);
    if without.contains(Pass::InferShapes) || !model.graphs.iter().any(is_open) {
        return found;
    }
    let all: Vec<usize> = (0..model.graphs.len()).collect();
    let order = callees_first(&all, |index| model.graphs[index].callees().collect());
    for index in order.into_iter().rev() {
        let graph = known(&found.graphs[index], without).graph.into_owned();
        let tensors = (0..).map(TensorId).zip(&graph.tensors);
        let own = tensors.map(|(id, tensor)| (index, id, tensor.shape.clone()));
        for (index, id, shape) in own.chain(handed_over(&found, &graph)).collect::<Vec<_>>() {
            let tensor = &found.graphs[index].tensors[id.index()];
            let is_open = !tensor.unknown_sizes().is_empty() && tensor.shape.len() == shape.len();
            if is_open && tensor.shape != shape && tensor.may_have(&shape) {
                found.to_mut().graphs[index].tensors[id.index()].shape = shape;
            }
        }
    }
    found
}

/// The inputs of subgraphs that a graph's operators run, with the shapes of what they are given.
fn handed_over(model: &Model, graph: &Graph) -> Vec<(usize, TensorId, Vec<usize>)> {
    let mut found = Vec::new();
    for operator in &graph.operators {
        let given = match operator.options {
            Options::If(_) => operator.inputs.get(1..).unwrap_or_default(),
            Options::While(_) => &operator.inputs[..],
            _ => continue,
        };
        for callee in operator.options.callees() {
            let own = model.graphs.get(callee);
            let own = own.map_or(&[][..], |graph| &graph.inputs);
            let pairs = std::iter::zip(own, given);
            found.extend(pairs.filter_map(|(own, given)| {
                Some((callee, *own, graph.tensor((*given)?).shape.clone()))
            }));
        }
    }
    found
}
