//! DEQUANTIZE of constants: weights that a converter stored as half-precision numbers, or as integers.

use crate::graph::{BuiltinOperator, DType, Graph, OpKind, Operator, Quantization, Tensor};

/// The float32 numbers that an operator makes of a constant, little endian; `None` of other operators and types, and of
/// what has no scale.
pub(super) fn constant(graph: &Graph, operator: &Operator) -> Option<Vec<u8>> {
    if operator.kind != OpKind::Builtin(BuiltinOperator::Dequantize) {
        return None;
    }
    let input = graph.tensor(operator.inputs.first().copied().flatten()?);
    let output = graph.tensor(*operator.outputs.first()?);
    if output.dtype != DType::Float32 || output.elements() != input.elements() {
        return None;
    }
    if input.dtype == DType::Float16 {
        let values = input.as_halves()?.into_iter();
        return Some(values.flat_map(f32::to_le_bytes).collect());
    }
    let stored = integers(input)?;
    if let Some(blocks) = input.blocks {
        let scales = graph.tensor(blocks.scales).as_halves()?;
        let values = stored.iter().enumerate();
        let values = values.map(|(at, stored)| scales[at / blocks.size] * *stored as f32);
        return Some(values.flat_map(f32::to_le_bytes).collect());
    }
    let quantization = input.quantization.as_ref()?;
    let values = stored.iter().enumerate().map(|(at, stored)| {
        let channel = channel(quantization, &input.shape, at);
        let steps = stored - quantization.zero_point[channel];
        // The difference is exact in single precision, so the product is rounded once.
        quantization.scale[channel] * steps as f32
    });
    Some(values.flat_map(f32::to_le_bytes).collect())
}

/// A constant's stored numbers, of at most 16 bits.
fn integers(tensor: &Tensor) -> Option<Vec<i32>> {
    let data = tensor.data.as_deref()?;
    match tensor.dtype {
        DType::Uint8 => Some(data.iter().map(|b| i32::from(*b)).collect()),
        DType::Int16 => Some(tensor.as_words()?.map(i32::from).collect()),
        _ => {
            let values = tensor.as_small_integers()?;
            Some(values.into_iter().map(i32::from).collect())
        }
    }
}

/// Which of the scales is that of an element.
pub fn channel(quantization: &Quantization, shape: &[usize], at: usize) -> usize {
    match quantization.scale.len() {
        1 => 0,
        channels => {
            let inner: usize = shape[quantization.dimension + 1..].iter().product();
            at / inner.max(1) % channels
        }
    }
}
