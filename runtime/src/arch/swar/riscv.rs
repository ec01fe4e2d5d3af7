//! The loops for RV32IM.
//!
//! Segments of two words of windows are added up in t0 and t1 for one channel, in t2 and t3 for the other, and then to s0 to s3, their upper lanes to s4 to s7. a0 points to weights, a1 to
//! inputs, a2 is where they end; t4 and t5 are inputs, t6 a weight, a7 a product, a6 what a segment begins with; a3 is where outputs go, a4 how far from
//! a window's to the next one's, a5 points to the call.

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
        .macro castiron_pack at
            lb t0, \\at(a3)
            lb t1, \\at(a4)
            lb t2, \\at(a5)
            lb t3, \\at(a6)
            slli t1, t1, 16
            slli t3, t3, 16
            add t0, t0, t1
            add t2, t2, t3
            sw t0, (8*\\at)(a1)
            sw t2, (8*\\at+4)(a1)
        .endm
        .macro castiron_next by
            addi a3, a3, \\by
            addi a4, a4, \\by
            addi a5, a5, \\by
            addi a6, a6, \\by
            addi a1, a1, 8*\\by
        .endm
            lw a3, 0(a0)
            lw a4, 4(a0)
            lw a5, 8(a0)
            lw a6, 12(a0)
            andi a0, a2, 3
            add a0, a0, a3
            add a7, a3, a2
            beq a3, a0, 3f
        2:
            castiron_pack 0
            castiron_next 1
            bne a3, a0, 2b
        3:
            beq a3, a7, 5f
        4:
            castiron_pack 0
            castiron_pack 1
            castiron_pack 2
            castiron_pack 3
            castiron_next 4
            bne a3, a7, 4b
        5:
            ret
        .purgem castiron_pack
        .purgem castiron_next
        "
    )
}

/// Registers that the caller wants back, to the stack or from it.
macro_rules! saved {
    ($op:literal) => {
        saved!(@ $op 0 "s0" 4 "s1" 8 "s2" 12 "s3" 16 "s4" 20 "s5" 24 "s6" 28 "s7")
    };
    (@ $op:literal $($at:literal $register:literal)*) => {
        concat!($($op, " ", $register, ", ", $at, "(sp)\n",)*)
    };
}

/// An output of a sum: t4 is the factor, t5 the addend, t6 what is subtracted, t0 the shift, t1 255; t3 is where it goes, t2 is free.
macro_rules! output {
    ($sum:literal) => {
        concat!(
            "slli ",
            $sum,
            ", ",
            $sum,
            ", 8\n",
            ".if {signed}\n",
            "srai t2, ",
            $sum,
            ", 31\n",
            "and t2, t2, t6\n",
            ".endif\n",
            "mulh ",
            $sum,
            ", ",
            $sum,
            ", t4\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", t5\n",
            ".if {signed}\n",
            "sub ",
            $sum,
            ", ",
            $sum,
            ", t2\n",
            ".endif\n",
            "sra ",
            $sum,
            ", ",
            $sum,
            ", t0\n",
            // What is above or below the type is its greatest or least value.
            "addi t2, ",
            $sum,
            ", 128\n",
            "bleu t2, t1, 7f\n",
            "srai ",
            $sum,
            ", ",
            $sum,
            ", 31\n",
            "xori ",
            $sum,
            ", ",
            $sum,
            ", 127\n",
            "7: sb ",
            $sum,
            ", 0(t3)\n",
        )
    };
}

/// The outputs of a channel for four windows, of two words: each has both lanes, and the upper one.
macro_rules! channel {
    ($first:literal $first_upper:literal $second:literal $second_upper:literal $at:literal) => {
        concat!(
            "lw t4, 0(a0)\n",
            "lw t5, 4(a0)\n",
            ".if {signed}\n",
            "lw t6, 8(a0)\n",
            ".endif\n",
            "addi a0, a0, {constants}\n",
            "slli t2, ",
            $first_upper,
            ", 16\n",
            "sub ",
            $first,
            ", ",
            $first,
            ", t2\n",
            "slli t2, ",
            $second_upper,
            ", 16\n",
            "sub ",
            $second,
            ", ",
            $second,
            ", t2\n",
            "addi t3, a3, ",
            $at,
            "\n",
            output!($first),
            "add t3, t3, a4\n",
            output!($first_upper),
            "add t3, t3, a4\n",
            output!($second),
            "add t3, t3, a4\n",
            output!($second_upper),
        )
    };
}

/// # Safety
/// As [`Swar::outputs`](super::Swar::outputs) has it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn outputs<const SIGNED: bool>(call: &Call) {
    naked_asm!(
        "
        .macro castiron_segment at
            lw t4, (8*\\at)(a1)
            lw t5, (8*\\at+4)(a1)
            lb t6, (2*\\at)(a0)
            mul t0, t4, t6
            mul t1, t5, t6
            add t0, t0, a6
            add t1, t1, a6
            lb t6, (2*\\at+1)(a0)
            mul t2, t4, t6
            mul t3, t5, t6
            add t2, t2, a6
            add t3, t3, a6
            lw t4, (8*\\at+8)(a1)
            lw t5, (8*\\at+12)(a1)
            lb t6, (2*\\at+2)(a0)
            mul a7, t4, t6
            add t0, t0, a7
            mul a7, t5, t6
            add t1, t1, a7
            lb t6, (2*\\at+3)(a0)
            mul a7, t4, t6
            add t2, t2, a7
            mul a7, t5, t6
            add t3, t3, a7
            add s0, s0, t0
            srai t0, t0, 16
            add s4, s4, t0
            add s1, s1, t1
            srai t1, t1, 16
            add s5, s5, t1
            add s2, s2, t2
            srai t2, t2, 16
            add s6, s6, t2
            add s3, s3, t3
            srai t3, t3, 16
            add s7, s7, t3
        .endm
            addi sp, sp, -32
        ",
        saved!("sw"),
        "
            mv a5, a0
            lw a0, {weights}(a5)
            lw a2, {x_end}(a5)
            lw a3, {y}(a5)
            lw a4, {step}(a5)
            li a6, 0x7fff
        1:
            lw s0, 0(a0)
            lw s4, 4(a0)
            lw s2, 8(a0)
            lw s6, 12(a0)
            addi a0, a0, 16
            mv s1, s0
            mv s5, s4
            mv s3, s2
            mv s7, s6
            lw a1, {x}(a5)
        2:
            castiron_segment 0
            castiron_segment 2
            addi a0, a0, 8
            addi a1, a1, 32
            bne a1, a2, 2b
            lw t0, {shift}(a5)
            li t1, 255
        ",
        channel!("s0" "s4" "s1" "s5" "0"),
        channel!("s2" "s6" "s3" "s7" "1"),
        "
            addi a3, a3, 2
            lw t0, {end}(a5)
            bne a0, t0, 1b
        ",
        saved!("lw"),
        "
            addi sp, sp, 32
            ret
        .purgem castiron_segment
        ",
        x = const offset_of!(Call, x),
        x_end = const offset_of!(Call, x_end),
        y = const offset_of!(Call, y),
        step = const offset_of!(Call, step),
        weights = const offset_of!(Call, weights),
        end = const offset_of!(Call, end),
        shift = const offset_of!(Call, shift),
        constants = const if SIGNED { 12 } else { 8 },
        signed = const SIGNED as usize,
    )
}
