//! Computes a sine with a quantised neural network: all the code a castiron firmware needs.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m as _;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};

castiron::include_model!(pub mod sine = "../../models/sine_int8.tflite");

#[entry]
fn main() -> ! {
    // Weights are in flash; this is all the RAM the model takes, placed in .bss. `#[entry]` makes it a `&mut` that
    // nobody else has.
    static mut MODEL: sine::Model = sine::Model::new();

    for tenths in (0..=60).step_by(10) {
        let x = tenths as f32 / 10.0;
        let y = MODEL.predict(&[sine::INPUT.quantize(x)]);
        hprintln!("sin({:.1}) = {:+.2}", x, sine::OUTPUT.dequantize(y[0]));
    }

    debug::exit(debug::EXIT_SUCCESS);
    loop {}
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hprintln!("{}", info);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
