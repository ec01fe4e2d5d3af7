//! What a convolution does with its numbers: start, multiply and accumulate, finish.

/// Arithmetic of one pairing of element types.
pub(super) trait Stage {
    type X: Copy;
    type W: Copy;
    type Acc: Copy;
    type Y;
    const ZERO: Self::Acc;
    /// Whether taps outside of the input contribute.
    const PADS: bool;
    fn start(&self, channel: usize) -> Self::Acc;
    fn mac(acc: Self::Acc, x: Self::X, w: Self::W) -> Self::Acc;
    fn pad(&self, acc: Self::Acc, w: Self::W) -> Self::Acc;
    fn finish(&self, acc: Self::Acc, channel: usize) -> Self::Y;
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

/// The channel's entry, or the one for all channels.
#[inline(always)]
fn entry<T: Copy + Default>(per_channel: &[T], channel: usize) -> T {
    per_channel
        .get(channel)
        .or(per_channel.first())
        .copied()
        .unwrap_or_default()
}

impl Stage for Int8Stage<'_> {
    type X = i8;
    type W = i8;
    type Acc = i32;
    type Y = i8;
    const ZERO: i32 = 0;
    const PADS: bool = true;

    #[inline(always)]
    fn start(&self, channel: usize) -> i32 {
        self.bias.get(channel).copied().unwrap_or(0)
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
    fn finish(&self, acc: i32, channel: usize) -> i8 {
        let scaled = crate::fixed::requantize(
            acc,
            entry(self.multiplier, channel),
            i32::from(entry(self.shift, channel)),
        );
        scaled
            .wrapping_add(self.int8.out_zero_point)
            .min(self.int8.max)
            .max(self.int8.min) as i8
    }
}

impl Stage for FloatStage<'_> {
    type X = f32;
    type W = f32;
    type Acc = f32;
    type Y = f32;
    const ZERO: f32 = 0.0;
    const PADS: bool = false;

    #[inline(always)]
    fn start(&self, channel: usize) -> f32 {
        self.bias.get(channel).copied().unwrap_or(0.0)
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
    fn finish(&self, acc: f32, _: usize) -> f32 {
        acc.min(self.float.max).max(self.float.min)
    }
}
