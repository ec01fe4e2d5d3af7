//! The loops in assembly.
//!
//! Two windows keep their sums in s8 to s11 and s12 to s15, and load four inputs of each (s0 to s3, s4 to s7) and their weights (s16 to s31) at a
//! time; one window keeps four sums and loads eight inputs (s0 to s7). r0 points to weights, r1 and r2 to inputs of both windows, r8 to inputs of
//! the next ones, r9 to outputs, r11 to the call; r10 counts windows, r12 their runs, r3 inputs. lr is the step from window to window, r7 what
//! makes twice the bits of a number that is not finite overflow.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::super::assembly::{bound, compare};
use super::super::bounds;
use super::Call;

/// One input of two windows for four channels.
macro_rules! pair_input {
    ($x0:literal $x1:literal: $($w:literal)*) => {
        pair_input!(@ $x0 $x1: [8 9 10 11] [12 13 14 15] [$($w)*])
    };
    (@ $x0:literal $x1:literal: [$($first:literal)*] [$($second:literal)*] [$($w:literal)*]) => {
        concat!($(
            "vmla.f32 s", $first, ", s", $x0, ", s", $w, "\n",
            "vmla.f32 s", $second, ", s", $x1, ", s", $w, "\n",
        )*)
    };
}

/// One input of one window for four channels.
macro_rules! single_input {
    ($x:literal: $($w:literal)*) => {
        single_input!(@ $x: [8 9 10 11] [$($w)*])
    };
    (@ $x:literal: [$($sum:literal)*] [$($w:literal)*]) => {
        concat!($("vmla.f32 s", $sum, ", s", $x, ", s", $w, "\n",)*)
    };
}

macro_rules! pair_4 {
    () => {
        concat!(
            "vldmia r1!, {{s0-s3}}\n",
            "vldmia r2!, {{s4-s7}}\n",
            "vldmia r0!, {{s16-s31}}\n",
            pair_input!(0 4: 16 17 18 19),
            pair_input!(1 5: 20 21 22 23),
            pair_input!(2 6: 24 25 26 27),
            pair_input!(3 7: 28 29 30 31),
        )
    };
}

macro_rules! pair_2 {
    () => {
        concat!(
            "vldmia r1!, {{s0-s1}}\n",
            "vldmia r2!, {{s4-s5}}\n",
            "vldmia r0!, {{s16-s23}}\n",
            pair_input!(0 4: 16 17 18 19),
            pair_input!(1 5: 20 21 22 23),
        )
    };
}

macro_rules! pair_1 {
    () => {
        concat!(
            "vldmia r1!, {{s0}}\n",
            "vldmia r2!, {{s4}}\n",
            "vldmia r0!, {{s16-s19}}\n",
            pair_input!(0 4: 16 17 18 19),
        )
    };
}

/// Four inputs whose weights are still to be loaded.
macro_rules! single_weights_4 {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "vldmia r0!, {{s16-s31}}\n",
            single_input!($a: 16 17 18 19),
            single_input!($b: 20 21 22 23),
            single_input!($c: 24 25 26 27),
            single_input!($d: 28 29 30 31),
        )
    };
}

macro_rules! single_2 {
    () => {
        concat!(
            "vldmia r1!, {{s0-s1}}\n",
            "vldmia r0!, {{s16-s23}}\n",
            single_input!(0: 16 17 18 19),
            single_input!(1: 20 21 22 23),
        )
    };
}

macro_rules! single_1 {
    () => {
        concat!(
            "vldmia r1!, {{s0}}\n",
            "vldmia r0!, {{s16-s19}}\n",
            single_input!(0: 16 17 18 19),
        )
    };
}

/// A naked function's body, with the fields of [`Call`] by name.
macro_rules! body {
    ($($part:expr),* $(,)?) => {
        naked_asm!(
            $($part,)*
            weights = const offset_of!(Call, weights),
            x_step = const offset_of!(Call, x_step),
            runs = const offset_of!(Call, runs),
            x_gap = const offset_of!(Call, x_gap),
            y_step = const offset_of!(Call, y_step),
            bounds = const offset_of!(Call, bounds),
            max = const offset_of!(Call, max),
            min = const offset_of!(Call, min),
            count = const offset_of!(Call, count),
            zero = const bounds::ZERO,
            other = const bounds::OTHER,
        )
    };
}

/// # Safety
/// As [`run_singles`] has it, of twice as many windows.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn run_pairs<const C: usize>(x: *const f32, y: *mut f32, call: &Call) {
    body!(
        "
        .fpu fpv4-sp-d16
        push {{r4-r11, lr}}
        vpush {{s16-s31}}
        mov r8, r0
        mov r9, r1
        mov r11, r2
        ldr r10, [r11, #{count}]
        ldr lr, [r11, #{x_step}]
        mov r7, #0x1000000
    2:
        mov r1, r8
        add r2, r8, lr
        add r8, r2, lr
        ldr r0, [r11, #{weights}]
        vldmia r11, {{s8-s11}}
        vldmia r11, {{s12-s15}}
        ldrd r12, r4, [r11, #{runs}]
        ",
        // Steps of eight inputs; where four more are left, the first step is a half.
        "
    3:
        lsrs r3, r4, #3
        bcs.w 7f
        beq.w 6f
    4:
        ",
        pair_4!(),
        "
    5:
        ",
        pair_4!(),
        "
        subs r3, r3, #1
        bne.w 4b
    6:
        lsls r3, r4, #30
        bne.w 8f
    9:
        subs r12, r12, #1
        bne.w 22f
        ldr r5, [r11, #{y_step}]
        ldr r4, [r11, #{bounds}]
        add r6, r9, r5
        vmul.f32 s0, s8, s12
        vmla.f32 s0, s9, s13
        vmla.f32 s0, s10, s14
        vmla.f32 s0, s11, s15
        vmov r3, s0
        cmn r7, r3, lsl #1
        bcs.w 25f
        cmp r4, #{zero}
        blo.w 26f
        bne.w 24f
        ",
        bound!("s8, s9", "s10, s11"),
        "
        stmia r9, {{r0-r3}}
        ",
        bound!("s12, s13", "s14, s15"),
        "
        stmia r6, {{r0-r3}}
    23:
        add r9, r6, r5
        subs r10, r10, #1
        bne.w 2b
        vpop {{s16-s31}}
        pop {{r4-r11, pc}}
        ",
        // One to three inputs are left; four are.
        "
    8:
        lsls r3, r4, #31
        bcc.w 21f
        ",
        pair_2!(),
        "
    21:
        bpl.w 9b
        ",
        pair_1!(),
        "
        b.w 9b
    7:
        add r3, r3, #1
        b.w 5b
        ",
        // Another run.
        "
    22:
        ldrd r5, r6, [r11, #{x_gap}]
        add r1, r1, r5
        add r2, r2, r5
        add r0, r0, r6
        b.w 3b
        ",
        // Both bounds, and what is compared otherwise.
        "
    24:
        cmp r4, #{other}
        beq.w 25f
        ldr r4, [r11, #{max}]
        ",
        bound!("s8, s9", "s10, s11"; "r4"),
        "
        stmia r9, {{r0-r3}}
        ",
        bound!("s12, s13", "s14, s15"; "r4"),
        "
        stmia r6, {{r0-r3}}
        b.w 23b
    25:
        ",
        compare!("8", "s8-s15"),
        "
    26:
        vstmia r9, {{s8-s11}}
        vstmia r6, {{s12-s15}}
        b.w 23b
        ",
    )
}

/// # Safety
/// Every window's inputs and outputs, and the weights, lie where the call says; there is a window.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn run_singles<const C: usize>(
    x: *const f32,
    y: *mut f32,
    call: &Call,
) {
    body!(
        "
        .fpu fpv4-sp-d16
        push {{r4-r11, lr}}
        vpush {{s16-s31}}
        mov r8, r0
        mov r9, r1
        mov r11, r2
        ldr r10, [r11, #{count}]
        ldr lr, [r11, #{x_step}]
        mov r7, #0x1000000
    2:
        mov r1, r8
        add r8, r8, lr
        ldr r0, [r11, #{weights}]
        vldmia r11, {{s8-s11}}
        ldrd r12, r4, [r11, #{runs}]
    3:
        lsrs r3, r4, #3
        beq.n 5f
    4:
        vldmia r1!, {{s0-s7}}
        ",
        single_weights_4!(0 1 2 3),
        single_weights_4!(4 5 6 7),
        "
        subs r3, r3, #1
        bne.w 4b
    5:
        lsls r3, r4, #30
        bcc.w 6f
        vldmia r1!, {{s0-s3}}
        ",
        single_weights_4!(0 1 2 3),
        "
    6:
        bpl.w 7f
        ",
        single_2!(),
        "
    7:
        lsls r3, r4, #31
        beq.w 8f
        ",
        single_1!(),
        "
    8:
        subs r12, r12, #1
        bne.w 22f
        ldr r5, [r11, #{y_step}]
        ldr r4, [r11, #{bounds}]
        vmul.f32 s0, s8, s10
        vmla.f32 s0, s9, s11
        vmov r3, s0
        cmn r7, r3, lsl #1
        bcs.w 25f
        cmp r4, #{zero}
        blo.w 26f
        bne.w 24f
        ",
        bound!("s8, s9", "s10, s11"),
        "
    21:
        stmia r9, {{r0-r3}}
    23:
        add r9, r9, r5
        subs r10, r10, #1
        bne.w 2b
        vpop {{s16-s31}}
        pop {{r4-r11, pc}}
    22:
        ldrd r5, r6, [r11, #{x_gap}]
        add r1, r1, r5
        add r0, r0, r6
        b.w 3b
    24:
        cmp r4, #{other}
        beq.w 25f
        ldr r4, [r11, #{max}]
        ",
        bound!("s8, s9", "s10, s11"; "r4"),
        "
        b.w 21b
    25:
        ",
        compare!("4", "s8-s11"),
        "
    26:
        vstmia r9, {{s8-s11}}
        b.w 23b
        ",
    )
}
