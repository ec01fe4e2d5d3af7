//! Is what runs on the target what castiron computes here?
//!
//! The model becomes a library as it does for firmware, a harness in C is linked with it, and
//! both run the same inputs: here with castiron's kernels, there as firmware. Outputs, and the
//! outputs of every operator on demand, come back as bytes and are compared.

mod cases;
mod compare;
mod firmware;
mod identity;
mod judge;
mod outcome;
mod platform;
mod probe;
mod recorded;
mod reference;
mod serial;
mod tools;
mod trace;

use std::path::{Path, PathBuf};

use castiron_codegen::Passes;
use castiron_codegen::emit::c_api;
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::graph::Model;
use castiron_codegen::plan::TargetMemory;
use castiron_codegen::program::Program;
use castiron_codegen::target::{Isa, Optimize};

pub use cases::generated;
pub use castiron_cases::Case;
pub use compare::Tally;
pub use identity::Identity;
pub use outcome::{Against, Compared, Counted, Difference, Operator, Outcome, Seen};
pub use platform::Platform;
pub use recorded::{RecordedOutput, against_recorded};
pub use serial::Line;

use crate::OptLevel;
use crate::tflm::Tree;
use crate::toolchain::{Purpose, Toolchain};

/// How far floats may be from what is expected, as a share of the greatest magnitude of the
/// tensor or of 1: what `docs/accuracy.md` promises.
pub const TOLERANCE: f64 = 1e-5;

/// What a user may choose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Where the firmware runs.
    pub on: Platform,
    /// The engine of the firmware.
    pub engine: Engine,
    /// Compare the outputs of every operator.
    pub layers: bool,
    /// Count the instructions of every operator.
    pub measure: bool,
    /// How far floats may be off, see [`TOLERANCE`].
    pub tolerance: f64,
    /// Where to build, and to leave what was built; a temporary folder otherwise.
    pub keep: Option<PathBuf>,
    /// Which kernels to take where a faster one is larger.
    pub optimize: Optimize,
    /// Instructions that castiron's kernels may use; by default what the platform's processor has.
    pub isa: Option<Isa>,
    /// The most bytes of arena.
    pub max_arena: Option<usize>,
    /// The memories that the arena is spread over; none where it is one.
    pub memories: Vec<TargetMemory>,
    /// Passes to leave out.
    pub without: Passes,
    /// The target of firmware for a board; none is this machine.
    pub target: Option<String>,
    /// The processor of firmware for a board, as Rust names it.
    pub cpu: Option<String>,
    /// SHA-256 of the model's file, by which firmware on a board and the model know each other.
    pub model_hash: [u8; 32],
    /// Where the board is.
    pub line: Option<Line>,
    /// The chip at the debug probe, as probe-rs names it.
    pub chip: Option<String>,
    /// How the compiler optimises the library; by default as [`crate::library::build`] does.
    pub opt_level: Option<OptLevel>,
    /// Where to compile the library; by default as [`crate::library::build`] does.
    pub build_dir: Option<PathBuf>,
    /// Cargo may not use the network.
    pub offline: bool,
}

/// What computes on the target.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Engine {
    /// castiron's kernels.
    Compiled,
    /// TensorFlow Lite Micro's, from these sources.
    Tflm(Tree),
}

impl Engine {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Compiled => "compiled",
            Self::Tflm(_) => "tflm",
        }
    }
}

impl Settings {
    /// Everything by default.
    pub fn new(on: Platform) -> Self {
        Self {
            on,
            engine: Engine::Compiled,
            layers: false,
            measure: false,
            tolerance: TOLERANCE,
            keep: None,
            optimize: Optimize::default(),
            isa: None,
            max_arena: None,
            memories: Vec::new(),
            without: Passes::NONE,
            target: None,
            cpu: None,
            model_hash: [0; 32],
            line: None,
            chip: None,
            opt_level: None,
            build_dir: None,
            offline: false,
        }
    }

    /// What the library is compiled for; none is this machine.
    fn triple(&self) -> Option<&str> {
        match self.on.is_board() {
            true => self.target.as_deref(),
            false => self.on.triple(),
        }
    }

    /// Whether the library has to tell of every operator.
    fn traced(&self) -> bool {
        self.layers || self.measure
    }
}

/// What is validated.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The model.
    pub model: &'a Model,
    /// What was compiled from it, which runs here.
    pub program: &'a Program,
}

/// Builds firmware of a model and compares what it computes with what castiron computes here.
/// `progress` hears of every stage as it begins.
///
/// # Errors
/// If a tool is missing, or the firmware cannot be built or does not run to its end. Differences
/// are no errors: they are in the outcome.
pub fn validate(
    subject: Subject<'_>,
    cases: &[Case],
    settings: &Settings,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome> {
    validate_firmware(subject, subject.model, cases, settings, progress)
}

/// As [`validate`], with firmware made of something else than what runs here. It is how the tests
/// see that a difference is found.
///
/// # Errors
/// As [`validate`].
#[doc(hidden)]
pub fn validate_firmware(
    subject: Subject<'_>,
    firmware: &Model,
    cases: &[Case],
    settings: &Settings,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome> {
    let entry = &subject.program.entries[0];
    cases::check(entry, cases)?;
    let tools = platform::Tools::find(settings.on)?;
    if let (Engine::Compiled, false) = (&settings.engine, settings.on.is_board()) {
        Toolchain::detect(settings.triple(), Purpose::Library)?;
    }
    let graph = &subject.model.graphs[entry.graph];

    progress("running the model on this machine");
    let expected = reference::run(subject.program, cases, settings.traced())?;
    let has_outputs = expected.iter().any(|trace| !trace.outputs.is_empty());
    if !graph.outputs.is_empty() && !has_outputs {
        return Err(Diagnostic::new("all runs ended before there were outputs")
            .expected("more runs: a CIRCULAR_BUFFER of the model waits for more inputs")
            .found(format_args!("cases of {} runs", cases.len()))
            .help("take more cases")
            .into());
    }

    if settings.on == Platform::Serial {
        let line = (settings.line.as_ref())
            .ok_or_else(|| Diagnostic::new("nobody says at which serial port the board is"))?;
        progress(settings.on.running());
        let (identity, results) = serial::run(line, &firmware::inputs(cases), |identity| {
            identity.check(settings)
        })?;
        let found = trace::parse(&results, cases.len())?;
        let mut outcome = judge::judge(graph, cases, &found, &expected, settings);
        outcome.engine = match identity.engine.as_str() {
            "tflm" => "tflm",
            _ => Engine::Compiled.name(),
        };
        outcome.firmware = Some(identity);
        return Ok(outcome);
    }
    let chip = match settings.on {
        Platform::Probe => Some(probe::Chip::find(&tools, settings)?),
        _ => None,
    };
    let mut settings = settings.clone();
    if let Some(chip) = &chip {
        settings.target = Some(chip.board.target.to_owned());
        Toolchain::detect(settings.triple(), Purpose::Library)?;
    }
    let settings = &settings;
    let folder = Folder::new(settings.keep.as_deref())?;
    progress("building the library");
    let library = firmware::library(firmware, sample(cases, &expected), settings, folder.path())?;
    progress("building the firmware");
    firmware::write_inputs(folder.path(), cases)?;
    let image = firmware::link(&library, &tools, chip.as_ref(), settings, folder.path())?;
    progress(settings.on.running());
    let results = match &chip {
        Some(chip) => probe::run(&tools, chip, &image)?,
        None => platform::run(&tools, &image, folder.path())?,
    };
    let found = trace::parse(&results, cases.len())?;
    Ok(judge::judge(graph, cases, &found, &expected, settings))
}

/// Writes the sources of firmware for a board, to build and flash. What the user fills in stays as it is, if it is there:
/// these are the names that are returned.
///
/// # Errors
/// If the library cannot be built, or a file not be written.
pub fn write_firmware(
    subject: Subject<'_>,
    settings: &Settings,
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<String>> {
    let folder = Folder::new(Some(folder))?;
    let cases = cases::generated(&subject.program.entries[0], 1, 0);
    let expected = reference::run(subject.program, &cases, false)?;
    progress("building the library");
    let library = firmware::library(
        subject.model,
        sample(&cases, &expected),
        settings,
        folder.path(),
    )?;
    firmware::write_board(&library, settings, folder.path())
}

/// A case that fits the model.
fn sample(cases: &[Case], expected: &[trace::Trace]) -> c_api::Case {
    c_api::Case {
        inputs: cases[0].inputs.clone(),
        outputs: expected[0].outputs.values().cloned().collect(),
    }
}

/// Where things are built.
#[derive(Debug)]
enum Folder {
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Folder {
    fn new(keep: Option<&Path>) -> Result<Self> {
        let failed = |what: &Path, e: &std::io::Error| {
            Diagnostic::new(format!("cannot make the folder {}: {e}", what.display()))
        };
        match keep {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
                let absolute = std::path::absolute(folder).map_err(|e| failed(folder, &e))?;
                Ok(Self::Kept(absolute))
            }
            None => {
                let mut builder = tempfile::Builder::new();
                builder.prefix("castiron-validate-");
                let folder = builder.tempdir();
                let place = std::env::temp_dir();
                Ok(Self::Temporary(folder.map_err(|e| failed(&place, &e))?))
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(folder) => folder,
        }
    }
}
