//! Custom operators that the firmware computes, through `include_model!`.

use castiron::{Tensor, TensorMut};
use castiron_codegen::compile::{self, CompileOptions, plan_graph};
use castiron_codegen::exec::Machine;
use castiron_codegen::program::{FirmwareOps, OpBuffer};
use castiron_codegen::report::Report;
use castiron_tests::{goldens, workspace};

castiron::include_model!(mod relu = "../data/custom/relu_i8.tflite", ops = crate::custom::Ops);
castiron::include_model!(mod delay = "../data/custom/delay_i16.tflite", ops = crate::custom::Ops,
    scratch = "acme/delay=i16x6", state = "acme/delay=i16x6");
castiron::include_model!(mod odd_names = "../data/custom/odd_names_i8.tflite", ops = crate::custom::Ops,
    scratch = "top \"k\"=3=i8x6");

struct Ops;

impl relu::ops::MyRelu for Ops {
    fn run(options: &[u8], input: Tensor<'_, i8>, output: TensorMut<'_, i8>) {
        let above = options.first().copied().unwrap_or(0);
        let least = output.spec.zero_point as i8 + above as i8;
        for (x, y) in input.values.iter().zip(output.values) {
            *y = *x.max(&least);
        }
    }
}

impl delay::ops::AcmeDelay for Ops {
    fn run(
        options: &[u8],
        input: Tensor<'_, i16>,
        output: TensorMut<'_, i16>,
        scratch: &mut [i16],
        state: &mut [i16],
    ) {
        assert_eq!((options, input.spec.shape), (&b"acme"[..], &[1, 6][..]));
        scratch.copy_from_slice(state);
        state.copy_from_slice(input.values);
        output.values.copy_from_slice(scratch);
    }
}

impl odd_names::ops::TopK3 for Ops {
    fn run(_: &[u8], input: Tensor<'_, i8>, output: TensorMut<'_, i8>, scratch: &mut [i8]) {
        scratch.copy_from_slice(input.values);
        output.values.copy_from_slice(scratch);
    }
}

impl odd_names::ops::m2NormV20X for Ops {
    fn run(_: &[u8], input: Tensor<'_, i8>, output: TensorMut<'_, i8>) {
        output.values.copy_from_slice(input.values);
    }
}

impl odd_names::ops::GrEr for Ops {
    fn run(_: &[u8], input: Tensor<'_, i8>, output: TensorMut<'_, i8>) {
        output.values.copy_from_slice(input.values);
    }
}

/// A golden's bytes.
fn golden(model: &str, tensor: &str) -> Vec<u8> {
    let file = format!("tests/data/custom/golden/{model}.safetensors");
    goldens::tensor(&workspace().join(file), tensor)
}

fn wide(bytes: &[u8]) -> [i16; 6] {
    let (pairs, _) = bytes.as_chunks::<2>();
    let values: Vec<i16> = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    values.try_into().expect("six values")
}

/// Two of one name, of different shapes, among builtin ones.
#[test]
fn firmware_computes_operators_within_a_model() {
    let mut model = relu::Model::new();
    for case in 0..4 {
        let input = golden("relu_i8", &format!("in_{case}_0"));
        for (stored, byte) in model.input_mut().iter_mut().zip(input) {
            *stored = byte as i8;
        }
        model.run();
        let scores: Vec<u8> = model.output().iter().map(|value| *value as u8).collect();
        assert_eq!(scores, golden("relu_i8", &format!("out_{case}_0")));
    }
}

/// A name is any text; the trait is called after its letters and digits.
#[test]
fn names_of_operators_need_not_be_identifiers() {
    let mut model = odd_names::Model::new();
    for case in 0..4 {
        let input = golden("odd_names_i8", &format!("in_{case}_0"));
        for (stored, byte) in model.input_mut().iter_mut().zip(&input) {
            *stored = *byte as i8;
        }
        model.run();
        let found: Vec<u8> = model.output().iter().map(|value| *value as u8).collect();
        assert_eq!(found, golden("odd_names_i8", &format!("out_{case}_0")));
    }
}

#[test]
fn state_lasts_until_it_is_reset() {
    static MODEL: delay::Model = delay::Model::new();
    assert_eq!(size_of_val(&MODEL) % 16, 0);
    assert_eq!(delay::STATE_BYTES, 12);
    // Input, output and working memory, each at a multiple of 16.
    assert_eq!(delay::ARENA_BYTES, 48);
    let mut model = delay::Model::new();
    for _ in 0..2 {
        for case in 0..4 {
            let input = wide(&golden("delay_i16", &format!("in_{case}_0")));
            let output = wide(&golden("delay_i16", &format!("out_{case}_0")));
            assert_eq!(model.predict(&input), &output);
        }
        model.reset();
    }
}

fn options(custom: FirmwareOps) -> CompileOptions {
    let mut options = CompileOptions::default();
    options.custom = custom;
    options
}

fn read(name: &str) -> castiron_codegen::Model {
    let file = format!("tests/data/custom/{name}.tflite");
    goldens::read(&workspace().join(file)).expect("right")
}

fn buffer(text: &str) -> OpBuffer {
    text.parse().expect("a size")
}

#[test]
fn castiron_itself_cannot_compute_them() {
    let model = read("relu_i8");
    let program = compile::compile(&model, &options(FirmwareOps::all())).expect("right");
    let mut machine = Machine::new(&program, &program.entries[0]);
    machine.set_input(0, &[0; 36]).expect("36 bytes");
    let error = machine.run().expect_err("nobody computes it").to_string();
    for part in ["operator 1 MyRelu", "the firmware computes this operator"] {
        assert!(error.contains(part), "{error}");
    }
    let error = compile::compile(&model, &CompileOptions::default());
    let error = error.expect_err("nobody is said to").to_string();
    assert!(
        error.contains("--custom") && error.contains("the first of 2"),
        "{error}"
    );
}

#[test]
fn operators_that_are_not_there_are_none_of_the_firmware() {
    let model = read("relu_i8");
    let ops = FirmwareOps::all().with_scratch([buffer("MyRule=7")]);
    let error = compile::compile(&model, &options(ops)).expect_err("a wrong name");
    let error = error.to_string();
    assert!(
        error.contains("expected: MyRelu") && error.contains("MyRule"),
        "{error}"
    );
}

#[test]
fn plans_and_reports_have_them() {
    let model = read("delay_i16");
    let named = FirmwareOps::named(["acme/delay".to_owned()]);
    let with = named.clone().with_scratch([buffer("acme/delay=1000")]);
    let peak = |ops| {
        plan_graph(&model, 0, &options(ops))
            .expect("planned")
            .1
            .peak_bytes
    };
    assert_eq!((peak(named.clone()), peak(with)), (32, 1040));
    let report = Report::new(&model, &compile::examine(&model, &options(named)));
    let operator = &report.subgraphs[0].operators[0];
    assert!(report.compiled.ok && operator.compiled && operator.firmware);
    let report = Report::new(
        &model,
        &compile::examine(&model, &CompileOptions::default()),
    );
    assert!(!report.subgraphs[0].operators[0].firmware);
}
