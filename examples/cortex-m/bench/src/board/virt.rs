//! QEMU's board `virt` with a RISC-V processor of 32 bits: it prints on a serial port and ends by the board's register for that.

use core::arch::naked_asm;
use core::ptr::addr_of_mut;

use crate::json::Line;
use crate::subject::model::Model;

/// The processor counts instructions.
pub(crate) const INSTRUCTIONS_PER_TICK: [u64; 2] = [1, 1];
/// There is no wait.
pub(crate) const INSTRUCTIONS_PER_WAIT: u64 = 0;

static mut MODEL: Model = Model::new();
static mut LINE: Line = Line::new();

/// Where the processor begins.
#[allow(unsafe_code)]
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".init")]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        ".option push",
        ".option norelax",
        "la gp, __global_pointer$",
        ".option pop",
        "la sp, _stack",
        "la t0, 3f",
        "csrw mtvec, t0",
        "la t0, _bss",
        "la t1, _bss_end",
        "1: bgeu t0, t1, 2f",
        "sw zero, 0(t0)",
        "addi t0, t0, 4",
        "j 1b",
        "2: j {main}",
        // A fault ends the emulator, which would spin otherwise.
        ".balign 4",
        "3: j {ended}",
        main = sym main,
        ended = sym fault_ended,
    )
}

extern "C" fn main() -> ! {
    // SAFETY: this runs once, and nothing else names the two.
    #[allow(unsafe_code)]
    let (model, line) = unsafe { (&mut *addr_of_mut!(MODEL), &mut *addr_of_mut!(LINE)) };
    exit(crate::judge(model, line))
}

extern "C" fn fault_ended() -> ! {
    exit(false)
}

/// Prints.
#[allow(unsafe_code)]
pub(crate) fn write(bytes: &[u8]) {
    const SERIAL: *mut u8 = 0x1000_0000 as *mut u8;
    for byte in bytes {
        // SAFETY: the board's serial port takes a byte at any time, and writing it touches no memory.
        unsafe { SERIAL.write_volatile(*byte) }
    }
}

/// Ends the emulator.
#[allow(unsafe_code)]
pub(crate) fn exit(is_right: bool) -> ! {
    const END: *mut u32 = 0x10_0000 as *mut u32;
    let status = if is_right { 0x5555 } else { 0x1_3333 };
    loop {
        // SAFETY: the board's register ends the emulator, and writing it touches no memory.
        unsafe { END.write_volatile(status) }
    }
}

/// Calls `function(argument)`, and writes to `seen`: the counter at the beginning and at the end; nothing; the stack that lost its paint, of `limit`
/// bytes.
///
/// It is one block of assembly, so that no code of the compiler's runs there and the cost around the call is a constant.
///
/// # Safety
/// `limit` bytes below the stack pointer are memory, and no interrupt is enabled.
#[allow(unsafe_code)]
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn call(
    function: *const (),
    argument: *mut (),
    seen: &mut [u32; 4],
    limit: u32,
) {
    naked_asm!(
        "addi sp, sp, -32",
        "sw ra, 0(sp)",
        "sw s0, 4(sp)",
        "sw s1, 8(sp)",
        "sw s2, 12(sp)",
        "sw s3, 16(sp)",
        "mv s0, a2",
        "li s3, 0x5aa5c33c",
        "mv t0, sp",
        "sub s1, t0, a3",
        "2: addi t0, t0, -4",
        "sw s3, 0(t0)",
        "bgtu t0, s1, 2b",
        "mv t0, a0",
        "mv a0, a1",
        "csrr s2, minstret",
        "jalr t0",
        "csrr t1, minstret",
        "sw s2, 0(s0)",
        "sw t1, 4(s0)",
        "sw zero, 8(s0)",
        "5: lw t2, 0(s1)",
        "bne t2, s3, 6f",
        "addi s1, s1, 4",
        "bne s1, sp, 5b",
        "6: sub t2, sp, s1",
        "sw t2, 12(s0)",
        "lw ra, 0(sp)",
        "lw s0, 4(sp)",
        "lw s1, 8(sp)",
        "lw s2, 12(sp)",
        "lw s3, 16(sp)",
        "addi sp, sp, 32",
        "ret",
    )
}

/// The counter of instructions.
pub(crate) mod timer {
    /// What it counts to, of which it shows the lower half.
    pub(crate) const MOST: u32 = u32::MAX;

    /// It runs always.
    pub(crate) fn start() {}

    /// The current count, which goes up.
    #[allow(unsafe_code)]
    pub(crate) fn now() -> u32 {
        let now;
        // SAFETY: reading the counter changes nothing.
        unsafe { core::arch::asm!("csrr {}, minstret", out(reg) now) }
        now
    }
}
