//! CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED with the least code: one function for all of them.
//!
//! The rows that a row of windows needs are kept aside, with their padding: no window then crosses a border, and the output may overwrite rows that are no
//! longer needed. Of a depthwise convolution they are those of four channels, which are computed from the first row to the last before the next four.

use core::cell::Cell;

use super::parameters;
#[cfg(any(test, feature = "host"))]
use crate::arch::armv7em::{GROUP, LANES};
use crate::arch::armv7em::{Strip, lay_runs};
#[cfg(any(test, feature = "host"))]
use crate::kernels::Window;
use crate::kernels::{part, split};

parameters! {
    /// Sums of products with inputs of windows. Few bytes: firmware has one of these for each call.
    pub struct DspSmall {
        /// Rows of the input.
        pub in_h: u16,
        /// Pixels of a row.
        pub in_w: u16,
        /// Channels of a pixel.
        pub in_c: u16,
        /// Rows of the output.
        pub out_h: u16,
        /// Pixels of a row.
        pub out_w: u16,
        /// Channels of a pixel.
        pub out_c: u16,
        /// Rows of a window.
        pub filter_h: u16,
        /// Rows from a window to the next.
        pub stride_h: u16,
        /// Elements from a window to its neighbour.
        pub step: u16,
        /// Rows of padding above the input.
        pub pad_top: u16,
        /// Pixels of padding before a row.
        pub pad_left: u16,
        /// Channels that are kept aside at once: all, or four of a depthwise convolution.
        pub at_once: u16,
        /// Elements of a window's row, rounded up to a multiple of four.
        pub run: u16,
        /// Elements of a row that is kept aside.
        pub row: u16,
        /// The input's zero point, which pads it.
        pub in_zero_point: i8,
        /// The output's zero point.
        pub out_zero_point: i8,
        /// Whether each output is of one channel.
        pub depthwise: bool,
    }

    /// The same with outputs of less than the type's range.
    pub struct DspSmallClamped {
        /// What is clamped.
        pub small: DspSmall,
        /// Least output value.
        pub min: i8,
        /// Greatest output value.
        pub max: i8,
    }
}

parameters! {
    /// FULLY_CONNECTED of a single row, which is read where it is, with outputs of the type's range.
    pub struct DspSmallRow {
        /// The output's zero point.
        pub out_zero_point: i8,
    }
}

impl DspSmallRow {
    /// Computes all outputs of inputs, whose number is a multiple of four.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], y: &[Cell<i8>]) {
        let strip = Strip {
            count: 1,
            step: 0,
            rows: 1,
            run: x.len(),
            row: x.len(),
            channels: y.len(),
            pixel: 0,
            depthwise: false,
            zero_point: self.out_zero_point.into(),
        };
        strip.outputs(weights, x, 0, y);
    }
}

impl DspSmall {
    /// The sizes of a convolution of one image, without dilation and what its outputs are; `None` if they do not fit.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn of(w: &Window, depthwise: bool) -> Option<Self> {
        let at_once = if depthwise { LANES } else { w.in_c };
        let run = (w.filter_w * at_once).next_multiple_of(GROUP);
        let step = w.stride_w * at_once;
        let pad_left = usize::try_from(w.pad_left).ok()?;
        let reached = (w.out_w.checked_sub(1)?) * step + run;
        let row = reached.max((pad_left + w.in_w) * at_once);
        // Padding comes in words.
        let row = row.next_multiple_of(GROUP);
        let is_one = (w.batches, w.dilation_h, w.dilation_w) == (1, 1, 1);
        let fits = !depthwise || w.in_c.is_multiple_of(LANES) && w.in_c == w.out_c;
        let number = |number: usize| u16::try_from(number).ok();
        let small = Self {
            in_h: number(w.in_h)?,
            in_w: number(w.in_w)?,
            in_c: number(w.in_c)?,
            out_h: number(w.out_h)?,
            out_w: number(w.out_w)?,
            out_c: number(w.out_c)?,
            filter_h: number(w.filter_h)?,
            stride_h: number(w.stride_h)?,
            step: number(step)?,
            pad_top: u16::try_from(w.pad_top).ok()?,
            pad_left: number(pad_left)?,
            at_once: number(at_once)?,
            run: number(run)?,
            row: number(row)?,
            in_zero_point: 0,
            out_zero_point: 0,
            depthwise,
        };
        (is_one && fits && run > 0 && at_once > 0).then_some(small)
    }

    /// Elements that are kept aside.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn kept(&self) -> usize {
        usize::from(self.filter_h) * usize::from(self.row)
    }

    /// The least number of elements by which the output may begin before the input, and what more has to be a multiple of: as
    /// [`DspDepthwiseConv2d`](super::DspDepthwiseConv2d) has it, with groups of four channels.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance(w: &Window, depthwise: bool) -> [usize; 2] {
        let step = match depthwise && w.in_c > LANES {
            true => w.in_c,
            false => 1,
        };
        [w.distance_behind_kept_rows(), step]
    }

    /// Computes the whole output, which may begin before the input as [`distance`](Self::distance) says. `rows` has those that are kept aside.
    #[inline(never)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], rows: &[Cell<i8>], y: &[Cell<i8>]) {
        let [out_h, out_w, out_c] = [self.out_h, self.out_w, self.out_c].map(usize::from);
        let (filter_h, row) = (usize::from(self.filter_h), usize::from(self.row));
        let at_once = usize::from(self.at_once);
        let strip = Strip {
            count: out_w,
            step: self.step.into(),
            rows: filter_h,
            run: self.run.into(),
            row,
            channels: if self.depthwise { at_once } else { out_c },
            pixel: out_c,
            depthwise: self.depthwise,
            zero_point: self.out_zero_point.into(),
        };
        let (mut channel, mut left) = (0, weights);
        while channel < usize::from(self.in_c) {
            let (weights, others) = split(left, strip.words());
            left = others;
            self.pad(rows);
            // The row, counted from the first of padding, that is kept next, and where.
            let (mut next, mut slot, mut first) = (0, 0, 0);
            for out_y in 0..out_h {
                while next < first + filter_h {
                    if next >= first {
                        self.keep(x, next, channel, part(rows, slot * row, row));
                    }
                    next += 1;
                    slot = if slot + 1 < filter_h { slot + 1 } else { 0 };
                }
                first += usize::from(self.stride_h);
                // The slot for the next row is that of the first one.
                let y = y.get(out_y * out_w * out_c + channel..).unwrap_or(&[]);
                strip.outputs(weights, rows, slot, y);
            }
            channel += at_once.max(1);
        }
    }

    /// Keeps the channels of a row that come with one, behind the padding that is there; rows are counted from the first of padding.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn keep(&self, x: &[Cell<i8>], row: usize, channel: usize, kept: &[Cell<i8>]) {
        let [in_w, in_c, at_once] = [self.in_w, self.in_c, self.at_once].map(usize::from);
        let columns = in_w * in_c;
        match row.checked_sub(self.pad_top.into()) {
            Some(row) if row < self.in_h.into() => {
                let from = x.get(row * columns + channel..).unwrap_or(&[]);
                let runs = match self.depthwise {
                    true => [in_w, at_once, in_c],
                    false => [1, columns, columns],
                };
                let inner = kept.get(usize::from(self.pad_left) * at_once..);
                lay_runs(from, inner.unwrap_or(&[]), runs);
            }
            _ => self.pad(kept),
        }
    }

    /// Makes padding of all whole words.
    #[inline(always)]
    fn pad(&self, kept: &[Cell<i8>]) {
        let padding = [const { Cell::new(0) }; 4];
        for byte in &padding {
            byte.set(self.in_zero_point);
        }
        lay_runs(&padding, kept, [kept.len() / 4, 4, 0]);
    }
}

impl DspSmallClamped {
    /// As [`DspSmall::run`].
    #[cfg_attr(debug_assertions, inline)]
    pub fn run(&self, x: &[Cell<i8>], weights: &[u32], rows: &[Cell<i8>], y: &[Cell<i8>]) {
        self.small.run(x, weights, rows, y);
        for y in y {
            y.set(y.get().min(self.max).max(self.min));
        }
    }
}
