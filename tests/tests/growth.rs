//! Models that are large in one way each: what a stage takes grows with their size, not with its
//! square, and no stage recurses as deep as a file nests.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::emit::c_header::{self, HeaderOptions};
use castiron_codegen::emit::cpp::{self, CppOptions};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::error::Result;
use castiron_codegen::graph::Model;
use castiron_codegen::plan::Budget;
use castiron_codegen::program::Program;
use castiron_codegen::report::Report;
use castiron_codegen::tflite;
use castiron_codegen::tflm::arena::{Arena, ArenaOptions, Embedded};
use castiron_codegen::tflm::direct::{Direct, DirectOptions};
use castiron_report::{Draft, Measured, Settings, Source};
use castiron_test_tools::{large, skipped};
use cpu_time::ThreadTime;

/// A stage that is not over by then does not end, on however busy a machine.
const MOST: Duration = Duration::from_secs(300);
/// How many times larger the larger model of a pair is.
const LARGER: usize = 4;
/// How many times longer it may take: more than a sort, and far less than the square of `LARGER`.
const MOST_GROWTH: u32 = 9;
/// A hundredth of the search that is allowed otherwise.
const BUDGET: Budget = Budget {
    steps: 240_000,
    time: None,
};
/// What times differ by whatever the size.
const NOISE: Duration = Duration::from_millis(40);

/// Runs a stage with the stack of a thread, which what recurses with its input overflows. Gives its result and the
/// processor's time for it.
fn run<T: Send + 'static>(
    family: &str,
    stage: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> (T, Duration) {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let start = ThreadTime::now();
        let result = work();
        // The receiver is gone if this took too long.
        let _ = sender.send((result, start.elapsed()));
    });
    match receiver.recv_timeout(MOST) {
        Ok(done) => done,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            panic!("{family}, {stage}: not over after {} s", MOST.as_secs())
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            resume_unwind(worker.join().expect_err("nothing is sent where it panics"))
        }
    }
}

/// Holds the time for a model against that for a smaller one of its kind.
fn compare(family: &str, stage: &str, [small, large]: [Duration; 2]) {
    println!("{family}, {stage}: {small:.2?}, and {large:.2?} for {LARGER} times as much");
    assert!(
        large <= small * MOST_GROWTH + NOISE,
        "{family}, {stage}: {large:.2?} for {LARGER} times what takes {small:.2?}"
    );
}

/// What is made of a model; it may be refused.
type Stage = fn(&Model, &[u8]) -> Result<()>;

const STAGES: &[(&str, Stage)] = &[
    ("report", |model, _| {
        let examined = compile::examine(model, &CompileOptions::default());
        drop(Report::new(model, &examined));
        Ok(())
    }),
    ("page", |model, bytes| {
        let settings = Settings::default();
        let source = Source {
            name: "large.tflite",
            model,
            bytes,
        };
        let mut draft = Draft::default();
        draft.add(&source, &settings, Measured::default())?;
        let report = draft.finish(&settings, None);
        castiron_report::html(&report)?;
        drop(castiron_report::markdown(&report));
        Ok(())
    }),
    ("arena", |model, _| {
        let options = ArenaOptions {
            allow_estimate: true,
            ..ArenaOptions::default()
        };
        Arena::new(model, &options).map(drop)
    }),
    ("embedded plan", |model, _| {
        let options = ArenaOptions::default();
        Embedded::new(model, &options, &BUDGET).map(drop)
    }),
    ("C header", |model, bytes| {
        let header = c_header::c_header(model, bytes, &HeaderOptions::default())?;
        let written = header.header.write_to(&mut io::sink());
        written.expect("a sink takes all");
        Ok(())
    }),
    ("C++", |model, _| {
        // What the search for a better plan may take is a constant, and not what is compared.
        let options = DirectOptions {
            budget: BUDGET,
            ..DirectOptions::default()
        };
        let direct = Direct::new(model, &options)?;
        cpp::cpp(model, &direct, &CppOptions::default()).map(drop)
    }),
];

fn compile(model: &Model) -> Result<Program> {
    compile::compile(model, &CompileOptions::default())
}

/// Calls every stage on a family of about `size` operators, and on a smaller one.
fn all_stages(family: &'static str, size: usize) {
    let asked = std::env::var_os("CASTIRON_REQUIRE_GROWTH").is_some();
    if cfg!(debug_assertions) && !asked {
        skipped(
            "CASTIRON_REQUIRE_GROWTH=1 runs what takes a minute without optimisation",
            false,
        );
        return;
    }
    let (_, make) = (large::MODELS.iter())
        .find(|(name, _)| *name == family)
        .expect("a family of this name");
    let read = |size| {
        let bytes = make(size);
        let copy = bytes.clone();
        let (model, time) = run(family, "reader", move || {
            tflite::read("large.tflite", &copy)
        });
        (bytes, model.expect("the families are sound models"), time)
    };
    let models = [read(size / LARGER), read(size)];
    compare(family, "reader", [models[0].2, models[1].2]);
    for &(stage, work) in STAGES {
        let times = models.each_ref().map(|(bytes, model, _)| {
            let (model, bytes) = (model.clone(), bytes.clone());
            let (result, time) = run(family, stage, move || work(&model, &bytes));
            if let Err(error) = result {
                let first = &error.diagnostics()[0];
                println!("{family}, {stage}: refused: {}", first.message);
            }
            time
        });
        compare(family, stage, times);
    }
}

macro_rules! families {
    ($($test:ident: $family:literal, $size:expr;)*) => {
        $(#[test]
        fn $test() {
            all_stages($family, $size);
        })*

        #[test]
        fn every_family_has_a_test() {
            let tested = [$($family),*];
            for (name, _) in large::MODELS {
                assert!(tested.contains(name), "{name}");
            }
        }
    };
}

families! {
    chain_in_place: "chain in place", 1_250;
    chain_of_aliases: "chain of aliases", 1_250;
    chain_of_elu: "chain of ELU", 1_000;
    chain_of_unknown: "chain of unknown", 1_250;
    one_reader_of_many: "one reader of many", 1_500;
    one_reader_of_one_often: "one reader of one, often", 1_500;
    many_readers_of_one: "many readers of one", 1_250;
    branches: "branches", 1_250;
    long_branches: "long branches", 1_000;
    lives_within_lives: "lives within lives", 1_250;
    outputs: "outputs", 1_000;
    constants_and_outputs: "constants and outputs", 5_000;
    folded_constants: "folded constants", 1_250;
    unused_tensors: "unused tensors", 7_500;
    one_output_often: "one output, often", 1_600;
    one_input_often: "one input, often", 1_600;
    equal_names: "equal names", 1_000;
    a_long_name: "a long name", 1_250;
    many_dimensions: "many dimensions", 1_250;
    signatures: "signatures", 2_000;
    signatures_of_one_name: "signatures of one name", 2_000;
    metadata: "metadata", 2_500;
    variables: "variables", 1_250;
    subgraphs_in_subgraphs: "subgraphs in subgraphs", 4_000;
    subgraphs_called_twice_each: "subgraphs called twice each", 640;
    initialisers_in_initialisers: "initialisers in initialisers", 4_000;
}

/// What is made of a file.
type Use = fn(&[u8]) -> Result<()>;

/// The one error that a use makes of a family's model.
fn refusal(family: &str, size: usize, stage: Use) -> String {
    let (_, make) = (large::MODELS.iter())
        .find(|(name, _)| *name == family)
        .expect("the family");
    let error = stage(&make(size)).expect_err("it is too large");
    assert_eq!(error.diagnostics().len(), 1, "{error}");
    error.to_string()
}

#[test]
fn what_is_larger_than_stated_is_refused_once() {
    let read = |bytes: &[u8]| tflite::read("large.tflite", bytes).map(drop);
    let compiled = |bytes: &[u8]| compile(&tflite::read("large.tflite", bytes)?).map(drop);
    let too_large: [(_, _, Use, _); 7] = [
        ("one output, often", 2_000, read, "at most 8192"),
        ("one input, often", 2_000, read, "at most 8192"),
        ("chain of ELU", 4_097, read, "at most 4096"),
        ("unused tensors", 17_000, read, "at most 16384"),
        ("initialisers in initialisers", 4_100, read, "at most 1024"),
        ("one output, often", 300, compiled, "at most 1024"),
        ("branches", 3_000, compiled, "at most 4096"),
    ];
    for (family, size, stage, stated) in too_large {
        let text = refusal(family, size, stage);
        assert!(text.contains(stated), "{family}: {text}");
    }
}

#[test]
fn entry_points_of_one_name_are_numbered_without_trying_all_numbers() {
    let (_, make) = (large::MODELS.iter())
        .find(|(name, _)| *name == "signatures of one name")
        .expect("the family");
    let times = [250, 250 * LARGER].map(|size| {
        let model = tflite::read("large.tflite", &make(size)).expect("a model");
        let (_, time) = run("signatures of one name", "Rust module", move || {
            let program = compile(&model).expect("a program");
            std::hint::black_box(rust::file(&program, &RustOptions::default()));
        });
        time
    });
    compare("signatures of one name", "Rust module", times);
}
