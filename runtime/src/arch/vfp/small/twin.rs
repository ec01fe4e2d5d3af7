//! The loops in Rust.

use super::{CHANNELS, Call};
use crate::kernels::{Float, Float32x16};

/// # Safety
/// The input, of which windows may leave out some, weights and outputs lie where the call says; no number of it is 0 but that of `inputs`.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn floats(call: &mut Call) {
    // SAFETY: as the caller has it.
    unsafe { run::<f32>(call) }
}

/// # Safety
/// As [`floats`] has it.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn halves(call: &mut Call) {
    // SAFETY: as the caller has it.
    unsafe { run::<u16>(call) }
}

/// What a weight is stored as.
trait Stored: Copy {
    /// The weight.
    fn value(self) -> f32;
}

impl Stored for f32 {
    fn value(self) -> f32 {
        self
    }
}

impl Stored for u16 {
    fn value(self) -> f32 {
        Float32x16::widened(self)
    }
}

/// # Safety
/// As [`floats`] has it.
#[cfg_attr(debug_assertions, inline)]
unsafe fn run<W: Stored>(call: &mut Call) {
    let [columns, bytes] = call.next_window;
    for _ in 0..call.lines {
        (call.x, call.left) = (call.line, call.first_left);
        for _ in 0..call.out_w {
            // SAFETY: as the caller has it.
            unsafe { window::<W>(call) }
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
/// As [`floats`] has it.
#[cfg_attr(debug_assertions, inline)]
unsafe fn window<W: Stored>(call: &Call) {
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
                weights = unsafe { add_row::<W>(call, x, weights, &mut sums) };
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
/// As [`floats`] has it; the row is in the input.
#[cfg_attr(debug_assertions, inline)]
unsafe fn add_row<W: Stored>(
    call: &Call,
    mut x: *const f32,
    mut weights: *const u32,
    sums: &mut [f32; CHANNELS],
) -> *const u32 {
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
            // SAFETY: as the caller has it.
            let four = unsafe { weights.cast::<[W; CHANNELS]>().read() };
            for (channel, (sum, weight)) in sums.iter_mut().zip(four).enumerate() {
                // SAFETY: the same.
                *sum += unsafe { x.add(channel).read() } * weight.value();
            }
            x = x.wrapping_add(CHANNELS);
            weights = weights.wrapping_byte_add(size_of_val(&four));
        } else {
            for _ in 0..inputs {
                // SAFETY: the same.
                let (input, four) = unsafe { (x.read(), weights.cast::<[W; CHANNELS]>().read()) };
                for (sum, weight) in sums.iter_mut().zip(four) {
                    *sum += input * weight.value();
                }
                x = x.wrapping_add(1);
                weights = weights.wrapping_byte_add(size_of_val(&four));
            }
        }
        column += columns as isize;
        x = x.wrapping_byte_add(bytes);
    }
    weights
}
