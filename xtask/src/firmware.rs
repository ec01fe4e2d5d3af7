//! Builds the measuring firmware with whichever toolchain can.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

const TARGET: &str = "thumbv7em-none-eabihf";
/// The compiler of a Linux distribution, which comes with library sources but no libraries for this target.
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
/// Linkers that know 32-bit Arm, for compilers that come without one of their own.
const LINKERS: [(&str, &str); 2] = [("arm-none-eabi-ld", "ld"), ("ld.lld", "ld.lld")];

/// How the firmware is optimised.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptLevel {
    /// opt-level 3.
    #[value(name = "3")]
    Speed,
    /// opt-level "s".
    #[value(name = "s")]
    Size,
}

impl OptLevel {
    /// The cargo profile of the firmware workspace, which is also the directory cargo builds into.
    fn profile(self) -> &'static str {
        match self {
            Self::Speed => "release",
            Self::Size => "small",
        }
    }
}

impl fmt::Display for OptLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Speed => "3",
            Self::Size => "s",
        })
    }
}

/// A compiler that can produce Cortex-M4 code.
pub(crate) struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    version: String,
    /// The target's libraries are compiled along, from the compiler's sources.
    build_std: bool,
    /// Linker and its flavor, where the compiler has none of its own for the target.
    linker: Option<(&'static str, &'static str)>,
}

impl Toolchain {
    /// The first that works: the current one with the target installed, then any that has library sources.
    pub(crate) fn detect() -> Result<Self> {
        let current = Candidate::new(
            env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from),
            env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from),
        );
        let system = Candidate::new(SYSTEM_CARGO.into(), SYSTEM_RUSTC.into());
        let candidates: Vec<Candidate> = [current, system].into_iter().flatten().collect();

        if let Some(ready) = candidates.iter().find(|c| c.has_target()) {
            return Ok(ready.toolchain(false, ready.linker()?));
        }
        match candidates.iter().find(|c| c.has_sources()) {
            Some(sources) => Ok(sources.toolchain(true, sources.linker()?)),
            None => bail!(
                "no Rust toolchain here can build for {TARGET}\n  \
                 with rustup: rustup target add {TARGET}\n  \
                 on Debian:   apt-get install rustc-web rust-web-src gcc-arm-none-eabi"
            ),
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)?;
        if self.build_std {
            f.write_str(", core from source")?;
        }
        if let Some((linker, _)) = self.linker {
            write!(f, ", linked by {linker}")?;
        }
        Ok(())
    }
}

/// A compiler whose abilities are to be seen.
struct Candidate {
    cargo: PathBuf,
    rustc: PathBuf,
    version: String,
    sysroot: PathBuf,
    host: String,
}

impl Candidate {
    fn new(cargo: PathBuf, rustc: PathBuf) -> Option<Self> {
        let sysroot = output(Command::new(&rustc).args(["--print", "sysroot"]))?;
        let verbose = output(Command::new(&rustc).arg("-vV"))?;
        let version = verbose.lines().next()?.to_owned();
        let host = verbose
            .lines()
            .find_map(|line| line.strip_prefix("host: "))?
            .to_owned();
        Some(Self {
            cargo,
            rustc,
            version,
            sysroot: sysroot.trim().into(),
            host,
        })
    }

    fn rustlib(&self, rest: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(rest)
    }

    fn has_target(&self) -> bool {
        self.rustlib(TARGET).join("lib").is_dir()
    }

    fn has_sources(&self) -> bool {
        self.rustlib("src/rust/library/Cargo.lock").is_file()
    }

    /// The linker to name, if the compiler lacks the one it would start by itself.
    fn linker(&self) -> Result<Option<(&'static str, &'static str)>> {
        if self.rustlib(&self.host).join("bin/rust-lld").exists() {
            return Ok(None);
        }
        let works = |linker: &str| output(Command::new(linker).arg("--version")).is_some();
        match LINKERS.into_iter().find(|(linker, _)| works(linker)) {
            Some(found) => Ok(Some(found)),
            None => bail!(
                "{} has no linker for {TARGET}\n  on Debian: apt-get install gcc-arm-none-eabi",
                self.version
            ),
        }
    }

    fn toolchain(
        &self,
        build_std: bool,
        linker: Option<(&'static str, &'static str)>,
    ) -> Toolchain {
        Toolchain {
            cargo: self.cargo.clone(),
            rustc: self.rustc.clone(),
            version: self.version.clone(),
            build_std,
            linker,
        }
    }
}

/// Standard output of a command that succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Builds firmware, all of it into one target directory, so that dependencies are compiled once.
pub(crate) struct Builder<'a> {
    toolchain: &'a Toolchain,
    opt: OptLevel,
    workspace: PathBuf,
    target_dir: PathBuf,
}

impl<'a> Builder<'a> {
    /// A builder of the firmware in the repository at `root`.
    pub(crate) fn new(root: &Path, toolchain: &'a Toolchain, opt: OptLevel) -> Self {
        Self {
            toolchain,
            opt,
            workspace: root.join("examples/cortex-m"),
            target_dir: root.join("target/firmware"),
        }
    }

    /// Builds the example for users.
    pub(crate) fn example(&self) -> Result<PathBuf> {
        self.build("castiron-cortex-m-example", "sine", [])
    }

    /// Builds the measuring image for a model and its goldens, or for one that only has the model's inputs and
    /// outputs, and keeps it under `name`.
    pub(crate) fn golden(
        &self,
        name: &str,
        model: &Path,
        golden: &Path,
        empty: bool,
    ) -> Result<PathBuf> {
        let built = self.build(
            "castiron-bench-firmware",
            "golden",
            [
                ("CASTIRON_GOLDEN", Some(golden)),
                ("CASTIRON_MODEL", Some(model)),
                ("CASTIRON_EMPTY", empty.then_some(Path::new("1"))),
            ],
        )?;
        let images = self.target_dir.join("images").join(self.opt.profile());
        std::fs::create_dir_all(&images)?;
        let image = images.join(format!("{name}.elf"));
        std::fs::copy(&built, &image).with_context(|| built.display().to_string())?;
        Ok(image)
    }

    fn build<const N: usize>(
        &self,
        package: &str,
        binary: &str,
        environment: [(&str, Option<&Path>); N],
    ) -> Result<PathBuf> {
        let mut command = self.command();
        command.args(["--package", package, "--bin", binary]);
        for (variable, value) in environment {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        let output = command.output().context("starting cargo")?;
        if !output.status.success() {
            bail!(
                "does not build\n{}",
                errors(&String::from_utf8_lossy(&output.stderr))
            );
        }
        Ok(self
            .target_dir
            .join(TARGET)
            .join(self.opt.profile())
            .join(binary))
    }

    fn command(&self) -> Command {
        let toolchain = self.toolchain;
        let mut command = Command::new(&toolchain.cargo);
        command
            .current_dir(&self.workspace)
            .args(["build", "--profile", self.opt.profile()])
            .args(["--target", TARGET, "--target-dir"])
            .arg(&self.target_dir)
            .env("RUSTC", &toolchain.rustc)
            .stdin(Stdio::null());
        // Flags meant for the host would replace those of the firmware.
        for variable in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
        ] {
            command.env_remove(variable);
        }
        if toolchain.build_std {
            // The option is unstable, so a release compiler takes it only with this set.
            command.arg("-Zbuild-std=core").env("RUSTC_BOOTSTRAP", "1");
        }
        if let Some((linker, flavor)) = toolchain.linker {
            command
                .arg(format!("--config=target.{TARGET}.linker={linker:?}"))
                .arg(format!(
                    "--config=target.{TARGET}.rustflags=[\"-Clinker-flavor={flavor}\"]"
                ));
        }
        command
    }
}

/// The error messages in what cargo printed, or all of it if it holds none.
fn errors(stderr: &str) -> String {
    const MOST: usize = 40;
    let from_first: Vec<&str> = stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .collect();
    let lines = if from_first.is_empty() {
        stderr.lines().collect()
    } else {
        from_first
    };
    lines.into_iter().take(MOST).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_start_at_the_first() {
        assert_eq!(
            errors("   Compiling x\nwarning: y\nerror: no\n --> a.rs\n"),
            "error: no\n --> a.rs"
        );
        assert_eq!(errors("killed"), "killed");
    }
}
