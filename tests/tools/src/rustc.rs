//! The Rust compiler, called directly with the libraries that the running test program was linked with: another cargo
//! project would build all of them once more.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The folder of the test program's compiled dependencies.
fn libraries() -> PathBuf {
    let program = env::current_exe().expect("this program has a path");
    program.parent().expect("a folder").to_owned()
}

/// The library castiron in a folder. Other features make other libraries; the newest is of these sources.
fn castiron(libraries: &Path) -> PathBuf {
    let files = fs::read_dir(libraries).expect("readable");
    let libraries = files
        .map(|file| file.expect("readable").path())
        .filter(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with("libcastiron-") && name.ends_with(".rlib")
        });
    libraries
        .max_by_key(|path| fs::metadata(path).and_then(|m| m.modified()).ok())
        .expect("castiron is among these libraries")
}

/// A compiler for programs that know castiron by this name.
pub fn rustc(castiron_name: &str) -> Command {
    rustc_with(&libraries(), castiron_name)
}

/// The same with the libraries of a folder: `deps`, where cargo has built castiron otherwise.
pub fn rustc_with(libraries: &Path, castiron_name: &str) -> Command {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command
        .args(["--edition=2024", "--color=never", "-L"])
        .arg(format!("dependency={}", libraries.display()))
        .arg("--extern")
        .arg(format!("{castiron_name}={}", castiron(libraries).display()));
    command
}
