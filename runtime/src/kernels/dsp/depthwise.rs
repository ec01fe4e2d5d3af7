//! DEPTHWISE_CONV_2D of 3×3 windows with stride 1 or 2 and one output channel for each input channel.
//!
//! A group of channels is computed from the first row to the last before the next group: its rows are laid out channel by channel once, three are
//! kept, and the output may overwrite the input.

use core::cell::Cell;

use super::{DspOutput, parameters};
use crate::arch::armv7em::{
    Channels, DepthwiseLoops, DepthwiseRow, Layout, ROWS, Value, channel_words,
};
use crate::arch::memory::fill_words;
use crate::kernels::{Window, part, split};

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
        let out_image = w.out_h * w.out_row();
        for batch in 0..w.batches {
            let x = part(x, batch * w.in_image(), w.in_image());
            let y = part(y, batch * out_image, out_image);
            let (mut channel, mut left) = (0, weights);
            while channel < w.in_c {
                let channels = self.group.min(w.in_c - channel);
                let (weights, rest) = split(left, channels * channel_words(&self.row));
                left = rest;
                let y = y.get(channel..).unwrap_or(&[]);
                self.group(x, channel, channels, weights, rows, y);
                channel += channels.max(1);
            }
        }
    }

    fn padding(&self) -> u32 {
        let zero_point = u32::from(i16::from(self.in_zero_point) as u16);
        zero_point | zero_point << 16
    }

    /// All outputs of a group of channels.
    #[inline(always)]
    fn group<V: Value>(
        &self,
        x: &[Cell<V>],
        channel: usize,
        channels: usize,
        weights: &[u32],
        rows: &[Cell<u32>],
        mut y: &[Cell<V>],
    ) {
        let w = self.window;
        let kept = part(rows, 0, channels * ROWS * self.words);
        let distance = ROWS * self.words;
        // Padding beside the image stays as it is: no row is laid out over it.
        if channel == 0 || w.pad_top > 0 {
            fill_words(kept, self.padding());
        }
        let sizes = [w.out_w, channels, w.out_c];
        let layout = Layout::new(
            &self.row,
            (w.in_w, w.in_c),
            (channels, distance),
            w.pad_left > 0,
            self.in_zero_point,
        );
        let (Some(computed), Some(layout)) = (
            Channels::new(&self.row, weights, kept, self.words, sizes),
            layout,
        ) else {
            return;
        };
        // The row, counted from the first of padding, that is kept next, and where.
        let (mut next, mut slot) = (0, 0);
        for out_y in 0..w.out_h {
            let first = out_y * w.stride_h;
            while next < first + ROWS {
                let to = kept.get(slot * self.words..).unwrap_or(&[]);
                match usize::try_from(next as isize - w.pad_top) {
                    _ if next < first => {}
                    Ok(row) if row < w.in_h => {
                        let from = row * w.in_w * w.in_c + channel;
                        layout.lay(x.get(from..).unwrap_or(&[]), to);
                    }
                    Ok(_) => self.pad(to, channels, distance),
                    // Above the input there is padding from the beginning.
                    Err(_) => {}
                }
                next += 1;
                slot = if slot + 1 < ROWS { slot + 1 } else { 0 };
            }
            computed.outputs(slot, y);
            y = y.get(w.out_row()..).unwrap_or(&[]);
        }
    }

    /// A row of padding for each channel: each begins so far from the last one.
    #[inline(always)]
    fn pad(&self, rows: &[Cell<u32>], channels: usize, distance: usize) {
        for channel in 0..channels {
            fill_words(part(rows, channel * distance, self.words), self.padding());
        }
    }
}
