//! The loops of products, which epilogues jump to.

use core::arch::naked_asm;

use super::super::{HALVES, HALVES_I16};

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

/// The same of inputs of 16 bits: 60 bytes. `first` is each sum's start.
macro_rules! pair_half_i16 {
    (first) => {
        concat!(
            pair_half_i16!(@lanes "r2", "r3", "r4", "r5", "r2", "r3", "ldrd r12, lr, [r1], #8\n"),
            pair_half_i16!(@lanes "r6", "r7", "r8", "r9", "r6", "r7", ""),
        )
    };
    (then) => {
        concat!(
            pair_half_i16!(@lanes "r2", "r3", "r4", "r5", "r4", "r5", "ldrd r12, lr, [r1], #8\n"),
            pair_half_i16!(@lanes "r6", "r7", "r8", "r9", "r8", "r9", ""),
        )
    };
    (@lanes $low:literal, $high:literal, $second_low:literal, $second_high:literal, $from_low:literal, $from_high:literal, $inputs:literal) => {
        concat!(
            "ldr r10, [r0], #4\n",
            $inputs,
            "sxtb16 r11, r10\n",
            "sxtb16 r10, r10, ror #8\n",
            "smlad ", $second_low, ", lr, r11, ", $from_low, "\n",
            "smlad ", $second_high, ", lr, r10, ", $from_high, "\n",
            "smlad ", $low, ", r12, r11, ", $low, "\n",
            "smlad ", $high, ", r12, r10, ", $high, "\n",
        )
    };
}

/// Eight halves.
macro_rules! eight {
    ($half:ident) => {
        concat!(
            $half!(then),
            $half!(then),
            $half!(then),
            $half!(then),
            $half!(then),
            $half!(then),
            $half!(then),
            $half!(then),
        )
    };
}

/// What differences are left of sums `L` and `S`.
macro_rules! differences {
    () => {
        "
        sub r3, r3, r2
        sub r5, r5, r4
        sub r7, r7, r6
        sub r9, r9, r8
        "
    };
}

/// Writes outputs of so many bytes; literals are an output's place in a pixel.
macro_rules! write_pair {
    ($store:literal, $one:literal, $two:literal, $three:literal) => {
        concat!(
            $store,
            " r2, [r10], #",
            $one,
            "\n",
            $store,
            " r3, [r10], #",
            $one,
            "\n",
            $store,
            " r6, [r10], #",
            $one,
            "\n",
            $store,
            " r7, [r10], #",
            $one,
            "\n",
            "str r10, [sp, #4]\n",
            $store,
            " r4, [r11]\n",
            $store,
            " r5, [r11, #",
            $one,
            "]\n",
            $store,
            " r8, [r11, #",
            $two,
            "]\n",
            $store,
            " r9, [r11, #",
            $three,
            "]\n",
        )
    };
}

/// The function of [`pairs`], of what its halves are, how many it is unrolled to, what comes behind them, and how outputs are written.
macro_rules! pairs_loop {
    ($half:ident, $unrolled:ident [$($halves:tt)*], $differences:expr, [$($write:tt)*]) => {
        naked_asm!(
        "
        push {{r4-r11, lr}}
        sub sp, #44
        ldm r0, {{r2-r7}}
        sub r6, r6, #{round}
        stm sp, {{r2-r6}}
        str r0, [sp, #20]
        adr.w r8, 3f
        orr r1, r1, #1
        orr r8, r8, #1
        strd r1, r8, [sp, #24]
        adr.w r9, 2f
        add r7, r7, r9
        orr r7, r7, #1
        adr.w r9, 4f
        orr r9, r9, #1
        add r2, r2, #8
        cmp r6, r2
        it ls
        movls r9, r7
        strd r9, r7, [sp, #32]
    0:
        ldr r9, [sp, #20]
        ldr r3, [r9, #64]
        blx r3
        ldr r0, [r9, #24]
        ldr r1, [sp, #0]
    1:
        ldm r0!, {{r2, r3, r6, r7}}
        ",
        $half!(first),
        "
        ldr pc, [sp, #32]
        .balign 4
    4:
        cmn r1, #0
        ldr pc, [sp, #36]
    5:
        ldr r12, [sp, #16]
        cmp.w r1, r12
    2:
        ",
        $($halves)*
        "
        bcc.w 5b
        ",
        $differences,
        "
        ldr pc, [sp, #24]
        .balign 4
    3:
        ldm sp, {{r1, r10, r11, r12}}
        add r11, r10, r11
        ",
        $($write)*,
        "
        cmp r12, r0
        bhi.w 1b
        ldr r9, [sp, #20]
        ldr r11, [sp, #8]
        ldr r12, [r9, #28]
        add r10, r10, r11
        subs r12, r12, #1
        str r10, [sp, #4]
        str r12, [r9, #28]
        bne.w 0b
        add sp, #44
        pop {{r4-r11, pc}}
        ",
        round = const $unrolled * 8
    )
    };
}

/// The loop over pairs: of pixels, of blocks, of inputs. Epilogues jump here with the address of what makes outputs in r2 to r9 of the sums in r1;
/// r0 has the call.
///
/// Whether the loop over inputs goes on is known when a round begins: the carry is then clear. It is set where a block begins, so that rounds which
/// are entered in the middle, and are the only ones, need no test; where others follow, it is cleared first.
///
/// On the stack: 0 inputs, 4 outputs, 8 the distance to the second pixel's, 12 the end of the blocks, 16 where the last round of inputs begins, 20 the
/// call, 24 where the epilogue is, 28 where it jumps to, 32 what follows the first half, 36 the place in the loop where the others begin. Generic, so
/// that it is assembled only for processors that have the instructions.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn pairs<const LANES: usize>() {
    pairs_loop!(
        pair_half,
        HALVES [eight!(pair_half), eight!(pair_half),],
        differences!(),
        [write_pair!("strb", "1", "2", "3")]
    )
}

/// The same of inputs and outputs of 16 bits.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn pairs_i16<const LANES: usize>() {
    pairs_loop!(
        pair_half_i16,
        HALVES_I16 [eight!(pair_half_i16),],
        "",
        [write_pair!("strh", "2", "4", "6")]
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

/// Four inputs of 16 bits of one row: 76 bytes.
macro_rules! row_group_i16 {
    () => {
        concat!(
            "
            ldr r10, [r1], #4
            ldr r11, [r1], #4
            ldm.w r0!, {{r6, r7, r8, r9}}
            ",
            row_group_i16!(@lanes "r6", "r10", "r2", "r3"),
            row_group_i16!(@lanes "r7", "r10", "r4", "r5"),
            row_group_i16!(@lanes "r8", "r11", "r2", "r3"),
            row_group_i16!(@lanes "r9", "r11", "r4", "r5"),
        )
    };
    (@lanes $lanes:literal, $x:literal, $low:literal, $high:literal) => {
        concat!(
            "sxtb16 lr, ", $lanes, "\n",
            "sxtb16 ", $lanes, ", ", $lanes, ", ror #8\n",
            "smlad ", $low, ", ", $x, ", lr, ", $low, "\n",
            "smlad ", $high, ", ", $x, ", ", $lanes, ", ", $high, "\n",
        )
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

/// The function of [`row`], of what its groups are.
macro_rules! row_loop {
    ($group:ident) => {
        naked_asm!(
            "
        push {{r4-r11, lr}}
        sub sp, #24
        ldrd r5, r6, [r3, #0]
        ldr r4, [r3, #24]
        adr.w r7, 2f
        adr.w r8, 3f
        add r6, r6, r7
        orr r6, r6, #1
        orr r12, r12, #1
        orr r8, r8, #1
        strd r1, r2, [sp, #0]
        strd r5, r6, [sp, #8]
        strd r8, r12, [sp, #16]
        mov r12, r4
        ldm r0!, {{r2, r3, r4, r5}}
        bx r6
        .balign 4
    2:
        ",
            $group!(),
            $group!(),
            $group!(),
            $group!(),
            "
        cmp r1, r12
        bne.w 2b
        ldr pc, [sp, #20]
        .balign 4
    3:
        add sp, #24
        pop {{r4-r11, pc}}
        "
        )
    };
}

/// The loop over a row: of blocks, of inputs. Epilogues jump here with the address of what makes outputs in r2 to r5 of the sums in r12, and begins the
/// next block; r0 to r3 are their arguments. It may change r6 to r11.
///
/// On the stack: 0 inputs, 4 outputs, 8 the end of the blocks, 12 where the loop begins, 16 what follows the last block, 20 where the epilogue is.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn row<const LANES: usize>() {
    row_loop!(row_group)
}

/// The same of inputs of 16 bits. Epilogues may change lr, too.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn row_i16<const LANES: usize>() {
    row_loop!(row_group_i16)
}

/// The same of inputs of which the first were widened, all of them or not.
///
/// On the stack: the same, where the loop is the one over what was widened; 24 the end of that, 28 what follows this loop, 32 the call.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn wide_row_core<const LANES: usize>() {
    naked_asm!(
        "
        push {{r4-r11, lr}}
        sub sp, #36
        ldm r3, {{r4-r10}}
        str r3, [sp, #32]
        adr.w r6, 2f
        add r5, r5, r6
        orr r5, r5, #1
        orr r12, r12, #1
        strd r1, r2, [sp, #0]
        strd r4, r5, [sp, #8]
        adr.w r4, 3f
        orr r4, r4, #1
        strd r4, r12, [sp, #16]
        adr.w r4, 5f
        add r8, r8, r4
        orr r8, r8, #1
        str r8, [r3, #16]
        adr.w r4, 4f
        orr r4, r4, #1
        cmp r9, r10
        it eq
        moveq r4, r12
        strd r7, r4, [sp, #24]
        mov r6, r5
        ldm r0!, {{r2, r3, r4, r5}}
        bx r6
        .balign 4
    2:
        ",
        wide_round!(),
        wide_round!(),
        wide_round!(),
        wide_round!(),
        wide_round!(),
        wide_round!(),
        wide_round!(),
        wide_round!(),
        "
        ldr r12, [sp, #24]
        cmp r1, r12
        bne.w 2b
        ldr pc, [sp, #28]
        .balign 4
    4:
        ldr r10, [sp, #32]
        ldrd r1, r12, [r10, #20]
        ldr pc, [r10, #16]
        .balign 4
    5:
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
        bne.w 5b
        ldr pc, [sp, #20]
        .balign 4
    3:
        add sp, #36
        pop {{r4-r11, pc}}
        "
    )
}
