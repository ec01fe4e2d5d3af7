//! CONV_2D of any window without dilation.
//!
//! The rows that a row of windows needs are kept aside, with their padding: no window then crosses a border, and the output may overwrite rows
//! that are no longer needed. Where no window crosses a border anyway, it can be read in the input instead.

use core::cell::Cell;

use super::{DspOutput, parameters};
#[cfg(any(test, feature = "host"))]
use crate::arch::armv7em::GROUP;
use crate::arch::armv7em::{Epilogue, Matrix, Value, Windows};
use crate::arch::memory::{copy, fill, within};
use crate::kernels::{Window, part};

parameters! {
    /// Sizes of a convolution.
    pub struct DspConv2dSizes {
        /// Geometry, without dilation.
        pub window: Window,
        /// Inputs of a filter row, rounded up to a multiple of four, or of two where that is enough and all windows have a neighbour.
        pub run: usize,
        /// Elements of a row that is kept aside: all that windows reach, and what rounding up adds. Of an input that is read where it is, those
        /// of its rows.
        pub row: usize,
    }

    /// Convolution, two windows at a time.
    pub struct DspConv2d<E> {
        /// Sizes.
        pub sizes: DspConv2dSizes,
        /// The input's zero point, which pads it.
        pub in_zero_point: i8,
        /// What a pixel's outputs are.
        pub output: DspOutput,
        /// How sums become outputs.
        pub epilogue: E,
    }
}

impl DspConv2dSizes {
    /// Sizes for a window.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn of(window: Window) -> Self {
        let taps = window.filter_w * window.in_c;
        let groups = taps.next_multiple_of(GROUP);
        // A group has its inputs 0 and 2 in its first half.
        let half = taps > GROUP && taps % GROUP == 1 && window.out_w.is_multiple_of(2);
        Self {
            run: if half { taps + 1 } else { groups },
            ..Self::of_groups(window)
        }
    }

    /// The same where runs are whole groups.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn of_groups(window: Window) -> Self {
        let groups = (window.filter_w * window.in_c).next_multiple_of(GROUP);
        let last = (window.out_w - 1) * window.stride_w * window.in_c;
        // Copies of whole words take less time, where a row begins with its first pixel.
        let word = if window.pad_left > 0 { 1 } else { GROUP };
        Self {
            window,
            run: groups,
            row: (last + groups).next_multiple_of(word),
        }
    }

    /// Elements of the rows that are kept aside.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn kept(&self) -> usize {
        self.window.filter_h * self.row
    }

    /// The least number of elements by which the output may begin before the input: a row of windows is computed from the rows that
    /// are kept aside.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance(&self) -> usize {
        self.window.distance_behind_kept_rows()
    }

    /// Sizes where no rows are kept aside, if all windows lie within the input and nothing is rounded up, and the least number of
    /// elements by which the output may begin before the input.
    ///
    /// Two windows are widened before their outputs are written, so that the outputs of the first *n* of a row, an even number, may reach
    /// the beginning of window *n*, and those of a row the beginning of the next one. Both grow evenly, so that the first and the last *n* and
    /// image are the extremes.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn where_it_is(window: Window) -> Option<(Self, usize)> {
        let w = &window;
        let run = w.filter_w * w.in_c;
        let (top, left) = (-w.pad_top, -w.pad_left);
        let end = |first: isize, out: usize, stride: usize, filter: usize| {
            first + ((out - 1) * stride + filter) as isize
        };
        let is_inside = top >= 0
            && left >= 0
            && end(top, w.out_h, w.stride_h, w.filter_h) <= w.in_h as isize
            && end(left, w.out_w, w.stride_w, w.filter_w) <= w.in_w as isize;
        if !is_inside || !run.is_multiple_of(GROUP) {
            return None;
        }
        let first = (top as usize * w.in_w + left as usize) * w.in_c;
        let row_step = w.stride_h * w.in_w * w.in_c;
        let last_even = (w.out_w - 1) / 2 * 2;
        let mut distance = 0;
        for image in w.extreme_images() {
            let (x, y) = (image * w.in_image(), image * w.out_h * w.out_row());
            for row in 0..w.out_h {
                let (x, y) = (x + first + row * row_step, y + row * w.out_row());
                for n in [2, last_even]
                    .into_iter()
                    .filter(|n| (2..w.out_w).contains(n))
                {
                    let unread = x + n * w.stride_w * w.in_c;
                    distance = distance.max((y + n * w.out_c).saturating_sub(unread));
                }
                let next = match (row + 1 < w.out_h, image + 1 < w.batches) {
                    (true, _) => x + row_step,
                    (false, true) => (image + 1) * w.in_image() + first,
                    (false, false) => continue,
                };
                distance = distance.max((y + w.out_row()).saturating_sub(next));
            }
        }
        let row = w.in_w * w.in_c;
        Some((Self { window, run, row }, distance))
    }
}

impl<E: Epilogue> DspConv2d<E> {
    /// Computes the whole output; `rows` has as many elements as the rows of a window or, where the input is read where it is, none, `pairs` a word
    /// for each input of a window. The output may begin as many elements before the input as [`DspConv2dSizes`] says, or more.
    #[inline(always)]
    pub fn run(
        &self,
        x: &[Cell<E::X>],
        weights: &[u32],
        rows: &[Cell<E::X>],
        pairs: &[Cell<u32>],
        y: &[Cell<E::Y>],
    ) {
        let loops = self.epilogue.loops();
        let channels = self.output.channels;
        let convolution = Convolution {
            sizes: &self.sizes,
            in_zero_point: self.in_zero_point,
            output: &self.output,
        };
        if let Some(matrix) = Matrix::new(loops, weights, pairs.len(), channels) {
            convolution.run(&matrix, x, rows, pairs, y);
        }
    }
}

/// A convolution, whatever the epilogue: firmware has its code once for each type.
struct Convolution<'a> {
    sizes: &'a DspConv2dSizes,
    in_zero_point: i8,
    output: &'a DspOutput,
}

impl Convolution<'_> {
    #[inline(never)]
    fn run<X: Value, Y: Value>(
        &self,
        matrix: &Matrix<'_>,
        x: &[Cell<X>],
        rows: &[Cell<X>],
        pairs: &[Cell<u32>],
        y: &[Cell<Y>],
    ) {
        let w = &self.sizes.window;
        let out_image = w.out_h * w.out_row();
        for batch in 0..w.batches {
            let image = part(x, batch * w.in_image(), w.in_image());
            let y = part(y, batch * out_image, out_image);
            fill(rows, self.in_zero_point);
            self.image(matrix, image, rows, pairs, y);
        }
        self.output.clamp(y);
    }

    #[inline(always)]
    fn image<X: Value, Y: Value>(
        &self,
        matrix: &Matrix<'_>,
        x: &[Cell<X>],
        rows: &[Cell<X>],
        pairs: &[Cell<u32>],
        mut y: &[Cell<Y>],
    ) {
        let w = &self.sizes.window;
        // The row, counted from the first of padding, that is kept next, and where.
        let (mut next, mut slot) = (0, 0);
        for out_y in 0..w.out_h {
            let first = out_y * w.stride_h;
            let mut source = rows;
            if rows.is_empty() {
                let row = first + w.pad_top.unsigned_abs();
                let from = row * self.sizes.row + w.pad_left.unsigned_abs() * w.in_c;
                source = x.get(from..).unwrap_or(&[]);
            } else {
                while next < first + w.filter_h {
                    if next >= first {
                        let kept = part(rows, slot * self.sizes.row, self.sizes.row);
                        w.keep_row(x, next as isize - w.pad_top, self.in_zero_point, kept, copy);
                    }
                    next += 1;
                    slot = after(slot, w.filter_h);
                }
            }
            // The slot for the next row is that of the first one.
            self.windows(matrix, source, slot, pairs, y);
            y = y.get(w.out_row()..).unwrap_or(&[]);
        }
    }

    /// A row of windows, whose first row is in a slot.
    #[inline(always)]
    fn windows<X: Value, Y: Value>(
        &self,
        matrix: &Matrix<'_>,
        rows: &[Cell<X>],
        first: usize,
        pairs: &[Cell<u32>],
        y: &[Cell<Y>],
    ) {
        let DspConv2dSizes {
            window: w,
            run,
            row: row_len,
        } = self.sizes;
        let step = w.stride_w * w.in_c;
        // From the first row to the end of those that are kept, and from there around.
        let windows = Windows {
            count: w.out_w / 2,
            pixel: step,
            parts: [(first * row_len, w.filter_h - first), (0, first)],
            len: *run,
            step: *row_len,
        };
        let even = w.out_w / 2 * 2;
        matrix.pairs(rows, &windows, pairs, part(y, 0, even * w.out_c));
        if even < w.out_w {
            let window = part(within(pairs), 0, w.filter_h * run);
            let (mut slot, mut to) = (first, 0);
            for _ in 0..w.filter_h {
                copy(
                    part(rows, slot * row_len + even * step, *run),
                    part(window, to, *run),
                );
                slot = after(slot, w.filter_h);
                to += run;
            }
            matrix.row(window, part(y, even * w.out_c, w.out_c));
        }
    }
}

/// The next of some slots, around.
#[inline(always)]
fn after(slot: usize, slots: usize) -> usize {
    match slot + 1 {
        next if next < slots => next,
        _ => 0,
    }
}
