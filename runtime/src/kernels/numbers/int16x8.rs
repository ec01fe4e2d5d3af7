//! int16 by int8, as TensorFlow Lite quantises: no zero points, sums of 64 bits.

use core::cell::Cell;

use super::{Numbers, entries};
use crate::fixed::{requantize, requantize_wide};
use crate::kernels::parameters;

parameters! {
    /// Quantisation of a kernel of int16 activations and int8 weights.
    pub struct Int16x8 {
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
        /// Whether the reference keeps sums in 32 bits, as it does for biases of that size: they wrap there, and
        /// multipliers have all their bits.
        pub narrow: bool,
    }
}

/// See [`Numbers::channels`].
#[derive(Debug)]
pub struct Channels<const C: usize> {
    bias: [i64; C],
    multiplier: [i32; C],
    shift: [i8; C],
}

impl Numbers for Int16x8 {
    const NAME: &'static str = "Int16x8";
    const PAIRS: bool = false;
    type X = i16;
    type W = i8;
    type Acc = i64;
    type Y = i16;
    type Zero = ();
    /// Biases, of one entry per output channel or of none; multipliers and shifts, one entry per output channel or
    /// one for all.
    type Constants<'a> = (&'a [i64], &'a [i32], &'a [i8]);
    type Channels<const C: usize> = Channels<C>;

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        (bias, multiplier, shift): &Self::Constants<'_>,
        channel: usize,
    ) -> Channels<C> {
        Channels {
            bias: entries(bias, channel),
            multiplier: entries(multiplier, channel),
            shift: entries(shift, channel),
        }
    }

    #[inline(always)]
    fn inside<const C: usize>(channels: &Channels<C>) -> [i64; C] {
        channels.bias
    }

    #[inline(always)]
    fn border<const C: usize>(channels: &Channels<C>) -> [i64; C] {
        channels.bias
    }

    #[inline(always)]
    fn zero(&self) {}

    #[inline(always)]
    fn mac(acc: i64, x: i16, w: i8) -> i64 {
        acc.wrapping_add(i64::from(i32::from(x).wrapping_mul(i32::from(w))))
    }

    #[inline(always)]
    fn mac_zero(acc: i64, x: i16, w: i8, (): ()) -> i64 {
        Self::mac(acc, x, w)
    }

    #[inline(never)]
    fn finish<const C: usize>(&self, channels: &Channels<C>, acc: &[i64; C], y: &[Cell<i16>]) {
        let factors = channels.multiplier.iter().zip(&channels.shift);
        for ((acc, (multiplier, shift)), y) in acc.iter().zip(factors).zip(y) {
            let shift = i32::from(*shift);
            let scaled = match self.narrow {
                // A sum that wraps in 32 bits is the low half of one that does not.
                true => requantize(*acc as i32, *multiplier, shift),
                false => requantize_wide(*acc, *multiplier, shift),
            };
            y.set(scaled.max(self.min).min(self.max) as i16);
        }
    }
}
