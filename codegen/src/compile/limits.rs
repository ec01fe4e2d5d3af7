//! What a model is refused for that has kernels for every operator.

use std::collections::{BTreeSet, HashMap};

use crate::error::{Diagnostic, Remedy};
use crate::graph::{Graph, Model};
use crate::ops;
use crate::program::FirmwareOps;
use crate::warnings;

/// The most kernel calls of a program, of all its entry points and the subgraphs that they run.
pub(super) const MOST_STEPS: usize = 4096;
/// The most inputs and outputs of a program, of all its entry points.
const MOST_PORTS: usize = 1024;
/// How deep subgraphs may run each other: each is a call on the firmware's stack.
const MOST_NESTED: usize = 32;

/// Code for thousands of calls takes this generator seconds and the compiler minutes.
pub(super) fn too_many_steps(steps: usize) -> Option<Diagnostic> {
    (steps > MOST_STEPS).then(|| {
        Diagnostic::new("the model needs too many kernel calls for the compiled engine")
            .expected(format_args!("at most {MOST_STEPS}"))
            .found(steps)
            .help("use fewer operators in the model, or operators with fewer inputs")
    })
}

/// Each is a function, with its types, in what is written.
pub(super) fn too_many_ports<'a>(entered: impl Iterator<Item = &'a Graph>) -> Option<Diagnostic> {
    let ports: usize = entered
        .map(|graph| graph.inputs.len() + graph.outputs.len())
        .sum();
    (ports > MOST_PORTS).then(|| {
        Diagnostic::new("the model has too many inputs and outputs for the compiled engine")
            .expected(format_args!("at most {MOST_PORTS}"))
            .found(ports)
            .help("concatenate them in the model, or convert fewer signatures")
    })
}

/// Inputs whose sizes nobody has said.
pub(super) fn of_any_size(model: &Model, roots: &[usize]) -> Vec<Diagnostic> {
    let inputs = roots.iter().flat_map(|root| {
        let graph = &model.graphs[*root];
        graph
            .inputs
            .iter()
            .map(move |id| (*root, *id, graph.tensor(*id)))
    });
    let unknown = inputs.filter_map(|(root, id, tensor)| {
        let unknown = warnings::any_size(tensor)?.remedy(Remedy::Shape);
        Some(
            unknown
                .in_subgraph(root)
                .at_tensor(id.index(), &tensor.name),
        )
    });
    unknown.collect()
}

/// Operators that the firmware is said to compute, and that are not in the model or that castiron computes.
pub(super) fn not_custom(model: &Model, custom: &FirmwareOps) -> Vec<Diagnostic> {
    let operators = model.graphs.iter().flat_map(|graph| &graph.operators);
    let names: BTreeSet<&str> = operators
        .filter(|operator| ops::is_custom(&operator.kind))
        .map(|operator| operator.kind.name())
        .collect();
    let said: BTreeSet<&str> = custom.names().collect();
    let wrong = said.into_iter().filter(|name| !names.contains(name));
    let wrong = wrong.map(|name| {
        let there: Vec<&str> = names.iter().copied().collect();
        let problem = Diagnostic::new("the model needs no such custom operator of the firmware");
        let found = problem.found(format_args!("{name:?}"));
        match &there[..] {
            [] => found
                .expected("none: castiron computes all operators of the model, or none is custom"),
            there => found.expected(there.join(", ")),
        }
    });
    wrong.collect()
}

/// The subgraphs that run, with their indices, each behind those that it runs itself.
pub(super) fn too_deep<'a>(graphs: impl Iterator<Item = (usize, &'a Graph)>) -> Option<Diagnostic> {
    let mut depths: HashMap<usize, usize> = HashMap::new();
    for (index, graph) in graphs {
        let below = graph.callees().filter_map(|c| depths.get(&c));
        let depth = below.max().map_or(0, |deepest| deepest + 1);
        depths.insert(index, depth);
    }
    let (index, depth) = depths
        .into_iter()
        .max_by_key(|(index, depth)| (*depth, *index))?;
    (depth > MOST_NESTED).then(|| {
        Diagnostic::new("subgraphs are nested too deep for the compiled engine")
            .expected(format_args!("at most {MOST_NESTED} levels"))
            .found(depth)
            .help("nest fewer conditions and loops in the model's source")
            .in_subgraph(index)
    })
}
