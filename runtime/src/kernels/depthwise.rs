//! DEPTHWISE_CONV_2D: every input channel has `multiplier` output channels of its own.
//!
//! Weights are packed in blocks of [`CHANNELS`] output channels with the channel innermost, or
//! channel by channel where blocks do not come out even. Those of four bits lie in pairs of taps.

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

    /// Depthwise convolution by weights of four bits, of which a byte of flash holds two. Results are those of
    /// [`DepthwiseConv2d`], to the bit.
    pub struct DepthwiseConv2dNibbles<N> {
        /// Sizes.
        pub sizes: DepthwiseConv2dSizes,
        /// The number format.
        pub numbers: N,
    }
}

multiply_accumulate!(DepthwiseConv2d<N>);
multiply_accumulate!(
    [N: Numbers<W = i8>] DepthwiseConv2dNibbles<N>, i8, N::Constants<'a>, false, []
);

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
        self.sizes
            .run::<N, Whole>(&self.numbers, &constants, x, weights, y);
    }
}

impl<N: Numbers<W = i8>> DepthwiseConv2dNibbles<N> {
    /// Computes the whole output from an input and packed weights.
    #[inline(always)]
    pub fn compute(
        &self,
        x: &[Cell<N::X>],
        weights: &[i8],
        constants: N::Constants<'_>,
        y: &[Cell<N::Y>],
    ) {
        self.sizes
            .run::<N, Halves>(&self.numbers, &constants, x, weights, y);
    }
}

/// How the weights of a block of channels lie in flash.
trait Weights<W> {
    /// What there is of each channel for one tap, or for some.
    type Packed;
    /// Those of 3×3 taps.
    type Nine<const C: usize>;
    /// How much there is of a channel.
    fn len(taps: usize) -> usize;
    /// Those of 3×3 taps, if there are as many.
    fn nine<const C: usize>(weights: &[[Self::Packed; C]]) -> Option<&Self::Nine<C>>;
    /// A channel's weight of one of 3×3 taps.
    fn of_nine<const C: usize>(nine: &Self::Nine<C>, tap: usize, channel: usize) -> W;
    /// Those of some neighbouring taps, if there are as many.
    fn taps<const C: usize>(
        weights: &[[Self::Packed; C]],
        taps: Range<usize>,
    ) -> Option<impl Iterator<Item = [W; C]>>;
}

/// Weights that are elements.
struct Whole;

impl<W: Copy> Weights<W> for Whole {
    type Packed = W;
    type Nine<const C: usize> = [[W; C]; 9];

    #[inline(always)]
    fn len(taps: usize) -> usize {
        taps
    }

    #[inline(always)]
    fn nine<const C: usize>(weights: &[[W; C]]) -> Option<&[[W; C]; 9]> {
        weights.first_chunk()
    }

    #[inline(always)]
    fn of_nine<const C: usize>(nine: &[[W; C]; 9], tap: usize, channel: usize) -> W {
        nine[tap][channel]
    }

    #[inline(always)]
    fn taps<const C: usize>(
        weights: &[[W; C]],
        taps: Range<usize>,
    ) -> Option<impl Iterator<Item = [W; C]>> {
        Some(weights.get(taps)?.iter().copied())
    }
}

/// Weights that are halves of bytes: the first of two taps in the lower one.
struct Halves;

impl Halves {
    #[inline(always)]
    fn weight(pair: i8, tap: usize) -> i8 {
        // Shifts to the right keep the sign.
        match tap % 2 {
            0 => pair << 4 >> 4,
            _ => pair >> 4,
        }
    }
}

impl Weights<i8> for Halves {
    type Packed = i8;
    type Nine<const C: usize> = [[i8; C]; 5];

    #[inline(always)]
    fn len(taps: usize) -> usize {
        taps.div_ceil(2)
    }

    #[inline(always)]
    fn nine<const C: usize>(weights: &[[i8; C]]) -> Option<&[[i8; C]; 5]> {
        weights.first_chunk()
    }

    #[inline(always)]
    fn of_nine<const C: usize>(nine: &[[i8; C]; 5], tap: usize, channel: usize) -> i8 {
        Self::weight(nine[tap / 2][channel], tap)
    }

    #[inline(always)]
    fn taps<const C: usize>(
        weights: &[[i8; C]],
        taps: Range<usize>,
    ) -> Option<impl Iterator<Item = [i8; C]>> {
        let weights = weights.get(..taps.end.div_ceil(2))?;
        Some(taps.map_while(|tap| {
            let pairs = weights.get(tap / 2)?;
            Some(pairs.map(|pair| Self::weight(pair, tap)))
        }))
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

    /// The same of weights of four bits: two neighbouring taps of a channel in a byte.
    #[cfg(feature = "host")]
    pub fn pack_nibbles<N: Numbers<W = i8>>(
        &self,
        weight: &dyn Fn(usize, usize) -> i8,
    ) -> alloc::vec::Vec<i8> {
        let (width, taps) = (
            self.block_width(),
            self.window.filter_h * self.window.filter_w,
        );
        let mut packed = alloc::vec::Vec::new();
        for block in self.pack::<N>(weight).chunks(width * taps) {
            for pair in block.chunks(2 * width) {
                let (low, high) = pair.split_at(width);
                let high = high.iter().copied().chain(core::iter::repeat(0));
                packed.extend(
                    low.iter()
                        .zip(high)
                        .map(|(low, high)| low & 0xf | high << 4),
                );
            }
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
    fn run<N: Numbers, W: Weights<N::W>>(
        &self,
        numbers: &N,
        constants: &N::Constants<'_>,
        x: &[Cell<N::X>],
        weights: &[W::Packed],
        y: &[Cell<N::Y>],
    ) {
        let out_image = self.window.out_h * self.window.out_row();
        for batch in 0..self.window.batches {
            let image = part(x, batch * self.window.in_image(), self.window.in_image());
            let y = part(y, batch * out_image, out_image);
            let rows = 0..self.window.out_h;
            self.rows::<N, W>(numbers, constants, image, weights, y, rows);
        }
    }

    /// Computes a range of output rows into `y`, which begins with the first of them.
    ///
    /// Channel blocks are walked outside of pixels, so that a block's constants load once.
    #[inline(always)]
    fn rows<N: Numbers, W: Weights<N::W>>(
        &self,
        numbers: &N,
        constants: &N::Constants<'_>,
        image: &[Cell<N::X>],
        mut packed: &[W::Packed],
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
            let (weights, rest) = split(packed, W::len(w.filter_h * w.filter_w) * width);
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
                self.block::<N, W, 1, 1>(numbers, constants, &place, weights, y, rows, &inner);
            } else if self.multiplier == 1 {
                let place = Place {
                    image,
                    channel,
                    in_units: w.in_c / CHANNELS,
                    source: source / CHANNELS,
                };
                self.block::<N, W, CHANNELS, CHANNELS>(
                    numbers, constants, &place, weights, y, rows, &inner,
                );
            } else {
                let place = Place {
                    image,
                    channel,
                    in_units: w.in_c,
                    source,
                };
                self.block::<N, W, 1, CHANNELS>(
                    numbers, constants, &place, weights, y, rows, &inner,
                );
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
    fn block<N: Numbers, W: Weights<N::W>, const M: usize, const C: usize>(
        &self,
        numbers: &N,
        constants: &N::Constants<'_>,
        place: &Place<'_, N::X>,
        weights: &[W::Packed],
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
                if let (true, Some(steps), Some(weights)) = (inside, three, W::nine(weights)) {
                    let image = place.image.as_chunks::<C>().0;
                    // All windows from here to the right border differ in their place only.
                    count = inner.end - out_x;
                    for _ in 0..count {
                        let mut acc = N::inside(&channels);
                        sum_3x3::<N, W, C>(image, at, steps, weights, &mut acc);
                        numbers.finish(&channels, &acc, part(y, 0, C));
                        y = y.get(w.out_c..).unwrap_or(&[]);
                        at += w.stride_w * place.in_units;
                    }
                } else {
                    let (mut acc, zero) = match inside {
                        true => (N::inside(&channels), N::Zero::default()),
                        false => (N::border(&channels), numbers.zero()),
                    };
                    self.window_sum::<N, W, M, C>(
                        place, at, rows, columns, weights, zero, &mut acc,
                    );
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
    fn window_sum<N: Numbers, W: Weights<N::W>, const M: usize, const C: usize>(
        &self,
        place: &Place<'_, N::X>,
        at: usize,
        rows: &Taps,
        columns: &Taps,
        weights: &[[W::Packed; C]],
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
                W::taps(weights, tap..tap + columns.valid.len()),
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
fn sum_3x3<N: Numbers, W: Weights<N::W>, const C: usize>(
    x: &[[Cell<N::X>; C]],
    at: usize,
    steps: [u16; 2],
    weights: &W::Nine<C>,
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
                let weight = W::of_nine(weights, y * 3 + t, n);
                sums[n] = N::mac(sums[n], values[n].get(), weight);
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
