//! The loops for Armv7-M.
//!
//! Sums of two windows are in r4 and r5, r6 and r7 for one channel, in r8 and r9, r10 and r11 for the other; r0 points to weights, r1 to inputs,
//! lr is where they end; r2 and r3 are inputs, r12 a weight. The stack has the call, and where the next outputs go.

use core::arch::naked_asm;
use core::mem::offset_of;

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
            ldrsb r2, [r4], #1
            ldrsb r12, [r5], #1
            ldrsb r3, [r6], #1
            ldrsb lr, [r7], #1
            add r2, r2, r12, lsl #23
            add r3, r3, lr, lsl #23
            strd r2, r3, [r1], #8
        .endm
            push {{r4-r8, lr}}
            ldm r0, {{r4, r5, r6, r7}}
            and r8, r2, #3
            add r8, r1, r8, lsl #3
            add r0, r1, r2, lsl #3
            cmp r1, r8
            beq 3f
        2:
            castiron_pack
            cmp r1, r8
            bne 2b
        3:
            cmp r1, r0
            beq 5f
        4:
            castiron_pack
            castiron_pack
            castiron_pack
            castiron_pack
            cmp r1, r0
            bne 4b
        5:
            pop {{r4-r8, pc}}
        .purgem castiron_pack
        "
    )
}

/// Two lanes of a sum, times 256; r12 is free.
macro_rules! lanes {
    ($low:literal $high:literal) => {
        concat!(
            "lsr r12, ",
            $low,
            ", #23\n",
            "orr ",
            $high,
            ", r12, ",
            $high,
            ", lsl #9\n",
            "lsl ",
            $low,
            ", ",
            $low,
            ", #9\n",
            "asr ",
            $low,
            ", ",
            $low,
            ", #1\n",
            // The lower lane took one of the upper where it is negative.
            "sub ",
            $high,
            ", ",
            $high,
            ", ",
            $low,
            ", asr #31\n",
            "lsl ",
            $high,
            ", ",
            $high,
            ", #8\n",
        )
    };
}

/// An output of a sum times 256: r2 is the factor, r3 the addend or, where sums are signed, what is read again; lr the shift.
macro_rules! output {
    ($sum:literal) => {
        concat!(
            ".if {signed}\n",
            "ldrd r12, r3, [r0]\n",
            "and r3, r3, ",
            $sum,
            ", asr #31\n",
            "sub r12, r12, r3\n",
            "smull r3, ",
            $sum,
            ", ",
            $sum,
            ", r2\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", r12\n",
            ".else\n",
            "smull r12, ",
            $sum,
            ", ",
            $sum,
            ", r2\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", r3\n",
            ".endif\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", lr\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            "\n",
        )
    };
}

/// The outputs of a channel for four windows.
macro_rules! channel {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            lanes!($a $b),
            lanes!($c $d),
            ".if {signed}\n",
            "ldr r2, [r0], #4\n",
            ".else\n",
            "ldm r0!, {{r2, r3}}\n",
            ".endif\n",
            output!($a),
            output!($b),
            output!($c),
            output!($d),
            ".if {signed}\n",
            "adds r0, #8\n",
            ".endif\n",
            "ldr r12, [sp]\n",
            "ldr r12, [r12, #{step}]\n",
            "strb ", $b, ", [r1, r12]\n",
            "add r2, r1, r12, lsl #1\n",
            "strb ", $c, ", [r2]\n",
            "strb ", $d, ", [r2, r12]\n",
            "strb ", $a, ", [r1], #1\n",
        )
    };
}

/// # Safety
/// As [`Swar::outputs`](super::Swar::outputs) has it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn outputs<const SIGNED: bool>(call: &Call) {
    naked_asm!(
        "
        .macro castiron_input
            ldrd r2, r3, [r1], #8
            ldrsb r12, [r0], #1
            smlal r4, r5, r2, r12
            smlal r6, r7, r3, r12
            ldrsb r12, [r0], #1
            smlal r8, r9, r2, r12
            smlal r10, r11, r3, r12
        .endm
            push {{r4-r11, lr}}
            ldr r1, [r0, #{y}]
            push {{r0, r1, r2}}
            ldr r0, [r0, #{weights}]
        1:
            ldm r0!, {{r4, r5, r8, r9}}
            mov r6, r4
            mov r7, r5
            mov r10, r8
            mov r11, r9
            ldr r12, [sp]
            ldrd r1, lr, [r12, #{x}]
            // Half a round comes first where there is one.
            sub r2, lr, r1
            tst r2, #32
            bne 3f
        2:
            castiron_input
            castiron_input
            castiron_input
            castiron_input
        3:
            castiron_input
            castiron_input
            castiron_input
            castiron_input
            cmp r1, lr
            bne 2b
            ldr r12, [sp]
            ldr lr, [r12, #{shift}]
            ldr r1, [sp, #4]
        ",
        channel!("r4" "r5" "r6" "r7"),
        channel!("r8" "r9" "r10" "r11"),
        "
            str r1, [sp, #4]
            ldr r12, [sp]
            ldr r12, [r12, #{end}]
            cmp r0, r12
            bne 1b
            add sp, #12
            pop {{r4-r11, pc}}
        .purgem castiron_input
        ",
        x = const offset_of!(Call, x),
        y = const offset_of!(Call, y),
        step = const offset_of!(Call, step),
        weights = const offset_of!(Call, weights),
        end = const offset_of!(Call, end),
        shift = const offset_of!(Call, shift),
        signed = const SIGNED as usize,
    )
}
