//! Inputs of 16 bits, as the loops take them.

use core::arch::naked_asm;

/// Four inputs of two pixels, of 16 bits each and in turn.
macro_rules! widen_group {
    () => {
        "
        ldr r10, [r0], #4
        ldr r11, [r1], #4
        sxtb16 r4, r10
        sxtb16 r5, r11
        sxtb16 r6, r10, ror #8
        sxtb16 r7, r11, ror #8
        stm r2!, {{r4, r5, r6, r7}}
        "
    };
}

/// The same of inputs that have 16 bits.
macro_rules! group_i16 {
    () => {
        "
        ldr r4, [r0], #4
        ldr r5, [r1], #4
        ldr r6, [r0], #4
        ldr r7, [r1], #4
        stm r2!, {{r4, r5, r6, r7}}
        "
    };
}

/// The function of [`widen`], of what its groups are, and what follows them.
macro_rules! widening {
    ($group:ident, [$($half:tt)*] $($operand:tt)*) => {
        naked_asm!(
            "
            ldr r2, [r9, #0]
            add r12, r9, #32
        1:
            ldrd r0, r8, [r12], #8
            cmp r8, #0
            beq 5f
            ldr r3, [r9, #60]
            ldr r1, [r9, #48]
            add r3, r3, r0
            add r1, r1, r0
            str r3, [r12, #-8]
        2:
            ldr r3, [r9, #52]
            lsrs r3, r3, #1
            bcc 3f
            ",
            $group!(),
            "
            cbz r3, 4f
        3:
            ",
            $group!(),
            $group!(),
            "
            subs r3, r3, #1
            bne 3b
        4:
            ",
            $($half)*,
            "
            ldr r3, [r9, #56]
            subs r8, r8, #1
            add r0, r0, r3
            add r1, r1, r3
            bne 2b
        5:
            add r3, r9, #48
            cmp r12, r3
            bne 1b
            bx lr
            ",
            $($operand)*
        )
    };
}

/// Widens the inputs of a pair, and steps to the next one's. r9 has the call, which is kept, as lr is. It leaves the carry set.
///
/// # Safety
/// Only loops over pairs call it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn widen<const HALF: bool>() {
    widening!(
        widen_group,
        ["
        .if {half}
        ldr r10, [r0]
        ldr r11, [r1]
        sxtb16 r4, r10
        sxtb16 r5, r11
        stm r2!, {{r4, r5}}
        .endif
        "]
        half = const HALF as usize
    )
}

/// As [`widen`], of inputs that have 16 bits.
///
/// # Safety
/// Only loops over pairs call it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn interleave<const LANES: usize>() {
    widening!(group_i16, [""])
}

/// As [`widen`]. Of four pixels it reads four inputs at a time: the first three are the first pixel's, and the last three the second one's.
///
/// # Safety
/// Only loops over pairs call it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn widen_overlapping<const LANES: usize>() {
    naked_asm!(
        "
        push {{r9, lr}}
        ldr r2, [r9, #0]
        add lr, r9, #32
    1:
        ldrd r0, r3, [lr], #8
        cmp r3, #0
        beq 4f
        ldr r12, [sp, #0]
        push {{r3, lr}}
        ldr r1, [r12, #48]
        ldr r4, [r12, #60]
        add r4, r4, r0
        str r4, [lr, #-8]
        add r12, r1, r1, lsl #1
    2:
        lsr r3, r1, #2
    3:
        ldr r4, [r0]
        ldr r5, [r0, r1]
        ldr.w r6, [r0, r1, lsl #1]
        ldr r7, [r0, r12]
        add r0, r0, #4
        sxtb16 r8, r4, ror #8
        sxtb16 r9, r5, ror #8
        sxtb16 r10, r6, ror #8
        sxtb16 r11, r7, ror #8
        sxtb16 r4, r4
        sxtb16 r5, r5
        sxtb16 r6, r6
        sxtb16 r7, r7
        stm r2!, {{r4, r5, r8, r9}}
        stm r2!, {{r5, r6, r9, r10}}
        stm r2!, {{r6, r7, r10, r11}}
        subs r3, r3, #1
        bne 3b
        ldr r4, [sp, #8]
        ldr r3, [sp, #0]
        ldr r4, [r4, #56]
        add r0, r0, r1, lsl #1
        subs r3, r3, #1
        str r3, [sp, #0]
        add.w r0, r0, r4
        bne 2b
        pop {{r3, lr}}
    4:
        ldr r9, [sp, #0]
        add r3, r9, #48
        cmp lr, r3
        bne 1b
        pop {{r9, pc}}
        "
    )
}

/// See [`Loops::wide`](super::super::super::Loops::wide).
///
/// # Safety
/// There are so many groups of inputs, and two words for each.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn widen_row<const LANES: usize>(
    x: *const u8,
    to: *mut u32,
    groups: usize,
) {
    naked_asm!(
        "
        push {{r4, r5, r6, lr}}
        lsrs r2, r2, #1
        bcc 2f
        ldr r3, [r0], #4
        sxtb16 r12, r3
        sxtb16 r3, r3, ror #8
        strd r12, r3, [r1], #8
    2:
        cbz r2, 3f
    1:
        ldr r4, [r0], #4
        ldr r6, [r0], #4
        sxtb16 r3, r4
        sxtb16 r4, r4, ror #8
        sxtb16 r5, r6
        sxtb16 r6, r6, ror #8
        stm r1!, {{r3, r4, r5, r6}}
        subs r2, r2, #1
        bne 1b
    3:
        pop {{r4, r5, r6, pc}}
        "
    )
}
