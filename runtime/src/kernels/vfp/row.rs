//! FULLY_CONNECTED of one row of inputs.

use core::cell::Cell;

use crate::arch::vfp::row;
use crate::kernels::Float;
#[cfg(feature = "host")]
use crate::kernels::Numbers;

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
impl<const CHANNELS: usize> crate::host::Expression for VmlaRow<CHANNELS> {
    fn expression(&self) -> proc_macro2::TokenStream {
        crate::host::structure("VmlaRow", [("numbers", self.numbers.expression())])
    }
}

#[cfg(feature = "host")]
impl<const CHANNELS: usize> crate::host::MultiplyAccumulate for VmlaRow<CHANNELS> {
    const NAME: &'static str = "VmlaRow";
    type X = f32;
    type Packed = f32;
    type Y = f32;
    type Operands<'a> = (&'a [f32],);

    fn format(&self) -> &'static str {
        Float::NAME
    }

    fn parameters(&self) -> alloc::vec::Vec<proc_macro2::TokenStream> {
        let channels = proc_macro2::Literal::usize_unsuffixed(CHANNELS);
        alloc::vec![quote::quote!(#channels)]
    }

    fn compute(&self, x: &[Cell<f32>], weights: &[f32], (bias,): (&[f32],), y: &[Cell<f32>]) {
        self.run(x, weights, bias, y);
    }
}
