//! DEPTHWISE_CONV_2D: every input channel has `multiplier` output channels of its own.
//!
//! Weights are packed in blocks of [`CHANNELS`] output channels with the channel innermost, then
//! the remaining channels one by one, as for CONV_2D.

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
    DepthwiseConv2dI8(x, weights, bias, multiplier, shift, y);
    DepthwiseConv2dF32(x, weights, bias, y);
}

impl DepthwiseConv2dI8 {
    /// Computes the whole output; operands as for [`Conv2dI8`](super::Conv2dI8).
    pub fn run(
        &self,
        x: &[Cell<i8>],
        weights: &[i8],
        bias: &[i32],
        multiplier: &[i32],
        shift: &[i8],
        y: &[Cell<i8>],
    ) {
        let stage = self.int8.stage(bias, multiplier, shift);
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
        let out_c = self.window.out_c;
        let blocked = if self.blocked() {
            out_c - out_c % CHANNELS
        } else {
            0
        };
        (0..blocked)
            .step_by(CHANNELS)
            .map(|c| c..c + CHANNELS)
            .chain((blocked..out_c).map(|c| c..c + 1))
    }

    /// Whether a block's input channels are neighbours or one and the same.
    #[inline(always)]
    fn blocked(&self) -> bool {
        self.multiplier == 1 || self.multiplier.is_multiple_of(CHANNELS)
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
                let at = Place {
                    image,
                    taps,
                    source,
                    channel,
                };
                let width = if self.blocked() && channel + CHANNELS <= w.out_c {
                    CHANNELS
                } else {
                    1
                };
                packed = if width == 1 {
                    self.block::<S, 1, 1>(stage, &at, packed, row)
                } else if self.multiplier == 1 {
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
        let step = w.dilation_w * w.in_c;
        let row_step = w.dilation_h * w.in_w * w.in_c;
        let mut y = y.get(at.channel..).unwrap_or(&[]);
        for out_x in 0..w.out_w {
            let columns = w.columns(out_x);
            let count = columns.valid.len();
            let mut acc = S::start(&channels);
            if S::PADS && (at.taps.valid.len() < w.filter_h || count < w.filter_w) {
                acc = self.outside(stage, at, &columns, weights, acc);
            }
            let mut row = (at.taps.start * w.in_w + columns.start) * w.in_c + at.source;
            let mut tap = at.taps.valid.start * w.filter_w + columns.valid.start;
            for _ in at.taps.valid.clone() {
                let x = at.image.get(row..).unwrap_or(&[]);
                acc = taps::<S, M, N>(x, step, part(weights, tap, count), acc);
                row += row_step;
                tap += w.filter_w;
            }
            stage.finish(&channels, acc, part(y, 0, N));
            y = y.get(w.out_c..).unwrap_or(&[]);
        }
        rest
    }

    /// Adds the taps that lie outside of the input, where it is taken to hold its zero point.
    #[inline(never)]
    fn outside<S: Stage, const N: usize>(
        &self,
        stage: &S,
        at: &Place<'_, S::X>,
        columns: &Taps,
        weights: &[[S::W; N]],
        mut acc: [S::Acc; N],
    ) -> [S::Acc; N] {
        let mut weights = weights.iter();
        for filter_y in 0..self.window.filter_h {
            for filter_x in 0..self.window.filter_w {
                let Some(weights) = weights.next() else { break };
                if !at.taps.valid.contains(&filter_y) || !columns.valid.contains(&filter_x) {
                    for (acc, w) in acc.iter_mut().zip(weights) {
                        *acc = stage.pad(*acc, *w);
                    }
                }
            }
        }
        acc
    }
}

/// Where a block of channels of an output row gets its input.
struct Place<'a, X> {
    image: &'a [Cell<X>],
    /// Valid filter rows.
    taps: &'a Taps,
    /// The block's first input channel.
    source: usize,
    /// Its first output channel.
    channel: usize,
}

/// `acc + Σ x·w` over the taps of one filter row, `step` input values apart.
#[inline(always)]
fn taps<S: Stage, const M: usize, const N: usize>(
    mut x: &[Cell<S::X>],
    step: usize,
    weights: &[[S::W; N]],
    mut acc: [S::Acc; N],
) -> [S::Acc; N] {
    for weights in weights {
        let Some(values) = x.first_chunk::<M>() else {
            break;
        };
        for n in 0..N {
            acc[n] = S::mac(acc[n], values[n % M].get(), weights[n]);
        }
        x = x.get(step..).unwrap_or(&[]);
    }
    acc
}
