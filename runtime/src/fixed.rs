//! Fixed-point arithmetic as gemmlowp defines it and TensorFlow Lite Micro computes it.
//!
//! Every function is exact, including the rounding of ties: integer models have to give the
//! same bits here as there.

/// `round(a × b / 2³¹)`, ties towards +∞, saturating in the one case that overflows
/// (`a = b = i32::MIN`).
#[inline(always)]
#[must_use]
pub const fn doubling_high_mul(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    high_mul(a, b)
}

/// [`doubling_high_mul`] for factors of which one is known not to be `i32::MIN`.
#[inline(always)]
const fn high_mul(a: i32, b: i32) -> i32 {
    // gemmlowp adds a nudge that depends on the sign and divides towards zero; this is the same
    // for every product, in three instructions.
    ((a as i64 * b as i64 + (1 << 30)) >> 31) as i32
}

/// `round(x / 2^exponent)`, ties away from zero; `exponent` in 0..=31.
#[inline(always)]
#[must_use]
pub const fn rounding_shift_right(x: i32, exponent: u32) -> i32 {
    let mask = (1u32.wrapping_shl(exponent)).wrapping_sub(1) as i32;
    let threshold = (mask >> 1) + (x < 0) as i32;
    x.wrapping_shr(exponent) + ((x & mask) > threshold) as i32
}

/// `x × multiplier × 2^(shift − 31)` with gemmlowp's two roundings;
/// `multiplier` in 0..=i32::MAX, `shift` in −31..=30.
#[inline(always)]
#[must_use]
pub const fn requantize(x: i32, multiplier: i32, shift: i32) -> i32 {
    if shift > 0 {
        high_mul(x.wrapping_shl(shift as u32), multiplier)
    } else {
        rounding_shift_right(high_mul(x, multiplier), shift.wrapping_neg() as u32)
    }
}

/// `x × multiplier × 2^(shift − 31)` as TensorFlow Lite has it for sums of 64 bits: the multiplier rounded to 16 bits,
/// one rounding with ties towards +∞, the low 32 bits of the result;
/// `multiplier` in 0..=i32::MAX, `shift` in −31..=7, |x| of at most 2⁴⁷.
#[inline(always)]
#[must_use]
pub const fn requantize_wide(x: i64, multiplier: i32, shift: i32) -> i32 {
    let reduced = reduced(multiplier);
    let right = 15i32.wrapping_sub(shift) as u32;
    let half = 1i64.wrapping_shl(right.wrapping_sub(1));
    let product = x.wrapping_mul(reduced as i64);
    product.wrapping_add(half).wrapping_shr(right) as i32
}

/// A multiplier rounded to 16 bits, as [`requantize_wide`] takes it.
#[inline(always)]
#[must_use]
pub const fn reduced(multiplier: i32) -> i32 {
    if multiplier < 0x7fff_0000 {
        multiplier.wrapping_add(1 << 15) >> 16
    } else {
        0x7fff
    }
}

/// A factor `multiplier × 2^(shift − 31)` made ready for many applications to small values.
///
/// [`apply`](Self::apply) gives the bits of [`requantize`] as long as
/// `|x| × 2^max(shift, 0) < 2³⁰`, in some six instructions where the processor has a rounding
/// high multiplication.
#[derive(Debug, Clone, Copy)]
pub struct Factor {
    multiplier: i32,
    left: u32,
    right: u32,
    half: i32,
    /// −1 where `right` is not 0: ties of negative values then round away from zero.
    rounds: i32,
}

impl Factor {
    /// A factor; see [`requantize`] for the ranges.
    #[inline(always)]
    #[must_use]
    pub const fn new(multiplier: i32, shift: i32) -> Self {
        let right = if shift < 0 {
            shift.wrapping_neg() as u32
        } else {
            0
        };
        Self {
            multiplier,
            left: if shift > 0 { shift as u32 + 1 } else { 1 },
            right,
            half: (1u32.wrapping_shl(right) >> 1) as i32,
            rounds: if right > 0 { -1 } else { 0 },
        }
    }

    /// The product, rounded twice as gemmlowp does.
    #[inline(always)]
    #[must_use]
    pub const fn apply(self, x: i32) -> i32 {
        self.apply_doubled(x.wrapping_shl(self.left))
    }

    /// [`apply`](Self::apply) of a value given doubled, for `shift` of at most 0.
    #[inline(always)]
    #[must_use]
    pub const fn apply_doubled(self, x2: i32) -> i32 {
        self.round(x2, (x2 >> 31) & self.rounds)
    }

    /// [`apply`](Self::apply) of a value given doubled, for `shift` below 0.
    #[inline(always)]
    #[must_use]
    pub const fn apply_doubled_right(self, x2: i32) -> i32 {
        self.round(x2, x2 >> 31)
    }

    /// `sign` is −1 for negative values, so that ties go away from zero. That of `x2` does for the
    /// high product: where they differ the latter is 0, and so is the result.
    #[inline(always)]
    const fn round(self, x2: i32, sign: i32) -> i32 {
        let wide = x2 as i64 * self.multiplier as i64;
        let high = (wide.wrapping_add(1 << 31) >> 32) as i32;
        high.wrapping_add(sign.wrapping_add(self.half))
            .wrapping_shr(self.right)
    }
}

/// A factor below one half with the output's zero point, for what convolutions do most:
/// scale down small accumulators.
///
/// [`apply`](Self::apply) gives the bits of [`requantize`] plus the zero point as long as
/// `|x| < 2³⁰`, the shift is in [`SHIFTS`](Self::SHIFTS) and the zero point fits in 8 bits. The
/// zero point rides on the second rounding: a whole multiple of `2^right` passes through the shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Downscale {
    multiplier: i32,
    right: u32,
    offset: i32,
}

impl Downscale {
    /// Shifts for which rounding is the same for every channel and nothing overflows.
    pub const SHIFTS: core::ops::RangeInclusive<i32> = -22..=-1;

    /// A factor `multiplier × 2^(shift − 31)`; see [`requantize`].
    #[inline(always)]
    #[must_use]
    pub const fn new(multiplier: i32, shift: i32, zero_point: i32) -> Self {
        let right = shift.wrapping_neg() as u32;
        let offset = (2 * zero_point + 1).wrapping_shl(right.wrapping_sub(1));
        Self {
            multiplier,
            right,
            offset,
        }
    }

    /// The product, rounded twice as gemmlowp does, plus the zero point.
    #[inline(always)]
    #[must_use]
    pub const fn apply(self, x: i32) -> i32 {
        let wide = x.wrapping_shl(1) as i64 * self.multiplier as i64;
        let high = (wide.wrapping_add(1 << 31) >> 32) as i32;
        // Ties of negative values round away from zero.
        high.wrapping_add(high >> 31)
            .wrapping_add(self.offset)
            .wrapping_shr(self.right)
    }

    /// The product of any `x` by a factor of any shift, without the zero point.
    #[inline(always)]
    #[must_use]
    pub const fn requantize(self, x: i32) -> i32 {
        requantize(x, self.multiplier, (self.right as i32).wrapping_neg())
    }
}
