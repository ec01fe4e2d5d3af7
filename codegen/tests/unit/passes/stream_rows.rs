use castiron_codegen::Model;
use castiron_codegen::compile::{self, Bytes, CompileOptions, Input};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{BuiltinOperator as Op, Options};
use castiron_codegen::passes::{Pass, Passes};
use castiron_codegen::program::{ElementType, Program, streams};
use castiron_codegen::target::{Isa, Optimize, Target};
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::chains::{Chain, Random, blocks, chain, quantized};

/// The program of the least arena without work that is done twice.
fn compiled(model: &Model, isa: Isa, without: Passes) -> Program {
    compiled_for(model, Target::new(isa, Optimize::default()), without)
}

fn compiled_for(model: &Model, target: Target, without: Passes) -> Program {
    let mut options = CompileOptions::for_target(target).without(without);
    options.max_arena = Some(0);
    compile::compile(model, &options).expect("it compiles")
}

/// All passes but the one that is looked at: others would make other chains.
fn others() -> Passes {
    let others = Pass::ALL.iter().filter(|pass| **pass != Pass::StreamRows);
    others.map(|pass| Passes::from(*pass)).collect()
}

fn outputs(program: &Program, seed: u64, found: u8) -> Vec<Vec<u8>> {
    let mut random = Random(seed | 1);
    let entry = &program.entries[0];
    let mut machine = Machine::new(program, entry);
    let run = |_| {
        machine.fill_arena(found);
        let input = &entry.inputs[0].operand;
        let input = match input.element {
            ElementType::F32 => random.floats(input.len),
            element => random.bytes(input.len * element.bytes()),
        };
        machine.set_input(0, &input).expect("it fits");
        machine.run().expect("it runs");
        machine.output(0).expect("there is one").to_vec()
    };
    (0..2).map(run).collect()
}

/// How many operators of a chain run row by row, where that changes nothing.
fn streamed(seed: u64) -> usize {
    let model = chain(seed);
    let mut most = 0;
    // Kernels for size and for speed in turn.
    let optimize = Optimize::ALL[(seed % 2) as usize];
    for isa in [Isa::Portable, Isa::DspFp] {
        let target = Target::new(isa, optimize);
        let whole = compiled_for(&model, target, Passes::ALL);
        let rows = compiled_for(&model, target, others());
        let expected = outputs(&whole, seed, 0);
        assert_eq!(outputs(&rows, seed, 0xff), expected, "{target} {rows}");
        assert_eq!(outputs(&rows, seed, 0x5a), expected, "{target} {rows}");
        assert!(rows.arena_bytes <= whole.arena_bytes);
        assert_eq!(rows.entries[0].macs, whole.entries[0].macs);
        let stages = streams(&rows.entries[0].steps).into_iter();
        most = most.max(stages.map(|stream| stream.stages.len()).sum());
    }
    most
}

proptest! {
    // Each compiles four programs and runs them.
    #![proptest_config(Config { cases: 48, ..crate::unit::settings() })]

    #[test]
    fn rows_change_nothing(seed in any::<u64>()) {
        streamed(seed);
    }
}

/// The chains of that property are such as streams are made of.
#[test]
fn chains_are_streamed() {
    let stages: Vec<usize> = (1..40).map(|seed| streamed(seed * 7919)).collect();
    let streamed = stages.iter().filter(|stages| **stages > 0).count();
    let long = stages.iter().filter(|stages| **stages > 2).count();
    assert!(streamed > 8 && long > 2, "{stages:?}");
}

fn by_rows(model: &Model) -> castiron_codegen::error::Result<Program> {
    let mut options = CompileOptions::default().without(others());
    options.input = Input::Rows;
    compile::compile(model, &options)
}

/// Chains whose input comes row by row compute the same.
#[test]
fn an_input_may_come_by_rows() {
    let mut taken = 0;
    for seed in (1..60).map(|seed| seed * 7919) {
        let model = chain(seed);
        let Ok(rows) = by_rows(&model) else {
            continue;
        };
        let expected = outputs(&compiled(&model, Isa::Portable, Passes::ALL), seed, 0);
        assert_eq!(outputs(&rows, seed, 0xff), expected, "{rows}");
        assert_eq!(outputs(&rows, seed, 0x5a), expected, "{rows}");
        taken += 1;
    }
    assert!(taken > 20, "{taken}");
}

/// A RESHAPE of the input leaves; one with another scale or zero point would change what is computed.
#[test]
fn rows_are_of_the_inputs_own_numbers() {
    let model = |zero_point: i32| {
        let mut chain = Chain::new(3);
        let flat = chain.image_like(&[1, 96], quantized(0.25, 17));
        let image = chain.image_like(&[1, 8, 4, 3], quantized(0.25, zero_point));
        chain.op(Op::Reshape, &[flat], image, Options::None);
        chain.pointwise(3);
        chain.done()
    };
    let rows = by_rows(&model(17)).expect("a RESHAPE is a view");
    let whole = compiled(&model(17), Isa::Portable, Passes::ALL);
    assert_eq!(outputs(&rows, 5, 0x5a), outputs(&whole, 5, 0));
    let error = by_rows(&model(16)).expect_err("the zero points differ");
    assert!(error.to_string().contains("row by row"), "{error}");
}

/// Layers along time, between RESHAPEs as Keras exports them, are one stream to the sums of their mean, of which the caller gives one step after the
/// other.
#[test]
fn steps_of_time_are_rows() {
    let mut chain = Chain::new(11);
    chain.image(&[1, 1, 64, 4]);
    chain.wide = true;
    for _ in 0..3 {
        chain.step(16);
        chain.turn();
    }
    chain.mean();
    let model = chain.done();
    let expected = outputs(&compiled(&model, Isa::Portable, Passes::ALL), 5, 0);
    let rows = by_rows(&model).expect("time passes step by step");
    let stages = |program: &Program| {
        let streams = streams(&program.entries[0].steps);
        streams
            .iter()
            .map(|stream| stream.stages.len())
            .collect::<Vec<_>>()
    };
    // Three convolutions, the sums and what is made of them; a RESHAPE computes nothing.
    assert_eq!(stages(&rows), [5], "{rows}");
    assert_eq!(outputs(&rows, 5, 0x5a), expected, "{rows}");
    let whole = compiled(&model, Isa::Portable, others());
    assert_eq!(stages(&whole), [5], "{whole}");
    assert_eq!(outputs(&whole, 5, 0x5a), expected, "{whole}");
    assert!(rows.arena_bytes < whole.arena_bytes);
}

/// [1, time, channels] as the input and between operators has the same rows as [1, 1, time, channels].
#[test]
fn steps_of_time_need_no_height() {
    let mut chain = Chain::new(12);
    chain.image(&[1, 64, 4]);
    chain.relu();
    chain.view(&[1, 1, 64, 4]);
    chain.step(16);
    chain.view(&[1, 64, 16]);
    chain.relu();
    chain.view(&[1, 64, 1, 16]);
    chain.step(16);
    chain.mean();
    let model = chain.done();
    let rows = by_rows(&model).expect("time passes step by step");
    let streams = streams(&rows.entries[0].steps);
    let stages = streams.iter().map(|stream| stream.stages.len());
    // Two functions, two convolutions, the sums and what is made of them.
    assert_eq!(stages.collect::<Vec<_>>(), [6], "{rows}");
    let expected = outputs(&compiled(&model, Isa::Portable, Passes::ALL), 5, 0);
    assert_eq!(outputs(&rows, 5, 0x5a), expected, "{rows}");
}

/// The search takes as long as there are rows: a file of many operators and hardly any bytes could have any number.
#[test]
fn chains_of_too_many_rows_stay_whole() {
    let streams_of = |operators: usize| {
        let mut chain = Chain::new(1);
        chain.image(&[1, 2048, 1, 1]);
        for _ in 0..operators {
            chain.pointwise(16);
        }
        chain.pointwise(1);
        let program = compiled(&chain.done(), Isa::Portable, others());
        streams(&program.entries[0].steps).len()
    };
    assert!(streams_of(2) > 0);
    assert_eq!(streams_of(20), 0);
}

/// Whether some stage computes several rows at a turn.
fn has_several(program: &Program) -> bool {
    let streams = streams(&program.entries[0].steps);
    let mut stages = streams.iter().flat_map(|stream| &stream.stages);
    stages.any(|stage| stage.rows.line.at_once > 1)
}

/// Whether a program computes rows patch by patch.
fn has_patches(program: &Program) -> bool {
    let streams = streams(&program.entries[0].steps);
    let mut stages = streams.iter().flat_map(|stream| &stream.stages);
    stages.any(|stage| stage.strips.is_some())
}

/// The least arena that an error speaks of.
fn least(refused: &castiron_codegen::error::Error) -> usize {
    let found = refused.diagnostics()[0].found.clone().expect("a figure");
    let bytes = found.split(' ').next().and_then(|n| n.parse().ok());
    bytes.expect("a number of bytes")
}

/// A bound is kept with as few rows as it takes, and with patches where rows are not enough. It changes nothing, and is an error where it cannot
/// be kept.
#[test]
fn an_arena_has_a_bound() {
    let (mut tried, mut patched, mut by_rows, mut several) = (0, 0, 0, 0);
    for seed in 1..34 {
        let (model, isa) = match seed % 3 {
            0 => (chain(seed * 7919), Isa::Portable),
            1 => (blocks(seed * 7919), Isa::Portable),
            _ => (blocks(seed * 7919), Isa::DspFp),
        };
        let arena = |max_arena: Option<usize>, input: Input| {
            let target = Target::new(isa, Optimize::Balanced);
            let mut options = CompileOptions::for_target(target).without(others());
            options.max_arena = max_arena;
            options.input = input;
            compile::compile(&model, &options)
        };
        let whole = arena(None, Input::Whole).expect("it compiles");
        let expected = outputs(&whole, seed, 0);
        let refused = arena(Some(1), Input::Whole).expect_err("no model takes no memory");
        let least_whole = least(&refused);
        assert!(least_whole <= whole.arena_bytes, "{refused}");
        assert!(arena(Some(least_whole - 1), Input::Whole).is_err());
        let zero = arena(Some(0), Input::Whole).expect("it asks for the least");
        assert!(zero.arena_bytes >= least_whole && !has_patches(&zero));
        let middle = (least_whole + whole.arena_bytes) / 2;
        let quarter = (zero.arena_bytes + middle) / 2;
        for bound in [least_whole, quarter, middle, whole.arena_bytes] {
            let bounded = arena(Some(bound), Input::Whole).expect("it is no less than the least");
            assert!(bounded.arena_bytes <= bound, "{bounded}");
            assert_eq!(outputs(&bounded, seed, 0x5a), expected, "{bounded}");
            let same = bounded.entries[0].macs == whole.entries[0].macs;
            assert!(same || has_patches(&bounded), "{bounded}");
            patched += usize::from(has_patches(&bounded));
            several += usize::from(has_several(&bounded));
        }
        tried += usize::from(least_whole < whole.arena_bytes);
        let fits = arena(Some(whole.arena_bytes), Input::Whole).expect("it fits");
        assert_eq!(streams(&fits.entries[0].steps).len(), 0);
        if arena(None, Input::Rows).is_ok() {
            let refused = arena(Some(1), Input::Rows).expect_err("no model takes no memory");
            let rows = arena(Some(least(&refused)), Input::Rows).expect("it is the least");
            assert_eq!(outputs(&rows, seed, 0x5a), expected, "{rows}");
            by_rows += usize::from(has_patches(&rows));
        }
    }
    assert!(
        tried > 8 && patched > 8 && by_rows > 4 && several > 4,
        "{tried} {patched} {by_rows} {several}"
    );
}

/// The less memory, the more is computed again, with the same results; a point's size as a bound gives its plan.
#[test]
fn less_memory_is_more_work() {
    let mut patched = 0;
    for seed in 1..5 {
        let model = blocks(seed * 7919);
        let mut options = CompileOptions::default().without(others());
        let whole = compile::compile(&model, &options).expect("it compiles");
        let expected = outputs(&whole, seed, 0);
        let frontier = compile::frontier(&model, 0, &options).expect("it has plans");
        assert_eq!(frontier.macs, whole.entries[0].macs);
        for point in &frontier.points {
            options.max_arena = Some(point.arena_bytes);
            let program = compile::compile(&model, &options).expect("there is such a plan");
            assert_eq!(program.arena_bytes, point.arena_bytes);
            assert_eq!(program.state_bytes, point.state_bytes);
            assert_eq!(program.entries[0].macs, point.macs);
            assert_eq!(outputs(&program, seed, 0x5a), expected, "{program}");
            assert!(has_patches(&program) || point.extra_macs == 0);
            patched += usize::from(has_patches(&program));
        }
        let points = &frontier.points;
        assert!(points.is_sorted_by_key(|point| point.extra_macs));
        assert!(points.is_sorted_by(|a, b| a.arena_bytes > b.arena_bytes));
    }
    assert!(patched > 2, "{patched}");
}

#[test]
fn a_number_of_bytes_may_have_a_unit() {
    let parsed = |text: &str| text.parse::<Bytes>().ok().map(|Bytes(bytes)| bytes);
    assert_eq!(parsed("8192"), Some(8192));
    assert_eq!(parsed("8k"), Some(8192));
    assert_eq!(parsed("2M"), Some(2 << 20));
    for wrong in [
        "",
        "k",
        "-1",
        "+1",
        "1.5k",
        "8 k",
        "99999999999999999999",
        "99999999999999999M",
    ] {
        assert_eq!(parsed(wrong), None, "{wrong}");
    }
}

/// A row that only a pointwise convolution reads lies where its outputs are written: as memory of its own it takes 192 bytes more.
#[test]
fn rows_that_one_stage_reads_have_no_memory_of_their_own() {
    let bytes = include_bytes!("../../../../examples/models/kws_dscnn_int8.tflite");
    let model = castiron_codegen::tflite::read("kws_dscnn_int8.tflite", bytes).expect("a model");
    let rows = compiled(&model, Isa::Dsp, Passes::NONE);
    let whole = compiled(&model, Isa::Dsp, Passes::from(Pass::StreamRows));
    assert!(rows.arena_bytes <= 5_216, "{} bytes", rows.arena_bytes);
    // Whatever lies in memory before.
    for found in [0, 0xff] {
        assert_eq!(outputs(&rows, 7, found), outputs(&whole, 7, 0));
    }
}
