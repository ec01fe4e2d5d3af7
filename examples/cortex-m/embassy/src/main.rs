//! Hears keywords in a task of Embassy's executor, while another task goes on with its own work.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m as _;
use cortex_m_semihosting::{debug, hprintln};
use embassy_executor::Spawner;

// In so little memory, operators run row by row, and so in more parts.
castiron::include_model!(pub mod kws = "../../../models/kws_dscnn_int8.tflite", max_arena = 5500, steps = true);

/// Operations between two looks at other tasks.
const BUDGET: u64 = 20_000;

/// How often the other task ran.
static TICKS: AtomicU32 = AtomicU32::new(0);

/// Stands for a radio that has to be served.
#[embassy_executor::task]
async fn tick() {
    loop {
        TICKS.fetch_add(1, Ordering::Relaxed);
        embassy_futures::yield_now().await;
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    spawner.spawn(tick().expect("a task of which there is one"));
    let (mut whole, mut model) = (kws::Model::new(), kws::Model::new());
    let mut is_right = true;
    for seed in 0..3u8 {
        let input: kws::Input =
            core::array::from_fn(|i| (i as u8).wrapping_mul(37).wrapping_add(seed) as i8);
        let before = TICKS.load(Ordering::Relaxed);
        let expected = *whole.predict(&input);
        let meanwhile = TICKS.load(Ordering::Relaxed) - before;
        *model.input_mut() = input;
        model.run_async(BUDGET).await;
        let ticks = TICKS.load(Ordering::Relaxed) - before;
        let same = *model.output() == expected;
        hprintln!(
            "a whole run: {meanwhile} ticks; a run in parts: {ticks} ticks; the same outputs: {same}"
        );
        is_right &= same && meanwhile == 0 && ticks > 50;
    }
    debug::exit(match is_right {
        true => debug::EXIT_SUCCESS,
        false => debug::EXIT_FAILURE,
    });
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hprintln!("{}", info);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
