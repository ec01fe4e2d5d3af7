//! float32 by float32, of weights that are stored as int8 with a scale.

use core::cell::Cell;

use super::{Float, Numbers, entries};
use crate::kernels::parameters;

parameters! {
    /// Range of the output of a float kernel whose weights are int8. Results are those of [`Float`] with weights of
    /// float32, to the bit.
    pub struct Float32x8 {
        /// The range.
        pub range: Float,
    }
}

/// A sum, and what a stored weight of 1 is worth. It is here because only sums know their channel.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    sum: f32,
    scale: f32,
}

/// See [`Numbers::channels`].
#[derive(Debug)]
pub struct Channels<const C: usize> {
    bias: [f32; C],
    scale: [f32; C],
}

impl<const C: usize> Channels<C> {
    #[inline(always)]
    fn sums(&self) -> [Sum; C] {
        core::array::from_fn(|n| Sum {
            sum: self.bias[n],
            scale: self.scale[n],
        })
    }
}

impl Numbers for Float32x8 {
    const NAME: &'static str = "Float32x8";
    const PAIRS: bool = true;
    #[cfg(feature = "host")]
    const FOLDS: bool = false;
    type X = f32;
    type W = i8;
    type Acc = Sum;
    type Y = f32;
    type Zero = ();
    /// Biases, of one entry per output channel or of none; the weights' scales, one entry per output channel or one for
    /// all.
    type Constants<'a> = (&'a [f32], &'a [f32]);
    type Channels<const C: usize> = Channels<C>;

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        (bias, scale): &Self::Constants<'_>,
        channel: usize,
    ) -> Channels<C> {
        Channels {
            bias: entries(bias, channel),
            scale: entries(scale, channel),
        }
    }

    #[inline(always)]
    fn inside<const C: usize>(channels: &Channels<C>) -> [Sum; C] {
        channels.sums()
    }

    #[inline(always)]
    fn border<const C: usize>(channels: &Channels<C>) -> [Sum; C] {
        channels.sums()
    }

    #[inline(always)]
    fn zero(&self) {}

    #[inline(always)]
    fn mac(acc: Sum, x: f32, w: i8) -> Sum {
        // The weight first, which is rounded as the float32 weight was.
        Sum {
            sum: acc.sum + x * (f32::from(w) * acc.scale),
            ..acc
        }
    }

    #[inline(always)]
    fn mac_zero(acc: Sum, x: f32, w: i8, (): ()) -> Sum {
        Self::mac(acc, x, w)
    }

    #[inline(never)]
    fn finish<const C: usize>(&self, _: &Channels<C>, acc: &[Sum; C], y: &[Cell<f32>]) {
        for (acc, y) in acc.iter().zip(y) {
            y.set(self.range.clamp(acc.sum));
        }
    }
}
