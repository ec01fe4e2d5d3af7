//! The loops in Rust.

use super::{CHANNELS, Call};
use crate::kernels::Float;

/// # Safety
/// The input, of which windows may leave out some, weights and outputs lie where the call says; no number of it is 0 but that of `inputs`.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run(call: &mut Call) {
    let [columns, bytes] = call.next_window;
    for _ in 0..call.lines {
        (call.x, call.left) = (call.line, call.first_left);
        for _ in 0..call.out_w {
            // SAFETY: as the caller has it.
            unsafe { window(call) }
            call.x = call.x.wrapping_byte_add(bytes);
            call.left += columns as isize;
            call.y = call.y.wrapping_add(call.channels);
        }
        let [rows, bytes] = call.next_line;
        call.line = call.line.wrapping_byte_add(bytes);
        call.top += rows as isize;
    }
}

/// # Safety
/// As [`run`] has it.
#[cfg_attr(debug_assertions, inline)]
unsafe fn window(call: &Call) {
    let Call { min, max, .. } = *call;
    let (mut weights, mut first) = (call.weights, call.x);
    for channel in (0..call.channels).step_by(CHANNELS) {
        // SAFETY: as the caller has it.
        let mut sums = unsafe { weights.cast::<[f32; CHANNELS]>().read() };
        weights = weights.wrapping_add(CHANNELS);
        let (mut row, mut x) = (call.top, first);
        for _ in 0..call.filter[0] {
            if (row as usize) < call.in_h {
                // SAFETY: the same.
                weights = unsafe { add_row(call, x, weights, &mut sums) };
            } else {
                weights = weights.wrapping_byte_add(call.passed_row);
            }
            row += call.next_row[0] as isize;
            x = x.wrapping_byte_add(call.next_row[1]);
        }
        for (lane, sum) in sums.into_iter().enumerate() {
            if channel + lane < call.channels {
                let output = Float { min, max }.clamp(sum);
                // SAFETY: the same.
                unsafe { call.y.add(channel + lane).write(output) };
            }
        }
        first = first.wrapping_byte_add(call.next_block);
    }
}

/// Adds the products of a window's row, and returns the weights behind it.
///
/// # Safety
/// As [`run`] has it; the row is in the input.
#[cfg_attr(debug_assertions, inline)]
unsafe fn add_row(
    call: &Call,
    mut x: *const f32,
    mut weights: *const f32,
    sums: &mut [f32; CHANNELS],
) -> *const f32 {
    let mut column = call.left;
    let [columns, bytes] = call.next_column;
    let [whole, neighbours] = call.whole;
    let is_whole = (column as usize) < whole;
    for _ in 0..if is_whole { 1 } else { call.filter[1] } {
        let inputs = if is_whole { neighbours } else { call.inputs };
        if !is_whole && column as usize >= call.in_w {
            weights = weights.wrapping_byte_add(call.passed_column[0]);
            x = x.wrapping_byte_add(call.passed_column[1]);
        } else if inputs == 0 {
            for (channel, sum) in sums.iter_mut().enumerate() {
                // SAFETY: as the caller has it.
                *sum += unsafe { x.add(channel).read() * weights.add(channel).read() };
            }
            (x, weights) = (x.wrapping_add(CHANNELS), weights.wrapping_add(CHANNELS));
        } else {
            for _ in 0..inputs {
                for (channel, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: the same.
                    *sum += unsafe { x.read() * weights.add(channel).read() };
                }
                (x, weights) = (x.wrapping_add(1), weights.wrapping_add(CHANNELS));
            }
        }
        column += columns as isize;
        x = x.wrapping_byte_add(bytes);
    }
    weights
}
