//! Helpers shared by the whole-program tests.

pub mod goldens;

use std::path::{Path, PathBuf};

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// A folder of further models with reference outputs, named by `CASTIRON_SHARED`; prints what is
/// skipped where there is none.
pub fn reference_folder(what: &str) -> Option<PathBuf> {
    match std::env::var_os("CASTIRON_SHARED") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => {
            println!("skipped: {what} (CASTIRON_SHARED names no folder of reference models)");
            None
        }
    }
}
