//! DEPTHWISE_CONV_2D of 3×3 windows with one output channel for each input channel.
//!
//! The rows that a row of windows needs are kept aside, with their padding: no window then crosses a border, and the output may overwrite rows that are no
//! longer needed.

use core::cell::Cell;

use super::{SwarOutput, parameters};
use crate::arch::depthwise::{Depthwise, FILTER, outputs};
use crate::arch::memory::{copy, fill};
use crate::kernels::{Window, part};

parameters! {
    /// Sizes of a depthwise convolution.
    pub struct ScalarDepthwise {
        /// Geometry; 3×3 without dilation.
        pub window: Window,
        /// The input's zero point, which pads it.
        pub in_zero_point: i8,
        /// What a pixel's outputs are.
        pub output: SwarOutput,
    }
}

/// Depthwise convolution, `AT_ONCE` neighbouring outputs at a time, of windows `STRIDE` columns apart; a row has at least as many.
#[derive(Clone, Copy)]
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct ScalarDepthwiseConv2d<D, const AT_ONCE: usize, const STRIDE: usize> {
    /// Sizes.
    pub sizes: ScalarDepthwise,
    /// The loops.
    pub depthwise: D,
}

/// Makes a row of outputs, of rows of inputs that begin at these places.
type Outputs<'a> = dyn Fn([usize; FILTER], &[Cell<i8>]) + 'a;

impl ScalarDepthwise {
    /// Bytes of a row that is kept: all that its windows reach.
    #[inline(always)]
    fn row(&self) -> usize {
        let w = &self.window;
        ((w.out_w.saturating_sub(1)) * w.stride_w + FILTER) * w.in_c
    }

    /// Bytes of all rows that are kept.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn kept(&self) -> usize {
        FILTER * self.row()
    }

    /// The least number of bytes by which the output may begin before the input: a row of outputs is computed from the rows that are kept.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance(&self) -> usize {
        self.window.distance_behind_kept_rows()
    }

    /// Computes the whole output; `outputs` makes a row of them, of rows that begin at these places.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn run(&self, x: &[Cell<i8>], rows: &[Cell<i8>], y: &[Cell<i8>], outputs: &Outputs<'_>) {
        let w = &self.window;
        let out_image = w.out_h * w.out_row();
        let row = self.row();
        for batch in 0..w.batches {
            let image = part(x, batch * w.in_image(), w.in_image());
            let mut y = part(y, batch * out_image, out_image);
            fill(rows, self.in_zero_point);
            // The row, counted from the first of padding, that is kept next, and where.
            let (mut next, mut slot) = (0, 0);
            for out_y in 0..w.out_h {
                let first = out_y * w.stride_h;
                while next < first + FILTER {
                    if next >= first {
                        self.keep(
                            image,
                            next as isize - w.pad_top,
                            part(rows, slot * row, row),
                        );
                    }
                    next += 1;
                    slot = after(slot);
                }
                // The slot for the next row is that of the first one.
                let slots = [slot, after(slot), after(after(slot))];
                outputs(slots.map(|slot| slot * row), part(y, 0, w.out_row()));
                y = y.get(w.out_row()..).unwrap_or(&[]);
            }
        }
        self.output.clamp(y);
    }

    /// Keeps a row of the input between its padding, which is there.
    #[inline(always)]
    fn keep(&self, x: &[Cell<i8>], row: isize, kept: &[Cell<i8>]) {
        let w = &self.window;
        let columns = w.in_w * w.in_c;
        let (mut from, mut to) = (0, 0);
        match usize::try_from(w.pad_left) {
            Ok(pad) => to = pad * w.in_c,
            Err(_) => from = w.pad_left.unsigned_abs() * w.in_c,
        }
        let kept = kept.get(to..).unwrap_or(&[]);
        match usize::try_from(row) {
            Ok(row) if row < w.in_h => {
                let row = part(x, row * columns, columns);
                copy(row.get(from..).unwrap_or(&[]), kept);
            }
            _ => fill(part(kept, 0, columns.min(kept.len())), self.in_zero_point),
        }
    }
}

/// The next of the slots for rows, around.
#[inline(always)]
fn after(slot: usize) -> usize {
    match slot + 1 {
        next if next < FILTER => next,
        _ => 0,
    }
}

impl<D: Depthwise, const AT_ONCE: usize, const STRIDE: usize>
    ScalarDepthwiseConv2d<D, AT_ONCE, STRIDE>
{
    /// Computes the whole output; `rows` has room for the rows that are kept.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], rows: &[Cell<i8>], y: &[Cell<i8>]) {
        let SwarOutput {
            channels,
            shift,
            fine,
            ..
        } = self.sizes.output;
        let sizes = [channels, self.sizes.window.out_w];
        self.sizes.run(x, rows, y, &|slots, y| {
            outputs::<D, AT_ONCE, STRIDE>(rows, slots, weights, sizes, [shift, fine], y);
        });
    }
}
