//! Files that commands read.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use castiron_codegen::board::dts::Devicetree;
use castiron_codegen::emit::IoSpecFile;
use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::graph::Model;
use castiron_codegen::{labels, tflite, warnings};

use crate::args::Companions;
use crate::diagnostics;
use crate::failure::{Failure, Result};

/// A model with the bytes it was read from.
#[derive(Debug)]
pub(crate) struct ModelFile {
    /// The path as the user gave it.
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) model: Model,
}

/// Reads a model; `-` is standard input.
pub(crate) fn model(path: &Path) -> Result<ModelFile> {
    let bytes = bytes(path).map_err(|failure| match failure {
        Failure::Io(diagnostic) if path.join("saved_model.pb").is_file() => Failure::Io(
            diagnostic
                .found("the folder of a SavedModel")
                .help(format_args!(
                    "convert it: `tf.lite.TFLiteConverter.from_saved_model({:?})`",
                    path.display().to_string()
                )),
        ),
        other => other,
    })?;
    let name = if is_stdin(path) {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    };
    let model = tflite::read(&name, &bytes)?;
    diagnostics::warn(&warnings::of(&model));
    Ok(ModelFile {
        path: path.to_owned(),
        bytes,
        model,
    })
}

/// Bytes that are read at most: beyond any microcontroller, and a bound for devices and pipes
/// that never end.
const MOST_BYTES: u64 = 1 << 30;

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    if is_stdin(path) {
        let path = Path::new("standard input");
        return bounded(io::stdin().lock()).map_err(|e| Failure::io("read", path, &e));
    }
    let read = || {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.len() > MOST_BYTES {
            return Err(too_large());
        }
        bounded(file)
    };
    read().map_err(|e| Failure::io("read", path, &e))
}

fn bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match source.take(MOST_BYTES + 1).read_to_end(&mut bytes)? as u64 {
        0..=MOST_BYTES => Ok(bytes),
        _ => Err(too_large()),
    }
}

fn too_large() -> io::Error {
    let message = format!("more than {MOST_BYTES} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What was read besides the model.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    pub(crate) labels: Option<Vec<String>>,
    io_spec: Option<(String, String)>,
    /// The files it came from.
    pub(crate) files: Vec<PathBuf>,
}

impl Extras {
    /// Reads labels and the I/O specification, the latter from beside the model by default.
    pub(crate) fn read(model: &Path, companions: &Companions) -> Result<Self> {
        let mut extras = Self::default();
        let io_spec = match &companions.io_spec {
            Some(path) => Some(path.clone()),
            None if companions.no_io_spec => None,
            None => beside(model),
        };
        if let Some(path) = io_spec {
            extras.io_spec = Some((path.display().to_string(), text(&path)?));
            extras.files.push(path);
        }
        if let Some(path) = &companions.labels {
            extras.labels = Some(labels::parse(&text(path)?));
            extras.files.push(path.clone());
        }
        Ok(extras)
    }

    pub(crate) fn io_spec(&self) -> Option<IoSpecFile<'_>> {
        let (file, text) = self.io_spec.as_ref()?;
        Some(IoSpecFile { file, text })
    }
}

/// `model.tflite.json` for `model.tflite`, where it exists.
fn beside(model: &Path) -> Option<PathBuf> {
    if is_stdin(model) {
        return None;
    }
    let mut name = OsString::from(model);
    name.push(".json");
    Some(PathBuf::from(name)).filter(|path| path.is_file())
}

/// Reads a flattened devicetree; `-` is standard input.
pub(crate) fn devicetree(path: &Path) -> Result<Devicetree> {
    let name = path.display().to_string();
    let bytes = bytes(path).map_err(|failure| match failure {
        Failure::Io(diagnostic) if !is_stdin(path) && !path.exists() => Failure::Io(
            diagnostic.help("check the path; west build writes build/zephyr/zephyr.dts"),
        ),
        other => other,
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        let diagnostic = Diagnostic::new("this is not devicetree source: it is no UTF-8 text")
            .help("give the build's flattened devicetree, build/zephyr/zephyr.dts");
        Failure::from(Error::from(diagnostic).in_file(&name))
    })?;
    Ok(Devicetree::parse(&text).map_err(|e| e.in_file(&name))?)
}

/// Reads a text file.
pub(crate) fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| Failure::io("read", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_refused_by_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endless");
        // A file with a hole: the size of one that is too large, and none of its blocks.
        File::create(&path)
            .unwrap()
            .set_len(MOST_BYTES + 1)
            .unwrap();
        let failure = bytes(&path).unwrap_err();
        assert!(format!("{failure:?}").contains("more than"), "{failure:?}");
    }
}
