//! Instructions of the extension, as functions of one lane: what the twins of the assembly are made of.

/// Bytes of a vector, from anywhere.
///
/// # Safety
/// There are as many.
#[inline(always)]
pub(super) unsafe fn vldrb(from: *const i8) -> [i8; 16] {
    // SAFETY: as the caller has it; bytes have no alignment.
    unsafe { from.cast::<[i8; 16]>().read() }
}

/// A word, which has to be aligned.
///
/// # Safety
/// There is one.
#[inline(always)]
pub(super) unsafe fn vldrw(from: *const i8) -> i32 {
    // SAFETY: as the caller has it.
    unsafe { from.cast::<i32>().read() }
}

/// Adds the products of all bytes.
#[inline(always)]
pub(super) fn vmladava(sum: i32, x: [i8; 16], y: [i8; 16]) -> i32 {
    let products = x.into_iter().zip(y);
    products.fold(sum, |sum, (x, y)| {
        sum.wrapping_add(i32::from(x) * i32::from(y))
    })
}

/// The upper half of twice a product, rounded.
#[inline(always)]
pub(super) fn vqrdmulh(x: i32, y: i32) -> i32 {
    let product = (i64::from(x) * i64::from(y) + (1 << 30)) >> 31;
    product.min(i32::MAX.into()) as i32
}

/// Shifts right by minus as much, rounded.
#[inline(always)]
pub(super) fn vrshl(x: i32, shift: i32) -> i32 {
    let right = shift.unsigned_abs();
    match right.checked_sub(1) {
        None => x,
        Some(half) => ((i64::from(x) + (1 << half)) >> right) as i32,
    }
}

/// A sum as it is before the zero point.
#[inline(always)]
pub(super) fn requantized(sum: i32, multiplier: i32, shift: i32, signed: bool) -> i32 {
    let away = if signed { sum >> 31 } else { 0 };
    vrshl(vqrdmulh(sum, multiplier).wrapping_add(away), shift)
}

/// An output. Where sums are not signed, it is of the zero point −128.
#[inline(always)]
pub(super) fn finished(sum: i32, multiplier: i32, shift: i32, signed: bool, zero_point: i32) -> i8 {
    let scaled = requantized(sum, multiplier, shift, signed);
    let half = scaled.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    match signed {
        false => (half.clamp(0, 255) as u8 ^ 0x80) as i8,
        true => half.saturating_add(zero_point as i16).clamp(-128, 127) as i8,
    }
}

/// Shifts a sum right and saturates it, to 16 bits and then to 8.
#[inline(always)]
pub(super) fn vqshrnb(value: i32) -> i8 {
    let half = (value >> super::sum::FIRST).clamp(i16::MIN.into(), i16::MAX.into());
    (half >> super::sum::SECOND).clamp(-128, 127) as i8
}
