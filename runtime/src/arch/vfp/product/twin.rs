//! The loops in Rust.

use super::super::finish::finish;
use super::{CHANNELS, Call};

/// # Safety
/// As [`run_singles`] has it, of twice as many windows.
pub(super) unsafe fn run_pairs<const C: usize>(x: *const f32, y: *mut f32, call: &Call) {
    for pair in 0..call.count {
        // SAFETY: as the caller has it.
        unsafe {
            let x = x.byte_add(2 * pair * call.x_step);
            let y = y.byte_add(2 * pair * call.y_step);
            windows::<2, { 2 * CHANNELS }>(x, y, call);
        }
    }
}

/// # Safety
/// Every window's inputs and outputs, and the weights, lie where the call says.
pub(super) unsafe fn run_singles<const C: usize>(x: *const f32, y: *mut f32, call: &Call) {
    for window in 0..call.count {
        // SAFETY: as the caller has it.
        unsafe {
            let x = x.byte_add(window * call.x_step);
            windows::<1, CHANNELS>(x, y.byte_add(window * call.y_step), call);
        }
    }
}

/// `N` windows, whose `SUMS` outputs are bounded together.
///
/// # Safety
/// As the caller has it, of these windows.
unsafe fn windows<const N: usize, const SUMS: usize>(x: *const f32, y: *mut f32, call: &Call) {
    let mut sums = [0.0; SUMS];
    let (mut at, mut weights) = (x, call.weights);
    for window in sums.chunks_exact_mut(CHANNELS) {
        window.copy_from_slice(&call.bias);
    }
    for run in 0..call.runs {
        if run > 0 {
            (at, weights) = (
                at.wrapping_byte_offset(call.x_gap),
                weights.wrapping_byte_offset(call.w_gap),
            );
        }
        for _ in 0..call.len {
            for (window, sums) in sums.chunks_exact_mut(CHANNELS).enumerate() {
                for (channel, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: as the caller has it.
                    let (x, w) = unsafe {
                        let x = at.byte_add(window * call.x_step).read();
                        (x, weights.add(channel).read())
                    };
                    *sum += x * w;
                }
            }
            (at, weights) = (at.wrapping_add(1), weights.wrapping_add(CHANNELS));
        }
    }
    let outputs = finish(sums, call.bounds, call.min, call.max);
    for (window, outputs) in outputs.chunks_exact(CHANNELS).enumerate() {
        for (channel, output) in outputs.iter().enumerate() {
            // SAFETY: as the caller has it.
            unsafe { y.byte_add(window * call.y_step).add(channel).write(*output) };
        }
    }
}
