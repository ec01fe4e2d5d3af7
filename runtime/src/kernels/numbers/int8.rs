//! int8 by int8, as TensorFlow Lite quantises.

use core::cell::Cell;
use core::iter::zip;

use super::{Numbers, entries};
use crate::fixed::Downscale;
use crate::kernels::parameters;

parameters! {
    /// Quantisation of an int8 kernel.
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
}

/// See [`Numbers::channels`].
#[derive(Debug)]
pub struct Channels<const C: usize> {
    folded: [i32; C],
    bias: [i32; C],
    downscale: [Downscale; C],
}

impl Numbers for Int8 {
    const NAME: &'static str = "Int8";
    const PAIRS: bool = false;
    type X = i8;
    type W = i8;
    type Acc = i32;
    type Y = i8;
    type Zero = i32;
    /// The bias with the input's zero point folded in (see [`Int8`]); the plain one, which may be empty where no
    /// window crosses the border; multipliers and shifts, one entry per output channel or one for all.
    type Constants<'a> = (&'a [i32], &'a [i32], &'a [i32], &'a [i8]);
    type Channels<const C: usize> = Channels<C>;

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        &(folded, bias, multiplier, shift): &Self::Constants<'_>,
        channel: usize,
    ) -> Channels<C> {
        let zero_point = self.out_zero_point;
        match BORDER {
            true => channels_apart(folded, bias, multiplier, shift, zero_point, channel),
            false => channels(folded, &[], multiplier, shift, zero_point, channel),
        }
    }

    #[inline(always)]
    fn inside<const C: usize>(channels: &Channels<C>) -> [i32; C] {
        channels.folded
    }

    #[inline(always)]
    fn border<const C: usize>(channels: &Channels<C>) -> [i32; C] {
        channels.bias
    }

    #[inline(always)]
    fn zero(&self) -> i32 {
        self.in_zero_point
    }

    #[inline(always)]
    fn mac(acc: i32, x: i8, w: i8) -> i32 {
        acc.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)))
    }

    #[inline(always)]
    fn mac_zero(acc: i32, x: i8, w: i8, zero: i32) -> i32 {
        acc.wrapping_add(i32::from(x).wrapping_sub(zero).wrapping_mul(i32::from(w)))
    }

    #[inline(never)]
    fn finish<const C: usize>(&self, channels: &Channels<C>, acc: &[i32; C], y: &[Cell<i8>]) {
        let mut scaled = [0; C];
        if self.small {
            for (n, scaled) in scaled.iter_mut().enumerate() {
                *scaled = channels.downscale[n].apply(acc[n]);
            }
        } else {
            scaled = requantize(&channels.downscale, self.out_zero_point, acc);
        }
        // The range of the type takes one instruction.
        let scaled = scaled.map(|scaled| scaled.clamp(-128, 127) as i8);
        match y.first_chunk::<C>() {
            Some(y) => (0..C).for_each(|n| y[n].set(scaled[n])),
            None => y.iter().zip(scaled).for_each(|(y, scaled)| y.set(scaled)),
        }
        if self.min > -128 || self.max < 127 {
            for y in y {
                y.set(i32::from(y.get()).min(self.max).max(self.min) as i8);
            }
        }
    }
}

/// [`channels`] as a function of its own, so that convolutions keep their registers for pixels, and share it. Its
/// arguments are slices rather than one tuple: the compiler sees the lengths that are the same in all calls.
#[inline(never)]
fn channels_apart<const C: usize>(
    folded: &[i32],
    bias: &[i32],
    multiplier: &[i32],
    shift: &[i8],
    zero_point: i32,
    channel: usize,
) -> Channels<C> {
    channels(folded, bias, multiplier, shift, zero_point, channel)
}

#[inline(always)]
fn channels<const C: usize>(
    folded: &[i32],
    bias: &[i32],
    multiplier: &[i32],
    shift: &[i8],
    zero_point: i32,
    channel: usize,
) -> Channels<C> {
    let multiplier: [i32; C] = entries(multiplier, channel);
    let shift: [i8; C] = entries(shift, channel);
    let mut downscale = [Downscale::default(); C];
    for (downscale, (multiplier, shift)) in downscale.iter_mut().zip(zip(multiplier, shift)) {
        *downscale = Downscale::new(multiplier, i32::from(shift), zero_point);
    }
    Channels {
        folded: entries(folded, channel),
        bias: entries(bias, channel),
        downscale,
    }
}

/// For factors and accumulators of any size: rare, so in one place.
#[cold]
#[inline(never)]
fn requantize<const C: usize>(
    factors: &[Downscale; C],
    zero_point: i32,
    acc: &[i32; C],
) -> [i32; C] {
    let mut scaled = *acc;
    for (scaled, factor) in scaled.iter_mut().zip(factors) {
        *scaled = factor.requantize(*scaled).wrapping_add(zero_point);
    }
    scaled
}
