//! QUANTIZE, DEQUANTIZE and CAST: between float32 and integers, and between integers of other scales. Functions
//! for [`Map`](super::Map).
//!
//! 8-bit to 8-bit is a table ([`Lookup`](super::Lookup)).

use super::parameters;
use super::unary::Function;
use crate::fixed::requantize;

/// Integers that tensors are quantised to.
pub trait Stored: Copy {
    /// The value.
    fn wide(self) -> i32;
    /// The nearest value of the type.
    fn saturate(value: i32) -> Self;
}

macro_rules! stored {
    ($($t:ty)*) => {$(
        impl Stored for $t {
            #[inline(always)]
            fn wide(self) -> i32 {
                i32::from(self)
            }

            #[inline(always)]
            fn saturate(value: i32) -> Self {
                const MIN: i32 = <$t>::MIN as i32;
                const MAX: i32 = <$t>::MAX as i32;
                value.min(MAX).max(MIN) as Self
            }
        }
    )*};
}
stored! { i8 u8 i16 i32 }

parameters! {
    /// `round(x / scale) + zero_point`, halves away from zero, saturating; NaN counts as 0.
    pub struct Quantize {
        /// The output's scale.
        pub scale: f32,
        /// The output's zero point.
        pub zero_point: i32,
    }

    /// `scale × (x − zero_point)`.
    pub struct Dequantize {
        /// The input's scale.
        pub scale: f32,
        /// The input's zero point.
        pub zero_point: i32,
    }

    /// `(x − in_zero_point) × multiplier × 2^(shift − 31) + out_zero_point`, rounded as
    /// [`requantize`] does, saturating.
    pub struct Requantize {
        /// The input's zero point.
        pub in_zero_point: i32,
        /// The scales' quotient, as a fraction.
        pub multiplier: i32,
        /// The scales' quotient, its power of two.
        pub shift: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
    }

    /// The number as it is, in another type: of float32, the integer towards zero, saturating; of integers, the
    /// low bits.
    pub struct Cast;

    /// The nearest number of fewer bits: an index that leads nowhere still does so.
    pub struct Narrow;

    /// Whether the number is not 0.
    pub struct Truth;
}

/// The nearest integer, halves away from zero, saturating; that of NaN is 0.
#[inline(always)]
pub(super) fn nearest(x: f32) -> i32 {
    // Truncation and its remainder are exact, so this needs no library call; the cast saturates.
    let whole = x as i32;
    let rest = x - whole as f32;
    let nudge = i32::from(rest >= 0.5) - i32::from(rest <= -0.5);
    whole.saturating_add(nudge)
}

impl<Y: Stored> Function<f32, Y> for Quantize {
    #[inline(always)]
    fn of(&self, x: f32) -> Y {
        Y::saturate(nearest(x / self.scale).saturating_add(self.zero_point))
    }
}

impl<X: Stored> Function<X, f32> for Dequantize {
    #[inline(always)]
    fn of(&self, x: X) -> f32 {
        // The difference is exact in single precision, so the product is rounded once.
        self.scale * x.wide().wrapping_sub(self.zero_point) as f32
    }
}

impl<X: Stored, Y: Stored> Function<X, Y> for Requantize {
    #[inline(always)]
    fn of(&self, x: X) -> Y {
        let x = x.wide().wrapping_sub(self.in_zero_point);
        let y = requantize(x, self.multiplier, self.shift);
        Y::saturate(y.saturating_add(self.out_zero_point))
    }
}

macro_rules! casts {
    ($($x:ty)*) => {$(
        impl Function<$x, u8> for Truth {
            #[inline(always)]
            fn of(&self, x: $x) -> u8 {
                u8::from(x != <$x>::default())
            }
        }

        casts!(@from $x: i8 u8 i16 i32 u32 i64 f32);
    )*};
    (@from $x:ty: $($y:ty)*) => {$(
        impl Function<$x, $y> for Cast {
            #[inline(always)]
            #[allow(clippy::unnecessary_cast, reason = "a type to itself")]
            fn of(&self, x: $x) -> $y {
                x as $y
            }
        }
    )*};
}
casts! { i8 u8 i16 i32 u32 i64 f32 }

impl Function<i64, i32> for Narrow {
    #[inline(always)]
    fn of(&self, x: i64) -> i32 {
        x.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}
