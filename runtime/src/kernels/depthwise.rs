//! DEPTHWISE_CONV_2D: every input channel has `multiplier` output channels of its own.
//!
//! Weights are packed in blocks of [`CHANNELS`] output channels with the channel innermost, or
//! channel by channel where blocks do not come out even.

use core::cell::Cell;
use core::ops::Range;

use super::dot::CHANNELS;
use super::stage::{Float, Int8, Stage};
use super::window::Taps;
use super::{Window, host_kernel, parameters, part, split};

parameters! {
    /// Sizes of a depthwise convolution.
    pub struct DepthwiseConv2d {
        /// Geometry; `out_c` = `in_c` × `multiplier`.
        pub window: Window,
        /// Output channels per input channel.
        pub multiplier: usize,
    }

    /// Depthwise convolution of int8 by int8.
    pub struct DepthwiseConv2dI8 {
        /// Sizes.
        pub conv: DepthwiseConv2d,
        /// Quantisation of input and output.
        pub int8: Int8,
    }

    /// Depthwise convolution of float32.
    pub struct DepthwiseConv2dF32 {
        /// Sizes.
        pub conv: DepthwiseConv2d,
        /// Range of the output.
        pub float: Float,
    }
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
    /// The order in which output channels' weights are packed: ranges of
    /// [`block_width`](Self::block_width) channels.
    #[cfg(feature = "host")]
    pub fn channel_blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let width = self.block_width();
        (0..self.window.out_c)
            .step_by(width)
            .map(move |c| c..c + width)
    }

    /// Output channels of a block of packed weights: one or [`CHANNELS`].
    #[inline(always)]
    #[must_use]
    pub fn block_width(&self) -> usize {
        if self.blocked() { CHANNELS } else { 1 }
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
        let inner = w.inner_columns();
        // The input channel, and the place of the output channel among its outputs.
        let (mut source, mut nth) = (0, 0);
        let mut channel = 0;
        while channel < w.out_c {
            let width = self.block_width();
            let (weights, rest) = split(packed, w.filter_h * w.filter_w * width);
            packed = rest;
            let y = y.get(channel..).unwrap_or(&[]);
            let rows = rows.clone();
            if !self.blocked() {
                let place = Place {
                    image,
                    channel,
                    in_units: w.in_c,
                    source,
                };
                self.block::<S, 1, 1>(stage, &place, weights, y, rows, &inner);
            } else if self.multiplier == 1 {
                let place = Place {
                    image,
                    channel,
                    in_units: w.in_c / CHANNELS,
                    source: source / CHANNELS,
                };
                self.block::<S, CHANNELS, CHANNELS>(stage, &place, weights, y, rows, &inner);
            } else {
                let place = Place {
                    image,
                    channel,
                    in_units: w.in_c,
                    source,
                };
                self.block::<S, 1, CHANNELS>(stage, &place, weights, y, rows, &inner);
            }
            channel += width;
            nth += width;
            while nth >= self.multiplier && nth > 0 {
                nth -= self.multiplier.max(1);
                source += 1;
            }
        }
    }

    /// `N` output channels in a range of rows, from `M` neighbouring input channels (`N` or 1).
    #[inline(never)]
    fn block<S: Stage, const M: usize, const N: usize>(
        &self,
        stage: &S,
        place: &Place<'_, S::X>,
        weights: &[S::W],
        mut y: &[Cell<S::Y>],
        rows: Range<usize>,
        inner: &Range<usize>,
    ) {
        let w = &self.window;
        let (weights, _) = weights.as_chunks::<N>();
        let channels = stage.channels::<N>(place.channel);
        let three = if M == N {
            self.three_by_three(place.in_units)
        } else {
            None
        };
        for out_y in rows {
            let rows = &w.rows(out_y);
            let mut out_x = 0;
            while out_x < w.out_w {
                let columns = &w.columns(out_x);
                let mut at = (rows.start * w.in_w + columns.start) * place.in_units + place.source;
                let inside = rows.valid.len() == w.filter_h && inner.contains(&out_x);
                let mut count = 1;
                if let (true, Some(steps), Some(weights)) = (inside, three, weights.first_chunk()) {
                    let image = place.image.as_chunks::<N>().0;
                    // All windows from here to the right border differ in their place only.
                    count = inner.end - out_x;
                    for _ in 0..count {
                        let mut acc = S::inside(&channels);
                        sum_3x3::<S, N>(image, at, steps, weights, &mut acc);
                        stage.finish(&channels, &acc, part(y, 0, N));
                        y = y.get(w.out_c..).unwrap_or(&[]);
                        at += w.stride_w * place.in_units;
                    }
                } else {
                    let (mut acc, zero) = match inside {
                        true => (S::inside(&channels), S::Zero::default()),
                        false => (S::border(&channels), stage.zero()),
                    };
                    self.window_sum::<S, M, N>(place, at, rows, columns, weights, zero, &mut acc);
                    stage.finish(&channels, &acc, part(y, 0, N));
                    y = y.get(w.out_c..).unwrap_or(&[]);
                }
                out_x += count;
            }
        }
    }

    /// The steps from row to row and from column to column of a 3×3 window; narrow types, so that
    /// sums of them cannot overflow.
    #[inline(always)]
    fn three_by_three(&self, in_units: usize) -> Option<[u16; 2]> {
        let w = &self.window;
        if (w.filter_h, w.filter_w) != (3, 3) {
            return None;
        }
        let row = u16::try_from(w.dilation_h * w.in_w * in_units).ok()?;
        let column = u16::try_from(w.dilation_w * in_units).ok()?;
        Some([row, column])
    }

    /// Adds the sum over the valid taps of one window, of any size and across the border; a
    /// function of its own, so that everything in it has a register.
    #[inline(never)]
    fn window_sum<S: Stage, const M: usize, const N: usize>(
        &self,
        place: &Place<'_, S::X>,
        at: usize,
        rows: &Taps,
        columns: &Taps,
        weights: &[[S::W; N]],
        zero: S::Zero,
        acc: &mut [S::Acc; N],
    ) {
        let w = &self.window;
        // In units of `M` channels: one bounds check per tap instead of two.
        let (image, _) = place.image.as_chunks::<M>();
        let step = w.dilation_w * place.in_units;
        let mut row = at;
        let mut tap = rows.valid.start * w.filter_w + columns.valid.start;
        let mut sums = *acc;
        for _ in rows.valid.clone() {
            let (Some(mut values), Some(weights)) = (
                image.get(row..),
                weights.get(tap..tap + columns.valid.len()),
            ) else {
                return;
            };
            for weights in weights {
                let Some(value) = values.first() else { return };
                for n in 0..N {
                    sums[n] = S::mac_zero(sums[n], value[n % M].get(), weights[n], zero);
                }
                values = values.get(step..).unwrap_or(&[]);
            }
            row += w.dilation_h * w.in_w * place.in_units;
            tap += w.filter_w;
        }
        *acc = sums;
    }
}

/// Adds the sum of a 3×3 window that begins at `at`: one bounds check for all taps, because the
/// compiler sees that none is past the last.
#[inline(never)]
fn sum_3x3<S: Stage, const N: usize>(
    x: &[[Cell<S::X>; N]],
    at: usize,
    steps: [u16; 2],
    weights: &[[S::W; N]; 9],
    acc: &mut [S::Acc; N],
) {
    let [row, column] = steps.map(usize::from);
    let Some(x) = x.get(at..) else { return };
    let Some(x) = x.get(..2 * row + 2 * column + 1) else {
        return;
    };
    let mut sums = *acc;
    for y in 0..3 {
        for t in 0..3 {
            let Some(values) = x.get(y * row + t * column) else {
                return;
            };
            for n in 0..N {
                sums[n] = S::mac(sums[n], values[n].get(), weights[y * 3 + t][n]);
            }
        }
    }
    *acc = sums;
}

/// Where a block of channels gets its input.
struct Place<'a, X> {
    image: &'a [Cell<X>],
    /// The block's first output channel.
    channel: usize,
    /// Input channels of a pixel, in units of the block's.
    in_units: usize,
    /// The block's first input channel, in the same units.
    source: usize,
}
