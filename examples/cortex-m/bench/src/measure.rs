//! Counts the instructions and the stack bytes of one call.
//!
//! The emulator runs with `-icount shift=0`: one instruction is one nanosecond of emulated time. Where a tick of the board's timer is several
//! instructions, waiting for a tick on either side of the call and counting how long the second wait took gives what lies between ticks.

use crate::board::{self, INSTRUCTIONS_PER_TICK, INSTRUCTIONS_PER_WAIT, timer};

/// How deep below the caller's frame the stack is painted, and so the most that can be reported.
pub(crate) use crate::subject::STACK_LIMIT;

/// What one call took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Measurement {
    /// Instructions executed, to within the few that the wait for a tick leaves open.
    pub(crate) instructions: u64,
    /// Stack bytes written below the stack pointer at the call.
    pub(crate) stack: u32,
}

/// A started timer that knows what measuring costs by itself.
pub(crate) struct Meter {
    overhead: u64,
}

impl Meter {
    /// Starts the timer and measures a call of nothing.
    pub(crate) fn calibrate() -> Self {
        extern "C" fn nothing(_: &mut ()) {}

        timer::start();
        let overhead = call(nothing, &mut ()).instructions;
        Self { overhead }
    }

    /// Measures `function(argument)`.
    pub(crate) fn measure<T>(
        &self,
        function: extern "C" fn(&mut T),
        argument: &mut T,
    ) -> Measurement {
        let raw = call(function, argument);
        Measurement {
            instructions: raw.instructions.saturating_sub(self.overhead),
            ..raw
        }
    }
}

#[inline(never)]
#[allow(unsafe_code)]
fn call<T>(function: extern "C" fn(&mut T), argument: &mut T) -> Measurement {
    let mut seen = [0; 4];
    let argument: *mut T = argument;
    // SAFETY: the stack is far larger than the limit, and no interrupt is enabled; the function is called with the reference handed to this one.
    unsafe {
        board::call(
            function as *const (),
            argument.cast(),
            &mut seen,
            STACK_LIMIT,
        );
    }
    let [started, ended, waits, stack] = seen;
    let instructions =
        instructions(started, ended).saturating_sub(u64::from(waits) * INSTRUCTIONS_PER_WAIT);
    Measurement {
        instructions,
        stack,
    }
}

/// Instructions between two counts of the timer, which may have begun anew once.
fn instructions(started: u32, ended: u32) -> u64 {
    let [instructions, ticks] = INSTRUCTIONS_PER_TICK;
    u64::from(ended.wrapping_sub(started) & timer::MOST) * instructions / ticks
}

/// Counts instructions operator by operator, in a run that shows each operator's end. A tick of the timer is all that it can tell apart.
pub(crate) struct Profile<const OPERATORS: usize> {
    instructions: [u64; OPERATORS],
    last: u32,
}

impl<const OPERATORS: usize> Profile<OPERATORS> {
    /// Nothing counted yet.
    pub(crate) const fn new() -> Self {
        Self {
            instructions: [0; OPERATORS],
            last: 0,
        }
    }

    /// A run begins.
    pub(crate) fn start(&mut self) {
        self.last = timer::now();
    }

    /// Everything since the last call was the operator's.
    pub(crate) fn ended(&mut self, operator: usize) {
        let ended = timer::now();
        if let Some(sum) = self.instructions.get_mut(operator) {
            *sum += instructions(self.last, ended);
        }
        self.last = timer::now();
    }

    /// Of all runs.
    pub(crate) fn instructions(&self) -> &[u64] {
        &self.instructions
    }
}
