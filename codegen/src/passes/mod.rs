//! Graph → graph, before planning: each pass a small function with its own test. What they do changes no bit of an integer, and
//! no float by more than its rounding.

mod called_shapes;
pub mod cancel_quantization;
pub mod cancel_transposes;
mod change;
mod channels;
pub mod decode;
pub mod dequantize;
mod drop_folded;
pub mod editing;
pub mod fold_constants;
mod fold_scales;
pub mod fuse_activations;
mod fuse_padding;
pub mod infer_shapes;
mod join_elementwise;
pub mod join_movements;
mod join_reductions;
mod join_tables;
pub mod list;
mod remove_channels;
mod remove_dead;
pub mod remove_identities;
mod turned_weights;
pub mod turning;
mod update_lists;

use std::borrow::Cow;

use crate::error::Diagnostic;
use crate::graph::Graph;

pub use called_shapes::of_called;
pub use change::{Change, Effect};
use editing::Editing;
pub use list::{Pass, Passes};

/// A graph after all passes.
#[derive(Debug)]
pub struct Passed<'a> {
    /// The graph. Operators know which of the file's they are; tensors have the file's indices, and those that passes add have
    /// greater ones.
    pub graph: Cow<'a, Graph>,
    /// Operators whose constant inputs were not folded, with the reason: it says more than what
    /// choosing says of a constant where a family looks for an activation. By the file's indices.
    pub unfolded: Vec<(usize, Diagnostic)>,
    /// What was done, in order.
    pub changes: Vec<Change>,
}

/// A pass that changes operators.
type Run = fn(&mut Editing<'_>);

/// Runs all passes but some, in order. None of them fails: what a pass cannot do stays as it was.
pub fn run(graph: &Graph, without: Passes) -> Passed<'_> {
    let mut passed = known(graph, without);
    let passes: [(Pass, Run); 13] = [
        (Pass::FoldConstants, drop_folded::run),
        (Pass::RemoveDead, remove_dead::run),
        (Pass::RemoveIdentities, remove_identities::run),
        (Pass::CancelQuantization, cancel_quantization::run),
        (Pass::CancelTransposes, cancel_transposes::run),
        (Pass::FusePadding, fuse_padding::run),
        (Pass::FoldScales, fold_scales::run),
        (Pass::FuseActivations, fuse_activations::run),
        (Pass::RemoveChannels, remove_channels::run),
        (Pass::JoinTables, join_tables::run),
        (Pass::JoinElementwise, join_elementwise::run),
        (Pass::JoinReductions, join_reductions::run),
        (Pass::JoinMovements, join_movements::run),
    ];
    for (pass, run) in passes {
        if !without.contains(pass) {
            let (graph, changes) = change(passed.graph, pass, run);
            passed.graph = graph;
            passed.changes.extend(changes);
        }
    }
    passed
}

fn change(graph: Cow<'_, Graph>, pass: Pass, run: Run) -> (Cow<'_, Graph>, Vec<Change>) {
    let mut editing = Editing::new(graph, pass);
    run(&mut editing);
    editing.finish()
}

/// What is known of a graph's tensors before it runs: shapes and constants.
fn known(graph: &Graph, without: Passes) -> Passed<'_> {
    let (graph, mut changes) = match without.contains(Pass::UpdateLists) {
        true => (Cow::Borrowed(graph), Vec::new()),
        false => change(Cow::Borrowed(graph), Pass::UpdateLists, update_lists::run),
    };
    let folded = match graph {
        Cow::Borrowed(graph) => fold_constants::run(graph, without),
        Cow::Owned(graph) => {
            let Passed {
                graph,
                unfolded,
                changes,
            } = fold_constants::run(&graph, without);
            Passed {
                graph: Cow::Owned(graph.into_owned()),
                unfolded,
                changes,
            }
        }
    };
    changes.extend(folded.changes);
    Passed { changes, ..folded }
}

/// The shapes of a graph's tensors, as far as they follow from its inputs, and what stays open of them.
pub(crate) fn sizes(graph: &Graph) -> Vec<(Vec<usize>, Option<Vec<i32>>)> {
    let tensors = known(graph, Passes::NONE).graph.into_owned().tensors;
    let sizes = tensors
        .into_iter()
        .map(|tensor| (tensor.shape, tensor.shape_signature));
    sizes.collect()
}
