//! Graph → graph, before planning: each pass a small function with its own test.

mod called_shapes;
mod decode;
mod drop_folded;
mod fold_constants;
mod half;
mod infer_shapes;
mod join_movements;
mod update_lists;

use std::borrow::Cow;

use crate::error::Diagnostic;
use crate::graph::Graph;

pub use called_shapes::of_called;

/// A graph after all passes.
#[derive(Debug)]
pub struct Passed<'a> {
    /// The graph. Operators know which of the file's they are; tensors have the file's indices.
    pub graph: Cow<'a, Graph>,
    /// Operators whose constant inputs were not folded, with the reason: it says more than what
    /// choosing says of a constant where a family looks for an activation. By the file's indices.
    pub unfolded: Vec<(usize, Diagnostic)>,
}

/// Runs all passes in order. None of them fails: what a pass cannot do stays as it was.
pub fn run(graph: &Graph) -> Passed<'_> {
    let Passed { graph, unfolded } = match update_lists::run(graph) {
        Cow::Borrowed(graph) => fold_constants::run(graph),
        Cow::Owned(graph) => {
            let Passed { graph, unfolded } = fold_constants::run(&graph);
            Passed {
                graph: Cow::Owned(graph.into_owned()),
                unfolded,
            }
        }
    };
    Passed {
        graph: join_movements::run(drop_folded::run(graph)),
        unfolded,
    }
}
