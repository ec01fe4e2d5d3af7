//! uint8 by uint8, as TensorFlow Lite quantised at first: weights have a zero point, too.

use core::cell::Cell;

use super::{Numbers, entries};
use crate::fixed::requantize;
use crate::kernels::parameters;

parameters! {
    /// Quantisation of a uint8 kernel.
    ///
    /// The input's zero point z is folded into the bias as [`Int8`](super::Int8) has it. That of the weights, v, is taken off with
    /// the sum of the inputs: Σ (x − z)·(w − v) = Σ (x − z)·w − v·Σ (x − z).
    pub struct Uint8 {
        /// The input's zero point.
        pub in_zero_point: i32,
        /// The weights' zero point.
        pub weight_zero_point: i32,
        /// What brings sums to the output's scale.
        pub multiplier: i32,
        /// Its shift.
        pub shift: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
    }
}

/// Sums of products with the weights as they are stored, and of inputs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    products: i32,
    inputs: i32,
}

/// See [`Numbers::channels`].
#[derive(Debug)]
pub struct Channels<const C: usize> {
    folded: [i32; C],
    bias: [i32; C],
}

fn starting<const C: usize>(products: [i32; C]) -> [Sums; C] {
    products.map(|products| Sums {
        products,
        inputs: 0,
    })
}

impl Numbers for Uint8 {
    const NAME: &'static str = "Uint8";
    const PAIRS: bool = false;
    type X = u8;
    type W = u8;
    type Acc = Sums;
    type Y = u8;
    type Zero = i32;
    /// The bias with both zero points folded in as far as they meet (see [`Uint8`]); the plain one, which may be empty
    /// where no window crosses the border.
    type Constants<'a> = (&'a [i32], &'a [i32]);
    type Channels<const C: usize> = Channels<C>;

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        (folded, bias): &Self::Constants<'_>,
        channel: usize,
    ) -> Channels<C> {
        Channels {
            folded: entries(folded, channel),
            bias: entries(if BORDER { bias } else { &[] }, channel),
        }
    }

    #[inline(always)]
    fn inside<const C: usize>(channels: &Channels<C>) -> [Sums; C] {
        starting(channels.folded)
    }

    #[inline(always)]
    fn border<const C: usize>(channels: &Channels<C>) -> [Sums; C] {
        starting(channels.bias)
    }

    #[inline(always)]
    fn zero(&self) -> i32 {
        self.in_zero_point
    }

    #[inline(always)]
    fn mac(acc: Sums, x: u8, w: u8) -> Sums {
        Self::mac_zero(acc, x, w, 0)
    }

    #[inline(always)]
    fn mac_zero(acc: Sums, x: u8, w: u8, zero: i32) -> Sums {
        let x = i32::from(x).wrapping_sub(zero);
        Sums {
            products: acc.products.wrapping_add(x.wrapping_mul(i32::from(w))),
            inputs: acc.inputs.wrapping_add(x),
        }
    }

    #[inline(never)]
    fn finish<const C: usize>(&self, _: &Channels<C>, acc: &[Sums; C], y: &[Cell<u8>]) {
        for (acc, y) in acc.iter().zip(y) {
            let taken = acc.inputs.wrapping_mul(self.weight_zero_point);
            let sum = acc.products.wrapping_sub(taken);
            let scaled = requantize(sum, self.multiplier, self.shift);
            let scaled = scaled.wrapping_add(self.out_zero_point);
            y.set(scaled.max(self.min).min(self.max) as u8);
        }
    }
}
