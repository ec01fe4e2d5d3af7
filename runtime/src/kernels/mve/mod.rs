//! Kernels for processors with the M-Profile Vector Extension, over the loops of [`mve`](crate::arch::mve): int8, whose outputs are those of the portable
//! kernels to the bit.
//!
//! Weights are packed with all that belongs to them: bias, multipliers and shifts. Inputs of a pixel are whole blocks of sixteen, one pixel behind the other: where they are not so
//! in the input, they are copied to a working buffer, a few pixels at a time, so that an output may overwrite the input.

mod conv;
mod depthwise;
#[cfg(feature = "host")]
mod host;
mod matrix;
mod sum;

use core::cell::Cell;

use super::parameters;
use crate::arch::mve::{PairsLoop, Product, Runs, RunsLoop, copy};
use crate::kernels::part;

pub use conv::{MveConv2d, MveConv2dSizes};
pub use depthwise::MveDepthwiseConv2d;
pub use matrix::{MveFullyConnected, MvePointwise};
pub use sum::MveSum;

parameters! {
    /// Outputs of a pixel.
    pub struct MveOutput {
        /// How many.
        pub channels: usize,
        /// The zero point.
        pub zero_point: i32,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
    }
}

impl MveOutput {
    /// What the type's range does not do.
    #[inline(always)]
    fn clamp(&self, y: &[Cell<i8>]) {
        if self.min > -128 || self.max < 127 {
            for y in y {
                y.set(i32::from(y.get()).min(self.max).max(self.min) as i8);
            }
        }
    }
}

/// Pixels whose inputs are copied to a working buffer, and computed two at a time when it is full. The last one may wait there for its neighbour.
struct Pixels<'a> {
    product: Product<'a>,
    pairs: PairsLoop,
    runs: RunsLoop,
    inputs: &'a [Cell<i8>],
    /// Pixels that there is room for: at least two.
    room: usize,
    /// Pixels that wait.
    waiting: usize,
    /// Of the first of these, or what comes next.
    y: &'a [Cell<i8>],
    channels: usize,
}

impl Pixels<'_> {
    /// Adds pixels, fewer than there is room for, whose runs come from two parts of an image.
    #[inline(always)]
    fn add(&mut self, count: usize, parts: [(&[Cell<i8>], Runs); 2]) {
        let pitch = self.product.pitch();
        if self.waiting + count > self.room {
            let even = self.waiting / 2 * 2;
            self.compute(even);
            if even < self.waiting {
                copy(
                    part(self.inputs, even * pitch, pitch),
                    part(self.inputs, 0, pitch),
                );
            }
            self.waiting -= even;
        }
        let mut to = self.waiting * pitch;
        for (x, runs) in parts {
            if runs.runs > 0 {
                self.runs
                    .copy(x, self.inputs.get(to..).unwrap_or(&[]), &runs);
                to += runs.runs * runs.len;
            }
        }
        self.waiting += count;
    }

    /// Computes what still waits.
    #[inline(always)]
    fn finish(&mut self) {
        self.compute(self.waiting);
        self.waiting = 0;
    }

    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn compute(&mut self, count: usize) {
        (self.product).pixels(&self.pairs, self.inputs, count, self.y);
        self.y = self.y.get(count * self.channels..).unwrap_or(&[]);
    }
}
