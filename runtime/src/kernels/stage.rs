//! What a convolution does with its numbers: start, multiply and accumulate, finish.

use core::cell::Cell;

use crate::fixed::requantize;

/// Arithmetic of one pairing of element types.
pub(super) trait Stage {
    type X: Copy;
    type W: Copy;
    type Acc: Copy;
    type Y;
    /// Whether taps outside of the input contribute.
    const PADS: bool;
    /// What `N` channels keep for all pixels.
    type Channels<const N: usize>;
    /// Constants of `N` channels from `channel` on.
    fn channels<const N: usize>(&self, channel: usize) -> Self::Channels<N>;
    /// Accumulators with their bias.
    fn start<const N: usize>(channels: &Self::Channels<N>) -> [Self::Acc; N];
    fn mac(acc: Self::Acc, x: Self::X, w: Self::W) -> Self::Acc;
    fn pad(&self, acc: Self::Acc, w: Self::W) -> Self::Acc;
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
/// The input's zero point is folded into the bias at build time:
/// Σ (x − z)·w + b = Σ x·w + (b − z·Σ w). Taps outside of the input then count as z·w.
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
    bias: &'a [i32],
    multiplier: &'a [i32],
    shift: &'a [i8],
}

pub(super) struct Int8Channels<const N: usize> {
    bias: [i32; N],
    multiplier: [i32; N],
    shift: [i8; N],
}

pub(super) struct FloatStage<'a> {
    float: Float,
    bias: &'a [f32],
}

impl Int8 {
    #[inline(always)]
    pub(super) fn stage<'a>(
        &self,
        bias: &'a [i32],
        multiplier: &'a [i32],
        shift: &'a [i8],
    ) -> Int8Stage<'a> {
        Int8Stage {
            int8: *self,
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
    const PADS: bool = true;

    type Channels<const N: usize> = Int8Channels<N>;

    #[inline(always)]
    fn channels<const N: usize>(&self, channel: usize) -> Int8Channels<N> {
        Int8Channels {
            bias: biases(self.bias, channel),
            multiplier: entries(self.multiplier, channel),
            shift: entries(self.shift, channel),
        }
    }

    #[inline(always)]
    fn start<const N: usize>(channels: &Int8Channels<N>) -> [i32; N] {
        channels.bias
    }

    #[inline(always)]
    fn mac(acc: i32, x: i8, w: i8) -> i32 {
        acc.wrapping_add(i32::from(x) * i32::from(w))
    }

    #[inline(always)]
    fn pad(&self, acc: i32, w: i8) -> i32 {
        acc.wrapping_add(self.int8.in_zero_point.wrapping_mul(i32::from(w)))
    }

    #[inline(always)]
    fn finish<const N: usize>(&self, channels: &Int8Channels<N>, acc: [i32; N], y: &[Cell<i8>]) {
        let Int8 {
            out_zero_point,
            min,
            max,
            ..
        } = self.int8;
        let factors = channels.multiplier.into_iter().zip(channels.shift);
        for ((acc, (multiplier, shift)), y) in acc.iter().zip(factors).zip(y) {
            let scaled = requantize(*acc, multiplier, i32::from(shift));
            y.set(scaled.wrapping_add(out_zero_point).min(max).max(min) as i8);
        }
    }
}

impl Stage for FloatStage<'_> {
    type X = f32;
    type W = f32;
    type Acc = f32;
    type Y = f32;
    const PADS: bool = false;

    type Channels<const N: usize> = [f32; N];

    #[inline(always)]
    fn channels<const N: usize>(&self, channel: usize) -> [f32; N] {
        biases(self.bias, channel)
    }

    #[inline(always)]
    fn start<const N: usize>(channels: &[f32; N]) -> [f32; N] {
        *channels
    }

    #[inline(always)]
    fn mac(acc: f32, x: f32, w: f32) -> f32 {
        acc + x * w
    }

    #[inline(always)]
    fn pad(&self, acc: f32, _: f32) -> f32 {
        acc
    }

    #[inline(always)]
    fn finish<const N: usize>(&self, _: &[f32; N], acc: [f32; N], y: &[Cell<f32>]) {
        for (acc, y) in acc.iter().zip(y) {
            y.set(acc.min(self.float.max).max(self.float.min));
        }
    }
}
