//! Graph → graph, before planning: each pass a small function with its own test.

mod fold_constants;

use std::borrow::Cow;

use crate::error::Result;
use crate::graph::Graph;

/// Runs all passes in order.
///
/// # Errors
/// If a pass meets an operator that it cannot evaluate.
pub fn run(graph: &Graph) -> Result<Cow<'_, Graph>> {
    fold_constants::run(graph)
}
