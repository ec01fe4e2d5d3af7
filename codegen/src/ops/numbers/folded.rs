//! Biases of int8 products inside of an operator.

/// Biases with the input's zero point z folded in: Σ (x − z)·w + b = Σ x·w + (b − z·Σ w). Weights are row by row, and no
/// biases are zeros.
pub(in crate::ops) fn folded(
    weights: &[i8],
    inputs: usize,
    zero_point: i32,
    biases: &[i32],
) -> Vec<i32> {
    let rows = weights.chunks(inputs.max(1)).enumerate();
    let folded = rows.map(|(row, weights)| {
        let sum: i32 = weights.iter().map(|w| i32::from(*w)).sum();
        let bias = biases.get(row).copied().unwrap_or(0);
        bias.wrapping_sub(zero_point.wrapping_mul(sum))
    });
    folded.collect()
}
