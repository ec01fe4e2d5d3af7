//! The loop in Rust, instruction by instruction.

use super::super::instructions::{requantized, vldrw, vmladava};
use super::{COLUMN, Call, DepthwiseLoop, LANES, READ, WORDS};

pub(super) type Function = ();

pub(super) fn function<const STRIDE: usize, const SIGNED: bool, const WIDE: bool>() {}

/// # Safety
/// As [`Columns::outputs`](super::Columns::outputs) has it.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn run(depthwise: &DepthwiseLoop, call: &mut Call) {
    while call.left > 0 {
        // SAFETY: as the caller has it.
        unsafe { row(depthwise, call) }
        call.y = call.y.wrapping_add(call.count * call.channels);
        for row in &mut call.rows {
            row.x = row.x.wrapping_add(call.step);
        }
        call.left -= 1;
    }
}

/// A row of outputs.
///
/// # Safety
/// As [`run`] has it.
#[cfg_attr(debug_assertions, inline)]
unsafe fn row(depthwise: &DepthwiseLoop, call: &Call) {
    let mut weights = call.weights;
    for block in (0..call.channels).step_by(COLUMN) {
        let channels = COLUMN.min(call.channels - block);
        // SAFETY: as the caller has it.
        unsafe { lay(call, block, channels) }
        for four in (0..channels).step_by(LANES) {
            for output in 0..call.count {
                for lane in 0..LANES {
                    let column = (output + 1) * depthwise.stride;
                    let first = call.first.wrapping_add(column * COLUMN + four + lane);
                    // SAFETY: as above.
                    unsafe {
                        let words = |at: usize, step: usize| {
                            let mut bytes = [0; 16];
                            for (i, word) in bytes.chunks_exact_mut(4).enumerate() {
                                let from = match step {
                                    0 => weights.add(at + i),
                                    _ => first.add(i * step),
                                };
                                word.copy_from_slice(&vldrw(from.cast()).to_le_bytes());
                            }
                            bytes.map(|byte: u8| byte as i8)
                        };
                        let constant =
                            |list: usize| weights.add(LANES * (READ + list) + lane).read() as i32;
                        let sum = vmladava(constant(0), words(lane * READ, 0), words(0, COLUMN));
                        let (multiplier, shift) = (constant(1), constant(2));
                        let scaled = requantized(sum, multiplier, shift, depthwise.signed);
                        let y = scaled.wrapping_add(call.zero_point);
                        // What is wider is not narrowed to 16 bits first.
                        let y = if depthwise.wide {
                            y
                        } else {
                            i32::from(y as i16)
                        };
                        let to = call.y.add(output * call.channels + block + four + lane);
                        to.write(y.clamp(-128, 127) as i8);
                    }
                }
            }
            weights = weights.wrapping_add(WORDS);
        }
    }
}

/// Lays so many channels of three rows out, from a first one on.
///
/// # Safety
/// As [`run`] has it.
#[cfg_attr(debug_assertions, inline)]
unsafe fn lay(call: &Call, first: usize, channels: usize) {
    for column in 0..call.width {
        for channel in 0..COLUMN {
            // SAFETY: as the caller has it.
            let byte = |row: usize| match channel < channels {
                true => unsafe {
                    let row = &call.rows[row];
                    row.x.add(column * row.pixel + first + channel).read() as u8
                },
                false => 0,
            };
            let word = u32::from_le_bytes([byte(0), byte(1), byte(2), 0]);
            // SAFETY: as above.
            unsafe { call.columns.add(column * COLUMN + channel).write(word) }
        }
    }
}
