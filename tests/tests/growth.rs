//! Models that are large in one way each: what a stage takes grows with their size, not with its
//! square, and no stage recurses as deep as a file nests.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

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
use castiron_test_tools::large;

/// For one stage on one input, in a build without optimisation on a busy machine.
const MOST: Duration = Duration::from_secs(30);

/// Runs a stage within [`MOST`], with the stack of a thread: what recurses with its input overflows.
fn within_limit<T: Send + 'static>(
    family: &str,
    stage: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, receiver) = mpsc::channel();
    let start = Instant::now();
    let worker = thread::spawn(move || {
        // The receiver is gone if this took too long.
        let _ = sender.send(work());
    });
    let done = receiver.recv_timeout(MOST);
    println!("{family}, {stage}: {:.2} s", start.elapsed().as_secs_f64());
    match done {
        Ok(done) => done,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            panic!("{family}, {stage}: not over after {} s", MOST.as_secs())
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            resume_unwind(worker.join().expect_err("nothing is sent where it panics"))
        }
    }
}

/// What is made of a model; it may be refused.
type Stage = fn(&Model, &[u8]) -> Result<()>;

const STAGES: &[(&str, Stage)] = &[
    ("report", |model, _| {
        let examined = compile::examine(model, &CompileOptions::default());
        drop(Report::new(model, &examined));
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
        Embedded::new(model, &options, &Budget::default()).map(drop)
    }),
    ("C header", |model, bytes| {
        let header = c_header::c_header(model, bytes, &HeaderOptions::default())?;
        let written = header.header.write_to(&mut io::sink());
        written.expect("a sink takes all");
        Ok(())
    }),
    ("C++", |model, _| {
        let direct = Direct::new(model, &DirectOptions::default())?;
        cpp::cpp(model, &direct, &CppOptions::default()).map(drop)
    }),
];

fn compile(model: &Model) -> Result<Program> {
    compile::compile(model, &CompileOptions::default())
}

/// Calls every stage on a family of about `size` operators.
fn all_stages(family: &'static str, size: usize) {
    let (_, make) = (large::MODELS.iter())
        .find(|(name, _)| *name == family)
        .expect("a family of this name");
    let bytes = make(size);
    let copy = bytes.clone();
    let model = within_limit(family, "reader", move || {
        tflite::read("large.tflite", &copy)
    });
    let model = model.expect("the families are sound models");
    for &(stage, work) in STAGES {
        let (model, bytes) = (model.clone(), bytes.clone());
        let result = within_limit(family, stage, move || work(&model, &bytes));
        if let Err(error) = result {
            let first = &error.diagnostics()[0];
            println!("{family}, {stage}: refused: {}", first.message);
        }
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
    chain_in_place: "chain in place", 5_000;
    chain_of_aliases: "chain of aliases", 5_000;
    chain_of_elu: "chain of ELU", 4_000;
    chain_of_unknown: "chain of unknown", 5_000;
    one_reader_of_many: "one reader of many", 6_000;
    one_reader_of_one_often: "one reader of one, often", 6_000;
    many_readers_of_one: "many readers of one", 5_000;
    branches: "branches", 5_000;
    long_branches: "long branches", 4_000;
    lives_within_lives: "lives within lives", 5_000;
    outputs: "outputs", 4_000;
    constants_and_outputs: "constants and outputs", 20_000;
    folded_constants: "folded constants", 5_000;
    unused_tensors: "unused tensors", 30_000;
    equal_names: "equal names", 4_000;
    a_long_name: "a long name", 5_000;
    many_dimensions: "many dimensions", 5_000;
    signatures: "signatures", 8_000;
    signatures_of_one_name: "signatures of one name", 8_000;
    metadata: "metadata", 10_000;
    variables: "variables", 5_000;
    subgraphs_in_subgraphs: "subgraphs in subgraphs", 40_000;
    subgraphs_called_twice_each: "subgraphs called twice each", 160;
    initialisers_in_initialisers: "initialisers in initialisers", 40_000;
}

#[test]
fn entry_points_of_one_name_are_numbered_without_trying_all_numbers() {
    let (_, make) = (large::MODELS.iter())
        .find(|(name, _)| *name == "signatures of one name")
        .expect("the family");
    let model = tflite::read("large.tflite", &make(2_000)).expect("a model");
    within_limit("signatures of one name", "Rust module", move || {
        let program = compile(&model).expect("a program");
        std::hint::black_box(rust::file(&program, &RustOptions::default()));
    });
}
