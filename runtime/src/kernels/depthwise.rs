//! DEPTHWISE_CONV_2D: every input channel has `multiplier` output channels of its own.
//!
//! Weights are packed in blocks of [`CHANNELS`] output channels with the channel innermost, or
//! channel by channel where blocks do not come out even.

use core::cell::Cell;
use core::ops::Range;

use super::dot::CHANNELS;
use super::window::Taps;
use super::{Numbers, Window, multiply_accumulate, parameters, part, split};

parameters! {
    /// Sizes of a depthwise convolution.
    pub struct DepthwiseConv2dSizes {
        /// Geometry; `out_c` = `in_c` × `multiplier`.
        pub window: Window,
        /// Output channels per input channel.
        pub multiplier: usize,
    }

    /// Depthwise convolution.
    pub struct DepthwiseConv2d<N> {
        /// Sizes.
        pub sizes: DepthwiseConv2dSizes,
        /// The number format.
        pub numbers: N,
    }
}

multiply_accumulate!(DepthwiseConv2d<N>);

impl<N: Numbers> DepthwiseConv2d<N> {
    /// Computes the whole output from an input and packed weights.
    #[inline(always)]
    pub fn compute(
        &self,
        x: &[Cell<N::X>],
        weights: &[N::W],
        constants: N::Constants<'_>,
        y: &[Cell<N::Y>],
    ) {
        self.sizes.run(&self.numbers, &constants, x, weights, y);
    }
}

impl DepthwiseConv2dSizes {
    /// Packs weights as the kernel wants them, `weight(channel, i)`: block by block, the channel innermost.
    #[cfg(feature = "host")]
    pub fn pack<N: Numbers>(&self, weight: &dyn Fn(usize, usize) -> N::W) -> alloc::vec::Vec<N::W> {
        let (width, taps) = (
            self.block_width(),
            self.window.filter_h * self.window.filter_w,
        );
        let mut packed = alloc::vec::Vec::new();
        for first in (0..self.window.out_c).step_by(width) {
            let channels = first..first + width;
            super::dot::interleave::<N>(channels, width, taps, weight, &mut packed);
        }
        packed
    }

    /// The least number of bytes by which an output of `bytes` an element may begin before the input, and what more has to be a multiple of;
    /// elements of both are as large. `None` where outputs are more than inputs.
    ///
    /// Blocks behind a first one read the input once more: as pixels have as many outputs as inputs, at a whole number of pixels no block
    /// writes what another one reads.
    #[cfg(feature = "host")]
    #[must_use]
    pub fn distance(&self, bytes: usize) -> Option<[usize; 2]> {
        let distance = || self.window.distance_by_pixels(bytes);
        (self.multiplier == 1).then(|| [distance(), self.window.in_c * bytes])
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
    fn run<N: Numbers>(
        &self,
        numbers: &N,
        constants: &N::Constants<'_>,
        x: &[Cell<N::X>],
        weights: &[N::W],
        y: &[Cell<N::Y>],
    ) {
        let out_image = self.window.out_h * self.window.out_row();
        for batch in 0..self.window.batches {
            let image = part(x, batch * self.window.in_image(), self.window.in_image());
            let y = part(y, batch * out_image, out_image);
            self.rows(numbers, constants, image, weights, y, 0..self.window.out_h);
        }
    }

    /// Computes a range of output rows into `y`, which begins with the first of them.
    ///
    /// Channel blocks are walked outside of pixels, so that a block's constants load once.
    #[inline(always)]
    fn rows<N: Numbers>(
        &self,
        numbers: &N,
        constants: &N::Constants<'_>,
        image: &[Cell<N::X>],
        mut packed: &[N::W],
        y: &[Cell<N::Y>],
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
                self.block::<N, 1, 1>(numbers, constants, &place, weights, y, rows, &inner);
            } else if self.multiplier == 1 {
                let place = Place {
                    image,
                    channel,
                    in_units: w.in_c / CHANNELS,
                    source: source / CHANNELS,
                };
                self.block::<N, CHANNELS, CHANNELS>(
                    numbers, constants, &place, weights, y, rows, &inner,
                );
            } else {
                let place = Place {
                    image,
                    channel,
                    in_units: w.in_c,
                    source,
                };
                self.block::<N, 1, CHANNELS>(numbers, constants, &place, weights, y, rows, &inner);
            }
            channel += width;
            nth += width;
            while nth >= self.multiplier && nth > 0 {
                nth -= self.multiplier.max(1);
                source += 1;
            }
        }
    }

    /// `C` output channels in a range of rows, from `M` neighbouring input channels (`C` or 1).
    #[inline(never)]
    fn block<N: Numbers, const M: usize, const C: usize>(
        &self,
        numbers: &N,
        constants: &N::Constants<'_>,
        place: &Place<'_, N::X>,
        weights: &[N::W],
        mut y: &[Cell<N::Y>],
        rows: Range<usize>,
        inner: &Range<usize>,
    ) {
        let w = &self.window;
        let (weights, _) = weights.as_chunks::<C>();
        let channels = numbers.channels::<C, true>(constants, place.channel);
        let three = if M == C {
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
                    let image = place.image.as_chunks::<C>().0;
                    // All windows from here to the right border differ in their place only.
                    count = inner.end - out_x;
                    for _ in 0..count {
                        let mut acc = N::inside(&channels);
                        sum_3x3::<N, C>(image, at, steps, weights, &mut acc);
                        numbers.finish(&channels, &acc, part(y, 0, C));
                        y = y.get(w.out_c..).unwrap_or(&[]);
                        at += w.stride_w * place.in_units;
                    }
                } else {
                    let (mut acc, zero) = match inside {
                        true => (N::inside(&channels), N::Zero::default()),
                        false => (N::border(&channels), numbers.zero()),
                    };
                    self.window_sum::<N, M, C>(place, at, rows, columns, weights, zero, &mut acc);
                    numbers.finish(&channels, &acc, part(y, 0, C));
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
    fn window_sum<N: Numbers, const M: usize, const C: usize>(
        &self,
        place: &Place<'_, N::X>,
        at: usize,
        rows: &Taps,
        columns: &Taps,
        weights: &[[N::W; C]],
        zero: N::Zero,
        acc: &mut [N::Acc; C],
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
                for n in 0..C {
                    sums[n] = N::mac_zero(sums[n], value[n % M].get(), weights[n], zero);
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
fn sum_3x3<N: Numbers, const C: usize>(
    x: &[[Cell<N::X>; C]],
    at: usize,
    steps: [u16; 2],
    weights: &[[N::W; C]; 9],
    acc: &mut [N::Acc; C],
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
            for n in 0..C {
                sums[n] = N::mac(sums[n], values[n].get(), weights[y * 3 + t][n]);
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
