//! A model in a build script: everything the firmware wants of it, in `OUT_DIR`.

mod named;
mod tflm;

use std::env;
use std::path::{Path, PathBuf};

use castiron_codegen::compile::{self, Config, Input, Settings, checked_section};
use castiron_codegen::emit::IoSpecFile;
use castiron_codegen::emit::c_header::{CFile, CHeader, HeaderOptions, c_header};
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::error::{Diagnostic, FrontEnd, Result};
use castiron_codegen::graph;
use castiron_codegen::plan::Buffers;
use castiron_codegen::program::{FirmwareOps, OpBuffer};
use castiron_codegen::target::{Isa, Optimize};
use castiron_codegen::{InputShape, Passes, files, labels, tflite, warnings};

use self::named::{Named, announce};
use self::tflm::TflmOptions;
use crate::OptLevel;
use crate::output;
use crate::tflm::Tflm;

/// A model for a build script to generate code from.
///
/// ```no_run
/// use castiron_build::OrExit as _;
///
/// castiron_build::Model::new("models/kws.tflite")
///     .labels("models/labels.txt")
///     .compile()
///     .or_exit();
/// ```
///
/// and in the firmware, which depends on `castiron`:
///
/// ```ignore
/// mod kws {
///     include!(concat!(env!("OUT_DIR"), "/kws.rs"));
/// }
/// ```
///
/// The module is what `castiron::include_model!` would leave there.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is generated before `compile`"]
pub struct Model {
    path: PathBuf,
    name: Option<String>,
    /// What the script says of the model.
    settings: Settings,
    memories: Vec<(String, String)>,
    ops: Option<String>,
    scratch: Vec<(String, String)>,
    state: Vec<(String, String)>,
    out_dir: Option<PathBuf>,
    header: bool,
    resolver: bool,
    tflm: Option<Tflm>,
    tflm_options: TflmOptions,
}

/// The files that were generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The Rust module, for `include!`.
    pub module: PathBuf,
    /// The packed weights, which the module includes, of castiron's own engine.
    pub weights: Option<PathBuf>,
    /// The static library that the module calls, of TFLM.
    pub library: Option<PathBuf>,
    /// The model as C, header and source.
    pub header: Option<(PathBuf, PathBuf)>,
    /// The TFLM operators that the model needs.
    pub resolver: Option<PathBuf>,
    /// Bytes of working memory.
    pub arena_bytes: usize,
    /// Bytes of what lasts from run to run, beside those; TFLM keeps it among them.
    pub state_bytes: usize,
    /// Bytes of weights and other constants.
    pub weight_bytes: usize,
}

impl Model {
    /// The model of a file, whose path is relative to the folder of `Cargo.toml`; or one that `castiron.toml` beside it has, by its name. What
    /// a script says of it counts before what the file does.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }

    /// Name of the files and prefix in C; by default the model's.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Class names, one per line.
    pub fn labels(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.labels = Some(path.into().into());
        self
    }

    /// Kenning's I/O specification.
    pub fn io_spec(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.io_spec = Some(path.into().into());
        self
    }

    /// Linker section of the weights.
    pub fn section(mut self, section: impl Into<String>) -> Self {
        self.settings.section = Some(section.into());
        self
    }

    /// Which of castiron's kernels to take where a faster one is larger; the results are the same.
    pub fn optimize(mut self, optimize: Optimize) -> Self {
        self.settings.optimize = Some(optimize);
        self
    }

    /// Instructions that castiron's kernels may use, where cargo's target does not say: [`Isa::Dsp`] or [`Isa::DspFp`] for a Cortex-M33.
    pub fn isa(mut self, isa: Isa) -> Self {
        self.settings.isa = Some(isa);
        self
    }

    /// The most bytes that the arena may take. Where it would take more, kernels work in less memory; where that is not enough, operators run row by
    /// row, and last they compute some of it again. The results are the same. If no plan is below, [`compile`](Self::compile) says what would be. 0 is
    /// the least without computing anything again.
    pub fn max_arena(mut self, bytes: usize) -> Self {
        self.settings.max_arena = Some(bytes.into());
        self
    }

    /// The most bytes of flash that the model may take; [`compile`](Self::compile) fails where packed weights and code take more. It estimates the
    /// code, from what kernels take on a Cortex-M4.
    pub fn max_flash(mut self, bytes: u64) -> Self {
        self.settings.max_flash = Some(bytes.into());
        self
    }

    /// The most multiply-accumulates that a run may take; [`compile`](Self::compile) fails where it takes more.
    pub fn max_macs(mut self, macs: u64) -> Self {
        self.settings.max_macs = Some(macs.into());
        self
    }

    /// A memory that the arena is spread over: its name, and how much of it the model may take, as `64k`, with `:fast` or `:slow` behind it where it
    /// is faster or slower than others, and `:rom` where weights lie in it. Say it for each. The module has a struct for each memory, and its `Model` borrows one of each.
    pub fn memory(mut self, name: impl Into<String>, size: impl Into<String>) -> Self {
        self.memories.push((name.into(), size.into()));
        self
    }

    /// How the model takes its input: as a whole unless said, or row by row. [`compile`](Self::compile) says why if the input cannot come by rows.
    pub fn input_by(mut self, input: Input) -> Self {
        self.settings.input_by = Some(input);
        self
    }

    /// Which inputs and outputs lie in buffers that the caller hands over for each run, and so not in the arena: none unless said. The module's
    /// `Model` then has `run_with`.
    pub fn buffers(mut self, buffers: Buffers) -> Self {
        self.settings.buffers = Some(buffers);
        self
    }

    /// Whether the model runs in parts, too, with `steps` and `run_async`, for firmware that has other work meanwhile: not unless said.
    pub fn steps(mut self, steps: bool) -> Self {
        self.settings.steps = Some(steps);
        self
    }

    /// Adds the function `verify` to the module, which compares the weights in flash with their CRC-32.
    pub fn verify(mut self, verify: bool) -> Self {
        self.settings.verify = Some(verify);
        self
    }

    /// The shape of an input whose sizes the file leaves open, by the input's name.
    pub fn shape(mut self, input: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        self.settings.shapes.push(InputShape::new(input, shape));
        self
    }

    /// Leaves out a pass over the operators, or [`Passes::ALL`]; the results are the same.
    pub fn without_pass(mut self, passes: impl Into<Passes>) -> Self {
        self.settings.without = self.settings.without | passes.into();
        self
    }

    /// The type that computes the model's custom operators, from the root of a crate: `crate::MyOps`.
    pub fn ops(mut self, path: impl Into<String>) -> Self {
        self.ops = Some(path.into());
        self
    }

    /// Working memory of a custom operator: `256` bytes, or other elements, `i16x128`.
    pub fn scratch(mut self, operator: impl Into<String>, size: impl Into<String>) -> Self {
        self.scratch.push((operator.into(), size.into()));
        self
    }

    /// What a custom operator keeps from run to run: `256` bytes, or other elements, `i16x128`.
    pub fn state(mut self, operator: impl Into<String>, size: impl Into<String>) -> Self {
        self.state.push((operator.into(), size.into()));
        self
    }

    /// Where to write; by default `OUT_DIR`.
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// The model as C, too: `<name>_model.h` and `<name>_model.c`.
    pub fn with_header(mut self) -> Self {
        self.header = true;
        self
    }

    /// TFLM's operators, too: `<name>_ops_resolver.h`.
    pub fn with_resolver(mut self) -> Self {
        self.resolver = true;
        self
    }

    /// TFLM's kernels compute the model, compiled from these sources.
    ///
    /// The module has the same names and types. `include_model!` with `engine = "tflm"` uses what is
    /// compiled here; then `name` has to stay the model's. The feature `bindgen` has to be on.
    pub fn tflm(mut self, tflm: Tflm) -> Self {
        self.tflm = Some(tflm);
        self
    }

    /// The processor to compile TFLM for, as `-mcpu` takes it, where the target stands for several:
    /// `cortex-m55`.
    pub fn cpu(mut self, cpu: impl Into<String>) -> Self {
        self.tflm_options.cpu = Some(cpu.into());
        self
    }

    /// How to optimise TFLM; [`OptLevel::TFLM`] unless said, whatever the profile.
    pub fn opt_level(mut self, level: OptLevel) -> Self {
        self.tflm_options.opt_level = Some(level);
        self
    }

    /// Whether TFLM checks and says what it can; by default where there is an operating system.
    pub fn messages(mut self, messages: bool) -> Self {
        self.tflm_options.messages = Some(messages);
        self
    }

    /// Generates the files, and tells cargo what they are made from. A file is written only if its
    /// content changes.
    ///
    /// # Errors
    /// If a file cannot be read or written, or the model cannot be compiled; every problem with its
    /// place. [`OrExit`] shows them as cargo does.
    pub fn compile(&self) -> Result<Generated> {
        let out_dir = match (&self.out_dir, env::var_os("OUT_DIR")) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => folder.into(),
            (None, None) => {
                return Err(Diagnostic::new("there is no OUT_DIR")
                    .help("call this from a build script, or name a folder with out_dir()")
                    .into());
            }
        };
        self.check_engine()?;
        let firmware_ops = self.firmware_ops()?;
        let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let config = Config::of_folder(&folder.unwrap_or_default())?;
        let Named {
            path,
            stem,
            settings,
        } = self.named(&config)?;
        let bytes = read(&path)?;
        let model = tflite::read(&path.display().to_string(), &bytes)?;
        let model = castiron_codegen::resize(model, &settings.shapes)?;
        warnings::of(&model).iter().for_each(warn);
        let labels = match &settings.labels {
            Some(path) => Some(labels::parse(&read_text(&path.value)?)),
            None => None,
        };
        let io_spec = match &settings.io_spec {
            Some(path) => Some((path.value.display().to_string(), read_text(&path.value)?)),
            None => None,
        };
        let io_spec = (io_spec.as_ref()).map(|(file, text)| IoSpecFile { file, text });
        let facts = GraphFacts::of_model(&model, io_spec, labels.as_deref())?;

        let stem = stem.as_deref().unwrap_or(model.stem());
        let name = rust::module_name(self.name.as_deref().unwrap_or(stem));
        let weights_file = format!("{name}.weights.bin");
        let section = settings.section.as_deref();
        section.map(checked_section).transpose()?;
        let mut options = RustOptions::default();
        options.labels = (facts.outputs.first()).map_or_else(Vec::new, |o| o.labels.clone());
        options.section = settings.section.clone();
        options.constants_file = Some(weights_file.clone());
        options.ops = (self.ops.as_deref()).map(rust::type_path).transpose()?;
        options.module = Some(name.clone());
        options.steps = settings.steps.unwrap_or_default();
        options.verify = settings.verify.unwrap_or_default();
        let mut made = match &self.tflm {
            Some(tflm) => {
                warnings::left_out(&model).iter().for_each(warn);
                let how = &self.tflm_options;
                how.generate(tflm, &model, &name, facts, &options, &out_dir)?
            }
            None => {
                // What the crate is built for.
                let triple = env::var("TARGET").ok();
                let flags = env::var("CARGO_ENCODED_RUSTFLAGS").ok();
                let isa = Isa::of_build(triple.as_deref(), flags.as_deref());
                (settings.isa).map_or(Ok(()), |said| said.check_for(isa))?;
                let mut how = settings.options(isa);
                how.custom = firmware_ops;
                let program = compile::compile(&model, &how)
                    .and_then(|program| rust::check_operators(&program).map(|()| program))
                    .and_then(|program| match options.steps {
                        true => rust::check_steps(&program).map(|()| program),
                        false => Ok(program),
                    })
                    .map_err(|e| e.in_file(&model.file).for_front_end(FrontEnd::BuildScript))?;
                let constants = program.constants.bytes();
                let module = rust::file(&program, &options);
                Generated {
                    module: write(&out_dir, &format!("{name}.rs"), module.as_bytes())?,
                    weights: Some(write(&out_dir, &weights_file, constants)?),
                    library: None,
                    header: None,
                    resolver: None,
                    arena_bytes: program.arena_bytes,
                    state_bytes: program.state_bytes,
                    weight_bytes: constants.len(),
                }
            }
        };
        if self.header {
            let mut options = HeaderOptions::default();
            options.name = Some(name.clone());
            options.section = settings.section.clone();
            options.labels = labels;
            options.io_spec = io_spec;
            made.header = write_header(&out_dir, &c_header(&model, &bytes, &options)?)?;
        }
        if self.resolver {
            let file = format!("{name}_ops_resolver.h");
            made.resolver = Some(write(&out_dir, &file, resolver(&model)?.as_bytes())?);
        }
        announce(&config, &path, &settings);
        Ok(made)
    }

    /// The custom operators that the firmware computes: all, where it names a type that does.
    fn firmware_ops(&self) -> Result<FirmwareOps> {
        let buffers = |list: &[(String, String)]| {
            let buffers = list.iter();
            let buffers = buffers.map(|(operator, size)| format!("{operator}={size}").parse());
            buffers.collect::<Result<Vec<OpBuffer>, Diagnostic>>()
        };
        let (scratch, state) = (buffers(&self.scratch)?, buffers(&self.state)?);
        match self.ops {
            Some(_) => Ok(FirmwareOps::all().with_scratch(scratch).with_state(state)),
            None if scratch.is_empty() && state.is_empty() => Ok(FirmwareOps::default()),
            None => Err(Diagnostic::new(
                "scratch() and state() are for operators that the firmware computes, and no type does",
            )
            .help("name it with ops(\"crate::MyOps\")")
            .into()),
        }
    }
}

fn resolver(model: &graph::Model) -> Result<String> {
    Resolver::new([model], &ResolverOptions::default())?.to_header()
}

fn write_header(folder: &Path, made: &CHeader<'_>) -> Result<Option<(PathBuf, PathBuf)>> {
    let file = |file: &CFile<'_>| {
        let mut text = Vec::new();
        // Writing to memory cannot fail.
        let _ = file.write_to(&mut text);
        write(folder, &file.file_name, &text)
    };
    match &made.source {
        Some(source) => Ok(Some((file(&made.header)?, file(source)?))),
        None => Ok(None),
    }
}

/// Cargo takes a line at a time.
fn warn(warning: &Diagnostic) {
    println!("cargo::warning={}", warning.to_string().replace('\n', ";"));
}

fn read(path: &Path) -> Result<Vec<u8>> {
    files::read(path, files::MOST_OF_A_MODEL).map_err(|e| failure("read", path, &e))
}

fn read_text(path: &Path) -> Result<String> {
    files::read_text(path).map_err(|e| failure("read", path, &e))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = folder.join(name);
    output::write(&path, bytes).map_err(|e| failure("write", &path, &e))?;
    Ok(path)
}

fn failure(doing: &str, path: &Path, error: &std::io::Error) -> castiron_codegen::error::Error {
    let mut diagnostic = Diagnostic::new(format!("cannot {doing}: {error}"));
    diagnostic.place.file = Some(path.display().to_string());
    if path.is_relative() {
        diagnostic = diagnostic.help("paths are relative to the folder of Cargo.toml");
    }
    diagnostic.into()
}

/// What a build script does about an error.
pub trait OrExit<T> {
    /// The value; or the problems as cargo's errors, and the end of the build script.
    fn or_exit(self) -> T;
}

impl<T> OrExit<T> for Result<T> {
    fn or_exit(self) -> T {
        self.unwrap_or_else(|error| {
            // Cargo takes a line at a time.
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            std::process::exit(1)
        })
    }
}

#[cfg(test)]
mod tests;
