//! DEPTHWISE_CONV_2D: every input channel has `multiplier` output channels of its own.
//!
//! Weights are packed in blocks of [`CHANNELS`] output channels with the channel innermost, or
//! channel by channel where blocks do not come out even.

use core::cell::Cell;
use core::ops::Range;

use super::conv::CHANNELS;
use super::stage::{Float, Int8, Stage};
use super::window::Taps;
use super::{Window, host_kernel, part};

/// Sizes of a depthwise convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct DepthwiseConv2d {
    /// Geometry; `out_c` = `in_c` × `multiplier`.
    pub window: Window,
    /// Output channels per input channel.
    pub multiplier: usize,
}

/// Depthwise convolution of int8 by int8.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct DepthwiseConv2dI8 {
    /// Sizes.
    pub conv: DepthwiseConv2d,
    /// Quantisation of input and output.
    pub int8: Int8,
}

/// Depthwise convolution of float32.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct DepthwiseConv2dF32 {
    /// Sizes.
    pub conv: DepthwiseConv2d,
    /// Range of the output.
    pub float: Float,
}

host_kernel! {
    DepthwiseConv2dI8(x, weights, folded, bias, multiplier, shift, y);
    DepthwiseConv2dF32(x, weights, bias, y);
}

impl DepthwiseConv2dI8 {
    /// Computes the whole output; operands as for [`Conv2dI8`](super::Conv2dI8).
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

impl DepthwiseConv2dF32 {
    /// Computes the whole output; operands as for [`Conv2dF32`](super::Conv2dF32).
    pub fn run(&self, x: &[Cell<f32>], weights: &[f32], bias: &[f32], y: &[Cell<f32>]) {
        self.conv.run(&self.float.stage(bias), x, weights, y);
    }
}

impl DepthwiseConv2d {
    /// The order in which output channels' weights are packed: ranges of one or
    /// [`CHANNELS`] channels.
    #[cfg(feature = "host")]
    pub fn channel_blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let width = if self.blocked() { CHANNELS } else { 1 };
        (0..self.window.out_c)
            .step_by(width)
            .map(move |c| c..c + width)
    }

    /// Whether channels are computed in blocks: a block's input channels are neighbours that
    /// divide a pixel evenly, or one and the same.
    #[inline(always)]
    fn blocked(&self) -> bool {
        if self.multiplier == 1 {
            self.window.in_c.is_multiple_of(CHANNELS)
        } else {
            self.multiplier.is_multiple_of(CHANNELS)
        }
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
    #[inline(always)]
    fn rows<S: Stage>(
        &self,
        stage: &S,
        image: &[Cell<S::X>],
        weights: &[S::W],
        mut y: &[Cell<S::Y>],
        rows: Range<usize>,
    ) {
        let w = &self.window;
        for out_y in rows {
            let row = part(y, 0, w.out_row());
            y = y.get(w.out_row()..).unwrap_or(&[]);
            let taps = &w.rows(out_y);
            let mut packed = weights;
            let mut channel = 0;
            // The input channel, and the place of the output channel among its outputs.
            let (mut source, mut nth) = (0, 0);
            while channel < w.out_c {
                let mut at = Place {
                    image,
                    taps,
                    in_units: w.in_c,
                    source,
                    channel,
                };
                let width = if self.blocked() { CHANNELS } else { 1 };
                packed = if !self.blocked() {
                    self.block::<S, 1, 1>(stage, &at, packed, row)
                } else if self.multiplier == 1 {
                    at.in_units = w.in_c / CHANNELS;
                    at.source = source / CHANNELS;
                    self.block::<S, CHANNELS, CHANNELS>(stage, &at, packed, row)
                } else {
                    self.block::<S, 1, CHANNELS>(stage, &at, packed, row)
                };
                channel += width;
                nth += width;
                while nth >= self.multiplier && nth > 0 {
                    nth -= self.multiplier.max(1);
                    source += 1;
                }
            }
        }
    }

    /// `N` output channels of one row, from `M` neighbouring input channels (`N` or 1); returns
    /// the weights that follow theirs.
    #[inline(never)]
    fn block<'w, S: Stage, const M: usize, const N: usize>(
        &self,
        stage: &S,
        at: &Place<'_, S::X>,
        packed: &'w [S::W],
        y: &[Cell<S::Y>],
    ) -> &'w [S::W] {
        let w = &self.window;
        let (weights, rest) = packed
            .split_at_checked(w.filter_h * w.filter_w * N)
            .unwrap_or((&[], &[]));
        let (weights, _) = weights.as_chunks::<N>();
        let channels = stage.channels::<N>(at.channel);
        let mut y = y.get(at.channel..).unwrap_or(&[]);
        for out_x in 0..w.out_w {
            let columns = w.columns(out_x);
            let inside = at.taps.valid.len() == w.filter_h && columns.valid.len() == w.filter_w;
            let mut acc;
            if inside {
                acc = S::start::<true, N>(&channels);
                self.window_sum::<S, true, M, N>(stage, at, &columns, weights, &mut acc);
            } else {
                acc = S::start::<false, N>(&channels);
                self.window_sum::<S, false, M, N>(stage, at, &columns, weights, &mut acc);
            }
            stage.finish(&channels, acc, part(y, 0, N));
            y = y.get(w.out_c..).unwrap_or(&[]);
        }
        rest
    }

    /// Adds the sum over the valid taps of one window; a function of its own, so that everything
    /// in it has a register.
    #[inline(never)]
    fn window_sum<S: Stage, const INSIDE: bool, const M: usize, const N: usize>(
        &self,
        stage: &S,
        at: &Place<'_, S::X>,
        columns: &Taps,
        weights: &[[S::W; N]],
        sum: &mut [S::Acc; N],
    ) {
        let w = &self.window;
        // In units of `M` channels: one bounds check per tap instead of two.
        let (image, _) = at.image.as_chunks::<M>();
        let step = w.dilation_w * at.in_units;
        let mut row = (at.taps.start * w.in_w + columns.start) * at.in_units + at.source;
        let mut tap = at.taps.valid.start * w.filter_w + columns.valid.start;
        let mut acc = *sum;
        for _ in at.taps.valid.clone() {
            let mut from = row;
            for weights in part(weights, tap, columns.valid.len()) {
                let Some(values) = image.get(from) else { break };
                for n in 0..N {
                    acc[n] = stage.mac::<INSIDE>(acc[n], values[n % M].get(), weights[n]);
                }
                from += step;
            }
            row += w.dilation_h * w.in_w * at.in_units;
            tap += w.filter_w;
        }
        *sum = acc;
    }
}

/// Where a block of channels of an output row gets its input.
struct Place<'a, X> {
    image: &'a [Cell<X>],
    /// Valid filter rows.
    taps: &'a Taps,
    /// Input channels of a pixel, in units of the block's.
    in_units: usize,
    /// The block's first input channel, in the same units.
    source: usize,
    /// Its first output channel.
    channel: usize,
}
