//! Programs of others that building and running firmware takes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use castiron_codegen::error::{Diagnostic, Error};

/// A program that is looked for by a variable, then by names in PATH.
#[derive(Debug)]
pub(super) struct Tool {
    what: &'static str,
    variable: &'static str,
    names: &'static [&'static str],
    help: &'static str,
}

pub(super) const HOST_CC: Tool = Tool {
    what: "C compiler for this machine",
    variable: "CC",
    names: &["cc", "gcc", "clang"],
    help: "on Debian: apt-get install gcc",
};
pub(super) const ARM_GCC: Tool = Tool {
    what: "C compiler for Arm",
    variable: "CASTIRON_ARM_GCC",
    names: &["arm-none-eabi-gcc"],
    help: "install the Arm GNU toolchain; on Debian: apt-get install gcc-arm-none-eabi \
           libnewlib-arm-none-eabi",
};
pub(super) const QEMU: Tool = Tool {
    what: "QEMU for Arm",
    variable: "CASTIRON_QEMU",
    names: &["qemu-system-arm"],
    help: "on Debian: apt-get install qemu-system-arm",
};
pub(super) const RENODE: Tool = Tool {
    what: "Renode",
    variable: "RENODE",
    names: &["renode"],
    help: "install it from https://renode.io, and put it into PATH or name it by RENODE",
};

pub(super) const PROBE_RS: Tool = Tool {
    what: "probe-rs",
    variable: "CASTIRON_PROBE_RS",
    names: &["probe-rs"],
    help: "install it from https://probe.rs: `cargo install probe-rs-tools`",
};

impl Tool {
    /// The program, if it is here.
    pub(super) fn find(&self) -> Option<OsString> {
        let named = std::env::var_os(self.variable).filter(|value| !value.is_empty());
        match named {
            Some(name) => is_there(&name).then_some(name),
            None => (self.names.iter()).map(OsString::from).find(is_there),
        }
    }

    /// The program.
    pub(super) fn require(&self) -> Result<OsString, Error> {
        self.find().ok_or_else(|| {
            let named = std::env::var_os(self.variable).filter(|value| !value.is_empty());
            let missing = Diagnostic::new(format!("cannot find {}", self.what))
                .expected(format_args!(
                    "{}, in PATH or named by the variable {}",
                    self.names.join(" or "),
                    self.variable
                ))
                .help(self.help);
            match named {
                Some(name) => missing.found(format_args!(
                    "{}={}, which does not start",
                    self.variable,
                    Path::new(&name).display()
                )),
                None => missing,
            }
            .into()
        })
    }
}

/// Whether a program can be started.
fn is_there(name: &OsString) -> bool {
    if Path::new(name).components().count() > 1 {
        return Path::new(name).is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let suffixes = ["", std::env::consts::EXE_SUFFIX];
    std::env::split_paths(&folders).any(|folder| {
        suffixes.iter().any(|suffix| {
            let mut file = name.clone();
            file.push(suffix);
            folder.join(file).is_file()
        })
    })
}

/// Runs a compiler, whose messages are the error where it fails.
pub(super) fn compile(command: &mut Command, what: &str) -> Result<(), Error> {
    const MOST_LINES: usize = 40;
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| {
        let program = PathBuf::from(command.get_program());
        Diagnostic::new(format!("cannot start {}: {e}", program.display()))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().take(MOST_LINES).collect();
    let error = Diagnostic::new(format!("cannot build {what}")).found(lines.join("\n"));
    // The linker's words, and those of our linker script.
    let full = ["overflowed by", "no room for a stack"];
    Err(match full.iter().any(|words| text.contains(words)) {
        true => error.help("the emulated boards have 4 MB of flash and of RAM; --on host has room"),
        false => error,
    }
    .into())
}
