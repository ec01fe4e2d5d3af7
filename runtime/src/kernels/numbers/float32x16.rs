//! float32 by float32, of weights that are stored as float16.

use core::cell::Cell;

use super::{Float, Numbers};
use crate::kernels::parameters;

parameters! {
    /// Range of the output of a float kernel whose weights are float16 and finite. Results are those of [`Float`] with weights
    /// of float32, to the bit.
    pub struct Float32x16 {
        /// The range.
        pub range: Float,
    }
}

impl Float32x16 {
    /// The value of a finite binary16. Its exponent and fraction are those of a binary32 that is 2¹¹² times smaller, subnormal ones
    /// included, so that the product is exact.
    #[inline(always)]
    pub(crate) fn widened(half: u16) -> f32 {
        /// 2¹¹².
        const UNIT: f32 = f32::from_bits(0x7780_0000);
        let half = u32::from(half);
        f32::from_bits((half & 0x8000) << 16 | (half & 0x7fff) << 13) * UNIT
    }
}

impl Numbers for Float32x16 {
    const NAME: &'static str = "Float32x16";
    const PAIRS: bool = true;
    #[cfg(feature = "host")]
    const FOLDS: bool = false;
    type X = f32;
    type W = u16;
    type Acc = f32;
    type Y = f32;
    type Zero = ();
    /// A bias of one entry per output channel, or of none.
    type Constants<'a> = (&'a [f32],);
    type Channels<const C: usize> = [f32; C];

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(
        &self,
        constants: &(&[f32],),
        channel: usize,
    ) -> [f32; C] {
        self.range.channels::<C, BORDER>(constants, channel)
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
    fn mac(acc: f32, x: f32, w: u16) -> f32 {
        acc + x * Self::widened(w)
    }

    #[inline(always)]
    fn mac_zero(acc: f32, x: f32, w: u16, (): ()) -> f32 {
        Self::mac(acc, x, w)
    }

    #[inline(always)]
    fn finish<const C: usize>(&self, channels: &[f32; C], acc: &[f32; C], y: &[Cell<f32>]) {
        self.range.finish::<C>(channels, acc, y);
    }
}
