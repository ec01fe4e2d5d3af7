//! Operators that change nothing are removed: TRANSPOSE that moves nothing, PAD by nothing, QUANTIZE to the same scale.

use super::Effect;
use super::editing::Editing;
use crate::graph::{
    Activation, BuiltinOperator as Op, DType, Graph, OpKind, Options, Tensor, TensorId,
};
use crate::ops;

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        if let Some(x) = identity(editing.graph(), position) {
            bypass(editing, x, &[position]);
        }
    }
}

/// Takes operators out that come to nothing: what the last of them computes is what the first reads. That stays as it is where
/// neither of the two can stand for the other.
pub fn bypass(editing: &mut Editing<'_>, x: TensorId, positions: &[usize]) {
    let last = positions.last().map(|last| editing.operator(*last));
    let Some(&[y]) = last.map(|last| &last.outputs[..]) else {
        return;
    };
    let may_compute = editing.is_read_once(x) && editing.producer(x).is_some();
    if editing.is_output(y) && !may_compute {
        return;
    }
    editing.say(Effect::Removed, positions);
    positions
        .iter()
        .for_each(|position| editing.remove(*position));
    match editing.is_output(y) {
        true => editing.compute_instead(x, y),
        false => editing.read_instead(y, x),
    }
}

/// The input that an operator's only output is equal to in all that matters.
fn identity(graph: &Graph, position: usize) -> Option<TensorId> {
    let operator = &graph.operators[position];
    let OpKind::Builtin(op) = operator.kind else {
        return None;
    };
    let x = match op {
        Op::Pad | Op::Padv2 | Op::Quantize | Op::Cast | Op::MaxPool2d | Op::AveragePool2d => {
            operator.inputs.first().copied().flatten()?
        }
        Op::Concatenation => match operator.inputs[..] {
            [Some(only)] => only,
            _ => return None,
        },
        _ if ops::moves_elements(graph, position) => return None,
        _ => ops::moved_input(graph, position)?,
    };
    let [y] = operator.outputs[..] else {
        return None;
    };
    (is_same(graph, x, y) && keeps_values(graph, position, graph.tensor(x).dtype)).then_some(x)
}

/// Whether two tensors can stand for each other.
pub fn is_same(graph: &Graph, x: TensorId, y: TensorId) -> bool {
    let [x, y] = [x, y].map(|id| graph.tensor(id));
    let may_change = |tensor: &Tensor| tensor.is_constant() || tensor.is_variable;
    x.dtype == y.dtype
        && x.shape == y.shape
        && x.quantization == y.quantization
        && !may_change(x)
        && !may_change(y)
}

/// Whether an operator between tensors that are alike gives each element as it is.
fn keeps_values(graph: &Graph, position: usize, dtype: DType) -> bool {
    let integer = matches!(dtype, DType::Int8 | DType::Uint8 | DType::Int16);
    match (
        &graph.operators[position].kind,
        &graph.operators[position].options,
    ) {
        // The quotient of two equal scales is 1, and 2³⁰ × 2¹⁻³¹ is exact.
        (OpKind::Builtin(Op::Quantize), _) => integer,
        // Numbers of bool that are not 0 become 1.
        (OpKind::Builtin(Op::Cast), _) => dtype != DType::Bool,
        // Floats are limited to finite ones.
        (_, Options::Pool2d(o)) => {
            integer && o.filter == (1, 1) && o.stride == (1, 1) && o.activation == Activation::None
        }
        (_, Options::Concatenation(o)) => o.activation == Activation::None,
        _ => true,
    }
}
