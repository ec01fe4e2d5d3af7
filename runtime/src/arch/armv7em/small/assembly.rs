//! The loop in assembly.

use core::arch::naked_asm;

use super::{Call, LANES};

/// # Safety
/// As [`Strip::outputs`](super::Strip::outputs) has it.
#[inline(always)]
pub(super) unsafe fn windows(call: &mut Call) {
    // SAFETY: as the caller has it.
    unsafe { all::<LANES>(call) }
}

/// # Safety
/// There are so many runs of so many bytes each at the first pointer, which begin so far apart, and as many bytes at the second one.
#[inline(always)]
pub(super) unsafe fn lay(x: *const i8, to: *mut i8, runs: [usize; 3]) {
    let [count, bytes, step] = runs;
    // SAFETY: as the caller has it.
    unsafe { copy::<LANES>(x, to, bytes, count, step.wrapping_sub(bytes)) }
}

/// Copies runs of bytes that lie apart, one behind the other: words as long as there are.
///
/// # Safety
/// As [`lay`] has it.
#[unsafe(naked)]
unsafe extern "C" fn copy<const LANES: usize>(
    x: *const i8,
    to: *mut i8,
    bytes: usize,
    count: usize,
    between: usize,
) {
    naked_asm!(
        ".cpu cortex-m55",
        "
        push {{r4, r5}}
        ldr r5, [sp, #8]
    1:
        mov r12, r2
    2:
        subs r12, r12, #4
        blo 4f
        ldr r4, [r0], #4
        str r4, [r1], #4
        bne 2b
    3:
        add r0, r0, r5
        subs r3, r3, #1
        bne 1b
        pop {{r4, r5}}
        bx lr
    4:
        add r12, r12, #4
    5:
        ldrb r4, [r0], #1
        strb r4, [r1], #1
        subs r12, r12, #1
        bne 5b
        b 3b
        "
    )
}

/// The products of two of the four inputs in r10 and the other two in r11 with a channel's weights.
macro_rules! channel {
    ($sum:literal, $weights:literal) => {
        concat!(
            "sxtb16 r12, ",
            $weights,
            ", ror #8\n",
            "sxtb16 ",
            $weights,
            ", ",
            $weights,
            "\n",
            "smlad ",
            $sum,
            ", r11, r12, ",
            $sum,
            "\n",
            "smlad ",
            $sum,
            ", r10, ",
            $weights,
            ", ",
            $sum,
            "\n",
        )
    };
}

/// An output of a sum, whose factor is in a register that then has something else; its shift is the lowest byte of r7.
macro_rules! output {
    ($sum:literal, $factor:literal) => {
        concat!(
            "smmlar ",
            $sum,
            ", ",
            $sum,
            ", ",
            $factor,
            ", ",
            $sum,
            "\n",
            "lsl ",
            $factor,
            ", r12, r7\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", ",
            $sum,
            ", asr #31\n",
            "add ",
            $sum,
            ", ",
            $sum,
            ", ",
            $factor,
            "\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", r7\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            ", asr #1\n",
        )
    };
}

/// The loop: of windows, of blocks of channels, of a window's rows, of groups of inputs. Sums are in r2 to r5; r0 points to weights, r1 to inputs, lr
/// behind those of the row.
///
/// On the stack: 0 the call, 4 where the next output goes, 8 behind the window's last one, 12 rows that are left. It is assembled for every Arm processor, as
/// its callers are not generic, and linked where a model calls it; `.cpu` lets processors without the instructions pass over it.
///
/// # Safety
/// As [`Strip::outputs`](super::Strip::outputs) has it.
#[unsafe(naked)]
unsafe extern "C" fn all<const LANES: usize>(call: &mut Call) {
    naked_asm!(
        ".cpu cortex-m55",
        "
        push {{r4-r11, lr}}
        sub sp, #20
        str r0, [sp, #0]
        mov r9, r0
    1:
        ldr r2, [r9, #8]
        ldr r3, [r9, #24]
        ldr r0, [r9, #0]
        add r3, r3, r2
        strd r2, r3, [sp, #4]
    2:
        ldr r1, [r9, #4]
        ldr r8, [r9, #28]
        ldm r0!, {{r2, r3, r4, r5}}
    3:
        ldr lr, [r9, #32]
        ldr r6, [r9, #52]
        str r8, [sp, #12]
        add lr, lr, r1
        cbnz r6, 5f
    4:
        ldr r10, [r1], #4
        ldm r0!, {{r6, r7, r8, r9}}
        sxtb16 r11, r10, ror #8
        sxtb16 r10, r10
        ",
        channel!("r2", "r6"),
        channel!("r3", "r7"),
        channel!("r4", "r8"),
        channel!("r5", "r9"),
        "
        cmp r1, lr
        bne 4b
        b 6f
    5:
        ldr r10, [r1], #4
        ldr r6, [r0], #4
        sxtb16 r11, r10, ror #8
        sxtb16 r10, r10
        sxtb16 r7, r6, ror #8
        sxtb16 r6, r6
        smlabb r2, r10, r6, r2
        smlabb r3, r11, r7, r3
        smlatt r4, r10, r6, r4
        smlatt r5, r11, r7, r5
        cmp r1, lr
        bne 5b
    6:
        ldr r9, [sp, #0]
        ldr r8, [sp, #12]
        ldrd r10, r11, [r9, #36]
        add r1, r1, r10
        cmp r1, r11
        ldr r10, [r9, #44]
        it hs
        subhs r1, r1, r10
        subs r8, r8, #1
        bne 3b
        ldr r12, [r9, #48]
        ldm.w r0!, {{r1, r6, r8, lr}}
        ldrd r10, r11, [sp, #4]
        ldr r7, [r0], #4
        ",
        output!("r2", "r1"),
        "lsr r7, r7, #8\n",
        output!("r3", "r6"),
        "lsr r7, r7, #8\n",
        output!("r4", "r8"),
        "lsr r7, r7, #8\n",
        output!("r5", "lr"),
        "
        sub r6, r11, r10
        cmp r6, #4
        blo 7f
        strb r2, [r10], #1
        strb r3, [r10], #1
        strb r4, [r10], #1
        strb r5, [r10], #1
        str r10, [sp, #4]
        bne 2b
        b 8f
    7:
        strb r2, [r10], #1
        subs r6, r6, #1
        mov r2, r3
        mov r3, r4
        bne 7b
    8:
        ldr r0, [r9, #4]
        ldr r1, [r9, #16]
        ldr r2, [r9, #8]
        ldr r3, [r9, #20]
        ldr r4, [r9, #12]
        add r0, r0, r1
        add r2, r2, r3
        subs r4, r4, #1
        str r0, [r9, #4]
        str r2, [r9, #8]
        str r4, [r9, #12]
        bne 1b
        add sp, #20
        pop {{r4-r11, pc}}
        "
    )
}
