//! The loops in Rust.

use super::super::finish::finish;
use super::Call;

/// # Safety
/// As [`run_singles`] has it, of twice as many windows with the same weights.
pub(super) unsafe fn run_pairs<const CHANNELS: usize>(x: *const f32, y: *mut f32, call: &Call) {
    for pair in 0..call.count {
        let (x, y) = (
            x.wrapping_byte_add(2 * pair * call.x_step),
            y.wrapping_byte_add(2 * pair * call.y_step),
        );
        // SAFETY: as the caller has it.
        unsafe { run::<2, CHANNELS>(x, y, call) }
    }
}

/// Leaves in the call where weights and starts of another window would be.
///
/// # Safety
/// Every window's inputs, weights, starts and outputs lie where the call says.
pub(super) unsafe fn run_singles<const CHANNELS: usize>(
    x: *const f32,
    y: *mut f32,
    call: &mut Call,
) {
    for window in 0..call.count {
        let (x, y) = (
            x.wrapping_byte_add(window * call.x_step),
            y.wrapping_byte_add(window * call.y_step),
        );
        // SAFETY: as the caller has it.
        unsafe { run::<1, CHANNELS>(x, y, call) }
        call.weights = call.weights.wrapping_byte_add(call.next_weights);
        call.starts = call.starts.wrapping_byte_add(call.next_starts);
    }
}

/// `N` windows.
///
/// # Safety
/// As [`run_singles`] has it.
unsafe fn run<const N: usize, const CHANNELS: usize>(x: *const f32, y: *mut f32, call: &Call) {
    let (mut at, mut weights) = (x, call.weights);
    // SAFETY: as the caller has it.
    let mut sums = [unsafe { call.starts.cast::<[f32; CHANNELS]>().read() }; N];
    for run in 0..call.runs {
        if run > 0 {
            at = at.wrapping_byte_offset(call.x_gap);
            weights = weights.wrapping_byte_offset(call.w_gap);
        }
        for _ in 0..call.len {
            for (window, sums) in sums.iter_mut().enumerate() {
                let x = at.wrapping_byte_add(window * call.x_step);
                for (channel, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: the same.
                    *sum += unsafe { x.read() * weights.wrapping_add(channel).read() };
                }
            }
            (at, weights) = (at.wrapping_add(1), weights.wrapping_add(CHANNELS));
        }
    }
    for (window, outputs) in (finish(sums, call.bounds, call.min, call.max).into_iter()).enumerate()
    {
        let y: *mut [f32; CHANNELS] = y.wrapping_byte_add(window * call.y_step).cast();
        // SAFETY: the same.
        unsafe { y.write(outputs) };
    }
}
