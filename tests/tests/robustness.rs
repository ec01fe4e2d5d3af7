//! The whole pipeline on damaged models: whatever the bytes, an error or a program, in bounds.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::emit::c_header::{self, HeaderOptions, HeaderStyle};
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::exec::Machine;
use castiron_codegen::plan::{Location, PlanOptions};
use castiron_codegen::program::{Entry, Program};
use castiron_codegen::report::Report;
use castiron_codegen::tflite;
use castiron_tests::workspace;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Cases of one run: the same ones every time, and few enough for every run of the tests.
const CASES: u32 = 150;
/// Programs beyond these are compiled and written down, but not run.
const MOST_MACS: u64 = 2_000_000;
const MOST_ARENA: usize = 1 << 24;
/// Larger models are slow to plan and hold little but weights, which are not worth changing.
const MOST_FILE_BYTES: usize = 100_000;

/// What sizes, strides, axes, indices and quantisations are changed to.
const WORDS: [u32; 24] = [
    0,
    1,
    2,
    3,
    5,
    7,
    8,
    16,
    100,
    127,
    128,
    255,
    256,
    1000,
    1 << 16,
    1 << 24,
    1 << 30,
    i32::MAX as u32,
    u32::MAX,
    1 << 31,
    0x0000_0001, // the least float
    0x3f80_0000, // 1.0
    0x7f7f_ffff, // the greatest float
    0x7fc0_0000, // no number
];

#[derive(Debug, Clone)]
enum Change {
    Byte {
        at: usize,
        to: u8,
    },
    Flip {
        at: usize,
        bit: u8,
    },
    Word {
        at: usize,
        to: usize,
    },
    Swap {
        at: usize,
        with: usize,
    },
    Splice {
        from: usize,
        at: usize,
        words: usize,
    },
    Cut {
        at: usize,
    },
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        let at = any::<usize>;
        prop_oneof![
            2 => (at(), any::<u8>()).prop_map(|(at, to)| Self::Byte { at, to }),
            2 => (at(), 0u8..8).prop_map(|(at, bit)| Self::Flip { at, bit }),
            6 => (at(), 0..WORDS.len()).prop_map(|(at, to)| Self::Word { at, to }),
            2 => (at(), at()).prop_map(|(at, with)| Self::Swap { at, with }),
            2 => (at(), at(), 1usize..8)
                .prop_map(|(from, at, words)| Self::Splice { from, at, words }),
            1 => at().prop_map(|at| Self::Cut { at }),
        ]
    }

    /// Applies the change; words are aligned, as the format has them.
    fn apply(&self, bytes: &mut Vec<u8>) {
        let words = bytes.len() / 4;
        if words == 0 {
            return;
        }
        let word = |at: usize| at % words * 4;
        match *self {
            Self::Byte { at, to } => {
                let at = at % bytes.len();
                bytes[at] = to;
            }
            Self::Flip { at, bit } => {
                let at = at % bytes.len();
                bytes[at] ^= 1 << bit;
            }
            Self::Word { at, to } => {
                bytes[word(at)..][..4].copy_from_slice(&WORDS[to].to_le_bytes());
            }
            Self::Swap { at, with } => {
                for i in 0..4 {
                    bytes.swap(word(at) + i, word(with) + i);
                }
            }
            Self::Splice { from, at, words } => {
                let from = word(from)..(word(from) + 4 * words).min(bytes.len());
                let at = word(at).min(bytes.len() - from.len());
                bytes.copy_within(from, at);
            }
            Self::Cut { at } => bytes.truncate(at % bytes.len()),
        }
    }
}

fn shipped() -> Vec<Vec<u8>> {
    let folders = ["examples/models", "tests/data/models"].map(|f| workspace().join(f));
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("the folder is readable"))
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "tflite"))
        .collect();
    paths.sort();
    let files = paths
        .iter()
        .map(|path| fs::read(path).expect("the model is readable"));
    files.filter(|f| f.len() <= MOST_FILE_BYTES).collect()
}

/// Everything that castiron does with a file. Returns whether the model compiled.
fn pipeline(bytes: &[u8], fill: u8) -> bool {
    let model = match tflite::read("damaged.tflite", bytes) {
        Ok(model) => model,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let results = [(true, true), (false, false)].map(|(alias, in_place)| {
        let plan = PlanOptions {
            alias,
            in_place,
            ..PlanOptions::default()
        };
        let examined = compile::examine(
            &model,
            &CompileOptions {
                plan,
                ..CompileOptions::default()
            },
        );
        let _ = Report::new(&model, &examined);
        let program = examined.program.ok()?;
        assert!(!rust::file(&program, &RustOptions::default()).is_empty());
        Some(run(&program, fill))
    });
    assert_eq!(results[0], results[1], "the plan changes no result");
    let compiled = results[0].is_some();
    for style in [HeaderStyle::Kenning, HeaderStyle::Standalone] {
        let options = HeaderOptions {
            style,
            ..HeaderOptions::default()
        };
        if let Ok(header) = c_header::c_header(&model, bytes, &options) {
            for file in std::iter::once(header.header).chain(header.source) {
                let mut text = Vec::new();
                file.write_to(&mut text).expect("memory takes everything");
                String::from_utf8(text).expect("text");
            }
        }
    }
    if let Ok(resolver) = Resolver::new([&model], &ResolverOptions::default()) {
        resolver.to_header().expect("the template fits");
    }
    compiled
}

/// All outputs of all entries; none of those that are too much work or too large.
fn run(program: &Program, fill: u8) -> Vec<Vec<u8>> {
    let mut outputs = Vec::new();
    for entry in &program.entries {
        if entry.macs > MOST_MACS || largest(entry) > MOST_ARENA {
            continue;
        }
        let mut machine = Machine::new(program, entry);
        for (position, port) in entry.inputs.iter().enumerate() {
            let bytes = (0..port.operand.range().len()).map(|i| fill.wrapping_add(i as u8));
            let input: Vec<u8> = bytes.collect();
            machine.set_input(position, &input).expect("the size fits");
        }
        machine.run().expect("what compiles runs");
        let all = (0..entry.outputs.len()).filter_map(|i| machine.output(i));
        outputs.extend(all.map(<[u8]>::to_vec));
    }
    outputs
}

/// Bytes of all tensors, which no plan exceeds.
fn largest(entry: &Entry) -> usize {
    let bytes = entry.plan.tensors.iter().map(|t| match t.location {
        Location::Arena { bytes, .. } => bytes,
        _ => 0,
    });
    bytes.fold(0, usize::saturating_add)
}

#[test]
fn damaged_models_give_errors_or_programs() {
    let files = shipped();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    // The same cases on every machine.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let cases = (
        0..files.len(),
        proptest::collection::vec(Change::any(), 1..4),
        any::<u8>(),
    );
    let mut runner = TestRunner::new_with_rng(config, rng);
    let compiled = Cell::new(0);
    runner
        .run(&cases, |(file, changes, fill)| {
            let mut bytes = files[file].clone();
            changes.iter().for_each(|change| change.apply(&mut bytes));
            compiled.set(compiled.get() + usize::from(pipeline(&bytes, fill)));
            Ok(())
        })
        .expect("no damage makes a panic");
    // Most damage is seen by the reader; enough must reach the rest to be worth the name.
    let compiled = compiled.get();
    assert!(compiled > CASES as usize / 20, "{compiled} compiled");
}
