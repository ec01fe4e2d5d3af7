//! `include_model!` as a user calls it, on the host.

use castiron_tests::{goldens, workspace};

castiron::include_model!("../../examples/models/vae_int8.tflite");
castiron::include_model!(pub mod sine = "../../examples/models/sine_int8.tflite",
    labels = "../data/labels.txt", section = ".rodata.sine");
castiron::include_model!(mod kws = "../../examples/models/kws_dscnn_int8.tflite");
castiron::include_model!(mod two = "../data/models/two_signatures_int8.tflite");
castiron::include_model!(mod multi = "../data/models/multi_io_int8.tflite");
castiron::include_model!(mod from_manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/data/models/", "multi_io_int8", '.', "tflite"));
castiron::include_model!(mod pair = "../data/models/dynamic_batch_flatten.tflite", shape = "keras_tensor=2x8x8x2");
castiron::include_model!(mod edges = "../data/models/passthrough_edges_int8.tflite");
castiron::include_model!(mod waiting = "../data/waiting/waiting_i8.tflite");
castiron::include_model!(mod branch = "../data/waiting/waiting_branch_i8.tflite");
castiron::include_model!(mod turns = "../data/waiting/waiting_loop_i8.tflite");
castiron::include_model!(mod first = "../data/waiting/waiting_once_i8.tflite");
castiron::include_model!(mod entries = "../data/waiting/waiting_entries_i8.tflite");
castiron::include_model!(mod counter = "../data/calls/stateful_counter_f32.tflite");
castiron::include_model!(mod rows = "../data/ops/conv2d_i8_1.tflite", input_by = "rows");
castiron::include_model!(mod averages = "../data/ops/average_pool2d_f32_4.tflite", input_by = "rows");
castiron::include_model!(mod bounded = "../../examples/models/kws_dscnn_int8.tflite", max_arena = "5200");
castiron::include_model!(mod frames = "../../examples/models/kws_dscnn_int8.tflite", max_arena = "4800", input_by = "rows");
castiron::include_model!(mod verified = "../../examples/models/kws_dscnn_int8.tflite", verify = true);
castiron::include_model!(mod spread = "../../examples/models/kws_dscnn_int8.tflite", verify = true,
    memories = { sram = 64k, internal = 8k fast rom, external = 1M slow rom });

/// A golden's bytes as signed values.
fn golden<const N: usize>(file: &str, tensor: &str) -> [i8; N] {
    let bytes = goldens::tensor(&workspace().join(file), tensor);
    let values: Vec<i8> = bytes.into_iter().map(|b| b as i8).collect();
    values.try_into().expect("the golden has the model's size")
}

#[test]
fn predict_agrees_with_the_reference() {
    static MODEL: vae_int8::Model = vae_int8::Model::new();
    assert!(size_of_val(&MODEL) >= vae_int8::ARENA_BYTES);
    let mut model = vae_int8::Model::new();
    for case in 0..2 {
        let file = "examples/models/golden/vae_int8.safetensors";
        let input: vae_int8::Input = golden(file, &format!("in_{case}_0"));
        let expected: vae_int8::Output = golden(file, &format!("out_{case}_0"));
        assert_eq!(model.predict(&input), &expected);
    }
}

#[test]
fn zero_copy_is_predict_without_the_copy() {
    let (mut copying, mut filling) = (sine::Model::new(), sine::Model::new());
    let input = [sine::INPUT.quantize(1.0)];
    let expected = *copying.predict(&input);
    filling.input_mut()[0] = input[0];
    filling.run();
    assert_eq!(filling.output(), &expected);
    let real = sine::OUTPUT.dequantize(expected[0]);
    assert!(
        (real - 1f32.sin()).abs() < 0.05,
        "sin(1) came out as {real}"
    );
}

/// The last row gives the outputs, and no call is wrong: there are outputs where there are all rows, and nothing else.
#[test]
fn rows_give_what_the_reference_gives() {
    let file = "tests/data/ops/golden/conv2d_i8_1.safetensors";
    let cases = ["0", "1"].map(|case| {
        let input: rows::Input = golden(file, &format!("in_{case}_0"));
        let output: rows::Output = golden(file, &format!("out_{case}_0"));
        (input, output)
    });
    let mut model = rows::Model::new();
    // Of an input that never ends, and one behind the other.
    let (abandoned, _) = &cases[1];
    let (rows, _) = abandoned.as_chunks::<{ size_of::<rows::InputRow>() }>();
    assert_eq!(rows.len(), rows::INPUT_ROWS);
    for row in rows.iter().skip(1) {
        assert_eq!(model.push_row(row), None);
    }
    assert_eq!(model.missing_rows(), 1);
    model.reset();
    for (input, expected) in &cases {
        let (rows, _) = input.as_chunks();
        for (at, row) in rows.iter().enumerate() {
            let output = model.push_row(row).copied();
            let is_last = at + 1 == rows::INPUT_ROWS;
            assert_eq!(output, is_last.then_some(*expected));
            assert_eq!(model.output(), output.as_ref());
            assert_eq!(model.missing_rows(), rows::INPUT_ROWS - at - 1);
        }
    }
    let (input, expected) = &cases[0];
    assert_eq!(model.push_row(&[0; _]), None);
    assert_eq!(model.predict(input), expected, "rows before are forgotten");
}

/// Where an arena has a bound that rows alone do not keep, some is computed again, patch by patch.
#[test]
fn patches_give_what_the_reference_gives() {
    const { assert!(bounded::MACS > kws::MACS && bounded::ARENA_BYTES <= 5200) };
    const { assert!(frames::MACS > kws::MACS && frames::ARENA_BYTES <= 4800) };
    let file = "examples/models/golden/kws_dscnn_int8.safetensors";
    let (mut whole, mut rows) = (bounded::Model::new(), frames::Model::new());
    for case in 0..2 {
        let input: bounded::Input = golden(file, &format!("in_{case}_0"));
        let expected: bounded::Output = golden(file, &format!("out_{case}_0"));
        assert_eq!(whole.predict(&input), &expected);
        assert_eq!(rows.predict(&input), &expected);
    }
}

/// Rows of floats.
#[test]
fn rows_may_be_of_any_type() {
    let floats = |name: &str| -> Vec<f32> {
        let file = "tests/data/ops/golden/average_pool2d_f32_4.safetensors";
        let bytes = goldens::tensor(&workspace().join(file), name);
        let (values, _) = bytes.as_chunks::<4>();
        values
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()
    };
    let input: averages::Input = floats("in_0_0").try_into().expect("the model's size");
    let output = *averages::Model::new().predict(&input);
    let wrong = output.iter().zip(floats("out_0_0"));
    assert_eq!(
        wrong
            .filter(|(found, wanted)| (*found - wanted).abs() > 1e-6)
            .count(),
        0
    );
}

/// Runs any model of one input on zeros, in both ways.
fn on_zeros<M, const I: usize, const O: usize>(model: &mut M) -> [i8; O]
where
    M: for<'a> castiron::Model<Inputs<'a> = &'a [i8; I], Outputs<'a> = &'a [i8; O]>,
{
    let outputs = *model.predict(&[0; I]);
    assert_eq!(model.outputs(), &outputs);
    outputs
}

/// The example of docs/rust-firmware.md.
fn likeliest<M>(model: &mut M, samples: &[i8; 490]) -> Option<usize>
where
    M: for<'a> castiron::Model<Inputs<'a> = &'a [i8; 490], Outputs<'a> = &'a [i8; 12]>,
{
    let scores = model.predict(samples);
    (0..scores.len()).max_by_key(|class| scores[*class])
}

#[test]
fn code_may_take_any_model() {
    assert_eq!(
        on_zeros(&mut sine::Model::new()),
        *sine::Model::new().predict(&[0])
    );
    let mut vae = vae_int8::Model::new();
    assert_eq!(
        &on_zeros(&mut vae_int8::Model::new()),
        vae.predict(&[0; size_of::<vae_int8::Input>()])
    );
    let scores = *kws::Model::new().predict(&[0; 490]);
    let most = likeliest(&mut kws::Model::new(), &[0; 490]).map(|class| scores[class]);
    assert_eq!(most, scores.iter().max().copied());
    assert_eq!(<two::Model as castiron::Model>::MACS, two::MACS);
    fn several<M: castiron::Model>(model: &mut M, inputs: M::Inputs<'_>) {
        model.predict(inputs);
        model.run();
        model.reset();
    }
    several(&mut multi::Model::new(), (&[0; 5], &[0; 256]));
    assert_eq!(
        format!("{:?}", sine::Model::new()),
        "Model { name: \"sine_int8\", .. }"
    );
}

#[test]
fn descriptions_are_the_models() {
    assert_eq!(sine::INPUT.shape, [1, 1]);
    assert_eq!(sine::MACS, 152);
    assert_eq!(sine::LABELS, ["low", "high"]);
    assert_eq!(
        vae_int8::INPUT.shape.iter().product::<usize>(),
        size_of::<vae_int8::Input>()
    );
    const { assert!(sine::WEIGHT_BYTES > 0 && sine::ARENA_BYTES > 0) };
}

#[test]
fn signatures_are_methods() {
    let mut model = two::Model::new();
    let file = "tests/data/models/golden/two_signatures_int8.safetensors";
    let code: two::decode::Input = golden(file, "in_0_0");
    let expected: two::decode::Output = golden(file, "out_0_0");
    assert_eq!(model.decode(&code), &expected);
    assert_eq!(
        model.predict(&code),
        &expected,
        "the first subgraph is the default"
    );
    let x: two::encode::Input = golden(file, "sig_encode/in_0_0");
    let expected: two::encode::Output = golden(file, "sig_encode/out_0_0");
    *model.encode_input_mut() = x;
    model.run_encode();
    assert_eq!(model.encode_output(), &expected);
    assert_eq!(two::encode::INPUT.name, "x");
}

#[test]
fn a_path_may_be_put_together() {
    assert_eq!(from_manifest::INPUT_IMAGE.shape, multi::INPUT_IMAGE.shape);
    assert_eq!(from_manifest::WEIGHT_BYTES, multi::WEIGHT_BYTES);
}

/// Both cases at once.
#[test]
fn open_sizes_are_set_by_name() {
    assert_eq!(
        (pair::INPUT.shape, pair::OUTPUT.shape),
        (&[2, 8, 8, 2][..], &[2, 3][..])
    );
    let file = "tests/data/models/golden/dynamic_batch_flatten.safetensors";
    let of = |case| golden::<128>(file, &format!("in_{case}_0"));
    let expected = [0, 1].map(|case| golden::<3>(file, &format!("out_{case}_0")));
    let input: pair::Input = [of(0), of(1)]
        .concat()
        .try_into()
        .expect("the sizes of two");
    assert_eq!(pair::Model::new().predict(&input)[..], expected.concat());
}

#[test]
fn several_inputs_and_outputs_go_by_name() {
    let mut model = multi::Model::new();
    let file = "tests/data/models/golden/multi_io_int8.safetensors";
    let features: multi::InputFeatures = golden(file, "in_0_0");
    let image: multi::InputImage = golden(file, "in_0_1");
    let (embedding, scores, bbox) = model.predict(&features, &image);
    assert_eq!(embedding, &golden(file, "out_0_0"));
    assert_eq!(scores, &golden(file, "out_0_1"));
    assert_eq!(bbox, &golden(file, "out_0_2"));
    let scores = *scores;
    assert_eq!(model.output_scores(), &scores);
}

#[test]
fn an_input_may_be_an_output() {
    let mut model = edges::Model::new();
    let file = "tests/data/models/golden/passthrough_edges_int8.safetensors";
    let x: edges::InputX = golden(file, "in_0_1");
    let (a, b, same) = model.predict(&[0.0; 3], &x);
    assert_eq!(a, &golden(file, "out_0_0"));
    assert_eq!(b, &golden(file, "out_0_1"));
    assert_eq!(same, &x);
}

/// Of six successive runs one has outputs, and a reset forgets what waits.
#[test]
fn a_run_may_end_before_there_are_outputs() {
    let mut model = waiting::Model::new();
    let file = "tests/data/waiting/golden/waiting_i8.safetensors";
    for last in [5, 2] {
        model.reset();
        for case in 0..=last {
            let x: waiting::Input = golden(file, &format!("in_{case}_0"));
            let found = model.predict(&x);
            match case {
                5 => assert_eq!(found, Ok(&golden(file, "out_5_0"))),
                _ => assert_eq!(found, Err(castiron::NotYet)),
            }
        }
    }
}

/// Successive runs of the models whose buffer lies in a subgraph, with what TensorFlow Lite Micro's interpreter gave; nothing, where it ended
/// the run.
struct Waiting(tempfile::TempDir);

impl Waiting {
    const RUNS: usize = 13;

    fn new(name: &str) -> Self {
        let file = format!("tests/data/waiting/golden/{name}.safetensors");
        let recorded = castiron_cases::Recording::open(&workspace().join(file)).expect("goldens");
        let folder = tempfile::tempdir().expect("a folder");
        recorded.unpack(folder.path()).expect("it is writable");
        Self(folder)
    }

    fn tensor<const N: usize>(&self, name: &str) -> Option<[u8; N]> {
        let bytes = std::fs::read(self.0.path().join(format!("{name}.bin"))).ok()?;
        Some(bytes.try_into().expect("the golden has the model's size"))
    }

    fn input<const N: usize>(&self, case: usize, input: usize) -> [u8; N] {
        let name = format!("in_{case}_{input}");
        self.tensor(&name).expect("each case has its inputs")
    }

    fn frame(&self, case: usize, input: usize) -> [i8; 4] {
        self.input(case, input).map(|byte: u8| byte as i8)
    }

    fn check(&self, case: usize, found: Result<&[i8; 4], castiron::NotYet>) {
        let expected = self.tensor(&format!("out_{case}_0"));
        let expected = expected.map(|bytes| bytes.map(|byte: u8| byte as i8));
        assert_eq!(found.ok(), expected.as_ref(), "case {case}");
    }
}

#[test]
fn a_run_may_end_in_a_branch() {
    let (mut model, runs) = (branch::Model::new(), Waiting::new("waiting_branch_i8"));
    for case in 0..Waiting::RUNS {
        let [first, second] = [1, 2].map(|input| runs.input(case, input));
        let found = model.predict(&runs.frame(case, 0), &first, &second);
        runs.check(case, found);
    }
}

#[test]
fn a_run_may_end_in_a_loop() {
    let (mut model, runs) = (turns::Model::new(), Waiting::new("waiting_loop_i8"));
    for case in 0..Waiting::RUNS {
        let count = i32::from_le_bytes(runs.input(case, 0));
        let found = model.predict(&[count], &runs.frame(case, 1));
        runs.check(case, found);
    }
}

/// What CALL_ONCE runs is not done before it came to its end; a reset lets it wait again.
#[test]
fn a_run_may_end_in_what_runs_once() {
    let (mut model, runs) = (first::Model::new(), Waiting::new("waiting_once_i8"));
    for _ in 0..2 {
        for case in 0..Waiting::RUNS {
            runs.check(case, model.predict(&runs.frame(case, 0)));
        }
        model.reset();
    }
}

/// A signature runs the same subgraph as a branch of another one: what waits is the subgraph's.
#[test]
fn a_run_of_one_signature_may_end_early() {
    let runs = Waiting::new("waiting_entries_i8");
    for apart in [false, true] {
        let mut model = entries::Model::new();
        for case in 0..Waiting::RUNS {
            let (x, condition) = (runs.frame(case, 0), runs.input(case, 1));
            // Now by signatures alone, now by both in turn.
            let found = match (condition, apart || case % 2 == 0) {
                (_, false) => model.either(&x, &condition),
                ([1], true) => model.push(&x),
                (_, true) => model.limit(&x),
            };
            runs.check(case, found);
        }
    }
}

/// Sample, score and count of a case of the model that counts its runs.
fn counted(case: usize) -> (counter::Input, counter::OutputScore, counter::OutputCount) {
    fn floats<const N: usize>(tensor: &str) -> [f32; N] {
        let file = workspace().join("tests/data/calls/golden/stateful_counter_f32.safetensors");
        let bytes = goldens::tensor(&file, tensor);
        let (values, _) = bytes.as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|b| f32::from_le_bytes(*b)).collect();
        values.try_into().expect("the golden has the model's size")
    }
    (
        floats(&format!("in_{case}_0")),
        floats(&format!("out_{case}_0")),
        floats(&format!("out_{case}_1")),
    )
}

/// Runs one case, and compares with the reference.
fn count_on(model: &mut counter::Model, case: usize) {
    let (sample, expected, count) = counted(case);
    let (score, counted) = model.predict(&sample);
    assert_eq!(counted, &count, "case {case}");
    for (found, expected) in score.iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-5, "case {case}: {score:?}");
    }
}

#[test]
fn a_model_remembers_until_it_is_reset() {
    let mut model = counter::Model::new();
    for case in 0..4 {
        count_on(&mut model, case);
    }
    model.reset();
    for case in 0..4 {
        count_on(&mut model, case);
    }
    const { assert!(counter::STATE_BYTES > 0 && sine::STATE_BYTES == 0) };
    assert_eq!(
        <counter::Model as castiron::Model>::STATE_BYTES,
        counter::STATE_BYTES
    );
    assert!(size_of::<counter::Model>() >= counter::ARENA_BYTES + counter::STATE_BYTES);
}

/// The second begins when the first is at its third case.
#[test]
fn instances_remember_for_themselves() {
    let (mut first, mut second) = (counter::Model::new(), counter::Model::new());
    for (model, case) in [
        (1, 0),
        (1, 1),
        (2, 0),
        (1, 2),
        (2, 1),
        (2, 2),
        (1, 3),
        (2, 3),
    ] {
        match model {
            1 => count_on(&mut first, case),
            _ => count_on(&mut second, case),
        }
    }
}

#[test]
fn weights_are_what_they_were() {
    assert!(verified::verify() && spread::verify());
}

/// Debug builds have guard words behind the memory. Where somebody has written to them, the run says so.
#[cfg(debug_assertions)]
#[test]
fn an_overrun_is_found() {
    // SAFETY: all of the model is plain numbers, and nobody else refers to it meanwhile.
    #[expect(
        unsafe_code,
        reason = "what is tested is a write that safe code cannot do"
    )]
    fn overrun(model: &mut sine::Model, at: usize) {
        let bytes = std::ptr::from_mut(model).cast::<u8>();
        unsafe { *bytes.add(at) ^= 1 };
    }
    let end = sine::ARENA_BYTES.next_multiple_of(16);
    assert_eq!(size_of::<sine::Model>(), end + 16);
    for at in [end, end + 15] {
        let mut model = sine::Model::new();
        model.run();
        model.run();
        overrun(&mut model, at);
        let run = std::panic::catch_unwind(move || model.run());
        let said = run.expect_err("somebody wrote behind the memory");
        let said = said.downcast::<&str>().expect("a text");
        assert!(said.contains("behind the model's memory"), "{said}");
    }
}
