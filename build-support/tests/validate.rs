//! Firmware against the host: that both agree, and that a difference is found where it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use castiron_build::Tflm;
use castiron_build::validate::{
    Against, Case, Engine, Outcome, Platform, Settings, Subject, generated, validate,
    validate_firmware,
};
use castiron_cases::{Interface, Recording};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{Model, Options};
use castiron_codegen::program::Program;
use castiron_codegen::tflite;
use castiron_test_tools::{folder, named_in, skipped};

#[path = "validate/compilers.rs"]
mod compilers;
#[path = "validate/counters.rs"]
mod counters;
#[path = "validate/probe.rs"]
mod probe;
/// Pseudo-terminals are of Unix.
#[cfg(unix)]
#[path = "validate/serial.rs"]
mod serial;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Whether firmware can be built and run there. `CASTIRON_REQUIRE_PLATFORMS` names those that must.
fn available(on: Platform) -> bool {
    let Err(missing) = on.check() else {
        return true;
    };
    skipped(&format!("on {}: {missing}", on.name()), is_required(on));
    false
}

fn is_required(on: Platform) -> bool {
    named_in("CASTIRON_REQUIRE_PLATFORMS", on.name())
}

/// Whether a test may take all that it could: elsewhere a part does, as each build takes seconds.
fn takes_all(on: Platform) -> bool {
    let all = on != Platform::Host || is_required(on);
    if !all {
        skipped(
            "CASTIRON_REQUIRE_PLATFORMS=host runs more models and operators",
            false,
        );
    }
    all
}

/// A model with its goldens, from the repository.
struct Subjects {
    model: Model,
    program: Program,
    cases: Vec<Case>,
}

impl Subjects {
    fn read(model: &str, golden: &str) -> Self {
        let path = repository(model);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{model}: {e}"));
        let model = tflite::read(model, &bytes).expect("a model");
        let program = compile::compile(&model, &CompileOptions::default()).expect("it compiles");
        let entry = &program.entries[0];
        let recording = Recording::open(&repository(golden)).expect("goldens");
        let cases = recording.cases(&Interface::from(entry)).expect("cases");
        Self {
            model,
            program,
            cases,
        }
    }

    /// The first two cases of an example.
    fn example(name: &str) -> Self {
        let mut subjects = Self::read(
            &format!("examples/models/{name}.tflite"),
            &format!("examples/models/golden/{name}.safetensors"),
        );
        subjects.cases.truncate(2);
        subjects
    }

    fn kws() -> Self {
        Self::example("kws_dscnn_int8")
    }

    fn vae() -> Self {
        Self::example("vae")
    }

    /// A model whose runs may end early, with successive runs.
    fn waiting(name: &str) -> Self {
        Self::read(
            &format!("tests/data/waiting/{name}.tflite"),
            &format!("tests/data/waiting/golden/{name}.safetensors"),
        )
    }

    fn validate(&self, settings: &Settings) -> Outcome {
        self.against(&self.model, &self.cases, settings)
    }

    /// Runs firmware of another model.
    fn against(&self, firmware: &Model, cases: &[Case], settings: &Settings) -> Outcome {
        let subject = Subject {
            model: &self.model,
            program: &self.program,
        };
        let outcome = validate_firmware(subject, firmware, cases, settings, &mut |_| {});
        outcome.unwrap_or_else(|e| panic!("{e}"))
    }
}

fn settings(on: Platform) -> Settings {
    let mut settings = Settings::new(on);
    // It outlives the test: what it holds is the same every time.
    settings.build_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("castiron"));
    settings
}

fn layers(on: Platform) -> Settings {
    let mut settings = settings(on);
    settings.layers = true;
    settings
}

fn agrees(on: Platform) {
    if !available(on) {
        return;
    }
    let mut subjects = vec![Subjects::kws()];
    if takes_all(on) {
        subjects.push(Subjects::vae());
    }
    for subject in subjects {
        let outcome = subject.validate(&layers(on));
        assert!(outcome.agree, "{:?}", outcome.first);
        // Everything was compared: each case, each value, each operator that runs.
        let cases = subject.cases.len();
        let entry = &subject.program.entries[0];
        assert_eq!(outcome.outputs.len(), entry.outputs.len());
        assert_eq!(outcome.references.len(), entry.outputs.len());
        for (compared, port) in outcome.outputs.iter().zip(&entry.outputs) {
            assert_eq!(compared.tally.values, cases * port.operand.len);
        }
        let operators = subject.model.graphs[0].operators.len();
        assert_eq!(outcome.operators.len() + outcome.unseen.len(), operators);
        assert!(outcome.operators.iter().all(|o| o.tally.cases == cases));
        assert_eq!(outcome.instructions.is_some(), on.counts_instructions());
    }
}

#[test]
fn the_host_agrees() {
    agrees(Platform::Host);
}

#[test]
fn qemu_agrees() {
    agrees(Platform::Qemu);
}

#[test]
fn renode_agrees() {
    agrees(Platform::Renode);
}

/// A run that ends early has no outputs, and what ran before its end is compared. `waiting_branch_i8` ends in a subgraph.
#[test]
fn runs_that_end_early_agree() {
    for on in [Platform::Host, Platform::Qemu] {
        if !available(on) {
            continue;
        }
        let models: &[&str] = match is_required(on) {
            true => &["waiting_branch_i8", "waiting_i8", "waiting_loop_i8"],
            false => &["waiting_branch_i8"],
        };
        for name in models {
            let subject = Subjects::waiting(name);
            let outcome = subject.validate(&layers(on));
            assert!(outcome.agree, "{name}: {:?}", outcome.first);
            let whole = |case: &&Case| case.outputs.iter().all(Option::is_some);
            let whole = subject.cases.iter().filter(whole).count();
            assert!((1..subject.cases.len()).contains(&whole), "{name}");
            for compared in [&outcome.outputs, &outcome.references] {
                assert_eq!(compared[0].tally.cases, whole, "{name}");
            }
            // What is behind a buffer is compared where a run comes to it.
            let cases: Vec<usize> = outcome.operators.iter().map(|o| o.tally.cases).collect();
            assert!(cases.is_sorted_by(|a, b| a >= b), "{name}: {cases:?}");
            assert_eq!(cases.last(), Some(&whole), "{name}");
        }
    }
}

/// The firmware's operators wait for another number of runs.
#[test]
fn a_run_that_ends_too_early_is_a_difference() {
    if !available(Platform::Host) {
        return;
    }
    let subject = Subjects::waiting("waiting_i8");
    let mut firmware = subject.model.clone();
    let Options::Custom(bytes) = &mut firmware.graphs[0].operators[0].options else {
        panic!("a custom operator");
    };
    let found = bytes.iter().position(|byte| *byte == 2).expect("cycles");
    bytes[found] = 3;
    let outcome = subject.against(&firmware, &subject.cases, &settings(Platform::Host));
    let first = outcome.first.expect("a difference");
    assert_eq!((first.case.as_str(), first.got.as_str()), ("5", "nothing"));

    let cases = &subject.cases[..5];
    let subject = Subject {
        model: &subject.model,
        program: &subject.program,
    };
    let error = validate(subject, cases, &settings(Platform::Host), &mut |_| {});
    let error = error.expect_err("nothing to compare").to_string();
    assert!(error.contains("before there were outputs"), "{error}");
}

/// With TFLM's kernels, whose sources `CASTIRON_TFLM` names.
#[test]
fn tflm_agrees() {
    let Some(sources) = folder("CASTIRON_TFLM") else {
        return;
    };
    let tree = Tflm::new(sources).check().unwrap_or_else(|e| panic!("{e}"));
    for on in [Platform::Host, Platform::Qemu] {
        if !available(on) {
            continue;
        }
        let subject = Subjects::kws();
        let mut settings = layers(on);
        settings.engine = Engine::Tflm(tree.clone());
        let outcome = subject.validate(&settings);
        assert!(outcome.agree, "{:?}", outcome.first);
        assert_eq!(outcome.engine, "tflm");
        assert_eq!(outcome.references[0].tally.cases, subject.cases.len());
        assert_eq!(outcome.instructions.is_some(), on.counts_instructions());
        let operators = subject.model.graphs[0].operators.len();
        assert_eq!(outcome.operators.len() + outcome.unseen.len(), operators);
        assert!(outcome.operators.len() > operators / 2);

        let firmware = damaged(&subject.model, 4);
        let outcome = subject.against(&firmware, &subject.cases, &settings);
        let first = outcome.first.expect("a difference");
        assert_eq!(first.tensor.operator.map(|o| o.index), Some(4));
    }
}

/// The model with one byte of an operator's weights changed.
fn damaged(model: &Model, operator: usize) -> Model {
    let mut model = model.clone();
    let graph = &mut model.graphs[0];
    let weights = graph.operators[operator].inputs[1].expect("weights");
    let tensor = &mut graph.tensors[weights.index()];
    let mut bytes = tensor.data.as_ref().expect("a constant").to_vec();
    bytes[0] = bytes[0].wrapping_add(64);
    tensor.data = Some(Arc::from(bytes));
    model
}

#[test]
fn a_wrong_weight_is_found_at_its_operator() {
    if !available(Platform::Host) {
        return;
    }
    let kws = Subjects::kws();
    let operators: &[usize] = match takes_all(Platform::Host) {
        true => &[0, 4],
        false => &[4],
    };
    for &operator in operators {
        let firmware = damaged(&kws.model, operator);
        let outcome = kws.against(&firmware, &kws.cases, &layers(Platform::Host));
        assert!(!outcome.agree);
        let first = outcome.first.expect("a difference");
        let found = first.tensor.operator.expect("an operator");
        assert_eq!(found.index, operator);
        assert_eq!(found.name, "CONV_2D");
        assert_eq!(first.against, Against::Castiron);
        assert_eq!(first.case, "0");
        // The changed weight is of the filter's first channel.
        assert_eq!(first.coordinates.last(), Some(&0));
        assert_ne!(first.got, first.expected);
        for compared in &outcome.operators {
            let index = compared.tensor.operator.as_ref().map(|o| o.index);
            let differs = compared.tally.differing > 0;
            if index < Some(operator) {
                assert!(!differs, "{compared:?}");
            } else if index == Some(operator) {
                assert!(differs, "{compared:?}");
            }
        }
    }
}

#[test]
fn without_layers_the_first_difference_is_in_an_output() {
    if !available(Platform::Host) {
        return;
    }
    let kws = Subjects::kws();
    let cases = generated(&kws.program.entries[0], 8, 1);
    let firmware = damaged(&kws.model, 0);
    let outcome = kws.against(&firmware, &cases, &settings(Platform::Host));
    let first = outcome.first.expect("a difference");
    assert_eq!(first.tensor.operator, None);
    assert!(outcome.operators.is_empty());
}

#[test]
fn wrong_reference_outputs_are_told_from_wrong_firmware() {
    if !available(Platform::Host) {
        return;
    }
    let mut kws = Subjects::kws();
    let reference = kws.cases[1].outputs[0].as_mut().expect("a golden");
    reference[3] = reference[3].wrapping_add(5);
    let outcome = kws.validate(&settings(Platform::Host));
    let first = outcome.first.expect("a difference");
    assert_eq!(first.against, Against::Reference);
    assert_eq!((first.case.as_str(), first.element), ("1", 3));
    assert_eq!(first.coordinates, [0, 3]);
    assert!(outcome.outputs.iter().all(|o| o.tally.differing == 0));
}

#[test]
fn instructions_of_operators_add_up_to_those_of_a_run() {
    if !available(Platform::Qemu) {
        return;
    }
    let kws = Subjects::kws();
    let whole = kws.validate(&settings(Platform::Qemu));
    let parts = kws.validate(&layers(Platform::Qemu));
    let (whole, sum) = (whole.instructions, parts.instructions);
    let (Some(whole), Some(sum)) = (whole, sum) else {
        panic!("counted on QEMU: {whole:?}, {sum:?}");
    };
    // The compiler may share work between operators only where it sees them together.
    let apart = whole.abs_diff(sum) as f64 / whole as f64;
    assert!(
        apart < 0.01,
        "{whole} in one piece, {sum} operator by operator"
    );
    let by_operator: u64 = (0..kws.model.graphs[0].operators.len())
        .filter_map(|operator| parts.instructions_of(operator))
        .sum();
    // The most of each operator need not be of one case.
    assert!(by_operator >= sum, "{by_operator} < {sum}");
}

#[test]
fn what_does_not_fit_the_model_is_refused_before_anything_is_built() {
    let kws = Subjects::kws();
    let subject = Subject {
        model: &kws.model,
        program: &kws.program,
    };
    let mut short = kws.cases.clone();
    short[1].inputs[0].pop();
    for (cases, expected) in [
        (Vec::new(), "no inputs"),
        (vec![Case::default()], "1 inputs"),
        (short, "490 bytes"),
    ] {
        let settings = settings(Platform::Host);
        let error = validate(subject, &cases, &settings, &mut |stage| {
            panic!("{stage} with inputs that do not fit");
        });
        let message = error.expect_err("refused").to_string();
        assert!(message.contains(expected), "{message}");
    }
}
