//! int8 by int8, where one multiplication is proven to requantise as TensorFlow Lite's two roundings do.

use core::cell::Cell;

use super::{Int8, Numbers, entries};
use crate::kernels::parameters;

parameters! {
    /// Quantisation of an int8 kernel, for processors that multiply to 64 bits: an output is `(256·sum·factor >> 32) + addend`, less `away` where the sum is negative,
    /// shifted right. The generator proves it for every sum that there is, which fits in 24 bits.
    ///
    /// The input's zero point is folded in as that of [`Int8`] is.
    pub struct Int8Short {
        /// The input's zero point.
        pub in_zero_point: i32,
        /// Bits of the last shift.
        pub shift: u32,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
    }
}

/// Words of a channel that move its scaled sums: addend, what is subtracted.
const OFFSETS: usize = 2;

/// See [`Numbers::channels`].
#[derive(Debug)]
pub struct Channels<const C: usize> {
    folded: [i32; C],
    bias: [i32; C],
    factor: [i32; C],
    offsets: [[i32; OFFSETS]; C],
}

impl Numbers for Int8Short {
    const NAME: &'static str = "Int8Short";
    const PAIRS: bool = false;
    #[cfg(feature = "host")]
    const FOLDS: bool = false;
    type X = i8;
    type W = i8;
    type Acc = i32;
    type Y = i8;
    type Zero = i32;
    /// The bias with the input's zero point folded in; the plain one, which may be empty where no window crosses the border; factors, and addends
    /// with what is subtracted, of each output channel or once for all.
    type Constants<'a> = (&'a [i32], &'a [i32], &'a [i32], &'a [i32]);
    type Channels<const C: usize> = Channels<C>;

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        &(folded, bias, factor, offsets): &Self::Constants<'_>,
        channel: usize,
    ) -> Channels<C> {
        Channels {
            folded: entries(folded, channel),
            bias: match BORDER {
                true => entries(bias, channel),
                false => [0; C],
            },
            factor: entries(factor, channel),
            offsets: entries(offsets.as_chunks().0, channel),
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
        Int8::mac(acc, x, w)
    }

    #[inline(always)]
    fn mac_zero(acc: i32, x: i8, w: i8, zero: i32) -> i32 {
        Int8::mac_zero(acc, x, w, zero)
    }

    #[inline(never)]
    fn finish<const C: usize>(&self, channels: &Channels<C>, acc: &[i32; C], y: &[Cell<i8>]) {
        let Self {
            shift, min, max, ..
        } = *self;
        let mut outputs = [0; C];
        for (n, output) in outputs.iter_mut().enumerate() {
            let sum = acc[n].wrapping_shl(8);
            let (factor, [addend, away]) = (channels.factor[n], channels.offsets[n]);
            let high = (i64::from(sum).wrapping_mul(i64::from(factor)) >> 32) as i32;
            let away = away & (sum >> 31);
            let scaled = high.wrapping_add(addend).wrapping_sub(away);
            *output = scaled.wrapping_shr(shift).min(max).max(min) as i8;
        }
        match y.first_chunk::<C>() {
            Some(y) => (0..C).for_each(|n| y[n].set(outputs[n])),
            None => y.iter().zip(outputs).for_each(|(y, output)| y.set(output)),
        }
    }
}
