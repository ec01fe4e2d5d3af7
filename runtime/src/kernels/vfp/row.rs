//! FULLY_CONNECTED of one row of inputs.

use core::cell::Cell;

use crate::arch::vfp::row;
use crate::kernels::Float;

/// One row of inputs times a matrix, whose weights are packed as those of [`Vmla`](super::Vmla) of as many channels.
#[derive(Clone, Copy)]
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct VmlaRow<const CHANNELS: usize> {
    /// The range of outputs.
    pub numbers: Float,
}

impl<const CHANNELS: usize> VmlaRow<CHANNELS> {
    /// Computes all outputs from the inputs, packed weights and biases other than −0.
    ///
    /// Compiled in the firmware's crate, where a model needs it: other Arm processors have none of these instructions.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<f32>], weights: &[f32], bias: &[f32], y: &[Cell<f32>]) {
        let Float { min, max } = self.numbers;
        row::<CHANNELS>(x, weights, bias, [min, max], y);
    }
}

#[cfg(feature = "host")]
super::host!(VmlaRow<CHANNELS> { numbers });
