//! The sizes of what comes out of an operator, by what goes in. A recorded shape that says otherwise makes kernels read or write beside
//! their tensors: they go by one side and take the other for right.
//!
//! Only sizes that the writer knew are held against each other, and dimensions of 1 are left out: with them, shapes differ in
//! harmless ways.

use super::report::short;
use super::structure::{AGAIN, is_sized};
use crate::error::Diagnostic;
use crate::graph::operands::Operands;
use crate::graph::shapes::alike;
use crate::graph::{BuiltinOperator as Op, Graph, Operator, inference};

/// Holds the outputs of one operator against its inputs.
pub(super) fn check(graph: &Graph, operator: &Operator, op: Op) -> Option<Diagnostic> {
    if is_checked_elsewhere(op) {
        return None;
    }
    let operands = Operands::new(graph, operator);
    let mut all = operands.inputs().chain(operands.outputs().iter().copied());
    let expected = all
        .all(is_sized)
        .then(|| inference::of_outputs(op, &operands))??;
    let outputs = std::iter::zip(&operator.outputs, operands.outputs());
    let (expected, (id, found)) = std::iter::zip(&expected, outputs)
        .find(|(expected, (_, found))| !alike(expected, &found.shape))?;
    Some(
        Diagnostic::new("the output's size does not follow from the operator's inputs")
            .expected(format_args!("shape {expected:?}"))
            .found(format_args!("{:?}", found.shape))
            .help(AGAIN)
            .at_tensor(id.index(), &short(&found.name)),
    )
}

/// Operators whose kernels compare sizes themselves, in TensorFlow Lite and here.
fn is_checked_elsewhere(op: Op) -> bool {
    matches!(
        op,
        Op::AveragePool2d
            | Op::BroadcastArgs
            | Op::Conv2d
            | Op::DepthwiseConv2d
            | Op::FullyConnected
            | Op::L2Pool2d
            | Op::MaxPool2d
            | Op::Rank
            | Op::Reshape
    )
}
