//! The loops in Rust.

use super::super::requantize;
use super::{Call, FILTER, STARTS};

/// # Safety
/// As [`Depthwise::run`](super::Depthwise::run) has it.
#[cfg_attr(target_arch = "riscv32", expect(dead_code))]
pub(super) unsafe fn long<const SIGNED: bool, const AT_ONCE: usize, const STRIDE: usize>(
    call: &Call,
) {
    let constants = if SIGNED { 3 } else { 2 };
    // SAFETY: as the caller has it.
    unsafe {
        run::<3, AT_ONCE, STRIDE>(call, constants, |sum, constants| {
            requantize::long(sum, constants, call.shift)
        });
    }
}

/// # Safety
/// As [`Depthwise::run`](super::Depthwise::run) has it.
pub(super) unsafe fn nested<const SIGNED: bool, const AT_ONCE: usize, const STRIDE: usize>(
    call: &Call,
) {
    let constants = if SIGNED { 5 } else { 4 };
    // SAFETY: as the caller has it.
    unsafe {
        run::<5, AT_ONCE, STRIDE>(call, constants, |sum, constants| {
            requantize::nested(sum, constants, [call.fine, call.shift])
        });
    }
}

/// # Safety
/// As [`Depthwise::run`](super::Depthwise::run) has it, of so many constants, of which the others are zero.
unsafe fn run<const MOST: usize, const AT_ONCE: usize, const STRIDE: usize>(
    call: &Call,
    constants: usize,
    requantize: impl Fn(i32, [i32; MOST]) -> i8,
) {
    let (mut weights, mut channel) = (call.weights, 0);
    while weights != call.end {
        // SAFETY: as the caller has it.
        let word = |i: usize| unsafe { weights.add(i).read() as i32 };
        let mut words = [0; MOST];
        for (i, to) in words.iter_mut().enumerate().take(constants) {
            *to = word(STARTS + i);
        }
        for output in 0..AT_ONCE {
            let mut sum = word(0);
            for (row, x) in call.rows.iter().enumerate() {
                let bytes = word(1 + row).to_le_bytes();
                for (column, weight) in bytes.into_iter().enumerate().take(FILTER) {
                    let at = (output * STRIDE + column) * call.pixel + channel;
                    // SAFETY: as the caller has it.
                    let x = unsafe { x.add(at).read() };
                    sum = sum.wrapping_add(i32::from(x) * i32::from(weight as i8));
                }
            }
            let y = requantize(sum, words);
            // SAFETY: as the caller has it.
            unsafe { call.y.add(output * call.pixel + channel).write(y) }
        }
        weights = weights.wrapping_add(STARTS + constants);
        channel += 1;
    }
}
