//! The loop for Armv6-M, whose instructions take registers up to r7 but for moves, additions and comparisons.
//!
//! Sums are in r8 to r11; r0 is the index of an input, r1 points to inputs, r2 to r5 to weights; r6 is an input, r7 a weight and a product. lr and r12 are where
//! the index ends. The stack has the call, and where outputs go.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::super::requantize::nested;
use super::Call;

/// The outputs of all channels; r2 is where they go.
macro_rules! channels {
    ($($sum:literal)*) => {
        concat!($(
            "mov r1, ", $sum, "\n",
            nested!("r1"),
            "strb r4, [r2]\n",
            "adds r2, #1\n",
            "adds r3, #{constants}\n",
        )*)
    };
}

/// # Safety
/// What the call points to may be read and written: all inputs, whole blocks, and an output of each of their channels.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn outputs<const SIGNED: bool>(call: &Call) {
    naked_asm!(
        "
        .macro castiron_product weights, sum
            ldrsb r7, [\\weights, r0]
            muls r7, r6, r7
            add \\sum, r7
        .endm
        .macro castiron_input
            ldrsb r6, [r1, r0]
            castiron_product r2, r8
            castiron_product r3, r9
            castiron_product r4, r10
            castiron_product r5, r11
            adds r0, #1
        .endm
            push {{r4-r7, lr}}
            mov r4, r8
            mov r5, r9
            mov r6, r10
            mov r7, r11
            push {{r4-r7}}
            sub sp, #12
            str r0, [sp]
            ldr r1, [r0, #{y}]
            str r1, [sp, #4]
            ldr r7, [r0, #{weights}]
        1:
            ldm r7!, {{r0, r1, r2, r3}}
            mov r8, r0
            mov r9, r1
            mov r10, r2
            mov r11, r3
            movs r2, r7
            ldr r0, [sp]
            ldr r1, [r0, #{x}]
            ldr r6, [r0, #{channel}]
            adds r3, r2, r6
            adds r4, r3, r6
            adds r5, r4, r6
            ldr r6, [r0, #{inputs}]
            mov r12, r6
            movs r0, #0
            movs r7, #3
            ands r7, r6
            beq 3f
            mov lr, r7
        2:
            castiron_input
            cmp r0, lr
            bne 2b
        3:
            cmp r0, r12
            beq 5f
        4:
            castiron_input
            castiron_input
            castiron_input
            castiron_input
            cmp r0, r12
            bne 4b
        5:
            ldr r0, [sp]
            ldr r1, [r0, #{channel}]
            adds r3, r5, r1
            ldr r2, [sp, #4]
            ldr r7, [r0, #{shift}]
            ldr r0, [r0, #{fine}]
        ",
        channels!("r8" "r9" "r10" "r11"),
        "
            str r2, [sp, #4]
            movs r7, r3
            ldr r0, [sp]
            ldr r0, [r0, #{end}]
            cmp r0, r7
            beq 6f
            b 1b
        6:
            add sp, #12
            pop {{r4-r7}}
            mov r8, r4
            mov r9, r5
            mov r10, r6
            mov r11, r7
            pop {{r4-r7, pc}}
        .purgem castiron_product
        .purgem castiron_input
        ",
        x = const offset_of!(Call, x),
        inputs = const offset_of!(Call, inputs),
        channel = const offset_of!(Call, channel),
        weights = const offset_of!(Call, weights),
        end = const offset_of!(Call, end),
        y = const offset_of!(Call, y),
        shift = const offset_of!(Call, shift),
        fine = const offset_of!(Call, fine),
        constants = const if SIGNED { 20 } else { 16 },
        signed = const SIGNED as usize,
    )
}
