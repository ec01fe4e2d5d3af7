//! Counts the instructions and the stack bytes of one call.
//!
//! The emulator runs with `-icount shift=0`: one instruction is one nanosecond of emulated time, so a
//! tick of the 25 MHz timer is exactly 40 instructions. Waiting for a tick on either side of the call
//! and counting how long the second wait took gives what lies between ticks.

use core::arch::asm;

/// How deep below the caller's frame the stack is painted, and so the most that can be reported.
pub(crate) const STACK_LIMIT: u32 = 256 * 1024;

const INSTRUCTIONS_PER_TICK: u64 = 40;
/// Length of the wait loop for the tick after the call.
const INSTRUCTIONS_PER_WAIT: u64 = 4;

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

/// Everything between painting and scanning the stack is one block of assembly, so that no code of the
/// compiler's runs there and the cost around the call is a constant.
#[inline(never)]
#[allow(unsafe_code)]
fn call<T>(function: extern "C" fn(&mut T), argument: &mut T) -> Measurement {
    let started: u32;
    let ended: u32;
    let waits: u32;
    let stack: u32;
    // SAFETY: the block writes only below the stack pointer, where nothing is live, and no interrupt is
    // enabled; it calls `function` by its own calling convention, with the reference handed to this
    // function and the stack pointer as aligned as on entry, and declares what such a call clobbers.
    unsafe {
        asm!(
            // Paint, down to the limit.
            "mov r8, sp",
            "sub r9, r8, r10",
            "2: str r11, [r8, #-4]!",
            "cmp r8, r9",
            "bhi 2b",
            // Start on a tick.
            "ldr r5, [r4]",
            "3: ldr r8, [r4]",
            "cmp r8, r5",
            "beq 3b",
            "blx r1",
            // Count waits until the next tick.
            "ldr r0, [r4]",
            "mov r1, #0",
            "4: add r1, r1, #1",
            "ldr r2, [r4]",
            "cmp r2, r0",
            "beq 4b",
            // The lowest word that lost its paint marks the deepest use.
            "mov r10, sp",
            "mov r3, r9",
            "5: ldr r12, [r3]",
            "cmp r12, r11",
            "bne 6f",
            "add r3, r3, #4",
            "cmp r3, r10",
            "bne 5b",
            "6: sub r3, r10, r3",
            inlateout("r0") argument => _,
            inlateout("r1") function => waits,
            lateout("r2") ended,
            lateout("r3") stack,
            in("r4") timer::VALUE,
            out("r5") _,
            out("r8") started,
            out("r9") _,
            inout("r10") STACK_LIMIT => _,
            in("r11") 0x5AA5_C33C_u32,
            // What else a callee may change. `clobber_abi` would name registers that this FPU lacks.
            out("r12") _,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            out("d2") _,
            out("d3") _,
            out("d4") _,
            out("d5") _,
            out("d6") _,
            out("d7") _,
        );
    }
    // The timer counts down, and wraps after 170 G instructions.
    let ticks = started.wrapping_sub(ended);
    let instructions = (u64::from(ticks) * INSTRUCTIONS_PER_TICK)
        .saturating_sub(u64::from(waits) * INSTRUCTIONS_PER_WAIT);
    Measurement {
        instructions,
        stack,
    }
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
        let ticks = self.last.wrapping_sub(timer::now());
        if let Some(instructions) = self.instructions.get_mut(operator) {
            *instructions += u64::from(ticks) * INSTRUCTIONS_PER_TICK;
        }
        self.last = timer::now();
    }

    /// Of all runs.
    pub(crate) fn instructions(&self) -> &[u64] {
        &self.instructions
    }
}

/// The first CMSDK timer of the MPS2 board, free-running. SysTick would wrap after 670 M instructions.
mod timer {
    const CTRL: *mut u32 = 0x4000_0000 as *mut u32;
    /// The current count.
    pub(crate) const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
    const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
    const ENABLE: u32 = 1;

    /// Starts it at its largest value.
    #[allow(unsafe_code)]
    pub(crate) fn start() {
        // SAFETY: these are the registers of a timer that nothing else in this firmware uses, and writing
        // them touches no memory.
        unsafe {
            RELOAD.write_volatile(u32::MAX);
            VALUE.write_volatile(u32::MAX);
            CTRL.write_volatile(ENABLE);
        }
    }

    /// The current count, which goes down.
    #[allow(unsafe_code)]
    pub(crate) fn now() -> u32 {
        // SAFETY: this is a register of the same timer, and reading it changes nothing.
        unsafe { VALUE.read_volatile() }
    }
}
