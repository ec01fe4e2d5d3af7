//! The loops in assembly.
//!
//! A pair keeps eight sums (r2 to r9: `L` and `S` of channels 0 and 1 for both pixels, then of 2 and 3), a pointer to the weights (r0) and
//! one to the inputs (r1), which also ends the loop, and loads two words of each. A row keeps four sums (r2 to r5). All else is on the stack.

use core::arch::naked_asm;

use super::super::{Epilogue, Long, Loops, Short, Signed};
use super::{Call, GROUP, LANES, Widen};

/// See [`Loops::pair`](super::super::Loops::pair).
pub type PairLoop = unsafe extern "C" fn(*const u32, *const u32, *mut i8, &Call);

/// See [`Loops::row`](super::super::Loops::row).
pub type RowLoop = unsafe extern "C" fn(*const u32, *const u8, *mut i8, &Call);

/// See [`Loops::widen`].
pub type WidenLoop = unsafe extern "C" fn(&Widen);

/// # Safety
/// Groups of four inputs lie where the call says, and there is room for as many words.
#[inline(always)]
pub(super) unsafe fn run_widen(widen: WidenLoop, call: &Widen) {
    // SAFETY: as the caller has it.
    unsafe { widen(call) }
}

/// # Safety
/// As [`Matrix::pair`](super::Matrix::pair) has it.
#[inline(always)]
pub(super) unsafe fn run_pair(
    pair: PairLoop,
    weights: *const u32,
    x: *const u32,
    y: *mut i8,
    call: &Call,
) {
    // SAFETY: as the caller has it.
    unsafe { pair(weights, x, y, call) }
}

/// # Safety
/// As [`Matrix::row`](super::Matrix::row) has it.
#[inline(always)]
pub(super) unsafe fn run_row(
    row: RowLoop,
    weights: *const u32,
    x: *const u8,
    y: *mut i8,
    call: &Call,
) {
    // SAFETY: as the caller has it.
    unsafe { row(weights, x, y, call) }
}

/// Four inputs of two pixels for four channels: 96 bytes.
macro_rules! pair_group {
    () => {
        concat!(
            pair_group!(@half),
            pair_group!(@half),
        )
    };
    (@half) => {
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

/// A function for two pixels, with what makes outputs in r2 to r9 of the sums.
macro_rules! pair {
    ([$($epilogue:tt)*] $($operand:tt)*) => {
        naked_asm!(
            "
            push {{r4-r11, lr}}
            sub sp, #24
            ldm r3, {{r4, r5, r6, r7}}
            adr.w r8, 2f
            add r7, r7, r8
            orr r7, r7, #1
            str r1, [sp, #0]
            str r7, [sp, #4]
            str r2, [sp, #8]
            str r4, [sp, #12]
            str r5, [sp, #16]
            str r6, [sp, #20]
        1:
            ldrd r1, r10, [sp, #0]
            ldm r0!, {{r2, r3, r6, r7}}
            mov r4, r2
            mov r5, r3
            mov r8, r6
            mov r9, r7
            bx r10
            .balign 4
        2:
            ",
            pair_group!(),
            pair_group!(),
            pair_group!(),
            pair_group!(),
            "
            ldr r12, [sp, #20]
            cmp r1, r12
            bne.w 2b
            sub r3, r3, r2
            sub r5, r5, r4
            sub r7, r7, r6
            sub r9, r9, r8
            ",
            concat!($($epilogue)*),
            "
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
            add sp, #24
            pop {{r4-r11, pc}}
            ",
            $($operand)*
        )
    };
}

/// A function for one row, with what makes outputs in r2 to r5 of the sums.
macro_rules! row {
    ([$($epilogue:tt)*] $($operand:tt)*) => {
        naked_asm!(
            "
            push {{r4-r11, lr}}
            sub sp, #20
            ldm r3, {{r4, r5, r6, r7}}
            adr.w r8, 2f
            add r7, r7, r8
            orr r7, r7, #1
            str r1, [sp, #0]
            str r7, [sp, #4]
            str r2, [sp, #8]
            str r5, [sp, #12]
            str r6, [sp, #16]
        1:
            ldrd r1, r10, [sp, #0]
            ldm r0!, {{r2, r3, r4, r5}}
            bx r10
            .balign 4
        2:
            ",
            row_group!(),
            row_group!(),
            row_group!(),
            row_group!(),
            "
            ldr r12, [sp, #16]
            cmp r1, r12
            bne.w 2b
            sub r3, r3, r2
            sub r5, r5, r4
            ",
            concat!($($epilogue)*),
            "
            ldrd r10, r11, [sp, #8]
            strb r2, [r10], #1
            strb r3, [r10], #1
            strb r4, [r10], #1
            strb r5, [r10], #1
            str r10, [sp, #8]
            cmp r0, r11
            bne.w 1b
            add sp, #20
            pop {{r4-r11, pc}}
            ",
            $($operand)*
        )
    };
}

/// Four inputs of two rows, of 16 bits each and in turn.
macro_rules! widen_group {
    () => {
        "
        ldr r12, [r0], #4
        ldr lr, [r1], #4
        sxtb16 r4, r12
        sxtb16 r5, lr
        sxtb16 r6, r12, ror #8
        sxtb16 r7, lr, ror #8
        stm r2!, {{r4, r5, r6, r7}}
        "
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
            widen: Some(widen::<GROUP>),
        }
    }
}

impl<const SHIFT: u32> Short<SHIFT> {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop(weights: *const u32, x: *const u32, y: *mut i8, call: &Call) {
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
    unsafe extern "C" fn row_loop(weights: *const u32, x: *const u8, y: *mut i8, call: &Call) {
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
            widen: Some(widen::<GROUP>),
        }
    }
}

impl<const SHIFT: u32> Signed<SHIFT> {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop(weights: *const u32, x: *const u32, y: *mut i8, call: &Call) {
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
    unsafe extern "C" fn row_loop(weights: *const u32, x: *const u8, y: *mut i8, call: &Call) {
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
            widen: Some(widen::<GROUP>),
        }
    }
}

impl Long {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop<const LANES: usize>(
        weights: *const u32,
        x: *const u32,
        y: *mut i8,
        call: &Call,
    ) {
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
        call: &Call,
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

/// See [`Matrix::widen_pair`](super::Matrix::widen_pair). Generic, so that it is assembled only for processors that have the instructions.
///
/// # Safety
/// Groups of four inputs lie where the call says, and there is room for as many words.
#[unsafe(naked)]
unsafe extern "C" fn widen<const GROUP: usize>(call: &Widen) {
    naked_asm!(
        "
        push {{r4-r9, lr}}
        sub sp, #4
        ldm r0, {{r0, r1, r2, r3, r8, r9}}
    1:
        str r3, [sp]
        lsrs r3, r3, #1
        bcc 2f
        ",
        widen_group!(),
        "
        cbz r3, 3f
    2:
        ",
        widen_group!(),
        widen_group!(),
        "
        subs r3, r3, #1
        bne 2b
    3:
        ldr r3, [sp]
        add r0, r0, r9
        add r1, r1, r9
        subs r8, r8, #1
        bne 1b
        add sp, #4
        pop {{r4-r9, pc}}
        "
    )
}
