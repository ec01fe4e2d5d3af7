//! Serves a model on the board's first UART by Kenning's inference protocol, so that Kenning evaluates it there.
#![no_std]
#![no_main]

mod line;
#[path = "../../bench/src/board/cmsdk.rs"]
#[expect(
    dead_code,
    reason = "the benchmarks' firmware counts instructions with it"
)]
mod timer;

use core::panic::PanicInfo;

use castiron::kenning::Server;
use cortex_m_rt::entry;

castiron::include_model!(pub mod model = env!("MODEL"), server = "kenning");

#[entry]
fn main() -> ! {
    // All the RAM that both take. `#[entry]` makes them `&mut`s that nobody else has.
    static mut MODEL: model::Model = model::Model::new();
    static mut SERVER: Server<model::Model> = Server::new();

    let mut line = line::Line::start();
    loop {
        SERVER.poll(MODEL, &mut line);
    }
}

#[panic_handler]
fn panic(_info: &PanicInfo) -> ! {
    loop {}
}
