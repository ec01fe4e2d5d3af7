//! The micro-kernel for matrix products and convolutions.

use core::cell::Cell;
use core::fmt;
#[cfg(feature = "host")]
use core::ops::Range;

use crate::arch::vfp::Product;
use crate::kernels::{Block, Conv2d, Dot, Float, FullyConnected, Numbers, Rows, Windows};

/// Blocks of 4 or 8 `CHANNELS`, packed as [`Portable`](crate::kernels::Portable) does it, and sums in its order. Windows are computed two at a time.
#[derive(Clone, Copy, PartialEq)]
pub struct Vmla<const CHANNELS: usize>;

impl<const CHANNELS: usize> fmt::Debug for Vmla<CHANNELS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vmla<{CHANNELS}>")
    }
}

#[cfg(feature = "host")]
impl<const CHANNELS: usize> crate::host::Expression for Vmla<CHANNELS> {
    fn expression(&self) -> proc_macro2::TokenStream {
        crate::host::kind("Vmla", &[])
    }
}

impl<const CHANNELS: usize> Dot<Float> for Vmla<CHANNELS> {
    const CHANNELS: usize = CHANNELS;
    type Packed = f32;
    type Operands<'a> = (&'a [f32],);
    type Channels = [f32; CHANNELS];

    #[cfg(feature = "host")]
    fn kind(&self) -> proc_macro2::TokenStream {
        let channels = proc_macro2::Literal::usize_unsuffixed(CHANNELS);
        crate::host::kind("Vmla", &[quote::quote!(#channels)])
    }

    #[cfg(feature = "host")]
    fn pack(
        channels: Range<usize>,
        inputs: usize,
        weight: &dyn Fn(usize, usize) -> f32,
        packed: &mut alloc::vec::Vec<f32>,
    ) {
        crate::kernels::dot::interleave::<Float>(channels, CHANNELS, inputs, weight, packed);
    }

    #[inline(always)]
    fn packed_len(inputs: usize) -> usize {
        inputs * CHANNELS
    }

    #[inline(always)]
    fn channels<const BORDER: bool>(
        numbers: &Float,
        operands: &(&[f32],),
        channel: usize,
    ) -> [f32; CHANNELS] {
        numbers.channels::<CHANNELS, BORDER>(operands, channel)
    }

    #[inline(always)]
    fn rows(
        numbers: &Float,
        block: Block<'_, f32, [f32; CHANNELS]>,
        rows: Rows,
        x: &[Cell<f32>],
        y: &[Cell<f32>],
    ) {
        let product = Product {
            count: rows.count,
            x_step: rows.inputs,
            y_step: rows.outputs,
            runs: 1,
            len: rows.inputs,
            x_run: 0,
            w_run: 0,
            stored: block.stored,
            min: numbers.min,
            max: numbers.max,
        };
        product.run::<CHANNELS>(x, block.weights, block.channels, y);
    }

    #[inline(always)]
    fn windows(
        numbers: &Float,
        block: Block<'_, f32, [f32; CHANNELS]>,
        windows: &Windows,
        x: &[Cell<f32>],
        y: &[Cell<f32>],
    ) {
        let Windows { runs, across, .. } = *windows;
        // Rows of runs, as windows with dilation have them, are more than the loops take.
        let count = match windows.times {
            0 => 0,
            1 => runs.count,
            _ => return,
        };
        // Windows below each other make pairs, too: the fewer are left alone, and then the fewer calls there are.
        let down = windows.down;
        let singly = |along: usize, lines: usize| (along % 2 * lines, lines);
        let is_down = singly(down.count, across.count) < singly(across.count, down.count);
        let [along, lines] = if is_down {
            [down, across]
        } else {
            [across, down]
        };
        let product = Product {
            count: along.count,
            x_step: along.x_step,
            y_step: along.y_step,
            runs: count,
            len: runs.len,
            x_run: runs.x_step,
            w_run: runs.w_step,
            stored: block.stored,
            min: numbers.min,
            max: numbers.max,
        };
        let weights = block.weights.get(runs.w * CHANNELS..).unwrap_or(&[]);
        for line in 0..lines.count {
            let x = x.get(runs.x + line * lines.x_step..).unwrap_or(&[]);
            let y = y.get(line * lines.y_step..).unwrap_or(&[]);
            product.run::<CHANNELS>(x, weights, block.channels, y);
        }
    }
}

/// Compiled in the firmware's crate, where a model needs it: other Arm processors have none of these instructions.
macro_rules! run {
    ($($kernel:ident),*) => {$(
        impl<const CHANNELS: usize> $kernel<Float, Vmla<CHANNELS>> {
            /// Computes the whole output from an input, packed weights and biases other than −0.
            #[inline(never)]
            pub fn run(&self, x: &[Cell<f32>], weights: &[f32], bias: &[f32], y: &[Cell<f32>]) {
                self.compute(x, weights, (bias,), y);
            }
        }
    )*};
}
run!(Conv2d, FullyConnected);
