//! The loops in assembly.
//!
//! Sums are in r4 to r9 (r4 to r7 at stride 2), words of inputs in r10 to lr (r8 to r12), weights in r2 and r3. r0 points to inputs, r1 to weights; all else
//! is on the stack. The sum's start is loaded to the last register of sums, from where each other one takes it.

use core::arch::naked_asm;

use super::{
    Away, Depthwise, DepthwiseLoops, DepthwiseRow, Long, OnceI16, Rows, Run, Short, Signed,
    TwiceI16,
};

/// Loads what outputs need of a row, at stride 1.
macro_rules! load {
    (1) => {
        "
        .if {n} > 4
        ldm.w r0, {{r10, r11, r12, lr}}
        .elseif {n} > 2
        ldm.w r0, {{r10, r11, r12}}
        .else
        ldrd r10, r11, [r0]
        .endif
        "
    };
    (2) => {
        "
        .if {n} > 3
        ldm.w r0, {{r8, r9, r10, r11, r12}}
        .elseif {n} > 2
        ldm.w r0, {{r8, r9, r10, r11}}
        .elseif {n} > 1
        ldm.w r0, {{r8, r9, r10}}
        .else
        ldrd r8, r9, [r0]
        .endif
        "
    };
}

/// Three taps of each output: at first of the start of the sums, then of the sums.
macro_rules! taps {
    (first $stride:tt) => {
        taps!(@$stride "bias", "bias", "bias", "bias", "bias", "bias")
    };
    (then $stride:tt) => {
        taps!(@$stride "r4", "r5", "r6", "r7", "r8", "r9")
    };
    (@1 $s0:literal, $s1:literal, $s2:literal, $s3:literal, $s4:literal, $s5:literal) => {
        concat!(
            "smlad r4, r10, r2, ", $s0, "\n smlabt r4, r11, r3, r4\n",
            ".if {n} > 1\n smlad r5, r11, r3, ", $s1, "\n smlatb r5, r10, r2, r5\n .endif\n",
            ".if {n} > 2\n smlad r6, r11, r2, ", $s2, "\n smlabt r6, r12, r3, r6\n .endif\n",
            ".if {n} > 3\n smlad r7, r12, r3, ", $s3, "\n smlatb r7, r11, r2, r7\n .endif\n",
            ".if {n} > 4\n smlad r8, r12, r2, ", $s4, "\n smlabt r8, lr, r3, r8\n .endif\n",
            ".if {n} > 5\n smlad r9, lr, r3, ", $s5, "\n smlatb r9, r12, r2, r9\n .endif\n",
        )
    };
    (@2 $s0:literal, $s1:literal, $s2:literal, $s3:literal, $s4:literal, $s5:literal) => {
        concat!(
            "smlad r4, r8, r2, ", $s0, "\n smlabt r4, r9, r3, r4\n",
            ".if {n} > 1\n smlad r5, r9, r2, ", $s1, "\n smlabt r5, r10, r3, r5\n .endif\n",
            ".if {n} > 2\n smlad r6, r10, r2, ", $s2, "\n smlabt r6, r11, r3, r6\n .endif\n",
            ".if {n} > 3\n smlad r7, r11, r2, ", $s3, "\n smlabt r7, r12, r3, r7\n .endif\n",
        )
    };
}

/// The instructions of an epilogue for each sum, by name of its register.
macro_rules! each {
    ($finish:ident) => {
        concat!(
            $finish!("r4"),
            ".if {n} > 1\n",
            $finish!("r5"),
            ".endif\n",
            ".if {n} > 2\n",
            $finish!("r6"),
            ".endif\n",
            ".if {n} > 3\n",
            $finish!("r7"),
            ".endif\n",
            ".if {n} > 4\n",
            $finish!("r8"),
            ".endif\n",
            ".if {n} > 5\n",
            $finish!("r9"),
            ".endif\n",
        )
    };
}

macro_rules! short {
    ($sum:literal) => {
        concat!(
            "smmla ",
            $sum,
            ", ",
            $sum,
            ", r2, r3\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            ", asr #{shift}\n",
        )
    };
}

macro_rules! away {
    ($sum:literal) => {
        concat!(
            "add r11, r3, ",
            $sum,
            ", asr #31\n",
            "smmlar ",
            $sum,
            ", ",
            $sum,
            ", r2, r11\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            ", asr #{shift}\n",
        )
    };
}

macro_rules! signed {
    ($sum:literal) => {
        concat!(
            "and r11, r10, ",
            $sum,
            ", asr #31\n",
            "smmla ",
            $sum,
            ", ",
            $sum,
            ", r2, r3\n",
            "sub ",
            $sum,
            ", ",
            $sum,
            ", r11\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            ", asr #{shift}\n",
        )
    };
}

macro_rules! long {
    ($sum:literal) => {
        concat!("asr ", $sum, ", ", $sum, ", #8\n", twice!($sum, "8"))
    };
}

/// Two roundings, of a sum as it is, to so many bits.
macro_rules! twice {
    ($sum:literal) => {
        twice!($sum, "16")
    };
    ($sum:literal, $bits:literal) => {
        concat!(
            "smmlar ",
            $sum,
            ", ",
            $sum,
            ", r2, ",
            $sum,
            "\n",
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
            ", r3\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", r10\n",
            "ssat ",
            $sum,
            ", #",
            $bits,
            ", ",
            $sum,
            "\n",
        )
    };
}

macro_rules! once {
    ($sum:literal) => {
        concat!(
            "smmla ",
            $sum,
            ", ",
            $sum,
            ", r2, r3\n",
            "ssat ",
            $sum,
            ", #16, ",
            $sum,
            ", asr #1\n",
        )
    };
}

/// Outputs of a window of three rows, in the registers of sums; the stack has the distances to the second row and to the third.
macro_rules! window {
    ($stride:tt, $constants:literal, $finish:ident, $second:literal, $third:literal) => {
        concat!(
            "ldrd r2, r3, [r1, #0]\n",
            "ldr bias, [r1, #24]\n",
            load!($stride),
            taps!(first $stride),
            "ldr r2, [sp, #", $second, "]\n",
            "add r0, r0, r2\n",
            "ldrd r2, r3, [r1, #8]\n",
            load!($stride),
            taps!(then $stride),
            "ldr r2, [sp, #", $third, "]\n",
            "add r0, r0, r2\n",
            "ldrd r2, r3, [r1, #16]\n",
            load!($stride),
            taps!(then $stride),
            $constants,
            each!($finish),
        )
    };
}

/// The register that a sum's start is loaded to.
macro_rules! bias {
    () => {
        "
        .if {n} > 5
        bias .req r9
        .elseif {n} > 4
        bias .req r8
        .elseif {n} > 3
        bias .req r7
        .elseif {n} > 2
        bias .req r6
        .elseif {n} > 1
        bias .req r5
        .else
        bias .req r4
        .endif
        "
    };
}

/// Writes all outputs but the first, whose place is in r10; r11 has the step to the next one.
macro_rules! write_others {
    ($store:literal) => {
        concat!(
            ".if {n} > 1\n add r12, r10, r11\n",
            $store,
            " r5, [r12]\n .endif\n",
            ".if {n} > 2\n",
            $store,
            ".w r6, [r10, r11, lsl #1]\n .endif\n",
            ".if {n} > 3\n",
            $store,
            ".w r7, [r12, r11, lsl #1]\n .endif\n",
            ".if {n} > 4\n",
            $store,
            ".w r8, [r10, r11, lsl #2]\n .endif\n",
            ".if {n} > 5\n",
            $store,
            ".w r9, [r12, r11, lsl #2]\n .endif\n",
        )
    };
}

/// A function over rows, several outputs after another, with the epilogue and the bytes of a channel of weights.
///
/// On the stack: 0 the channel's inputs, 4 its outputs, 8 the outputs that come next, 12 the step between them, 16, 20 and 24 the distances between rows,
/// 28 the end of the channel's inputs, 32 the end of the weights, 36 the next channel, 40 the span of a row, 44 the next outputs.
macro_rules! many {
    ($stride:tt, $constants:literal, $finish:ident, $store:literal, $size:literal, $bytes:block $(, $operand:ident)?) => {
        naked_asm!(
            "
            push {{r4-r11, lr}}
            sub sp, #52
            ldm r3, {{r4-r11}}
            mov r12, r2
            str r10, [sp, #12]
            strd r5, r6, [sp, #16]
            str r7, [sp, #24]
            strd r4, r8, [sp, #32]
            strd r9, r11, [sp, #40]
            ",
            bias!(),
            "
        1:
            ldr r2, [sp, #40]
            strd r0, r12, [sp, #0]
            add r2, r0, r2
            str r12, [sp, #8]
            str r2, [sp, #28]
        2:
            ",
            window!($stride, $constants, $finish, "16", "20"),
            "
            ldrd r10, r11, [sp, #8]
            ldr r2, [sp, #44]
            ",
            concat!($store, " r4, [r10]\n"),
            write_others!($store),
            "
            add r10, r10, r2
            ldrd r2, r3, [sp, #24]
            str r10, [sp, #8]
            add r0, r0, r2
            cmp r0, r3
            bne.w 2b
            ldrd r0, r12, [sp, #0]
            ldrd r3, r2, [sp, #32]
            add r1, r1, #{bytes}
            add r0, r0, r2
            ",
            concat!("add r12, r12, #", $size, "\n"),
            "
            cmp r1, r3
            bne.w 1b
            .unreq bias
            add sp, #52
            pop {{r4-r11, pc}}
            ",
            n = const N,
            bytes = const $bytes,
            $(shift = const $operand,)?
        )
    };
}

/// The same for rows of so many outputs.
///
/// On the stack: 0 the outputs, 4 the step between them, 8 and 12 the distances between rows, 16 that to the next channel, 20 the end of the weights.
macro_rules! few {
    ($stride:tt, $constants:literal, $finish:ident, $store:literal, $size:literal, $bytes:block $(, $operand:ident)?) => {
        naked_asm!(
            "
            push {{r4-r11, lr}}
            sub sp, #28
            ldm r3, {{r4-r10}}
            strd r2, r10, [sp, #0]
            strd r5, r6, [sp, #8]
            strd r7, r4, [sp, #16]
            ",
            bias!(),
            "
        1:
            ",
            window!($stride, $constants, $finish, "8", "12"),
            "
            ldrd r10, r11, [sp, #0]
            ldrd r2, r3, [sp, #16]
            ",
            write_others!($store),
            concat!($store, " r4, [r10], #", $size, "\n"),
            "
            add r1, r1, #{bytes}
            str r10, [sp, #0]
            add r0, r0, r2
            cmp r1, r3
            bne.w 1b
            .unreq bias
            add sp, #28
            pop {{r4-r11, pc}}
            ",
            n = const N,
            bytes = const $bytes,
            $(shift = const $operand,)?
        )
    };
}

/// A loop of [`DepthwiseRow`].
pub(in super::super) type Loop = unsafe extern "C" fn(*const u32, *const u32, *mut i8, &Run);

/// # Safety
/// What the call says lies within what the pointers point to.
#[inline(always)]
pub(super) unsafe fn run_loop(
    run_loop: Loop,
    weights: *const u32,
    x: *const u32,
    y: *mut i8,
    run: &Run,
) {
    // SAFETY: as the caller has it.
    unsafe { run_loop(x, weights, y, run) }
}

/// See [`DepthwiseRow::planar`].
pub(in super::super) type PlanarLoop = unsafe extern "C" fn(&Rows);

/// # Safety
/// What the rows say lies within what their pointers point to.
#[inline(always)]
pub(super) unsafe fn run_planar(planar: PlanarLoop, rows: &Rows) {
    // SAFETY: as the caller has it.
    unsafe { planar(rows) }
}

macro_rules! loops {
    ($value:ty, $store:literal, $size:literal, $planar:ident:) => {};
    ($value:ty, $store:literal, $size:literal, $planar:ident: [$($shift:ident)?] $epilogue:ty, $stride:tt: $constants:literal, $finish:ident, $words:literal; $($rest:tt)*) => {
        impl<$(const $shift: u32,)? const AT_ONCE: usize, const LEFT: usize> DepthwiseLoops
            for Depthwise<$epilogue, $stride, AT_ONCE, LEFT>
        {
            type Value = $value;

            #[inline(always)]
            fn loops(&self) -> DepthwiseRow {
                DepthwiseRow {
                    bytes: size_of::<$value>(),
                    stride: $stride,
                    at_once: [AT_ONCE, LEFT],
                    constants: $words,
                    whole: match AT_ONCE {
                        0 => None,
                        _ => Some(Self::many::<AT_ONCE>),
                    },
                    last: match LEFT {
                        0 => None,
                        _ => Some(Self::few::<LEFT>),
                    },
                    planar: $planar::<4>,
                }
            }
        }

        impl<$(const $shift: u32,)? const AT_ONCE: usize, const LEFT: usize>
            Depthwise<$epilogue, $stride, AT_ONCE, LEFT>
        {
            #[unsafe(naked)]
            unsafe extern "C" fn many<const N: usize>(
                x: *const u32,
                weights: *const u32,
                y: *mut i8,
                run: &Run,
            ) {
                many!($stride, $constants, $finish, $store, $size, { 4 * (7 + $words) } $(, $shift)?)
            }

            #[unsafe(naked)]
            unsafe extern "C" fn few<const N: usize>(
                x: *const u32,
                weights: *const u32,
                y: *mut i8,
                run: &Run,
            ) {
                few!($stride, $constants, $finish, $store, $size, { 4 * (7 + $words) } $(, $shift)?)
            }
        }

        loops! { $value, $store, $size, $planar: $($rest)* }
    };
}
loops! {
    i8, "strb", "1", planar:
    [SHIFT] Short<SHIFT>, 1: "ldrd r2, r3, [r1, #28]\n", short, 2;
    [SHIFT] Short<SHIFT>, 2: "ldrd r2, r3, [r1, #28]\n", short, 2;
    [SHIFT] Away<SHIFT>, 1: "ldrd r2, r3, [r1, #28]\n", away, 2;
    [SHIFT] Away<SHIFT>, 2: "ldrd r2, r3, [r1, #28]\n", away, 2;
    [SHIFT] Signed<SHIFT>, 1: "ldrd r2, r3, [r1, #28]\n ldr r10, [r1, #36]\n", signed, 3;
    [SHIFT] Signed<SHIFT>, 2: "ldrd r2, r3, [r1, #28]\n ldr r10, [r1, #36]\n", signed, 3;
    [] Long, 1: "ldrd r2, r3, [r1, #28]\n ldr r10, [r1, #36]\n", long, 3;
    [] Long, 2: "ldrd r2, r3, [r1, #28]\n ldr r10, [r1, #36]\n", long, 3;
}
loops! {
    i16, "strh", "2", planar_i16:
    [] OnceI16, 1: "ldr r2, [r1, #28]\n mov r3, #1\n", once, 1;
    [] OnceI16, 2: "ldr r2, [r1, #28]\n mov r3, #1\n", once, 1;
    [] TwiceI16, 1: "ldrd r2, r3, [r1, #28]\n ldr r10, [r1, #36]\n", twice, 3;
    [] TwiceI16, 2: "ldrd r2, r3, [r1, #28]\n ldr r10, [r1, #36]\n", twice, 3;
}

/// Writes two neighbours, channel by channel; each is two registers, with the channels 0 2 and 1 3.
macro_rules! write_pair {
    (planar, [$left02:literal, $left13:literal], [$right02:literal, $right13:literal]) => {
        write_pair!(["[r2, r3]", "[r2, r3, lsl #1]"] $left02, $left13, $right02, $right13)
    };
    // The channels 0 1 and 2 3.
    (planar_i16, [$left01:literal, $left23:literal], [$right01:literal, $right23:literal]) => {
        write_pair!(["[r2, r3, lsl #1]", "[r2, r3]"] $left01, $left23, $right01, $right23)
    };
    ([$one:literal, $two:literal] $left02:literal, $left13:literal, $right02:literal, $right13:literal) => {
        concat!(
            "pkhbt r8, ",
            $left13,
            ", ",
            $right13,
            ", lsl #16\n",
            "pkhtb r9, ",
            $right13,
            ", ",
            $left13,
            ", asr #16\n",
            "str.w r8, ",
            $one,
            "\n",
            "str.w r9, [r2, r11]\n",
            "pkhtb r9, ",
            $right02,
            ", ",
            $left02,
            ", asr #16\n",
            "pkhbt r8, ",
            $left02,
            ", ",
            $right02,
            ", lsl #16\n",
            "str.w r9, ",
            $two,
            "\n",
            "str r8, [r2], #4\n",
        )
    };
}

/// Loads four channels of a pixel, to r4 and r5; or of two, the second one to r6 and r7, and steps behind them.
macro_rules! load_pixels {
    (planar, one) => {
        "
        ldr r5, [r0]
        sxtb16 r4, r5
        sxtb16 r5, r5, ror #8
        "
    };
    (planar, two) => {
        "
        ldr r6, [r0, r1]
        ldr r4, [r0]
        add r0, r0, r1, lsl #1
        sxtb16 r7, r6, ror #8
        sxtb16 r5, r4, ror #8
        sxtb16 r6, r6
        sxtb16 r4, r4
        "
    };
    (planar_i16, one) => {
        "
        ldr r4, [r0]
        ldr r5, [r0, #4]
        "
    };
    (planar_i16, two) => {
        "
        add r7, r0, r1
        ldr r4, [r0]
        ldr r5, [r0, #4]
        ldr r6, [r7]
        ldr r7, [r7, #4]
        add r0, r0, r1, lsl #1
        "
    };
}

/// The function of [`planar`], of a group's bytes.
macro_rules! layout {
    ($planar:ident, $bytes:block) => {
        naked_asm!(
        "
        push {{r4-r11, lr}}
        sub sp, #52
        ldm r0!, {{r4-r12}}
        strd r11, r12, [sp, #16]
        strd r4, r6, [sp, #24]
        str r9, [sp, #12]
        mov r1, r5
        mov r3, r7
        mov lr, r10
        ldm r0, {{r4-r6}}
        strd r4, r8, [sp, #32]
        strd r5, r6, [sp, #40]
        add r11, r3, r3, lsl #1
    4:
        ldrd r4, r5, [sp, #24]
        ldr r8, [sp, #36]
        strd r4, r5, [sp, #0]
        str r8, [sp, #8]
    1:
        ldrd r0, r2, [sp, #0]
        add r4, r0, #{group}
        add r5, r2, r3, lsl #2
        strd r4, r5, [sp, #0]
        ldrd r12, r4, [sp, #12]
        cbz r4, 2f
        ",
        load_pixels!($planar, one),
        "add r0, r0, r1\n",
        write_pair!($planar, ["lr", "lr"], ["r4", "r5"]),
        "
    2:
        ",
        load_pixels!($planar, two),
        write_pair!($planar, ["r4", "r5"], ["r6", "r7"]),
        "
        subs r12, r12, #1
        bne 2b
        ldr r4, [sp, #20]
        cbz r4, 3f
        ",
        load_pixels!($planar, one),
        write_pair!($planar, ["r4", "r5"], ["lr", "lr"]),
        "
    3:
        ldr r4, [sp, #8]
        subs r4, r4, #1
        str r4, [sp, #8]
        bne 1b
        ldr r8, [sp, #32]
        ldrd r4, r5, [sp, #24]
        ldrd r6, r7, [sp, #40]
        subs r8, r8, #1
        str r8, [sp, #32]
        add r4, r4, r6
        add r5, r5, r7
        strd r4, r5, [sp, #24]
        bne 4b
        add sp, #52
        pop {{r4-r11, pc}}
        ",
        group = const $bytes
    )
    };
}

/// See [`Rows`]. Generic, so that it is assembled only for processors that have the instructions.
///
/// On the stack: 0 the group's pixels, 4 its words, 8 how many groups there are to do, 12 pairs, 16 and 20 whether there is a first and a last, 24 the row's
/// pixels, 28 its words, 32 how many rows there are to do, 36 groups, 40 and 44 from a row to the next.
///
/// # Safety
/// What the rows say lies within what their pointers point to.
#[unsafe(naked)]
unsafe extern "C" fn planar<const GROUP: usize>(rows: &Rows) {
    layout!(planar, { GROUP })
}

/// The same of pixels of 16 bits.
///
/// # Safety
/// What the rows say lies within what their pointers point to.
#[unsafe(naked)]
unsafe extern "C" fn planar_i16<const GROUP: usize>(rows: &Rows) {
    layout!(planar_i16, { 2 * GROUP })
}
