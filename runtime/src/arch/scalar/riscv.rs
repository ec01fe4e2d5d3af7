//! The loops in assembly.
//!
//! Four windows: their sums are in s0 to s11 and t0 to t3, window by window; a0 points to weights, a1 to a4 to inputs, a5 is where inputs of the
//! first window end; a6, a7, t4 and t5 are inputs, t6 a weight, ra a product.
//!
//! One window: its sums are in t0 to t6 and a7; a0 points to weights, a1 to inputs, a5 is where they end; a2 is an input, a3 a weight.
//!
//! Both go through a run in rounds of four inputs, or of eight where there is one window of eight channels, and then input by input.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::{Call, FOUR};

/// # Safety
/// As [`Taps::four`](super::Taps::four) has it.
#[inline(always)]
pub(super) unsafe fn run_four<const LANES: usize>(
    call: &Call<FOUR>,
    sums: &mut [[i32; FOUR]; FOUR],
) {
    // SAFETY: as the caller has it.
    unsafe { four::<LANES>(call, sums) }
}

/// # Safety
/// As [`Taps::one`](super::Taps::one) has it.
#[inline(always)]
pub(super) unsafe fn run_one<const CHANNELS: usize>(call: &Call<1>, sums: &mut [i32; CHANNELS]) {
    // SAFETY: as the caller has it.
    unsafe { one::<CHANNELS>(call, sums) }
}

/// The products of a channel's weight with an input of each of four windows.
macro_rules! channel {
    ($input:literal $channel:literal: $($x:literal $sum:literal)*) => {
        concat!(
            "lb t6, (4*", $input, "+", $channel, ")(a0)\n",
            $("mul ra, ", $x, ", t6\n", "add ", $sum, ", ", $sum, ", ra\n",)*
        )
    };
}

/// An input of each of four windows, for four channels.
macro_rules! input {
    ($input:literal) => {
        concat!(
            "lb a6, ", $input, "(a1)\n",
            "lb a7, ", $input, "(a2)\n",
            "lb t4, ", $input, "(a3)\n",
            "lb t5, ", $input, "(a4)\n",
            channel!($input 0: "a6" "s0" "a7" "s4" "t4" "s8" "t5" "t0"),
            channel!($input 1: "a6" "s1" "a7" "s5" "t4" "s9" "t5" "t1"),
            channel!($input 2: "a6" "s2" "a7" "s6" "t4" "s10" "t5" "t2"),
            channel!($input 3: "a6" "s3" "a7" "s7" "t4" "s11" "t5" "t3"),
        )
    };
}

/// Sums, from memory or to it.
macro_rules! sums {
    ($op:literal) => {
        sums!(@ $op 0 "s0" 4 "s1" 8 "s2" 12 "s3" 16 "s4" 20 "s5" 24 "s6" 28 "s7" 32 "s8" 36 "s9" 40 "s10" 44 "s11"
            48 "t0" 52 "t1" 56 "t2" 60 "t3")
    };
    (@ $op:literal $($at:literal $register:literal)*) => {
        concat!($($op, " ", $register, ", ", $at, "(a1)\n",)*)
    };
}

/// Registers that the caller wants back, to the stack or from it.
macro_rules! saved {
    ($op:literal) => {
        saved!(@ $op 0 "s0" 4 "s1" 8 "s2" 12 "s3" 16 "s4" 20 "s5" 24 "s6" 28 "s7" 32 "s8" 36 "s9" 40 "s10" 44 "s11"
            48 "ra")
    };
    (@ $op:literal $($at:literal $register:literal)*) => {
        concat!($($op, " ", $register, ", ", $at, "(sp)\n",)*)
    };
}

#[unsafe(naked)]
unsafe extern "C" fn four<const LANES: usize>(call: &Call<FOUR>, sums: &mut [[i32; FOUR]; FOUR]) {
    naked_asm!(
        "addi sp, sp, -64",
        saved!("sw"),
        // 52: runs, 56: sums, 60: the call.
        "sw a0, 60(sp)",
        "sw a1, 56(sp)",
        sums!("lw"),
        "lw a5, {runs}(a0)",
        "sw a5, 52(sp)",
        "lw a1, {x}(a0)",
        "lw a2, {x}+4(a0)",
        "lw a3, {x}+8(a0)",
        "lw a4, {x}+12(a0)",
        "lw a6, {len}(a0)",
        "lw a0, {weights}(a0)",
        "2: andi a7, a6, -4",
        "add a5, a1, a7",
        "beqz a7, 4f",
        "3:",
        input!("0"),
        input!("1"),
        input!("2"),
        input!("3"),
        "addi a0, a0, 16",
        "addi a1, a1, 4",
        "addi a2, a2, 4",
        "addi a3, a3, 4",
        "addi a4, a4, 4",
        "bne a1, a5, 3b",
        "lw a6, 60(sp)",
        "lw a6, {len}(a6)",
        "4: andi a6, a6, 3",
        "add a5, a1, a6",
        "beqz a6, 6f",
        "5:",
        input!("0"),
        "addi a0, a0, 4",
        "addi a1, a1, 1",
        "addi a2, a2, 1",
        "addi a3, a3, 1",
        "addi a4, a4, 1",
        "bne a1, a5, 5b",
        "6: lw a7, 52(sp)",
        "addi a7, a7, -1",
        "sw a7, 52(sp)",
        "beqz a7, 7f",
        "lw t4, 60(sp)",
        "lw t5, {x_gap}(t4)",
        "lw t6, {w_gap}(t4)",
        "lw a6, {len}(t4)",
        "add a0, a0, t6",
        "add a1, a1, t5",
        "add a2, a2, t5",
        "add a3, a3, t5",
        "add a4, a4, t5",
        "j 2b",
        "7: lw a1, 56(sp)",
        sums!("sw"),
        saved!("lw"),
        "addi sp, sp, 64",
        "ret",
        runs = const offset_of!(Call<FOUR>, runs),
        x = const offset_of!(Call<FOUR>, x),
        len = const offset_of!(Call<FOUR>, len),
        weights = const offset_of!(Call<FOUR>, weights),
        x_gap = const offset_of!(Call<FOUR>, x_gap),
        w_gap = const offset_of!(Call<FOUR>, w_gap),
    )
}

/// Products of an input with the weights of four channels.
macro_rules! products {
    ($input:literal $first:literal: $($channel:literal $sum:literal)*) => {
        concat!($(
            "lb a3, ({channels}*", $input, "+", $channel, ")(a0)\n",
            "mul a3, a2, a3\n",
            "add ", $sum, ", ", $sum, ", a3\n",
        )*)
    };
}

/// An input of one window.
macro_rules! single {
    ($input:literal) => {
        concat!(
            "lb a2, ", $input, "(a1)\n",
            products!($input 0: 0 "t0" 1 "t1" 2 "t2" 3 "t3"),
            ".if {channels} > 4\n",
            products!($input 4: 4 "t4" 5 "t5" 6 "t6" 7 "a7"),
            ".endif\n",
        )
    };
}

/// Sums of one window, from memory or to it.
macro_rules! single_sums {
    ($op:literal) => {
        concat!(
            $op,
            " t0, 0(a1)\n",
            $op,
            " t1, 4(a1)\n",
            $op,
            " t2, 8(a1)\n",
            $op,
            " t3, 12(a1)\n",
            ".if {channels} > 4\n",
            $op,
            " t4, 16(a1)\n",
            $op,
            " t5, 20(a1)\n",
            $op,
            " t6, 24(a1)\n",
            $op,
            " a7, 28(a1)\n",
            ".endif\n",
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn one<const CHANNELS: usize>(call: &Call<1>, sums: &mut [i32; CHANNELS]) {
    naked_asm!(
        "addi sp, sp, -16",
        "sw s0, 0(sp)",
        "sw s1, 4(sp)",
        "sw a1, 8(sp)",
        "mv s0, a0",
        single_sums!("lw"),
        "lw s1, {runs}(s0)",
        "lw a1, {x}(s0)",
        "lw a0, {weights}(s0)",
        "2: lw a6, {len}(s0)",
        "andi a4, a6, -{round}",
        "add a5, a1, a4",
        "beqz a4, 4f",
        "3:",
        single!("0"),
        single!("1"),
        single!("2"),
        single!("3"),
        // Matrix products have many inputs.
        ".if {channels} > 4",
        single!("4"),
        single!("5"),
        single!("6"),
        single!("7"),
        ".endif",
        "addi a0, a0, {round}*{channels}",
        "addi a1, a1, {round}",
        "bne a1, a5, 3b",
        "4: andi a6, a6, {round}-1",
        "add a5, a1, a6",
        "beqz a6, 6f",
        "5:",
        single!("0"),
        "addi a0, a0, {channels}",
        "addi a1, a1, 1",
        "bne a1, a5, 5b",
        "6: addi s1, s1, -1",
        "beqz s1, 7f",
        "lw a2, {x_gap}(s0)",
        "lw a3, {w_gap}(s0)",
        "add a1, a1, a2",
        "add a0, a0, a3",
        "j 2b",
        "7: lw a1, 8(sp)",
        single_sums!("sw"),
        "lw s0, 0(sp)",
        "lw s1, 4(sp)",
        "addi sp, sp, 16",
        "ret",
        channels = const CHANNELS,
        round = const if CHANNELS > 4 { 8 } else { 4 },
        runs = const offset_of!(Call<1>, runs),
        x = const offset_of!(Call<1>, x),
        len = const offset_of!(Call<1>, len),
        weights = const offset_of!(Call<1>, weights),
        x_gap = const offset_of!(Call<1>, x_gap),
        w_gap = const offset_of!(Call<1>, w_gap),
    )
}
