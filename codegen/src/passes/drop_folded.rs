//! Operators whose outputs are all constant leave: they were computed at build time.

use std::borrow::Cow;

use crate::graph::{Graph, Operator};

pub(super) fn run(graph: Cow<'_, Graph>) -> Cow<'_, Graph> {
    let is_done = |operator: &Operator| {
        let mut outputs = operator.outputs.iter();
        !operator.outputs.is_empty() && outputs.all(|id| graph.tensor(*id).is_constant())
    };
    let done: Vec<bool> = graph.operators.iter().map(is_done).collect();
    if !done.contains(&true) {
        return graph;
    }
    let mut graph = graph.into_owned();
    let origins: Vec<usize> = (0..done.len()).map(|at| graph.origin(at)).collect();
    let operators = graph.operators.into_iter().zip(origins).zip(done);
    graph.operators = operators
        .filter(|(_, done)| !done)
        .map(|((mut operator, origin), _)| {
            if operator.origin.is_empty() {
                operator.origin = vec![origin];
            }
            operator
        })
        .collect();
    Cow::Owned(graph)
}
