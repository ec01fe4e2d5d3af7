//! The first CMSDK UART of an MPS2 board, and its first timer: what to replace for another device.
//!
//! The emulator hands over a byte when the last one has been read. A device has a byte or a few of room, so that an interrupt or DMA has to put
//! them into a buffer of a few hundred bytes, from which [`Port::read`] takes them.

use castiron::kenning::Port;

use crate::timer;

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *mut u32 = 0x4000_4004 as *mut u32;
const CTRL: *mut u32 = 0x4000_4008 as *mut u32;
const BAUD_DIVISOR: *mut u32 = 0x4000_4010 as *mut u32;
const TRANSMIT_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 2;
const ENABLE: u32 = 3;
/// The board's clock, and the rate that Kenning's platforms have unless said.
const DIVISOR: u32 = 25_000_000 / 115_200;
const NANOSECONDS_PER_TICK: u64 = 40;

pub(crate) struct Line {
    ticks: u64,
}

impl Line {
    #[allow(unsafe_code)]
    pub(crate) fn start() -> Self {
        // SAFETY: these are the registers of a UART that nothing else in this firmware uses, and writing them touches no memory.
        unsafe {
            BAUD_DIVISOR.write_volatile(DIVISOR);
            CTRL.write_volatile(ENABLE);
        }
        timer::start();
        Self { ticks: 0 }
    }
}

impl Port for Line {
    #[allow(unsafe_code)]
    fn read(&mut self) -> Option<u8> {
        // SAFETY: registers of the same UART; reading the byte lets the next one come.
        unsafe { (STATE.read_volatile() & RECEIVE_FULL != 0).then(|| DATA.read_volatile() as u8) }
    }

    #[allow(unsafe_code)]
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // SAFETY: registers of the same UART.
            unsafe {
                while STATE.read_volatile() & TRANSMIT_FULL != 0 {}
                DATA.write_volatile((*byte).into());
            }
        }
    }

    fn nanoseconds(&mut self) -> u64 {
        // The timer has 32 bits, and the server asks far more often than it wraps.
        let passed = timer::now().wrapping_sub(self.ticks as u32);
        self.ticks = self.ticks.wrapping_add(passed.into());
        self.ticks.wrapping_mul(NANOSECONDS_PER_TICK)
    }
}
