//! A block of four output channels, for windows that have the same taps.
//!
//! Weights lie as [`Portable`](crate::kernels::Portable) packs them: four channels of a tap are neighbours. Inputs are read where they lie, in
//! runs of neighbours. Two windows at a time share the loads of weights.

use core::cell::Cell;

use super::bounds;

/// Output channels of a block.
pub const CHANNELS: usize = 4;

/// Windows of a block of channels; sizes are in elements.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// How many windows.
    pub count: usize,
    /// From a window's inputs to the next one's.
    pub x_step: usize,
    /// From a window's outputs to the next one's.
    pub y_step: usize,
    /// Runs of inputs of a window.
    pub runs: usize,
    /// Inputs of a run.
    pub len: usize,
    /// From a run of inputs to the next one.
    pub x_run: usize,
    /// From the weights' inputs of a run to those of the next one.
    pub w_run: usize,
    /// Channels that have an output.
    pub stored: usize,
    /// Least output.
    pub min: f32,
    /// Greatest output.
    pub max: f32,
}

/// What the loops are told beside their two pointers. Distances are bytes.
#[derive(Debug)]
#[repr(C)]
struct Call {
    bias: [f32; CHANNELS],
    weights: *const f32,
    x_step: usize,
    runs: usize,
    /// Inputs of a run.
    len: usize,
    /// From the end of a run to the next one.
    x_gap: isize,
    w_gap: isize,
    y_step: usize,
    /// One of [`bounds`].
    bounds: usize,
    max: f32,
    min: f32,
    /// How often the loop runs.
    count: usize,
}

impl Product {
    /// Outputs of all windows: two at a time if `PAIRS`. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn run<const PAIRS: bool>(
        mut self,
        x: &[Cell<f32>],
        weights: &[f32],
        bias: &[f32; CHANNELS],
        y: &[Cell<f32>],
    ) {
        // Runs without a gap are one.
        if self.x_run == self.len && self.w_run == self.len {
            self.len *= self.runs;
            self.runs = 1;
        }
        // Where all of a window is padding, its place is of no account.
        if self.runs == 0 || self.len == 0 {
            (self.runs, self.len) = (1, 0);
            (self.x_step, self.x_run, self.w_run) = (0, 0, 0);
        }
        let Self {
            count, runs, len, ..
        } = self;
        if count == 0 || !(1..=CHANNELS).contains(&self.stored) {
            return;
        }
        let reach = |first: usize, step: usize| (first - 1) * step;
        if reach(count, self.x_step) + reach(runs, self.x_run) + len > x.len()
            || (reach(runs, self.w_run) + len) * CHANNELS > weights.len()
            || reach(count, self.y_step) + self.stored > y.len()
        {
            return;
        }
        let gap = |step: usize, width: usize| (step as isize - len as isize) * 4 * width as isize;
        let mut call = Call {
            bias: *bias,
            weights: weights.as_ptr(),
            x_step: self.x_step * 4,
            runs,
            len,
            x_gap: gap(self.x_run, 1),
            w_gap: gap(self.w_run, CHANNELS),
            y_step: self.y_step * 4,
            bounds: bounds::of(self.min, self.max),
            max: self.max,
            min: self.min,
            count,
        };
        let x = x.as_ptr().cast::<f32>();
        if self.stored == CHANNELS {
            let y = y.as_ptr().cast_mut().cast::<f32>();
            let pairs = if PAIRS { count / 2 } else { 0 };
            // SAFETY: the last run of the last window lies within `x`, its weights within `weights`, and the last window's outputs within `y`, all
            // checked above. The references last until it returns, and cells may be written.
            unsafe {
                if PAIRS && pairs > 0 {
                    call.count = pairs;
                    run_pairs::<CHANNELS>(x, y, &call);
                }
                call.count = count - 2 * pairs;
                if call.count > 0 {
                    let done = 2 * pairs;
                    let (x, y) = (x.add(done * self.x_step), y.add(done * self.y_step));
                    run_singles::<CHANNELS>(x, y, &call);
                }
            }
            return;
        }
        // A block that has fewer channels: the loops write all of them.
        call.count = 1;
        for window in 0..count {
            let mut outputs = [0.0; CHANNELS];
            // SAFETY: the same, for one window; its outputs are a block.
            unsafe {
                let x = x.add(window * self.x_step);
                run_singles::<CHANNELS>(x, outputs.as_mut_ptr(), &call);
            }
            let y = y.get(window * self.y_step..).unwrap_or(&[]);
            for (y, output) in y.iter().zip(outputs).take(self.stored) {
                y.set(output);
            }
        }
    }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::{run_pairs, run_singles};

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{run_pairs, run_singles};
