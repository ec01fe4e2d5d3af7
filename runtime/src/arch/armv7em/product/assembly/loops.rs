//! The loops of products, which epilogues jump to.

use core::arch::naked_asm;

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
pub(super) unsafe extern "C" fn pairs<const LANES: usize>() {
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

/// The loop over a row: of blocks, of inputs. Epilogues jump here with the address of what makes outputs in r2 to r5 of the sums in r12; r0 to r3
/// are their arguments. It may change r6 to r11.
///
/// On the stack: inputs, where their loop begins, the end of the blocks, where the epilogue is, and where it jumps to.
///
/// # Safety
/// Only epilogues jump here.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn row<const LANES: usize>() {
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
pub(super) unsafe extern "C" fn wide_row_core<const LANES: usize>() {
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
