//! Runs in parts: outputs are those of a run as a whole, wherever it stops, and whatever was not finished before.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake};

use castiron_codegen::compile::{self, CompileOptions, Input};
use castiron_codegen::emit::rust::{RustOptions, check_steps, file};
use castiron_codegen::plan::Buffers;
use castiron_codegen::tflite;
use castiron_tests::workspace;

castiron::include_model!(mod whole = "../../examples/models/kws_dscnn_int8.tflite", steps = true);
// Row by row, and some rows patch by patch.
castiron::include_model!(mod rows = "../../examples/models/kws_dscnn_int8.tflite", max_arena = 5500, steps = true);
castiron::include_model!(mod apart = "../../examples/models/kws_dscnn_int8.tflite", steps = true,
    memories = { sram = 8k fast, psram = 1M slow });
castiron::include_model!(mod counter = "../data/calls/stateful_counter_f32.tflite", steps = true);

castiron::include_model!(mod branch = "../data/calls/if_branch_f32.tflite", steps = true);
castiron::include_model!(mod branch_i8 = "../data/calls/if_i8_0.tflite", steps = true);
castiron::include_model!(mod looped = "../data/calls/while_loop_f32.tflite", steps = true);
castiron::include_model!(mod nested = "../data/calls/nested_f32.tflite", steps = true);
castiron::include_model!(mod variable = "../data/calls/variable_i8_1.tflite", steps = true);
castiron::include_model!(mod several = "../data/models/two_signatures_int8.tflite", steps = true);
castiron::include_model!(mod many = "../data/models/multi_io_int8.tflite", steps = true, max_arena = 0);
castiron::include_model!(mod waiting = "../data/waiting/waiting_i8.tflite", steps = true);

fn input(seed: usize) -> whole::Input {
    std::array::from_fn(|i| ((i * 37 + seed * 101) % 256) as u8 as i8)
}

/// Calls of `run` until there was no more to run.
macro_rules! in_parts {
    ($model:expr, $budget:expr) => {{
        let mut steps = $model.steps();
        let mut calls = 1;
        while steps.run($budget) {
            calls += 1;
        }
        // There is nothing left.
        assert!(!steps.run($budget));
        calls
    }};
}

#[test]
fn outputs_are_those_of_a_whole_run_for_every_budget() {
    let mut reference = Box::new(whole::Model::new());
    let (mut whole, mut rows) = (Box::new(whole::Model::new()), Box::new(rows::Model::new()));
    let (mut sram, mut psram) = (apart::Sram::new(), apart::Psram::new());
    let mut apart = apart::Model::new(&mut sram, &mut psram);
    let mut most = [0; 3];
    for (seed, budget) in [0, 1, 1_000, 50_000, 1_000_000, u64::MAX]
        .into_iter()
        .enumerate()
    {
        let input = input(seed);
        let expected = *reference.predict(&input);
        *whole.input_mut() = input;
        *rows.input_mut() = input;
        *apart.input_mut() = input;
        let calls = [
            in_parts!(whole, budget),
            in_parts!(rows, budget),
            in_parts!(apart, budget),
        ];
        assert_eq!(
            [whole.output(), rows.output(), apart.output()],
            [&expected; 3]
        );
        if budget == u64::MAX {
            assert_eq!(calls, [1; 3]);
        }
        for (most, calls) in most.iter_mut().zip(calls) {
            *most = calls.max(*most);
        }
    }
    // Operators one by one; and rows of them.
    assert!(most[0] > 5, "{most:?}");
    assert!(most[1] > 2 * most[0], "{most:?}");
}

#[test]
fn a_run_after_one_that_was_dropped_starts_anew() {
    let mut reference = Box::new(rows::Model::new());
    let mut model = Box::new(rows::Model::new());
    let expected = *reference.predict(&input(7));
    for calls in [1, 2, 9, 40] {
        *model.input_mut() = input(3);
        let mut steps = model.steps();
        for _ in 0..calls {
            assert!(steps.run(1));
        }
        *model.input_mut() = input(7);
        assert!(in_parts!(model, 1) > 40);
        assert_eq!(*model.output(), expected);
        assert_eq!(*model.predict(&input(7)), expected);
    }
}

#[test]
fn what_lasts_from_run_to_run_is_written_once_a_run() {
    let mut reference = counter::Model::new();
    let mut model = counter::Model::new();
    for _ in 0..4 {
        reference.run();
        in_parts!(model, 1);
        assert_eq!(
            format!("{:?}", castiron::Model::outputs(&model)),
            format!("{:?}", castiron::Model::outputs(&reference))
        );
    }
}

/// A value that takes a condition now this way, now that, and a loop a few times.
trait Made {
    fn made(number: usize) -> Self;
}

impl Made for i8 {
    fn made(number: usize) -> Self {
        (number * 37) as u8 as i8
    }
}

/// Conditions are.
impl Made for u8 {
    fn made(number: usize) -> Self {
        (number % 2) as Self
    }
}

impl Made for i32 {
    fn made(number: usize) -> Self {
        number as Self % 5
    }
}

impl Made for f32 {
    fn made(number: usize) -> Self {
        (number % 7) as Self - 2.5
    }
}

fn fill<T: Made, const N: usize>(values: &mut [T; N], seed: usize) {
    for (position, value) in values.iter_mut().enumerate() {
        *value = T::made(position + seed);
    }
}

/// That runs in parts of whatever budget give what successive runs as a whole do, and how many parts there are at most.
macro_rules! parts_agree {
    ($module:ident, [$($input:ident),*], [$($output:ident),*]) => {{
        let (mut reference, mut model) = (Box::new($module::Model::new()), Box::new($module::Model::new()));
        let mut most = 0;
        for (seed, budget) in [1, 0, 300, u64::MAX, 1, 1].into_iter().enumerate() {
            $(
                fill(reference.$input(), seed);
                fill(model.$input(), seed);
            )*
            reference.run();
            most = most.max(in_parts!(model, budget));
            $(assert_eq!(model.$output(), reference.$output(), "{budget}");)*
        }
        most
    }};
}

#[test]
fn branches_loops_and_called_subgraphs_run_as_one_operator_each() {
    assert!(parts_agree!(branch, [input_mut], [output]) > 1);
    assert_eq!(
        parts_agree!(
            branch_i8,
            [input_a_mut, input_b_mut, input_cond_mut],
            [output]
        ),
        1
    );
    assert!(parts_agree!(looped, [input_mut], [output]) > 1);
    assert!(
        parts_agree!(
            nested,
            [input_c_mut, input_x_mut],
            [output_branch, output_value, output_x]
        ) > 1
    );
    assert!(parts_agree!(variable, [input_mut], [output]) > 1);
    assert_eq!(parts_agree!(several, [input_mut], [output]), 2);
    assert!(
        parts_agree!(
            many,
            [input_features_mut, input_image_mut],
            [output_bbox, output_embedding, output_scores]
        ) > 11
    );
}

#[test]
fn a_run_that_waits_for_more_inputs_ends_once() {
    let (mut reference, mut model) = (waiting::Model::new(), waiting::Model::new());
    let mut with_outputs = 0;
    for seed in 0..12 {
        fill(reference.input_mut(), seed);
        fill(model.input_mut(), seed);
        let expected = reference.run();
        let mut steps = model.steps();
        let ran = loop {
            match steps.run(1) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(ended) => break Err(ended),
            }
        };
        // Who asks again is told the same, and nothing is counted twice.
        assert_eq!(steps.run(1).map(|more| assert!(!more)), ran);
        assert_eq!(ran, expected);
        if ran.is_ok() {
            assert_eq!(model.output(), reference.output());
            with_outputs += 1;
        }
    }
    assert!((1..12).contains(&with_outputs), "{with_outputs}");
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn other_tasks_run_between_parts_of_an_asynchronous_run() {
    let mut reference = Box::new(rows::Model::new());
    let mut model = Box::new(rows::Model::new());
    let expected = *reference.predict(&input(5));
    *model.input_mut() = input(5);
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    let mut context = Context::from_waker(&waker);
    let mut ticks = 0;
    {
        let mut run = pin!(model.run_async(10_000));
        while run.as_mut().poll(&mut context).is_pending() {
            ticks += 1;
            assert_eq!(woken.0.load(Ordering::Relaxed), ticks);
        }
        // An executor that looks at it once more does no harm.
        assert!(run.as_mut().poll(&mut context).is_ready());
    }
    assert!(ticks > 40, "{ticks}");
    assert_eq!(*model.output(), expected);
}

#[test]
fn models_without_a_run_in_parts_say_so_and_others_have_no_code_for_it() {
    let path = workspace().join("examples/models/kws_dscnn_int8.tflite");
    let model = tflite::read("kws", &std::fs::read(path).unwrap()).unwrap();
    let refused = |change: fn(&mut CompileOptions)| {
        let mut options = CompileOptions::default();
        change(&mut options);
        let program = compile::compile(&model, &options).unwrap();
        check_steps(&program).err().map(|error| error.to_string())
    };
    let rows = refused(|options| options.input = Input::Rows).unwrap();
    assert!(rows.contains("input comes row by row"), "{rows}");
    let held = refused(|options| options.plan.buffers = Buffers::Caller).unwrap();
    assert!(
        held.contains("inputs or outputs are the caller's"),
        "{held}"
    );
    assert_eq!(refused(|_| ()), None);

    let program = compile::compile(&model, &CompileOptions::default()).unwrap();
    let mut options = RustOptions::default();
    let without = file(&program, &options);
    options.steps = true;
    let with = file(&program, &options);
    assert!(!without.contains("Steps") && !without.contains("run_async"));
    assert!(with.contains("pub struct Steps") && with.contains("pub fn run_async"));
}
