//! Graph → graph, before planning: each pass a small function with its own test.

mod fold_constants;
mod half;

use std::borrow::Cow;

use crate::error::Diagnostic;
use crate::graph::Graph;

/// A graph after all passes.
#[derive(Debug)]
pub struct Passed<'a> {
    /// The graph, with all operators at their indices.
    pub graph: Cow<'a, Graph>,
    /// Operators whose constant inputs were not folded, with the reason: it says more than what
    /// choosing says of a constant where a family looks for an activation.
    pub unfolded: Vec<(usize, Diagnostic)>,
}

/// Runs all passes in order. None of them fails: what a pass cannot do stays as it was.
pub fn run(graph: &Graph) -> Passed<'_> {
    fold_constants::run(graph)
}
