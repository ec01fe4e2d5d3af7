//! What a custom operator that the firmware computes is given.

use crate::spec::TensorSpec;

/// A tensor that a custom operator reads.
///
/// ```ignore
/// fn run(_options: &[u8], x: castiron::Tensor<'_, i8>, y: castiron::TensorMut<'_, i8>) {
///     for (x_value, y_value) in x.values.iter().zip(y.values) {
///         *y_value = y.spec.quantize(2.0 * x.spec.dequantize(*x_value));
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'a, T: 'static> {
    /// Its values as the model stores them, the last dimension fastest.
    pub values: &'a [T],
    /// Its name, shape and quantisation.
    pub spec: &'static TensorSpec<T>,
}

/// A tensor that a custom operator writes: an output, or a variable that it also reads.
///
/// An output holds anything at first.
#[derive(Debug)]
pub struct TensorMut<'a, T: 'static> {
    /// Its values as the model stores them, the last dimension fastest.
    pub values: &'a mut [T],
    /// Its name, shape and quantisation.
    pub spec: &'static TensorSpec<T>,
}
