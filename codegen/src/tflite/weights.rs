//! Weights against the data that they are applied to.

use super::report::short;
use super::structure::{AGAIN, is_sized};
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator as Op, Graph, Operator, Tensor, TensorId};

/// Checks one operator. Sizes that the writer did not know say nothing.
pub(super) fn check(graph: &Graph, operator: &Operator, op: Op) -> Option<Diagnostic> {
    let (x, weights, bias, outputs) = match op {
        Op::Conv2d | Op::FullyConnected => (0, 1, 2, 0),
        Op::DepthwiseConv2d => (0, 1, 2, 3),
        Op::TransposeConv => (2, 1, 3, 0),
        _ => return None,
    };
    let input = |position: usize| operator.inputs.get(position).copied().flatten();
    let (x, weights) = (graph.tensor(input(x)?), input(weights)?);
    let shape = &graph.tensor(weights).shape;
    let output = *operator.outputs.first()?;
    let y = graph.tensor(output);
    let rank = if op == Op::FullyConnected { 2 } else { 4 };
    if shape.len() != rank {
        return None;
    }
    let channels = shape[outputs];
    let misfit = |id: TensorId, expected: String, found: String| {
        Diagnostic::new("the sizes of data, weights and bias do not fit each other")
            .expected(expected)
            .found(found)
            .help(AGAIN)
            .at_tensor(id.index(), &short(&graph.tensor(id).name))
    };
    if let Some(id) = input(bias)
        && graph.tensor(id).elements() != channels
    {
        return Some(misfit(
            id,
            format!("{channels} biases, one for each output of the weights {shape:?}"),
            graph.tensor(id).elements().to_string(),
        ));
    }
    if op == Op::FullyConnected {
        let (depth, found) = (shape[1], format!("{:?} → {:?}", x.shape, y.shape));
        if !is_sized(x) || !is_sized(y) {
            return None;
        }
        let rows = x.elements().checked_div(depth).unwrap_or(0);
        let fits = rows * depth == x.elements() && rows * channels == y.elements();
        return (!fits).then(|| {
            let each = format!("rows of {depth} values that become {channels} each");
            misfit(weights, format!("{each}, for weights {shape:?}"), found)
        });
    }
    if let Some(last) = last_size(y)
        && last != channels
    {
        return Some(misfit(
            output,
            format!("{channels} channels, the outputs of the weights {shape:?}"),
            last.to_string(),
        ));
    }
    let (last, depth) = (last_size(x)?, shape[3]);
    let fits = match op {
        // It has a filter of its own for each channel.
        Op::DepthwiseConv2d => true,
        Op::TransposeConv => last == depth,
        // The channels may be in groups, of which each has as many outputs.
        _ => last.is_multiple_of(depth) && channels.is_multiple_of((last / depth.max(1)).max(1)),
    };
    (!fits).then(|| {
        misfit(
            weights,
            format!("weights for {last} input channels, or groups of them"),
            format!("shape {shape:?}"),
        )
    })
}

/// The channels of four dimensions, if the writer knew them.
fn last_size(tensor: &Tensor) -> Option<usize> {
    let &[_, _, _, last] = &tensor.shape[..] else {
        return None;
    };
    let signature = tensor.shape_signature.as_deref();
    let known = signature
        .and_then(<[i32]>::last)
        .is_none_or(|size| *size >= 0);
    known.then_some(last)
}
