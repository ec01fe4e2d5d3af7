//! The loop in Rust.

use super::super::requantize;
use super::{Call, ROW_CHANNELS};

/// # Safety
/// What the call points to may be read and written: all inputs, whole blocks, and an output of each of their channels.
pub(super) unsafe fn outputs<const SIGNED: bool>(call: &Call) {
    let words = if SIGNED { 5 } else { 4 };
    let (mut block, mut y) = (call.weights, call.y);
    while block != call.end {
        let weights = block.wrapping_add(ROW_CHANNELS);
        let constants = weights.wrapping_byte_add(ROW_CHANNELS * call.channel);
        // SAFETY: as the caller has it.
        let read = |from: *const u32, i: usize| unsafe { from.add(i).read() as i32 };
        for channel in 0..ROW_CHANNELS {
            let mut sum = read(block, channel);
            let weights = weights
                .wrapping_byte_add(channel * call.channel)
                .cast::<i8>();
            for i in 0..call.inputs {
                // SAFETY: as the caller has it.
                let (x, w) = unsafe { (call.x.add(i).read(), weights.add(i).read()) };
                sum = sum.wrapping_add(i32::from(x) * i32::from(w));
            }
            let mut of_channel = [0; 5];
            for (i, to) in of_channel.iter_mut().enumerate().take(words) {
                *to = read(constants, words * channel + i);
            }
            let output = requantize::nested(sum, of_channel, [call.fine, call.shift]);
            // SAFETY: as the caller has it.
            unsafe { y.write(output) }
            y = y.wrapping_add(1);
        }
        block = constants.wrapping_add(words * ROW_CHANNELS);
    }
}
