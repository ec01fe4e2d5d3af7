//! Speaks the serial protocol of MLPerf Tiny, so that the benchmark's runners measure a castiron model.
//!
//! `board` is what differs per device, `task` what differs per model; `commands` is the protocol, and `buffer` where it puts inputs.
#![no_std]
#![no_main]

mod board;
mod buffer;
mod commands;
mod task;

/// The model of the task, written by the build script.
mod subject {
    include!(concat!(env!("OUT_DIR"), "/model.rs"));
}

use core::panic::PanicInfo;

use cortex_m_rt::entry;

use board::Board;
use commands::Commands;
use task::Task;

#[entry]
fn main() -> ! {
    static mut TASK: Task = Task::new();
    static mut COMMANDS: Commands = Commands::new();

    let mut board = Board::start();
    commands::greet(&mut board);
    loop {
        let byte = board.receive();
        COMMANDS.take(byte, TASK, &mut board);
    }
}

#[panic_handler]
fn panic(_info: &PanicInfo) -> ! {
    // The runner gives up after its time for an answer.
    loop {
        cortex_m::asm::wfi();
    }
}
