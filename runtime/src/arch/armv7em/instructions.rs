//! Instructions of the DSP extension, as functions: what the twins of the assembly are made of.

/// Sign-extends bytes 0 and 2 of a word that is rotated right by `ROTATE` bits.
#[inline(always)]
pub(super) fn sxtb16<const ROTATE: u32>(word: u32) -> u32 {
    let word = word.rotate_right(ROTATE);
    let lane = |byte: u32| u32::from(i16::from(byte as u8 as i8) as u16);
    lane(word) | lane(word >> 16) << 16
}

/// Adds the products of both halves.
#[inline(always)]
pub(super) fn smlad(x: u32, y: u32, sum: u32) -> u32 {
    let half = |word: u32| i32::from(word as u16 as i16);
    let products = half(x)
        .wrapping_mul(half(y))
        .wrapping_add(half(x >> 16).wrapping_mul(half(y >> 16)));
    sum.wrapping_add(products as u32)
}

/// Adds the upper half of a product.
#[inline(always)]
pub(super) fn smmla(x: i32, y: i32, sum: i32) -> i32 {
    sum.wrapping_add(((i64::from(x) * i64::from(y)) >> 32) as i32)
}

/// The same, rounded.
#[inline(always)]
pub(super) fn smmlar(x: i32, y: i32, sum: i32) -> i32 {
    sum.wrapping_add(((i64::from(x) * i64::from(y) + (1 << 31)) >> 32) as i32)
}

/// Shifts right, and saturates to 8 bits.
#[inline(always)]
pub(super) fn ssat8(value: i32, shift: u32) -> i8 {
    (value >> shift).clamp(-128, 127) as i8
}

/// The same to 16 bits.
#[inline(always)]
pub(super) fn ssat16(value: i32, shift: u32) -> i16 {
    (value >> shift).clamp(-32768, 32767) as i16
}

/// Adds the product of the lower half and the upper one.
#[inline(always)]
pub(super) fn smlabt(x: u32, y: u32, sum: u32) -> u32 {
    smlad(x & 0xffff, y >> 16, sum)
}

/// Adds the product of the upper half and the lower one.
#[inline(always)]
pub(super) fn smlatb(x: u32, y: u32, sum: u32) -> u32 {
    smlad(x >> 16, y & 0xffff, sum)
}

/// The lower half of a word below that of another one, which is shifted left.
#[inline(always)]
pub(super) fn pkhbt<const SHIFT: u32>(x: u32, y: u32) -> u32 {
    x & 0xffff | y << SHIFT & 0xffff_0000
}

/// The upper half of a word above the lower one of another, which is shifted right.
#[inline(always)]
pub(super) fn pkhtb<const SHIFT: u32>(x: u32, y: u32) -> u32 {
    x & 0xffff_0000 | ((y as i32) >> SHIFT) as u32 & 0xffff
}

/// Adds the product of the lower halves.
#[inline(always)]
pub(super) fn smlabb(x: u32, y: u32, sum: u32) -> u32 {
    smlad(x & 0xffff, y & 0xffff, sum)
}

/// Adds the product of the upper halves.
#[inline(always)]
pub(super) fn smlatt(x: u32, y: u32, sum: u32) -> u32 {
    smlad(x >> 16, y >> 16, sum)
}
