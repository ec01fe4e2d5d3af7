//! Cases in a folder, each tensor in a file of its own.

use std::fs;
use std::io;
use std::path::Path;

use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::files;

use super::{Key, Recording, SIGNATURE, Source, Wanted, parse_meta};

/// What there is to know of a folder's cases.
pub(crate) const META: &str = "meta.json";

/// A folder that is not there has no case.
pub(crate) fn open(folder: &Path) -> Result<Recording> {
    let mut found = Recording::empty(folder);
    let unreadable = |e: io::Error| {
        Error::from(Diagnostic::new(format!(
            "cannot read {}: {e}",
            folder.display()
        )))
    };
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(unreadable)?,
    };
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name == META {
            let bytes = files::read(&path, files::MOST_OF_A_TENSOR)
                .map_err(|e| Diagnostic::new(format!("cannot read {}: {e}", path.display())))?;
            found.meta = Some(parse_meta(&bytes, &path)?);
        } else if let Some(signature) = name.strip_prefix(SIGNATURE)
            && path.is_dir()
        {
            let cases = open(&path)?;
            found.signatures.insert(signature.to_owned(), cases);
        } else if let Some((key, is_raw)) = key(name) {
            // Raw values come first.
            if is_raw || !found.tensors.contains_key(&key) {
                found.tensors.insert(key, Source::File(path));
            }
        }
    }
    for cases in found.signatures.values_mut() {
        // What is said of all is said of these, too.
        cases.meta = cases.meta.take().or_else(|| found.meta.clone());
    }
    Ok(found)
}

/// Which tensor a file has by its name, and whether its values are raw.
fn key(name: &str) -> Option<(Key, bool)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let is_raw = match extension {
        "bin" => true,
        "npy" if cfg!(feature = "npy") => false,
        _ => return None,
    };
    Some((Key::parse(stem)?, is_raw))
}

pub(crate) fn has_cases(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .any(|name| key(&name).is_some())
}

/// Reads a tensor's file.
pub(crate) fn read(path: &Path, key: &Key, wanted: &Wanted<'_>) -> Result<Vec<u8>> {
    let bytes = files::read(path, files::MOST_OF_A_TENSOR)
        .map_err(|e| Diagnostic::new(format!("cannot read {}: {e}", path.display())))?;
    let named = |d: Diagnostic| Error::from(d).in_file(&path.display().to_string());
    #[cfg(feature = "npy")]
    let bytes = match super::npy::is_npy(path) {
        true => super::npy::read(&bytes, wanted).map_err(named)?,
        false => bytes,
    };
    if Some(bytes.len()) == wanted.bytes() {
        return Ok(bytes);
    }
    let name = wanted.name.escape_debug();
    let message = format!(
        "the values do not fit {} of the model, \"{name}\"",
        key.port()
    );
    let size = match wanted.bytes() {
        Some(bytes) => format!("{bytes} bytes: "),
        None => String::new(),
    };
    Err(named(
        Diagnostic::new(message)
            .expected(format_args!("{size}{}", wanted.describe()))
            .found(format_args!("{} bytes", bytes.len())),
    ))
}
