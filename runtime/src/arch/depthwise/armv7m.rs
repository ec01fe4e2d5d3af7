//! The loops for Armv7-M.
//!
//! Sums are in r4 to r8, the weights of a filter row in r9 to r11; r0 points to weights, r1 counts channels, r2 is an input, r3 the distance of columns, lr
//! three times that, r12 points to inputs. The stack has the call.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::{Call, columns};

/// An output of each sum that there is: r9 is the factor, r10 the addend, r11 what is subtracted, r12 the shift, lr where it goes, r3 how far the next one
/// is; r1 and r2 are free.
macro_rules! outputs {
    ($($number:literal $sum:literal)*) => {
        concat!($(
            ".if ", $number, " < {at_once}\n",
            "lsl ", $sum, ", ", $sum, ", #8\n",
            ".if {signed}\n",
            "and r2, r11, ", $sum, ", asr #31\n",
            "sub r2, r10, r2\n",
            "smull r1, ", $sum, ", ", $sum, ", r9\n",
            "add ", $sum, ", ", $sum, ", r2\n",
            ".else\n",
            "smull r2, ", $sum, ", ", $sum, ", r9\n",
            "add ", $sum, ", ", $sum, ", r10\n",
            ".endif\n",
            "asr ", $sum, ", ", $sum, ", r12\n",
            "ssat ", $sum, ", #8, ", $sum, "\n",
            "strb ", $sum, ", [lr]\n",
            ".if ", $number, " < {at_once} - 1\n",
            "add lr, lr, r3\n",
            ".endif\n",
            ".endif\n",
        )*)
    };
}

/// # Safety
/// As [`Depthwise::run`](super::Depthwise::run) has it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn long<
    const SIGNED: bool,
    const AT_ONCE: usize,
    const STRIDE: usize,
>(
    call: &Call,
) {
    naked_asm!(
        "
        // The product of an input with the weight that an output has for its column, if it has one.
        .macro castiron_tap column, output, sum
        .if \\output < {at_once}
        .if \\column - {stride} * \\output == 0
            mla \\sum, r2, r9, \\sum
        .elseif \\column - {stride} * \\output == 1
            mla \\sum, r2, r10, \\sum
        .elseif \\column - {stride} * \\output == 2
            mla \\sum, r2, r11, \\sum
        .endif
        .endif
        .endm
        .macro castiron_taps column
            castiron_tap \\column, 0, r4
            castiron_tap \\column, 1, r5
            castiron_tap \\column, 2, r6
            castiron_tap \\column, 3, r7
            castiron_tap \\column, 4, r8
        .endm
        .macro castiron_columns column
        .if \\column < {columns}
        .if \\column > 0
            add r12, r12, lr
        .endif
            ldrsb r2, [r12]
            castiron_taps \\column
        .endif
        .if \\column + 1 < {columns}
            ldrsb r2, [r12, r3]
            castiron_taps (\\column+1)
        .endif
        .if \\column + 2 < {columns}
            ldrsb r2, [r12, r3, lsl #1]
            castiron_taps (\\column+2)
        .endif
        .endm
        .macro castiron_row offset, weights
            ldr r12, [sp]
            ldr r12, [r12, #\\offset]
            add r12, r12, r1
            ldrsb r9, [r0, #\\weights]
            ldrsb r10, [r0, #\\weights+1]
            ldrsb r11, [r0, #\\weights+2]
            castiron_columns 0
            castiron_columns 3
            castiron_columns 6
            castiron_columns 9
        .endm
            push {{r4-r11, lr}}
            mov r1, #0
            push {{r0, r1, r2}}
            ldr r3, [r0, #{pixel}]
            add lr, r3, r3, lsl #1
            ldr r0, [r0, #{weights}]
        1:
            ldr r4, [r0]
        .if {at_once} > 1
            mov r5, r4
        .endif
        .if {at_once} > 2
            mov r6, r4
        .endif
        .if {at_once} > 3
            mov r7, r4
        .endif
        .if {at_once} > 4
            mov r8, r4
        .endif
            castiron_row {rows}, 4
            castiron_row {rows}+4, 8
            castiron_row {rows}+8, 12
            adds r0, #16
        .if {signed}
            ldm r0!, {{r9, r10, r11}}
        .else
            ldm r0!, {{r9, r10}}
        .endif
            ldr r12, [sp]
            ldr lr, [r12, #{y}]
            ldr r12, [r12, #{shift}]
            add lr, lr, r1
        ",
        outputs!(0 "r4" 1 "r5" 2 "r6" 3 "r7" 4 "r8"),
        "
            ldr r12, [sp]
            ldr r1, [sp, #4]
            ldr r2, [r12, #{end}]
            adds r1, #1
            str r1, [sp, #4]
            add lr, r3, r3, lsl #1
            cmp r0, r2
            bne 1b
            add sp, #12
            pop {{r4-r11, pc}}
        .purgem castiron_tap
        .purgem castiron_taps
        .purgem castiron_columns
        .purgem castiron_row
        ",
        rows = const offset_of!(Call, rows),
        pixel = const offset_of!(Call, pixel),
        weights = const offset_of!(Call, weights),
        end = const offset_of!(Call, end),
        y = const offset_of!(Call, y),
        shift = const offset_of!(Call, shift),
        columns = const columns(AT_ONCE, STRIDE),
        at_once = const AT_ONCE,
        stride = const STRIDE,
        signed = const SIGNED as usize,
    )
}
