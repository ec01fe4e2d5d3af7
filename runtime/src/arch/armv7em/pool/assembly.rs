//! The loops in assembly: of blocks of channels, of a window's rows, of their pixels.
//!
//! r1 points to the window's first pixel and r2 to its outputs, both at the block's channels; r3 counts channels that are left. r0 counts rows, lr
//! pixels, r12 points to the next one. r5 to r7 are `columns`, `pixel` and `between` of the call.
//! The call is on the stack.
//!
//! The loops are assembled for every Arm processor, as their callers are not generic, and linked where a model calls them; `.cpu` lets processors
//! without the instructions pass over them.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::{Call, LANES};

/// # Safety
/// The window lies within `x` and its outputs within `y`.
#[inline(always)]
pub(super) unsafe fn greatest(call: &Call) {
    // SAFETY: as the caller has it.
    unsafe { greatest_of::<LANES>(call) }
}

/// # Safety
/// As [`greatest`] has it.
#[inline(always)]
pub(super) unsafe fn average(call: &Call) {
    // SAFETY: as the caller has it.
    unsafe { average_of::<LANES>(call) }
}

/// Walks a window's pixels, and does something with each.
macro_rules! pixels {
    ($($pixel:expr),* $(,)?) => {
        concat!(
            "ldr r0, [sp]
            mov r12, r1
            ldr r0, [r0, #{rows}]
        11: mov lr, r5
        12:
            ",
            $($pixel,)*
            "add r12, r12, r6
            subs lr, lr, #1
            bne 12b
            add r12, r12, r7
            subs r0, r0, #1
            bne 11b
            "
        )
    };
}

/// Goes back so far that the channels that are left, and flags have compared with four, fill a word.
macro_rules! last {
    () => {
        "itttt lo
        rsblo r12, r3, #4
        sublo r1, r1, r12
        sublo r2, r2, r12
        movlo r3, #4
        "
    };
}

/// The greater bytes of a register and of those at an offset from the pixel.
macro_rules! greater {
    ($greatest:literal, $offset:literal) => {
        concat!(
            "ldr r10, [r12, #",
            $offset,
            "]
            ssub8 r11, r10, ",
            $greatest,
            "
            sel ",
            $greatest,
            ", r10, ",
            $greatest,
            "
            "
        )
    };
}

/// Limits the bytes of a register to those of r4, and stores them.
macro_rules! limited {
    ($greatest:literal) => {
        concat!(
            "ssub8 r11, r4, ",
            $greatest,
            "
            sel ",
            $greatest,
            ", ",
            $greatest,
            ", r4
            str ",
            $greatest,
            ", [r2], #4
            "
        )
    };
}

/// Eight channels in r8 and r9, or four in r8.
///
/// # Safety
/// As [`greatest`] has it.
#[unsafe(naked)]
unsafe extern "C" fn greatest_of<const LANES: usize>(call: &Call) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r0, r4-r11, lr}}
        ldm r0, {{r1-r7}}
        b 3f
    2:  ldr r8, [r0, #{min}]
        mov r9, r8
        ",
        pixels!(greater!("r8", "0"), greater!("r9", "4")),
        "ldr r4, [sp]
        add r1, r1, #8
        ldr r4, [r4, #{max}]
        ",
        limited!("r8"),
        limited!("r9"),
        "sub r3, r3, #8
        ldr r0, [sp]
    3:  cmp r3, #8
        bhs 2b
        cmp r3, #0
        beq 5f
    4:  cmp r3, #4
        ldr r8, [r0, #{min}]
        ",
        last!(),
        pixels!(greater!("r8", "0")),
        "ldr r0, [sp]
        add r1, r1, #4
        ldr r4, [r0, #{max}]
        ",
        limited!("r8"),
        "subs r3, r3, #4
        bne 4b
    5:  pop {{r0, r4-r11, pc}}
        ",
        rows = const offset_of!(Call, rows),
        min = const offset_of!(Call, min),
        max = const offset_of!(Call, max),
    )
}

/// A sum divided by the count in lr: half of that, in r12, is added to a sum or subtracted from a negative one, and the quotient rounded towards zero.
macro_rules! divide {
    ($sum:literal) => {
        concat!(
            "cmp ",
            $sum,
            ", #0
            ite mi
            submi ",
            $sum,
            ", ",
            $sum,
            ", r12
            addpl ",
            $sum,
            ", ",
            $sum,
            ", r12
            sdiv ",
            $sum,
            ", ",
            $sum,
            ", lr
            "
        )
    };
}

/// Both sums of a register divided, each in a byte.
macro_rules! both {
    ($sums:literal) => {
        concat!(
            "sxth r4, ",
            $sums,
            "
            asr ",
            $sums,
            ", ",
            $sums,
            ", #16
            ",
            divide!("r4"),
            divide!($sums),
            "pkhbt ",
            $sums,
            ", r4, ",
            $sums,
            ", lsl #16
            uxtb16 ",
            $sums,
            ", ",
            $sums,
            "
            "
        )
    };
}

/// Four channels in r8 and r9: there are many windows of few pixels, or few with many, and then sums take little of a model's time.
///
/// # Safety
/// As [`average`] has it.
#[unsafe(naked)]
unsafe extern "C" fn average_of<const LANES: usize>(call: &Call) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r0, r4-r11, lr}}
        ldm r0, {{r1-r7}}
    2:  cmp r3, #4
        mov.w r8, #0
        mov.w r9, #0
        ",
        last!(),
        pixels!(
            "ldr r10, [r12]
            sxtab16 r8, r8, r10
            sxtab16 r9, r9, r10, ror #8
            "
        ),
        "ldr r0, [sp]
        ldr lr, [r0, #{count}]
        lsr r12, lr, #1
        ",
        both!("r8"),
        both!("r9"),
        "orr r8, r8, r9, lsl #8
        ldr r10, [r0, #{max}]
        ldr r11, [r0, #{min}]
        ssub8 r9, r10, r8
        sel r8, r8, r10
        ssub8 r9, r8, r11
        sel r8, r8, r11
        str r8, [r2], #4
        add r1, r1, #4
        subs r3, r3, #4
        bne 2b
        pop {{r0, r4-r11, pc}}
        ",
        rows = const offset_of!(Call, rows),
        min = const offset_of!(Call, min),
        max = const offset_of!(Call, max),
        count = const offset_of!(Call, count),
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
