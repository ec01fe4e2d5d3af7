//! The loops for Armv6-M, whose instructions take registers up to r7 but for moves, additions and comparisons.
//!
//! Segments are added up in r2 and r3, for two channels, and then to r8 and r9, r10 and r11; r12 is what a segment begins with, lr where inputs end. r0 points
//! to inputs, and is the index of weights, too, of which there are four for each: r1 and r6 are so far from it. r4 is an input, r5 a weight.
//! The stack has the call, where the next outputs go, the starts and the constants of channels, and the distance of weights.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::super::requantize::nested;
use super::{Call, MOST_WINDOWS};

/// # Safety
/// As [`Swar::pack`](super::Swar::pack) has it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn pack<const WORDS: usize>(
    x: &[*const i8; MOST_WINDOWS],
    to: *mut u32,
    len: usize,
) {
    naked_asm!(
        "
        .macro castiron_pack
            ldrsb r5, [r0, r4]
            ldrsb r6, [r3, r4]
            lsls r6, r6, #16
            adds r5, r5, r6
            stm r1!, {{r5}}
            adds r4, #1
        .endm
            push {{r4-r7, lr}}
            ldr r3, [r0, #4]
            ldr r0, [r0]
            movs r4, #0
            movs r7, #3
            ands r7, r2
            beq 3f
        2:
            castiron_pack
            cmp r4, r7
            bne 2b
        3:
            cmp r4, r2
            beq 5f
        4:
            castiron_pack
            castiron_pack
            castiron_pack
            castiron_pack
            cmp r4, r2
            bne 4b
        5:
            pop {{r4-r7, pc}}
        .purgem castiron_pack
        "
    )
}

/// The outputs of a channel for two windows.
macro_rules! channel {
    ($both:literal $upper:literal) => {
        concat!(
            "ldr r0, [sp]\n",
            "ldr r7, [r0, #{shift}]\n",
            "ldr r0, [r0, #{fine}]\n",
            "ldr r3, [sp, #12]\n",
            "mov r1, ",
            $upper,
            "\n",
            "lsls r4, r1, #16\n",
            "mov r2, ",
            $both,
            "\n",
            "subs r2, r2, r4\n",
            nested!("r2"),
            "ldr r2, [sp, #4]\n",
            "strb r4, [r2]\n",
            nested!("r1"),
            "ldr r0, [sp]\n",
            "ldr r0, [r0, #{step}]\n",
            "strb r4, [r2, r0]\n",
            "adds r2, #1\n",
            "str r2, [sp, #4]\n",
            "adds r3, #{constants}\n",
            "str r3, [sp, #12]\n",
        )
    };
}

/// # Safety
/// As [`Swar::outputs`](super::Swar::outputs) has it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn outputs<const SIGNED: bool>(call: &Call) {
    naked_asm!(
        "
        .macro castiron_segment
            ldm r0!, {{r4}}
            ldrsb r2, [r1, r0]
            muls r2, r4, r2
            add r2, r12
            ldrsb r3, [r6, r0]
            muls r3, r4, r3
            add r3, r12
            ldm r0!, {{r4}}
            ldrsb r5, [r1, r0]
            muls r5, r4, r5
            adds r2, r2, r5
            ldrsb r5, [r6, r0]
            muls r5, r4, r5
            adds r3, r3, r5
            add r8, r2
            asrs r2, r2, #16
            add r9, r2
            add r10, r3
            asrs r3, r3, #16
            add r11, r3
        .endm
            push {{r4-r7, lr}}
            mov r4, r8
            mov r5, r9
            mov r6, r10
            mov r7, r11
            push {{r4-r7}}
            sub sp, #20
            str r0, [sp]
            ldr r1, [r0, #{y}]
            str r1, [sp, #4]
            ldr r1, [r0, #{x_end}]
            mov lr, r1
            movs r1, #1
            lsls r1, r1, #15
            subs r1, #1
            mov r12, r1
            ldr r1, [r0, #{weights}]
        1:
            // A block: starts, weights, constants.
            str r1, [sp, #8]
            adds r1, #32
            ldr r0, [sp]
            ldr r2, [r0, #{x}]
            subs r3, r1, r2
            subs r3, #4
            str r3, [sp, #16]
            mov r4, lr
            subs r4, r4, r2
            adds r1, r1, r4
            str r1, [sp, #12]
        2:
            // Two of its channels.
            ldr r7, [sp, #8]
            ldm r7!, {{r0, r1, r2, r3}}
            str r7, [sp, #8]
            mov r8, r0
            mov r9, r1
            mov r10, r2
            mov r11, r3
            ldr r1, [sp, #16]
            adds r6, r1, #1
            adds r7, r1, #2
            str r7, [sp, #16]
            ldr r0, [sp]
            ldr r0, [r0, #{x}]
            // Half a round comes first where there is one.
            mov r2, lr
            subs r2, r2, r0
            lsrs r2, r2, #5
            bcs 4f
        3:
            castiron_segment
            castiron_segment
        4:
            castiron_segment
            castiron_segment
            cmp r0, lr
            bne 3b
        ",
        channel!("r8" "r9"),
        channel!("r10" "r11"),
        "
            ldr r0, [sp, #8]
            ldr r1, [sp, #16]
            ldr r2, [sp]
            ldr r3, [r2, #{x}]
            adds r1, r1, r3
            cmp r0, r1
            beq 5f
            b 2b
        5:
            ldr r1, [sp, #12]
            ldr r0, [r2, #{end}]
            cmp r0, r1
            beq 6f
            b 1b
        6:
            add sp, #20
            pop {{r4-r7}}
            mov r8, r4
            mov r9, r5
            mov r10, r6
            mov r11, r7
            pop {{r4-r7, pc}}
        .purgem castiron_segment
        ",
        x = const offset_of!(Call, x),
        x_end = const offset_of!(Call, x_end),
        y = const offset_of!(Call, y),
        step = const offset_of!(Call, step),
        weights = const offset_of!(Call, weights),
        end = const offset_of!(Call, end),
        shift = const offset_of!(Call, shift),
        fine = const offset_of!(Call, fine),
        constants = const if SIGNED { 20 } else { 16 },
        signed = const SIGNED as usize,
    )
}
