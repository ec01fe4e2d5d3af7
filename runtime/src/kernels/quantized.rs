//! Functions of quantised values, for [`Map`](super::Map) and [`Zip`](super::Zip).
//!
//! Numbers are those of TensorFlow's kernels: sums bring both sides to twice the larger scale with bits to spare,
//! add, and requantise; products are requantised.

use core::cell::Cell;

use super::broadcast::{Combine, Meeting};
use super::convert::Stored;
use super::parameters;
use super::place::Source;
use super::unary::Function;
use crate::fixed::{Factor, requantize};
use crate::functions::reciprocal;

parameters! {
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

    /// A quantised sum or difference of few instructions: (a·`first` + b·`second` + `offset`)·2^−[`SHIFT`](ShortSum::SHIFT), rounded down and
    /// saturated. The generator proves that it is [`Sum`]'s for all values.
    pub struct ShortSum {
        /// The first operand's factor.
        pub first: i32,
        /// The second operand's factor.
        pub second: i32,
        /// The zero points, and half a step.
        pub offset: i32,
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

    /// One operand brought to another scale:
    /// ((x − `zero_point`) × 2^`spare`) × `multiplier` × 2^(`shift` − 31).
    pub struct Side {
        /// Its zero point.
        pub zero_point: i32,
        /// Bits to spare.
        pub spare: u32,
        /// Its multiplier.
        pub multiplier: i32,
        /// Its shift, at most 0.
        pub shift: i32,
    }

    /// A comparison of operands of two scales.
    pub struct Scaled<F> {
        /// The comparison.
        pub function: F,
        /// The first operand.
        pub first: Side,
        /// The second operand.
        pub second: Side,
    }

    /// A function of int32 of operands of two scales, brought to a third.
    pub struct Requantized<F> {
        /// The function.
        pub function: F,
        /// The first operand.
        pub first: Side,
        /// The second operand.
        pub second: Side,
        /// The output's multiplier.
        pub multiplier: i32,
        /// The output's shift.
        pub shift: i32,
        /// The output's zero point.
        pub zero_point: i32,
        /// Least output value, by type and activation.
        pub min: i32,
        /// Greatest output value, by type and activation.
        pub max: i32,
    }

    /// PRELU: values from 0 on by one factor, others times the second operand by another.
    pub struct QuantizedPrelu {
        /// The first operand's zero point.
        pub zero_point: i32,
        /// The factor of values from 0 on.
        pub multiplier: i32,
        /// Its shift.
        pub shift: i32,
        /// The second operand's zero point.
        pub slope_zero_point: i32,
        /// The factor of products.
        pub slope_multiplier: i32,
        /// Its shift.
        pub slope_shift: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
    }

    /// DIV: the dividend times the divisor's reciprocal, and by the scales' quotient.
    pub struct Quotient {
        /// The first operand's zero point.
        pub first_zero_point: i32,
        /// The second operand's zero point.
        pub second_zero_point: i32,
        /// The scales' quotient.
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

    /// A function of one value that is straight on both sides of 0: ABS, LEAKY_RELU, the RELUs.
    pub struct Bent {
        /// The input's zero point.
        pub zero_point: i32,
        /// Whether negative values count as positive ones.
        pub folded: bool,
        /// The factor of values from 0 on.
        pub multiplier: i32,
        /// Its shift.
        pub shift: i32,
        /// The factor of negative values without its sign.
        pub negative_multiplier: i32,
        /// Its shift.
        pub negative_shift: i32,
        /// Its sign: 1 or −1.
        pub negative_sign: i32,
        /// The output's zero point.
        pub out_zero_point: i32,
        /// Least output value, by type and function.
        pub min: i32,
        /// Greatest output value, by type and function.
        pub max: i32,
    }
}

impl Combine<i8, i8> for Sum {
    #[inline(always)]
    fn combine(&self, first: i8, second: i8) -> i8 {
        match self.first_is_exact {
            true => SumOf::<true, false>(self).combine(first, second),
            false => SumOf::<false, false>(self).combine(first, second),
        }
    }

    #[inline(always)]
    fn meet<S: Source<i8>>(&self, meeting: Meeting<'_, i8, S, i8>) {
        let plain = self.exact_factor > 0
            && self.rounded_sign > 0
            && self.rounded_shift < 0
            && self.out_shift < 0
            && whole_range(self.min, self.max);
        match (self.first_is_exact, plain) {
            (true, true) => meeting.run(SumOf::<true, true>(self)),
            (true, false) => meeting.run(SumOf::<true, false>(self)),
            (false, true) => meeting.run(SumOf::<false, true>(self)),
            (false, false) => meeting.run(SumOf::<false, false>(self)),
        }
    }
}

impl ShortSum {
    /// Bits behind the point.
    pub const SHIFT: u32 = 21;

    /// As many elements of each, several in a round.
    #[inline(never)]
    fn rounds<S: Source<i8>>(&self, first: &[Cell<i8>], second: &[S], y: &[Cell<i8>]) {
        let of = |first: &[Cell<i8>], second: &[S], y: &[Cell<i8>]| {
            for ((first, second), y) in first.iter().zip(second).zip(y) {
                y.set(self.combine(first.get(), second.read()));
            }
        };
        let (firsts, first) = first.as_chunks::<8>();
        let (seconds, second) = second.as_chunks::<8>();
        let (outputs, y) = y.as_chunks::<8>();
        for ((first, second), y) in firsts.iter().zip(seconds).zip(outputs) {
            of(first, second, y);
        }
        of(first, second, y);
    }
}

impl Combine<i8, i8> for ShortSum {
    #[inline(always)]
    fn combine(&self, first: i8, second: i8) -> i8 {
        let first = i32::from(first).wrapping_mul(self.first);
        let second = i32::from(second).wrapping_mul(self.second);
        let sum = first.wrapping_add(second).wrapping_add(self.offset);
        saturate(sum >> Self::SHIFT)
    }

    #[inline(always)]
    fn meet<S: Source<i8>>(&self, meeting: Meeting<'_, i8, S, i8>) {
        let Meeting {
            first, second, y, ..
        } = meeting;
        match meeting.broadcast {
            None if first.len() == second.len() => self.rounds(first, second, y),
            _ => meeting.run(self),
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
#[derive(Clone, Copy)]
struct SumOf<'a, const FIRST_IS_EXACT: bool, const PLAIN: bool>(&'a Sum);

impl<const FIRST_IS_EXACT: bool, const PLAIN: bool> Combine<i8, i8>
    for SumOf<'_, FIRST_IS_EXACT, PLAIN>
{
    #[inline(always)]
    fn combine(&self, first: i8, second: i8) -> i8 {
        let p = self.0;
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

impl Combine<i8, i8> for Product {
    #[inline(always)]
    fn combine(&self, first: i8, second: i8) -> i8 {
        self.of(first, second)
    }

    #[inline(always)]
    fn meet<S: Source<i8>>(&self, meeting: Meeting<'_, i8, S, i8>) {
        let plain = self.shift < 0 && whole_range(self.min, self.max);
        // |product| ≤ 255², so 2¹⁴ times that is below 2³⁰.
        let large = self.shift > 14;
        match (plain, large) {
            (true, _) => meeting.run(ProductOf::<true, false>(self)),
            (false, false) => meeting.run(ProductOf::<false, false>(self)),
            (false, true) => meeting.run(ProductOf::<false, true>(self)),
        }
    }
}

/// As [`SumOf`]. A product by a `LARGE` factor may leave 32 bits before it is rounded; what is left
/// of it counts, as in TensorFlow's kernels.
#[derive(Clone, Copy)]
struct ProductOf<'a, const PLAIN: bool, const LARGE: bool>(&'a Product);

impl<const PLAIN: bool, const LARGE: bool> Combine<i8, i8> for ProductOf<'_, PLAIN, LARGE> {
    #[inline(always)]
    fn combine(&self, first: i8, second: i8) -> i8 {
        let p = self.0;
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

impl Combine<i16, i16> for Product {
    #[inline(always)]
    fn combine(&self, first: i16, second: i16) -> i16 {
        self.of(first, second)
    }
}

impl Combine<u8, u8> for Product {
    #[inline(always)]
    fn combine(&self, first: u8, second: u8) -> u8 {
        self.of(first, second)
    }
}

impl Product {
    /// The product of any type, by a factor of any size.
    #[inline(always)]
    fn of<T: Stored>(&self, first: T, second: T) -> T {
        let first = first.wide().wrapping_sub(self.first_zero_point);
        let second = second.wide().wrapping_sub(self.second_zero_point);
        let y = requantize(first.wrapping_mul(second), self.multiplier, self.shift);
        T::saturate(
            y.wrapping_add(self.out_zero_point)
                .min(self.max)
                .max(self.min),
        )
    }
}

impl Side {
    #[inline(always)]
    fn of<T: Stored>(&self, x: T) -> i32 {
        let x = x.wide().wrapping_sub(self.zero_point);
        requantize(x.wrapping_shl(self.spare), self.multiplier, self.shift)
    }
}

impl<T: Stored, F: Combine<i32, u8>> Combine<T, u8> for Scaled<F> {
    #[inline(always)]
    fn combine(&self, first: T, second: T) -> u8 {
        self.function
            .combine(self.first.of(first), self.second.of(second))
    }
}

impl<T: Stored, F: Combine<i32, i32>> Combine<T, T> for Requantized<F> {
    #[inline(always)]
    fn combine(&self, first: T, second: T) -> T {
        let y = self
            .function
            .combine(self.first.of(first), self.second.of(second));
        let y = requantize(y, self.multiplier, self.shift);
        T::saturate(y.wrapping_add(self.zero_point).min(self.max).max(self.min))
    }
}

impl<T: Stored> Combine<T, T> for QuantizedPrelu {
    #[inline(always)]
    fn combine(&self, x: T, slope: T) -> T {
        let x = x.wide().wrapping_sub(self.zero_point);
        let y = if x >= 0 {
            requantize(x, self.multiplier, self.shift)
        } else {
            let slope = slope.wide().wrapping_sub(self.slope_zero_point);
            requantize(
                x.wrapping_mul(slope),
                self.slope_multiplier,
                self.slope_shift,
            )
        };
        T::saturate(y.wrapping_add(self.out_zero_point))
    }
}

impl<T: Stored> Combine<T, T> for Quotient {
    #[inline(always)]
    fn combine(&self, first: T, second: T) -> T {
        let first = first.wide().wrapping_sub(self.first_zero_point);
        let second = second.wide().wrapping_sub(self.second_zero_point);
        let y = self.of(first, second);
        T::saturate(
            y.wrapping_add(self.out_zero_point)
                .min(self.max)
                .max(self.min),
        )
    }
}

impl Quotient {
    /// 0 by 0 is 0, and other numbers by 0 are without bounds.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn of(&self, first: i32, second: i32) -> i32 {
        if second == 0 {
            return first.signum().wrapping_mul(1 << 20);
        }
        let first = if second < 0 {
            first.wrapping_neg()
        } else {
            first
        };
        let (inverse, bits) = reciprocal(second.unsigned_abs(), 31);
        // As many bits to the left as there are copies of the sign.
        let spare = ((first ^ (first >> 31)).leading_zeros() as i32).wrapping_sub(1);
        let quotient = requantize(first, inverse, spare);
        let right = (bits as i32).wrapping_add(spare).wrapping_sub(self.shift);
        match right {
            0..=31 => requantize(quotient, self.multiplier, right.wrapping_neg()),
            32.. => 0,
            // Beyond all bounds: the output's scale is next to nothing.
            _ => first.signum().wrapping_mul(1 << 20),
        }
    }
}

impl<T: Stored> Function<T, T> for Bent {
    #[inline(always)]
    fn of(&self, x: T) -> T {
        let x = x.wide().wrapping_sub(self.zero_point);
        let x = if self.folded { x.wrapping_abs() } else { x };
        let y = if x >= 0 {
            requantize(x, self.multiplier, self.shift)
        } else {
            requantize(x, self.negative_multiplier, self.negative_shift)
                .wrapping_mul(self.negative_sign)
        };
        T::saturate(
            y.saturating_add(self.out_zero_point)
                .max(self.min)
                .min(self.max),
        )
    }
}
