//! C and C++ compilers: finding the one for a target, and running it so that its errors are ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{env, fs, thread};

use castiron_codegen::error::{Diagnostic, Error, Result};
use sha2::{Digest as _, Sha256};

use crate::OptLevel;
use crate::process::output;

/// What C and C++ are compiled for, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// Rust's name of the target; without it cargo's, and outside of build scripts the host.
    pub(crate) triple: Option<String>,
    /// The processor, as `-mcpu` takes it, where the target stands for several: `cortex-m55`.
    pub(crate) cpu: Option<String>,
    /// By default [`OptLevel::TFLM`].
    pub(crate) opt_level: Option<OptLevel>,
    /// The C++ compiler; by default the one that the environment names, or the target's own.
    pub(crate) compiler: Option<PathBuf>,
}

/// A source file and the name of its object, without a suffix.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) object: String,
}

/// The compilers for one target, with their flags.
pub(crate) struct Cxx {
    triple: String,
    c: cc::Build,
    cpp: cc::Build,
}

/// What GCC and Clang are to leave out or to keep apart: C++ without its run-time, and sections that
/// a linker can drop.
const FLAGS: [&str; 4] = [
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
];
const CPP_FLAGS: [&str; 3] = ["-fno-rtti", "-fno-exceptions", "-fno-threadsafe-statics"];
/// A program of what C++ code for firmware takes for granted, to see whether the compiler has it.
const PROBE: &str = "#include <cmath>\n#include <cstdint>\n#include <type_traits>\n\
    static_assert(__cplusplus >= 201703L, \"C++17\");\nint main() { return 0; }\n";

impl Target {
    /// The level as `-O` takes it.
    pub(crate) fn opt_level(&self) -> &'static str {
        self.opt_level.unwrap_or(OptLevel::TFLM).name()
    }

    /// Rust's name of the target.
    pub(crate) fn triple(&self) -> String {
        let cargo = || env::var("TARGET").ok();
        let given = self.triple.clone().or_else(cargo);
        given.unwrap_or_else(|| target_lexicon::HOST.to_string())
    }

    /// Whether there is no operating system under the program.
    pub(crate) fn is_bare_metal(&self) -> bool {
        self.triple().contains("-none")
    }

    /// Whether what is compiled runs on this machine.
    pub(crate) fn is_native(&self) -> bool {
        self.triple() == target_lexicon::HOST.to_string()
    }

    /// Bytes of an address on the target.
    pub(crate) fn pointer_bytes(&self) -> Result<usize> {
        let triple = self.triple();
        let parsed = triple.parse().ok();
        let width = parsed.and_then(|t: target_lexicon::Triple| t.pointer_width().ok());
        width.map(|w| usize::from(w.bytes())).ok_or_else(|| {
            Diagnostic::new(format!("castiron does not know the target {triple:?}"))
                .expected("a target triple such as thumbv7em-none-eabihf")
                .help("`rustc --print target-list` prints them all")
                .into()
        })
    }
}

impl Cxx {
    /// The compilers for a target; an error where there are none that work.
    pub(crate) fn new(
        target: &Target,
        definitions: &[(&str, Option<&str>)],
        include_dirs: &[PathBuf],
        scratch: &Path,
    ) -> Result<Self> {
        let triple = target.triple();
        let new = |cpp: bool| {
            let mut build = cc::Build::new();
            build
                .cpp(cpp)
                .target(&triple)
                .out_dir(scratch)
                .cargo_output(false)
                .cargo_metadata(false)
                .warnings(false)
                .debug(false)
                .std(if cpp { "c++17" } else { "c11" })
                .opt_level_str(target.opt_level())
                .flags(FLAGS)
                .includes(include_dirs);
            if env::var_os("HOST").is_none() {
                build.host(&target_lexicon::HOST.to_string());
            }
            if cpp {
                build.flags(CPP_FLAGS);
            }
            if let (Some(compiler), true) = (&target.compiler, cpp) {
                build.compiler(compiler);
            }
            if let Some(cpu) = &target.cpu {
                cpu_flags(&mut build, &triple, cpu, target.opt_level());
            }
            for (name, value) in definitions {
                build.define(name, *value);
            }
            build
        };
        let found = Self {
            c: new(false),
            cpp: new(true),
            triple,
        };
        found.check(scratch)?;
        Ok(found)
    }

    /// Fails unless the C++ compiler is there and has its library.
    fn check(&self, scratch: &Path) -> Result<()> {
        let tool = match self.cpp.try_get_compiler() {
            Ok(tool) => tool,
            Err(error) => return Err(self.missing(&error.to_string()).into()),
        };
        fs::create_dir_all(scratch).map_err(|e| io_error("make the folder", scratch, &e))?;
        let program = scratch.join("probe.cc");
        fs::write(&program, PROBE).map_err(|e| io_error("write", &program, &e))?;
        let mut command = tool.to_command();
        let object = program.with_extension("o");
        command.arg("-c").arg(&program).arg("-o").arg(&object);
        let name = tool.path().display();
        match run(&mut command) {
            Err(error) => Err(self.missing(&format!("{name}: {error}")).into()),
            Ok(Err(text)) => Err(self
                .missing(&format!("{name} says\n{}", head(&text)))
                .into()),
            Ok(Ok(())) => Ok(()),
        }
    }

    fn missing(&self, found: &str) -> Diagnostic {
        let variable = format!("CXX_{}", self.triple.replace(['-', '.'], "_"));
        let packages = match self.triple.starts_with("thumb") {
            true => "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib",
            false if self.triple.starts_with("riscv") => {
                "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
            }
            false => "g++",
        };
        Diagnostic::new(format!("there is no C++17 compiler for {}", self.triple))
            .found(found)
            .help(format!(
                "on Debian: apt-get install {packages}; or name one in {variable} or CXX"
            ))
    }

    /// Compiles files into a folder, several at a time, and gives the objects in their order. With
    /// `reuse`, an object stays that the same command made of the same file.
    pub(crate) fn compile(
        &self,
        sources: &[Source],
        folder: &Path,
        reuse: bool,
    ) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(folder).map_err(|e| io_error("make the folder", folder, &e))?;
        let [c, cpp] = [&self.c, &self.cpp].map(cc::Build::try_get_compiler);
        let (c, cpp) = match (c, cpp) {
            (Ok(c), Ok(cpp)) => (c, cpp),
            (Err(error), _) | (_, Err(error)) => {
                return Err(self.missing(&error.to_string()).into());
            }
        };
        let next = AtomicUsize::new(0);
        let wrong = Mutex::new(Vec::new());
        let commands: Vec<(Command, PathBuf)> = sources
            .iter()
            .map(|source| {
                let is_c = source.path.extension().is_some_and(|e| e == "c");
                let mut command = if is_c { &c } else { &cpp }.to_command();
                command.arg("-c").arg(&source.path);
                let name = format!("{}-{}.o", source.object, digest(&format!("{command:?}")));
                let object = folder.join(name);
                (command, object)
            })
            .collect();
        let work = || {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let (Some(source), Some((command, object))) = (sources.get(i), commands.get(i))
                else {
                    break;
                };
                if reuse && is_newer(object, &source.path) {
                    continue;
                }
                // Under its name only once it is whole.
                let part = object.with_extension("part");
                let mut compiler = Command::new(command.get_program());
                compiler.args(command.get_args()).arg("-o").arg(&part);
                for (name, value) in command.get_envs() {
                    compiler.env(name, value.unwrap_or_default());
                }
                let found = match run(&mut compiler) {
                    Ok(Ok(())) => match fs::rename(&part, object) {
                        Ok(()) => continue,
                        Err(error) => error.to_string(),
                    },
                    Ok(Err(text)) => head(&text),
                    Err(error) => error.to_string(),
                };
                let diagnostic = diagnostic(&source.path, "this does not compile").found(found);
                let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                wrong.push((i, diagnostic));
                // The others would fail alike.
                next.store(sources.len(), Ordering::Relaxed);
            }
        };
        thread::scope(|scope| {
            for _ in 0..jobs() {
                scope.spawn(work);
            }
        });
        let mut wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
        wrong.sort_by_key(|(i, _)| *i);
        match Error::from_many(wrong.into_iter().map(|(_, d)| d).collect()) {
            Some(error) => Err(error),
            None => Ok(commands.into_iter().map(|(_, object)| object).collect()),
        }
    }

    /// The compiler for C++ with its flags, for what else there is to ask of it.
    pub(crate) fn command(&self) -> Result<Command> {
        match self.cpp.try_get_compiler() {
            Ok(tool) => Ok(tool.to_command()),
            Err(error) => Err(self.missing(&error.to_string()).into()),
        }
    }

    /// The compilers for C and C++, for what takes them with their flags.
    pub(crate) fn builds(&self) -> (&cc::Build, &cc::Build) {
        (&self.c, &self.cpp)
    }

    /// The compiler's name and version.
    pub(crate) fn version(&self) -> Result<String> {
        let text = output(self.command()?.arg("--version")).unwrap_or_default();
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// Links objects into one object that has what `symbols` need of them and nothing else.
    pub(crate) fn merge(
        &self,
        objects: &[PathBuf],
        symbols: &[String],
        object: &Path,
    ) -> Result<()> {
        let mut command = self.command()?;
        command
            .args(["-r", "-nostdlib", "-Wl,--gc-sections"])
            .arg("-Wl,--force-group-allocation")
            .args(symbols.iter().map(|symbol| format!("-Wl,-u,{symbol}")))
            .arg("-o")
            .arg(object)
            .args(objects);
        let found = match run(&mut command) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(text)) => head(&text),
            Err(error) => error.to_string(),
        };
        Err(diagnostic(object, "the objects cannot be linked into one")
            .found(found)
            .help("castiron needs GNU ld, or a linker with its options")
            .into())
    }
}

/// Flags for a named processor in place of those that the target alone would have: a compiler takes
/// `-march` beside `-mcpu` for a contradiction.
fn cpu_flags(build: &mut cc::Build, triple: &str, cpu: &str, opt_level: &str) {
    build
        .no_default_flags(true)
        .flag(format!("-O{opt_level}"))
        .flag(format!("-mcpu={cpu}"));
    if triple.starts_with("thumb") {
        let float = if triple.ends_with("hf") {
            "hard"
        } else {
            "soft"
        };
        build.flag("-mthumb").flag(format!("-mfloat-abi={float}"));
    }
}

/// How many compilers run at a time: as many as cargo would have.
pub(crate) fn jobs() -> usize {
    let cargo = env::var("NUM_JOBS").ok().and_then(|n| n.parse().ok());
    cargo.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}

/// Tells commands apart.
pub(crate) fn digest(command: &str) -> String {
    let digest = Sha256::digest(command);
    digest.iter().take(6).map(|b| format!("{b:02x}")).collect()
}

fn is_newer(object: &Path, source: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    matches!((modified(object), modified(source)), (Some(o), Some(s)) if o > s)
}

/// Runs a command; the inner error is what it wrote to standard error before it failed.
pub(crate) fn run(command: &mut Command) -> std::io::Result<Result<(), String>> {
    let output = command.stdin(Stdio::null()).output()?;
    Ok(match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    })
}

/// The first lines of what a compiler says: the others follow from them.
fn head(text: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = text.lines().take(LINES).collect();
    lines.join("\n")
}

/// A diagnostic about a file or folder.
pub(crate) fn diagnostic(path: &Path, message: impl Into<String>) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(message);
    diagnostic.place.file = Some(path.display().to_string());
    diagnostic
}

pub(crate) fn io_error(doing: &str, path: &Path, error: &std::io::Error) -> Diagnostic {
    diagnostic(path, format!("cannot {doing}: {error}"))
}
