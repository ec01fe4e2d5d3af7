//! float32 by float32.

use core::cell::Cell;

use super::{Numbers, entries};
use crate::kernels::parameters;

parameters! {
    /// Range of a float kernel's output.
    pub struct Float {
        /// Least output value, by activation.
        pub min: f32,
        /// Greatest output value, by activation.
        pub max: f32,
    }
}

impl Float {
    /// Clamps by comparison, which leaves NaN; `f32::min` and `f32::max` would not, and are
    /// library calls where the processor has no instruction for them.
    #[inline(always)]
    pub(crate) fn clamp(&self, x: f32) -> f32 {
        if x > self.max {
            self.max
        } else if x < self.min {
            self.min
        } else {
            x
        }
    }
}

impl Numbers for Float {
    const NAME: &'static str = "Float";
    const PAIRS: bool = true;
    type X = f32;
    type W = f32;
    type Acc = f32;
    type Y = f32;
    type Zero = ();
    /// A bias of one entry per output channel, or of none.
    type Constants<'a> = (&'a [f32],);
    type Channels<const C: usize> = [f32; C];

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        (bias,): &(&[f32],),
        channel: usize,
    ) -> [f32; C] {
        entries(bias, channel)
    }

    #[inline(always)]
    fn inside<const C: usize>(channels: &[f32; C]) -> [f32; C] {
        *channels
    }

    #[inline(always)]
    fn border<const C: usize>(channels: &[f32; C]) -> [f32; C] {
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
    fn finish<const C: usize>(&self, _: &[f32; C], acc: &[f32; C], y: &[Cell<f32>]) {
        for (acc, y) in acc.iter().zip(y) {
            y.set(self.clamp(*acc));
        }
    }
}
