//! int16 by int8 to sums of int32, without scales: products of inputs that become integers at run time, by what is in
//! them, so that [`ScaleSums`](crate::kernels::ScaleSums) makes real numbers of the sums.

use core::cell::Cell;

use super::Numbers;
use crate::kernels::parameters;

parameters! {
    /// Integers without a zero point, which 8 bits would not hold; windows across the border are as any others.
    pub struct Hybrid;
}

impl Numbers for Hybrid {
    const NAME: &'static str = "Hybrid";
    const PAIRS: bool = false;
    type X = i16;
    type W = i8;
    type Acc = i32;
    type Y = i32;
    type Zero = ();
    type Constants<'a> = ();
    type Channels<const C: usize> = ();

    #[inline(always)]
    fn channels<const C: usize, const BORDER: bool>(&self, (): &(), _: usize) {}

    #[inline(always)]
    fn inside<const C: usize>((): &()) -> [i32; C] {
        [0; C]
    }

    #[inline(always)]
    fn border<const C: usize>((): &()) -> [i32; C] {
        [0; C]
    }

    #[inline(always)]
    fn zero(&self) {}

    #[inline(always)]
    fn mac(acc: i32, x: i16, w: i8) -> i32 {
        acc.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)))
    }

    #[inline(always)]
    fn mac_zero(acc: i32, x: i16, w: i8, (): ()) -> i32 {
        Self::mac(acc, x, w)
    }

    #[inline(never)]
    fn finish<const C: usize>(&self, (): &(), acc: &[i32; C], y: &[Cell<i32>]) {
        for (acc, y) in acc.iter().zip(y) {
            y.set(*acc);
        }
    }
}
