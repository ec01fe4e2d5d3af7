//! A block of four or eight output channels, for windows that have the same taps.
//!
//! Weights lie as [`Portable`](crate::kernels::Portable) packs them: the channels of a tap are neighbours. Inputs are read where they lie, in
//! runs of neighbours. Two windows at a time share the loads of weights, and eight channels those of inputs.

use core::cell::Cell;

use super::bounds;

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
    weights: *const f32,
    /// What sums begin with.
    starts: *const f32,
    /// From the weights of a single window to those of the next one, and from its starts: behind both, where the loops have them.
    next_weights: usize,
    next_starts: usize,
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

/// Whether there are loops for so many channels.
const fn has_loops(channels: usize) -> bool {
    matches!(channels, 4 | 8)
}

impl Product {
    /// Outputs of all windows, for 4 or 8 `CHANNELS`. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn run<const CHANNELS: usize>(
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
        if count == 0 || !(1..=CHANNELS).contains(&self.stored) || !has_loops(CHANNELS) {
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
            weights: weights.as_ptr(),
            starts: bias.as_ptr(),
            next_weights: 0,
            next_starts: 0,
            x_step: self.x_step * 4,
            runs,
            len,
            x_gap: gap(self.x_run, 1),
            w_gap: gap(self.w_run, CHANNELS),
            y_step: self.y_step * 4,
            bounds: bounds::of(self.min, self.max),
            max: self.max,
            min: self.min,
            count: count / 2,
        };
        let x = x.as_ptr().cast::<f32>();
        if self.stored == CHANNELS {
            let (y, done) = (y.as_ptr().cast_mut().cast::<f32>(), 2 * call.count);
            // SAFETY: the last run of the last window lies within `x`, its weights within `weights`, and the last window's outputs within `y`, all
            // checked above. The references last until it returns, and cells may be written.
            unsafe {
                if call.count > 0 {
                    run_pairs::<CHANNELS>(x, y, &call);
                }
                call.count = count - done;
                if call.count > 0 {
                    let (x, y) = (x.add(done * self.x_step), y.add(done * self.y_step));
                    run_singles::<CHANNELS>(x, y, &mut call);
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
                run_singles::<CHANNELS>(x, outputs.as_mut_ptr(), &mut call);
            }
            let y = y.get(window * self.y_step..).unwrap_or(&[]);
            for (y, output) in y.iter().zip(outputs).take(self.stored) {
                y.set(output);
            }
        }
    }
}

/// One row of inputs times a matrix, whose blocks of 4 or 8 `CHANNELS` lie one behind the other; there are as many biases as outputs, or none. Of
/// slices that do not fit, it computes nothing.
#[inline(always)]
pub fn row<const CHANNELS: usize>(
    x: &[Cell<f32>],
    weights: &[f32],
    bias: &[f32],
    [min, max]: [f32; 2],
    y: &[Cell<f32>],
) {
    let (blocks, rest) = (y.len() / CHANNELS, y.len() % CHANNELS);
    let block = x.len() * CHANNELS;
    if !has_loops(CHANNELS)
        || weights.len() < (blocks + usize::from(rest > 0)) * block
        || !bias.is_empty() && bias.len() != y.len()
    {
        return;
    }
    let (starts, next_starts) = match bias {
        [] => (const { &[0.0; CHANNELS] }.as_ptr(), 0),
        _ => (bias.as_ptr(), CHANNELS * 4),
    };
    let mut call = Call {
        weights: weights.as_ptr(),
        starts,
        next_weights: block * 4,
        next_starts,
        x_step: 0,
        runs: 1,
        len: x.len(),
        x_gap: 0,
        w_gap: 0,
        y_step: CHANNELS * 4,
        bounds: bounds::of(min, max),
        max,
        min,
        count: blocks,
    };
    let x = x.as_ptr().cast::<f32>();
    if blocks > 0 {
        // SAFETY: `weights` and `bias` have as many whole blocks as `y` has, of weights for all of `x`; checked above. The references last until it
        // returns, and cells may be written.
        unsafe { run_singles::<CHANNELS>(x, y.as_ptr().cast_mut().cast(), &mut call) }
    }
    if rest > 0 {
        let mut outputs = [0.0; CHANNELS];
        for (start, bias) in outputs.iter_mut().zip(bias.iter().skip(y.len() - rest)) {
            *start = *bias;
        }
        // SAFETY: the same, for the last block; its outputs are a block, which has what their sums begin with before.
        unsafe {
            let outputs = outputs.as_mut_ptr();
            call.weights = weights.as_ptr().add(blocks * block);
            call.starts = outputs;
            call.count = 1;
            run_singles::<CHANNELS>(x, outputs, &mut call);
        }
        for (y, output) in y.iter().skip(y.len() - rest).zip(outputs) {
            y.set(output);
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
