//! An MPS2 or MPS3 board with a Cortex-M, as QEMU emulates it: it prints and ends by semihosting.

use core::arch::naked_asm;

use cortex_m_rt::{ExceptionFrame, entry, exception};
use cortex_m_semihosting::{debug, hio};

use crate::json::Line;
use crate::subject::model::Model;

#[cfg_attr(mps3, path = "systick.rs")]
#[cfg_attr(not(mps3), path = "cmsdk.rs")]
pub(crate) mod timer;

pub(crate) use timer::INSTRUCTIONS_PER_TICK;

/// Length of the wait loop for the tick after the call.
pub(crate) const INSTRUCTIONS_PER_WAIT: u64 = 4;

#[entry]
fn main() -> ! {
    static mut MODEL: Model = Model::new();
    static mut LINE: Line = Line::new();

    exit(crate::judge(MODEL, LINE))
}

/// Prints.
pub(crate) fn write(bytes: &[u8]) {
    if let Ok(mut stdout) = hio::hstdout() {
        let _ = stdout.write_all(bytes);
    }
}

/// Ends the emulator.
pub(crate) fn exit(is_right: bool) -> ! {
    loop {
        debug::exit(match is_right {
            true => debug::EXIT_SUCCESS,
            false => debug::EXIT_FAILURE,
        });
    }
}

/// Without this a fault would spin until the host gives up.
///
/// `unsafe` because the runtime requires handlers of this exception to be; the body needs none.
#[allow(unsafe_code)]
#[exception]
unsafe fn HardFault(_frame: &ExceptionFrame) -> ! {
    exit(false)
}

/// Calls `function(argument)` from a tick of the timer on, and writes to `seen`: the timer then, and at the end; the turns of the wait for the tick
/// behind the call; the stack that lost its paint, of `limit` bytes.
///
/// It is one block of assembly, so that no code of the compiler's runs there and the cost around the call is a constant. It is that of a Cortex-M3 on
/// the M0+, too, which runs on an emulated M3: the model alone is compiled for the M0+.
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
        ".arch armv7-m",
        "push {{r2, r4-r11, lr}}",
        "ldr r4, ={count}",
        "ldr r11, =0x5aa5c33c",
        "mov r10, r3",
        "mov r3, r0",
        "mov r0, r1",
        "mov r1, r3",
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
        "pop {{r12}}",
        // What the timer lost is what it gained where it counts up.
        "strd r2, r8, [r12]",
        "strd r1, r3, [r12, #8]",
        "pop {{r4-r11, pc}}",
        ".ltorg",
        count = const timer::COUNT,
    )
}
