//! Shapes across subgraphs, of a model whose input sizes were not known when it was converted: those of subgraphs that operators run
//! follow from what the operators hand over, and what comes back, and what variables hold, from theirs.

use std::borrow::Cow;

use super::infer_shapes::is_needed;
use super::{Pass, Passes, known};
use crate::graph::variables::{Access, Variables};
use crate::graph::{
    BuiltinOperator, Graph, Model, OpKind, Options, Tensor, TensorId, callees_first,
};

/// What comes back may be handed over again. Each round follows all that is handed over, and one step back.
const MOST_ROUNDS: usize = 8;

/// The model with the shapes that follow from those of other subgraphs, unless that is left out.
pub fn of_called(model: &Model, without: Passes) -> Cow<'_, Model> {
    let mut found = Cow::Borrowed(model);
    let crosses = |graph: &Graph| {
        let mut operators = graph.operators.iter();
        operators.any(|o| o.options.callees().next().is_some() || is_read(&o.kind))
    };
    let is_open = |graph: &Graph| crosses(graph) && is_needed(graph);
    if without.contains(Pass::InferShapes) || !model.graphs.iter().any(is_open) {
        return found;
    }
    let all: Vec<usize> = (0..model.graphs.len()).collect();
    let order = callees_first(&all, |index| model.graphs[index].callees().collect());
    for _ in 0..MOST_ROUNDS {
        let mut is_changed = false;
        for &index in order.iter().rev() {
            let graph = known(&found.graphs[index], without).graph.into_owned();
            let tensors = (0..).map(TensorId).zip(&graph.tensors);
            let tensors = tensors.take(found.graphs[index].tensors.len());
            let own = tensors.map(|(id, tensor)| (index, id, Sizes::of(tensor)));
            let given: Vec<_> = own.chain(handed_over(&found, &graph)).collect();
            is_changed |= take(&mut found, given);
        }
        let back: Vec<_> = (order.iter())
            .flat_map(|index| handed_back(&found, *index))
            .chain(held(&found, &all))
            .collect();
        is_changed |= take(&mut found, back);
        if !is_changed {
            break;
        }
    }
    found
}

/// A tensor's shape, and whether it follows from known sizes.
struct Sizes {
    shape: Vec<usize>,
    are_known: bool,
}

impl Sizes {
    fn of(tensor: &Tensor) -> Self {
        Self {
            shape: tensor.shape.clone(),
            are_known: tensor.unknown_sizes().is_empty(),
        }
    }
}

type Given = (usize, TensorId, Sizes);

/// Gives shapes to tensors whose sizes are open. Whether that changed any.
fn take(model: &mut Cow<'_, Model>, given: Vec<Given>) -> bool {
    let mut is_changed = false;
    for (index, id, sizes) in given {
        let tensor = &model.graphs[index].tensors[id.index()];
        let is_open = !tensor.unknown_sizes().is_empty() && tensor.shape.len() == sizes.shape.len();
        let differs = tensor.shape != sizes.shape || sizes.are_known;
        if is_open && differs && tensor.may_have(&sizes.shape) {
            let tensor = &mut model.to_mut().graphs[index].tensors[id.index()];
            tensor.shape = sizes.shape;
            if sizes.are_known {
                tensor.shape_signature = None;
            }
            is_changed = true;
        }
    }
    is_changed
}

/// The inputs of subgraphs that a graph's operators run, with the shapes of what they are given.
fn handed_over(model: &Model, graph: &Graph) -> Vec<Given> {
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
                Some((callee, *own, Sizes::of(graph.tensor((*given)?))))
            }));
        }
    }
    found
}

/// The outputs of IF, with the shapes of what the first branch gives.
fn handed_back(model: &Model, index: usize) -> Vec<Given> {
    let mut found = Vec::new();
    for operator in &model.graphs[index].operators {
        let Options::If(options) = &operator.options else {
            continue;
        };
        if let Some(branch) = model.graphs.get(options.then_graph) {
            let pairs = std::iter::zip(&operator.outputs, &branch.outputs);
            found.extend(pairs.map(|(own, given)| (index, *own, Sizes::of(branch.tensor(*given)))));
        }
    }
    found
}

/// What is read of variables, with the shapes of what is assigned to them.
fn held(model: &Model, all: &[usize]) -> Vec<Given> {
    let has_variables = |graph: &Graph| graph.operators.iter().any(|o| is_read(&o.kind));
    if !model.graphs.iter().any(has_variables) {
        return Vec::new();
    }
    let (variables, _) = Variables::of(model, all);
    let mut found = Vec::new();
    for &index in all {
        for operator in &model.graphs[index].operators {
            let Some(Access::Read(variable)) = variables.access(index, operator) else {
                continue;
            };
            let held = variables.values.get(variable).and_then(Option::as_ref);
            if let (Some(held), Some(output)) = (held, operator.outputs.first()) {
                found.push((index, *output, Sizes::of(held)));
            }
        }
    }
    found
}

fn is_read(kind: &OpKind) -> bool {
    *kind == OpKind::Builtin(BuiltinOperator::ReadVariable)
}
