//! The loop in assembly for Armv7-M, over one window of eight channels: their sums are in r4 to r11; r0 points to weights, r1 to inputs;
//! r2 is an input, r3 a weight, r12 how many inputs are left. The stack has the call, the sums and how many runs are left.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::Call;

/// # Safety
/// As [`Taps::one`](super::Taps::one) has it.
#[inline(always)]
pub(super) unsafe fn run_one<const CHANNELS: usize>(call: &Call<1>, sums: &mut [i32; CHANNELS]) {
    const { assert!(CHANNELS == 8, "the loop has eight sums") };
    // SAFETY: as the caller has it.
    unsafe { one::<CHANNELS>(call, sums) }
}

#[unsafe(naked)]
unsafe extern "C" fn one<const CHANNELS: usize>(call: &Call<1>, sums: &mut [i32; CHANNELS]) {
    naked_asm!(
        "
        .macro castiron_product sum
            ldrsb r3, [r0], #1
            mla \\sum, r2, r3, \\sum
        .endm
        .macro castiron_input
            ldrsb r2, [r1], #1
            castiron_product r4
            castiron_product r5
            castiron_product r6
            castiron_product r7
            castiron_product r8
            castiron_product r9
            castiron_product r10
            castiron_product r11
        .endm
            push {{r4-r11, lr}}
            ldr r2, [r0, #{runs}]
            push {{r0, r1, r2}}
            ldm r1, {{r4-r11}}
            ldr r1, [r0, #{x}]
            ldr r12, [r0, #{len}]
            ldr r0, [r0, #{weights}]
        2:
            subs r12, #4
            blo 4f
        3:
            castiron_input
            castiron_input
            castiron_input
            castiron_input
            subs r12, #4
            bhs 3b
        4:
            adds r12, #4
            beq 6f
        5:
            castiron_input
            subs r12, #1
            bne 5b
        6:
            ldr r2, [sp, #8]
            subs r2, #1
            beq 7f
            str r2, [sp, #8]
            ldr r12, [sp]
            ldr r2, [r12, #{x_gap}]
            add r1, r1, r2
            ldr r2, [r12, #{w_gap}]
            add r0, r0, r2
            ldr r12, [r12, #{len}]
            b 2b
        7:
            ldr r1, [sp, #4]
            stm r1, {{r4-r11}}
            add sp, #12
            pop {{r4-r11, pc}}
        .purgem castiron_product
        .purgem castiron_input
        ",
        runs = const offset_of!(Call<1>, runs),
        x = const offset_of!(Call<1>, x),
        len = const offset_of!(Call<1>, len),
        weights = const offset_of!(Call<1>, weights),
        x_gap = const offset_of!(Call<1>, x_gap),
        w_gap = const offset_of!(Call<1>, w_gap),
    )
}
