//! Runs the model given at build time on its golden cases, and prints one line of JSON: instructions
//! and stack of every inference, and what came out wrong. Started by `cargo xtask bench`.
//!
//! The host judges a model by what is in this image, so nothing here may panic, allocate or format.
#![no_std]
#![no_main]

mod element;
mod json;
mod measure;
mod tally;

/// The model and its golden cases, written by the build script.
mod subject {
    include!(concat!(env!("OUT_DIR"), "/subject.rs"));
}

use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, entry, exception};
use cortex_m_semihosting::{debug, hio};

use json::Line;
use measure::{Measurement, Meter, Profile};
use subject::model::{self, Model};
use tally::Tally;

#[entry]
fn main() -> ! {
    static mut MODEL: Model = Model::new();
    static mut LINE: Line = Line::new();

    let meter = Meter::calibrate();
    let mut tally = Tally::new();
    let mut measured = [Measurement::default(); subject::CASES];
    for (case, slot) in measured.iter_mut().enumerate() {
        if !subject::SUCCESSIVE {
            MODEL.reset();
        }
        subject::load(MODEL, case);
        *slot = meter.measure(run, MODEL);
        subject::check(MODEL, case, &mut tally);
    }

    let mut profile = Profile::new();
    if subject::OPERATORS > 0 {
        for case in 0..subject::CASES {
            if !subject::SUCCESSIVE {
                MODEL.reset();
            }
            subject::load(MODEL, case);
            profile.start();
            subject::trace(MODEL, &mut profile);
        }
    }

    report(LINE, &measured, &tally, &profile);
    if let Ok(mut stdout) = hio::hstdout() {
        let _ = stdout.write_all(LINE.bytes());
    }
    exit(if tally.mismatches == 0 {
        debug::EXIT_SUCCESS
    } else {
        debug::EXIT_FAILURE
    })
}

/// What is measured: the C calling convention fixes how the meter calls it.
extern "C" fn run(model: &mut Model) {
    model.run();
}

fn report(
    line: &mut Line,
    measured: &[Measurement],
    tally: &Tally,
    profile: &Profile<{ subject::OPERATORS }>,
) {
    line.text("{\"instructions\":");
    line.numbers(measured.iter().map(|m| m.instructions));
    line.text(",\"stack\":");
    line.numbers(measured.iter().map(|m| m.stack.into()));
    line.text(",\"stack_limit\":");
    line.number(measure::STACK_LIMIT.into());
    line.text(",\"arena\":");
    line.number(model::ARENA_BYTES as u64);
    line.text(",\"ram\":");
    line.number(size_of::<Model>() as u64);
    line.text(",\"weights\":");
    line.number(model::WEIGHT_BYTES as u64);
    line.text(",\"macs\":");
    line.number(model::MACS);
    line.text(",\"values\":");
    line.number(tally.values);
    line.text(",\"mismatches\":");
    line.number(tally.mismatches);
    if let Some(first) = &tally.first {
        line.text(",\"first\":{\"case\":");
        line.number(first.case as u64);
        line.text(",\"output\":");
        line.number(first.output as u64);
        line.text(",\"index\":");
        line.number(first.index as u64);
        line.text(",\"type\":\"");
        line.text(first.element);
        line.text("\",\"got\":");
        line.number(first.got);
        line.text(",\"want\":");
        line.number(first.want);
        line.text("}");
    }
    if subject::OPERATORS > 0 {
        line.text(",\"operators\":");
        line.numbers(profile.instructions().iter().copied());
    }
    line.text("}\n");
}

fn exit(status: debug::ExitStatus) -> ! {
    loop {
        debug::exit(status);
    }
}

/// Without this a fault would spin until the host gives up.
///
/// `unsafe` because the runtime requires handlers of this exception to be; the body needs none.
#[allow(unsafe_code)]
#[exception]
unsafe fn HardFault(_frame: &ExceptionFrame) -> ! {
    exit(debug::EXIT_FAILURE)
}

#[panic_handler]
fn panic(_info: &PanicInfo) -> ! {
    exit(debug::EXIT_FAILURE)
}
