//! The loop in Rust.

use super::{CHANNELS, Call};
use crate::kernels::Float;

/// # Safety
/// The window lies within `x` and its outputs within `y`.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn greatest(call: &Call) {
    let float = Float {
        min: call.min,
        max: call.max,
    };
    for block in (0..call.channels).step_by(CHANNELS) {
        let first = block.min(call.channels - CHANNELS);
        let mut greatest = [call.start; CHANNELS];
        let mut pixel = call.x.wrapping_add(first);
        for _ in 0..call.rows {
            for _ in 0..call.columns {
                for greatest in &mut greatest {
                    // SAFETY: the window has this pixel, and pixels these channels (the caller).
                    let x = unsafe { pixel.read() };
                    if x > *greatest {
                        *greatest = x;
                    }
                    pixel = pixel.wrapping_add(1);
                }
                pixel = pixel.wrapping_byte_add(call.pixel);
            }
            pixel = pixel.wrapping_byte_add(call.between);
        }
        for (lane, greatest) in greatest.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { call.y.add(first + lane).write(float.clamp(greatest)) };
        }
    }
}
