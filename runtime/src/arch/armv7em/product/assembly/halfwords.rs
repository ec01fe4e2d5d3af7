//! Epilogues whose outputs have 16 bits.

use core::arch::naked_asm;

use super::super::super::{Epilogue, Long, LongI16, Loops, OnceI16, TwiceI16};
use super::super::{LANES, PairCall, RowCall};
use super::loops::{pairs_i16, row_i16};
use super::widen::interleave;

/// [`LongI16`], of a sum times two; its constants are in r6 to r8.
macro_rules! long_i16 {
    ($sum:literal) => {
        concat!(
            "add r9, r7, ",
            $sum,
            ", asr #31\n",
            "smmlar ",
            $sum,
            ", ",
            $sum,
            ", r6, r9\n",
            "asr ",
            $sum,
            ", ",
            $sum,
            ", r8\n",
            "ssat ",
            $sum,
            ", #16, ",
            $sum,
            "\n",
        )
    };
}

/// [`OnceI16`] of two sums, with a channel's constant each; one more register is one.
macro_rules! once {
    ($first:literal, $m:literal, $second:literal, $n:literal, $one:literal) => {
        concat!(
            "smmla ",
            $first,
            ", ",
            $first,
            ", ",
            $m,
            ", ",
            $one,
            "\n",
            "smmla ",
            $second,
            ", ",
            $second,
            ", ",
            $n,
            ", ",
            $one,
            "\n",
            "ssat ",
            $first,
            ", #16, ",
            $first,
            ", asr #1\n",
            "ssat ",
            $second,
            ", #16, ",
            $second,
            ", asr #1\n",
        )
    };
}

impl Epilogue for LongI16 {
    type X = i8;
    type Y = i16;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 3,
            output: 2,
            pair: None,
            widen: None,
            row: Some(Self::row_loop::<LANES>),
            ..Long.loops()
        }
    }
}

impl LongI16 {
    #[unsafe(naked)]
    unsafe extern "C" fn row_loop<const LANES: usize>(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!("strh", "2", "sub r3, r3, r2\n sub r5, r5, r4\n" [
            "
            ldm r0!, {{r6, r7, r8}}
            lsl r2, r2, #1
            asr r3, r3, #7
            lsl r4, r4, #1
            asr r5, r5, #7
            ",
            long_i16!("r2"),
            long_i16!("r3"),
            long_i16!("r4"),
            long_i16!("r5"),
        ])
    }
}

impl Epilogue for OnceI16 {
    type X = i16;
    type Y = i16;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: LANES,
            input: 2,
            output: 2,
            pair: Some(Self::pair_loop::<LANES>),
            row: Some(Self::row_loop::<LANES>),
            core: Some(row_i16::<LANES>),
            widen: Some(interleave::<LANES>),
            wide: None,
            rest: 0,
            overlap: false,
            shared: 0,
        }
    }
}

impl OnceI16 {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop<const LANES: usize>(call: &mut PairCall) {
        pair!(pairs_i16 [
            "ldm r0!, {{r10, r11, r12, lr}}\n mov r1, #1\n",
            once!("r2", "r10", "r4", "r10", "r1"),
            once!("r3", "r11", "r5", "r11", "r1"),
            once!("r6", "r12", "r8", "r12", "r1"),
            once!("r7", "lr", "r9", "lr", "r1"),
        ])
    }

    #[unsafe(naked)]
    unsafe extern "C" fn row_loop<const LANES: usize>(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!("strh", "2", "" [
            "ldm r0!, {{r6, r7, r8, r9}}\n mov r10, #1\n",
            once!("r2", "r6", "r3", "r7", "r10"),
            once!("r4", "r8", "r5", "r9", "r10"),
        ])
    }
}

impl Epilogue for TwiceI16 {
    type X = i16;
    type Y = i16;

    #[inline(always)]
    fn loops(&self) -> Loops {
        Loops {
            constants: 3 * LANES,
            pair: Some(Self::pair_loop::<LANES>),
            row: Some(Self::row_loop::<LANES>),
            ..OnceI16.loops()
        }
    }
}

impl TwiceI16 {
    #[unsafe(naked)]
    unsafe extern "C" fn pair_loop<const LANES: usize>(call: &mut PairCall) {
        pair!(pairs_i16 [
            "ldm r0!, {{r10, r11, r12}}\n",
            long!("r2", "r10", "r11", "r12", "16"),
            long!("r4", "r10", "r11", "r12", "16"),
            "ldm r0!, {{r10, r11, r12}}\n",
            long!("r3", "r10", "r11", "r12", "16"),
            long!("r5", "r10", "r11", "r12", "16"),
            "ldm r0!, {{r10, r11, r12}}\n",
            long!("r6", "r10", "r11", "r12", "16"),
            long!("r8", "r10", "r11", "r12", "16"),
            "ldm r0!, {{r10, r11, r12}}\n",
            long!("r7", "r10", "r11", "r12", "16"),
            long!("r9", "r10", "r11", "r12", "16"),
        ])
    }

    #[unsafe(naked)]
    unsafe extern "C" fn row_loop<const LANES: usize>(
        weights: *const u32,
        x: *const u8,
        y: *mut i8,
        call: &mut RowCall,
    ) {
        row!("strh", "2", "" [
            "ldm r0!, {{r6, r7, r8}}\n",
            long!("r2", "r6", "r7", "r8", "16"),
            "ldm r0!, {{r6, r7, r8}}\n",
            long!("r3", "r6", "r7", "r8", "16"),
            "ldm r0!, {{r6, r7, r8}}\n",
            long!("r4", "r6", "r7", "r8", "16"),
            "ldm r0!, {{r6, r7, r8}}\n",
            long!("r5", "r6", "r7", "r8", "16"),
        ])
    }
}
