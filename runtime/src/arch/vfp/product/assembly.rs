//! The loops in assembly.
//!
//! r0 points to weights, r1 and r2 to inputs of the windows that are computed at once, r8 to those of the next ones, r9 to outputs, r11 to the call;
//! r10 counts windows, r12 their runs, r3 inputs. lr is the step from window to window, r5 that of outputs. r7 makes twice the bits of a number
//! that is not finite overflow; its lowest bit is set where a window is one run of whole steps. Where sums become outputs is on the stack.
//!
//! | windows, channels | sums | inputs | weights |
//! |---|---|---|---|
//! | 2, 8 | s0–s15 | s16–s23, four of each window | s24–s31, of one input |
//! | 2, 4 | s0–s7 | s8–s15, four of each window | s16–s31, of four inputs |
//! | 1, 8 | s0–s7 | s8–s11, four | s16–s31, of two inputs |
//! | 1, 4 | s0–s3 | s8–s11, four | s16–s31, of four inputs |

use core::arch::naked_asm;
use core::mem::offset_of;

use super::super::assembly::{bound, compare};
use super::super::bounds;
use super::Call;

/// An input's products with weights, for as many sums.
macro_rules! input {
    ($x:literal: [$($sum:literal)*] [$($w:literal)*]) => {
        concat!($("vmla.f32 s", $sum, ", s", $x, ", s", $w, "\n"),*)
    };
}

/// One input of two windows for eight channels.
macro_rules! pair_8 {
    ($x0:literal $x1:literal) => {
        concat!(
            "vldmia r0!, {{s24-s31}}\n",
            input!($x0: [0 1 2 3 4 5 6 7] [24 25 26 27 28 29 30 31]),
            input!($x1: [8 9 10 11 12 13 14 15] [24 25 26 27 28 29 30 31]),
        )
    };
}

/// One input of two windows for four channels.
macro_rules! pair_4 {
    ($x0:literal $x1:literal: $w:tt) => {
        concat!(input!($x0: [0 1 2 3] $w), input!($x1: [4 5 6 7] $w))
    };
}

/// Two inputs of one window for eight channels.
macro_rules! single_8 {
    ($x0:literal $x1:literal) => {
        concat!(
            "vldmia r0!, {{s16-s31}}\n",
            input!($x0: [0 1 2 3 4 5 6 7] [16 17 18 19 20 21 22 23]),
            input!($x1: [0 1 2 3 4 5 6 7] [24 25 26 27 28 29 30 31]),
        )
    };
}

/// Four inputs of one window for four channels.
macro_rules! single_4 {
    ($x0:literal $x1:literal $x2:literal $x3:literal) => {
        concat!(
            "vldmia r0!, {{s16-s31}}\n",
            input!($x0: [0 1 2 3] [16 17 18 19]),
            input!($x1: [0 1 2 3] [20 21 22 23]),
            input!($x2: [0 1 2 3] [24 25 26 27]),
            input!($x3: [0 1 2 3] [28 29 30 31]),
        )
    };
}

/// A naked function: it computes windows by steps of four inputs, and of one where fewer are left. `$next` moves on to the inputs of the
/// next windows and `$skip` to their next run, `$test` leaves the products of sums in s16, `$bounded` and `$bounded_to` write outputs of which none
/// is below 0, or above r4, `$plain` writes sums as they are.
macro_rules! windows {
    (
        next: $next:expr, skip: $skip:expr, start: $start:expr,
        four: $four:expr, one: $one:expr,
        test: $test:expr, bounded: $bounded:expr, bounded_to: $bounded_to:expr, plain: $plain:expr,
        sums: $sums:literal, $list:literal
    ) => {
        naked_asm!(
            "
            .fpu fpv4-sp-d16
            push {{r4-r11, lr}}
            vpush {{s16-s31}}
            sub sp, #4
            mov r8, r0
            mov r9, r1
            mov r11, r2
            ldr r10, [r11, #{count}]
            ldr r4, [r11, #{bounds}]
            adr.w r5, 26f
            cmp r4, #{zero}
            blo.n 2f
            adr.w r5, 28f
            beq.n 2f
            adr.w r5, 24f
        2:
            orr r5, r5, #1
            str r5, [sp]
            mov r7, #0x1000000
            ldrd r12, r4, [r11, #{runs}]
            cmp r12, #1
            it eq
            tsteq r4, #3
            it eq
            orreq r7, r7, #1
            ldr lr, [r11, #{x_step}]
            ldr r5, [r11, #{y_step}]
        3:
            ",
            $next,
            $start,
            "
            ldrd r12, r4, [r11, #{runs}]
            ",
            // Two steps at a time, the first time one where their number is odd.
            "
        4:
            lsrs r3, r4, #3
            bcs.w 7f
            beq.w 6f
        5:
            ",
            $four,
            "
        9:
            ",
            $four,
            "
            subs r3, r3, #1
            bne.w 5b
        6:
            lsls r3, r7, #31
            beq.w 8f
        23:
            ",
            $test,
            "
            vmov r3, s16
            cmn r7, r3, lsl #1
            bcs.w 25f
            ldr pc, [sp]
        28:
            ",
            $bounded,
            "
        29:
            subs r10, r10, #1
            bne.w 3b
            add sp, #4
            vpop {{s16-s31}}
            pop {{r4-r11, pc}}
        7:
            add r3, r3, #1
            b.w 9b
        8:
            ands r3, r4, #3
            beq.w 22f
        21:
            ",
            $one,
            "
            subs r3, r3, #1
            bne.w 21b
        22:
            subs r12, r12, #1
            beq.w 23b
            ldrd r3, r6, [r11, #{x_gap}]
            add r0, r0, r6
            ",
            $skip,
            "
            b.w 4b
        24:
            ldr r4, [r11, #{bounds}]
            cmp r4, #{other}
            beq.w 25f
            ldr r4, [r11, #{max}]
            ",
            $bounded_to,
            "
            b.w 29b
        25:
            ",
            compare!($sums, $list),
            "
        26:
            ",
            $plain,
            "
            b.w 29b
            ",
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

/// What pairs have in common.
macro_rules! pairs {
    ($($parts:tt)*) => {
        windows!(
            next: "
                mov r1, r8
                add r2, r8, lr
                add r8, r2, lr
                ldrd r0, r3, [r11, #{weights}]
                ",
            skip: "
                add r1, r1, r3
                add r2, r2, r3
                ",
            $($parts)*
        )
    };
}

/// What single windows have in common.
macro_rules! singles {
    ($($parts:tt)*) => {
        windows!(
            next: "
                mov r1, r8
                add r8, r8, lr
                ldrd r0, r3, [r11, #{weights}]
                ldrd r2, r6, [r11, #{weights} + 8]
                add r2, r2, r0
                add r6, r6, r3
                strd r2, r6, [r11, #{weights}]
                ",
            skip: "add r1, r1, r3\n",
            $($parts)*
        )
    };
}

/// Writes outputs of so many sums, four at a time: bounded by 0, and by r4 if there is a `$max`. `$then` is what follows.
macro_rules! outputs {
    ([$($first:literal $second:literal, $then:literal;)*]) => {
        concat!($(bound!($first, $second), $then),*)
    };
    ($max:literal [$($first:literal $second:literal, $then:literal;)*]) => {
        concat!($(bound!($first, $second; $max), $then),*)
    };
}

macro_rules! pairs_8_outputs {
    ($($max:literal)?) => {
        concat!(
            "add r6, r9, r5\n",
            outputs!($($max)? [
                "s0, s1" "s2, s3", "stmia r9!, {{r0-r3}}\n";
                "s4, s5" "s6, s7", "stmia r9, {{r0-r3}}\nadd r9, r6, r5\n";
                "s8, s9" "s10, s11", "stmia r6!, {{r0-r3}}\n";
                "s12, s13" "s14, s15", "stmia r6, {{r0-r3}}\n";
            ])
        )
    };
}

macro_rules! pairs_4_outputs {
    ($($max:literal)?) => {
        concat!(
            "add r6, r9, r5\n",
            outputs!($($max)? [
                "s0, s1" "s2, s3", "stmia r9, {{r0-r3}}\nadd r9, r6, r5\n";
                "s4, s5" "s6, s7", "stmia r6, {{r0-r3}}\n";
            ])
        )
    };
}

macro_rules! singles_8_outputs {
    ($($max:literal)?) => {
        concat!(
            "add r6, r9, r5\n",
            outputs!($($max)? [
                "s0, s1" "s2, s3", "stmia r9!, {{r0-r3}}\n";
                "s4, s5" "s6, s7", "stmia r9, {{r0-r3}}\nmov r9, r6\n";
            ])
        )
    };
}

macro_rules! singles_4_outputs {
    ($($max:literal)?) => {
        outputs!($($max)? [
            "s0, s1" "s2, s3", "stmia r9, {{r0-r3}}\nadd r9, r9, r5\n";
        ])
    };
}

/// # Safety
/// Every window's inputs and outputs, and the weights, lie where the call says; it counts pairs, of which there is one.
#[inline(always)]
pub(super) unsafe fn run_pairs<const CHANNELS: usize>(x: *const f32, y: *mut f32, call: &Call) {
    // SAFETY: as the caller has it.
    unsafe {
        match CHANNELS {
            8 => pairs_8::<CHANNELS>(x, y, call),
            _ => pairs_4::<CHANNELS>(x, y, call),
        }
    }
}

/// Leaves in the call where weights and starts of another window would be.
///
/// # Safety
/// Every window's inputs, weights, starts and outputs lie where the call says; there is a window.
#[inline(always)]
pub(super) unsafe fn run_singles<const CHANNELS: usize>(
    x: *const f32,
    y: *mut f32,
    call: &mut Call,
) {
    // SAFETY: as the caller has it.
    unsafe {
        match CHANNELS {
            8 => singles_8::<CHANNELS>(x, y, call),
            _ => singles_4::<CHANNELS>(x, y, call),
        }
    }
}

/// # Safety
/// As [`run_pairs`] has it.
#[unsafe(naked)]
unsafe extern "C" fn pairs_8<const C: usize>(x: *const f32, y: *mut f32, call: &Call) {
    pairs!(
        start: "
            vldmia r3, {{s0-s7}}
            vldmia r3, {{s8-s15}}
            ",
        four: concat!(
            "vldmia r1!, {{s16-s19}}\n",
            "vldmia r2!, {{s20-s23}}\n",
            pair_8!(16 20),
            pair_8!(17 21),
            pair_8!(18 22),
            pair_8!(19 23),
        ),
        one: concat!(
            "vldmia r1!, {{s16}}\n",
            "vldmia r2!, {{s20}}\n",
            pair_8!(16 20),
        ),
        test: "
            vmul.f32 s16, s0, s8
            vmla.f32 s16, s1, s9
            vmla.f32 s16, s2, s10
            vmla.f32 s16, s3, s11
            vmla.f32 s16, s4, s12
            vmla.f32 s16, s5, s13
            vmla.f32 s16, s6, s14
            vmla.f32 s16, s7, s15
            ",
        bounded: pairs_8_outputs!(),
        bounded_to: pairs_8_outputs!("r4"),
        plain: "
            add r6, r9, r5
            vstmia r9, {{s0-s7}}
            vstmia r6, {{s8-s15}}
            add r9, r6, r5
            ",
        sums: "16", "s0-s15"
    )
}

/// # Safety
/// As [`run_pairs`] has it.
#[unsafe(naked)]
unsafe extern "C" fn pairs_4<const C: usize>(x: *const f32, y: *mut f32, call: &Call) {
    pairs!(
        start: "
            vldmia r3, {{s0-s3}}
            vldmia r3, {{s4-s7}}
            ",
        four: concat!(
            "vldmia r1!, {{s8-s11}}\n",
            "vldmia r2!, {{s12-s15}}\n",
            "vldmia r0!, {{s16-s31}}\n",
            pair_4!(8 12: [16 17 18 19]),
            pair_4!(9 13: [20 21 22 23]),
            pair_4!(10 14: [24 25 26 27]),
            pair_4!(11 15: [28 29 30 31]),
        ),
        one: concat!(
            "vldmia r1!, {{s8}}\n",
            "vldmia r2!, {{s12}}\n",
            "vldmia r0!, {{s16-s19}}\n",
            pair_4!(8 12: [16 17 18 19]),
        ),
        test: "
            vmul.f32 s16, s0, s4
            vmla.f32 s16, s1, s5
            vmla.f32 s16, s2, s6
            vmla.f32 s16, s3, s7
            ",
        bounded: pairs_4_outputs!(),
        bounded_to: pairs_4_outputs!("r4"),
        plain: "
            add r6, r9, r5
            vstmia r9, {{s0-s3}}
            vstmia r6, {{s4-s7}}
            add r9, r6, r5
            ",
        sums: "8", "s0-s7"
    )
}

/// # Safety
/// As [`run_singles`] has it.
#[unsafe(naked)]
unsafe extern "C" fn singles_8<const C: usize>(x: *const f32, y: *mut f32, call: &mut Call) {
    singles!(
        start: "vldmia r3, {{s0-s7}}\n",
        four: concat!("vldmia r1!, {{s8-s11}}\n", single_8!(8 9), single_8!(10 11)),
        one: concat!(
            "vldmia r1!, {{s8}}\n",
            "vldmia r0!, {{s16-s23}}\n",
            input!(8: [0 1 2 3 4 5 6 7] [16 17 18 19 20 21 22 23]),
        ),
        test: "
            vmul.f32 s16, s0, s4
            vmla.f32 s16, s1, s5
            vmla.f32 s16, s2, s6
            vmla.f32 s16, s3, s7
            ",
        bounded: singles_8_outputs!(),
        bounded_to: singles_8_outputs!("r4"),
        plain: "
            vstmia r9, {{s0-s7}}
            add r9, r9, r5
            ",
        sums: "8", "s0-s7"
    )
}

/// # Safety
/// As [`run_singles`] has it.
#[unsafe(naked)]
unsafe extern "C" fn singles_4<const C: usize>(x: *const f32, y: *mut f32, call: &mut Call) {
    singles!(
        start: "vldmia r3, {{s0-s3}}\n",
        four: concat!("vldmia r1!, {{s8-s11}}\n", single_4!(8 9 10 11)),
        one: concat!(
            "vldmia r1!, {{s8}}\n",
            "vldmia r0!, {{s16-s19}}\n",
            input!(8: [0 1 2 3] [16 17 18 19]),
        ),
        test: "
            vmul.f32 s16, s0, s2
            vmla.f32 s16, s1, s3
            ",
        bounded: singles_4_outputs!(),
        bounded_to: singles_4_outputs!("r4"),
        plain: "
            vstmia r9, {{s0-s3}}
            add r9, r9, r5
            ",
        sums: "4", "s0-s3"
    )
}
