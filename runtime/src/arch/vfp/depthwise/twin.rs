//! The loops in Rust.

use super::super::finish::finish;
use super::{CHANNELS, COLUMNS, Call, OUTPUTS};

/// # Safety
/// `x` is where the first window begins, which may be beside the image. The image, the outputs and the weights lie where the call says.
pub(super) unsafe fn run_image<const STRIDE: usize>(x: *const f32, y: *mut f32, call: &Call) {
    let (mut line_x, mut line_y, mut top) = (x, y, call.top);
    for _ in 0..call.lines {
        let first = (-top).max(0);
        let end = (call.in_h as isize - top).min(call.filter_h as isize);
        let weights = (call.weights).wrapping_offset(first * (COLUMNS * CHANNELS) as isize);
        let (mut x, mut y) = (line_x.wrapping_byte_offset(first * call.row), line_y);
        let mut flags = call.first_flags;
        for left in (0..=call.tiles).rev() {
            // SAFETY: as the caller has it.
            unsafe { tile::<STRIDE>(x, weights, (end - first).max(0), flags, y, call) };
            let (step, next_flags) = match left {
                1 => (call.last, call.last_flags),
                _ => (call.tile, 0),
            };
            (x, y) = (
                x.wrapping_byte_offset(step[0]),
                y.wrapping_byte_offset(step[1]),
            );
            flags = next_flags;
        }
        (line_x, line_y) = (
            line_x.wrapping_byte_offset(call.line[0]),
            line_y.wrapping_byte_offset(call.line[1]),
        );
        top += call.stride_h as isize;
    }
}

/// # Safety
/// As the caller has it, of these outputs.
unsafe fn tile<const STRIDE: usize>(
    x: *const f32,
    weights: *const f32,
    rows: isize,
    flags: usize,
    y: *mut f32,
    call: &Call,
) {
    let mut sums = [call.bias; OUTPUTS];
    let last = (OUTPUTS - 1) * STRIDE + COLUMNS - 1;
    for row in 0..rows {
        let x = x.wrapping_byte_offset(row * call.row);
        let weights = weights.wrapping_offset(row * (COLUMNS * CHANNELS) as isize);
        for column in 0..=last {
            if column == 0 && flags & 1 != 0 || column == last && flags & 2 != 0 {
                continue;
            }
            let x = x.wrapping_byte_offset(column as isize * call.pixel);
            for (output, sums) in sums.iter_mut().enumerate() {
                let Some(tap) = column.checked_sub(output * STRIDE).filter(|t| *t < COLUMNS) else {
                    continue;
                };
                for (channel, sum) in sums.iter_mut().enumerate() {
                    let weight = weights.wrapping_add(tap * CHANNELS + channel);
                    // SAFETY: as the caller has it.
                    *sum += unsafe { x.add(channel).read() * weight.read() };
                }
            }
        }
    }
    let outputs = finish(sums, call.bounds, call.min, call.max);
    for (output, values) in outputs.iter().enumerate() {
        let y = y.wrapping_byte_offset(output as isize * call.y_pixel);
        for (channel, value) in values.iter().enumerate() {
            // SAFETY: as the caller has it.
            unsafe { y.add(channel).write(*value) };
        }
    }
}
