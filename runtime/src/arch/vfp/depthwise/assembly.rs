//! The loops in assembly.
//!
//! Sums of three outputs are in s0 to s11, the weights of a filter row in s12 to s23, a column of inputs in s24 to s27. r5 points to the inputs
//! of a tile, r6 to the weights of a line, r8 and r0 to those of a row, r9 to outputs, r11 to the call; r7 has the rows of a line, r12 those that
//! are left, r10 tiles before the last, r4 what is left out. lr makes twice the bits of a number that is not finite overflow. The line is
//! on the stack, and where sums become outputs.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::super::assembly::{bound, compare};
use super::super::bounds;
use super::Call;

/// A column's products with a tap's weights, for one output each.
macro_rules! taps {
    ($([$output:tt $tap:tt])*) => {
        concat!("vldmia r1, {{s24-s27}}\n", $(taps!(@ $output $tap)),*)
    };
    (@ 0 $tap:tt) => { taps!(@ [0 1 2 3] $tap) };
    (@ 1 $tap:tt) => { taps!(@ [4 5 6 7] $tap) };
    (@ 2 $tap:tt) => { taps!(@ [8 9 10 11] $tap) };
    (@ $sums:tt 0) => { taps!(@ $sums [12 13 14 15] [24 25 26 27]) };
    (@ $sums:tt 1) => { taps!(@ $sums [16 17 18 19] [24 25 26 27]) };
    (@ $sums:tt 2) => { taps!(@ $sums [20 21 22 23] [24 25 26 27]) };
    (@ [$($sum:literal)*] [$($w:literal)*] [$($x:literal)*]) => {
        concat!($("vmla.f32 s", $sum, ", s", $x, ", s", $w, "\n"),*)
    };
}

/// The next column.
macro_rules! next {
    () => {
        "add r1, r1, r2\n"
    };
}

/// The columns between the first and the last, of windows one column apart.
macro_rules! inner_1 {
    () => {
        concat!(
            taps!([0 1] [1 0]),
            next!(),
            taps!([0 2] [1 1] [2 0]),
            next!(),
            taps!([1 2] [2 1]),
        )
    };
}

/// The same, of windows two columns apart.
macro_rules! inner_2 {
    () => {
        concat!(
            taps!([0 1]),
            next!(),
            taps!([0 2] [1 0]),
            next!(),
            taps!([1 1]),
            next!(),
            taps!([1 2] [2 0]),
            next!(),
            taps!([2 1]),
        )
    };
}

macro_rules! image {
    ($inner:expr) => {
        naked_asm!(
            "
            .fpu fpv4-sp-d16
            push {{r4-r11, lr}}
            vpush {{s16-s31}}
            sub sp, #20
            mov r11, r2
            ldr r4, [r11, #{bounds}]
            adr.w r5, 26f
            cmp r4, #{zero}
            blo.n 2f
            adr.w r5, 28f
            beq.n 2f
            adr.w r5, 24f
        2:
            orr r5, r5, #1
            str r5, [sp, #16]
            ldr r2, [r11, #{top}]
            ldr r3, [r11, #{lines}]
            stm sp, {{r0-r3}}
            mov lr, #0x1000000
        2:
            ldm sp, {{r5, r9}}
            ldr r0, [sp, #8]
            ldrd r2, r3, [r11, #{in_h}]
            rsbs r1, r0, #0
            it mi
            movmi r1, #0
            sub r2, r2, r0
            cmp r2, r3
            it gt
            movgt r2, r3
            subs r7, r2, r1
            it mi
            movmi r7, #0
            ldr r6, [r11, #{weights}]
            add r2, r1, r1, lsl #1
            add r6, r6, r2, lsl #4
            ldr r3, [r11, #{row}]
            mla r5, r1, r3, r5
            ldrd r10, r4, [r11, #{tiles}]
        3:
            ldrd r2, r3, [r11, #{pixel}]
            mov r0, r6
            mov r8, r5
            vldmia r11, {{s0-s3}}
            vldmia r11, {{s4-s7}}
            vldmia r11, {{s8-s11}}
            movs r12, r7
            beq.w 7f
        4:
            mov r1, r8
            vldmia r0!, {{s12-s23}}
            lsls r8, r4, #31
            bmi.w 5f
            ",
            taps!([0 0]),
            "
        5:
            add r8, r1, r3
            ",
            next!(),
            $inner,
            "
            bcs.w 6f
            ",
            next!(),
            taps!([2 2]),
            "
        6:
            subs r12, r12, #1
            bne.w 4b
        7:
            vmul.f32 s12, s0, s6
            vmla.f32 s12, s1, s7
            vmla.f32 s12, s2, s8
            vmla.f32 s12, s3, s9
            vmla.f32 s12, s4, s10
            vmla.f32 s12, s5, s11
            ldr r12, [r11, #{y_pixel}]
            add r8, r9, r12
            add r12, r8, r12
            vmov r3, s12
            cmn lr, r3, lsl #1
            bcs.w 25f
            ldr pc, [sp, #16]
        28:
            ",
            bound!("s0, s1", "s2, s3"),
            "
            stmia r9, {{r0-r3}}
            ",
            bound!("s4, s5", "s6, s7"),
            "
            stmia r8, {{r0-r3}}
            ",
            bound!("s8, s9", "s10, s11"),
            "
            stmia r12, {{r0-r3}}
        23:
            subs r10, r10, #1
            ble.n 8f
            movs r4, #0
            ldrd r0, r1, [r11, #{tile}]
        9:
            add r5, r5, r0
            add r9, r9, r1
            b.w 3b
        8:
            blt.n 30f
            ldr r4, [r11, #{last_flags}]
            ldrd r0, r1, [r11, #{last}]
            b.n 9b
        30:
            ldm sp, {{r0-r3}}
            ldrd r4, r5, [r11, #{line}]
            ldr r6, [r11, #{stride_h}]
            add r0, r0, r4
            add r1, r1, r5
            add r2, r2, r6
            subs r3, r3, #1
            stm sp, {{r0-r3}}
            bne.w 2b
            add sp, #20
            vpop {{s16-s31}}
            pop {{r4-r11, pc}}
        24:
            ldr r4, [r11, #{bounds}]
            cmp r4, #{other}
            beq.w 25f
            ldr r4, [r11, #{max}]
            ",
            bound!("s0, s1", "s2, s3"; "r4"),
            "
            stmia r9, {{r0-r3}}
            ",
            bound!("s4, s5", "s6, s7"; "r4"),
            "
            stmia r8, {{r0-r3}}
            ",
            bound!("s8, s9", "s10, s11"; "r4"),
            "
            stmia r12, {{r0-r3}}
            b.w 23b
        25:
            ",
            compare!("12", "s0-s11"),
            "
        26:
            vstmia r9, {{s0-s3}}
            vstmia r8, {{s4-s7}}
            vstmia r12, {{s8-s11}}
            b.w 23b
            ",
            weights = const offset_of!(Call, weights),
            pixel = const offset_of!(Call, pixel),
            row = const offset_of!(Call, row),
            in_h = const offset_of!(Call, in_h),
            stride_h = const offset_of!(Call, stride_h),
            top = const offset_of!(Call, top),
            lines = const offset_of!(Call, lines),
            line = const offset_of!(Call, line),
            tile = const offset_of!(Call, tile),
            last = const offset_of!(Call, last),
            tiles = const offset_of!(Call, tiles),
            last_flags = const offset_of!(Call, last_flags),
            y_pixel = const offset_of!(Call, y_pixel),
            bounds = const offset_of!(Call, bounds),
            max = const offset_of!(Call, max),
            min = const offset_of!(Call, min),
            zero = const bounds::ZERO,
            other = const bounds::OTHER,
        )
    };
}

/// # Safety
/// `x` is where the first window begins, which may be beside the image. The image, the outputs and the weights lie where the call says.
#[inline(always)]
pub(super) unsafe fn run_image<const STRIDE: usize>(x: *const f32, y: *mut f32, call: &Call) {
    // SAFETY: as the caller has it.
    unsafe {
        match STRIDE {
            1 => beside::<3>(x, y, call),
            _ => apart::<3>(x, y, call),
        }
    }
}

/// # Safety
/// As [`run_image`] has it.
#[unsafe(naked)]
unsafe extern "C" fn beside<const C: usize>(x: *const f32, y: *mut f32, call: &Call) {
    image!(inner_1!())
}

/// # Safety
/// As [`run_image`] has it.
#[unsafe(naked)]
unsafe extern "C" fn apart<const C: usize>(x: *const f32, y: *mut f32, call: &Call) {
    image!(inner_2!())
}
