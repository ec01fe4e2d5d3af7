//! A model as a static library with a C interface, by castiron's compiled engine.

pub(crate) mod archive;
pub(crate) mod cache;
mod cases;
mod package;

use std::path::PathBuf;

use castiron_cases::{Interface, Wanted};
use castiron_codegen::Passes;
use castiron_codegen::compile::{self, CompileOptions, Flash, Input, Limits, checked_section};
use castiron_codegen::emit::IoSpecFile;
use castiron_codegen::emit::c_api::{self, Example, OperatorFunction};
use castiron_codegen::emit::facts::{GraphFacts, TensorFacts};
use castiron_codegen::emit::rust::{self, KenningServer};
use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::graph::Model;
use castiron_codegen::plan::{Buffers, MemoryKind, TargetMemory};
use castiron_codegen::program::{FirmwareOps, Program};
use castiron_codegen::target::{Isa, Optimize, Target};
use serde::Serialize;

use crate::OptLevel;
use crate::toolchain::{Purpose, Toolchain};

pub use archive::Sizes;
pub use cases::{Cases, Recorded};

/// An instance is the arena, rounded up to this, and as much again for whether it is initialised.
const ALIGNMENT: usize = 16;
/// What guard words take behind each arena, and behind what lasts.
const GUARD: usize = 16;
/// What linker scripts take for memory that is zero at first.
const BSS: &str = ".bss";
/// The version of libm that castiron's kernels are linked with.
pub const LIBM_VERSION: &str = package::LIBM.0;
const ENGINE: &str = "castiron's compiled engine";

/// What a user may choose.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options<'a> {
    /// Target triple; none is this machine.
    pub target: Option<String>,
    /// The processor, as Rust names it; by default any of the target.
    pub cpu: Option<String>,
    /// Instructions that castiron's kernels may use; by default what the processor has, as far as target and processor say.
    pub isa: Option<Isa>,
    /// Prefix of names and files; by default the model's.
    pub name: Option<String>,
    /// Which kernels to take where a faster one is larger.
    pub optimize: Optimize,
    /// The most bytes of arena, as in [`CompileOptions`].
    pub max_arena: Option<usize>,
    /// What the model may take besides, as in [`CompileOptions`]: of flash, what the archive has.
    pub limits: Limits,
    /// The memories that the arena is spread over; none where it is one.
    pub memories: Vec<TargetMemory>,
    /// How the model takes its input.
    pub input: Input,
    /// Which inputs and outputs lie in buffers that the caller hands over for each run.
    pub buffers: Buffers,
    /// Passes to leave out.
    pub without: Passes,
    /// Custom operators that the program computes.
    pub custom: FirmwareOps,
    /// The names of functions in C that do, by operator; by default they follow from the operator's name.
    pub functions: Vec<(String, String)>,
    /// How the compiler optimises; by default [`OptLevel::COMPILED`] or [`OptLevel::TFLM`].
    pub opt_level: Option<OptLevel>,
    /// Linker section of the built-in instance.
    pub arena_section: Option<String>,
    /// Linker section of the weights.
    pub section: Option<String>,
    /// Adds `<prefix>_model_run_traced`.
    pub traced: bool,
    /// Adds `<prefix>_server_poll`, which serves the built-in instance by Kenning's protocol.
    pub server: Option<KenningServer>,
    /// Adds `<prefix>_verify`, which compares the weights with their CRC-32.
    pub verify: bool,
    /// Guard words behind the memory of an instance: a run that finds them overwritten says so.
    pub guards: bool,
    /// Cases of the self-test.
    pub cases: Cases,
    /// It is an error if there are no cases, as without them there is no self-test.
    pub self_test: bool,
    /// Bytes of the self-test's inputs and outputs at most, but for the first case.
    pub case_bytes: Option<usize>,
    /// Labels of the first output.
    pub labels: Option<Vec<String>>,
    /// An I/O specification.
    pub io_spec: Option<IoSpecFile<'a>>,
    /// Where to compile; by default a folder of the user's cache. Builds there wait for each other.
    pub build_dir: Option<PathBuf>,
    /// Cargo may not use the network.
    pub offline: bool,
}

/// A library with everything that belongs to it. Nothing has been written but the build folder.
#[derive(Debug)]
pub struct Library {
    /// What the C files say.
    pub interface: c_api::Library,
    /// Target triple.
    pub target: String,
    /// The compiler, for people.
    pub toolchain: String,
    /// What calls castiron's kernels, if it is these that compute.
    pub program: Option<Program>,
    /// What those were chosen for.
    pub kernels: Target,
    /// Bytes of the archive's sections.
    pub sizes: Sizes,
    /// What the archive needs from the C library and the compiler's own.
    pub undefined: Vec<String>,
    /// What the self-test holds and what it leaves out.
    pub cases: CaseCount,
    /// Name, use and content of every file, the archive first.
    pub files: Vec<File>,
}

/// A file to be written.
#[derive(Debug)]
pub struct File {
    /// What it is.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Cases of a self-test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CaseCount {
    /// In the self-test.
    pub baked: usize,
    /// Left out for their size.
    pub left_out: usize,
}

/// Compiles a model to a library.
///
/// # Errors
/// If the model cannot be compiled, no toolchain can build for the target, or cargo fails.
pub fn build(model: &Model, options: &Options<'_>) -> Result<Library> {
    // The interface is that of the first subgraph; what only other signatures need stays out.
    let first = model.with_default_entry();
    let of_target = Isa::of_target(options.target.as_deref(), options.cpu.as_deref());
    let isa = options.isa.unwrap_or(of_target);
    isa.check_for(of_target)?;
    let target = Target::new(isa, options.optimize);
    let mut how = CompileOptions::for_target(target).without(options.without);
    how.custom = options.custom.clone();
    how.max_arena = options.max_arena;
    how.limits.clone_from(&options.limits);
    // What is compiled says it better than an estimate.
    how.limits.flash = None;
    how.memories.clone_from(&options.memories);
    how.input = options.input;
    how.plan.buffers = options.buffers;
    let held = compile::compile_beyond_limits(&first, &how)?;
    if options.limits.flash.is_none() {
        held.check()?;
    }
    // What is compiled may have more to say.
    let (program, beyond) = (held.program, held.beyond);
    if options.traced && options.input == Input::Rows {
        return Err(Diagnostic::new(
            "a model that takes its input row by row cannot show what its operators compute: most of that is never in memory as a whole",
        )
        .help("let it take its input as a whole to trace it; results are the same")
        .into());
    }
    if options.traced && options.buffers != Buffers::Model {
        return Err(Diagnostic::new(
            "a model whose inputs or outputs lie in the caller's buffers cannot show what its operators compute",
        )
        .help("let it have its inputs and outputs in its arena to trace it; results are the same")
        .into());
    }
    if options.server.is_some() {
        rust::check_server(&program)?;
    }
    let facts = GraphFacts::of_model(model, options.io_spec, options.labels.as_deref())?;
    for section in [&options.arena_section, &options.section] {
        section.as_deref().map(checked_section).transpose()?;
    }
    for ram in &options.memories {
        ram.section.as_deref().map(checked_section).transpose()?;
    }
    let guard = if options.guards { GUARD } else { 0 };
    let mut interface = c_api::Library {
        prefix: c_api::prefix(options.name.as_deref().unwrap_or(model.stem())),
        model: model.stem().to_owned(),
        engine: ENGINE.to_owned(),
        facts,
        arena_bytes: program.arena_bytes,
        state_bytes: program.state_bytes,
        weight_bytes: program.constants.bytes().len(),
        memories: (program.parts.iter())
            .map(|part| c_api::PlacedMemory::of(part, guard))
            .collect(),
        instance_bytes: match program.parts.len() {
            0 => {
                let guards = guard * (1 + usize::from(program.state_bytes > 0));
                program.ram_bytes().next_multiple_of(ALIGNMENT) + guards + ALIGNMENT
            }
            // An address of each, of eight bytes at most, and what says that it is ready.
            memories => (8 * memories + 4).next_multiple_of(ALIGNMENT),
        },
        traced: options.traced,
        server: options.server.is_some(),
        verify: options.verify,
        guards: options.guards,
        may_end_early: program.may_end_early(),
        rows: program.entries.first().and_then(c_api::Rows::of),
        buffers: options.buffers,
        operators: Vec::new(),
    };
    interface.operators = OperatorFunction::all(&program, &interface, &options.functions)?;
    let runs = runs_here(&program);
    let cases = cases(runs.as_ref().map(|()| &program), &interface.facts, options)?;
    let texts = sources(&interface, &cases, options)?;
    let toolchain = Toolchain::detect(options.target.as_deref(), Purpose::Library)?;
    let made = package::compile(&interface, &program, &toolchain, options)?;
    let sections = arena_sections(&interface, options);
    let kind = archive::Options {
        bare: toolchain.target().contains("-none"),
        arena_sections: &sections,
    };
    let archive = archive::finish(&made, &interface, kind)?;
    let built = Built {
        target: toolchain.target().to_owned(),
        native: toolchain.is_native(),
        toolchain: toolchain.to_string(),
        archive,
        math: false,
        beyond,
    };
    let mut library = finish(interface, texts, built, options)?;
    library.program = Some(program);
    library.kernels = target;
    Ok(library)
}

/// The sections that have nothing but zeros.
fn arena_sections(interface: &c_api::Library, options: &Options<'_>) -> Vec<String> {
    let memories = interface.memories.iter();
    match interface.memories.is_empty() {
        true => options.arena_section.clone().into_iter().collect(),
        false => memories
            .map(|memory| memory_section(memory, options))
            .collect(),
    }
}

/// The section of a memory of the instance that is built in. Unless said, linker scripts that do not know it take it for `.bss`.
fn memory_section(memory: &c_api::PlacedMemory, options: &Options<'_>) -> String {
    match (&options.arena_section, &memory.section) {
        (Some(before), _) => format!("{before}.{}", memory.name),
        (None, Some(section)) => section.clone(),
        (None, None) => format!("{BSS}.castiron.{}", memory.name),
    }
}

/// That the machine which builds can run a program: nobody there computes what the firmware does.
fn runs_here(program: &Program) -> Result<()> {
    let Some(step) = program.custom_calls().next() else {
        return Ok(());
    };
    let problem = Diagnostic::new("the firmware computes this operator, castiron cannot");
    Err(problem
        .at_operator(step.origin.operator, &step.origin.name)
        .into())
}

/// An archive and what made it.
pub(crate) struct Built {
    pub(crate) target: String,
    pub(crate) native: bool,
    pub(crate) toolchain: String,
    pub(crate) archive: archive::Archive,
    /// Whether it calls functions of libm.
    pub(crate) math: bool,
    /// Limits that are not kept, whatever was compiled.
    pub(crate) beyond: Vec<Diagnostic>,
}

/// Puts together what any engine's library consists of.
pub(crate) fn finish(
    interface: c_api::Library,
    (texts, cases): (Vec<File>, CaseCount),
    built: Built,
    options: &Options<'_>,
) -> Result<Library> {
    let flash = check_flash(&interface, &built, options).err();
    let beyond = built.beyond.iter().cloned().chain(flash);
    if let Some(error) = Error::from_many(beyond.collect()) {
        return Err(error);
    }
    // Those of memories begin with it.
    let has_roms = options
        .memories
        .iter()
        .any(|memory| memory.kind == MemoryKind::Rom);
    let weights = options.section.as_ref().map(|section| match has_roms {
        true => format!("{section}.*"),
        false => section.clone(),
    });
    let own = arena_sections(&interface, options).into_iter();
    let own: Vec<String> = own.filter(|section| !section.starts_with(BSS)).collect();
    let own = own.join(" ");
    let sections = Example {
        target: &built.target,
        native: built.native,
        arena_section: Some(&*own).filter(|own| !own.is_empty()),
        section: weights.as_deref(),
        math: built.math,
    };
    // The example runs the self-test.
    let example = match cases.baked {
        0 => Vec::new(),
        _ => c_api::example(&interface, &sections)?,
    };
    let mut files = vec![File {
        what: "library",
        name: interface.archive_name(),
        bytes: built.archive.bytes,
    }];
    files.extend(texts);
    files.extend(example.into_iter().map(|(name, text)| File {
        what: "example",
        name: name.to_owned(),
        bytes: text.into_bytes(),
    }));
    Ok(Library {
        target: built.target,
        toolchain: built.toolchain,
        program: None,
        kernels: Target::default(),
        sizes: built.archive.sizes,
        undefined: built.archive.undefined,
        interface,
        cases,
        files,
    })
}

/// That what was compiled takes no more flash than it may.
fn check_flash(
    interface: &c_api::Library,
    built: &Built,
    options: &Options<'_>,
) -> Result<(), Diagnostic> {
    let Sizes {
        text, rodata, data, ..
    } = built.archive.sizes;
    let weights = interface.weight_bytes as u64;
    let how = format!("sections of the library for {}", built.target);
    let flash = Flash {
        weights,
        code: (text + rodata + data).saturating_sub(weights),
        how: &how,
    };
    // TFLM's kernels are not castiron's to choose.
    let optimize = match interface.engine == ENGINE {
        true => options.optimize,
        false => Optimize::Size,
    };
    compile::check_flash(flash, &options.limits, optimize)
}

/// Cases of the self-test. Without a program there are those that were given, or none, which is an
/// error where the user wants a self-test.
pub(crate) fn cases(
    program: Result<&Program, &Error>,
    facts: &GraphFacts,
    options: &Options<'_>,
) -> Result<Recorded> {
    let cases = options.cases.of(program.ok(), &interface(facts))?;
    if !options.self_test || !cases.cases.is_empty() {
        return Ok(cases);
    }
    let mut diagnostic = Diagnostic::new(
        "castiron cannot run this model, so it cannot compute expected outputs for the self-test",
    )
    .help(
        "give recorded inputs and expected outputs, in a .safetensors file or a folder, with --cases, or omit --self-test",
    );
    if let Some(reason) = program.err().and_then(|e| e.diagnostics().first()) {
        diagnostic.place = reason.place.clone();
        diagnostic = diagnostic.found(&reason.message);
    }
    Err(diagnostic.into())
}

fn interface(facts: &GraphFacts) -> Interface<'_> {
    fn wanted(tensor: &TensorFacts) -> Wanted<'_> {
        Wanted {
            name: &tensor.name,
            dtype: tensor.dtype,
            shape: &tensor.shape,
        }
    }
    Interface {
        inputs: facts.inputs.iter().map(wanted).collect(),
        outputs: facts.outputs.iter().map(wanted).collect(),
    }
}

/// The C files that do not depend on what is compiled. Without cases there is no self-test.
pub(crate) fn sources(
    interface: &c_api::Library,
    recorded: &Recorded,
    options: &Options<'_>,
) -> Result<(Vec<File>, CaseCount)> {
    let all = &recorded.cases;
    let limit = options.case_bytes.unwrap_or(cases::MOST_BYTES);
    let baked = cases::that_fit(all, limit);
    let count = CaseCount {
        baked: baked.len(),
        left_out: all.len() - baked.len(),
    };
    let mut comments: Vec<String> = options.cases.describe().map(str::to_owned).into();
    if count.left_out > 0 {
        comments.push(format!(
            "{} further cases are left out: the self-test is to stay below {limit} bytes.",
            count.left_out
        ));
    }
    let header = File {
        what: "header",
        name: interface.header_name(),
        bytes: c_api::header(interface)?.into_bytes(),
    };
    if baked.is_empty() {
        return Ok((vec![header], count));
    }
    let test = c_api::self_test(interface, baked, recorded.successive, &comments)?;
    let tests = [
        (
            "self-test",
            format!("{}_self_test.h", interface.prefix),
            test.header,
        ),
        (
            "self-test",
            format!("{}_self_test.c", interface.prefix),
            test.source,
        ),
    ]
    .map(|(what, name, text)| File {
        what,
        name,
        bytes: text.into_bytes(),
    });
    Ok((std::iter::once(header).chain(tests).collect(), count))
}

#[cfg(test)]
mod tests {
    use castiron_codegen::tflite;

    use super::*;

    #[test]
    fn a_self_test_of_a_model_that_castiron_cannot_run_needs_cases() {
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tflm");
        let Ok(bytes) = std::fs::read(format!("{data}/weight_only_int8_conv.tflite")) else {
            println!("skipped: no workspace around this package");
            return;
        };
        let model = tflite::read("weight_only_int8_conv.tflite", &bytes).unwrap();
        let facts = GraphFacts::of_model(&model, None, None).unwrap();
        // Castiron runs this one, so that something else has to be what it does not.
        let reason = Diagnostic::new("an operator is not supported");
        let program = Err(Error::from(reason).in_file(&model.file));
        let mut options = Options::default();
        assert!(
            cases(program.as_ref(), &facts, &options)
                .unwrap()
                .cases
                .is_empty()
        );
        options.self_test = true;
        let text = cases(program.as_ref(), &facts, &options)
            .unwrap_err()
            .to_string();
        for part in [
            "weight_only_int8_conv.tflite",
            "castiron cannot run this model",
            "with --cases",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        options.cases =
            Cases::Recorded(format!("{data}/golden/weight_only_int8_conv.safetensors").into());
        assert!(
            !cases(program.as_ref(), &facts, &options)
                .unwrap()
                .cases
                .is_empty()
        );
    }
}
