//! The loop in Rust, instruction by instruction.

use super::super::instructions::{smlabb, smlad, smlatt, smmlar, ssat8, sxtb16};
use super::{Call, LANES};

/// # Safety
/// There are so many runs of so many bytes each at the first pointer, which begin so far apart, and as many bytes at the second one.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn lay(x: *const i8, to: *mut i8, [count, bytes, step]: [usize; 3]) {
    for run in 0..count {
        // SAFETY: as the caller has it.
        unsafe { core::ptr::copy(x.add(run * step), to.add(run * bytes), bytes) }
    }
}

/// # Safety
/// As [`Strip::outputs`](super::Strip::outputs) has it.
#[cfg_attr(debug_assertions, inline)]
pub(super) unsafe fn windows(call: &mut Call) {
    while call.count > 0 {
        // SAFETY: as the caller has it.
        unsafe { window(call) }
        call.x = call.x.wrapping_add(call.step);
        call.y = call.y.wrapping_add(call.pixel);
        call.count -= 1;
    }
}

/// # Safety
/// As [`windows`] has it.
#[cfg_attr(debug_assertions, inline)]
unsafe fn window(call: &Call) {
    let mut weights = call.weights;
    // SAFETY: the window lies within the rows, there are weights for its blocks, and its outputs are where the call says (the caller).
    unsafe {
        let mut next = || {
            let word = weights.read();
            weights = weights.add(1);
            word
        };
        for block in (0..call.channels).step_by(LANES) {
            let mut sums = [next(), next(), next(), next()];
            let mut x = call.x;
            for _ in 0..call.rows {
                for group in (0..call.run).step_by(LANES) {
                    let inputs = u32::from_le(x.add(group).cast::<u32>().read_unaligned());
                    let (even, odd) = (sxtb16::<0>(inputs), sxtb16::<8>(inputs));
                    if call.depthwise == 0 {
                        for sum in &mut sums {
                            let word = next();
                            *sum = smlad(odd, sxtb16::<8>(word), *sum);
                            *sum = smlad(even, sxtb16::<0>(word), *sum);
                        }
                    } else {
                        let word = next();
                        let (low, high) = (sxtb16::<0>(word), sxtb16::<8>(word));
                        let [s0, s1, s2, s3] = sums;
                        sums = [
                            smlabb(even, low, s0),
                            smlabb(odd, high, s1),
                            smlatt(even, low, s2),
                            smlatt(odd, high, s3),
                        ];
                    }
                }
                x = x.wrapping_add(call.run + call.between);
                if x >= call.end {
                    x = x.wrapping_sub(call.bytes);
                }
            }
            let factors = [next(), next(), next(), next()];
            let mut shifts = next();
            for (lane, (sum, factor)) in sums.into_iter().zip(factors).enumerate() {
                if block + lane == call.channels {
                    return;
                }
                let (sum, shift) = (sum as i32, shifts & 31);
                let high = smmlar(sum, factor as i32, sum);
                let high = high
                    .wrapping_add(high >> 31)
                    .wrapping_add(call.zero << shift);
                let output = ssat8(high >> shift, 1);
                call.y.add(block + lane).write(output);
                shifts >>= 8;
            }
        }
    }
}
