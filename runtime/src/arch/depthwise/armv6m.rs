//! The loops for Armv6-M, whose instructions take registers up to r7 but for moves, additions and comparisons.
//!
//! Sums are in r8 to r11 and lr, the distance of columns in r12, the weights of a filter row in r2 to r4; r0 points to a row, of which r1 is a column and
//! channel; r5 is an input, r6 a product, r7 points to weights. The stack has the call, and the channel.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::super::requantize::nested;
use super::{Call, columns};

/// An output of each sum that there is; r2 is where it goes.
macro_rules! outputs {
    ($($number:literal $sum:literal)*) => {
        concat!($(
            ".if ", $number, " < {at_once}\n",
            "mov r1, ", $sum, "\n",
            nested!("r1"),
            "strb r4, [r2]\n",
            ".if ", $number, " < {at_once} - 1\n",
            "add r2, r12\n",
            ".endif\n",
            ".endif\n",
        )*)
    };
}

/// # Safety
/// As [`Depthwise::run`](super::Depthwise::run) has it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn nested<
    const SIGNED: bool,
    const AT_ONCE: usize,
    const STRIDE: usize,
>(
    call: &Call,
) {
    naked_asm!(
        "
        // The product of an input with the weight that an output has for its column, if it has one.
        .macro castiron_product sum, weight
            movs r6, r5
            muls r6, \\weight, r6
            add \\sum, r6
        .endm
        .macro castiron_tap column, output, sum
        .if \\output < {at_once}
        .if \\column - {stride} * \\output == 0
            castiron_product \\sum, r2
        .elseif \\column - {stride} * \\output == 1
            castiron_product \\sum, r3
        .elseif \\column - {stride} * \\output == 2
            castiron_product \\sum, r4
        .endif
        .endif
        .endm
        .macro castiron_column column
        .if \\column < {columns}
        .if \\column > 0
            add r1, r12
        .endif
            ldrsb r5, [r0, r1]
            castiron_tap \\column, 0, r8
            castiron_tap \\column, 1, r9
            castiron_tap \\column, 2, r10
            castiron_tap \\column, 3, r11
            castiron_tap \\column, 4, lr
        .endif
        .endm
        .macro castiron_row offset, weights
            ldr r0, [sp]
            ldr r0, [r0, #\\offset]
            ldr r1, [sp, #4]
            ldr r4, [r7, #\\weights]
            sxtb r2, r4
            asrs r3, r4, #8
            sxtb r3, r3
            asrs r4, r4, #16
            castiron_column 0
            castiron_column 1
            castiron_column 2
            castiron_column 3
            castiron_column 4
            castiron_column 5
            castiron_column 6
            castiron_column 7
            castiron_column 8
            castiron_column 9
            castiron_column 10
        .endm
            push {{r4-r7, lr}}
            mov r4, r8
            mov r5, r9
            mov r6, r10
            mov r7, r11
            push {{r4-r7}}
            sub sp, #12
            str r0, [sp]
            movs r1, #0
            str r1, [sp, #4]
            ldr r7, [r0, #{weights}]
            ldr r0, [r0, #{pixel}]
            mov r12, r0
        1:
            ldr r0, [r7]
            mov r8, r0
        .if {at_once} > 1
            mov r9, r0
        .endif
        .if {at_once} > 2
            mov r10, r0
        .endif
        .if {at_once} > 3
            mov r11, r0
        .endif
        .if {at_once} > 4
            mov lr, r0
        .endif
            castiron_row {rows}, 4
            castiron_row {rows}+4, 8
            castiron_row {rows}+8, 12
            movs r3, r7
            adds r3, #16
            ldr r0, [sp]
            ldr r1, [sp, #4]
            ldr r2, [r0, #{y}]
            adds r2, r2, r1
            adds r1, #1
            str r1, [sp, #4]
            ldr r7, [r0, #{shift}]
            ldr r0, [r0, #{fine}]
        ",
        outputs!(0 "r8" 1 "r9" 2 "r10" 3 "r11" 4 "lr"),
        "
            movs r7, r3
            adds r7, #{constants}
            ldr r0, [sp]
            ldr r0, [r0, #{end}]
            cmp r0, r7
            beq 2f
            b 1b
        2:
            add sp, #12
            pop {{r4-r7}}
            mov r8, r4
            mov r9, r5
            mov r10, r6
            mov r11, r7
            pop {{r4-r7, pc}}
        .purgem castiron_product
        .purgem castiron_tap
        .purgem castiron_column
        .purgem castiron_row
        ",
        rows = const offset_of!(Call, rows),
        pixel = const offset_of!(Call, pixel),
        weights = const offset_of!(Call, weights),
        end = const offset_of!(Call, end),
        y = const offset_of!(Call, y),
        shift = const offset_of!(Call, shift),
        fine = const offset_of!(Call, fine),
        columns = const columns(AT_ONCE, STRIDE),
        at_once = const AT_ONCE,
        stride = const STRIDE,
        constants = const if SIGNED { 20 } else { 16 },
        signed = const SIGNED as usize,
    )
}
