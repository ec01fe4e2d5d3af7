//! The loops in assembly.
//!
//! A pair keeps eight sums (r2 to r9: `L` and `S` of channels 0 and 1 for both pixels, then of 2 and 3), a pointer to the weights (r0) and
//! one to the inputs (r1), which also ends the loop, and loads two words of each. A row keeps four sums (r2 to r5). All else is on the stack, but
//! for where a row's inputs end (r12) and its outputs go (lr).
//!
//! All epilogues share the loops, which jump to an epilogue by an address on the stack; it jumps back in the same way.

mod loops;
mod widen;

use core::arch::naked_asm;

use super::super::{Away, AwayAlike, Epilogue, Long, Loops, Short, ShortAlike, Signed};
use super::{LANES, PairCall, RowCall};
use loops::{pairs, row, wide_row_core};
use widen::{widen, widen_overlapping, widen_row};

/// See [`Loops::pair`](super::super::Loops::pair).
pub type PairLoop = unsafe extern "C" fn(&mut PairCall);

/// See [`Loops::row`](super::super::Loops::row).
pub type RowLoop = unsafe extern "C" fn(*const u32, *const u8, *mut i8, &mut RowCall);

/// See [`Loops::widen`](super::super::Loops::widen). What loops over pairs call, with registers and a stack of their own convention.
pub type WidenLoop = unsafe extern "C" fn();

/// The function that widens inputs, with half a group at the end of each run or without.
#[inline(always)]
pub(in super::super) fn widening<const HALF: bool>() -> WidenLoop {
    widen::<HALF>
}

/// # Safety
/// As [`Matrix::pairs`](super::Matrix::pairs) has it.
#[inline(always)]
pub(super) unsafe fn run_pairs(pair: PairLoop, call: &mut PairCall) {
    // SAFETY: as the caller has it.
    unsafe { pair(call) }
}

/// # Safety
/// As [`Matrix::row`](super::Matrix::row) has it.
#[inline(always)]
pub(super) unsafe fn run_row(
    row: RowLoop,
    weights: *const u32,
    x: *const u8,
    y: *mut i8,
    call: &mut RowCall,
) {
    // SAFETY: as the caller has it.
    unsafe { row(weights, x, y, call) }
}

/// The function that widens inputs of windows that overlap.
#[inline(always)]
pub(in super::super) fn overlapping() -> WidenLoop {
    widen_overlapping::<LANES>
}

/// See [`Loops::core`](super::super::Loops::core). What epilogues jump to, with registers of their own convention.
pub type RowCore = unsafe extern "C" fn();

/// See [`Loops::wide`](super::super::Loops::wide).
pub type WidenRow = unsafe extern "C" fn(*const u8, *mut u32, usize);

/// The loop over rows as they are.
#[inline(always)]
pub(in super::super) fn narrow() -> RowCore {
    row::<LANES>
}

/// The loop over rows of which the first inputs are widened.
#[inline(always)]
pub(in super::super) fn wide() -> RowCore {
    wide_row_core::<LANES>
}

/// What widens them.
#[inline(always)]
pub(in super::super) fn wide_row() -> WidenRow {
    widen_row::<LANES>
}

/// # Safety
/// There are so many groups of inputs, and two words for each.
#[inline(always)]
pub(super) unsafe fn run_widen(widen: WidenRow, x: *const u8, to: *mut u32, groups: usize) {
    // SAFETY: as the caller has it.
    unsafe { widen(x, to, groups) }
}

/// What makes outputs of a pair's sums, as a function over pairs.
macro_rules! pair {
    ([$($epilogue:tt)*] $($operand:tt)*) => {
        pair!(pairs [$($epilogue)*] $($operand)*)
    };
    ($pairs:ident [$($epilogue:tt)*] $($operand:tt)*) => {
        naked_asm!(
            "
            adr.w r1, 1f
            b.w {pairs}
            .balign 4
        1:
            ",
            concat!($($epilogue)*),
            "
            ldr pc, [sp, #28]
            ",
            pairs = sym $pairs::<LANES>,
            $($operand)*
        )
    };
}

/// What makes outputs of a row's sums, as a function over rows. It writes them, by an instruction and so many bytes each, and begins the next block.
/// Sums are first the differences that are left of `L` and `S`, where they are. Where all channels share their constants, r11 points to these.
macro_rules! row {
    ([$($epilogue:tt)*] $($operand:tt)*) => {
        row!("strb", "1", "sub r3, r3, r2\n sub r5, r5, r4\n" [$($epilogue)*] $($operand)*)
    };
    (alike [$($epilogue:tt)*] $($operand:tt)*) => {
        row!(@ "strb", "1", "sub r3, r3, r2\n sub r5, r5, r4\n ldm sp, {{r1, r10, r11}}\n", "" [$($epilogue)*] $($operand)*)
    };
    ($store:literal, $bytes:literal, $differences:literal [$($epilogue:tt)*] $($operand:tt)*) => {
        row!(@ $store, $bytes, $differences, "ldm sp, {{r1, r10, r11}}\n" [$($epilogue)*] $($operand)*)
    };
    (@ $store:literal, $bytes:literal, $before:literal, $behind:literal [$($epilogue:tt)*] $($operand:tt)*) => {
        naked_asm!(
            "
            adr.w r12, 1f
            ldr pc, [r3, #8]
            .balign 4
        1:
            ",
            $before,
            concat!($($epilogue)*),
            $behind,
            concat!($store, " r2, [r10], #", $bytes, "\n"),
            concat!($store, " r3, [r10], #", $bytes, "\n"),
            concat!($store, " r4, [r10], #", $bytes, "\n"),
            concat!($store, " r5, [r10], #", $bytes, "\n"),
            "
            cmp r0, r11
            str r10, [sp, #4]
            beq 2f
            ldm r0!, {{r2, r3, r4, r5}}
            ldr pc, [sp, #12]
        2:
            ldr pc, [sp, #16]
            ",
            $($operand)*
        )
    };
}

/// [`Away`], of a sum times 256, with its constants in two registers and a free one.
macro_rules! away {
    ($sum:literal, $m:literal, $c:literal, $free:literal) => {
        concat!(
            "add ",
            $free,
            ", ",
            $c,
            ", ",
            $sum,
            ", asr #31\n",
            "smmlar ",
            $sum,
            ", ",
            $sum,
            ", ",
            $m,
            ", ",
            $free,
            "\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            ", asr #{shift}\n",
        )
    };
}

/// The same for one channel of two pixels.
macro_rules! away_pair {
    ($first:literal, $second:literal) => {
        concat!(
            "ldrd r10, r11, [r0], #8\n",
            away!($first, "r10", "r11", "r12"),
            away!($second, "r10", "r11", "r12"),
        )
    };
}

/// [`Signed`], for one channel of two pixels: 256·sum in, output out.
macro_rules! signed_pair {
    ($first:literal, $second:literal) => {
        concat!(
            "ldm r0!, {{r10, r11, r12}}\n",
            "and lr, r12, ",
            $first,
            ", asr #31\n",
            "smmla ",
            $first,
            ", ",
            $first,
            ", r10, r11\n",
            "sub ",
            $first,
            ", ",
            $first,
            ", lr\n",
            "and lr, r12, ",
            $second,
            ", asr #31\n",
            "smmla ",
            $second,
            ", ",
            $second,
            ", r10, r11\n",
            "sub ",
            $second,
            ", ",
            $second,
            ", lr\n",
            "ssat ",
            $first,
            ", #8, ",
            $first,
            ", asr #{shift}\n",
            "ssat ",
            $second,
            ", #8, ",
            $second,
            ", asr #{shift}\n",
        )
    };
}

/// [`Signed`], for one channel of a row.
macro_rules! signed_row {
    ($sum:literal) => {
        concat!(
            "ldm r0!, {{r6, r7, r8}}\n",
            "and r9, r8, ",
            $sum,
            ", asr #31\n",
            "smmla ",
            $sum,
            ", ",
            $sum,
            ", r6, r7\n",
            "sub ",
            $sum,
            ", ",
            $sum,
            ", r9\n",
            "ssat ",
            $sum,
            ", #8, ",
            $sum,
            ", asr #{shift}\n",
        )
    };
}

/// [`Long`], of a sum, with its constants in three registers, to 8 bits or so many.
macro_rules! long {
    ($sum:literal, $factor:literal, $addend:literal, $shift:literal) => {
        long!($sum, $factor, $addend, $shift, "8")
    };
    ($sum:literal, $factor:literal, $addend:literal, $shift:literal, $bits:literal) => {
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
            $addend,
            "\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", ",
            $shift,
            "\n",
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

mod halfwords;

impl<const SHIFT: u32> Epilogue for Short<SHIFT> {
    type X = i8;
    type Y = i8;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 2 * LANES,
            input: 1,
            output: 1,
            pair: Some(Self::pair_loop),
            row: Some(Self::row_loop),
            core: Some(narrow()),
            wide: None,
            widen: Some(widening::<false>()),
            rest: 0,
            overlap: false,
            shared: 0,
        }
    }
}

impl<const SHIFT: u32> Short<SHIFT> {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop(call: &mut PairCall) {
        pair!(
            [
                "
                ldm r0!, {{r10, r11, r12, lr}}
                lsl r2, r2, #8
                lsl r4, r4, #8
                lsl r6, r6, #8
                lsl r8, r8, #8
                smmla r2, r2, r10, r11
                smmla r4, r4, r10, r11
                smmla r3, r3, r12, lr
                smmla r5, r5, r12, lr
                ldm r0!, {{r10, r11, r12, lr}}
                smmla r6, r6, r10, r11
                smmla r8, r8, r10, r11
                smmla r7, r7, r12, lr
                smmla r9, r9, r12, lr
                ssat r2, #8, r2, asr #{shift}
                ssat r3, #8, r3, asr #{shift}
                ssat r4, #8, r4, asr #{shift}
                ssat r5, #8, r5, asr #{shift}
                ssat r6, #8, r6, asr #{shift}
                ssat r7, #8, r7, asr #{shift}
                ssat r8, #8, r8, asr #{shift}
                ssat r9, #8, r9, asr #{shift}
                "
            ]
            shift = const SHIFT
        )
    }

    #[unsafe(naked)]
    unsafe extern "C" fn row_loop(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!(
            [
                "
                ldm r0!, {{r6, r7, r8, r9}}
                lsl r2, r2, #8
                lsl r4, r4, #8
                smmla r2, r2, r6, r7
                smmla r3, r3, r8, r9
                ldm r0!, {{r6, r7, r8, r9}}
                smmla r4, r4, r6, r7
                smmla r5, r5, r8, r9
                ssat r2, #8, r2, asr #{shift}
                ssat r3, #8, r3, asr #{shift}
                ssat r4, #8, r4, asr #{shift}
                ssat r5, #8, r5, asr #{shift}
                "
            ]
            shift = const SHIFT
        )
    }
}

impl<const SHIFT: u32> Epilogue for Away<SHIFT> {
    type X = i8;
    type Y = i8;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 2 * LANES,
            input: 1,
            output: 1,
            pair: Some(Self::pair_loop),
            row: Some(Self::row_loop),
            core: Some(narrow()),
            wide: None,
            widen: Some(widening::<false>()),
            rest: 0,
            overlap: false,
            shared: 0,
        }
    }
}

impl<const SHIFT: u32> Away<SHIFT> {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop(call: &mut PairCall) {
        pair!(
            [
                "
                lsl r2, r2, #8
                lsl r4, r4, #8
                lsl r6, r6, #8
                lsl r8, r8, #8
                ",
                away_pair!("r2", "r4"),
                away_pair!("r3", "r5"),
                away_pair!("r6", "r8"),
                away_pair!("r7", "r9"),
            ]
            shift = const SHIFT
        )
    }

    #[unsafe(naked)]
    unsafe extern "C" fn row_loop(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!(
            [
                "
                lsl r2, r2, #8
                lsl r4, r4, #8
                ldm r0!, {{r6, r7, r8, r9}}
                ",
                away!("r2", "r6", "r7", "r10"),
                away!("r3", "r8", "r9", "r10"),
                "ldm r0!, {{r6, r7, r8, r9}}\n",
                away!("r4", "r6", "r7", "r10"),
                away!("r5", "r8", "r9", "r10"),
            ]
            shift = const SHIFT
        )
    }
}

/// Loops over single rows, whose channels share two constants.
macro_rules! alike {
    ($row:expr) => {
        Loops {
            constants: 0,
            input: 1,
            output: 1,
            pair: None,
            row: Some($row),
            core: Some(narrow()),
            wide: None,
            widen: None,
            rest: 0,
            overlap: false,
            shared: 2,
        }
    };
}

impl<const SHIFT: u32> Epilogue for ShortAlike<SHIFT> {
    type X = i8;
    type Y = i8;

    #[inline(always)]
    fn loops(&self) -> Loops {
        alike!(Self::row_loop)
    }
}

impl<const SHIFT: u32> ShortAlike<SHIFT> {
    #[unsafe(naked)]
    unsafe extern "C" fn row_loop(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!(
            alike [
                "
                lsl r2, r2, #8
                lsl r4, r4, #8
                ldrd r6, r7, [r11]
                smmla r2, r2, r6, r7
                smmla r3, r3, r6, r7
                smmla r4, r4, r6, r7
                smmla r5, r5, r6, r7
                ssat r2, #8, r2, asr #{shift}
                ssat r3, #8, r3, asr #{shift}
                ssat r4, #8, r4, asr #{shift}
                ssat r5, #8, r5, asr #{shift}
                "
            ]
            shift = const SHIFT
        )
    }
}

impl<const SHIFT: u32> Epilogue for AwayAlike<SHIFT> {
    type X = i8;
    type Y = i8;

    #[inline(always)]
    fn loops(&self) -> Loops {
        alike!(Self::row_loop)
    }
}

impl<const SHIFT: u32> AwayAlike<SHIFT> {
    #[unsafe(naked)]
    unsafe extern "C" fn row_loop(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!(
            alike [
                "
                lsl r2, r2, #8
                lsl r4, r4, #8
                ldrd r6, r7, [r11]
                ",
                away!("r2", "r6", "r7", "r8"),
                away!("r3", "r6", "r7", "r8"),
                away!("r4", "r6", "r7", "r8"),
                away!("r5", "r6", "r7", "r8"),
            ]
            shift = const SHIFT
        )
    }
}

impl<const SHIFT: u32> Epilogue for Signed<SHIFT> {
    type X = i8;
    type Y = i8;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 3 * LANES,
            input: 1,
            output: 1,
            pair: Some(Self::pair_loop),
            row: Some(Self::row_loop),
            core: Some(narrow()),
            wide: None,
            widen: Some(widening::<false>()),
            rest: 0,
            overlap: false,
            shared: 0,
        }
    }
}

impl<const SHIFT: u32> Signed<SHIFT> {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop(call: &mut PairCall) {
        pair!(
            [
                "
                lsl r2, r2, #8
                lsl r4, r4, #8
                lsl r6, r6, #8
                lsl r8, r8, #8
                ",
                signed_pair!("r2", "r4"),
                signed_pair!("r3", "r5"),
                signed_pair!("r6", "r8"),
                signed_pair!("r7", "r9"),
            ]
            shift = const SHIFT
        )
    }

    #[unsafe(naked)]
    unsafe extern "C" fn row_loop(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!(
            [
                "
                lsl r2, r2, #8
                lsl r4, r4, #8
                ",
                signed_row!("r2"),
                signed_row!("r3"),
                signed_row!("r4"),
                signed_row!("r5"),
            ]
            shift = const SHIFT
        )
    }
}

impl Epilogue for Long {
    type X = i8;
    type Y = i8;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 3 * LANES,
            input: 1,
            output: 1,
            pair: Some(Self::pair_loop::<LANES>),
            row: Some(Self::row_loop::<LANES>),
            core: Some(narrow()),
            wide: None,
            widen: Some(widening::<false>()),
            rest: 0,
            overlap: false,
            shared: 0,
        }
    }
}

impl Long {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop<const LANES: usize>(call: &mut PairCall) {
        pair!([
            "
                asr r3, r3, #8
                asr r5, r5, #8
                asr r7, r7, #8
                asr r9, r9, #8
                ldm r0!, {{r10, r11, r12}}
                ",
            long!("r2", "r10", "r11", "r12"),
            long!("r4", "r10", "r11", "r12"),
            "ldm r0!, {{r10, r11, r12}}\n",
            long!("r3", "r10", "r11", "r12"),
            long!("r5", "r10", "r11", "r12"),
            "ldm r0!, {{r10, r11, r12}}\n",
            long!("r6", "r10", "r11", "r12"),
            long!("r8", "r10", "r11", "r12"),
            "ldm r0!, {{r10, r11, r12}}\n",
            long!("r7", "r10", "r11", "r12"),
            long!("r9", "r10", "r11", "r12"),
        ])
    }

    #[unsafe(naked)]
    unsafe extern "C" fn row_loop<const LANES: usize>(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!([
            "
                asr r3, r3, #8
                asr r5, r5, #8
                ldm r0!, {{r6, r7, r8}}
                ",
            long!("r2", "r6", "r7", "r8"),
            "ldm r0!, {{r6, r7, r8}}\n",
            long!("r3", "r6", "r7", "r8"),
            "ldm r0!, {{r6, r7, r8}}\n",
            long!("r4", "r6", "r7", "r8"),
            "ldm r0!, {{r6, r7, r8}}\n",
            long!("r5", "r6", "r7", "r8"),
        ])
    }
}
