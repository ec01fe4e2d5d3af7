//! CONV_2D with any window; those of one pixel are a
//! [`FullyConnected`](super::FullyConnected) over all pixels.
//!
//! Weights are packed by [`Conv2d::channel_blocks`]: within each group, blocks of
//! [`CHANNELS`] output channels with the channel innermost, the last one filled up with zeros. The
//! inner loop reads them front to back and uses each input value for a whole block.

use core::cell::Cell;
use core::ops::Range;

use super::dot::{CHANNELS, Runs, dot_runs};
use super::stage::{Float, Int8, Stage};
use super::window::Taps;
use super::{Window, host_kernel, parameters, part, split};

parameters! {
    /// Sizes of a convolution.
    pub struct Conv2d {
        /// Geometry.
        pub window: Window,
        /// Groups of channels that do not mix; 1 for an ordinary convolution.
        pub groups: usize,
        /// Input channels of one group.
        pub group_in: usize,
        /// Output channels of one group.
        pub group_out: usize,
    }

    /// Convolution of int8 by int8.
    pub struct Conv2dI8 {
        /// Sizes.
        pub conv: Conv2d,
        /// Quantisation of input and output.
        pub int8: Int8,
    }

    /// Convolution of float32.
    pub struct Conv2dF32 {
        /// Sizes.
        pub conv: Conv2d,
        /// Range of the output.
        pub float: Float,
    }
}

host_kernel! {
    Conv2dI8(x, weights, folded, bias, multiplier, shift, y);
    Conv2dF32(x, weights, bias, y);
}

impl Conv2dI8 {
    /// Computes the whole output.
    ///
    /// `folded` is the bias with the input's zero point folded in (see [`Int8`]); the plain `bias`
    /// may be empty where no window crosses the border. `multiplier` and `shift` have one entry
    /// per output channel, or one for all.
    pub fn run(
        &self,
        x: &[Cell<i8>],
        weights: &[i8],
        folded: &[i32],
        bias: &[i32],
        multiplier: &[i32],
        shift: &[i8],
        y: &[Cell<i8>],
    ) {
        let stage = self.int8.stage(folded, bias, multiplier, shift);
        self.conv.run(&stage, x, weights, y);
    }
}

impl Conv2dF32 {
    /// Computes the whole output; `bias` has one entry per output channel, or none.
    pub fn run(&self, x: &[Cell<f32>], weights: &[f32], bias: &[f32], y: &[Cell<f32>]) {
        self.conv.run(&self.float.stage(bias), x, weights, y);
    }
}

/// A block of output channels.
struct Block<'a, S: Stage> {
    weights: &'a [[S::W; CHANNELS]],
    channels: S::Channels<CHANNELS>,
    /// The first input channel.
    source: usize,
    /// How many of the channels there are.
    stored: usize,
}

impl Conv2d {
    /// The order in which output channels' weights are packed: ranges of at most
    /// [`CHANNELS`] channels.
    #[cfg(feature = "host")]
    pub fn channel_blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let group_out = self.group_out;
        (0..self.groups).flat_map(move |group| {
            let end = (group + 1) * group_out;
            (group * group_out..end)
                .step_by(CHANNELS)
                .map(move |first| first..end.min(first + CHANNELS))
        })
    }

    /// Whether every output pixel is computed from the one input pixel at its place, by all
    /// channels.
    #[cfg(feature = "host")]
    #[must_use]
    pub fn is_pointwise(&self) -> bool {
        let w = &self.window;
        let one = w.filter_h * w.filter_w * w.stride_h * w.stride_w == 1;
        one && (w.out_w, w.out_h) == (w.in_w, w.in_h) && self.groups == 1
    }

    #[inline(always)]
    fn run<S: Stage>(&self, stage: &S, x: &[Cell<S::X>], weights: &[S::W], y: &[Cell<S::Y>]) {
        let out_image = self.window.out_h * self.window.out_row();
        for batch in 0..self.window.batches {
            let image = part(x, batch * self.window.in_image(), self.window.in_image());
            let y = part(y, batch * out_image, out_image);
            self.rows(stage, image, weights, y, 0..self.window.out_h);
        }
    }

    /// Computes a range of output rows into `y`, which begins with the first of them.
    ///
    /// Channel blocks are walked outside of pixels, so that a block's constants load once.
    #[inline(always)]
    fn rows<S: Stage>(
        &self,
        stage: &S,
        image: &[Cell<S::X>],
        mut packed: &[S::W],
        y: &[Cell<S::Y>],
        rows: Range<usize>,
    ) {
        let w = &self.window;
        let inner = &w.inner_columns();
        let (mut channel, mut source) = (0, 0);
        for _ in 0..self.groups {
            let end = channel + self.group_out;
            while channel < end {
                let (weights, rest) =
                    split(packed, w.filter_h * w.filter_w * self.group_in * CHANNELS);
                packed = rest;
                let block = Block {
                    weights: weights.as_chunks().0,
                    channels: stage.channels(channel),
                    source,
                    stored: CHANNELS.min(end - channel),
                };
                let mut y = y.get(channel..).unwrap_or(&[]);
                for out_y in rows.clone() {
                    y = self.row(stage, &block, image, &w.rows(out_y), inner, y);
                }
                channel += block.stored;
            }
            source += self.group_in;
        }
    }

    /// One block of output channels in one row; returns the outputs after it.
    #[inline(always)]
    fn row<'y, S: Stage>(
        &self,
        stage: &S,
        block: &Block<'_, S>,
        image: &[Cell<S::X>],
        rows: &Taps,
        inner: &Range<usize>,
        mut y: &'y [Cell<S::Y>],
    ) -> &'y [Cell<S::Y>] {
        let w = &self.window;
        let mut out_x = 0;
        while out_x < w.out_w {
            let mut runs = self.runs(block.source, rows, &w.columns(out_x));
            let mut count = 1;
            if rows.valid.len() == w.filter_h && inner.contains(&out_x) {
                // All windows from here to the right border differ in their place only.
                count = inner.end - out_x;
                for _ in 0..count {
                    let mut acc = S::inside(&block.channels);
                    self.add::<S, false>(stage, &runs, image, block.weights, &mut acc);
                    stage.finish(&block.channels, &acc, part(y, 0, block.stored));
                    y = y.get(w.out_c..).unwrap_or(&[]);
                    runs.x += w.stride_w * w.in_c;
                }
            } else {
                let mut acc = S::border(&block.channels);
                self.add::<S, true>(stage, &runs, image, block.weights, &mut acc);
                stage.finish(&block.channels, &acc, part(y, 0, block.stored));
                y = y.get(w.out_c..).unwrap_or(&[]);
            }
            out_x += count;
        }
        y
    }

    /// Whether the taps of a filter row are neighbours in memory, which dilation and groups part.
    #[inline(always)]
    fn joined(&self) -> bool {
        self.window.dilation_w == 1 && self.groups == 1
    }

    /// The runs of a window: its filter rows, or the taps of its first filter row where those are
    /// not neighbours.
    #[inline(always)]
    fn runs(&self, source: usize, rows: &Taps, columns: &Taps) -> Runs {
        let w = &self.window;
        let filter_row = w.filter_w * self.group_in;
        let (count, first) = (columns.valid.len(), columns.valid.start);
        let mut runs = Runs {
            count: rows.valid.len(),
            len: count * self.group_in,
            x: (rows.start * w.in_w + columns.start) * w.in_c + source,
            x_step: w.dilation_h * w.in_w * w.in_c,
            w: rows.valid.start * filter_row + first * self.group_in,
            w_step: filter_row,
            times: 1,
        };
        if !self.joined() {
            runs.times = runs.count;
            runs.count = count;
            runs.len = self.group_in;
            runs.x_step = w.dilation_w * w.in_c;
            runs.w_step = self.group_in;
        }
        runs
    }

    /// Adds the sum over a window.
    #[inline(always)]
    fn add<S: Stage, const BORDER: bool>(
        &self,
        stage: &S,
        runs: &Runs,
        image: &[Cell<S::X>],
        weights: &[[S::W; CHANNELS]],
        acc: &mut [S::Acc; CHANNELS],
    ) {
        let w = &self.window;
        let mut runs = *runs;
        for _ in 0..runs.times {
            dot_runs::<S, BORDER>(&runs, image, weights, stage.zero(), acc);
            runs.x += w.dilation_h * w.in_w * w.in_c;
            runs.w += w.filter_w * self.group_in;
        }
    }
}
