//! What castiron does with files from anywhere, each with all that has to hold whatever is in them. Fuzzers
//! (`fuzz/`) and tests (`tests/robustness.rs`) call the same functions.

use std::io;
use std::sync::OnceLock;

use castiron_board::dts::Devicetree;
use castiron_board::overlay::memory_overlay;
use castiron_board::renode::{Platform, PlatformOptions};
use castiron_board::repl::{RescOptions, repl, resc};
use castiron_board::rules::Rules;
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::emit::c_header::{self, HeaderOptions, HeaderStyle};
use castiron_codegen::emit::cpp::{self, CppOptions};
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::error::{Error, Result};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::Model;
use castiron_codegen::plan::{Budget, Buffers, PlanOptions};
use castiron_codegen::program::{Entry, Program};
use castiron_codegen::report::Report;
use castiron_codegen::tflite::{self, rewrite};
use castiron_codegen::tflm::arena::{Arena, ArenaNeed, ArenaOptions, Embedded};
use castiron_codegen::tflm::direct::{Direct, DirectOptions};
use castiron_report::{Draft, Measured, Settings, Source};

use crate::damage::{self, Pieces};
use crate::random;

/// Something that castiron does with a file.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of the fuzzer.
    pub name: &'static str,
    /// Does it, and says whether the file was taken. Panics if something does not hold.
    pub take: fn(&[u8]) -> bool,
    /// Files to damage, by folder.
    pub seeds: fn() -> Vec<Vec<Vec<u8>>>,
    /// What such files are made of.
    pub pieces: Pieces,
}

/// The reader alone.
pub const READER: Target = Target {
    name: "reader",
    take: reader,
    seeds: damage::models,
    pieces: Pieces::Words,
};

/// Everything that is made of a model.
pub const PIPELINE: Target = Target {
    name: "pipeline",
    take: pipeline,
    seeds: damage::models,
    pieces: Pieces::Words,
};

/// A devicetree, and what is written for it.
pub const DEVICETREE: Target = Target {
    name: "devicetree",
    take: devicetree,
    seeds: damage::devicetrees,
    pieces: Pieces::Tokens,
};

/// Model files that are changed.
pub const REWRITING: Target = Target {
    name: "rewriting",
    take: rewriting,
    seeds: damage::models,
    pieces: Pieces::Words,
};

/// Valid models that bytes decide.
pub const RANDOM_MODELS: Target = Target {
    name: "random_models",
    take: random::take,
    seeds: random::seeds,
    pieces: Pieces::Words,
};

const FILE: &str = "damaged.tflite";
/// Operations and bytes after which a run is given up.
const MOST_WORK: u64 = 1 << 24;
/// Programs that need more memory are compiled and written down, but not run.
const MOST_MEMORY: usize = 1 << 24;
/// A hundredth of the search for a plan that is allowed otherwise.
const BUDGET: Budget = Budget {
    steps: 240_000,
    time: None,
};

/// The result, if there is one; an error has to say what is wrong, and in which file.
fn named<T>(result: Result<T>) -> Option<T> {
    let error = match result {
        Ok(value) => return Some(value),
        Err(error) => error,
    };
    assert!(!error.diagnostics().is_empty(), "an error of nothing");
    for diagnostic in error.diagnostics() {
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
        assert!(diagnostic.place.file.is_some(), "no file: {diagnostic:?}");
        assert!(!diagnostic.is_fault(), "{diagnostic}");
    }
    None
}

/// Options that differ from the default, which may have further fields.
fn with<T: Default>(set: impl FnOnce(&mut T)) -> T {
    let mut options = T::default();
    set(&mut options);
    options
}

fn reader(bytes: &[u8]) -> bool {
    let read = named(tflite::read(FILE, bytes));
    // At another address, the file is the same.
    let shifted = [&[0], bytes].concat();
    let again = named(tflite::read(FILE, &shifted[1..]));
    let same = format!("{read:?}") == format!("{again:?}");
    assert!(same, "the model depends on where its file lies");
    read.is_some()
}

fn pipeline(bytes: &[u8]) -> bool {
    let Some(model) = named(tflite::read(FILE, bytes)) else {
        return false;
    };
    let [planned, plain] = [true, false].map(|on| compiled(&model, on));
    let compiles = planned.is_some();
    assert_eq!(compiles, plain.is_some(), "the plan decides what compiles");
    for (planned, plain) in planned
        .into_iter()
        .flatten()
        .zip(plain.into_iter().flatten())
    {
        // A run that is given up shows nothing.
        if let (Some(planned), Some(plain)) = (planned, plain) {
            assert_eq!(planned, plain, "the plan changes a result");
        }
    }
    written_for_c(&model, bytes);
    written_for_tflm(&model);
    reported(&model, bytes);
    compiles
}

/// All forms of a report.
fn reported(model: &Model, bytes: &[u8]) {
    let mut settings = Settings::default();
    settings.compile.plan.budget = BUDGET;
    let source = Source {
        name: FILE,
        model,
        bytes,
    };
    let mut draft = Draft::default();
    if named(draft.add(&source, &settings, Measured::default())).is_some() {
        let report = draft.finish(&settings, None);
        assert!(castiron_report::html(&report).is_ok());
        assert!(!castiron_report::markdown(&report).is_empty());
        assert!(!castiron_report::table(&report).is_empty());
    }
}

/// Bytes of all outputs, run after run; `None` where a run was given up.
type Outputs = Option<Vec<Vec<u8>>>;

/// Compiles a model with all that the planner may do, or with nothing of it. Gives what each entry computes,
/// if the model compiles.
fn compiled(model: &Model, on: bool) -> Option<Vec<Outputs>> {
    let plan = with(|plan: &mut PlanOptions| {
        plan.alias = on;
        plan.in_place = on;
        plan.overlap = on;
        plan.reorder = on;
        plan.buffers = match on {
            true => Buffers::Model,
            false => Buffers::Caller,
        };
        plan.budget = BUDGET;
    });
    let options = with(|options: &mut CompileOptions| options.plan = plan);
    let examined = compile::examine(model, &options);
    let _ = Report::new(model, &examined);
    let program = named(examined.program)?;
    assert!(!program.to_string().is_empty());
    let options = with(|options: &mut RustOptions| options.traced = on);
    assert!(!rust::file(&program, &options).is_empty());
    let entries = program.entries.iter();
    Some(entries.map(|entry| run(&program, entry)).collect())
}

/// Runs an entry on zeros, on something else, and on zeros again after a reset, which is as at first.
fn run(program: &Program, entry: &Entry) -> Outputs {
    if program.ram_bytes() > MOST_MEMORY {
        return None;
    }
    let mut machine = Machine::new(program, entry).limited_to(MOST_WORK);
    let mut outputs = Vec::new();
    let mut run = |machine: &mut Machine<'_>, step: u8| {
        for (position, port) in entry.inputs.iter().enumerate() {
            let bytes = (0..port.operand.range().len()).map(|i| step.wrapping_mul(i as u8));
            let set = machine.set_input(position, &bytes.collect::<Vec<u8>>());
            set.expect("the size is the port's");
        }
        if let Err(error) = machine.run() {
            let text = error.to_string();
            assert!(
                text.contains("stopped the run"),
                "what compiles runs: {text}"
            );
            return None;
        }
        let output = |i| match machine.output(i) {
            Some(output) => output.to_vec(),
            None if machine.ended_early() => Vec::new(),
            None => panic!("there is no output {i}"),
        };
        let all = (0..entry.outputs.len()).map(output);
        outputs.push(all.collect::<Vec<_>>());
        Some(())
    };
    run(&mut machine, 0)?;
    run(&mut machine, 37)?;
    machine.reset();
    run(&mut machine, 0)?;
    assert_eq!(outputs[0], outputs[2], "a reset leaves something");
    Some(outputs.concat())
}

/// The headers.
fn written_for_c(model: &Model, bytes: &[u8]) {
    let arena = ArenaNeed::if_known(model, &ArenaOptions::default());
    for style in [HeaderStyle::Kenning, HeaderStyle::Standalone] {
        let options = with(|options: &mut HeaderOptions<'_>| {
            options.style = style;
            options.arena = (style == HeaderStyle::Standalone).then(|| arena.clone());
        });
        let header = named(c_header::c_header(model, bytes, &options));
        for file in header.into_iter().flat_map(|h| [Some(h.header), h.source]) {
            text_of(|out| file.iter().try_for_each(|file| file.write_to(out)));
        }
    }
}

/// What is made for TensorFlow Lite Micro: resolver, arena, plan, calls.
fn written_for_tflm(model: &Model) {
    if let Some(resolver) = named(Resolver::new([model], &ResolverOptions::default())) {
        named(resolver.to_header()).expect("the template fits");
    }
    for allow_estimate in [false, true] {
        let options = with(|options: &mut ArenaOptions| options.allow_estimate = allow_estimate);
        named(Arena::new(model, &options));
    }
    named(Embedded::new(model, &ArenaOptions::default(), &BUDGET));
    let options = with(|options: &mut DirectOptions| options.budget = BUDGET);
    if let Some(direct) = named(Direct::new(model, &options)) {
        let files = named(cpp::cpp(model, &direct, &CppOptions::default()));
        for file in files.into_iter().flatten() {
            text_of(|out| file.write_to(out));
        }
    }
}

/// What is written has to be text.
fn text_of(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) {
    let mut text = Vec::new();
    write(&mut text).expect("memory takes everything");
    String::from_utf8(text).expect("text");
}

fn devicetree(bytes: &[u8]) -> bool {
    static RULES: OnceLock<Rules> = OnceLock::new();
    let rules = RULES.get_or_init(|| Rules::shipped(None).expect("castiron's own rules"));
    let Ok(text) = str::from_utf8(bytes) else {
        return false;
    };
    // Whoever reads the file knows its name.
    let in_file = |error: Error| error.in_file("damaged.dts");
    let Some(tree) = named(Devicetree::parse(text).map_err(in_file)) else {
        return false;
    };
    named(castiron_board::facts(&tree).map_err(in_file));
    named(memory_overlay(&tree, 4096).map_err(in_file));
    let platform = Platform::new(&tree, rules, &PlatformOptions::default());
    let Some(platform) = named(platform.map_err(in_file)) else {
        return false;
    };
    let options = RescOptions {
        name: "board".to_owned(),
        repl: "board.repl".to_owned(),
        elf: None,
    };
    for text in [repl(&platform), resc(&platform, &options)] {
        assert!(!named(text).expect("the template fits").is_empty());
    }
    true
}

fn rewriting(bytes: &[u8]) -> bool {
    let read =
        |bytes: &[u8]| named(tflite::read(FILE, bytes)).expect("what is written can be read");
    let before = named(tflite::read(FILE, bytes));
    let Some(aligned) = named(rewrite::align(FILE, bytes)) else {
        return false;
    };
    let before = before.expect("what is no model is not aligned");
    // As text, in which what is no number is equal to itself.
    let graphs = |model: &Model| format!("{:?}", model.graphs);
    let mut after = read(&aligned);
    assert!(
        graphs(&before) == graphs(&after),
        "aligning changes the model"
    );
    let again = named(rewrite::align(FILE, &aligned));
    assert_eq!(
        again.as_ref(),
        Some(&aligned),
        "aligning twice is not aligning"
    );
    let mut file = aligned;
    for data in [&b"four"[..], b"and something longer"] {
        file = named(rewrite::set_metadata(FILE, &file, "name", data)).expect("the file is whole");
        after = read(&file);
        let set: Vec<&[u8]> = (after.metadata.iter())
            .filter(|m| m.name == "name")
            .map(|m| m.data.as_slice())
            .collect();
        assert_eq!(set, [data]);
    }
    assert!(
        graphs(&before) == graphs(&after),
        "metadata change the model"
    );
    true
}
