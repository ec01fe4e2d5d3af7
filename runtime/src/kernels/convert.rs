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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantized(x: f32, scale: f32, zero_point: i32) -> i8 {
        Quantize { scale, zero_point }.of(x)
    }

    #[test]
    fn halves_go_away_from_zero() {
        let values = [0.25, 0.75, -0.25, -0.75, 0.249, -0.249];
        let stored = values.map(|x| quantized(x, 0.5, 0));
        assert_eq!(stored, [1, 2, -1, -2, 0, 0]);
    }

    #[test]
    fn everything_saturates() {
        for zero_point in [-128, 0, 127] {
            assert_eq!(quantized(f32::INFINITY, 0.1, zero_point), 127);
            assert_eq!(quantized(f32::MIN, 0.1, zero_point), -128);
            assert_eq!(quantized(3e9, 1.0, zero_point), 127);
            assert_eq!(quantized(f32::NAN, 0.1, zero_point), zero_point as i8);
        }
    }

    #[test]
    fn requantising_32_bits_saturates() {
        let requantize = Requantize {
            in_zero_point: 0,
            multiplier: 1 << 30,
            shift: 0,
            out_zero_point: 100,
        };
        let y: i16 = requantize.of(i32::MIN);
        assert_eq!(y, i16::MIN);
    }

    proptest! {
        #[test]
        fn quantising_follows_the_formula(
            x in -1e4f32..1e4, scale in 1e-4f32..1.0, zero_point in -32768i32..=32767,
        ) {
            let y: i16 = Quantize { scale, zero_point }.of(x);
            let expected = i64::from((libm::roundf(x / scale)) as i32) + i64::from(zero_point);
            prop_assert_eq!(i64::from(y), expected.clamp(-32768, 32767));
        }

        #[test]
        fn dequantising_rounds_once(x: i16, scale in 1e-6f32..10.0, zero_point in -32768i32..=32767) {
            let y = Dequantize { scale, zero_point }.of(x);
            let expected = f64::from(scale) * f64::from(i32::from(x) - zero_point);
            prop_assert_eq!(y, expected as f32);
        }
    }
}
