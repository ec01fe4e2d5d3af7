//! An MPS2 board with the AN386 image: its first serial port, a timer and a pin. Addresses and numbers are those of Arm's application note AN386, and of
//! the Cortex-M System Design Kit.

use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;

use crate::commands::LOST;
use crate::task::BAUD;

/// The clock of everything.
const HERTZ: u32 = 25_000_000;

const SERIAL: usize = 0x4000_4000;
const SERIAL_DATA: usize = SERIAL;
const SERIAL_STATE: usize = SERIAL + 4;
const SERIAL_CONTROL: usize = SERIAL + 8;
const SERIAL_INTERRUPTS: usize = SERIAL + 12;
const SERIAL_DIVIDER: usize = SERIAL + 16;
/// The transmitter has no room; the receiver has a character; it lost one.
const IS_FULL: u32 = 1;
const HAS_RECEIVED: u32 = 2;
const HAS_LOST: u32 = 8;
/// Transmitter, receiver, and the receiver's interrupt.
const ENABLED: u32 = 0b1011;
const RECEIVED: u32 = 2;

const TIMER: usize = 0x4000_0000;
const TIMER_CONTROL: usize = TIMER;
const TIMER_VALUE: usize = TIMER + 4;
const TIMER_RELOAD: usize = TIMER + 8;
const TIMER_INTERRUPTS: usize = TIMER + 12;
/// Counts, and says when it starts anew.
const COUNTS: u32 = 0b1001;

const PORT: usize = 0x4001_0000;
const PORT_OUT: usize = PORT + 4;
const PORT_OUT_ENABLE: usize = PORT + 16;
/// The pin that measuring devices watch: D7 of the Arduino header.
const PIN: u32 = 1 << 7;
/// A microsecond at least.
const PULSE: u32 = HERTZ / 500_000;

/// Those of the chip that this firmware has handlers for.
#[derive(Clone, Copy)]
enum Interrupt {
    Received = 0,
    TimerEnded = 8,
}

// SAFETY: these are numbers of the chip's interrupts, which do not change.
#[allow(unsafe_code)]
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Characters that came while the firmware did something else. One place stays free.
static RECEIVED_BYTES: [AtomicU8; 256] = [const { AtomicU8::new(0) }; 256];
/// Where the next one goes, and where the next one is.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static READ: AtomicUsize = AtomicUsize::new(0);

/// The serial port, the clock and the pin.
pub(crate) struct Board {
    /// Ticks of the timer until it showed `seen`.
    ticks: u64,
    seen: u32,
}

impl Board {
    pub(crate) fn start() -> Self {
        write(TIMER_RELOAD, u32::MAX);
        write(TIMER_VALUE, u32::MAX);
        write(TIMER_CONTROL, COUNTS);
        write(PORT_OUT, PIN);
        write(PORT_OUT_ENABLE, PIN);
        write(SERIAL_DIVIDER, HERTZ / BAUD);
        write(SERIAL_CONTROL, ENABLED);
        for interrupt in [Interrupt::Received, Interrupt::TimerEnded] {
            // SAFETY: no critical section rests on these being off.
            #[allow(unsafe_code)]
            unsafe {
                NVIC::unmask(interrupt);
            }
        }
        Self {
            ticks: 0,
            seen: read(TIMER_VALUE),
        }
    }

    /// Waits for a character.
    pub(crate) fn receive(&mut self) -> u8 {
        loop {
            self.keep_time();
            // What comes between the look and the sleep ends the sleep.
            let received = cortex_m::interrupt::free(|_| {
                let received = next();
                if received.is_none() {
                    cortex_m::asm::wfi();
                }
                received
            });
            if let Some(byte) = received {
                return byte;
            }
        }
    }

    /// Has to be called once in the 171 seconds after which the timer starts anew.
    pub(crate) fn keep_time(&mut self) {
        let now = read(TIMER_VALUE);
        // It counts down.
        self.ticks += u64::from(self.seen.wrapping_sub(now));
        self.seen = now;
    }

    /// Time since the start.
    pub(crate) fn microseconds(&mut self) -> u64 {
        self.keep_time();
        self.ticks / u64::from(HERTZ / 1_000_000)
    }

    /// Lets the pin fall.
    pub(crate) fn pulse(&mut self) {
        write(PORT_OUT, 0);
        let start = read(TIMER_VALUE);
        while start.wrapping_sub(read(TIMER_VALUE)) < PULSE {}
        write(PORT_OUT, PIN);
    }
}

impl fmt::Write for Board {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while read(SERIAL_STATE) & IS_FULL != 0 {}
            write(SERIAL_DATA, byte.into());
        }
        Ok(())
    }
}

/// The oldest character that came.
fn next() -> Option<u8> {
    let read = READ.load(Ordering::Relaxed);
    if read == WRITTEN.load(Ordering::Acquire) {
        return None;
    }
    let byte = RECEIVED_BYTES.get(read)?.load(Ordering::Relaxed);
    READ.store(after(read), Ordering::Release);
    Some(byte)
}

/// Keeps a character. Where there is room for one more only, it keeps a mark in its place, and later ones are lost.
fn keep(byte: u8) {
    let written = WRITTEN.load(Ordering::Relaxed);
    let (next, read) = (after(written), READ.load(Ordering::Acquire));
    if next == read {
        return;
    }
    let byte = if after(next) == read { LOST } else { byte };
    if let Some(place) = RECEIVED_BYTES.get(written) {
        place.store(byte, Ordering::Relaxed);
        WRITTEN.store(next, Ordering::Release);
    }
}

fn after(position: usize) -> usize {
    (position + 1) % RECEIVED_BYTES.len()
}

/// Serves all interrupts of the chip.
///
/// `unsafe` because the runtime requires this handler to be; the body needs none.
#[allow(unsafe_code)]
#[exception]
unsafe fn DefaultHandler(_number: i16) {
    // Before the look at what there is, so that what comes in between asks again.
    write(TIMER_INTERRUPTS, 1);
    write(SERIAL_INTERRUPTS, RECEIVED);
    let state = read(SERIAL_STATE);
    if state & HAS_LOST != 0 {
        write(SERIAL_STATE, HAS_LOST);
        keep(LOST);
    }
    if state & HAS_RECEIVED != 0 {
        keep(read(SERIAL_DATA) as u8);
    }
}

#[allow(unsafe_code)]
fn read(register: usize) -> u32 {
    // SAFETY: all constants of this file are registers of the board, and to read them touches no memory.
    unsafe { (register as *const u32).read_volatile() }
}

#[allow(unsafe_code)]
fn write(register: usize, value: u32) {
    // SAFETY: as for `read`; none of them makes a device write memory.
    unsafe { (register as *mut u32).write_volatile(value) }
}
