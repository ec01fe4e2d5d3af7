//! The loops in Rust.

use super::{Call, FOUR};

/// # Safety
/// As [`Taps::four`](super::Taps::four) has it.
pub(super) unsafe fn run_four<const WINDOWS: usize>(
    call: &Call<WINDOWS>,
    sums: &mut [[i32; FOUR]; WINDOWS],
) {
    // SAFETY: as the caller has it.
    unsafe { run(call, sums) }
}

/// # Safety
/// As [`Taps::one`](super::Taps::one) has it.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub(super) unsafe fn run_one<const CHANNELS: usize>(call: &Call<1>, sums: &mut [i32; CHANNELS]) {
    // SAFETY: as the caller has it.
    unsafe { run(call, core::array::from_mut(sums)) }
}

/// # Safety
/// As the two functions above have it.
unsafe fn run<const WINDOWS: usize, const CHANNELS: usize>(
    call: &Call<WINDOWS>,
    sums: &mut [[i32; CHANNELS]; WINDOWS],
) {
    for run in 0..call.runs as isize {
        let x_at = run * (call.len as isize + call.x_gap);
        let w_at = run * (call.len as isize * CHANNELS as isize + call.w_gap);
        for i in 0..call.len {
            for (x, sums) in call.x.iter().zip(sums.iter_mut()) {
                // SAFETY: as the caller has it.
                let x = unsafe { x.offset(x_at).add(i).read() };
                for (channel, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: as the caller has it.
                    let w = unsafe { call.weights.offset(w_at).add(i * CHANNELS + channel).read() };
                    *sum = sum.wrapping_add(i32::from(x) * i32::from(w));
                }
            }
        }
    }
}
