//! The loops in assembly.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::Call;

/// Loops of rows of windows, of windows, of blocks of channels, of a window's rows, of its columns, of inputs.
///
/// The call is less than 128 bytes: distances from a lower register then take a half of an instruction's bits. Sums are in s0 to s3, weights in s4 to s7, inputs from s8 on: no register that a function has to save. r7 points to the call, r0 to weights, r8 to
/// inputs, r5 to outputs; r6 counts channels, r10 rows, r9 columns, r2 inputs. r4 and r3 are row and column; the row begins at r12, and the block's inputs
/// at r11.
///
/// It is assembled for every Arm processor, as its callers are not generic, and linked where a model calls it; `.cpu` lets processors without the
/// instructions pass over it.
macro_rules! loops {
    ($name:ident, $weights:literal) => {
        /// # Safety
        /// The input, of which windows may leave out some, weights and outputs lie where the call says; no number of it is 0 but that of `inputs`.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(call: &mut Call) {
            naked_asm!(
                ".cpu cortex-m55",
                "
                push {{r4-r11, lr}}
                mov r7, r0
                ldr r5, [r7, #{y}]
            1:
                ldr r11, [r7, #{line}]
                ldrd r2, r3, [r7, #{out_w}]
                str r2, [r7, #{windows}]
                str r3, [r7, #{left}]
            2:
                str r11, [r7, #{x}]
                ldrd r0, r6, [r7, #{weights}]
            3:
                vldmia r0!, {{s0-s3}}
                mov r12, r11
                ldr r4, [r7, #{top}]
                ldr r10, [r7, #{filter}]
            4:
                ldr r2, [r7, #{in_h}]
                cmp r4, r2
                bhs 15f
                ldr r3, [r7, #{left}]
                ldrd r1, r2, [r7, #{whole}]
                mov r8, r12
                movs r9, #1
                cmp r3, r1
                blo 6f
                ldr r9, [r7, #{filter} + 4]
            5:
                ldrd r1, r2, [r7, #{in_w}]
                cmp r3, r1
                bhs 14f
                cbz r2, 7f
            6:
                vldmia r8!, {{s8}}
                ",
                $weights,
                "
                vmla.f32 s0, s8, s4
                vmla.f32 s1, s8, s5
                vmla.f32 s2, s8, s6
                vmla.f32 s3, s8, s7
                subs r2, r2, #1
                bne 6b
            8:
                ldrd r1, r2, [r7, #{next_column}]
                add r3, r3, r1
                add r8, r8, r2
                subs r9, r9, #1
                bne 5b
            9:
                ldrd r1, r2, [r7, #{next_row}]
                add r4, r4, r1
                add r12, r12, r2
                subs r10, r10, #1
                bne 4b
                b 16f
            7:
                vldmia r8!, {{s8-s11}}
                ",
                $weights,
                "
                vmla.f32 s0, s8, s4
                vmla.f32 s1, s9, s5
                vmla.f32 s2, s10, s6
                vmla.f32 s3, s11, s7
                b 8b
            14:
                ldrd r1, r2, [r7, #{passed_column}]
                add r0, r0, r1
                add r8, r8, r2
                b 8b
            15:
                ldr r1, [r7, #{passed_row}]
                add r0, r0, r1
                b 9b
            16:
                ldr r1, [r7, #{next_block}]
                vldr s4, [r7, #{min}]
                vldr s5, [r7, #{max}]
                add r11, r11, r1
                movs r2, #4
            12:
                vcmp.f32 s0, s5
                vmrs APSR_nzcv, fpscr
                it gt
                vmovgt.f32 s0, s5
                vcmp.f32 s0, s4
                vmrs APSR_nzcv, fpscr
                it mi
                vmovmi.f32 s0, s4
                vstmia r5!, {{s0}}
                vmov.f32 s0, s1
                vmov.f32 s1, s2
                vmov.f32 s2, s3
                subs r6, r6, #1
                beq 13f
                subs r2, r2, #1
                bne 12b
                b 3b
            13:
                ldr r11, [r7, #{x}]
                ldr r0, [r7, #{left}]
                ldr r3, [r7, #{windows}]
                ldrd r1, r2, [r7, #{next_window}]
                add r0, r0, r1
                add r11, r11, r2
                subs r3, r3, #1
                str r0, [r7, #{left}]
                str r3, [r7, #{windows}]
                bne 2b
                ldr r11, [r7, #{line}]
                ldr r0, [r7, #{top}]
                ldr r3, [r7, #{lines}]
                ldrd r1, r2, [r7, #{next_line}]
                add r0, r0, r1
                add r11, r11, r2
                subs r3, r3, #1
                str r0, [r7, #{top}]
                str r3, [r7, #{lines}]
                str r11, [r7, #{line}]
                bne 1b
                pop {{r4-r11, pc}}
                ",
                y = const offset_of!(Call, y),
                line = const offset_of!(Call, line),
                x = const offset_of!(Call, x),
                top = const offset_of!(Call, top),
                left = const offset_of!(Call, left),
                lines = const offset_of!(Call, lines),
                windows = const offset_of!(Call, windows),
                weights = const offset_of!(Call, weights),
                out_w = const offset_of!(Call, out_w),
                next_window = const offset_of!(Call, next_window),
                next_line = const offset_of!(Call, next_line),
                next_column = const offset_of!(Call, next_column),
                next_row = const offset_of!(Call, next_row),
                filter = const offset_of!(Call, filter),
                in_h = const offset_of!(Call, in_h),
                in_w = const offset_of!(Call, in_w),
                whole = const offset_of!(Call, whole),
                passed_column = const offset_of!(Call, passed_column),
                passed_row = const offset_of!(Call, passed_row),
                next_block = const offset_of!(Call, next_block),
                min = const offset_of!(Call, min),
                max = const offset_of!(Call, max),
            )
        }
    };
}

loops!(floats, "vldmia r0!, {{s4-s7}}");
loops!(
    halves,
    "
        vldmia r0!, {{s4-s5}}
        vcvtt.f32.f16 s7, s5
        vcvtb.f32.f16 s6, s5
        vcvtt.f32.f16 s5, s4
        vcvtb.f32.f16 s4, s4
    "
);
