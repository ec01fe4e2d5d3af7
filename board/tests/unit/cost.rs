use std::path::{Path, PathBuf};

use castiron_board::clock::Clock;
use castiron_board::cost::*;
use castiron_codegen::Model;
use castiron_codegen::compile::{CompileOptions, Input, compile};
use castiron_codegen::program::streams;
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
    run_with(
        model,
        &options("balanced", isa),
        Processor { cpu: None, clock },
    )
}

fn run_with(model: &Model, options: &CompileOptions, processor: Processor<'_>) -> RunCost {
    let program = compile(model, options).expect("a program");
    RunCost::of_program(&program, options.target, processor).expect("a table")
}

/// As tables call it.
fn options(compiled: &str, isa: Isa) -> CompileOptions {
    let mode = Optimize::ALL
        .into_iter()
        .find(|mode| mode.name() == compiled);
    let mut options = CompileOptions::for_target(Target::new(isa, mode.unwrap_or_default()));
    match compiled {
        "least" => options.max_arena = Some(0),
        "rows" => options.input = Input::Rows,
        _ => assert!(mode.is_some(), "{compiled}"),
    }
    options
}

/// What is tried on a processor: on one all that was measured, as each takes a compilation.
fn compiled(isa: Isa) -> &'static [&'static str] {
    match isa {
        Isa::DspFp => &["balanced", "size", "speed", "least", "rows"],
        _ => &["balanced"],
    }
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
        let all = models
            .iter()
            .flat_map(|model| compiled(isa).iter().map(move |compiled| (model, *compiled)));
        for (model, compiled) in all {
            let found = table.model.get(compiled);
            let Some(measured) = found.and_then(|found| found.get(&model.file)) else {
                continue;
            };
            let options = options(compiled, isa);
            let program = compile(model, &options).expect("a program");
            let errors = &table.errors[class(&program, options.target)];
            let estimate = RunCost::of_program(&program, options.target, Processor::default());
            let estimate = estimate.expect("a table");
            let off = |estimate: u64, measured: u64| {
                (estimate as f64 / measured as f64 - 1.0).abs() * 100.0
            };
            let found = estimate.instructions.expect("an estimate");
            let name = format!(
                "{} {compiled} on {}: {found} for {}",
                model.file, table.processor, measured.instructions
            );
            // Rounded to a tenth of a percent, and coefficients to four digits.
            assert!(
                off(found, measured.instructions) <= errors.instructions.worst_percent + 0.5,
                "{name}"
            );
            if let (Some(error), Some(cycles)) = (&errors.cycles, measured.cycles) {
                let found = estimate.cycles.expect("an estimate");
                assert!(
                    off(found, cycles) <= error.worst_percent + 0.5,
                    "{name}, {found} cycles for {cycles}"
                );
            }
            count += 1;
        }
        let least = match isa {
            Isa::DspFp => 60,
            Isa::Mve => 20,
            _ => 10,
        };
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
        let operators = models("tests/data/ops");
        let networks = ["examples/models", "tests/data/models"];
        let networks: Vec<Model> = networks.into_iter().flat_map(models).collect();
        for &compiled in compiled(isa) {
            let options = options(compiled, isa);
            let by_rows = ["least", "rows"].contains(&compiled);
            // An operator alone has nothing to hand rows to.
            for model in if by_rows { &networks } else { &operators } {
                let Ok(program) = compile(model, &options) else {
                    continue;
                };
                for call in program.calls() {
                    let kernel = key(call);
                    let remedy = "run `cargo xtask cost --update`";
                    assert!(
                        table.has(&kernel),
                        "{} {compiled}: {kernel} was not measured: {remedy}",
                        model.file
                    );
                }
            }
        }
        assert!(table.has(TURNS));
    }
}

#[test]
fn what_runs_row_by_row_has_an_estimate_of_its_own() {
    let model = named("examples/models/kws_dscnn_int8.tflite");
    let plain = run(&model, Isa::DspFp, None);
    for compiled in ["least", "rows"] {
        let options = options(compiled, Isa::DspFp);
        let program = compile(&model, &options).expect("a program");
        let streams = streams(&program.entries[0].steps);
        let [stream, ..] = streams[..] else {
            panic!("no rows")
        };
        // Each stage makes a row at each turn, and the last one all of the stream's.
        let [(name, turns), _] = of_stream(stream);
        assert!(name == TURNS && turns[1] >= (stream.rows * stream.stages.len()) as f64);
        let rows = run_with(&model, &options, Processor::default());
        assert_eq!(class(&program, options.target), "rows");
        // Rows by themselves cost instructions.
        assert!(rows.instructions > plain.instructions, "{compiled}");
        assert!(rows.instructions_error_percent.is_some());
    }
}

#[test]
fn an_estimate_is_for_the_mode_that_is_asked_for() {
    let model = named("examples/models/kws_dscnn_int8.tflite");
    let of = |compiled| run_with(&model, &options(compiled, Isa::DspFp), Processor::default());
    let [size, balanced] = ["size", "balanced"].map(of);
    assert_eq!((size.optimize, balanced.optimize), ("size", "balanced"));
    assert!(size.instructions > balanced.instructions);
    assert!(size.instructions_error_percent.is_some());
}

#[test]
fn cycles_of_another_processor_are_said_to_be_those() {
    let model = named("examples/models/sine_int8.tflite");
    let note = |cpu, isa| {
        let processor = Processor {
            cpu: Some(cpu),
            clock: None,
        };
        run_with(&model, &options("balanced", isa), processor).cycles_note
    };
    assert_eq!(note("arm,cortex-m4f", Isa::DspFp), None);
    assert_eq!(note("arm,cortex-m0+", Isa::Armv6m), None);
    for (cpu, isa, name) in [
        ("arm,cortex-m7", Isa::Dsp, "Cortex-M7"),
        ("arm,cortex-m33f", Isa::DspFp, "Cortex-M33"),
        ("arm,cortex-m23", Isa::Armv6m, "Cortex-M23"),
    ] {
        let note = note(cpu, isa).expect("a note");
        assert!(
            note.contains(&format!("those of a {name} were not measured")),
            "{note}"
        );
    }
    // There are none to speak of.
    assert_eq!(note("arm,cortex-m85", Isa::Mve), None);
}

#[test]
fn times_have_three_digits_and_end_at_the_greatest() {
    for (value, digits) in [
        (0.0, "0"),
        (1.0 / 3.0, "0.333"),
        (12345.6, "12300"),
        (2e-5, "0.00002"),
    ] {
        assert_eq!(three_digits(value).to_string(), digits);
    }
    let cost = Cost {
        instructions: f64::MAX,
        cycles: Some(1e30),
    };
    assert_eq!(cost.milliseconds(u64::MAX), Some(54_200_000_000_000.0));
    assert_eq!(cost.milliseconds(0), None);
    assert_eq!(cost.and(cost).cycles, Some(2e30));
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
        (milliseconds / (cycles as f64 / 1e5) - 1.0).abs() < 5e-3,
        "{milliseconds}"
    );
}

#[test]
fn a_table_is_what_it_says() {
    let text = "processor = \"P\"\nmeasured = \"M\"\none-operator-models = 0\n[errors.size]\nnetworks = 1\n[errors.size.instructions]\n\
                median-percent = 1\nworst-percent = 2.5\nworst-model = \"m\"\nleft-out-median-percent = 3\nleft-out-worst-percent = 4\nleft-out-worst-model = \"m\"\n[kernel]\n\
                \"Map<A> i8\" = { call = 10, output = 2.5 }\n\"Map<B> i8\" = { call = 30, cycles = 1.5 }\n";
    let table = CostTable::parse(text).expect("a table");
    assert!(
        table.has("Map<A> i8")
            && table.has("Map<A> i16")
            && table.has("Map<C> i8")
            && !table.has("Fold<A> i8")
    );
    assert_eq!(table.errors["size"].instructions.worst_percent, 2.5);
    for (from, to) in [
        ("output", "outputs"),
        ("call = 10", "call = \"10\""),
        ("networks = 1\n", ""),
    ] {
        let wrong = CostTable::parse(&text.replace(from, to)).expect_err(from);
        assert!(wrong.to_string().contains("table of costs"), "{wrong}");
    }
}
