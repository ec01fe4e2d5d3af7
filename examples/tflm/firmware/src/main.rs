//! Keyword spotting on a Cortex-M4 by both engines: castiron's kernels and TensorFlow Lite Micro's.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m as _;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};

castiron::include_model!(mod compiled = "../../../models/kws_dscnn_int8.tflite");
castiron::include_model!(mod tflm = "../../../models/kws_dscnn_int8.tflite", engine = "tflm");

const CASES: usize = 4;

#[entry]
fn main() -> ! {
    static mut OURS: compiled::Model = compiled::Model::new();
    static mut THEIRS: tflm::Model = tflm::Model::new();

    let mut state = 1_u32;
    let mut differing = 0;
    for _ in 0..CASES {
        let input: compiled::Input = core::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as i8
        });
        let expected = OURS.predict(&input);
        let found = THEIRS.predict(&input);
        differing += expected.iter().zip(found).filter(|(e, f)| e != f).count();
        if THEIRS.status().is_err() {
            differing += expected.len();
        }
    }
    hprintln!(
        "{} of {} values differ; arena {} bytes, TFLM {}",
        differing,
        CASES * compiled::OUTPUT.shape.iter().product::<usize>(),
        compiled::ARENA_BYTES,
        tflm::ARENA_BYTES
    );
    debug::exit(match differing {
        0 => debug::EXIT_SUCCESS,
        _ => debug::EXIT_FAILURE,
    });
    loop {}
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hprintln!("{}", info);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
