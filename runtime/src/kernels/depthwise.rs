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
    #[inline(never)]
    fn rows<S: Stage>(
        &self,
        stage: &S,
        image: &[Cell<S::X>],
        weights: &[S::W],
        y: &[Cell<S::Y>],
        rows: Range<usize>,
    ) {
        let w = &self.window;
        let taps = w.filter_h * w.filter_w;
        let mut row_start = 0;
        for out_y in rows {
            let y = part(y, row_start, w.out_row());
            row_start += w.out_row();
            let rows = w.rows(out_y);
            for out_x in 0..w.out_w {
                let columns = w.columns(out_x);
                let y = part(y, out_x * w.out_c, w.out_c);
                let mut weights = weights;
                // Output channel, the input channel it comes from, and the place among its outputs.
                let (mut channel, mut source, mut nth) = (0, 0, 0);
                while channel < w.out_c {
                    let width = if self.blocked() && channel + CHANNELS <= w.out_c {
                        CHANNELS
                    } else {
                        1
                    };
                    let (block, rest) =
                        weights.split_at_checked(taps * width).unwrap_or((&[], &[]));
                    weights = rest;
                    let y = part(y, channel, width);
                    let at = (&rows, &columns, source, channel);
                    if width == 1 {
                        self.block::<S, 1, 1>(stage, image, block, y, at);
                    } else if self.multiplier == 1 {
                        self.block::<S, CHANNELS, CHANNELS>(stage, image, block, y, at);
                    } else {
                        self.block::<S, 1, CHANNELS>(stage, image, block, y, at);
                    }
                    channel += width;
                    nth += width;
                    while nth >= self.multiplier && nth > 0 {
                        nth -= self.multiplier.max(1);
                        source += 1;
                    }
                }
            }
        }
    }

    /// `N` output channels of one pixel, from `M` neighbouring input channels (`N` or 1).
    #[inline(always)]
    fn block<S: Stage, const M: usize, const N: usize>(
        &self,
        stage: &S,
        image: &[Cell<S::X>],
        weights: &[S::W],
        y: &[Cell<S::Y>],
        (rows, columns, source, channel): (&Taps, &Taps, usize, usize),
    ) {
        let w = &self.window;
        let (weights, _) = weights.as_chunks::<N>();
        let mut acc = [S::ZERO; N];
        for (n, acc) in acc.iter_mut().enumerate() {
            *acc = stage.start(channel + n);
        }
        let inside = rows.valid.len() == w.filter_h && columns.valid.len() == w.filter_w;
        if S::PADS && !inside {
            let mut weights = weights.iter();
            for filter_y in 0..w.filter_h {
                for filter_x in 0..w.filter_w {
                    let Some(weights) = weights.next() else { break };
                    if !rows.valid.contains(&filter_y) || !columns.valid.contains(&filter_x) {
                        for (acc, w) in acc.iter_mut().zip(weights) {
                            *acc = stage.pad(*acc, *w);
                        }
                    }
                }
            }
        }
        let step = w.dilation_w * w.in_c;
        let mut row = (rows.start * w.in_w + columns.start) * w.in_c + source;
        for filter_y in rows.valid.clone() {
            let mut x = image.get(row..).unwrap_or(&[]);
            let first = filter_y * w.filter_w + columns.valid.start;
            for weights in part(weights, first, columns.valid.len()) {
                let Some(values) = x.first_chunk::<M>() else {
                    break;
                };
                for n in 0..N {
                    acc[n] = S::mac(acc[n], values[n % M].get(), weights[n]);
                }
                x = x.get(step..).unwrap_or(&[]);
            }
            row += w.dilation_h * w.in_w * w.in_c;
        }
        for (n, (acc, y)) in acc.iter().zip(y).enumerate() {
            y.set(stage.finish(*acc, channel + n));
        }
    }
}
