//! Goldens in one file per model: folders of cases become `.safetensors` files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use castiron_cases::{EXTENSION, Recording};
use castiron_codegen::tflite;

use crate::models::tflite_files;

/// Folders of models whose goldens the repository has.
const OWN: [&str; 7] = [
    "examples/models",
    "tests/data/calls",
    "tests/data/models",
    "tests/data/operands",
    "tests/data/ops",
    "tests/data/tflm",
    "tests/data/waiting",
];

/// Packs `golden/<name>/` of every `<name>.tflite` into `golden/<name>.safetensors`, in these folders or all of the
/// repository's, and removes what is packed. What was packed stays as it is; how many were.
///
/// # Errors
/// If cases do not fit their model, a folder belongs to no model, or has fewer cases than were packed before.
pub(crate) fn pack(root: &Path, folders: &[PathBuf]) -> Result<usize> {
    let own = || OWN.map(|folder| root.join(folder)).to_vec();
    let folders = match folders {
        [] => own(),
        named => named.to_vec(),
    };
    let mut packed = 0;
    for folder in folders {
        let models = tflite_files(&folder)?;
        let goldens = folder.join("golden");
        let entries = fs::read_dir(&goldens).with_context(|| goldens.display().to_string())?;
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in entries {
            found.push(entry?.path());
        }
        found.retain(|path| path.is_dir());
        found.sort();
        for cases in found {
            let name = cases.file_name().unwrap_or_default().to_string_lossy();
            let model = models.get(&*name).with_context(|| {
                format!(
                    "{}: there is no {name}.tflite in {}",
                    cases.display(),
                    folder.display()
                )
            })?;
            let bytes = fs::read(model).with_context(|| model.display().to_string())?;
            let model = tflite::read(&model.display().to_string(), &bytes)?;
            let file = goldens.join(format!("{name}.{EXTENSION}"));
            if file.is_file() {
                // A merge may leave a part of a folder that was packed elsewhere.
                ensure!(
                    Recording::open(&cases)?.covers(&Recording::open(&file)?),
                    "{} lacks cases that {} has: put them into the folder, or remove the file",
                    cases.display(),
                    file.display()
                );
            }
            fs::write(&file, castiron_cases::pack(&cases, &model)?)
                .with_context(|| file.display().to_string())?;
            fs::remove_dir_all(&cases).with_context(|| cases.display().to_string())?;
            packed += 1;
        }
    }
    Ok(packed)
}
