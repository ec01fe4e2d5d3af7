//! The loops for RV32IM.
//!
//! Sums are in t0 to t4, the weights of a filter row in s0 to s2; a0 points to weights, a1 to a3 to rows, a4 is the distance of columns and outputs, a5 where
//! outputs go, a7 where weights end; t5 is an input, t6 a product, s3 points to inputs.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::{Call, columns};

/// An output of each sum that there is: s0 is the factor, s1 the addend, s2 what is subtracted, s4 the shift, s5 255; t6 is where it goes.
macro_rules! outputs {
    ($($number:literal $sum:literal)*) => {
        concat!($(
            ".if ", $number, " < {at_once}\n",
            "slli ", $sum, ", ", $sum, ", 8\n",
            ".if {signed}\n",
            "srai t5, ", $sum, ", 31\n",
            "and t5, t5, s2\n",
            ".endif\n",
            "mulh ", $sum, ", ", $sum, ", s0\n",
            "add ", $sum, ", ", $sum, ", s1\n",
            ".if {signed}\n",
            "sub ", $sum, ", ", $sum, ", t5\n",
            ".endif\n",
            "sra ", $sum, ", ", $sum, ", s4\n",
            // What is above or below the type is its greatest or least value.
            "addi t5, ", $sum, ", 128\n",
            "bleu t5, s5, 2f\n",
            "srai ", $sum, ", ", $sum, ", 31\n",
            "xori ", $sum, ", ", $sum, ", 127\n",
            "2: sb ", $sum, ", 0(t6)\n",
            ".if ", $number, " < {at_once} - 1\n",
            "add t6, t6, a4\n",
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
        .macro castiron_product sum, weight
            mul t6, t5, \\weight
            add \\sum, \\sum, t6
        .endm
        .macro castiron_tap column, output, sum
        .if \\output < {at_once}
        .if \\column - {stride} * \\output == 0
            castiron_product \\sum, s0
        .elseif \\column - {stride} * \\output == 1
            castiron_product \\sum, s1
        .elseif \\column - {stride} * \\output == 2
            castiron_product \\sum, s2
        .endif
        .endif
        .endm
        .macro castiron_column column
        .if \\column < {columns}
        .if \\column > 0
            add s3, s3, a4
        .endif
            lb t5, 0(s3)
            castiron_tap \\column, 0, t0
            castiron_tap \\column, 1, t1
            castiron_tap \\column, 2, t2
            castiron_tap \\column, 3, t3
            castiron_tap \\column, 4, t4
        .endif
        .endm
        .macro castiron_row row, weights
            mv s3, \\row
            lb s0, \\weights(a0)
            lb s1, \\weights+1(a0)
            lb s2, \\weights+2(a0)
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
            addi sp, sp, -32
            sw s0, 0(sp)
            sw s1, 4(sp)
            sw s2, 8(sp)
            sw s3, 12(sp)
            sw s4, 16(sp)
            sw s5, 20(sp)
            lw a1, {rows}(a0)
            lw a2, {rows}+4(a0)
            lw a3, {rows}+8(a0)
            lw a4, {pixel}(a0)
            lw a5, {y}(a0)
            lw a7, {end}(a0)
            lw s4, {shift}(a0)
            lw a0, {weights}(a0)
            li s5, 255
        1:
            lw t0, 0(a0)
        .if {at_once} > 1
            mv t1, t0
        .endif
        .if {at_once} > 2
            mv t2, t0
        .endif
        .if {at_once} > 3
            mv t3, t0
        .endif
        .if {at_once} > 4
            mv t4, t0
        .endif
            castiron_row a1, 4
            castiron_row a2, 8
            castiron_row a3, 12
            lw s0, 16(a0)
            lw s1, 20(a0)
        .if {signed}
            lw s2, 24(a0)
        .endif
            mv t6, a5
        ",
        outputs!(0 "t0" 1 "t1" 2 "t2" 3 "t3" 4 "t4"),
        "
            addi a0, a0, 24 + 4 * {signed}
            addi a1, a1, 1
            addi a2, a2, 1
            addi a3, a3, 1
            addi a5, a5, 1
            bne a0, a7, 1b
            lw s0, 0(sp)
            lw s1, 4(sp)
            lw s2, 8(sp)
            lw s3, 12(sp)
            lw s4, 16(sp)
            lw s5, 20(sp)
            addi sp, sp, 32
            ret
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
        columns = const columns(AT_ONCE, STRIDE),
        at_once = const AT_ONCE,
        stride = const STRIDE,
        signed = const SIGNED as usize,
    )
}
