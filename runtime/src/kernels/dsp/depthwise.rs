//! DEPTHWISE_CONV_2D of 3×3 windows with stride 1 or 2 and one output channel for each input channel.
//!
//! A group of channels is computed from the first row to the last before the next group: its rows are laid out channel by channel once, three are
//! kept, and the output may overwrite the input.

use core::cell::Cell;

use super::{DspOutput, parameters};
use crate::arch::armv7em::{DepthwiseLoops, DepthwiseRow, DepthwiseSizes, Planes, ROWS, Value};
use crate::arch::memory::fill_words;
use crate::kernels::{Window, part};

parameters! {
    /// Depthwise convolution, several neighbours at a time.
    pub struct DspDepthwiseConv2d<D> {
        /// Geometry; 3×3 without dilation, as many columns from window to window as rows, and at most one column of padding on the left.
        pub window: Window,
        /// Channels of a group, a multiple of four.
        pub group: usize,
        /// Words of a row of a channel.
        pub words: usize,
        /// The input's zero point, which pads it.
        pub in_zero_point: i8,
        /// What a pixel's outputs are.
        pub output: DspOutput,
        /// The loop.
        pub depthwise: D,
    }
}

impl<D: DepthwiseLoops> DspDepthwiseConv2d<D> {
    /// The least number of elements by which the output may begin before the input, and what more has to be a multiple of. A row is computed
    /// from the rows that are kept aside. Groups behind a first one read the input once more: as pixels have as many outputs as inputs, at a
    /// whole number of pixels no group writes what another one reads.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance(&self) -> [usize; 2] {
        let w = &self.window;
        let step = match w.in_c <= self.group {
            true => 1,
            false => w.in_c,
        };
        [w.distance_behind_kept_rows(), step]
    }

    /// Computes the whole output; `rows` has three rows of a group's channels. The output may begin before the input as
    /// [`distance`](Self::distance) says.
    #[inline(always)]
    pub fn run(
        &self,
        x: &[Cell<D::Value>],
        weights: &[u32],
        rows: &[Cell<u32>],
        y: &[Cell<D::Value>],
    ) {
        let convolution = Convolution {
            window: &self.window,
            group: self.group,
            words: self.words,
            in_zero_point: self.in_zero_point,
            row: self.depthwise.loops(),
        };
        convolution.run(x, weights, rows, y);
        self.output.clamp(y);
    }
}

/// A convolution, whatever its loops: firmware has its code once for each type.
struct Convolution<'a> {
    window: &'a Window,
    group: usize,
    words: usize,
    in_zero_point: i8,
    row: DepthwiseRow,
}

impl Convolution<'_> {
    #[inline(never)]
    fn run<V: Value>(&self, x: &[Cell<V>], weights: &[u32], rows: &[Cell<u32>], y: &[Cell<V>]) {
        let w = self.window;
        let sizes = DepthwiseSizes {
            input: [w.in_h, w.in_w],
            output: [w.out_h, w.out_w],
            channels: [w.in_c, self.group],
            words: self.words,
            padded: w.pad_left > 0,
            zero_point: self.in_zero_point,
        };
        let out_image = w.out_h * w.out_row();
        for batch in 0..w.batches {
            let x = part(x, batch * w.in_image(), w.in_image());
            let y = part(y, batch * out_image, out_image);
            let planes = Planes::new(&self.row, &sizes, x, weights, rows, y);
            if let Some(mut planes) = planes {
                self.image(&mut planes, rows);
            }
        }
    }

    /// All outputs, one group of channels after the other.
    #[inline(always)]
    fn image<V: Value>(&self, planes: &mut Planes<'_, V>, rows: &[Cell<u32>]) {
        let w = self.window;
        let above = w.pad_top.unsigned_abs();
        let mut channel = 0;
        while channel < w.in_c {
            let group = [channel, self.group.min(w.in_c - channel)];
            // Padding above and beside the image; what no row is laid out over stays as it is.
            if channel == 0 || above > 0 {
                fill_words(rows, planes.padding());
            }
            // Rows that are kept, and the place of the next one.
            planes.take(group);
            let mut kept = w.in_h.min(ROWS - above.min(ROWS));
            planes.lay([0, kept], above);
            let mut place = (above + kept) % ROWS;
            for out_y in 0..w.out_h {
                while above + kept < out_y * w.stride_h + ROWS {
                    if kept < w.in_h {
                        planes.lay([kept, 1], place);
                    } else {
                        self.pad(rows, place, planes.padding());
                    }
                    kept += 1;
                    place = if place + 1 < ROWS { place + 1 } else { 0 };
                }
                planes.outputs(out_y, place);
            }
            channel += group[1].max(1);
        }
    }

    /// A row of padding for each channel.
    #[inline(always)]
    fn pad(&self, rows: &[Cell<u32>], place: usize, padding: u32) {
        for rows in rows.chunks_exact(ROWS * self.words.max(1)) {
            fill_words(part(rows, place * self.words, self.words), padding);
        }
    }
}
