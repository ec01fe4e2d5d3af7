//! The loops in assembly.
//!
//! A pair keeps eight sums, in the even registers that VMLADAVA takes: r0, r2, r4 and r6 of the first pixel, r8, r10, r12 and lr of the second. r1 points to the
//! inputs, r3 to weights, r5 to outputs; r11 counts pairs. Where the unrolled loop is repeated, r7 points to the second pixel's inputs, and r9 counts rounds.
//! On the stack: 0 weights, 4 from a pixel's outputs to the next one's, 8 groups, 12 the zero point, 16 rounds, 20 the pitch, 24 the pair's inputs, 28 groups that are left, 32 inputs that are copied, 36 where to.
//!
//! A row keeps eight sums in the same registers. r1 points to inputs, r3 to weights, r5 to outputs; r7 counts channels, r9 rounds; r11 is the zero point. On the stack are the
//! inputs and the rounds.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::{PairsCall, PairsLoop, RowCall, RowLoop};

pub(super) type PairsFunction = unsafe extern "C" fn(&PairsCall);
pub(super) type RowFunction = unsafe extern "C" fn(&RowCall);

#[inline(always)]
pub(super) fn pairs_function<
    const BLOCKS: usize,
    const REPEATS: bool,
    const ASIDE: bool,
    const SIGNED: bool,
    const GROUPS: usize,
    const REST: usize,
>() -> PairsFunction {
    pairs::<BLOCKS, REPEATS, ASIDE, SIGNED, GROUPS, REST>
}

#[inline(always)]
pub(super) fn row_function<const BLOCKS: usize, const SIGNED: bool>() -> RowFunction {
    row::<BLOCKS, SIGNED>
}

/// # Safety
/// As [`Product::pairs`](super::Product) has it.
#[inline(always)]
pub(super) unsafe fn run_pairs(pairs: &PairsLoop, call: &PairsCall) {
    // SAFETY: as the caller has it.
    unsafe { (pairs.run)(call) }
}

/// # Safety
/// As [`Product::row`](super::Product::row) has it.
#[inline(always)]
pub(super) unsafe fn run_row(row: &RowLoop, call: &RowCall) {
    // SAFETY: as the caller has it.
    unsafe { (row.run)(call) }
}

/// Requantises four sums of each pixel, in q0 and q1.
macro_rules! requantize {
    () => {
        "
        vldrw.u32 q2, [r3], #16
        .if {signed}
        vshr.s32 q3, q0, #31
        vqrdmulh.s32 q0, q0, q2
        vadd.i32 q0, q0, q3
        vshr.s32 q3, q1, #31
        vqrdmulh.s32 q1, q1, q2
        vadd.i32 q1, q1, q3
        .else
        vqrdmulh.s32 q0, q0, q2
        vqrdmulh.s32 q1, q1, q2
        .endif
        vldrw.u32 q3, [r3], #16
        vrshl.s32 q0, q0, q3
        vrshl.s32 q1, q1, q3
        "
    };
}

/// A block of inputs of a pair: the first pixel's are in q0, and the first channel's weights in q2. What comes last loads these for the next block.
macro_rules! block {
    ($second:literal, $next:literal) => {
        concat!(
            "
            vmladava.s8 r0, q2, q0
            ",
            $second,
            "
            vmladava.s8 r8, q2, q1
            vldrw.u32 q3, [r3], #16
            vmladava.s8 r2, q3, q0
            vldrw.u32 q2, [r3], #16
            vmladava.s8 r10, q3, q1
            vmladava.s8 r4, q2, q0
            vldrw.u32 q3, [r3], #16
            vmladava.s8 r12, q2, q1
            vmladava.s8 r6, q3, q0
            ",
            $next,
            "
            vmladava.s8 lr, q3, q1
            ",
        )
    };
}

/// Sums of four channels, requantised.
macro_rules! four {
    () => {
        concat!(
            "
            ldm r3, {{r0, r2, r4, r6}}
            ldm r3!, {{r8, r10, r12, lr}}
            .if {repeats}
            ldr r1, [sp, #24]
            ldr r7, [sp, #20]
            add r7, r1
            ldr r9, [sp, #16]
        5:
            .rept {blocks}
            vldrw.u32 q0, [r1], #16
            vldrw.u32 q2, [r3], #16
            ",
            block!("vldrw.u32 q1, [r7], #16", ""),
            "
            .endr
            subs r9, #1
            bne.w 5b
            .else
            vldrw.u32 q0, [r1]
            vldrw.u32 q2, [r3], #16
            .set .Lblock, 0
            .rept {blocks} - 1
            ",
            block!(
                "vldrw.u32 q1, [r1, #(16 * ({blocks} + .Lblock))]",
                "
                .set .Lblock, .Lblock + 1
                vldrw.u32 q0, [r1, #(16 * .Lblock)]
                vldrw.u32 q2, [r3], #16
                "
            ),
            "
            .endr
            ",
            block!("vldrw.u32 q1, [r1, #(16 * ({blocks} + .Lblock))]", ""),
            "
            .endif
            vmov q0[2], q0[0], r0, r4
            vmov q0[3], q0[1], r2, r6
            vmov q1[2], q1[0], r8, r12
            vmov q1[3], q1[1], r10, lr
            ",
            requantize!(),
        )
    };
}

/// Outputs of sixteen channels: the first pixel's in q4, the second's in q5.
macro_rules! sixteen {
    () => {
        concat!(
            four!(),
            "
            vqmovnb.s32 q4, q0
            vqmovnb.s32 q5, q1
            ",
            four!(),
            "
            vqmovnt.s32 q4, q0
            vqmovnt.s32 q5, q1
            ",
            four!(),
            "
            vqmovnb.s32 q6, q0
            vqmovnb.s32 q7, q1
            ",
            four!(),
            "
            vqmovnt.s32 q6, q0
            vqmovnt.s32 q7, q1
            .if {signed}
            ldr r0, [sp, #12]
            vqadd.s16 q4, q4, r0
            vqadd.s16 q5, q5, r0
            vqadd.s16 q6, q6, r0
            vqadd.s16 q7, q7, r0
            vqmovnb.s16 q4, q4
            vqmovnt.s16 q4, q6
            vqmovnb.s16 q5, q5
            vqmovnt.s16 q5, q7
            .else
            vmov.i8 q0, #0x80
            vqmovunb.s16 q4, q4
            vqmovunt.s16 q4, q6
            vqmovunb.s16 q5, q5
            vqmovunt.s16 q5, q7
            veor q4, q4, q0
            veor q5, q5, q0
            .endif
            ",
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn pairs<
    const BLOCKS: usize,
    const REPEATS: bool,
    const ASIDE: bool,
    const SIGNED: bool,
    const GROUPS: usize,
    const REST: usize,
>(
    call: &PairsCall,
) {
    naked_asm!(
        "
        .cpu cortex-m55
        push {{r4-r11, lr}}
        vpush {{d8-d15}}
        sub sp, #40
        ldm r0, {{r1, r3, r5, r11}}
        ldrd r2, r4, [r0, #{all_groups}]
        ldrd r6, r8, [r0, #{zero_point}]
        ldrd r10, r12, [r0, #{pitch}]
        strd r3, r4, [sp]
        strd r2, r6, [sp, #8]
        strd r8, r10, [sp, #16]
        strd r1, r12, [sp, #32]
    2:
        ldr r3, [sp]
        .if {aside}
        ldrd r0, r1, [sp, #32]
        mov r2, r1
        .if {repeats}
        ldr r4, [sp, #20]
        lsrs r4, r4, #3
        dls lr, r4
    6:
        vldrb.u8 q0, [r0], #16
        vstrb.8 q0, [r2], #16
        le lr, 6b
        .else
        .rept 2 * {blocks}
        vldrb.u8 q0, [r0], #16
        vstrb.8 q0, [r2], #16
        .endr
        .endif
        str r0, [sp, #32]
        .endif
        .if {repeats}
        str r1, [sp, #24]
        .endif
        .if {groups} > 0
        .if {groups} > 1
        ldr r0, [sp, #8]
    3:
        str r0, [sp, #28]
        .endif
        ",
        sixteen!(),
        "
        ldr r2, [sp, #4]
        .if {groups} > 1
        ldr r0, [sp, #28]
        .endif
        add r2, r5
        vstrb.8 q5, [r2]
        vstrb.8 q4, [r5], #16
        .if {groups} > 1
        subs r0, #1
        bne.w 3b
        .endif
        .endif
        .if ({rest} > 4) && ({rest} <= 12)
        ",
        four!(),
        "
        vqmovnb.s32 q4, q0
        vqmovnb.s32 q5, q1
        ",
        four!(),
        "
        vqmovnt.s32 q4, q0
        vqmovnt.s32 q5, q1
        .if {signed}
        ldr r0, [sp, #12]
        vqadd.s16 q4, q4, r0
        vqadd.s16 q5, q5, r0
        vqmovnb.s16 q4, q4
        vqmovnb.s16 q5, q5
        .else
        vmov.i8 q0, #0x80
        vqmovunb.s16 q4, q4
        vqmovunb.s16 q5, q5
        veor q4, q4, q0
        veor q5, q5, q0
        .endif
        ldr r2, [sp, #4]
        mov r0, #{rest}
        add r2, r5
        vctp.16 r0
        vpstt
        vstrbt.16 q5, [r2]
        vstrbt.16 q4, [r5]
        .if {rest} > 8
        add r5, #8
        .else
        add r5, #{rest}
        .endif
        .endif
        .if (({rest} > 0) && ({rest} <= 4)) || (({rest} > 8) && ({rest} <= 12))
        ",
        four!(),
        "
        .if {signed}
        ldr r0, [sp, #12]
        vqmovnb.s32 q0, q0
        vqmovnb.s32 q1, q1
        vqadd.s16 q0, q0, r0
        vqadd.s16 q1, q1, r0
        vqmovnb.s16 q0, q0
        vqmovnb.s16 q1, q1
        .else
        vmov.i8 q2, #0x80
        vqmovnb.s32 q0, q0
        vqmovnb.s32 q1, q1
        vqmovunb.s16 q0, q0
        vqmovunb.s16 q1, q1
        veor q0, q0, q2
        veor q1, q1, q2
        .endif
        ldr r2, [sp, #4]
        .if {rest} > 8
        mov r0, #({rest} - 8)
        .else
        mov r0, #{rest}
        .endif
        add r2, r5
        vctp.32 r0
        vpstt
        vstrbt.32 q1, [r2]
        vstrbt.32 q0, [r5]
        add r5, r0
        .endif
        .if {rest} > 12
        ",
        sixteen!(),
        "
        ldr r2, [sp, #4]
        mov r0, #{rest}
        add r2, r5
        vctp.8 r0
        vpstt
        vstrbt.8 q5, [r2]
        vstrbt.8 q4, [r5]
        add r5, #{rest}
        .endif
        ldr r0, [sp, #4]
        add r5, r0
        .if {aside} == 0
        .if {repeats}
        ldrd r0, r1, [sp, #20]
        add r1, r1, r0, lsl #1
        .else
        add r1, r1, #({blocks} * 32)
        .endif
        .endif
        subs r11, #1
        bne.w 2b
        add sp, #40
        vpop {{d8-d15}}
        pop {{r4-r11, pc}}
        ",
        blocks = const BLOCKS,
        repeats = const REPEATS as usize,
        aside = const ASIDE as usize,
        signed = const SIGNED as usize,
        groups = const GROUPS,
        rest = const REST,
        all_groups = const offset_of!(PairsCall, groups),
        zero_point = const offset_of!(PairsCall, zero_point),
        pitch = const offset_of!(PairsCall, pitch),
    )
}

/// A block of inputs for eight channels.
macro_rules! eight {
    ($($weights:literal $sum:literal)*) => {
        concat!(
            "vldrb.u8 q0, [r1], #16\n",
            $("vldrw.u32 ", $weights, ", [r3], #16\n", "vmladava.s8 ", $sum, ", ", $weights, ", q0\n",)*
        )
    };
}

/// Requantises four sums.
macro_rules! requantize_row {
    ($sums:literal) => {
        concat!(
            "vldrw.u32 q2, [r3], #16\n",
            ".if {signed}\n",
            "vshr.s32 q3, ",
            $sums,
            ", #31\n",
            "vqrdmulh.s32 ",
            $sums,
            ", ",
            $sums,
            ", q2\n",
            "vadd.i32 ",
            $sums,
            ", ",
            $sums,
            ", q3\n",
            ".else\n",
            "vqrdmulh.s32 ",
            $sums,
            ", ",
            $sums,
            ", q2\n",
            ".endif\n",
            "vldrw.u32 q3, [r3], #16\n",
            "vrshl.s32 ",
            $sums,
            ", ",
            $sums,
            ", q3\n",
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn row<const BLOCKS: usize, const SIGNED: bool>(call: &RowCall) {
    naked_asm!(
        "
        .cpu cortex-m55
        push {{r4-r11, lr}}
        sub sp, #8
        ldm r0, {{r1, r3, r5, r7}}
        ldrd r2, r11, [r0, #{rounds}]
        strd r1, r2, [sp]
    2:
        ldm r3!, {{r0, r2, r4, r6, r8, r10, r12, lr}}
        ldrd r1, r9, [sp]
    3:
        .rept {blocks}
        ",
        eight!("q1" "r0" "q2" "r2" "q1" "r4" "q2" "r6" "q1" "r8" "q2" "r10" "q1" "r12" "q2" "lr"),
        "
        .endr
        subs r9, #1
        bne.w 3b
        vmov q0[2], q0[0], r0, r4
        vmov q0[3], q0[1], r2, r6
        vmov q1[2], q1[0], r8, r12
        vmov q1[3], q1[1], r10, lr
        ",
        requantize_row!("q0"),
        requantize_row!("q1"),
        "
        vqmovnb.s32 q0, q0
        vqmovnt.s32 q0, q1
        .if {signed}
        vqadd.s16 q0, q0, r11
        vqmovnb.s16 q0, q0
        .else
        vmov.i8 q1, #0x80
        vqmovunb.s16 q0, q0
        veor q0, q0, q1
        .endif
        vctp.16 r7
        vpst
        vstrbt.16 q0, [r5], #8
        subs r7, #8
        bhi.w 2b
        add sp, #8
        pop {{r4-r11, pc}}
        ",
        blocks = const BLOCKS,
        signed = const SIGNED as usize,
        rounds = const offset_of!(RowCall, rounds),
    )
}

// The order in which they are loaded.
const _: () = assert!(
    offset_of!(PairsCall, weights) == 4
        && offset_of!(PairsCall, y) == 8
        && offset_of!(PairsCall, pairs) == 12
        && offset_of!(RowCall, weights) == 4
        && offset_of!(RowCall, y) == 8
        && offset_of!(RowCall, channels) == 12
);
