//! QUANTIZE and DEQUANTIZE: between float32 and integers, and between integers of other scales.
//!
//! 8-bit to 8-bit is a table ([`Lookup`](super::Lookup)).

use core::cell::Cell;

use super::{host_kernel, parameters};
use crate::fixed::requantize;

/// Integers that tensors are quantised to.
trait Stored: Copy {
    fn widen(self) -> i32;
    /// The nearest value of the type.
    fn saturate(value: i32) -> Self;
}

macro_rules! stored {
    ($($t:ty)*) => {$(
        impl Stored for $t {
            #[inline(always)]
            fn widen(self) -> i32 {
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

macro_rules! kernels {
    ($($(#[$doc:meta])* $kernel:ident($x:ty, $y:ty) { $($field:ident: $t:ty, $about:literal;)* }
        via $element:ident;)*) => {$(
        parameters! {
            $(#[$doc])*
            pub struct $kernel {
                $(#[doc = $about] pub $field: $t,)*
            }
        }

        host_kernel! { $kernel(x, y); }

        impl $kernel {
            /// Converts every element; in place where both types have the same size.
            #[inline(never)]
            pub fn run(&self, x: &[Cell<$x>], y: &[Cell<$y>]) {
                for (x, y) in x.iter().zip(y) {
                    y.set($element(x.get(), $(self.$field),*));
                }
            }
        }
    )*};
}

macro_rules! quantize {
    ($($kernel:ident($y:ty);)*) => {
        kernels! {$(
            /// `round(x / scale) + zero_point`, halves away from zero, saturating; NaN counts as 0.
            $kernel(f32, $y) {
                scale: f32, "The output's scale.";
                zero_point: i32, "The output's zero point.";
            } via quantize_one;
        )*}
    };
}
quantize! { QuantizeI8(i8); QuantizeU8(u8); QuantizeI16(i16); }

macro_rules! dequantize {
    ($($kernel:ident($x:ty);)*) => {
        kernels! {$(
            /// `scale × (x − zero_point)`.
            $kernel($x, f32) {
                scale: f32, "The input's scale.";
                zero_point: i32, "The input's zero point.";
            } via dequantize_one;
        )*}
    };
}
dequantize! { DequantizeI8(i8); DequantizeU8(u8); DequantizeI16(i16); }

macro_rules! requantize {
    ($($kernel:ident($x:ty, $y:ty);)*) => {
        kernels! {$(
            /// `(x − in_zero_point) × multiplier × 2^(shift − 31) + out_zero_point`, rounded as
            /// `requantize` does, saturating.
            $kernel($x, $y) {
                in_zero_point: i32, "The input's zero point.";
                multiplier: i32, "The scales' quotient, as a fraction.";
                shift: i32, "The scales' quotient, its power of two.";
                out_zero_point: i32, "The output's zero point.";
            } via requantize_one;
        )*}
    };
}
requantize! {
    RequantizeI8I16(i8, i16);
    RequantizeI8I32(i8, i32);
    RequantizeI16I8(i16, i8);
    RequantizeI16I16(i16, i16);
    RequantizeI16I32(i16, i32);
    RequantizeI32I8(i32, i8);
    RequantizeI32I16(i32, i16);
}

#[inline(always)]
fn quantize_one<Y: Stored>(x: f32, scale: f32, zero_point: i32) -> Y {
    let steps = x / scale;
    // Truncation and its remainder are exact, so this rounds halves away from zero without a
    // library call; the cast saturates.
    let whole = steps as i32;
    let rest = steps - whole as f32;
    let nudge = i32::from(rest >= 0.5) - i32::from(rest <= -0.5);
    Y::saturate(whole.saturating_add(nudge).saturating_add(zero_point))
}

#[inline(always)]
fn dequantize_one<X: Stored>(x: X, scale: f32, zero_point: i32) -> f32 {
    // The difference is exact in single precision, so the product is rounded once.
    scale * x.widen().wrapping_sub(zero_point) as f32
}

#[inline(always)]
fn requantize_one<X: Stored, Y: Stored>(
    x: X,
    in_zero_point: i32,
    multiplier: i32,
    shift: i32,
    out_zero_point: i32,
) -> Y {
    let x = x.widen().wrapping_sub(in_zero_point);
    Y::saturate(requantize(x, multiplier, shift).saturating_add(out_zero_point))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantized(x: f32, scale: f32, zero_point: i32) -> i8 {
        let y = Cell::new(0);
        QuantizeI8 { scale, zero_point }.run(&[Cell::new(x)], core::slice::from_ref(&y));
        y.get()
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
        let y = Cell::new(0);
        let kernel = RequantizeI32I16 {
            in_zero_point: 0,
            multiplier: 1 << 30,
            shift: 0,
            out_zero_point: 100,
        };
        kernel.run(&[Cell::new(i32::MIN)], core::slice::from_ref(&y));
        assert_eq!(y.get(), i16::MIN);
    }

    proptest! {
        #[test]
        fn quantising_follows_the_formula(
            x in -1e4f32..1e4, scale in 1e-4f32..1.0, zero_point in -32768i32..=32767,
        ) {
            let y = Cell::new(0);
            QuantizeI16 { scale, zero_point }.run(&[Cell::new(x)], core::slice::from_ref(&y));
            let expected = i64::from((libm::roundf(x / scale)) as i32) + i64::from(zero_point);
            prop_assert_eq!(i64::from(y.get()), expected.clamp(-32768, 32767));
        }

        #[test]
        fn dequantising_rounds_once(x: i16, scale in 1e-6f32..10.0, zero_point in -32768i32..=32767) {
            let y = Cell::new(0.0);
            DequantizeI16 { scale, zero_point }.run(&[Cell::new(x)], core::slice::from_ref(&y));
            let expected = f64::from(scale) * f64::from(i32::from(x) - zero_point);
            prop_assert_eq!(y.get(), expected as f32);
        }
    }
}
