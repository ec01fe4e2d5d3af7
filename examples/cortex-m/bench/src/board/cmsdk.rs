//! The first CMSDK timer of an MPS2 board, free-running. SysTick would wrap after 670 M instructions.

/// An instruction is a nanosecond, and so a tick of the 25 MHz timer exactly 40 of them.
pub(crate) const INSTRUCTIONS_PER_TICK: [u64; 2] = [40, 1];
/// What it counts to.
pub(crate) const MOST: u32 = u32::MAX;
/// Where its count is, which goes down.
pub(super) const COUNT: u32 = 0x4000_0004;

const CTRL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *mut u32 = COUNT as *mut u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
const ENABLE: u32 = 1;

/// Starts it at its largest value.
#[allow(unsafe_code)]
pub(crate) fn start() {
    // SAFETY: these are the registers of a timer that nothing else in this firmware uses, and writing
    // them touches no memory.
    unsafe {
        RELOAD.write_volatile(MOST);
        VALUE.write_volatile(MOST);
        CTRL.write_volatile(ENABLE);
    }
}

/// The current count, which goes up.
#[allow(unsafe_code)]
pub(crate) fn now() -> u32 {
    // SAFETY: this is a register of the same timer, and reading it changes nothing.
    unsafe { !VALUE.read_volatile() }
}
