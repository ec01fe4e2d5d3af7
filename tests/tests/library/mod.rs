//! `castiron lib`'s libraries, linked into C programs: on this machine and on emulated processors.

mod custom;
mod device;
mod host;

use std::path::{Path, PathBuf};

use castiron_build::library::{self, Library, Options};
use castiron_codegen::graph::Model;

/// One of the project's models.
fn path(name: &str) -> PathBuf {
    castiron_tests::workspace().join(name)
}

fn model(name: &str) -> Model {
    castiron_tests::goldens::read(&path(name)).unwrap()
}

/// Builds a library, with everything compiled for others kept.
fn build(name: &str, options: Options<'_>) -> Library {
    build_of(&model(name), options)
}

fn build_of(model: &Model, mut options: Options<'_>) -> Library {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("castiron");
    options.build_dir = Some(folder);
    library::build(model, &options).unwrap_or_else(|e| panic!("{}: {e}", model.file))
}

/// Options with something set.
fn options<'a>(set: impl FnOnce(&mut Options<'a>)) -> Options<'a> {
    let mut options = Options::default();
    set(&mut options);
    options
}

/// Writes a library's files to a folder.
fn store(library: &Library, folder: &Path) {
    for file in &library.files {
        std::fs::write(folder.join(&file.name), &file.bytes).unwrap();
    }
}
