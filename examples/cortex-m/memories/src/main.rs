//! Hears keywords with the network's working memory in two memories: what it touches most in the SRAM of the chip, the rest in PSRAM. So do its
//! weights: those that are read most lie in the flash of the chip, the rest in one beside it.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m as _;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};

castiron::include_model!(pub mod kws = "../../../models/kws_dscnn_int8.tflite",
    memories = { sram = 8k fast, psram = 1M slow, flash = 16k rom, qspi = 8M slow rom });

/// Recorded inputs and outputs, written by the build script.
mod recorded {
    include!(concat!(env!("OUT_DIR"), "/cases.rs"));
}

// `memories.x` places the section. Nothing fills it with zeros at the start, which a model does not need, but a `StaticCell` would.
#[allow(unsafe_code)]
#[unsafe(link_section = ".psram")]
static mut PSRAM: kws::Psram = kws::Psram::new();

#[entry]
fn main() -> ! {
    // In `.bss`.
    static mut SRAM: kws::Sram = kws::Sram::new();
    // SAFETY: `main` runs once, and nothing else names this static.
    #[allow(unsafe_code)]
    let psram = unsafe { &mut *&raw mut PSRAM };

    hprintln!("sram {:p} {}", &*SRAM, size_of::<kws::Sram>());
    hprintln!("psram {:p} {}", &*psram, size_of::<kws::Psram>());
    hprintln!("weights {}", kws::WEIGHT_BYTES);
    let mut model = kws::Model::new(SRAM, psram);
    let mut right = 0;
    for (input, expected) in &recorded::CASES {
        let scores = model.predict(&input.map(|byte| byte as i8));
        right += usize::from(*scores == expected.map(|byte| byte as i8));
    }
    hprintln!("{} of {} cases are exact", right, recorded::CASES.len());

    debug::exit(match right == recorded::CASES.len() {
        true => debug::EXIT_SUCCESS,
        false => debug::EXIT_FAILURE,
    });
    loop {}
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hprintln!("{}", info);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
