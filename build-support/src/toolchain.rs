//! Finds a Rust compiler that can build for a target.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use castiron_codegen::error::{Diagnostic, Result};

use crate::process::output;

pub use crate::process::errors;

/// The oldest compiler that castiron's kernels compile with.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");
/// The compiler of a Linux distribution, which comes with library sources but few libraries.
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
/// Linkers that know 32-bit Arm, for compilers that come without one of their own.
const ARM_LINKERS: [(&str, &str); 2] = [("arm-none-eabi-ld", "ld"), ("ld.lld", "ld.lld")];
/// Linkers for other targets without an operating system.
const OTHER_LINKERS: [(&str, &str); 1] = [("ld.lld", "ld.lld")];
/// Linkers for WebAssembly. LLVM's before 16 do not know what the compiler writes.
const WASM_LINKERS: [(&str, &str); 3] = [
    ("wasm-ld-19", "wasm-ld"),
    ("wasm-ld-16", "wasm-ld"),
    ("wasm-ld", "wasm-ld"),
];
/// What cargo reads from the environment that is meant for the host, or for the build that runs
/// us: flags would replace those of the firmware, and profiles those we set.
const FOREIGN: [&str; 5] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "RUSTC_WORKSPACE_WRAPPER",
];
const FOREIGN_PREFIXES: [&str; 2] = ["CARGO_PROFILE_", "CARGO_TARGET_"];

/// What is to come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A static library, which whoever uses it links.
    Library,
    /// A linked image.
    Program,
}

/// A compiler that can produce code for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    version: String,
    target: String,
    host: String,
    /// The target's libraries are compiled along, from the compiler's sources.
    build_std: bool,
    /// Linker and its flavor, where the compiler has none of its own for the target.
    linker: Option<(&'static str, &'static str)>,
}

impl Toolchain {
    /// The first that works: the current one with the target installed, then any that has library
    /// sources. No target is the machine this runs on.
    ///
    /// # Errors
    /// If there is none; what to install.
    pub fn detect(target: Option<&str>, purpose: Purpose) -> Result<Self> {
        let current = Candidate::new(
            env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from),
            env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from),
        );
        let system = Candidate::new(SYSTEM_CARGO.into(), SYSTEM_RUSTC.into());
        let candidates: Vec<Candidate> = [current, system].into_iter().flatten().collect();
        choose(&candidates, target, purpose)
    }

    /// The target triple.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether what is built runs on this machine.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.target == self.host
    }

    /// The processors of the target, as the compiler names them; empty if it does not say.
    #[must_use]
    pub fn processors(&self) -> Vec<String> {
        let asked = ["--print", "target-cpus", "--target", &self.target];
        let list = output(Command::new(&self.rustc).args(asked)).unwrap_or_default();
        // The first line is a title, and descriptions follow names.
        let lines = list.lines().skip(1);
        let names = lines.filter_map(|line| line.split_whitespace().next());
        names.map(str::to_owned).collect()
    }

    /// A cargo command for the target in `directory`; what to do (`build …`) is for the caller to
    /// add first, then [`options`](Self::options).
    #[must_use]
    pub fn cargo(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.cargo);
        command
            .current_dir(directory)
            .env("RUSTC", &self.rustc)
            .stdin(Stdio::null());
        for variable in FOREIGN {
            command.env_remove(variable);
        }
        for (variable, _) in env::vars_os() {
            let foreign = |v: &str| FOREIGN_PREFIXES.iter().any(|prefix| v.starts_with(prefix));
            if variable.to_str().is_some_and(foreign) {
                command.env_remove(variable);
            }
        }
        if self.build_std {
            // The option is unstable, so a release compiler takes it only with this set.
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// Adds the options for the target.
    pub fn options(&self, command: &mut Command) {
        let target = &self.target;
        command.args(["--target", target]);
        if self.build_std {
            command.arg(format!("-Zbuild-std={}", libraries(target)));
            if is_wasm(target) {
                // Traces of calls have no use there, and code that reads debugging information takes long to build.
                command.arg("-Zbuild-std-features=");
            }
        }
        if let Some((linker, flavor)) = self.linker {
            command
                .arg(format!("--config=target.{target}.linker={linker:?}"))
                .arg(format!(
                    "--config=target.{target}.rustflags=[\"-Clinker-flavor={flavor}\"]"
                ));
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)?;
        if self.build_std {
            write!(f, ", {} from source", libraries(&self.target))?;
        }
        if let Some((linker, _)) = self.linker {
            write!(f, ", linked by {linker}")?;
        }
        Ok(())
    }
}

/// The compiler's libraries that are compiled along: kernels need no more than the core, and the generator in a browser has all.
fn libraries(target: &str) -> &'static str {
    match is_wasm(target) {
        true => "std,panic_abort",
        false => "core",
    }
}

fn is_wasm(target: &str) -> bool {
    target.starts_with("wasm")
}

fn choose(candidates: &[Candidate], target: Option<&str>, purpose: Purpose) -> Result<Toolchain> {
    let Some(first) = candidates.first() else {
        return Err(Diagnostic::new("cannot find a Rust compiler")
            .expected("rustc and cargo, in PATH or named by RUSTC and CARGO")
            .help("install Rust: https://rustup.rs; on Debian: apt-get install rustc cargo")
            .into());
    };
    let target = target.unwrap_or(&first.host);
    if !candidates.iter().any(|c| c.knows(target)) {
        return Err(
            Diagnostic::new(format!("Rust does not know the target {target:?}"))
                .expected("a target triple such as thumbv7em-none-eabihf")
                .help("`rustc --print target-list` prints them all")
                .into(),
        );
    }
    let usable = || candidates.iter().filter(|c| !c.is_too_old());
    if let Some(ready) = usable().find(|c| c.has_target(target)) {
        return ready.toolchain(target, false, purpose);
    }
    // Espressif's fork of Rust comes as a toolchain of this name.
    let fork = |c: &Candidate| c.sysroot.ends_with("esp");
    if target.starts_with("xtensa-") && !usable().any(fork) {
        return Err(no_code_for(target).into());
    }
    let from_source = |c: &&Candidate| c.knows(target) && c.has_sources();
    match usable().find(from_source) {
        Some(sources) => sources.toolchain(target, true, purpose),
        None => Err(none_for(target, candidates).into()),
    }
}

fn none_for(target: &str, candidates: &[Candidate]) -> Diagnostic {
    let found = candidates.iter().map(|c| match c.is_too_old() {
        true => format!("{}, which is too old", c.version),
        false => c.version.clone(),
    });
    Diagnostic::new(format!(
        "no installed Rust toolchain can build for {target}"
    ))
    .expected(format_args!(
        "Rust {OLDEST} or newer, with that target or its own sources"
    ))
    .found(found.collect::<Vec<_>>().join("; "))
    .help(format!(
        "with rustup: rustup update && rustup target add {target}; \
             on Debian: apt-get update && apt-get install rustc-web rust-web-src gcc-arm-none-eabi"
    ))
}

/// Targets that Rust has a name for, and LLVM no code generator.
fn no_code_for(target: &str) -> Diagnostic {
    Diagnostic::new(format!("the stock Rust compiler cannot compile for {target}"))
        .expected("a target that stock rustc compiles for: Arm, RISC-V, x86")
        .found("Xtensa, which only Espressif's fork supports")
        .help(
            "use TensorFlow Lite Micro with your C++ compiler: `castiron gen-cpp`, or `castiron gen-header` and `castiron gen-resolver` for its interpreter",
        )
}

/// A compiler whose abilities are to be seen.
#[derive(Debug)]
struct Candidate {
    cargo: PathBuf,
    rustc: PathBuf,
    version: String,
    sysroot: PathBuf,
    host: String,
    targets: String,
}

impl Candidate {
    fn new(cargo: PathBuf, rustc: PathBuf) -> Option<Self> {
        let sysroot = output(Command::new(&rustc).args(["--print", "sysroot"]))?;
        let verbose = output(Command::new(&rustc).arg("-vV"))?;
        let targets = output(Command::new(&rustc).args(["--print", "target-list"]))?;
        let version = verbose.lines().next()?.to_owned();
        let host = verbose
            .lines()
            .find_map(|line| line.strip_prefix("host: "))?
            .to_owned();
        let sysroot = PathBuf::from(sysroot.trim());
        // rustup's stand-ins choose a toolchain by the folder they run in; what was seen here has to
        // be what builds there.
        let itself = |name: &str, given: PathBuf| {
            let path = sysroot
                .join("bin")
                .join(format!("{name}{}", env::consts::EXE_SUFFIX));
            if path.is_file() { path } else { given }
        };
        Some(Self {
            cargo: itself("cargo", cargo),
            rustc: itself("rustc", rustc),
            version,
            sysroot,
            host,
            targets,
        })
    }

    /// Whether it is older than castiron's kernels need. A compiler that does not say its version is taken as it is.
    fn is_too_old(&self) -> bool {
        let number = self.version.split(' ').nth(1).unwrap_or_default();
        matches!((release(number), release(OLDEST)), (Some(own), Some(oldest)) if own < oldest)
    }

    fn rustlib(&self, rest: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(rest)
    }

    fn knows(&self, target: &str) -> bool {
        self.targets.lines().any(|line| line == target)
    }

    fn has_target(&self, target: &str) -> bool {
        self.knows(target) && self.rustlib(target).join("lib").is_dir()
    }

    fn has_sources(&self) -> bool {
        self.rustlib("src/rust/library/Cargo.lock").is_file()
    }

    /// The linker to name, if the compiler lacks the one it would start by itself.
    fn linker(&self, target: &str) -> Result<Option<(&'static str, &'static str)>> {
        let own = self
            .rustlib(&self.host)
            .join(format!("bin/rust-lld{}", env::consts::EXE_SUFFIX));
        if own.exists() || !(target.contains("-none") || is_wasm(target)) {
            return Ok(None);
        }
        let arm = target.starts_with("thumb") || target.starts_with("arm");
        let (linkers, help) = match (arm, is_wasm(target)) {
            (true, _) => (
                &ARM_LINKERS[..],
                "on Debian: apt-get install gcc-arm-none-eabi",
            ),
            (false, true) => (&WASM_LINKERS[..], "on Debian: apt-get install lld-16"),
            (false, false) => (&OTHER_LINKERS[..], "on Debian: apt-get install lld"),
        };
        let works = |linker: &str| output(Command::new(linker).arg("--version")).is_some();
        match linkers.iter().find(|(linker, _)| works(linker)) {
            Some(found) => Ok(Some(*found)),
            None => Err(
                Diagnostic::new(format!("{} has no linker for {target}", self.version))
                    .help(help)
                    .into(),
            ),
        }
    }

    fn toolchain(&self, target: &str, build_std: bool, purpose: Purpose) -> Result<Toolchain> {
        Ok(Toolchain {
            cargo: self.cargo.clone(),
            rustc: self.rustc.clone(),
            version: self.version.clone(),
            target: target.to_owned(),
            host: self.host.clone(),
            build_std,
            linker: match purpose {
                Purpose::Library => None,
                Purpose::Program => self.linker(target)?,
            },
        })
    }
}

/// The first two numbers of a version: `1.88` of `1.88.0-nightly`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "thumbv7em-none-eabihf";

    /// A compiler of which only its folder is there.
    fn candidate(sysroot: &Path) -> Candidate {
        Candidate {
            cargo: "cargo".into(),
            rustc: "rustc".into(),
            version: format!("rustc {OLDEST}.0 (0123456789 2025-06-23)"),
            sysroot: sysroot.to_owned(),
            host: "x86_64-unknown-linux-gnu".into(),
            targets: format!("x86_64-unknown-linux-gnu\n{DEVICE}\n"),
        }
    }

    fn add(sysroot: &Path, file: &str) {
        let path = sysroot.join("lib/rustlib").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn an_installed_target_goes_before_sources() {
        let (with_sources, with_target) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        add(with_sources.path(), "src/rust/library/Cargo.lock");
        add(with_target.path(), &format!("{DEVICE}/lib/libcore.rlib"));
        let sources = candidate(with_sources.path());
        let found = choose(&[sources], Some(DEVICE), Purpose::Library).unwrap();
        assert!(found.build_std);
        assert!(found.to_string().ends_with("core from source"));
        let both = [
            candidate(with_sources.path()),
            candidate(with_target.path()),
        ];
        assert!(
            !choose(&both, Some(DEVICE), Purpose::Library)
                .unwrap()
                .build_std
        );
    }

    #[test]
    fn a_browser_gets_all_of_the_library() {
        let sources = tempfile::tempdir().unwrap();
        add(sources.path(), "src/rust/library/Cargo.lock");
        let mut one = candidate(sources.path());
        one.targets += "wasm32-unknown-unknown\n";
        let target = Some("wasm32-unknown-unknown");
        let found = choose(&[one], target, Purpose::Library).unwrap();
        let text = found.to_string();
        assert!(text.ends_with("std,panic_abort from source"), "{text}");
        let mut command = found.cargo(Path::new("."));
        found.options(&mut command);
        let wanted = "-Zbuild-std=std,panic_abort";
        assert!(command.get_args().any(|argument| argument == wanted));
    }

    #[test]
    fn what_is_missing_comes_with_the_remedy() {
        let nothing = tempfile::tempdir().unwrap();
        let message = |candidates: &[Candidate], target| {
            choose(candidates, Some(target), Purpose::Library)
                .unwrap_err()
                .to_string()
        };
        assert!(message(&[], DEVICE).contains("https://rustup.rs"));
        let one = [candidate(nothing.path())];
        assert!(message(&one, DEVICE).contains("rustup target add thumbv7em-none-eabihf"));
        assert!(message(&one, "z80-none").contains("--print target-list"));
    }

    #[test]
    fn a_compiler_that_is_too_old_is_not_taken_and_named() {
        let all = tempfile::tempdir().unwrap();
        add(all.path(), "src/rust/library/Cargo.lock");
        add(all.path(), &format!("{DEVICE}/lib/libcore.rlib"));
        let of = |version: &str| Candidate {
            version: version.into(),
            ..candidate(all.path())
        };
        let old = || of("rustc 1.85.0 (4d91de4e4 2025-02-17) (built from a source tarball)");
        let error = choose(&[old()], Some(DEVICE), Purpose::Library).unwrap_err();
        assert!(error.to_string().contains("too old"), "{error}");
        let newer = of("rustc 1.100.0-nightly (0123456789 2026-06-23)");
        let both = [old(), newer];
        let found = choose(&both, Some(DEVICE), Purpose::Library).unwrap();
        assert_eq!(found.version, both[1].version);
    }

    #[test]
    fn this_machine_is_a_target() {
        let found = Toolchain::detect(None, Purpose::Program).unwrap();
        assert!(!found.build_std, "{found}");
        let mut command = found.cargo(Path::new("."));
        found.options(&mut command);
        assert!(command.get_args().any(|a| a == found.target()));
        assert!(found.processors().len() > 1);
    }
}
