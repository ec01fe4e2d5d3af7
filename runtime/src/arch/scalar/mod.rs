//! Inner loops over products of single numbers, for processors without vector instructions.
//!
//! A product of int8 takes four instructions on RISC-V: two loads, a multiplication, an addition. Of four windows and four channels, eight loads
//! serve sixteen products, which needs 28 registers, all that there are. Armv7-M has registers for one window of eight channels. So they are assembly;
//! elsewhere a twin in Rust computes the same of the same weights. The functions are generic, so that they are assembled only where a model needs them.

use core::cell::Cell;

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod armv7m;
#[cfg(target_arch = "riscv32")]
mod riscv;
#[cfg(not(target_arch = "riscv32"))]
mod twin;
#[cfg(target_arch = "riscv32")]
use riscv::{run_four, run_one};
#[cfg(not(any(all(target_arch = "arm", target_os = "none"), target_arch = "riscv32")))]
use twin::{run_four, run_one};
#[cfg(all(target_arch = "arm", target_os = "none"))]
use {armv7m::run_one, twin::run_four};

/// Windows that are computed at once, and channels of each.
pub const FOUR: usize = 4;

/// Where windows have their taps: runs of neighbours. Sizes are in elements, those of weights in elements of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Taps {
    /// How many runs.
    pub runs: usize,
    /// Inputs of a run.
    pub len: usize,
    /// From a run of inputs to the next one.
    pub x_run: usize,
    /// From the weights of a run to those of the next one.
    pub w_run: usize,
}

/// What the loops are told. Distances are bytes.
#[derive(Debug)]
#[repr(C)]
struct Call<const WINDOWS: usize> {
    weights: *const i8,
    x: [*const i8; WINDOWS],
    /// Inputs of a run, and how many runs there are: at least one of each.
    len: usize,
    runs: usize,
    /// From the end of a run to the next one.
    x_gap: isize,
    w_gap: isize,
}

impl Taps {
    /// Adds the products of four windows that begin at these places to the sums of each. Weights are those of four channels, neighbours for
    /// each input. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn four(
        self,
        x: &[Cell<i8>],
        places: [usize; FOUR],
        weights: &[i8],
        sums: &mut [[i32; FOUR]; FOUR],
    ) {
        if let Some(call) = self.call(x, places, weights, FOUR) {
            // SAFETY: all runs of all windows lie within `x`, and their weights within `weights`, checked by `call`; the references last until it
            // returns.
            unsafe { run_four::<FOUR>(&call, sums) }
        }
    }

    /// The same of one window, for 4 or 8 `CHANNELS`.
    #[inline(always)]
    pub fn one<const CHANNELS: usize>(
        self,
        x: &[Cell<i8>],
        place: usize,
        weights: &[i8],
        sums: &mut [i32; CHANNELS],
    ) {
        if !matches!(CHANNELS, 4 | 8) {
            return;
        }
        if let Some(call) = self.call(x, [place], weights, CHANNELS) {
            // SAFETY: as above.
            unsafe { run_one::<CHANNELS>(&call, sums) }
        }
    }

    #[inline(always)]
    fn call<const WINDOWS: usize>(
        mut self,
        x: &[Cell<i8>],
        places: [usize; WINDOWS],
        weights: &[i8],
        channels: usize,
    ) -> Option<Call<WINDOWS>> {
        // Runs without a gap are one.
        if self.x_run == self.len && self.w_run == self.len {
            self.len *= self.runs;
            self.runs = 1;
        }
        let Self { runs, len, .. } = self;
        let last = runs.checked_sub(1)?;
        let inputs = last * self.x_run + len;
        let fits = places.iter().all(|place| place + inputs <= x.len());
        if len == 0 || !fits || (last * self.w_run + len) * channels > weights.len() {
            return None;
        }
        let gap = |step: usize, width: usize| (step as isize - len as isize) * width as isize;
        let first: *const i8 = x.as_ptr().cast();
        Some(Call {
            weights: weights.as_ptr(),
            x: places.map(|place| first.wrapping_add(place)),
            len,
            runs,
            x_gap: gap(self.x_run, 1),
            w_gap: gap(self.w_run, channels),
        })
    }
}
