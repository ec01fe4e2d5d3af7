//! SysTick of an MPS3 board, free-running: the board's other timers count slower. It wraps after 524 M instructions.

/// An instruction is a nanosecond, and a tick of the 32 MHz timer 31.25 of them.
pub(crate) const INSTRUCTIONS_PER_TICK: [u64; 2] = [125, 4];
/// What it counts to.
pub(crate) const MOST: u32 = (1 << 24) - 1;
/// Where its count is, which goes down.
pub(super) const COUNT: u32 = 0xe000_e018;

const CTRL: *mut u32 = 0xe000_e010 as *mut u32;
const RELOAD: *mut u32 = 0xe000_e014 as *mut u32;
const VALUE: *mut u32 = COUNT as *mut u32;
/// Enabled, with the processor's clock.
const ENABLE: u32 = 0b101;

/// Starts it at its largest value.
#[allow(unsafe_code)]
pub(crate) fn start() {
    // SAFETY: these are the registers of a timer that nothing else in this firmware uses, and writing
    // them touches no memory.
    unsafe {
        RELOAD.write_volatile(MOST);
        VALUE.write_volatile(0);
        CTRL.write_volatile(ENABLE);
    }
}

/// The current count, which goes up.
#[allow(unsafe_code)]
pub(crate) fn now() -> u32 {
    // SAFETY: this is a register of the same timer, and reading it changes nothing.
    unsafe { MOST - VALUE.read_volatile() }
}
