//! A model as a static library that TFLM's kernels compute: generated C++, the C interface around it,
//! and of TFLM what they need, linked into one object.

use std::fs;
use std::path::{Path, PathBuf};

use castiron_codegen::compile::{self, CompileOptions, checked_section};
use castiron_codegen::cortex::{Architecture, Cortex, Simd};
use castiron_codegen::emit::c_api;
use castiron_codegen::emit::cpp::{CppOptions, cpp};
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::graph::Model;
use castiron_codegen::plan::Buffers;
use castiron_codegen::tflm::TflmOp;
use castiron_codegen::tflm::arena::{self, ArenaOptions};
use castiron_codegen::tflm::direct::{Direct, DirectOptions, Place};
use castiron_codegen::tflm::sources::Caller;

use super::{Tree, cmsis_nn};
use crate::cxx::{Cxx, Source, Target, digest, io_error};
use crate::library::archive::{self, Archive};
use crate::library::cache::Folder;
use crate::library::{self, Built, Library, Options};
use crate::process::output;

/// What TFLM calls where its checks fail. The C library's would bring an operating system's calls.
const ABORT: &str = "extern \"C\" [[noreturn]] void abort() {\n  __builtin_trap();\n}\n";

/// How to compile.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// Whether TFLM checks and says what it can; by default where there is an operating system.
    pub messages: Option<bool>,
}

/// A model that has been compiled.
pub(crate) struct Compiled {
    pub(crate) interface: c_api::Library,
    pub(crate) archive: Archive,
    cxx: Cxx,
    /// What a change of has to compile it anew, of what is not castiron's.
    pub(crate) sources: Vec<PathBuf>,
}

/// Compiles a model to a library with the same interface as castiron's own engine. Outputs of the
/// self-test are castiron's where it can run the model; else it takes cases that are given, and
/// without them there is no self-test.
///
/// # Errors
/// If TFLM cannot run the model, the tree lacks something, or a compiler fails.
pub fn build(
    model: &Model,
    tree: &Tree,
    settings: &Settings,
    options: &Options<'_>,
) -> Result<Library> {
    let target = Target {
        triple: options.target.clone(),
        cpu: options.cpu.clone(),
        opt_level: options.opt_level,
        compiler: None,
    };
    if options.server.is_some() {
        return Err(Diagnostic::new(
            "a library of TFLM's kernels cannot be served by Kenning's protocol",
        )
        .help("use castiron's engine: leave out --engine tflm")
        .into());
    }
    let facts = GraphFacts::of_model(model, options.io_spec, options.labels.as_deref())?;
    let program = compile::compile(&model.with_default_entry(), &CompileOptions::default());
    // What stands against a self-test is said before minutes of compilation.
    let cases = library::cases(program.as_ref(), &facts, options)?;
    let job = Job {
        model,
        tree,
        target: &target,
        messages: settings.messages,
        name: options.name.as_deref(),
        arena_section: options.arena_section.as_deref(),
        section: options.section.as_deref(),
        traced: options.traced,
        own_abort: false,
        facts,
    };
    let folder = Folder::open(options.build_dir.as_deref())?;
    let compiled = job.compile(&folder.path().join("tflm").join(target.triple()))?;
    let texts = library::sources(&compiled.interface, &cases, options)?;
    let built = Built {
        target: target.triple(),
        native: target.is_native(),
        toolchain: compiled.cxx.version()?,
        archive: compiled.archive,
        math: true,
        beyond: Vec::new(),
    };
    library::finish(compiled.interface, texts, built, options)
}

impl Compiled {
    /// Where the compiler has its own headers.
    pub(crate) fn include_dir(&self) -> Result<PathBuf> {
        let found = output(self.cxx.command()?.arg("-print-file-name=include"));
        Ok(PathBuf::from(found.unwrap_or_default().trim()))
    }

    /// Cargo's lines for what the library needs besides itself.
    pub(crate) fn link_lines(&self, target: &Target) -> Result<Vec<String>> {
        if !target.is_bare_metal() {
            let unix = !target.triple().contains("windows");
            return Ok(unix
                .then(|| "cargo::rustc-link-lib=m".to_owned())
                .into_iter()
                .collect());
        }
        // A program in Rust is linked without a C library; of the compiler's, the mathematical
        // functions are wanted, and what they keep `errno` in.
        let mut lines = Vec::new();
        for name in ["m", "c_nano"] {
            let file = format!("lib{name}.a");
            let found = output(self.cxx.command()?.arg(format!("-print-file-name={file}")));
            let path = PathBuf::from(found.unwrap_or_default().trim());
            // Without a folder the compiler does not have it.
            if let (true, Some(folder)) = (path.is_absolute(), path.parent()) {
                lines.push(format!(
                    "cargo::rustc-link-search=native={}",
                    folder.display()
                ));
                lines.push(format!("cargo::rustc-link-lib=static:-bundle={name}"));
            }
        }
        Ok(lines)
    }
}

/// All that decides what comes out.
pub(crate) struct Job<'a> {
    pub(crate) model: &'a Model,
    pub(crate) tree: &'a Tree,
    pub(crate) target: &'a Target,
    pub(crate) messages: Option<bool>,
    pub(crate) name: Option<&'a str>,
    pub(crate) arena_section: Option<&'a str>,
    pub(crate) section: Option<&'a str>,
    pub(crate) traced: bool,
    /// Whether there is no C library whose `abort` TFLM could call.
    pub(crate) own_abort: bool,
    pub(crate) facts: GraphFacts,
}

impl Job<'_> {
    /// Compiles in a folder that nobody else uses meanwhile. Objects of TFLM's files stay there for the
    /// next model.
    pub(crate) fn compile(self, folder: &Path) -> Result<Compiled> {
        for section in [self.arena_section, self.section] {
            section.map(checked_section).transpose()?;
        }
        let direct = self.direct()?;
        let selection = self.tree.select(&self.operators(&direct), Caller::Direct)?;
        let interface = self.interface(&direct)?;
        let generated = folder.join(format!("model-{}", interface.prefix));
        let own = self.write(&direct, &interface, &generated)?;

        let bare = self.target.is_bare_metal();
        let definitions: Vec<_> = (self.tree)
            .definitions(self.messages.unwrap_or(!bare))
            .collect();
        let mut include_dirs = selection.include_dirs;
        let tflm = Cxx::new(self.target, &definitions, &include_dirs, folder)?;
        include_dirs.push(generated.clone());
        let ours = Cxx::new(self.target, &definitions, &include_dirs, folder)?;
        let reuse = !self.tree.is_unknown();
        let objects = folder.join("objects");
        let mut all = tflm.compile(&selection.sources, &objects, reuse)?;
        all.extend(ours.compile(&own, &generated, false)?);
        let mut sources: Vec<PathBuf> = selection.sources.into_iter().map(|s| s.path).collect();
        if let Some([source, cmsis]) = &selection.cmsis_nn {
            let flags = format!("{:?}", self.target);
            let project = cmsis_nn::Project {
                source,
                cmsis,
                folder: folder.join(format!("cmsis-nn-{}", digest(&flags))),
                target: self.target,
            };
            // Behind what needs it.
            all.push(project.build()?);
            sources.push(source.join("Source"));
        }

        let whole = generated.join(format!("{}.o", interface.prefix));
        ours.merge(&all, &interface.symbols(), &whole)?;
        let bytes = fs::read(&whole).map_err(|e| io_error("read", &whole, &e))?;
        let section = self.arena_section.map(str::to_owned);
        let kind = archive::Options {
            bare,
            arena_sections: section.as_slice(),
        };
        Ok(Compiled {
            archive: archive::finish_object(&bytes, &interface, kind)?,
            cxx: ours,
            sources,
            interface,
        })
    }

    fn direct(&self) -> Result<Direct> {
        let options = DirectOptions {
            arena: ArenaOptions {
                kernels: self.tree.kernels(),
                target: processor(self.target),
                ..ArenaOptions::default()
            },
            ..DirectOptions::default()
        };
        Direct::new(self.model, &options)
    }

    /// The operators that are called.
    fn operators(&self, direct: &Direct) -> Vec<&'static TflmOp> {
        let called = direct.calls.iter().filter_map(|call| {
            let graph = self.model.graphs.get(call.operator.subgraph)?;
            let operator = graph.operators.get(call.operator.index)?;
            TflmOp::for_kind(&operator.kind)
        });
        let mut found: Vec<&'static TflmOp> = Vec::new();
        for op in called {
            if !found.contains(&op) {
                found.push(op);
            }
        }
        found
    }

    fn interface(&self, direct: &Direct) -> Result<c_api::Library> {
        let pointer_bytes = self.target.pointer_bytes()?;
        let constants = direct.tensors.iter().map(|tensor| match &tensor.place {
            Place::Constant(bytes) => bytes.len(),
            Place::Arena(_) => 0,
        });
        Ok(c_api::Library {
            operators: Vec::new(),
            prefix: c_api::prefix(self.name.unwrap_or(self.model.stem())),
            model: self.model.stem().to_owned(),
            engine: self.tree.describe(),
            facts: self.facts.clone(),
            arena_bytes: c_api::tflm::arena_bytes(direct, pointer_bytes),
            // Within the arena.
            state_bytes: 0,
            memories: Vec::new(),
            weight_bytes: constants.sum(),
            instance_bytes: c_api::tflm::instance_bytes(direct, pointer_bytes),
            traced: self.traced,
            verify: false,
            guards: false,
            // Such a run is an error of the engine's.
            server: false,
            may_end_early: false,
            rows: None,
            buffers: Buffers::Model,
        })
    }

    /// Writes the model's sources; those to compile.
    fn write(
        &self,
        direct: &Direct,
        interface: &c_api::Library,
        folder: &Path,
    ) -> Result<Vec<Source>> {
        fs::create_dir_all(folder).map_err(|e| io_error("make the folder", folder, &e))?;
        let mut options = CppOptions::default();
        options.name = Some(interface.prefix.clone());
        options.section = self.section.map(str::to_owned);
        options.traced = self.traced;
        let files = cpp(self.model, direct, &options)?;
        let namespace = files
            .iter()
            .find_map(|f| f.file_name.strip_suffix("_tflm.h"));
        let namespace = namespace.unwrap_or(&interface.prefix);
        let shim = c_api::tflm::shim(interface, namespace, self.arena_section)?;
        let mut texts: Vec<(String, Vec<u8>)> = vec![
            (interface.header_name(), c_api::header(interface)?.into()),
            (format!("{}_c.cc", interface.prefix), shim.into()),
        ];
        if self.own_abort {
            texts.push(("castiron_abort.cc".to_owned(), ABORT.into()));
        }
        for file in &files {
            let mut text = Vec::new();
            let path = folder.join(&file.file_name);
            file.write_to(&mut text)
                .map_err(|e| io_error("write", &path, &e))?;
            texts.push((file.file_name.clone(), text));
        }
        let mut sources = Vec::new();
        for (name, text) in texts {
            let path = folder.join(&name);
            fs::write(&path, text).map_err(|e| io_error("write", &path, &e))?;
            if let Some(object) = name.strip_suffix(".cc") {
                sources.push(Source {
                    object: object.to_owned(),
                    path,
                });
            }
        }
        Ok(sources)
    }
}

/// What decides sizes: the vector instructions that CMSIS-NN is compiled for, and RISC-V's larger
/// enumerations.
fn processor(target: &Target) -> arena::Target {
    let triple = target.triple();
    if triple.starts_with("riscv32") {
        return arena::Target::Riscv32;
    }
    let simd = match target.cpu.as_deref() {
        Some(cpu) => Cortex::of_cpu(cpu).map(|cortex| cortex.simd),
        None => Architecture::of_target(&triple).map(Architecture::simd),
    };
    arena::Target::of_arm(simd.unwrap_or(Simd::None))
}
