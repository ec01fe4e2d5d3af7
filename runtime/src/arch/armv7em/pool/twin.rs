//! The loops in Rust.

use super::{Call, LANES};

/// # Safety
/// The window lies within `x` and its outputs within `y`.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn greatest(call: &Call) {
    let start = call.min.to_ne_bytes().map(|byte| byte as i8);
    // SAFETY: as the caller has it.
    unsafe {
        blocks(
            call,
            start,
            |greatest, x| greatest.max(x),
            |greatest| greatest,
        )
    }
}

/// # Safety
/// As [`greatest`] has it.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn average(call: &Call) {
    let add = |sum: i16, x| sum.wrapping_add(i16::from(x));
    let [min, ..] = call.min.to_ne_bytes();
    let (count, half) = (call.count as i32, (call.count / 2) as i32);
    let divide = |sum| {
        let sum = i32::from(sum);
        let average = if sum < 0 { sum - half } else { sum + half } / count;
        (average as i8).max(min as i8)
    };
    // SAFETY: as the caller has it.
    unsafe { blocks(call, [0; LANES], add, divide) }
}

/// Four channels at a time, the last ones with those before them.
///
/// # Safety
/// As [`greatest`] has it.
#[cfg_attr(debug_assertions, inline)]
unsafe fn blocks<A: Copy>(
    call: &Call,
    start: [A; LANES],
    fold: impl Fn(A, i8) -> A,
    finish: impl Fn(A) -> i8,
) {
    let [max, ..] = call.max.to_ne_bytes();
    for block in (0..call.channels).step_by(LANES) {
        let first = block.min(call.channels - LANES);
        let mut folded = start;
        let mut pixel = call.x.wrapping_add(first);
        for _ in 0..call.rows {
            for _ in 0..call.columns {
                for (lane, folded) in folded.iter_mut().enumerate() {
                    // SAFETY: the window has this pixel, and pixels these channels (the caller).
                    *folded = fold(*folded, unsafe { pixel.add(lane).read() });
                }
                pixel = pixel.wrapping_add(call.pixel);
            }
            pixel = pixel.wrapping_add(call.between);
        }
        for (lane, folded) in folded.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe {
                call.y
                    .add(first + lane)
                    .write(finish(folded).min(max as i8))
            };
        }
    }
}
