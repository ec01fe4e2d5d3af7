//! Runs the model given at build time on its golden cases, and prints one line of JSON: instructions
//! and stack of every inference, and what came out wrong. Started by `cargo xtask bench`.
//!
//! The host judges a model by what is in this image, so nothing here may panic, allocate or format.
#![no_std]
#![no_main]

#[cfg_attr(target_arch = "riscv32", path = "board/virt.rs")]
#[cfg_attr(not(target_arch = "riscv32"), path = "board/mps2.rs")]
mod board;
mod element;
mod json;
mod measure;
mod tally;

/// The model and its golden cases, written by the build script.
mod subject {
    include!(concat!(env!("OUT_DIR"), "/subject.rs"));
}

use core::panic::PanicInfo;

use json::Line;
use measure::{Measurement, Meter, Profile};
use subject::model::{self, Model};
use tally::Tally;

/// Measures the model, and says so; whether all values are right. The board calls it.
fn judge(model: &mut Model, line: &mut Line) -> bool {
    let meter = Meter::calibrate();
    let mut tally = Tally::new();
    let mut measured = [Measurement::default(); subject::CASES];
    for (case, slot) in measured.iter_mut().enumerate() {
        if !subject::SUCCESSIVE {
            model.reset();
        }
        subject::load(model, case);
        *slot = meter.measure(run, model);
        subject::check(model, case, &mut tally);
    }

    let mut profile = Profile::new();
    if subject::OPERATORS > 0 {
        for case in 0..subject::CASES {
            if !subject::SUCCESSIVE {
                model.reset();
            }
            subject::load(model, case);
            profile.start();
            subject::trace(model, &mut profile);
        }
    }

    report(line, &measured, &tally, &profile);
    board::write(line.bytes());
    tally.mismatches == 0
}

/// What is measured: the C calling convention fixes how the meter calls it.
extern "C" fn run(model: &mut Model) {
    subject::run(model);
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

#[panic_handler]
fn panic(_info: &PanicInfo) -> ! {
    board::exit(false)
}
