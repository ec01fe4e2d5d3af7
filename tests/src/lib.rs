//! Helpers shared by the whole-program tests.

pub mod damage;
pub mod goldens;
pub mod random;
pub mod targets;

use std::path::{Path, PathBuf};

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// A folder of further models with reference outputs, named by `CASTIRON_SHARED`.
pub fn reference_folder() -> Option<PathBuf> {
    castiron_test_tools::folder("CASTIRON_SHARED")
}
