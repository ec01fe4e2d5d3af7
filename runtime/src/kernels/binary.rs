//! ADD, SUB and MUL of two tensors, or of a tensor and a constant.
//!
//! The first operand is always an activation; the generator exchanges operands where the first is
//! the constant one, so every arithmetic comes in both orders. Either activation that is as large
//! as the output may share its memory: each element is read before the one in its place is
//! written.
//!
//! Numbers are those of TensorFlow's kernels: int8 sums bring both sides to twice the larger
//! scale with 20 bits to spare, add, and requantise; products are requantised; int32 wraps.

use core::cell::Cell;

use super::broadcast::{Broadcast, Combine, Meeting, Source};
use super::{Float, host_kernel, parameters};
use crate::fixed::{Factor, requantize};

parameters! {
    /// The operation on float32 and int32.
    pub enum Arithmetic {
        /// first + second
        Add,
        /// first − second
        Sub,
        /// second − first
        SubFrom,
        /// first × second
        Mul,
    }

    /// A quantised sum or difference.
    ///
    /// The side of the larger scale is multiplied by exactly ½, which needs no rounding. With its
    /// sign folded in: `exact` = x·`exact_factor` + `exact_offset`, `exact_factor` = ±2¹⁹. The other
    /// side is `rounded` = ((x − zero point)·2²⁰)·multiplier, rounded twice; then
    /// y = (`exact` ± `rounded`)·out multiplier + zero point, rounded twice.
    pub struct Sum {
        /// Whether the first operand is the exact side.
        pub first_is_exact: bool,
        /// ±2¹⁹.
        pub exact_factor: i32,
        /// −`exact_factor` × the exact side's zero point.
        pub exact_offset: i32,
        /// The rounded side's zero point × 2²¹.
        pub rounded_zero: i32,
        /// The rounded side's multiplier.
        pub rounded_multiplier: i32,
        /// The rounded side's shift, at most 0.
        pub rounded_shift: i32,
        /// The rounded side's sign: 1 or −1.
        pub rounded_sign: i32,
        /// The output's multiplier.
        pub out_multiplier: i32,
        /// The output's shift, at most 0.
        pub out_shift: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
    }

    /// A quantised product: (a − zero point)·(b − zero point)·multiplier + zero point.
    pub struct Product {
        /// The first operand's zero point.
        pub first_zero_point: i32,
        /// The second operand's zero point.
        pub second_zero_point: i32,
        /// The output's multiplier.
        pub multiplier: i32,
        /// The shift, at most 30.
        pub shift: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
    }

    /// An int32 operation, wrapping.
    pub struct Int32 {
        /// The operation.
        pub arithmetic: Arithmetic,
        /// Least output value, by activation.
        pub min: i32,
        /// Greatest output value, by activation.
        pub max: i32,
    }

    /// A float32 operation.
    pub struct Float32 {
        /// The operation.
        pub arithmetic: Arithmetic,
        /// Range of the output.
        pub float: Float,
    }
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $kernel:ident($t:ty, $second:ty): $parameters:ty;)*) => {$(
        parameters! {
            $(#[$doc])*
            pub struct $kernel {
                /// What to compute of two elements.
                pub operation: $parameters,
                /// How the operands' elements meet; `None` where both are as large as the output or
                /// the second operand has one element.
                pub broadcast: Option<Broadcast>,
            }
        }

        host_kernel! { $kernel(first, second, y); }

        impl $kernel {
            /// Computes the whole output.
            // Inlined so that the choices below, constant where the model is compiled, leave one
            // loop, which all layers of a kind share.
            #[inline(always)]
            pub fn run(&self, first: &[Cell<$t>], second: &[$second], y: &[Cell<$t>]) {
                let meeting = Meeting { broadcast: self.broadcast.as_ref(), first, second, y };
                self.operation.run(meeting);
            }
        }
    )*};
}
kernels! {
    /// ADD or SUB of int8 activations.
    AddI8(i8, Cell<i8>): Sum;
    /// ADD or SUB of an int8 activation and a constant.
    AddConstantI8(i8, i8): Sum;
    /// MUL of int8 activations.
    MulI8(i8, Cell<i8>): Product;
    /// MUL of an int8 activation and a constant.
    MulConstantI8(i8, i8): Product;
    /// ADD, SUB or MUL of int32 activations.
    BinaryI32(i32, Cell<i32>): Int32;
    /// ADD, SUB or MUL of an int32 activation and a constant.
    BinaryConstantI32(i32, i32): Int32;
    /// ADD, SUB or MUL of float32 activations.
    BinaryF32(f32, Cell<f32>): Float32;
    /// ADD, SUB or MUL of a float32 activation and a constant.
    BinaryConstantF32(f32, f32): Float32;
}

impl Sum {
    #[inline(always)]
    fn run<S: Source<i8>>(&self, meeting: Meeting<'_, i8, S>) {
        let plain = self.exact_factor > 0
            && self.rounded_sign > 0
            && self.rounded_shift < 0
            && self.out_shift < 0
            && whole_range(self.min, self.max);
        match (self.first_is_exact, plain) {
            (true, true) => meeting.run::<SumOf<true, true>>(self),
            (true, false) => meeting.run::<SumOf<true, false>>(self),
            (false, true) => meeting.run::<SumOf<false, true>>(self),
            (false, false) => meeting.run::<SumOf<false, false>>(self),
        }
    }
}

/// Whether an activation's range is all of int8: saturation is one instruction then.
#[inline(always)]
fn whole_range(min: i32, max: i32) -> bool {
    min == i32::from(i8::MIN) && max == i32::from(i8::MAX)
}

#[inline(always)]
fn saturate(value: i32) -> i8 {
    value.min(i32::from(i8::MAX)).max(i32::from(i8::MIN)) as i8
}

/// A `PLAIN` sum adds, its shifts are below 0 and its range is all of int8. It is what most models
/// have, and leaves the processor's registers room for the rest.
struct SumOf<const FIRST_IS_EXACT: bool, const PLAIN: bool>;

impl<const FIRST_IS_EXACT: bool, const PLAIN: bool> Combine for SumOf<FIRST_IS_EXACT, PLAIN> {
    type T = i8;
    type Parameters = Sum;

    #[inline(always)]
    fn combine(p: &Sum, first: i8, second: i8) -> i8 {
        let (exact, rounded) = if FIRST_IS_EXACT {
            (i32::from(first), i32::from(second))
        } else {
            (i32::from(second), i32::from(first))
        };
        let rounding = Factor::new(p.rounded_multiplier, p.rounded_shift);
        let out = Factor::new(p.out_multiplier, p.out_shift);
        // |x − zero point| ≤ 255, so 2²¹ times that has a bit to spare; and so has twice the sum,
        // of which each side is at most 255·2¹⁹.
        let rounded = (rounded << 21).wrapping_sub(p.rounded_zero);
        if PLAIN {
            let exact2 = (exact << 20).wrapping_add(p.exact_offset << 1);
            let sum2 = exact2.wrapping_add(rounding.apply_doubled_right(rounded) << 1);
            saturate(out.apply_doubled_right(sum2).wrapping_add(p.out_zero_point))
        } else {
            let exact = exact
                .wrapping_mul(p.exact_factor)
                .wrapping_add(p.exact_offset);
            let rounded = rounding.apply_doubled(rounded);
            let sum = rounded.wrapping_mul(p.rounded_sign).wrapping_add(exact);
            let y = out.apply_doubled(sum << 1);
            y.wrapping_add(p.out_zero_point).min(p.max).max(p.min) as i8
        }
    }
}

impl Product {
    #[inline(always)]
    fn run<S: Source<i8>>(&self, meeting: Meeting<'_, i8, S>) {
        let plain = self.shift < 0 && whole_range(self.min, self.max);
        // |product| ≤ 255², so 2¹⁴ times that is below 2³⁰.
        let large = self.shift > 14;
        match (plain, large) {
            (true, _) => meeting.run::<ProductOf<true, false>>(self),
            (false, false) => meeting.run::<ProductOf<false, false>>(self),
            (false, true) => meeting.run::<ProductOf<false, true>>(self),
        }
    }
}

/// As [`SumOf`]. A product by a `LARGE` factor may leave 32 bits before it is rounded; what is left
/// of it counts, as in TensorFlow's kernels.
struct ProductOf<const PLAIN: bool, const LARGE: bool>;

impl<const PLAIN: bool, const LARGE: bool> Combine for ProductOf<PLAIN, LARGE> {
    type T = i8;
    type Parameters = Product;

    #[inline(always)]
    fn combine(p: &Product, first: i8, second: i8) -> i8 {
        let first = i32::from(first).wrapping_sub(p.first_zero_point);
        let second = i32::from(second).wrapping_sub(p.second_zero_point);
        let product = first.wrapping_mul(second);
        let factor = Factor::new(p.multiplier, p.shift);
        if PLAIN {
            let y = factor.apply_doubled_right(product << 1);
            return saturate(y.wrapping_add(p.out_zero_point));
        }
        let y = if LARGE {
            requantize(product, p.multiplier, p.shift)
        } else {
            factor.apply(product)
        };
        y.wrapping_add(p.out_zero_point).min(p.max).max(p.min) as i8
    }
}

macro_rules! arithmetic {
    ($($name:ident($a:ident, $b:ident): $f32:expr, $i32:expr;)*) => {
        $(struct $name<const CLAMP: bool>;)*

        $(impl<const CLAMP: bool> Combine for $name<CLAMP> {
            type T = f32;
            type Parameters = Float32;

            #[inline(always)]
            fn combine(p: &Float32, $a: f32, $b: f32) -> f32 {
                let y = $f32;
                if CLAMP { p.float.clamp(y) } else { y }
            }
        })*

        impl Float32 {
            #[inline(always)]
            fn run<S: Source<f32>>(&self, meeting: Meeting<'_, f32, S>) {
                // Without an activation the type's own range is left alone: overflow gives
                // infinity rather than the greatest finite value.
                let clamps = self.float.min > f32::MIN || self.float.max < f32::MAX;
                match (self.arithmetic, clamps) {
                    $((Arithmetic::$name, true) => meeting.run::<$name<true>>(self),
                    (Arithmetic::$name, false) => meeting.run::<$name<false>>(self),)*
                }
            }
        }

        mod int32 {
            use super::{Arithmetic, Combine, Int32, Meeting, Source};

            $(struct $name;

            impl Combine for $name {
                type T = i32;
                type Parameters = Int32;

                #[inline(always)]
                fn combine(p: &Int32, $a: i32, $b: i32) -> i32 {
                    let y: i32 = $i32;
                    y.min(p.max).max(p.min)
                }
            })*

            impl Int32 {
                #[inline(always)]
                pub(super) fn run<S: Source<i32>>(&self, meeting: Meeting<'_, i32, S>) {
                    match self.arithmetic {
                        $(Arithmetic::$name => meeting.run::<$name>(self),)*
                    }
                }
            }
        }
    };
}
arithmetic! {
    Add(a, b): a + b, a.wrapping_add(b);
    Sub(a, b): a - b, a.wrapping_sub(b);
    SubFrom(a, b): b - a, b.wrapping_sub(a);
    Mul(a, b): a * b, a.wrapping_mul(b);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(arithmetic: Arithmetic, min: f32, max: f32) -> Float32 {
        Float32 {
            arithmetic,
            float: Float { min, max },
        }
    }

    #[test]
    fn operands_in_either_order() {
        let one = |arithmetic| {
            let y = Cell::new(0);
            let operation = Int32 {
                arithmetic,
                min: i32::MIN,
                max: i32::MAX,
            };
            let kernel = BinaryConstantI32 {
                operation,
                broadcast: None,
            };
            kernel.run(&[Cell::new(7)], &[3], core::slice::from_ref(&y));
            y.get()
        };
        assert_eq!(one(Arithmetic::Add), 10);
        assert_eq!(one(Arithmetic::Sub), 4);
        assert_eq!(one(Arithmetic::SubFrom), -4);
        assert_eq!(one(Arithmetic::Mul), 21);
    }

    #[test]
    fn int32_wraps_before_it_clamps() {
        let operation = Int32 {
            arithmetic: Arithmetic::Add,
            min: 0,
            max: 6,
        };
        let kernel = BinaryI32 {
            operation,
            broadcast: None,
        };
        let mut values = [i32::MAX, 2, 9];
        let cells = Cell::from_mut(&mut values[..]).as_slice_of_cells();
        kernel.run(cells, cells, cells);
        assert_eq!(values, [0, 4, 6]);
    }

    #[test]
    fn activations_clamp_floats() {
        let operation = float(Arithmetic::Sub, 0.0, 6.0);
        let kernel = BinaryF32 {
            operation,
            broadcast: None,
        };
        let x = [9.0, 5.0, 1.0].map(Cell::new);
        let y = [1.0, 1.0, 2.0].map(Cell::new);
        kernel.run(&x, &y, &y);
        assert_eq!(y.map(|y| y.get()), [6.0, 4.0, 0.0]);
    }
}
