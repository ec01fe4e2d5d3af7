//! Inputs and outputs in the caller's buffers, in the code that `include_model!` makes: what a model has in its own arena is what it is compared
//! with.

use castiron::{Buffer, RunError, Tensor, TensorMut};
use castiron_codegen::compile::{self, CompileOptions, Input};
use castiron_codegen::plan::Buffers;
use castiron_codegen::program::{Program, streams};
use castiron_tests::{goldens, workspace};

mod own {
    castiron::include_model!(pub mod kws = "../../examples/models/kws_dscnn_int8.tflite");
    castiron::include_model!(pub mod multi = "../data/models/multi_io_int8.tflite");
    castiron::include_model!(pub mod edges = "../data/models/passthrough_edges_int8.tflite");
    castiron::include_model!(pub mod two = "../data/models/two_signatures_int8.tflite");
    castiron::include_model!(pub mod entries = "../data/waiting/waiting_entries_i8.tflite");
    castiron::include_model!(pub mod counter = "../data/calls/stateful_counter_f32.tflite");
    castiron::include_model!(pub mod relu = "../data/custom/relu_i8.tflite", ops = crate::buffers::Ops);
}
/// In the second of these a stream reads its input in another memory than its line buffers, and writes its output to a third.
mod held {
    castiron::include_model!(pub mod kws = "../../examples/models/kws_dscnn_int8.tflite", buffers = "caller");
    castiron::include_model!(pub mod rows = "../../examples/models/kws_dscnn_int8.tflite", buffers = "caller", max_arena = "0");
    castiron::include_model!(pub mod spread = "../../examples/models/kws_dscnn_int8.tflite",
        buffers = "caller", memories = { dtcm = 8k fast, sram = 256k });
    castiron::include_model!(pub mod multi = "../data/models/multi_io_int8.tflite", buffers = "inputs");
    castiron::include_model!(pub mod edges = "../data/models/passthrough_edges_int8.tflite", buffers = "caller");
    castiron::include_model!(pub mod edges_in = "../data/models/passthrough_edges_int8.tflite", buffers = "inputs");
    castiron::include_model!(pub mod edges_out = "../data/models/passthrough_edges_int8.tflite", buffers = "outputs");
    castiron::include_model!(pub mod two = "../data/models/two_signatures_int8.tflite", buffers = "caller");
    castiron::include_model!(pub mod entries = "../data/waiting/waiting_entries_i8.tflite", buffers = "caller");
    castiron::include_model!(pub mod counter = "../data/calls/stateful_counter_f32.tflite", buffers = "caller");
    castiron::include_model!(pub mod relu = "../data/custom/relu_i8.tflite",
        ops = crate::buffers::Ops, buffers = "caller");
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
    )*};
}
ops!(own, held);

/// Values of all sizes, others for each seed.
fn noise<const N: usize>(seed: usize) -> [i8; N] {
    std::array::from_fn(|i| (((i + seed + 1) * (i + 3 * seed + 7) * 37) >> 3) as i8)
}

/// Two frames and two results change places, as where a device fills one meanwhile: the model keeps none of them, and writes to no frame.
#[test]
fn buffers_change_places_from_run_to_run() {
    const { assert!(held::rows::ARENA_BYTES < held::kws::ARENA_BYTES) };
    let mut own = own::kws::Model::new();
    let mut whole = held::kws::Model::new();
    let mut rows = held::rows::Model::new();
    let (mut dtcm, mut sram) = (held::spread::Dtcm::new(), held::spread::Sram::new());
    let mut spread = held::spread::Model::new(&mut dtcm, &mut sram);
    let mut frames = [noise::<{ size_of::<own::kws::Input>() }>(0), noise(1)].map(Buffer);
    let mut results = [Buffer([0; size_of::<own::kws::Output>()]); 2];
    for run in 0..6 {
        let at = run % 2;
        let sent = *frames[at];
        let expected = *own.predict(&sent);
        let before = results[1 - at];
        for way in 0..3 {
            let (frame, result) = (&mut frames[at], &mut results[at]);
            result.fill(77);
            match way {
                0 => whole.run_with(frame, result),
                1 => rows.run_with(frame, result),
                _ => spread.run_with(frame, result),
            }
            .expect("they are aligned");
            assert_eq!(**result, expected, "run {run}, way {way}");
            assert_eq!(*frames[at], sent, "run {run}, way {way}");
        }
        assert_eq!(results[1 - at], before, "the other result is left");
        *frames[at] = noise(run + 2);
    }
}

/// Nothing runs where a buffer begins elsewhere.
#[test]
fn buffers_that_are_not_aligned_are_refused() {
    let mut model = held::kws::Model::new();
    let mut large = Buffer([3i8; size_of::<own::kws::Input>() + 8]);
    let mut result = Buffer([9i8; size_of::<own::kws::Output>() + 1]);
    for shift in [1, 4, 8] {
        let frame = large[shift..].first_chunk_mut().expect("there is room");
        let output = result.first_chunk_mut().expect("there is room");
        assert_eq!(model.run_with(frame, output), Err(RunError::Unaligned));
    }
    let (frame, output) = (large.first_chunk_mut(), result[1..].first_chunk_mut());
    let (frame, output) = frame.zip(output).expect("there is room");
    assert_eq!(model.run_with(frame, output), Err(RunError::Unaligned));
    assert!(result.iter().all(|value| *value == 9));
    insta::assert_snapshot!(
        RunError::Unaligned,
        @"a buffer of an input or output does not begin at a multiple of 16 bytes"
    );
    assert_eq!(RunError::from(castiron::NotYet), RunError::NotYet);
    assert_eq!(RunError::NotYet.to_string(), castiron::NotYet.to_string());
}

/// Inputs alone: outputs stay in the model.
#[test]
fn inputs_may_be_the_callers_alone() {
    let (mut own, mut held) = (own::multi::Model::new(), held::multi::Model::new());
    for case in 0..3 {
        let (mut features, mut image) = (Buffer(noise(case)), Buffer(noise(case + 9)));
        let (embedding, scores, bbox) = own.predict(&features, &image);
        let run = held.run_with(&mut features, &mut image);
        run.expect("they are aligned");
        assert_eq!(held.output_embedding(), embedding);
        assert_eq!(held.output_scores(), scores);
        assert_eq!(held.output_bbox(), bbox);
    }
}

/// An input that is an output comes to where each is asked for.
#[test]
fn what_passes_through_is_copied() {
    const { assert!(held::edges::ARENA_BYTES == 0 && own::edges::ARENA_BYTES > 0) };
    let y = Buffer([0.5, -2.0, 8.0]);
    let x = Buffer(noise(4));
    let mut own = own::edges::Model::new();
    let (a, b, same) = own.predict(&y, &x);
    assert_eq!(same, &*x);

    let (mut sent_y, mut sent_x) = (y, x);
    let (mut of_a, mut of_b, mut of_same) = (Buffer(*a), Buffer(*b), Buffer(*same));
    let mut clear = || {
        of_a.fill(Default::default());
        of_b.fill(Default::default());
        of_same.fill(Default::default());
    };
    clear();
    let mut both = held::edges::Model::new();
    let run = both.run_with(&mut sent_y, &mut sent_x, &mut of_a, &mut of_b, &mut of_same);
    run.expect("they are aligned");
    assert_eq!((&*of_a, &*of_b, &*of_same), (a, b, same));
    assert_eq!((sent_y, sent_x), (y, x));

    let mut inputs = held::edges_in::Model::new();
    let run = inputs.run_with(&mut sent_y, &mut sent_x);
    run.expect("they are aligned");
    assert_eq!((sent_y, sent_x), (y, x));
    assert_eq!(inputs.output_output_1(), a);
    assert_eq!(inputs.output_output_0(), b);
    assert_eq!(inputs.output_output_2(), same);

    let mut outputs = held::edges_out::Model::new();
    *outputs.input_spare_mut() = *y;
    *outputs.input_x_mut() = *x;
    of_a.fill(Default::default());
    of_b.fill(Default::default());
    of_same.fill(Default::default());
    let run = outputs.run_with(&mut of_a, &mut of_b, &mut of_same);
    run.expect("they are aligned");
    assert_eq!((&*of_a, &*of_b, &*of_same), (a, b, same));
}

/// Signatures have runs of their own, and one that another operator runs, too, gets copies.
#[test]
fn signatures_take_buffers() {
    let (mut own, mut held) = (own::two::Model::new(), held::two::Model::new());
    let mut input = Buffer(noise(1));
    let mut output = Buffer(*own.encode(&input));
    let expected = std::mem::take(&mut *output);
    let run = held.run_encode_with(&mut input, &mut output);
    run.expect("they are aligned");
    assert_eq!(*output, expected);
    let mut decoded = Buffer(*own.decode(&expected));
    let expected = std::mem::replace(&mut *decoded, noise(5));
    let run = held.run_decode_with(&mut output, &mut decoded);
    run.expect("they are aligned");
    assert_eq!(*decoded, expected);

    let (mut own, mut held) = (own::entries::Model::new(), held::entries::Model::new());
    let mut waited = false;
    for case in 0..12 {
        let (mut x, mut condition) = (Buffer(noise(case)), Buffer([u8::from(case % 3 > 0)]));
        let mut output = Buffer([0; 4]);
        let (expected, found) = match case % 2 {
            0 => (
                own.either(&x, &condition).copied(),
                held.run_either_with(&mut x, &mut condition, &mut output),
            ),
            _ => (
                own.push(&x).copied(),
                held.run_push_with(&mut x, &mut output),
            ),
        };
        assert_eq!(*x, noise(case));
        match expected {
            Ok(expected) => assert_eq!((found, *output), (Ok(()), expected), "case {case}"),
            Err(castiron::NotYet) => assert_eq!(found, Err(RunError::NotYet), "case {case}"),
        }
        waited |= found.is_err();
    }
    assert!(waited);
}

/// What lasts stays in the model, and is forgotten as ever.
#[test]
fn a_model_with_buffers_remembers() {
    let (mut own, mut held) = (own::counter::Model::new(), held::counter::Model::new());
    for run in 0..6u8 {
        if run == 3 {
            own.reset();
            held.reset();
        }
        let mut sample = Buffer([f32::from(run) + 0.25; size_of::<own::counter::Input>() / 4]);
        let (score, count) = own.predict(&sample);
        let (mut scores, mut counts) = (Buffer(score.map(|_| 0.0)), Buffer(count.map(|_| 0.0)));
        let run = held.run_with(&mut sample, &mut scores, &mut counts);
        run.expect("they are aligned");
        assert_eq!((&*scores, &*counts), (score, count));
    }
}

/// The firmware's operators get slices of buffers.
#[test]
fn custom_operators_borrow_from_buffers() {
    let (mut own, mut held) = (own::relu::Model::new(), held::relu::Model::new());
    for case in 0..3 {
        let mut input = Buffer(noise(case));
        own.input_mut().copy_from_slice(&*input);
        own.run();
        let mut output = Buffer([0; size_of::<own::relu::Output>()]);
        held.run_with(&mut input, &mut output)
            .expect("they are aligned");
        assert_eq!(&*output, own.output());
        assert_eq!(*input, noise(case));
    }
}

/// Rows come one by one or as a whole, and not both.
#[test]
fn rows_and_buffers_exclude_each_other() {
    let path = workspace().join("examples/models/kws_dscnn_int8.tflite");
    let model = goldens::read(&path).expect("it is sound");
    let mut options = CompileOptions::default();
    options.input = Input::Rows;
    options.plan.buffers = Buffers::Outputs;
    let error = compile::compile(&model, &options).unwrap_err().to_string();
    let error = error.replace(&*path.to_string_lossy(), "kws.tflite");
    insta::assert_snapshot!(error);
}

/// A bound lets operators run row by row; patches would need their rows in the arena, where they compute them again.
#[test]
fn no_patch_reads_a_buffer() {
    let path = workspace().join("examples/models/kws_dscnn_int8.tflite");
    let model = goldens::read(&path).expect("it is sound");
    let bounded = |buffers: Buffers, most: usize| {
        let mut options = CompileOptions::default();
        options.plan.buffers = buffers;
        options.max_arena = Some(most);
        compile::compile(&model, &options)
    };
    let has_patches = |program: &Program| {
        let all = streams(&program.entries[0].steps);
        let mut stages = all.iter().flat_map(|stream| &stream.stages);
        stages.any(|stage| stage.strips.is_some())
    };
    let patched = bounded(Buffers::Model, 5200).expect("patches are enough");
    assert!(has_patches(&patched));
    for buffers in [Buffers::Inputs, Buffers::Outputs, Buffers::Caller] {
        let refused = bounded(buffers, 4800).unwrap_err();
        let found = refused.diagnostics()[0].found.clone().unwrap();
        let least = found.split(' ').next().unwrap().parse().unwrap();
        let program = bounded(buffers, least).expect("it is the least");
        assert!(program.arena_bytes == least && !has_patches(&program));
    }
}
