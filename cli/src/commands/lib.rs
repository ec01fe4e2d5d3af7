//! `castiron lib`.

use std::path::{Path, PathBuf};

use castiron_build::library::{self, CaseCount, Cases, Library, Options, Sizes};
use castiron_build::tflm::{self, Tflm, Tree};
use castiron_codegen::compile::EngineName;
use castiron_codegen::cortex::Cortex;
use castiron_codegen::emit::rust::KenningServer;
use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::target::Isa;
use castiron_codegen::warnings;
use castiron_report::sbom::{ComputedBy, Linked};
use clap::Args;
use serde::Serialize;

use super::arena::Kernels;
use super::file_table;
use crate::args::{self, Companions, Compiled, CompilerLevel, Depfile, Firmware, General, Server};
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::input::Extras;
use crate::output::{Outputs, Written};
use crate::progress;
use crate::project::Named;
use crate::sbom::Sbom;
use crate::text;

const EXAMPLES: &str = "\
Files, for a model kws.tflite:
  libkws.a, kws.h                    the library and its C interface
  kws_self_test.c, kws_self_test.h   inputs and expected outputs, and code that compares them
  main.c, Makefile, CMakeLists.txt   a program that runs the self-test
  startup.c, example.ld              for Cortex-M: start-up code and linker script for QEMU

The library contains castiron's kernels and the weights. It needs only memcpy, memmove and memset
from the C library, and the compiler's own run-time library. castiron compiles it with the installed
Rust toolchain; linking it needs no Rust.

With --custom MyOp, the library calls your function kws_my_op() for the custom operator MyOp. The
header declares it; --custom MyOp=function gives it another name. castiron cannot run such a model,
so --cases gives the cases of the self-test.

With --engine tflm, the library contains the TFLM kernels that the model needs, without TFLM's
interpreter. A C++ compiler compiles them from the sources in --tflm. The library also needs the C
library's math functions. CXX, CC and CXXFLAGS, or CXX_<target>, … choose compilers and flags.

Examples:
  castiron lib kws.tflite --target thumbv7em-none-eabihf --out-dir kws && make -C kws run
  castiron lib kws.tflite --target thumbv6m-none-eabi --opt-level s --out-dir kws
  castiron lib kws.tflite --target thumbv7em-none-eabihf --arena-section .ccmram \\
      --section .ext_flash --cases kws.safetensors --out-dir kws
  castiron lib kws.tflite --buffers caller --out-dir kws     # kws_run_with(input, output)
  castiron lib kws.tflite --engine tflm --tflm ../tflite-micro --kernels cmsis-nn \\
      --target thumbv7em-none-eabihf --out-dir kws";

/// Build a static library with a C interface, a self-test and an example
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// Kernels of the library: castiron's, or TensorFlow Lite Micro's [default: compiled]
    #[arg(long, value_name = "ENGINE", value_parser = args::engine())]
    engine: Option<EngineName>,
    /// TensorFlow Lite Micro's sources, for --engine tflm: a checkout of tflite-micro
    #[arg(long, value_name = "DIR", required_if_eq("engine", "tflm"))]
    tflm: Option<PathBuf>,
    /// TFLM's kernels to use
    #[arg(long, value_enum, requires = "tflm", default_value_t = Kernels::Reference)]
    kernels: Kernels,
    /// Accept TFLM's sources of a revision that castiron does not know
    #[arg(long, requires = "tflm")]
    allow_revision: bool,
    /// Keep TFLM's error messages and checks [default: only on targets with an operating system]
    #[arg(long, requires = "tflm")]
    messages: bool,
    /// Rust target triple; host for this machine [default: that of castiron.toml or its board, else this machine]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Processor, as compilers name it: cortex-m7 [default: any of the target; thumbv7em is tuned for cortex-m4]
    #[arg(long, value_name = "NAME")]
    cpu: Option<String>,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Replace files in the folder that castiron did not make
    #[arg(long)]
    force: bool,
    /// Name of files and prefix of all names [default: the model's name]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    level: CompilerLevel,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    firmware: Firmware,
    /// Linker section of the built-in instance, which holds the arena
    #[arg(long, value_name = "NAME")]
    arena_section: Option<String>,
    /// Linker section of the weights
    #[arg(long, value_name = "NAME")]
    section: Option<String>,
    /// Recorded cases for the self-test: a .safetensors file, or a folder
    #[arg(long, value_name = "PATH")]
    cases: Option<PathBuf>,
    /// Fail if there can be no self-test: castiron cannot run the model, and --cases is not given
    #[arg(long)]
    self_test: bool,
    /// Most bytes of inputs and outputs in the self-test, which always has the first case
    #[arg(long, value_name = "N", default_value_t = 16384)]
    case_bytes: usize,
    /// Add a function that runs the model and reports the outputs of every operator
    #[arg(long)]
    trace: bool,
    /// Add a function that serves the model by a protocol: kenning, for evaluation on the device
    #[arg(long, value_name = "PROTOCOL")]
    server: Option<Server>,
    /// Add a function that compares the weights in flash with their CRC-32
    #[arg(long)]
    verify: bool,
    /// Put guard words behind the memory of an instance: a run that finds them overwritten returns an error
    #[arg(long)]
    guards: bool,
    /// The folder to compile in [default: castiron, in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    build_dir: Option<PathBuf>,
    /// Do not let cargo use the network
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    companions: Companions,
    #[command(flatten)]
    sbom: Sbom,
    #[command(flatten)]
    depfile: Depfile,
}

#[derive(Serialize)]
struct Answer<'a> {
    target: &'a str,
    toolchain: &'a str,
    engine: &'a str,
    sizes: Sizes,
    arena_bytes: usize,
    state_bytes: usize,
    weight_bytes: usize,
    instance_bytes: usize,
    undefined: &'a [String],
    cases: CaseCount,
    /// Where TFLM computes something else than the model says, and what is left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Diagnostic>,
    files: Vec<Written>,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let out_dir = &arguments.out_dir;
    if out_dir.exists() && !out_dir.is_dir() {
        let mut diagnostic = Diagnostic::new("this is a file, not a folder")
            .help("name another folder with --out-dir");
        diagnostic.place.file = Some(out_dir.display().to_string());
        return Err(Failure::Io(diagnostic));
    }
    let named = arguments.compiled.one(&arguments.model, arguments.engine)?;
    let engine = named.settings.engine.unwrap_or_default();
    if engine == EngineName::Tflm {
        arguments.compiled.check_unused()?;
        arguments.firmware.check_unused()?;
        arguments.check_integrity()?;
    }
    let input = named.read()?;
    if engine == EngineName::Tflm {
        diagnostics::warn(&warnings::of(&input.model));
    }
    let extras = Extras::read(&named, &arguments.companions)?;
    // A tree that cannot be used says so before anything is compiled.
    let tree = match engine {
        EngineName::Tflm => Some(
            Tflm::new(sources(arguments.tflm.as_deref(), &named)?)
                .kernels(arguments.kernels.into())
                .allow_revision(arguments.allow_revision)
                .check()?,
        ),
        _ => None,
    };
    let mut options = Options::default();
    (options.target, options.cpu) = arguments.processor(&named)?;
    options.name = arguments.name.clone().or(named.entry.clone());
    options.opt_level = arguments.level.opt_level;
    options.isa = named.settings.isa;
    options.limits.flash.clone_from(&named.settings.max_flash);
    if engine == EngineName::Compiled {
        let how = named.options()?;
        options.limits = how.limits;
        options.without = how.without;
        options.optimize = how.target.optimize;
        options.max_arena = how.max_arena;
        options.memories = how.memories;
        options.input = how.input;
        options.buffers = how.plan.buffers;
        options.verify = arguments.verify || named.settings.verify.unwrap_or_default();
        options.guards = arguments.guards;
    }
    options.custom = arguments.firmware.ops();
    options.functions = arguments.firmware.functions();
    options.arena_section.clone_from(&arguments.arena_section);
    options.section = (arguments.section.clone()).or(named.settings.section.clone());
    options.traced = arguments.trace;
    options.server = (arguments.server).map(|Server::Kenning| KenningServer::of(&input.bytes));
    options.cases = match &arguments.cases {
        Some(path) => Cases::Recorded(path.clone()),
        None => Cases::MadeUp,
    };
    options.self_test = arguments.self_test;
    options.case_bytes = Some(arguments.case_bytes);
    options.labels.clone_from(&extras.labels);
    options.io_spec = extras.io_spec();
    options.build_dir.clone_from(&arguments.build_dir);
    options.offline = arguments.offline;
    let made = progress::during("compiling the library", general, || match &tree {
        None => library::build(&input.model, &options),
        Some(tree) => {
            let mut settings = tflm::Settings::default();
            settings.messages = arguments.messages.then_some(true);
            tflm::build(&input.model, tree, &settings, &options)
        }
    });
    let made = made.map_err(|error| {
        // Others are of the toolchain as often as of the model.
        let is_of_model = error.diagnostics().iter().all(Diagnostic::is_beyond_limit);
        match is_of_model {
            true => error.in_file(&input.model.file),
            false => error,
        }
    })?;
    let mut warnings = match &tree {
        None => Vec::new(),
        Some(tree) => {
            castiron_codegen::tflm::verdict_of_calls(&input.model, tree.kernels()).warnings()?
        }
    };
    warnings.extend(warnings::left_out(&input.model));
    diagnostics::warn(&warnings);
    let mut outputs = Outputs::default();
    outputs.force = arguments.force;
    for file in &made.files {
        let path = out_dir.join(&file.name);
        outputs.add(file.what, path, move |out| out.write_all(&file.bytes));
        if file.what == "library" {
            outputs.made_with(out_dir.join(made.interface.header_name()));
        }
    }
    outputs.named_by_us(0);
    let engine = match (&made.program, &tree) {
        (Some(program), _) => ComputedBy::Castiron {
            program,
            target: made.kernels,
            linked: Some(Linked {
                libm: library::LIBM_VERSION,
                toolchain: &made.toolchain,
            }),
        },
        (None, tree) => ComputedBy::Tflm {
            kernels: arguments.kernels.into(),
            other_revision: tree.as_ref().and_then(Tree::other_revision),
        },
    };
    let name = &made.interface.prefix;
    arguments.sbom.add(&mut outputs, name, &input, engine)?;
    let mut sources = vec![input.path.clone()];
    sources.extend(extras.files.iter().cloned());
    sources.extend(options.cases.files());
    sources.extend(arguments.compiled.files());
    outputs.add_depfile(&arguments.depfile, &sources)?;
    let files = outputs.write(&sources)?;
    if general.json {
        text::print(&super::to_json(&answer(&made, files, warnings))?)
    } else if general.quiet {
        Ok(())
    } else {
        text::print(&describe(&answer(&made, files, warnings)))
    }
}

impl Arguments {
    /// Fails if TFLM's kernels are to compute and castiron's are asked about the weights and the memory.
    fn check_integrity(&self) -> Result<()> {
        let given = [("--verify", self.verify), ("--guards", self.guards)];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(Failure::usage(
                format!("{name} is for castiron's engine, but --engine tflm uses TFLM's kernels"),
                format!("omit {name}"),
            )),
            None => Ok(()),
        }
    }

    /// Target and processor: those that were named, or the board's.
    fn processor(&self, named: &Named) -> Result<(Option<String>, Option<String>)> {
        if self.target.as_deref() == Some(THIS_MACHINE) {
            return Ok((None, self.cpu.clone()));
        }
        let board = named.board()?;
        let compatible = board.as_ref().and_then(|board| board.cpu.as_deref());
        let cortex = compatible.and_then(Cortex::of_compatible);
        let of_board = cortex.map(|cortex| {
            let has_fp = Isa::of_compatible(compatible.unwrap_or_default());
            let targets = cortex.architecture.targets();
            match has_fp {
                Isa::DspFp | Isa::Mve => targets.last(),
                _ => targets.first(),
            }
        });
        let of_board = of_board.flatten().map(|target| (*target).to_owned());
        let target = self.target.clone().or(named.settings.target.clone());
        // A processor is one of the target that it was named with.
        let cpu = self.cpu.clone().or_else(|| match self.target {
            Some(_) => None,
            None => named.settings.cpu.clone(),
        });
        let same = target.is_none() || target == of_board;
        let cpu_of_board = cortex.filter(|_| same).map(|cortex| cortex.name.to_owned());
        if let (None, None, Some(name)) = (&target, &of_board, &named.settings.board) {
            let problem =
                Diagnostic::new("castiron does not know the target of this board's processor")
                    .found(compatible.unwrap_or("an unknown processor"))
                    .help("name it with --target, or with target in castiron.toml");
            return Err(Error::from(name.wrong(problem)).into());
        }
        Ok((target.or(of_board), cpu.or(cpu_of_board)))
    }
}

/// What `--target` is where castiron.toml names a board and the library is for this machine all the same.
const THIS_MACHINE: &str = "host";

/// The folder of TFLM's sources, which the command line has to name.
pub(super) fn sources<'a>(folder: Option<&'a Path>, named: &Named) -> Result<&'a Path> {
    folder.ok_or_else(|| {
        let who = match &named.entry {
            Some(name) => format!("castiron.toml says that TFLM's kernels compute {name:?}"),
            None => "castiron.toml says that TFLM's kernels compute".to_owned(),
        };
        Failure::usage(
            format!("{who}, and nobody says where their sources are"),
            "name a checkout of tflite-micro with --tflm, or write --engine compiled",
        )
    })
}

fn answer(made: &Library, files: Vec<Written>, warnings: Vec<Diagnostic>) -> Answer<'_> {
    Answer {
        target: &made.target,
        toolchain: &made.toolchain,
        engine: &made.interface.engine,
        sizes: made.sizes,
        arena_bytes: made.interface.arena_bytes,
        state_bytes: made.interface.state_bytes,
        weight_bytes: made.interface.weight_bytes,
        instance_bytes: made.interface.instance_bytes,
        undefined: &made.undefined,
        cases: made.cases,
        warnings,
        files,
    }
}

fn describe(answer: &Answer<'_>) -> String {
    let Sizes {
        text,
        rodata,
        data,
        bss,
    } = answer.sizes;
    let figures = [
        ("code", text),
        ("constants", rodata),
        ("initialised data", data),
        ("built-in instance", bss),
    ];
    let rows = figures.map(|(what, bytes)| vec![what.to_owned(), text::grouped(bytes)]);
    let mut out = format!(
        "{}, by {}\n{}\n\n",
        answer.target, answer.toolchain, answer.engine
    );
    out += &text::table(&["In the library", ">Bytes"], rows);
    out.push('\n');
    out += &file_table(&answer.files);
    let CaseCount { baked, left_out } = answer.cases;
    if baked == 0 {
        out += "\nThere is no self-test and no example: castiron cannot run the model. Give expected \
                outputs with --cases.\n";
    }
    if left_out > 0 {
        out += &format!(
            "\nThe self-test holds {baked} of {} cases; --case-bytes allows more.\n",
            baked + left_out
        );
    }
    out
}
