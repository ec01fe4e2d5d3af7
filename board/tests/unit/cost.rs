use std::path::{Path, PathBuf};

use castiron_board::clock::Clock;
use castiron_board::cost::*;
use castiron_codegen::Model;
use castiron_codegen::compile::{CompileOptions, compile};
use castiron_codegen::target::{Isa, Optimize, Target};

/// Processors that compute floats, and others.
const WITH_FLOATS: [Isa; 2] = [Isa::DspFp, Isa::Mve];

fn models(folder: &str) -> Vec<Model> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let entries = std::fs::read_dir(folder).expect("models");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_model = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "tflite");
    paths.filter(is_model).map(|path| model(&path)).collect()
}

fn model(path: &Path) -> Model {
    let name = path.file_stem().expect("a name").display().to_string();
    castiron_codegen::tflite::read(&name, &std::fs::read(path).expect("a model")).expect("a model")
}

fn named(name: &str) -> Model {
    model(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name))
}

fn run(model: &Model, isa: Isa, clock: Option<Clock>) -> RunCost {
    let target = Target::new(isa, Optimize::default());
    let program = compile(model, &CompileOptions::for_target(target)).expect("a program");
    RunCost::of_program(&program, target, clock).expect("a table")
}

#[test]
fn estimates_are_near_what_was_measured() {
    let models: Vec<Model> = ["examples/models", "tests/data/models"]
        .into_iter()
        .flat_map(models)
        .collect();
    for isa in CostTable::isas() {
        let table = CostTable::of(isa).expect("a table").expect("a table");
        let mut count = 0;
        for model in &models {
            let Some(measured) = table.model.get(&model.file) else {
                continue;
            };
            let estimate = run(model, isa, None);
            let off = |estimate: u64, measured: u64| {
                (estimate as f64 / measured as f64 - 1.0).abs() * 100.0
            };
            let found = estimate.instructions.expect("an estimate");
            let name = format!(
                "{} on {}: {found} for {}",
                model.file, table.processor, measured.instructions
            );
            // Rounded to a tenth of a percent, and coefficients to four digits.
            assert!(
                off(found, measured.instructions) <= table.instructions.worst_percent + 0.5,
                "{name}"
            );
            if let (Some(error), Some(cycles)) = (&table.cycles, measured.cycles) {
                let found = estimate.cycles.expect("an estimate");
                assert!(
                    off(found, cycles) <= error.worst_percent + 0.5,
                    "{name}, {found} cycles for {cycles}"
                );
            }
            count += 1;
        }
        let least = if WITH_FLOATS.contains(&isa) { 20 } else { 10 };
        assert!(
            count >= least,
            "{count} models were measured on {}",
            table.processor
        );
    }
}

#[test]
fn every_kernel_was_measured() {
    for isa in WITH_FLOATS {
        let table = CostTable::of(isa).expect("a table").expect("a table");
        let options = CompileOptions::for_target(Target::new(isa, Optimize::default()));
        for model in models("tests/data/ops") {
            let Ok(program) = compile(&model, &options) else {
                continue;
            };
            for call in program.calls() {
                let kernel = key(call);
                let remedy = "run `cargo xtask cost --update`";
                assert!(
                    table.has(&kernel),
                    "{}: {kernel} was not measured: {remedy}",
                    model.file
                );
            }
        }
    }
}

#[test]
fn what_is_not_known_has_no_estimate() {
    let reason = |name: &str, isa| {
        let run = run(&named(name), isa, None);
        assert_eq!((run.instructions, run.cycles), (None, None), "{name}");
        run.reason.expect("a reason")
    };
    let floats = "the processor has no instructions for floats";
    for isa in [Isa::Armv7m, Isa::Armv6m, Isa::Rv32m, Isa::Dsp] {
        assert_eq!(reason("examples/models/vae.tflite", isa), floats);
    }
    let loops = "nobody knows how often a loop runs";
    assert_eq!(
        reason("tests/data/calls/while_loop_f32.tflite", Isa::DspFp),
        loops
    );
    let unmeasured = "no kernel was measured for these instructions";
    assert_eq!(
        reason("examples/models/sine_int8.tflite", Isa::Portable),
        unmeasured
    );
    let small = Target::new(Isa::DspFp, Optimize::Size);
    let program = compile(
        &named("examples/models/sine_int8.tflite"),
        &CompileOptions::for_target(small),
    );
    let run = RunCost::of_program(&program.expect("a program"), small, None).expect("a table");
    assert_eq!(run.instructions, None);
}

#[test]
fn operators_add_up_and_cycles_have_a_time() {
    let clock = "100M".parse().ok();
    let run = run(
        &named("examples/models/kws_dscnn_int8.tflite"),
        Isa::DspFp,
        clock,
    );
    let costs = run
        .operators
        .iter()
        .map(|operator| operator.cost.expect("a cost"));
    let sum: f64 = costs.clone().map(|cost| cost.instructions).sum();
    let (instructions, cycles) = (run.instructions.expect("some"), run.cycles.expect("some"));
    assert!(
        (sum - instructions as f64).abs() <= 1.0,
        "{sum} {instructions}"
    );
    assert_eq!(costs.count(), 12);
    assert!(cycles > instructions);
    let milliseconds = run.milliseconds.expect("a time");
    assert!(
        (milliseconds - cycles as f64 / 1e5).abs() < 1e-4,
        "{milliseconds}"
    );
}

#[test]
fn a_table_is_what_it_says() {
    let text = "processor = \"P\"\nmeasured = \"M\"\nnetworks = 1\none-operator-models = 0\n[instructions]\nmedian-percent = 1\n\
                worst-percent = 2.5\nworst-model = \"m\"\nleft-out-median-percent = 3\nleft-out-worst-percent = 4\n[kernel]\n\
                \"Map<A> i8\" = { call = 10, output = 2.5 }\n\"Map<B> i8\" = { call = 30, cycles = 1.5 }\n";
    let table = CostTable::parse(text).expect("a table");
    assert!(
        table.has("Map<A> i8")
            && table.has("Map<A> i16")
            && table.has("Map<C> i8")
            && !table.has("Fold<A> i8")
    );
    assert_eq!(table.instructions.worst_percent, 2.5);
    for (from, to) in [
        ("output", "outputs"),
        ("call = 10", "call = \"10\""),
        ("networks = 1\n", ""),
    ] {
        let wrong = CostTable::parse(&text.replace(from, to)).expect_err(from);
        assert!(wrong.to_string().contains("table of costs"), "{wrong}");
    }
}
