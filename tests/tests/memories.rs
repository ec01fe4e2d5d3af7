//! An arena in several memories, in the code that `include_model!` makes: what a model has in one memory alone is what it is compared with.

use std::collections::BTreeSet;

use castiron::{Tensor, TensorMut};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::plan::TargetMemory;
use castiron_codegen::program::{Memory, Program};
use castiron_tests::{goldens, workspace};

/// Each with one arena and with several memories. In these, streams read their input in another memory than their line buffers, and custom
/// operators borrow from both.
mod one {
    castiron::include_model!(pub mod kws = "../../examples/models/kws_dscnn_int8.tflite");
    castiron::include_model!(pub mod two = "../data/models/two_signatures_int8.tflite");
    castiron::include_model!(pub mod rows = "../data/ops/conv2d_i8_1.tflite", input_by = "rows");
    castiron::include_model!(pub mod waiting = "../data/waiting/waiting_i8.tflite");
    castiron::include_model!(pub mod counter = "../data/calls/stateful_counter_f32.tflite");
    castiron::include_model!(pub mod relu = "../data/custom/relu_i8.tflite", ops = crate::memories::Ops);
    castiron::include_model!(pub mod delay = "../data/custom/delay_i16.tflite", ops = crate::memories::Ops,
        scratch = "acme/delay=i16x6", state = "acme/delay=i16x6");
}
mod several {
    castiron::include_model!(pub mod kws = "../../examples/models/kws_dscnn_int8.tflite",
        memories = { dtcm = 8k fast, sram = 256k, ext_ram = 4M slow, flash = 16k rom, qspi = 1M slow rom });
    castiron::include_model!(pub mod stream = "../../examples/models/kws_dscnn_int8.tflite",
        optimize = "size", memories = { tcm = 5k fast, ram = 4k, flash = 4k fast rom, qspi = 1M rom slow });
    // Weights alone.
    castiron::include_model!(pub mod weights = "../../examples/models/kws_dscnn_int8.tflite",
        memories = { flash = 512k rom, qspi = 1M slow rom });
    castiron::include_model!(pub mod two = "../data/models/two_signatures_int8.tflite", memories = { tcm = 16 fast, ram = 64 });
    castiron::include_model!(pub mod rows = "../data/ops/conv2d_i8_1.tflite",
        input_by = "rows", memories = { tcm = 32 fast, ram = 256 });
    castiron::include_model!(pub mod waiting = "../data/waiting/waiting_i8.tflite", memories = { tcm = 16 fast, ram = 256 });
    castiron::include_model!(pub mod counter = "../data/calls/stateful_counter_f32.tflite", memories = { ram = 256, tcm = 32 fast });
    castiron::include_model!(pub mod relu = "../data/custom/relu_i8.tflite",
        ops = crate::memories::Ops, memories = { tcm = 32 fast, ram = 256 });
    castiron::include_model!(pub mod delay = "../data/custom/delay_i16.tflite", ops = crate::memories::Ops,
        scratch = "acme/delay=i16x6", state = "acme/delay=i16x6", memories = { tcm = 32 fast, ram = 256 });
}

pub(crate) struct Ops;

macro_rules! ops {
    ($($module:ident),*) => {$(
        impl $module::relu::ops::MyRelu for Ops {
            fn run(_: &[u8], input: Tensor<'_, i8>, output: TensorMut<'_, i8>) {
                for (x, y) in input.values.iter().zip(output.values) {
                    *y = *x.max(&-5);
                }
            }
        }

        impl $module::delay::ops::AcmeDelay for Ops {
            fn run(
                _: &[u8],
                input: Tensor<'_, i16>,
                output: TensorMut<'_, i16>,
                scratch: &mut [i16],
                state: &mut [i16],
            ) {
                scratch.copy_from_slice(state);
                state.copy_from_slice(input.values);
                output.values.copy_from_slice(scratch);
            }
        }
    )*};
}
ops!(one, several);

/// What is too little is said with the figure that is enough, and where the run is that needs it.
#[test]
fn memories_that_are_too_small_say_what_is_enough() {
    let path = workspace().join("examples/models/kws_dscnn_int8.tflite");
    let model = goldens::read(&path).expect("it is sound");
    let compiled = |memories: &[&str]| {
        let mut options = CompileOptions::default();
        options.memories = memories.iter().map(|m| m.parse().unwrap()).collect();
        compile::compile(&model, &options)
    };
    let error = compiled(&["dtcm=1k:fast", "sram=3k"]).unwrap_err();
    let [problem] = error.diagnostics() else {
        panic!("{error}");
    };
    assert!(problem.place.operator.is_some(), "{error}");
    let found = problem.found.clone().unwrap();
    let figure = found.split(' ').nth(1).unwrap().parse::<usize>().unwrap();
    let enough = format!("sram={figure}");
    assert!(compiled(&["dtcm=1k:fast", &enough]).is_ok(), "{error}");
    let little = format!("sram={}", figure - 16);
    assert!(compiled(&["dtcm=1k:fast", &little]).is_err(), "{error}");

    // Operators run row by row only where the memories are too small without.
    let streams = |memories: &[&str]| {
        let program = compiled(memories).expect("there is room");
        castiron_codegen::program::streams(&program.entries[0].steps).len()
    };
    assert_eq!(streams(&["dtcm=8k:fast", "sram=8k"]), 0);
    assert_eq!(streams(&["dtcm=5k:fast", "sram=1k"]), 1);

    // A bound changes nothing but what it has to.
    let bounded = |memories: &[&str], most: usize| {
        let mut options = CompileOptions::default();
        options.memories = memories.iter().map(|m| m.parse().unwrap()).collect();
        options.max_arena = Some(most);
        compile::compile(&model, &options)
    };
    let little = ["dtcm=5k:fast", "sram=1k"];
    assert!(bounded(&little, 1 << 20).is_ok());
    let large = ["dtcm=8k:fast", "sram=64k"];
    let least = bounded(&large, 0).expect("there is room").arena_bytes;
    let whole = compiled(&large).expect("there is room").arena_bytes;
    assert!(least < whole, "{least} {whole}");
    for most in [least, (least + whole) / 2, whole - 1, whole] {
        let program = bounded(&large, most).expect("it is no less than the least");
        assert!(program.arena_bytes <= most, "{most}");
    }

    for wrong in [
        "dtcm",
        "init=64k",
        "dtcm=64k:quick",
        "dtcm=64k:fast:slow",
        "qspi=64k:rom:rom",
        "dtcm=1.5k",
        "Dtcm=64k",
        "2nd=64k",
        "static=64k",
        "input_ram=64k",
        "state=1k",
        "=64k",
        "a__b=64k",
    ] {
        assert!(wrong.parse::<TargetMemory>().is_err(), "{wrong}");
    }
    let twice = compiled(&["dtcm=64k", "dtcm=64k"]).unwrap_err();
    assert!(twice.to_string().contains("two memories have one name"));
}

/// The picture has a map for each memory that is used.
#[test]
fn pictures_have_a_map_for_each_memory() {
    let path = workspace().join("examples/models/kws_dscnn_int8.tflite");
    let model = goldens::read(&path).expect("it is sound");
    let mut options = CompileOptions::default();
    options.memories = ["dtcm=8k:fast", "sram=64k", "psram=4M:slow"]
        .map(|m| m.parse().unwrap())
        .into();
    let (_, plan) = compile::plan_graph(&model, 0, &options).expect("there is room");
    let picture = plan.to_svg("kws");
    for text in [
        "dtcm (fast): 8,000 of 8,192 bytes",
        "sram (normal): 8,000 of 65,536 bytes",
        "490 bytes at 0 of dtcm",
        "8,000 bytes at 0 of sram",
        "16,000 bytes of arena in 3 memories",
    ] {
        assert!(picture.contains(text), "{text}");
    }
    assert!(!picture.contains("psram"));
}

/// Values that differ from case to case.
fn noise<const N: usize>(case: usize) -> [i8; N] {
    std::array::from_fn(|at| (at * 37 + case * 101 + at * at * 13) as i8)
}

#[test]
fn memories_are_as_large_as_they_are_said_to_be() {
    use several::kws;
    assert_eq!(kws::ARENA_BYTES, kws::DTCM_BYTES + kws::SRAM_BYTES);
    // Guard words, one behind each arena, and one behind what lasts.
    let guard = if cfg!(debug_assertions) { 16 } else { 0 };
    assert_eq!(size_of::<kws::Dtcm>(), 8000 + guard);
    assert_eq!(size_of::<kws::Sram>(), kws::SRAM_BYTES + guard);
    assert_eq!((size_of::<kws::ExtRam>(), kws::EXT_RAM_BYTES), (guard, 0));
    // What lasts is in one of them.
    let both = size_of::<several::waiting::Tcm>() + size_of::<several::waiting::Ram>();
    let bytes = several::waiting::ARENA_BYTES + several::waiting::STATE_BYTES;
    assert_eq!(both, bytes.next_multiple_of(16) + 3 * guard);
    assert!(size_of::<several::kws::Model<'_>>() <= 3 * size_of::<usize>());
}

#[test]
fn memories_change_no_output() {
    let mut one = one::kws::Model::new();
    let (mut dtcm, mut sram, mut ext) = (
        several::kws::Dtcm::new(),
        several::kws::Sram::new(),
        several::kws::ExtRam::new(),
    );
    let mut several = several::kws::Model::new(&mut dtcm, &mut sram, &mut ext);
    let (mut tcm, mut ram) = (several::stream::Tcm::new(), several::stream::Ram::new());
    let mut stream = several::stream::Model::new(&mut tcm, &mut ram);
    for case in 0..3 {
        let input = noise(case);
        let expected = *one.predict(&input);
        assert_eq!(several.predict(&input), &expected);
        several.input_mut().copy_from_slice(&input);
        several.run();
        assert_eq!(several.output(), &expected);
        assert_eq!(stream.predict(&input), &expected);
        assert_eq!(several::weights::Model::new().predict(&input), &expected);
    }
}

/// Weights of much work lie in the faster memory, small ones first; all of them have one place.
#[test]
fn weights_lie_in_memories() {
    let path = workspace().join("examples/models/kws_dscnn_int8.tflite");
    let model = goldens::read(&path).expect("it is sound");
    let compiled = |memories: &[&str]| {
        let mut options = CompileOptions::default();
        options.memories = memories.iter().map(|m| m.parse().unwrap()).collect();
        compile::compile(&model, &options)
    };
    let one = compiled(&[]).expect("it compiles").constants.bytes().len();
    let program = compiled(&["qspi=1M:slow:rom", "flash=16k:rom"]).expect("there is room");
    let [qspi, flash] = &program.roms[..] else {
        panic!("{:?}", program.roms);
    };
    assert!(program.parts.is_empty() && qspi.offset == 0);
    assert!(
        flash.bytes <= 16 * 1024 && flash.bytes > 12 * 1024,
        "{flash:?}"
    );
    assert!((qspi.bytes + flash.bytes).abs_diff(one) <= 32);
    // Where constants of some length lie that operators of a kind read.
    let memories = |program: &Program, kind: &str, least: usize| -> BTreeSet<String> {
        let calls = program.calls().filter(|call| call.origin.name == kind);
        let read = calls.flat_map(|call| &call.operands);
        let read = read.filter(|o| o.memory == Memory::Constants && o.len >= least);
        read.filter_map(|o| Some(program.rom_of(o)?.rom.name.clone()))
            .collect()
    };
    let only = |name: &str| BTreeSet::from([name.to_owned()]);
    assert_eq!(memories(&program, "DEPTHWISE_CONV_2D", 1), only("flash"));
    assert_eq!(memories(&program, "CONV_2D", 4096).len(), 2);
    // A dense layer reads its weights once; those of a convolution are read for each place.
    let flash = format!("flash={}:rom", one - 1124);
    let most = compiled(&["qspi=1M:slow:rom", &flash]).expect("there is room");
    assert_eq!(memories(&most, "CONV_2D", 1), only("flash"));
    assert_eq!(memories(&most, "FULLY_CONNECTED", 768), only("qspi"));

    let all = compiled(&["qspi=1M:slow:rom", "flash=1M:rom"]).expect("there is room");
    assert_eq!(all.roms[0].bytes, 0);
    // What is said to be enough is, and of one memory it is the least.
    for others in [&["qspi=2k:slow:rom"][..], &[]] {
        let with = |flash: usize| {
            let flash = format!("flash={flash}:rom");
            compiled(&[others, &[&*flash]].concat())
        };
        let error = with(16 * 1024).unwrap_err();
        let [problem] = error.diagnostics() else {
            panic!("{error}");
        };
        let found = problem.found.clone().unwrap();
        let figure = found.split(' ').nth(1).unwrap().parse::<usize>().unwrap();
        assert!(with(figure).is_ok(), "{error}");
        assert!(!others.is_empty() || with(figure - 1).is_err(), "{error}");
    }
}

/// One that borrows for good is a model as others.
#[test]
fn a_model_in_memories_is_one_of_all() {
    fn zeros<M>(model: &mut M) -> [i8; 12]
    where
        M: for<'a> castiron::Model<Inputs<'a> = &'a [i8; 490], Outputs<'a> = &'a [i8; 12]>,
    {
        *model.predict(&[0; 490])
    }
    let tcm = Box::leak(Box::new(several::stream::Tcm::new()));
    let ram = Box::leak(Box::new(several::stream::Ram::new()));
    let mut stream = several::stream::Model::new(tcm, ram);
    assert_eq!(zeros(&mut stream), zeros(&mut one::kws::Model::new()));
}

#[test]
fn all_signatures_share_the_memories() {
    let mut one = one::two::Model::new();
    let (mut tcm, mut ram) = (several::two::Tcm::new(), several::two::Ram::new());
    let mut several = several::two::Model::new(&mut tcm, &mut ram);
    for case in 0..3 {
        let (code, window) = (noise(case), noise(case + 7));
        assert_eq!(one.decode(&code), several.decode(&code));
        assert_eq!(one.encode(&window), several.encode(&window));
    }
}

/// What lasts is the model's own, and a new one starts anew whatever the memory holds.
#[test]
fn what_lasts_lies_in_a_memory() {
    let mut one = one::waiting::Model::new();
    let (mut tcm, mut ram) = (several::waiting::Tcm::new(), several::waiting::Ram::new());
    for _ in 0..2 {
        let mut several = several::waiting::Model::new(&mut tcm, &mut ram);
        let (mut other_tcm, mut other_ram) =
            (several::waiting::Tcm::new(), several::waiting::Ram::new());
        let mut other = several::waiting::Model::new(&mut other_tcm, &mut other_ram);
        one.reset();
        let mut waited = false;
        for case in 0..7 {
            let input = noise(case);
            let expected = one.predict(&input);
            assert_eq!(several.predict(&input), expected);
            if case % 2 == 0 {
                // It has had fewer runs.
                let _ = other.predict(&input);
            }
            waited |= expected.is_err();
        }
        assert!(waited);
    }

    let mut one = one::counter::Model::new();
    let (mut ram, mut tcm) = (several::counter::Ram::new(), several::counter::Tcm::new());
    let mut several = several::counter::Model::new(&mut ram, &mut tcm);
    for case in 0..4u8 {
        let input = [f32::from(case) + 0.25; size_of::<one::counter::Input>() / 4];
        assert_eq!(one.predict(&input), several.predict(&input));
    }
    several.reset();
    one.reset();
    let input = [1.5; size_of::<one::counter::Input>() / 4];
    assert_eq!(one.predict(&input), several.predict(&input));
}

#[test]
fn rows_come_into_a_memory() {
    let mut one = one::rows::Model::new();
    let (mut tcm, mut ram) = (several::rows::Tcm::new(), several::rows::Ram::new());
    let mut several = several::rows::Model::new(&mut tcm, &mut ram);
    for case in 0..2 {
        for row in 0..one::rows::INPUT_ROWS {
            let row = noise(case * 16 + row);
            assert_eq!(one.push_row(&row), several.push_row(&row));
        }
        assert_eq!(several.missing_rows(), 0);
    }
}

#[test]
fn custom_operators_borrow_from_memories() {
    let mut one = one::relu::Model::new();
    let (mut tcm, mut ram) = (several::relu::Tcm::new(), several::relu::Ram::new());
    let mut several = several::relu::Model::new(&mut tcm, &mut ram);
    let input: one::relu::Input = noise(1);
    one.input_mut().copy_from_slice(&input);
    several.input_mut().copy_from_slice(&input);
    one.run();
    several.run();
    assert_eq!(one.output(), several.output());

    let mut one = one::delay::Model::new();
    let (mut tcm, mut ram) = (several::delay::Tcm::new(), several::delay::Ram::new());
    let mut several = several::delay::Model::new(&mut tcm, &mut ram);
    for case in 0..3 {
        let input = [case, 2, 3, 4, 5, 6];
        assert_eq!(one.predict(&input), several.predict(&input));
    }
}
