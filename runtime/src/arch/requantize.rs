//! How sums become outputs on processors without vector instructions; as instructions, and as the twins of loops compute it.

/// One product of 64 bits: `(256·sum·factor >> 32) + addend`, less `away` where the sum is negative, shifted and saturated.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[cfg_attr(debug_assertions, inline)]
pub(super) fn long(sum: i32, [factor, addend, away]: [i32; 3], shift: u32) -> i8 {
    let sum = sum.wrapping_shl(8);
    let high = (i64::from(sum).wrapping_mul(i64::from(factor)) >> 32) as i32;
    let scaled = high.wrapping_add(addend).wrapping_sub(away & sum >> 31);
    scaled.wrapping_shr(shift).clamp(-128, 127) as i8
}

/// Three products of 32 bits, where there is no longer one: those with the lower digits of a factor are shifted by the `fine` bits of a digit and added to the
/// next one's. Then an addend, less `away` where the sum is negative, shifted, and saturated with 128 more than the output.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[cfg_attr(debug_assertions, inline)]
pub(super) fn nested(sum: i32, constants: [i32; 5], [fine, shift]: [u32; 2]) -> i8 {
    let [high, middle, low, addend, away] = constants;
    let mut scaled = sum.wrapping_mul(low).wrapping_shr(fine);
    scaled = (sum.wrapping_mul(middle).wrapping_add(scaled)).wrapping_shr(fine);
    scaled = sum.wrapping_mul(high).wrapping_add(scaled);
    scaled = scaled.wrapping_add(addend).wrapping_sub(away & sum >> 31);
    let above = scaled.wrapping_shr(shift).clamp(0, 255);
    (above - 128) as i8
}

/// `nested` for Armv6-M, of a low register, to r4: r3 points to the constants, r0 is `fine`, r7 the shift; r5 and r6 are free.
#[cfg(all(target_arch = "arm", target_os = "none"))]
macro_rules! nested {
    ($sum:literal) => {
        concat!(
            "ldr r4, [r3, #8]\n",
            "muls r4, ",
            $sum,
            ", r4\n",
            "asrs r4, r0\n",
            "ldr r5, [r3, #4]\n",
            "muls r5, ",
            $sum,
            ", r5\n",
            "adds r4, r4, r5\n",
            "asrs r4, r0\n",
            "ldr r5, [r3]\n",
            "muls r5, ",
            $sum,
            ", r5\n",
            "adds r4, r4, r5\n",
            "ldr r5, [r3, #12]\n",
            "adds r4, r4, r5\n",
            ".if {signed}\n",
            "ldr r5, [r3, #16]\n",
            "asrs r6, ",
            $sum,
            ", #31\n",
            "ands r5, r6\n",
            "subs r4, r4, r5\n",
            ".endif\n",
            "asrs r4, r7\n",
            // What is above or below a byte is its greatest or least value.
            "lsrs r5, r4, #8\n",
            "beq 8f\n",
            "asrs r4, r4, #31\n",
            "mvns r4, r4\n",
            "8: subs r4, #128\n",
        )
    };
}
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub(super) use nested;
