//! The loop in assembly.
//!
//! Laying out: r0, r1 and r2 are a pixel of each row, r4, r5 and r6 from it to the next one, r7 the column. Computing: r0, r2, r4 and r6 are sums of four channels, r1 an
//! output, r5 from it to the next one; r7 is the zero point, r9 from the columns behind a row to the first ones, r10 counts fours, r11 is the first output, r12 counts outputs; q3 has
//! where four columns are, q4 to q7 are weights. r3 points to weights, r8 counts channels; r9 is the call elsewhere. On the stack are where the first columns are, the call, and the
//! way back.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::{Call, DepthwiseLoop, Row};

pub(super) type Function = unsafe extern "C" fn(&mut Call);

#[inline(always)]
pub(super) fn function<const STRIDE: usize, const SIGNED: bool, const WIDE: bool>() -> Function {
    outputs::<STRIDE, SIGNED, WIDE>
}

/// # Safety
/// As [`Columns::outputs`](super::Columns::outputs) has it.
#[inline(always)]
pub(super) unsafe fn run(depthwise: &DepthwiseLoop, call: &mut Call) {
    // SAFETY: as the caller has it.
    unsafe { (depthwise.run)(call) }
}

#[unsafe(naked)]
unsafe extern "C" fn outputs<const STRIDE: usize, const SIGNED: bool, const WIDE: bool>(
    call: &mut Call,
) {
    naked_asm!(
        "
        .cpu cortex-m55
        push {{r4-r11, lr}}
        vpush {{d8-d15}}
        sub sp, #24
        mov r9, r0
        ldr r6, [r9, #{first}]
        ldr r7, [r9, #{back}]
        movs r0, #0
        vidup.u32 q3, r0, #8
        vshl.i32 q3, q3, #3
        vadd.i32 q3, q3, r6
        vstrw.32 q3, [sp]
        strd r9, r7, [sp, #16]
    6:
        ldrd r3, r11, [r9, #{weights}]
        ldr r8, [r9, #{channels}]
    2:
        vctp.8 r8
        ldr r10, [r9, #{channels}]
        ldrd r0, r4, [r9]
        ldrd r1, r5, [r9, #8]
        ldrd r2, r6, [r9, #16]
        sub r10, r8
        add r0, r10
        add r1, r10
        add r2, r10
        ldrd r7, lr, [r9, #{columns}]
        dls lr, lr
    3:
        vpsttt
        vldrbt.u8 q0, [r0]
        vldrbt.u8 q1, [r1]
        vldrbt.u8 q2, [r2]
        add r0, r4
        add r1, r5
        add r2, r6
        vst40.8 {{q0, q1, q2, q3}}, [r7]
        vst41.8 {{q0, q1, q2, q3}}, [r7]
        vst42.8 {{q0, q1, q2, q3}}, [r7]
        vst43.8 {{q0, q1, q2, q3}}, [r7]!
        le lr, 3b
        ldr r12, [r9, #{count}]
        ldr r5, [r9, #{channels}]
        ldr r7, [r9, #{zero_point}]
        vldrw.u32 q3, [sp]
        ldr r9, [sp, #20]
        lsrs r10, r8, #2
        cmp r10, #4
        it hi
        movhi r10, #4
    4:
        vldrw.u32 q4, [r3], #16
        vldrw.u32 q5, [r3], #16
        vldrw.u32 q6, [r3], #16
        vldrw.u32 q7, [r3], #16
        mov r1, r11
        dls lr, r12
    5:
        vldrw.u32 q0, [q3, #(64 * {stride})]!
        ldm r3, {{r0, r2, r4, r6}}
        vldrw.u32 q2, [q3, #4]
        vmladava.s8 r0, q4, q0
        vldrw.u32 q0, [q3, #8]
        vmladava.s8 r2, q5, q2
        vldrw.u32 q2, [q3, #12]
        vmladava.s8 r4, q6, q0
        vldrw.u32 q0, [r3, #16]
        vmladava.s8 r6, q7, q2
        vldrw.u32 q2, [r3, #32]
        vmov q1[2], q1[0], r0, r4
        vmov q1[3], q1[1], r2, r6
        .if {signed}
        vqrdmulh.s32 q0, q1, q0
        vshr.s32 q1, q1, #31
        vadd.i32 q1, q1, q0
        .else
        vqrdmulh.s32 q1, q1, q0
        .endif
        vrshl.s32 q1, q1, q2
        vadd.i32 q1, q1, r7
        .if {wide}
        vqmovnb.s32 q1, q1
        .endif
        vqmovnb.s16 q1, q1
        vstrb.32 q1, [r1]
        add r1, r5
        le lr, 5b
        vadd.i32 q3, q3, r9
        adds r3, #48
        add r11, #4
        subs r10, #1
        bne 4b
        ldr r9, [sp, #16]
        subs r8, #16
        bhi 2b
        // The rows below.
        ldr r7, [r9, #{step}]
        ldr r0, [r9]
        ldr r1, [r9, #8]
        ldr r2, [r9, #16]
        ldr r3, [r9, #{y}]
        add r0, r7
        add r1, r7
        add r2, r7
        mla r3, r5, r12, r3
        str r0, [r9]
        str r1, [r9, #8]
        str r2, [r9, #16]
        str r3, [r9, #{y}]
        ldr r0, [r9, #{left}]
        subs r0, #1
        str r0, [r9, #{left}]
        bne 6b
        add sp, #24
        vpop {{d8-d15}}
        pop {{r4-r11, pc}}
        ",
        stride = const STRIDE,
        signed = const SIGNED as usize,
        wide = const WIDE as usize,
        first = const offset_of!(Call, first),
        back = const offset_of!(Call, back),
        step = const offset_of!(Call, step),
        left = const offset_of!(Call, left),
        y = const offset_of!(Call, y),
        weights = const offset_of!(Call, weights),
        columns = const offset_of!(Call, columns),
        count = const offset_of!(Call, count),
        channels = const offset_of!(Call, channels),
        zero_point = const offset_of!(Call, zero_point),
    )
}

// What is loaded at once, and the rows.
const _: () = assert!(
    size_of::<Row>() == 8
        && offset_of!(Row, pixel) == 4
        && offset_of!(Call, rows) == 0
        && offset_of!(Call, width) == offset_of!(Call, columns) + 4
        && offset_of!(Call, y) == offset_of!(Call, weights) + 4
);
