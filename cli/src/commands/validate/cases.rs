//! Inputs, and outputs of another source, in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use castiron_build::validate::Case;
use castiron_codegen::error::Diagnostic;
use castiron_codegen::program::{Entry, Port};

use crate::failure::{Failure, Result};
use crate::npy;

/// The cases of a folder in the order of their numbers. The files read go to `sources`.
pub(super) fn read(folder: &Path, entry: &Entry, sources: &mut Vec<PathBuf>) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for number in numbers(folder)? {
        let mut tensor = |role: &str, position: usize, port: &Port| {
            let Some(path) = file(folder, role, number, position) else {
                return Ok(None);
            };
            let bytes = npy::tensor(&path, port)?;
            sources.push(path);
            Ok::<_, Failure>(Some(bytes))
        };
        let mut case = Case {
            name: number.to_string(),
            ..Case::default()
        };
        for (position, port) in entry.inputs.iter().enumerate() {
            let bytes = tensor("in", position, port)?;
            case.inputs.push(bytes.ok_or_else(|| {
                at(folder, format!("case {number} has no input {position}"))
                    .expected(format_args!("in_{number}_{position}.bin or .npy"))
            })?);
        }
        for (position, port) in entry.outputs.iter().enumerate() {
            case.outputs.push(tensor("out", position, port)?);
        }
        cases.push(case);
    }
    if cases.is_empty() {
        return Err(at(folder, "the folder has no inputs".to_owned())
            .expected("files in_<case>_<input>.bin or .npy, counted from 0")
            .into());
    }
    Ok(cases)
}

/// Numbers of the cases that have a first input.
fn numbers(folder: &Path) -> Result<Vec<u64>> {
    let unreadable = |e: std::io::Error| Failure::io("read", folder, &e);
    let mut numbers = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let number = name.to_str().and_then(|name| {
            let (stem, _) = name.rsplit_once('.')?;
            let (number, _) = stem.strip_prefix("in_")?.split_once('_')?;
            number
                .parse::<u64>()
                .ok()
                .filter(|n| n.to_string() == number)
        });
        numbers.extend(number.map(|n| (n, ())));
    }
    Ok(numbers.into_keys().collect())
}

fn file(folder: &Path, role: &str, number: u64, position: usize) -> Option<PathBuf> {
    let path = |suffix| folder.join(format!("{role}_{number}_{position}.{suffix}"));
    ["bin", "npy"].map(path).into_iter().find(|p| p.is_file())
}

fn at(folder: &Path, message: String) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(message);
    diagnostic.place.file = Some(folder.display().to_string());
    diagnostic
}
