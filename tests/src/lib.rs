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

/// Of so many reference models one is tried in all ways: most are a single operator, as those that the repository ships.
const SAMPLED: usize = 4;

/// Whether large models, and all reference models in all ways, are run, too, for which test programs take minutes.
pub fn takes_large() -> bool {
    std::env::var_os("CASTIRON_LARGE").is_some()
}

/// A part of the reference models, for tests that take long of each; what is left out is said.
pub fn sampled<T>(references: Vec<T>) -> impl Iterator<Item = T> {
    let step = if takes_large() { 1 } else { SAMPLED };
    let left_out = references.len() - references.len().div_ceil(step);
    if left_out > 0 {
        let what = format!("{left_out} reference models; CASTIRON_LARGE=1 runs them");
        castiron_test_tools::skipped(&what, false);
    }
    references.into_iter().step_by(step)
}
