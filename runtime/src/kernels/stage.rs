//! What a convolution does with its numbers: start, multiply and accumulate, finish.

use core::cell::Cell;

use super::parameters;
use core::iter::zip;

use super::dot::{CHANNELS, dot};
use crate::fixed::Downscale;

/// Arithmetic of one pairing of element types.
pub(super) trait Stage: Sized {
    type X: Copy;
    type W: Copy;
    type Acc: Copy;
    type Y;
    /// What windows across the border subtract from every value.
    type Zero: Copy + Default;
    /// What `N` channels keep for all pixels.
    type Channels<const N: usize>;
    /// Constants of `N` channels from `channel` on.
    fn channels<const N: usize>(&self, channel: usize) -> Self::Channels<N>;
    /// Accumulators of a window inside the input.
    fn inside<const N: usize>(channels: &Self::Channels<N>) -> [Self::Acc; N];
    /// Accumulators of a window across its border.
    fn border<const N: usize>(channels: &Self::Channels<N>) -> [Self::Acc; N];
    /// What windows across the border subtract from every value.
    fn zero(&self) -> Self::Zero;
    /// Multiplies and accumulates, inside the input.
    fn mac(acc: Self::Acc, x: Self::X, w: Self::W) -> Self::Acc;
    /// Multiplies and accumulates, across the border.
    fn mac_zero(acc: Self::Acc, x: Self::X, w: Self::W, zero: Self::Zero) -> Self::Acc;
    /// Adds the products of two runs of values inside the input with the same weights.
    fn mac_pair(
        x: [&[Cell<Self::X>]; 2],
        weights: &[[Self::W; CHANNELS]],
        acc: &mut [[Self::Acc; CHANNELS]; 2],
    );
    /// Writes the outputs of the first channels of `N`, as many as `y` takes.
    fn finish<const N: usize>(
        &self,
        channels: &Self::Channels<N>,
        acc: &[Self::Acc; N],
        y: &[Cell<Self::Y>],
    );
}

parameters! {
    /// Quantisation of an int8 convolution.
    ///
    /// For windows inside the input its zero point z is folded into the bias at build time:
    /// Σ (x − z)·w + b = Σ x·w + (b − z·Σ w). Windows across the border leave taps out, so they take
    /// the plain bias and subtract z from every value.
    pub struct Int8 {
        /// The input's zero point.
        pub in_zero_point: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
        /// Whether every accumulator and shift is proven to be in the range of
        /// [`Downscale`](crate::fixed::Downscale).
        pub small: bool,
    }

    /// Range of a float convolution's output.
    pub struct Float {
        /// Least output value, by activation.
        pub min: f32,
        /// Greatest output value, by activation.
        pub max: f32,
    }
}

pub(super) struct Int8Stage<'a> {
    int8: Int8,
    folded: &'a [i32],
    bias: &'a [i32],
    multiplier: &'a [i32],
    shift: &'a [i8],
}

pub(super) struct Int8Channels<const N: usize> {
    folded: [i32; N],
    bias: [i32; N],
    downscale: [Downscale; N],
}

pub(super) struct FloatStage<'a> {
    float: Float,
    bias: &'a [f32],
}

impl Int8 {
    #[inline(always)]
    pub(super) fn stage<'a>(
        &self,
        folded: &'a [i32],
        bias: &'a [i32],
        multiplier: &'a [i32],
        shift: &'a [i8],
    ) -> Int8Stage<'a> {
        Int8Stage {
            int8: *self,
            folded,
            bias,
            multiplier,
            shift,
        }
    }
}

impl Float {
    /// Clamps by comparison, which leaves NaN; `f32::min` and `f32::max` would not, and are
    /// library calls where the processor has no instruction for them.
    #[inline(always)]
    pub(super) fn clamp(&self, x: f32) -> f32 {
        if x > self.max {
            self.max
        } else if x < self.min {
            self.min
        } else {
            x
        }
    }

    #[inline(always)]
    pub(super) fn stage<'a>(&self, bias: &'a [f32]) -> FloatStage<'a> {
        FloatStage { float: *self, bias }
    }
}

/// Entries of `N` channels, or the one entry for all; zeros where there are none.
#[inline(always)]
fn entries<T: Copy + Default, const N: usize>(per_channel: &[T], channel: usize) -> [T; N] {
    if let [one] = per_channel {
        return [*one; N];
    }
    let rest = per_channel.get(channel..).unwrap_or(&[]);
    if let Some(entries) = rest.first_chunk() {
        return *entries;
    }
    let mut entries = [T::default(); N];
    for (entry, value) in entries.iter_mut().zip(rest) {
        *entry = *value;
    }
    entries
}

impl Stage for Int8Stage<'_> {
    type X = i8;
    type W = i8;
    type Acc = i32;
    type Y = i8;
    type Zero = i32;
    type Channels<const N: usize> = Int8Channels<N>;

    #[inline(always)]
    fn channels<const N: usize>(&self, channel: usize) -> Int8Channels<N> {
        let multiplier: [i32; N] = entries(self.multiplier, channel);
        let shift: [i8; N] = entries(self.shift, channel);
        let mut downscale = [Downscale::default(); N];
        for (downscale, (multiplier, shift)) in downscale.iter_mut().zip(zip(multiplier, shift)) {
            *downscale = Downscale::new(multiplier, i32::from(shift), self.int8.out_zero_point);
        }
        Int8Channels {
            folded: entries(self.folded, channel),
            bias: entries(self.bias, channel),
            downscale,
        }
    }

    #[inline(always)]
    fn inside<const N: usize>(channels: &Int8Channels<N>) -> [i32; N] {
        channels.folded
    }

    #[inline(always)]
    fn border<const N: usize>(channels: &Int8Channels<N>) -> [i32; N] {
        channels.bias
    }

    #[inline(always)]
    fn zero(&self) -> i32 {
        self.int8.in_zero_point
    }

    #[inline(always)]
    fn mac(acc: i32, x: i8, w: i8) -> i32 {
        acc.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)))
    }

    #[inline(always)]
    fn mac_zero(acc: i32, x: i8, w: i8, zero: i32) -> i32 {
        acc.wrapping_add(i32::from(x).wrapping_sub(zero).wrapping_mul(i32::from(w)))
    }

    /// One by one: two pixels' sums are more than the registers of a small core hold.
    #[inline(always)]
    fn mac_pair(x: [&[Cell<i8>]; 2], weights: &[[i8; CHANNELS]], acc: &mut [[i32; CHANNELS]; 2]) {
        for (x, acc) in x.into_iter().zip(acc) {
            dot::<Self>(x, weights, acc);
        }
    }

    #[inline(never)]
    fn finish<const N: usize>(&self, channels: &Int8Channels<N>, acc: &[i32; N], y: &[Cell<i8>]) {
        let int8 = &self.int8;
        let mut scaled = [0; N];
        if int8.small {
            for (n, scaled) in scaled.iter_mut().enumerate() {
                *scaled = channels.downscale[n].apply(acc[n]);
            }
        } else {
            scaled = requantize(&channels.downscale, int8.out_zero_point, acc);
        }
        // The range of the type takes one instruction.
        let scaled = scaled.map(|scaled| scaled.clamp(-128, 127) as i8);
        match y.first_chunk::<N>() {
            Some(y) => (0..N).for_each(|n| y[n].set(scaled[n])),
            None => y.iter().zip(scaled).for_each(|(y, scaled)| y.set(scaled)),
        }
        if int8.min > -128 || int8.max < 127 {
            for y in y {
                y.set(i32::from(y.get()).min(int8.max).max(int8.min) as i8);
            }
        }
    }
}

/// For factors and accumulators of any size: rare, so in one place.
#[cold]
#[inline(never)]
fn requantize<const N: usize>(
    factors: &[Downscale; N],
    zero_point: i32,
    acc: &[i32; N],
) -> [i32; N] {
    let mut scaled = *acc;
    for (scaled, factor) in scaled.iter_mut().zip(factors) {
        *scaled = factor.requantize(*scaled).wrapping_add(zero_point);
    }
    scaled
}

impl Stage for FloatStage<'_> {
    type X = f32;
    type W = f32;
    type Acc = f32;
    type Y = f32;
    type Zero = ();
    type Channels<const N: usize> = [f32; N];

    #[inline(always)]
    fn channels<const N: usize>(&self, channel: usize) -> [f32; N] {
        entries(self.bias, channel)
    }

    #[inline(always)]
    fn inside<const N: usize>(channels: &[f32; N]) -> [f32; N] {
        *channels
    }

    #[inline(always)]
    fn border<const N: usize>(channels: &[f32; N]) -> [f32; N] {
        *channels
    }

    #[inline(always)]
    fn zero(&self) {}

    #[inline(always)]
    fn mac(acc: f32, x: f32, w: f32) -> f32 {
        acc + x * w
    }

    #[inline(always)]
    fn mac_zero(acc: f32, x: f32, w: f32, (): ()) -> f32 {
        acc + x * w
    }

    #[inline(never)]
    fn mac_pair(x: [&[Cell<f32>]; 2], weights: &[[f32; CHANNELS]], acc: &mut [[f32; CHANNELS]; 2]) {
        let mut sums = *acc;
        for ((x0, x1), w) in x[0].iter().zip(x[1]).zip(weights) {
            for n in 0..CHANNELS {
                sums[0][n] += x0.get() * w[n];
                sums[1][n] += x1.get() * w[n];
            }
        }
        *acc = sums;
    }

    #[inline(never)]
    fn finish<const N: usize>(&self, _: &[f32; N], acc: &[f32; N], y: &[Cell<f32>]) {
        for (acc, y) in acc.iter().zip(y) {
            y.set(self.float.clamp(*acc));
        }
    }
}
