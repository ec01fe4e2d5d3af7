//! DEPTHWISE_CONV_2D of 3×3 windows with stride 1 or 2 and one output channel for each input channel.

use core::cell::Cell;

use super::{MveOutput, parameters};
use crate::arch::memory::fill_words;
use crate::arch::mve::{COLUMN, Columns, DepthwiseLoop, MveDepthwiseLoops, WINDOW};
use crate::kernels::{Window, part};

parameters! {
    /// Depthwise convolution, row by row.
    pub struct MveDepthwiseConv2d<D> {
        /// Geometry; 3×3 without dilation, and with padding on the left or none.
        pub window: Window,
        /// The input's zero point, which pads it.
        pub in_zero_point: i8,
        /// What a pixel's outputs are.
        pub output: MveOutput,
        /// The loop.
        pub depthwise: D,
    }
}

impl<D> MveDepthwiseConv2d<D> {
    /// Words of the columns that are laid out, and of a pixel of padding.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn words(&self) -> usize {
        let w = &self.window;
        let read = (w.out_w - 1) * w.stride_w + WINDOW + 1;
        (w.pad_left.unsigned_abs() + w.in_w).max(read) * COLUMN + padding(w)
    }
}

/// Words of a pixel of padding, of sixteen channels at a time.
#[inline(always)]
fn padding(window: &Window) -> usize {
    window.in_c.next_multiple_of(COLUMN) / 4
}

impl<D: MveDepthwiseLoops> MveDepthwiseConv2d<D> {
    /// Computes the whole output; `columns` has the columns of a row of windows, and a pixel of padding. The output may begin as many bytes before the input as that of the
    /// portable kernel: rows of inputs are read before their outputs are written.
    #[inline(always)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], columns: &[Cell<u32>], y: &[Cell<i8>]) {
        let convolution = Convolution {
            window: &self.window,
            in_zero_point: self.in_zero_point,
            output: &self.output,
        };
        convolution.run(self.depthwise.depthwise(), x, weights, columns, y);
    }
}

/// A convolution, whatever its loop: firmware has its code once.
struct Convolution<'a> {
    window: &'a Window,
    in_zero_point: i8,
    output: &'a MveOutput,
}

impl Convolution<'_> {
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn run(
        &self,
        depthwise: DepthwiseLoop,
        x: &[Cell<i8>],
        weights: &[u32],
        columns: &[Cell<u32>],
        y: &[Cell<i8>],
    ) {
        let w = self.window;
        fill_words(columns, u32::from_ne_bytes([self.in_zero_point as u8; 4]));
        let (padding, columns) = columns.split_at_checked(padding(w)).unwrap_or((&[], &[]));
        let columns = Columns {
            depthwise: &depthwise,
            weights,
            columns,
            before: w.pad_left.unsigned_abs(),
            width: w.in_w,
            channels: w.in_c,
            count: w.out_w,
            zero_point: self.output.zero_point,
            padding,
        };
        let in_row = w.in_w * w.in_c;
        let mut left = y;
        for batch in 0..w.batches {
            let x = part(x, batch * w.in_image(), w.in_image());
            let mut first = -w.pad_top;
            let mut out_y = 0;
            while out_y < w.out_h {
                let row = |row: isize| match usize::try_from(row) {
                    Ok(row) if row < w.in_h => x.get(row * in_row..),
                    _ => None,
                };
                // All windows below this one that lie within the input are computed with it.
                let below = w.in_h as isize - WINDOW as isize - first;
                let count = match usize::try_from(below) {
                    Ok(below) if first >= 0 => {
                        let inside = below.checked_div(w.stride_h).unwrap_or(0) + 1;
                        inside.min(w.out_h - out_y)
                    }
                    _ => 1,
                };
                let rows = [row(first), row(first + 1), row(first + 2)];
                columns.outputs(rows, (count, w.stride_h * in_row), left);
                left = left.get(count * w.out_row()..).unwrap_or(&[]);
                first += (count * w.stride_h) as isize;
                out_y += count;
            }
        }
        self.output.clamp(y);
    }
}
