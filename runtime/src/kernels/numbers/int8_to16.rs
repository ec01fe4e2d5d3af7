//! int8 by int8 to int16 without a zero point: products inside of operators that go on with more bits.

use core::cell::Cell;

use super::{Numbers, entries};
use crate::fixed::requantize;
use crate::kernels::parameters;

parameters! {
    /// Quantisation of products of int8 whose results are int16, saturated. The input's zero point is folded into the
    /// bias, as that of [`Int8`](super::Int8) is.
    pub struct Int8To16;
}

/// See [`Numbers::channels`].
#[derive(Debug)]
pub struct Channels<const C: usize> {
    folded: [i32; C],
    multiplier: [i32; C],
    shift: [i8; C],
}

impl Numbers for Int8To16 {
    const NAME: &'static str = "Int8To16";
    const PAIRS: bool = false;
    #[cfg(feature = "host")]
    const FOLDS: bool = false;
    type X = i8;
    type W = i8;
    type Acc = i32;
    type Y = i16;
    type Zero = ();
    /// The bias with the input's zero point folded in; multipliers and shifts, one entry per output channel or one
    /// for all.
    type Constants<'a> = (&'a [i32], &'a [i32], &'a [i8]);
    type Channels<const C: usize> = Channels<C>;

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        (folded, multiplier, shift): &Self::Constants<'_>,
        channel: usize,
    ) -> Channels<C> {
        Channels {
            folded: entries(folded, channel),
            multiplier: entries(multiplier, channel),
            shift: entries(shift, channel),
        }
    }

    #[inline(always)]
    fn inside<const C: usize>(channels: &Channels<C>) -> [i32; C] {
        channels.folded
    }

    #[inline(always)]
    fn border<const C: usize>(channels: &Channels<C>) -> [i32; C] {
        channels.folded
    }

    #[inline(always)]
    fn zero(&self) {}

    #[inline(always)]
    fn mac(acc: i32, x: i8, w: i8) -> i32 {
        acc.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)))
    }

    #[inline(always)]
    fn mac_zero(acc: i32, x: i8, w: i8, (): ()) -> i32 {
        Self::mac(acc, x, w)
    }

    #[inline(never)]
    fn finish<const C: usize>(&self, channels: &Channels<C>, acc: &[i32; C], y: &[Cell<i16>]) {
        let factors = channels.multiplier.iter().zip(&channels.shift);
        for ((acc, (multiplier, shift)), y) in acc.iter().zip(factors).zip(y) {
            let scaled = requantize(*acc, *multiplier, i32::from(*shift));
            y.set(scaled.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16);
        }
    }
}
