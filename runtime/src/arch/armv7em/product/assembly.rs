//! The loops in assembly.
//!
//! A pair keeps eight sums (r2 to r9: `L` and `S` of channels 0 and 1 for both pixels, then of 2 and 3), a pointer to the weights (r0) and
//! one to the inputs (r1), which also ends the loop, and loads two words of each. A row keeps four sums (r2 to r5). All else is on the stack, but
//! for where a row's inputs end (r12) and its outputs go (lr).
//!
//! All epilogues share the loops, which jump to an epilogue by an address on the stack; it jumps back in the same way.

use core::arch::naked_asm;

use super::super::{Epilogue, Long, Loops, Short, Signed};
use super::{LANES, PairCall, RowCall};

/// See [`Loops::pair`](super::super::Loops::pair).
pub type PairLoop = unsafe extern "C" fn(&mut PairCall);

/// See [`Loops::row`](super::super::Loops::row).
pub type RowLoop = unsafe extern "C" fn(*const u32, *const u8, *mut i8, &RowCall);

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
    call: &RowCall,
) {
    // SAFETY: as the caller has it.
    unsafe { row(weights, x, y, call) }
}

/// Two inputs of two pixels for four channels: 48 bytes. `first` takes the sums' starts from the first pixel's registers.
macro_rules! pair_half {
    (first) => {
        "
        ldrd r10, r11, [r0], #8
        ldrd r12, lr, [r1], #8
        smlad r5, lr, r10, r3
        smlad r9, lr, r11, r7
        smlad r3, r12, r10, r3
        smlad r7, r12, r11, r7
        sxtb16 r10, r10
        sxtb16 r11, r11
        smlad r4, lr, r10, r2
        smlad r8, lr, r11, r6
        smlad r2, r12, r10, r2
        smlad r6, r12, r11, r6
        "
    };
    (then) => {
        "
        ldrd r10, r11, [r0], #8
        ldrd r12, lr, [r1], #8
        smlad r3, r12, r10, r3
        smlad r5, lr, r10, r5
        smlad r7, r12, r11, r7
        smlad r9, lr, r11, r9
        sxtb16 r10, r10
        sxtb16 r11, r11
        smlad r2, r12, r10, r2
        smlad r4, lr, r10, r4
        smlad r6, r12, r11, r6
        smlad r8, lr, r11, r8
        "
    };
}

/// The loop over pairs: of pixels, of blocks, of inputs. Epilogues jump here with the address of what makes outputs in r2 to r9 of the sums in r1;
/// r0 has the call.
///
/// On the stack: 0 inputs, 4 where their loop goes on, 8 outputs, 12 the distance to the second pixel's, 16 the end of the blocks, 20 that of inputs, 24 the
/// call, 28 where the epilogue is, 32 where it jumps to. Generic, so that it is assembled only for processors that have the instructions.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
unsafe extern "C" fn pairs<const LANES: usize>() {
    naked_asm!(
        "
        push {{r4-r11, lr}}
        sub sp, #36
        adr.w r2, 3f
        orr r1, r1, #1
        orr r2, r2, #1
        strd r1, r2, [sp, #28]
        ldm r0, {{r2-r7}}
        adr.w r9, 2f
        add r3, r3, r9
        orr r3, r3, #1
        add r12, sp, #0
        stm r12!, {{r2-r7}}
        str r0, [sp, #24]
    0:
        ldr r9, [sp, #24]
        ldr r3, [r9, #64]
        blx r3
        ldr r0, [r9, #24]
    1:
        ldr r1, [sp, #0]
        ldm r0!, {{r2, r3, r6, r7}}
        ",
        pair_half!(first),
        "
        ldr pc, [sp, #4]
        .balign 4
    2:
        ",
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        pair_half!(then),
        "
        ldr r12, [sp, #20]
        cmp r1, r12
        bne.w 2b
        sub r3, r3, r2
        sub r5, r5, r4
        sub r7, r7, r6
        sub r9, r9, r8
        ldr pc, [sp, #28]
        .balign 4
    3:
        ldrd r10, r11, [sp, #8]
        add r11, r10, r11
        strb r2, [r10], #1
        strb r3, [r10], #1
        strb r6, [r10], #1
        strb r7, [r10], #1
        str r10, [sp, #8]
        strb r4, [r11]
        strb r5, [r11, #1]
        strb r8, [r11, #2]
        strb r9, [r11, #3]
        ldr r11, [sp, #16]
        cmp r0, r11
        bne.w 1b
        ldr r9, [sp, #24]
        ldr r11, [sp, #12]
        ldr r12, [r9, #28]
        add r10, r10, r11
        subs r12, r12, #1
        str r10, [sp, #8]
        str r12, [r9, #28]
        bne.w 0b
        add sp, #36
        pop {{r4-r11, pc}}
        "
    )
}

/// Four inputs of two pixels, of 16 bits each and in turn.
macro_rules! widen_group {
    () => {
        "
        ldr r10, [r0], #4
        ldr r11, [r1], #4
        sxtb16 r4, r10
        sxtb16 r5, r11
        sxtb16 r6, r10, ror #8
        sxtb16 r7, r11, ror #8
        stm r2!, {{r4, r5, r6, r7}}
        "
    };
}

/// Widens the inputs of a pair, and steps to the next one's. r9 has the call, which is kept, as lr is.
///
/// # Safety
/// Only loops over pairs call it.
#[unsafe(naked)]
unsafe extern "C" fn widen<const HALF: bool>() {
    naked_asm!(
        "
        ldr r2, [r9, #0]
        add r12, r9, #32
    1:
        ldrd r0, r8, [r12], #8
        cmp r8, #0
        beq 5f
        ldr r3, [r9, #60]
        ldr r1, [r9, #48]
        add r3, r3, r0
        add r1, r1, r0
        str r3, [r12, #-8]
    2:
        ldr r3, [r9, #52]
        lsrs r3, r3, #1
        bcc 3f
        ",
        widen_group!(),
        "
        cbz r3, 4f
    3:
        ",
        widen_group!(),
        widen_group!(),
        "
        subs r3, r3, #1
        bne 3b
    4:
        .if {half}
        ldr r10, [r0]
        ldr r11, [r1]
        sxtb16 r4, r10
        sxtb16 r5, r11
        stm r2!, {{r4, r5}}
        .endif
        ldr r3, [r9, #56]
        subs r8, r8, #1
        add r0, r0, r3
        add r1, r1, r3
        bne 2b
    5:
        add r3, r9, #48
        cmp r12, r3
        bne 1b
        bx lr
        ",
        half = const HALF as usize
    )
}

/// The function that widens inputs of windows that overlap.
#[inline(always)]
pub(in super::super) fn overlapping() -> WidenLoop {
    widen_overlapping::<LANES>
}

/// As [`widen`]. Of four pixels it reads four inputs at a time: the first three are the first pixel's, and the last three the second one's.
///
/// # Safety
/// Only loops over pairs call it.
#[unsafe(naked)]
unsafe extern "C" fn widen_overlapping<const LANES: usize>() {
    naked_asm!(
        "
        push {{r9, lr}}
        ldr r2, [r9, #0]
        add lr, r9, #32
    1:
        ldrd r0, r3, [lr], #8
        cmp r3, #0
        beq 4f
        ldr r12, [sp, #0]
        push {{r3, lr}}
        ldr r1, [r12, #48]
        ldr r4, [r12, #60]
        add r4, r4, r0
        str r4, [lr, #-8]
        add r12, r1, r1, lsl #1
    2:
        lsr r3, r1, #2
    3:
        ldr r4, [r0]
        ldr r5, [r0, r1]
        ldr.w r6, [r0, r1, lsl #1]
        ldr r7, [r0, r12]
        add r0, r0, #4
        sxtb16 r8, r4, ror #8
        sxtb16 r9, r5, ror #8
        sxtb16 r10, r6, ror #8
        sxtb16 r11, r7, ror #8
        sxtb16 r4, r4
        sxtb16 r5, r5
        sxtb16 r6, r6
        sxtb16 r7, r7
        stm r2!, {{r4, r5, r8, r9}}
        stm r2!, {{r5, r6, r9, r10}}
        stm r2!, {{r6, r7, r10, r11}}
        subs r3, r3, #1
        bne 3b
        ldr r4, [sp, #8]
        ldr r3, [sp, #0]
        ldr r4, [r4, #56]
        add r0, r0, r1, lsl #1
        subs r3, r3, #1
        str r3, [sp, #0]
        add.w r0, r0, r4
        bne 2b
        pop {{r3, lr}}
    4:
        ldr r9, [sp, #0]
        add r3, r9, #48
        cmp lr, r3
        bne 1b
        pop {{r9, pc}}
        "
    )
}

/// Four inputs of one row for four channels: 64 bytes.
macro_rules! row_group {
    () => {
        "
        ldr r10, [r1], #4
        sxtb16 r11, r10, ror #8
        sxtb16 r10, r10
        ldm.w r0!, {{r6, r7, r8, r9}}
        smlad r3, r10, r6, r3
        smlad r5, r10, r7, r5
        smlad r3, r11, r8, r3
        smlad r5, r11, r9, r5
        sxtb16 r6, r6
        sxtb16 r7, r7
        sxtb16 r8, r8
        sxtb16 r9, r9
        smlad r2, r10, r6, r2
        smlad r4, r10, r7, r4
        smlad r2, r11, r8, r2
        smlad r4, r11, r9, r4
        "
    };
}

/// Eight inputs of a row that was widened, for four channels: 108 bytes.
macro_rules! wide_round {
    () => {
        concat!(
            "ldm.w r1!, {{r10, r11, r12, lr}}\n",
            wide_round!(@half "r10", "r11"),
            wide_round!(@half "r12", "lr"),
        )
    };
    (@half $first:literal, $second:literal) => {
        concat!(
            "ldm.w r0!, {{r6, r7, r8, r9}}\n",
            "smlad r3, ", $first, ", r6, r3\n",
            "smlad r5, ", $first, ", r7, r5\n",
            "smlad r3, ", $second, ", r8, r3\n",
            "smlad r5, ", $second, ", r9, r5\n",
            "sxtb16 r6, r6\n",
            "sxtb16 r7, r7\n",
            "sxtb16 r8, r8\n",
            "sxtb16 r9, r9\n",
            "smlad r2, ", $first, ", r6, r2\n",
            "smlad r4, ", $first, ", r7, r4\n",
            "smlad r2, ", $second, ", r8, r2\n",
            "smlad r4, ", $second, ", r9, r4\n",
        )
    };
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

/// The loop over rows that are widened.
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

/// # Safety
/// As [`run_widen`] has it.
#[unsafe(naked)]
unsafe extern "C" fn widen_row<const LANES: usize>(x: *const u8, to: *mut u32, groups: usize) {
    naked_asm!(
        "
        cbz r2, 2f
    1:
        ldr r3, [r0], #4
        subs r2, r2, #1
        sxtb16 r12, r3
        sxtb16 r3, r3, ror #8
        strd r12, r3, [r1], #8
        bne 1b
    2:
        bx lr
        "
    )
}

/// The loop over a row: of blocks, of inputs. Epilogues jump here with the address of what makes outputs in r2 to r5 of the sums in r12; r0 to r3
/// are their arguments. It may change r6 to r11.
///
/// On the stack: inputs, where their loop begins, the end of the blocks, where the epilogue is, and where it jumps to.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
unsafe extern "C" fn row<const LANES: usize>() {
    naked_asm!(
        "
        push {{r4-r11, lr}}
        sub sp, #20
        ldm r3, {{r4, r5, r6}}
        adr.w r7, 2f
        adr.w r8, 3f
        add r6, r6, r7
        orr r6, r6, #1
        orr r12, r12, #1
        orr r8, r8, #1
        strd r1, r6, [sp, #0]
        strd r5, r12, [sp, #8]
        str r8, [sp, #16]
        mov r12, r4
        mov lr, r2
    1:
        ldr r1, [sp, #0]
        ldm r0!, {{r2, r3, r4, r5}}
        ldr pc, [sp, #4]
        .balign 4
    2:
        ",
        row_group!(),
        row_group!(),
        row_group!(),
        row_group!(),
        row_group!(),
        row_group!(),
        row_group!(),
        row_group!(),
        "
        cmp r1, r12
        bne.w 2b
        sub r3, r3, r2
        sub r5, r5, r4
        ldr pc, [sp, #12]
        .balign 4
    3:
        strb r2, [lr], #1
        strb r3, [lr], #1
        strb r4, [lr], #1
        strb r5, [lr], #1
        ldr r11, [sp, #8]
        cmp r0, r11
        bne.w 1b
        add sp, #20
        pop {{r4-r11, pc}}
        "
    )
}

/// The same of inputs that were widened. It has the end of inputs and the outputs on the stack, too.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
unsafe extern "C" fn wide_row_core<const LANES: usize>() {
    naked_asm!(
        "
        push {{r4-r11, lr}}
        sub sp, #28
        ldm r3, {{r4, r5, r6}}
        adr.w r7, 2f
        adr.w r8, 3f
        add r6, r6, r7
        orr r6, r6, #1
        orr r12, r12, #1
        orr r8, r8, #1
        strd r1, r6, [sp, #0]
        strd r5, r12, [sp, #8]
        strd r8, r4, [sp, #16]
        str r2, [sp, #24]
    1:
        ldr r1, [sp, #0]
        ldm r0!, {{r2, r3, r4, r5}}
        ldr pc, [sp, #4]
        .balign 4
    2:
        ",
        wide_round!(),
        wide_round!(),
        wide_round!(),
        wide_round!(),
        "
        ldr r12, [sp, #20]
        cmp r1, r12
        bne.w 2b
        sub r3, r3, r2
        sub r5, r5, r4
        ldr pc, [sp, #12]
        .balign 4
    3:
        ldr r10, [sp, #24]
        ldr r11, [sp, #8]
        strb r2, [r10], #1
        strb r3, [r10], #1
        strb r4, [r10], #1
        strb r5, [r10], #1
        str r10, [sp, #24]
        cmp r0, r11
        bne.w 1b
        add sp, #28
        pop {{r4-r11, pc}}
        "
    )
}

/// What makes outputs of a pair's sums, as a function over pairs.
macro_rules! pair {
    ([$($epilogue:tt)*] $($operand:tt)*) => {
        naked_asm!(
            "
            adr.w r1, 1f
            b.w {pairs}
            .balign 4
        1:
            ",
            concat!($($epilogue)*),
            "
            ldr pc, [sp, #32]
            ",
            pairs = sym pairs::<LANES>,
            $($operand)*
        )
    };
}

/// What makes outputs of a row's sums, as a function over rows.
macro_rules! row {
    ([$($epilogue:tt)*] $($operand:tt)*) => {
        naked_asm!(
            "
            adr.w r12, 1f
            ldr pc, [r3, #12]
            .balign 4
        1:
            ",
            concat!($($epilogue)*),
            "
            ldr pc, [sp, #16]
            ",
            $($operand)*
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

/// [`Long`], of a sum, with its constants in three registers.
macro_rules! long {
    ($sum:literal, $factor:literal, $addend:literal, $shift:literal) => {
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
            ", #8, ",
            $sum,
            "\n",
        )
    };
}

impl<const SHIFT: u32> Epilogue for Short<SHIFT> {
    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 2,
            pair: Some(Self::pair_loop),
            row: Some(Self::row_loop),
            core: Some(narrow()),
            wide: None,
            widen: Some(widening::<false>()),
            rest: 0,
            overlap: false,
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
    unsafe extern "C" fn row_loop(weights: *const u32, x: *const u8, y: *mut i8, call: &RowCall) {
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

impl<const SHIFT: u32> Epilogue for Signed<SHIFT> {
    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 3,
            pair: Some(Self::pair_loop),
            row: Some(Self::row_loop),
            core: Some(narrow()),
            wide: None,
            widen: Some(widening::<false>()),
            rest: 0,
            overlap: false,
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
    unsafe extern "C" fn row_loop(weights: *const u32, x: *const u8, y: *mut i8, call: &RowCall) {
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
    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 3,
            pair: Some(Self::pair_loop::<LANES>),
            row: Some(Self::row_loop::<LANES>),
            core: Some(narrow()),
            wide: None,
            widen: Some(widening::<false>()),
            rest: 0,
            overlap: false,
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
        call: &RowCall,
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
