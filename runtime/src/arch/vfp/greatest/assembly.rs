//! The loop in assembly.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::{CHANNELS, Call};

/// # Safety
/// The window lies within `x` and its outputs within `y`.
#[inline(always)]
pub(super) unsafe fn greatest(call: &Call) {
    // SAFETY: as the caller has it.
    unsafe { blocks::<CHANNELS>(call) }
}

/// The second of two numbers in place of the first where they compare so.
macro_rules! instead {
    ($condition:literal, $number:literal, $other:literal; $first:literal, $second:literal) => {
        concat!(
            "vcmp.f32 ",
            $first,
            ", ",
            $second,
            "
            vmrs APSR_nzcv, fpscr
            it ",
            $condition,
            "
            vmov",
            $condition,
            ".f32 ",
            $number,
            ", ",
            $other,
            "
            "
        )
    };
}

/// The greater number.
macro_rules! greater {
    ($greatest:literal, $x:literal) => {
        instead!("gt", $greatest, $x; $x, $greatest)
    };
}

/// What is between the limits in s8 and s9.
macro_rules! limited {
    ($number:literal) => {
        concat!(
            instead!("gt", $number, "s9"; $number, "s9"),
            instead!("mi", $number, "s8"; $number, "s8"),
        )
    };
}

/// r1 points to the window's first pixel and r2 to its outputs, both at the block's channels; r3 counts channels that are left, r8 rows, lr pixels, and r12
/// points to the next one. r4 to r7 are `rows` to `between` of the call, which is r0. Numbers are in s0 to s3.
///
/// It is assembled for every Arm processor, as its callers are not generic, and linked where a model calls it; `.cpu` lets processors without the
/// instructions pass over it.
///
/// # Safety
/// As [`greatest`] has it.
#[unsafe(naked)]
unsafe extern "C" fn blocks<const CHANNELS: usize>(call: &Call) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r8, lr}}
        ldm r0, {{r1-r7}}
        vldr s8, [r0, #{min}]
        vldr s9, [r0, #{max}]
    1:  cmp r3, #4
        vldr s0, [r0, #{start}]
        itttt lo
        rsblo r12, r3, #4
        sublo r1, r1, r12, lsl #2
        sublo r2, r2, r12, lsl #2
        movlo r3, #4
        vmov.f32 s1, s0
        vmov.f32 s2, s0
        vmov.f32 s3, s0
        mov r12, r1
        mov r8, r4
    2:  mov lr, r5
    3:  vldmia r12!, {{s4-s7}}
        add r12, r12, r6
        ",
        greater!("s0", "s4"),
        greater!("s1", "s5"),
        greater!("s2", "s6"),
        greater!("s3", "s7"),
        "subs lr, lr, #1
        bne 3b
        add r12, r12, r7
        subs r8, r8, #1
        bne 2b
        ",
        limited!("s0"),
        limited!("s1"),
        limited!("s2"),
        limited!("s3"),
        "vstmia r2!, {{s0-s3}}
        add r1, r1, #16
        subs r3, r3, #4
        bne 1b
        pop {{r4-r8, pc}}
        ",
        start = const offset_of!(Call, start),
        min = const offset_of!(Call, min),
        max = const offset_of!(Call, max),
    )
}

// The order in which they are loaded.
const _: () = assert!(
    offset_of!(Call, y) == 4
        && offset_of!(Call, channels) == 8
        && offset_of!(Call, rows) == 12
        && offset_of!(Call, columns) == 16
        && offset_of!(Call, pixel) == 20
        && offset_of!(Call, between) == 24
);
