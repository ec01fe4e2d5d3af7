//! Element-wise operators, a line each: the operator's name in the schema, and what it computes of which types.
//!
//! So are reductions: what becomes of the result so far and of one more element.
//!
//! A line is all that such an operator needs. The generator finds it here by its name and takes whatever the line
//! has: `[f32 i32]` are element types with what is computed of them, and `real` is what 8-bit values stand for, of
//! which the generator makes a table. Arithmetic of quantised values that has rules of its own is in the
//! generator's family (`ops/unary.rs`, `ops/binary.rs`), with its functions in `quantized.rs`.
//!
//! Fields in braces are the operator's options by the schema's name. `[i8 i16]` works on stored values, so all of
//! the operator's tensors have one quantisation. What TensorFlow Lite Micro refuses at run time (a division by
//! zero) gives infinity or NaN here, or 0 where the type has neither.

use core::ops::Add as Plus;

use super::binary::{arithmetic, binary, clamp, comparisons};
use super::broadcast::Combine;
use super::fold::Folding;
use super::parameters;
use super::reduce::{Reducing, reductions};
use super::unary::{Function, unary};
use crate::remainder::fmodf;

unary! {
    Abs = "ABS"(x): [f32] libm::fabsf(x), [i32] x.wrapping_abs();
    Ceil = "CEIL"(x): [f32] libm::ceilf(x);
    Cos = "COS"(x): [f32] real::cos(x);
    Elu = "ELU"(x): [f32] if x < 0.0 { real::expm1(x) } else { x },
        real if x < 0.0 { real::exp(x) - 1.0 } else { x };
    Exp = "EXP"(x): [f32] real::exp(x), real real::exp(x);
    Floor = "FLOOR"(x): [f32] libm::floorf(x);
    HardSwish = "HARD_SWISH"(x): [f32] x * clamp(x + 3.0, 0.0, 6.0) / 6.0;
    LeakyRelu { alpha } = "LEAKY_RELU"(x): [f32] if x > 0.0 { x } else { x * alpha };
    Log = "LOG"(x): [f32] real::log(x), real if x > 0.0 { real::log(x) } else { f32::NEG_INFINITY };
    LogicalNot = "LOGICAL_NOT"(x): [bool] !x;
    Logistic = "LOGISTIC"(x): [f32] logistic(x);
    Neg = "NEG"(x): [f32] -x, [i32] x.wrapping_neg();
    Relu = "RELU"(x): [f32] if x < 0.0 { 0.0 } else { x };
    Relu0To1 = "RELU_0_TO_1"(x): [f32] clamp(x, 0.0, 1.0);
    Relu6 = "RELU6"(x): [f32] clamp(x, 0.0, 6.0);
    ReluN1To1 = "RELU_N1_TO_1"(x): [f32] clamp(x, -1.0, 1.0);
    Round = "ROUND"(x): [f32] libm::rintf(x);
    Rsqrt = "RSQRT"(x): [f32] 1.0 / libm::sqrtf(x);
    Sin = "SIN"(x): [f32] real::sin(x);
    Sqrt = "SQRT"(x): [f32] libm::sqrtf(x);
    Square = "SQUARE"(x): [f32] x * x;
    Tanh = "TANH"(x): [f32] real::tanh(x);
    ZerosLike = "ZEROS_LIKE"(_x): [f32] 0.0, [i8 i32 i64] 0;
}

arithmetic! {
    Add = "ADD"(a, b): [f32] a + b, [i32] a.wrapping_add(b);
    Div = "DIV"(a, b): [f32] a / b, [i32] quotient(a, b);
    Mul = "MUL"(a, b): [f32] a * b, [i32] a.wrapping_mul(b);
    Sub = "SUB"(a, b): [f32] a - b, [i32] a.wrapping_sub(b);
}

binary! {
    BroadcastArgs = "BROADCAST_ARGS"(a, b): [i32 i64] if a == 1 { b } else { a };
    FloorDiv = "FLOOR_DIV"(a, b): [f32] libm::floor(f64::from(a) / f64::from(b)) as f32,
        [i32] quotient(a, b).wrapping_sub(i32::from(remainder(a, b) != 0 && (a < 0) != (b < 0)));
    FloorMod = "FLOOR_MOD"(a, b): [f32] floor_mod(fmodf(a, b), b), [i32] floor_mod(remainder(a, b), b);
    LogicalAnd = "LOGICAL_AND"(a, b): [bool] a && b;
    LogicalOr = "LOGICAL_OR"(a, b): [bool] a || b;
    Maximum = "MAXIMUM"(a, b): [f32 i8 u8 i16 i32 i64] if a > b { a } else { b };
    Minimum = "MINIMUM"(a, b): [f32 i8 u8 i16 i32 i64] if a < b { a } else { b };
    Pow = "POW"(a, b): [f32] real::pow(a, b), [i32] power(a, b);
    Prelu = "PRELU"(x, slope): [f32] if x >= 0.0 { x } else { x * slope };
    SquaredDifference = "SQUARED_DIFFERENCE"(a, b): [f32] (a - b) * (a - b),
        [i32] a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b));
}

// Of int8, uint8 and, where it is quantised, int16, numbers are compared that the stored ones stand for, whatever the
// scales.
comparisons! {
    Equal = "EQUAL"(a, b): [bool f32 i16 i32 i64] a == b;
    Greater = "GREATER"(a, b): [f32 i16 i32 i64] a > b;
    GreaterEqual = "GREATER_EQUAL"(a, b): [f32 i16 i32 i64] a >= b;
    Less = "LESS"(a, b): [f32 i16 i32 i64] a < b;
    LessEqual = "LESS_EQUAL"(a, b): [f32 i16 i32 i64] a <= b;
    NotEqual = "NOT_EQUAL"(a, b): [bool f32 i16 i32 i64] a != b;
}

// What becomes of the result so far and an element, and the result of none. Sums and means of quantised numbers are in
// `reduce.rs`.
reductions! {
    ReduceAll = "REDUCE_ALL"(a, x) from true, [bool] a && x;
    ReduceAny = "REDUCE_ANY"(a, x) from false, [bool] a || x;
    ReduceMax = "REDUCE_MAX"(a, x) from Value::LEAST, [f32 i8 u8 i16 i32 i64] if x > a { x } else { a };
    ReduceMin = "REDUCE_MIN"(a, x) from Value::GREATEST, [f32 i8 u8 i16 i32 i64] if x < a { x } else { a };
    ReduceProd = "REDUCE_PROD"(a, x) from Value::ONE, [f32] a * x, [i32 i64] a.wrapping_mul(x);
    ReduceSum = "SUM"(a, x) from Value::ZERO, [f32] a + x, [i32 i64] a.wrapping_add(x);
}

/// 1 / (1 + e^−x) with a small e^−|x|, which neither overflows nor cancels.
#[inline(always)]
fn logistic(x: f32) -> f32 {
    let e = real::exp(if x > 0.0 { -x } else { x });
    (if x > 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// Towards zero; 0 where there is none.
#[inline(always)]
fn quotient(a: i32, b: i32) -> i32 {
    if b == 0 { 0 } else { a.wrapping_div(b) }
}

/// That of [`quotient`].
#[inline(always)]
fn remainder(a: i32, b: i32) -> i32 {
    if b == 0 { 0 } else { a.wrapping_rem(b) }
}

/// The nearest number that there is; towards zero, of a negative exponent.
#[inline(always)]
fn power(a: i32, b: i32) -> i32 {
    let power = a.saturating_pow(b.unsigned_abs());
    if b < 0 { quotient(1, power) } else { power }
}

/// What a remainder towards zero is towards −∞: of the divisor's sign.
#[inline(always)]
fn floor_mod<T: Copy + Default + PartialOrd + Plus<Output = T>>(rest: T, divisor: T) -> T {
    let zero = T::default();
    if rest != zero && (divisor < zero) != (rest < zero) {
        rest + divisor
    } else {
        rest
    }
}

/// Functions of real numbers, compiled once and here: a kernel with one in its loop would have several copies of it.
mod real {
    macro_rules! functions {
        ($($name:ident = $of:path;)*) => {$(
            #[inline(never)]
            pub(super) fn $name(x: f32) -> f32 {
                $of(x)
            }
        )*};
    }
    #[inline(never)]
    pub(super) fn pow(x: f32, y: f32) -> f32 {
        libm::powf(x, y)
    }

    functions! {
        cos = libm::cosf;
        exp = libm::expf;
        expm1 = libm::expm1f;
        log = libm::logf;
        sin = libm::sinf;
        tanh = libm::tanhf;
    }
}

/// A type of the lines above, and how tensors store it.
pub trait Value: Copy {
    /// What a tensor's elements are.
    type Stored: Copy;
    /// The least value that is finite.
    const LEAST: Self;
    /// The greatest value that is finite.
    const GREATEST: Self;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The value of an element.
    fn of(stored: Self::Stored) -> Self;
    /// The element of a value.
    fn stored(self) -> Self::Stored;
}

macro_rules! values {
    ($($t:ty = $zero:literal, $one:literal;)*) => {$(
        impl Value for $t {
            type Stored = Self;
            const LEAST: Self = <$t>::MIN;
            const GREATEST: Self = <$t>::MAX;
            const ZERO: Self = $zero;
            const ONE: Self = $one;

            #[inline(always)]
            fn of(stored: Self) -> Self {
                stored
            }

            #[inline(always)]
            fn stored(self) -> Self {
                self
            }
        }
    )*};
}
values! { f32 = 0.0, 1.0; i8 = 0, 1; u8 = 0, 1; i16 = 0, 1; i32 = 0, 1; i64 = 0, 1; }

impl Value for bool {
    type Stored = u8;
    const LEAST: Self = false;
    const GREATEST: Self = true;
    const ZERO: Self = false;
    const ONE: Self = true;

    #[inline(always)]
    fn of(stored: u8) -> Self {
        stored != 0
    }

    #[inline(always)]
    fn stored(self) -> u8 {
        u8::from(self)
    }
}
