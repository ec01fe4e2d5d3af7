//! What a convolution does with its numbers: start, multiply and accumulate, finish.

use core::cell::Cell;
use core::iter::zip;

use crate::fixed::{Factor, requantize};

/// Arithmetic of one pairing of element types.
pub(super) trait Stage {
    type X: Copy;
    type W: Copy;
    type Acc: Copy;
    type Y;
    /// What `N` channels keep for all pixels.
    type Channels<const N: usize>;
    /// Constants of `N` channels from `channel` on.
    fn channels<const N: usize>(&self, channel: usize) -> Self::Channels<N>;
    /// Accumulators with their bias, for a window `INSIDE` the input or one across its border.
    fn start<const INSIDE: bool, const N: usize>(channels: &Self::Channels<N>) -> [Self::Acc; N];
    /// Multiplies and accumulates, as [`start`](Self::start) began.
    fn mac<const INSIDE: bool>(&self, acc: Self::Acc, x: Self::X, w: Self::W) -> Self::Acc;
    /// Writes the outputs of `N` channels.
    fn finish<const N: usize>(
        &self,
        channels: &Self::Channels<N>,
        acc: [Self::Acc; N],
        y: &[Cell<Self::Y>],
    );
}

/// Quantisation of an int8 convolution.
///
/// For windows inside the input its zero point z is folded into the bias at build time:
/// Σ (x − z)·w + b = Σ x·w + (b − z·Σ w). Windows across the border leave taps out, so they take
/// the plain bias and subtract z from every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct Int8 {
    /// The input's zero point.
    pub in_zero_point: i32,
    /// The output's zero point.
    pub out_zero_point: i32,
    /// Least output value, by type and activation.
    pub min: i32,
    /// Greatest output value, by type and activation.
    pub max: i32,
    /// Whether every accumulator is proven small enough for [`Factor`](crate::fixed::Factor).
    pub small: bool,
}

/// Range of a float convolution's output.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "host", derive(databake::Bake), databake(path = castiron::kernels))]
pub struct Float {
    /// Least output value, by activation.
    pub min: f32,
    /// Greatest output value, by activation.
    pub max: f32,
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
    multiplier: [i32; N],
    shift: [i8; N],
    factor: [Factor; N],
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
    #[inline(always)]
    pub(super) fn stage<'a>(&self, bias: &'a [f32]) -> FloatStage<'a> {
        FloatStage { float: *self, bias }
    }
}

/// Entries of `N` channels, or the one entry for all channels.
#[inline(always)]
fn entries<T: Copy + Default, const N: usize>(per_channel: &[T], channel: usize) -> [T; N] {
    match per_channel
        .get(channel..)
        .and_then(|rest| rest.first_chunk())
    {
        Some(entries) => *entries,
        None => [per_channel.first().copied().unwrap_or_default(); N],
    }
}

/// Biases of `N` channels, or zeros where there are none.
#[inline(always)]
fn biases<T: Copy + Default, const N: usize>(bias: &[T], channel: usize) -> [T; N] {
    let bias = bias.get(channel..).and_then(|rest| rest.first_chunk());
    bias.copied().unwrap_or([T::default(); N])
}

impl Stage for Int8Stage<'_> {
    type X = i8;
    type W = i8;
    type Acc = i32;
    type Y = i8;

    type Channels<const N: usize> = Int8Channels<N>;

    #[inline(always)]
    fn channels<const N: usize>(&self, channel: usize) -> Int8Channels<N> {
        let multiplier = entries(self.multiplier, channel);
        let shift = entries(self.shift, channel);
        let mut factor = [Factor::new(0, 0); N];
        for (factor, (multiplier, shift)) in factor.iter_mut().zip(zip(multiplier, shift)) {
            *factor = Factor::new(multiplier, i32::from(shift));
        }
        Int8Channels {
            folded: biases(self.folded, channel),
            bias: biases(self.bias, channel),
            multiplier,
            shift,
            factor,
        }
    }

    #[inline(always)]
    fn start<const INSIDE: bool, const N: usize>(channels: &Int8Channels<N>) -> [i32; N] {
        if INSIDE {
            channels.folded
        } else {
            channels.bias
        }
    }

    #[inline(always)]
    fn mac<const INSIDE: bool>(&self, acc: i32, x: i8, w: i8) -> i32 {
        let x = i32::from(x);
        let x = if INSIDE {
            x
        } else {
            x.wrapping_sub(self.int8.in_zero_point)
        };
        acc.wrapping_add(x.wrapping_mul(i32::from(w)))
    }

    #[inline(always)]
    fn finish<const N: usize>(&self, channels: &Int8Channels<N>, acc: [i32; N], y: &[Cell<i8>]) {
        let mut scaled = acc;
        if self.int8.small {
            for (scaled, factor) in scaled.iter_mut().zip(channels.factor) {
                *scaled = factor.apply(*scaled);
            }
        } else {
            let factors = zip(channels.multiplier, channels.shift);
            for (scaled, (multiplier, shift)) in scaled.iter_mut().zip(factors) {
                *scaled = requantize(*scaled, multiplier, i32::from(shift));
            }
        }
        let Int8 {
            out_zero_point,
            min,
            max,
            ..
        } = self.int8;
        for (scaled, y) in scaled.iter().zip(y) {
            y.set(scaled.wrapping_add(out_zero_point).min(max).max(min) as i8);
        }
    }
}

impl Stage for FloatStage<'_> {
    type X = f32;
    type W = f32;
    type Acc = f32;
    type Y = f32;

    type Channels<const N: usize> = [f32; N];

    #[inline(always)]
    fn channels<const N: usize>(&self, channel: usize) -> [f32; N] {
        biases(self.bias, channel)
    }

    #[inline(always)]
    fn start<const INSIDE: bool, const N: usize>(channels: &[f32; N]) -> [f32; N] {
        *channels
    }

    #[inline(always)]
    fn mac<const INSIDE: bool>(&self, acc: f32, x: f32, w: f32) -> f32 {
        acc + x * w
    }

    #[inline(always)]
    fn finish<const N: usize>(&self, _: &[f32; N], acc: [f32; N], y: &[Cell<f32>]) {
        for (acc, y) in acc.iter().zip(y) {
            y.set(acc.min(self.float.max).max(self.float.min));
        }
    }
}
