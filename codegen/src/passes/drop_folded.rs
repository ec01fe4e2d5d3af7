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
    without(graph, &done)
}

/// A graph without some of its operators; the others remember where they were.
pub(super) fn without<'a>(graph: Cow<'_, Graph>, gone: &[bool]) -> Cow<'a, Graph> {
    let mut graph = graph.into_owned();
    let origins: Vec<usize> = (0..gone.len()).map(|at| graph.origin(at)).collect();
    let operators = graph.operators.into_iter().zip(origins).zip(gone);
    graph.operators = operators
        .filter(|(_, gone)| !**gone)
        .map(|((mut operator, origin), _)| {
            if operator.origin.is_empty() {
                operator.origin = vec![origin];
            }
            operator
        })
        .collect();
    Cow::Owned(graph)
}
