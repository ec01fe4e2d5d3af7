//! Which revision of TensorFlow Lite Micro a tree is.

use std::fs;
use std::path::{Path, PathBuf};

use castiron_codegen::error::Diagnostic;
use castiron_codegen::tflm::revision::{TFLM_COMMIT, TFLM_REVISION};
use castiron_codegen::tflm::sources::{FINGERPRINT, FINGERPRINTED};
use sha2::{Digest as _, Sha256};

use crate::cxx::diagnostic;

/// What shows that the tree is of another revision than castiron's tables describe, if it is.
///
/// Sizes of structs and the files of an operator change between revisions without a trace in any
/// header.
pub(super) fn other(root: &Path) -> Option<String> {
    if let Some(head) = head(root)
        && head != TFLM_COMMIT
    {
        return Some(format!("commit {head}"));
    }
    match fingerprint(root) {
        Some(found) if found == FINGERPRINT => None,
        Some(_) => Some("headers that differ from that revision's".to_owned()),
        None => Some("no header at some of that revision's paths".to_owned()),
    }
}

/// A tree that differs is refused rather than tried.
pub(super) fn refusal(root: &Path, found: &str) -> Diagnostic {
    // `origin` may be a fork that lacks the commit, as that of Zephyr's module does.
    let help = format!(
        "`git -C {0} fetch https://github.com/tensorflow/tflite-micro {TFLM_COMMIT} \
         && git -C {0} checkout {TFLM_COMMIT}`; or try the sources as they are, \
         with --allow-revision, in a build script .allow_revision(true)",
        root.display()
    );
    diagnostic(
        root,
        "castiron does not know this revision of TFLM's sources",
    )
    .expected(TFLM_REVISION)
    .found(found)
    .help(help)
}

/// The commit that a checkout stands at; `None` where there is no repository to ask.
///
/// Read from the files and not from `git`, which refuses folders of other owners.
fn head(root: &Path) -> Option<String> {
    let dot_git = root.join(".git");
    let folder = match fs::read_to_string(&dot_git) {
        // A worktree or submodule: a file that names the folder.
        Ok(text) => root.join(text.strip_prefix("gitdir:")?.trim()),
        Err(_) => dot_git,
    };
    let head = fs::read_to_string(folder.join("HEAD")).ok()?;
    let Some(name) = head.strip_prefix("ref:").map(str::trim) else {
        return Some(head.trim().to_owned());
    };
    let common: PathBuf = match fs::read_to_string(folder.join("commondir")) {
        Ok(text) => folder.join(text.trim()),
        Err(_) => folder.clone(),
    };
    [&folder, &common]
        .iter()
        .find_map(|folder| fs::read_to_string(folder.join(name)).ok())
        .or_else(|| packed(&common, name))
        .map(|commit| commit.trim().to_owned())
}

fn packed(folder: &Path, name: &str) -> Option<String> {
    let refs = fs::read_to_string(folder.join("packed-refs")).ok()?;
    refs.lines().find_map(|line| {
        let (commit, found) = line.split_once(' ')?;
        (found == name).then(|| commit.to_owned())
    })
}

/// What the headers that define structs come to; `None` when one is missing.
pub(super) fn fingerprint(root: &Path) -> Option<String> {
    let mut hash = Sha256::new();
    for path in FINGERPRINTED {
        // Checkouts on Windows have other line ends.
        let text = fs::read_to_string(root.join(path)).ok()?.replace('\r', "");
        hash.update(path.as_bytes());
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    let hex = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Some(hex)
}
