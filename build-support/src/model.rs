//! A model in a build script: everything the firmware wants of it, in `OUT_DIR`.

use std::env;
use std::path::{Path, PathBuf};

use castiron_codegen::compile::{self, Config, EngineName, Input, Settings};
use castiron_codegen::emit::IoSpecFile;
use castiron_codegen::emit::c_api;
use castiron_codegen::emit::c_header::{CFile, CHeader, HeaderOptions, c_header};
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::emit::rust::{self, RustOptions, TflmModule};
use castiron_codegen::error::{Diagnostic, FrontEnd, Result};
use castiron_codegen::graph;
use castiron_codegen::plan::Buffers;
use castiron_codegen::program::{FirmwareOps, OpBuffer};
use castiron_codegen::target::{Isa, Optimize};
use castiron_codegen::{InputShape, Passes, files, labels, tflite, warnings};

use crate::OptLevel;
use crate::cxx::Target;
use crate::output;
use crate::tflm::{Job, Tflm, bindings};

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

/// How to compile TFLM: apart from its sources, so that the order in which a script says both does not matter.
#[derive(Debug, Clone, Default)]
struct TflmOptions {
    cpu: Option<String>,
    opt_level: Option<OptLevel>,
    messages: Option<bool>,
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
        let mut options = RustOptions::default();
        options.labels = (facts.outputs.first()).map_or_else(Vec::new, |o| o.labels.clone());
        options.section = settings.section.clone();
        options.constants_file = Some(weights_file.clone());
        options.ops = (self.ops.as_deref()).map(rust::type_path).transpose()?;
        options.module = Some(name.clone());
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

    /// That nothing is asked of an engine which is not there.
    fn check_engine(&self) -> Result<()> {
        if self.tflm.is_none() {
            self.tflm_options.check_unused()?;
        } else if self.settings.optimize.is_some() {
            return Err(Diagnostic::new(
                "optimize() chooses between castiron's kernels, but this model uses TensorFlow Lite Micro's kernels",
            )
            .help("omit it; use opt_level() for TensorFlow Lite Micro")
            .into());
        } else if self.settings.isa.is_some() {
            return Err(Diagnostic::new(
                "isa() is for castiron's kernels, but this model uses TensorFlow Lite Micro's kernels",
            )
            .help("omit it; use cpu() for TensorFlow Lite Micro")
            .into());
        } else if self.settings.max_arena.is_some() {
            return Err(Diagnostic::new(
                "max_arena() is for castiron's kernels, but this model uses TensorFlow Lite Micro's, which compute whole tensors",
            )
            .help("omit it")
            .into());
        } else if !self.memories.is_empty() {
            return Err(Diagnostic::new(
                "memory() is for castiron's kernels, but TensorFlow Lite Micro's interpreter has one arena",
            )
            .help("omit it")
            .into());
        } else if self.settings.input_by.is_some() {
            return Err(Diagnostic::new(
                "input_by() is for castiron's kernels, but this model uses TensorFlow Lite Micro's, which compute whole tensors",
            )
            .help("omit it")
            .into());
        } else if self.settings.buffers.is_some() {
            return Err(Diagnostic::new(
                "buffers() is for castiron's kernels, but TensorFlow Lite Micro's interpreter has inputs and outputs in its arena",
            )
            .help("omit it")
            .into());
        } else if self.settings.without != Passes::NONE {
            return Err(Diagnostic::new(
                "without_pass() is for castiron's kernels, but this model uses TensorFlow Lite Micro's, which run the operators as they are in the file",
            )
            .help("omit it")
            .into());
        } else if !self.settings.shapes.is_empty() {
            return Err(Diagnostic::new(
                "shape() is for castiron's kernels, but this model uses TensorFlow Lite Micro's, which use the shapes in the file",
            )
            .help("omit it, and convert the model with fixed shapes")
            .into());
        } else if self.ops.is_some() {
            return Err(Diagnostic::new(
                "ops() is for castiron's engine, but this model uses TensorFlow Lite Micro's kernels",
            )
            .help("omit it, or omit tflm()")
            .into());
        }
        Ok(())
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

    /// Fails if castiron.toml asks for kernels whose sources nobody names.
    fn check_sources(&self, settings: &Settings, model: &str) -> Result<(), Diagnostic> {
        if settings.engine != Some(EngineName::Tflm) || self.tflm.is_some() {
            return Ok(());
        }
        let problem = Diagnostic::new(format!(
            "castiron.toml says that TensorFlow Lite Micro's kernels compute {model:?}, and the script names no sources of them"
        ));
        Err(problem.help("say `.tflm(Tflm::new(\"path/to/tflite-micro\"))`"))
    }

    /// The model's file, and all that is said of it.
    fn named(&self, config: &Config) -> Result<Named> {
        let mut own = self.settings.clone();
        own.engine = self.tflm.as_ref().map(|_| EngineName::Tflm);
        for (name, size) in &self.memories {
            own.memories.push(format!("{name}={size}").parse()?);
        }
        let name = self.path.to_str().filter(|name| Config::is_name(name));
        let Some(entry) = name.and_then(|name| config.find(name)) else {
            if let Some(name) = name.filter(|_| !self.path.exists()) {
                return Err(config.missing(name).into());
            }
            let settings = own.clone().or(&config.defaults_for(own.engine));
            let path = self.path.clone();
            self.check_sources(&settings, &path.display().to_string())?;
            return Ok(Named {
                path,
                stem: None,
                settings,
            });
        };
        let engine = own.engine;
        let settings = own.or(&config.settings(entry, engine)?);
        self.check_sources(&settings, &entry.name)
            .map_err(|problem| entry.file.wrong(problem))?;
        Ok(Named {
            path: entry.file.value.clone(),
            stem: Some(entry.name.clone()),
            settings,
        })
    }
}

/// A model with all that is said of it.
struct Named {
    path: PathBuf,
    /// What its outputs are called, unless it is as its file.
    stem: Option<String>,
    settings: Settings,
}

/// Tells cargo what the files are made from. Of a build that fails cargo runs the script again
/// in any case.
fn announce(config: &Config, model: &PathBuf, settings: &Settings) {
    let paths = [
        config.file.as_ref(),
        Some(model),
        settings.labels.as_ref().map(|file| &file.value),
        settings.io_spec.as_ref().map(|file| &file.value),
    ];
    for path in paths.into_iter().flatten() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

impl TflmOptions {
    /// That nothing is asked of an engine which is not there.
    fn check_unused(&self) -> Result<()> {
        let given = [
            ("cpu", self.cpu.is_some()),
            ("opt_level", self.opt_level.is_some()),
            ("messages", self.messages.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Diagnostic::new(format!(
                "{option}() is for TensorFlow Lite Micro, but this model uses castiron's kernels"
            ))
            .help("name TFLM's sources with tflm(), or omit this: cargo's target and profile apply")
            .into()),
            None => Ok(()),
        }
    }

    fn generate(
        &self,
        tflm: &Tflm,
        model: &graph::Model,
        name: &str,
        facts: GraphFacts,
        options: &RustOptions,
        out_dir: &Path,
    ) -> Result<Generated> {
        let target = Target {
            triple: None,
            cpu: self.cpu.clone(),
            opt_level: self.opt_level,
            compiler: None,
        };
        let tree = tflm.check()?;
        let prefix = c_api::prefix(name);
        let job = Job {
            model,
            tree: &tree,
            target: &target,
            messages: self.messages,
            name: Some(&prefix),
            arena_section: None,
            section: options.section.as_deref(),
            traced: false,
            own_abort: target.is_bare_metal(),
            facts,
        };
        let file = format!("{name}_bindings.rs");
        let module = TflmModule::new(model, &prefix, &file)?.file(options);
        let compiled = job.compile(&out_dir.join("tflm"))?;
        for warning in castiron_codegen::tflm::verdict_of_calls(model, tree.kernels()).warnings()? {
            warn(&warning);
        }
        let interface = &compiled.interface;
        let header = c_api::header(interface)?;
        let header = write(out_dir, &interface.header_name(), header.as_bytes())?;
        let bindings = bindings(&header, &prefix, &target.triple(), &compiled.include_dir()?)?;
        write(out_dir, &file, bindings.as_bytes())?;
        let library = write(out_dir, &interface.archive_name(), &compiled.archive.bytes)?;
        println!("cargo::rustc-link-search=native={}", out_dir.display());
        println!("cargo::rustc-link-lib=static={prefix}");
        for line in compiled.link_lines(&target)? {
            println!("{line}");
        }
        for path in &compiled.sources {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        Ok(Generated {
            module: write(out_dir, &format!("{name}.rs"), module.as_bytes())?,
            weights: None,
            library: Some(library),
            header: None,
            resolver: None,
            arena_bytes: interface.arena_bytes,
            state_bytes: interface.state_bytes,
            weight_bytes: interface.weight_bytes,
        })
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
mod tests {
    use std::fs;

    use super::*;

    fn vae() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/models/vae_int8.tflite")
    }

    #[test]
    fn everything_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let generate = || {
            let model = Model::new(vae()).name("m").out_dir(folder.path());
            model.with_header().with_resolver().compile().unwrap()
        };
        let made = generate();
        let module = fs::read_to_string(&made.module).unwrap();
        assert!(module.contains("include_bytes!(\"m.weights.bin\")"));
        assert_eq!(
            fs::read(made.weights.as_ref().unwrap()).unwrap().len(),
            made.weight_bytes
        );
        let (header, source) = made.header.clone().unwrap();
        assert!(fs::read_to_string(header).unwrap().contains("M_MODEL_LEN"));
        assert!(source.ends_with("m_model.c"));
        assert!(made.resolver.clone().unwrap().ends_with("m_ops_resolver.h"));
        let time = || fs::metadata(&made.module).unwrap().modified().unwrap();
        let before = time();
        assert_eq!((generate(), time()), (made.clone(), before));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = |model: Model| {
            let error = model.out_dir(folder.path()).compile().unwrap_err();
            error.to_string()
        };
        let missing = message(Model::new("no/such.tflite"));
        assert!(
            missing.starts_with("no/such.tflite: cannot read"),
            "{missing}"
        );
        assert!(missing.contains("folder of Cargo.toml"), "{missing}");
        let labels = message(Model::new(vae()).labels("no/such.txt"));
        assert!(labels.contains("no/such.txt"), "{labels}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_limit_that_is_exceeded_fails_the_build() {
        let folder = tempfile::tempdir().unwrap();
        let said = |model: Model| {
            let error = model.out_dir(folder.path()).compile().unwrap_err();
            error.to_string()
        };
        let macs = said(Model::new(vae()).max_macs(10));
        assert!(
            macs.contains("at most 10") && macs.contains("2592"),
            "{macs}"
        );
        let flash = said(Model::new(vae()).max_flash(64));
        assert!(
            flash.contains("at most 64 bytes") && flash.contains("code is estimated"),
            "{flash}"
        );
        let arena = said(Model::new(vae()).max_arena(64));
        assert!(
            arena.contains("at most 64 bytes") && arena.contains("--pareto"),
            "{arena}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_model_may_be_one_of_the_file_of_the_project() {
        let vae = vae();
        let text = format!(
            "[model.fleet-vae]\nfile = {vae:?}\noptimize = \"size\"\n[model.t]\nfile = {vae:?}\nengine = \"tflm\"\n"
        );
        let config = Config::parse(&text, Path::new("castiron.toml")).unwrap();
        let named = Model::new("fleet-vae").named(&config).unwrap();
        assert_eq!(
            (&named.path, named.stem.as_deref()),
            (&vae, Some("fleet-vae"))
        );
        assert_eq!(named.settings.optimize, Some(Optimize::Size));
        // The script counts.
        let model = Model::new("fleet-vae").optimize(Optimize::Speed);
        let named = model.named(&config).unwrap();
        assert_eq!(named.settings.optimize, Some(Optimize::Speed));
        let said = |name: &str| Model::new(name).named(&config).err().unwrap().to_string();
        assert!(said("fleet_vae").contains("write fleet-vae"));
        let tflm = said("t");
        assert!(
            tflm.contains("castiron.toml, line 5") && tflm.contains(".tflm("),
            "{tflm}"
        );
    }

    #[test]
    fn options_of_tflm_are_kept_in_any_order() {
        let first = |m: Model| m.cpu("cortex-m55").opt_level(OptLevel::Size).messages(true);
        let then = |m: Model| m.tflm(Tflm::new("tree"));
        let [a, b] = [
            then(first(Model::new(vae()))),
            first(then(Model::new(vae()))),
        ];
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        let how = &a.tflm_options;
        assert_eq!(how.cpu.as_deref(), Some("cortex-m55"));
        assert_eq!(
            (how.opt_level, how.messages),
            (Some(OptLevel::Size), Some(true))
        );
    }

    #[test]
    fn options_of_tflm_are_refused_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let model = || Model::new(vae()).out_dir(folder.path());
        for (option, model) in [
            ("cpu()", model().cpu("cortex-m55")),
            ("opt_level()", model().opt_level(OptLevel::Size)),
            ("messages()", model().messages(false)),
        ] {
            let said = model.compile().unwrap_err().to_string();
            assert!(
                said.starts_with(option) && said.contains("tflm()"),
                "{said}"
            );
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
