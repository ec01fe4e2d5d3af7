//! QUANTIZE behind DEQUANTIZE leaves where it gives back what was there.
//!
//! DEQUANTIZE gives `s × (q − z)` in single precision: the difference is an exact integer `n` of less than 2¹⁷, and the product is
//! rounded once. QUANTIZE divides by `s`, which rounds once more, and takes the nearest integer. Two roundings move the quotient
//! off `n` by at most `n × 2⁻²³ < 1/2`, so that it is `n` again. A product below the normal numbers is a multiple of their step
//! and exact; one beyond them is infinite, which the scale must not allow.
//!
//! QUANTIZE between int8 and uint8 of one scale only moves the zero point by 128, and QUANTIZE back moves it back.

use super::editing::Editing;
use super::remove_identities::{bypass, is_same};
use crate::graph::{BuiltinOperator as Op, DType, Graph, OpKind, Tensor, TensorId};

pub(super) fn run(editing: &mut Editing<'_>) {
    for position in 0..editing.graph().operators.len() {
        cancel(editing, position);
    }
}

fn cancel(editing: &mut Editing<'_>, position: usize) -> Option<()> {
    let graph = editing.graph();
    let (between, y) = operands(graph, position, Op::Quantize)?;
    let producer = editing
        .producer(between)
        .filter(|_| editing.is_read_once(between))?;
    let (x, is_exact) = match operands(graph, producer, Op::Dequantize) {
        Some((x, _)) => (x, stays_finite(graph.tensor(x))),
        None => {
            let (x, _) = operands(graph, producer, Op::Quantize)?;
            (x, moves_zero_point(graph.tensor(x), graph.tensor(between)))
        }
    };
    if is_exact && is_same(graph, x, y) {
        bypass(editing, x, &[producer, position]);
    }
    Some(())
}

/// Input and output of an operator of a kind.
fn operands(graph: &Graph, position: usize, op: Op) -> Option<(TensorId, TensorId)> {
    let operator = &graph.operators[position];
    match (&operator.inputs[..], &operator.outputs[..]) {
        ([Some(x)], [y]) if operator.kind == OpKind::Builtin(op) => Some((*x, *y)),
        _ => None,
    }
}

/// Whether a tensor has one scale, and none of its numbers is beyond single precision.
fn stays_finite(tensor: &Tensor) -> bool {
    let scale = tensor.quantization.as_ref().and_then(|q| q.per_tensor());
    let is_integer = matches!(tensor.dtype, DType::Int8 | DType::Uint8 | DType::Int16);
    is_integer && scale.is_some_and(|(scale, _)| (scale * MOST).is_finite())
}

/// The greatest difference of a stored value and a zero point, and one more.
pub const MOST: f32 = (1 << 17) as f32;

/// Whether two tensors are int8 and uint8 with the same numbers.
fn moves_zero_point(x: &Tensor, y: &Tensor) -> bool {
    let of = |tensor: &Tensor| tensor.quantization.as_ref().and_then(|q| q.per_tensor());
    let (Some((x_scale, x_zero)), Some((y_scale, y_zero))) = (of(x), of(y)) else {
        return false;
    };
    let moved = match (x.dtype, y.dtype) {
        (DType::Int8, DType::Uint8) => y_zero - x_zero,
        (DType::Uint8, DType::Int8) => x_zero - y_zero,
        _ => 0,
    };
    x_scale == y_scale && moved == 128
}
