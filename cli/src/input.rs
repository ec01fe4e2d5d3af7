//! Files that commands read.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use castiron_board::dts::Devicetree;
use castiron_cases::{Recording, npy};
use castiron_codegen::compile::Settings;
use castiron_codegen::emit::IoSpecFile;
use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::graph::Model;
use castiron_codegen::program::Port;
use castiron_codegen::{files, labels, tflite, warnings};

use crate::args::Companions;
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::project::Named;
use crate::streams;

/// A model with the bytes it was read from.
#[derive(Debug)]
pub(crate) struct ModelFile {
    /// The path as the user gave it.
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) model: Model,
}

/// Reads a model and warns of what is doubtful about it; `-` is standard input.
pub(crate) fn model(path: &Path) -> Result<ModelFile> {
    let input = read(path)?;
    diagnostics::warn(&warnings::of(&input.model));
    Ok(input)
}

/// Reads a model for what is an error where others are only in doubt; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<ModelFile> {
    let bytes = bytes(path, files::MOST_OF_A_MODEL).map_err(|failure| match failure {
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
    parse(path, bytes)
}

/// The model that bytes are.
pub(crate) fn parse(path: &Path, bytes: Vec<u8>) -> Result<ModelFile> {
    let name = if is_stdin(path) {
        streams::input_name().to_owned()
    } else {
        path.display().to_string()
    };
    let model = tflite::read(&name, &bytes)?;
    Ok(ModelFile {
        path: path.to_owned(),
        bytes,
        model,
    })
}

/// The bytes of a file, or of standard input for `-`, where they are not more than that.
pub(crate) fn bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    if is_stdin(path) {
        let path = Path::new("standard input");
        return streams::read(most).map_err(|e| Failure::io("read", path, &e));
    }
    files::read(path, most).map_err(|e| Failure::io("read", path, &e))
}

/// The little-endian bytes of a tensor in a file, of .npy by its name.
pub(crate) fn tensor(path: &Path, port: &Port) -> Result<Vec<u8>> {
    let bytes = bytes(path, files::MOST_OF_A_TENSOR)?;
    if npy::is_npy(path) {
        let named = |d: Diagnostic| Error::from(d).in_file(&path.display().to_string());
        return Ok(npy::read(&bytes, &port.into()).map_err(named)?);
    }
    Ok(bytes)
}

/// The recorded cases of a file or folder.
pub(crate) fn recording(path: &Path) -> Result<Recording> {
    // A pipe is read once: it is not opened here.
    let readable = fs::metadata(path).and_then(|found| match found {
        found if found.is_dir() => fs::read_dir(path).map(drop),
        found if found.is_file() => fs::File::open(path).map(drop),
        _ => Ok(()),
    });
    readable.map_err(|e| Failure::io("read", path, &e))?;
    Ok(Recording::open(path)?)
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
    pub(crate) fn read(named: &Named, companions: &Companions) -> Result<Self> {
        let mut extras = Self::default();
        let Settings {
            labels, io_spec, ..
        } = &named.settings;
        let io_spec = match (&companions.io_spec, io_spec) {
            (Some(path), _) => Some(path.clone()),
            (None, _) if companions.no_io_spec => None,
            (None, Some(path)) => Some(path.value.clone()),
            (None, None) => beside(&named.path),
        };
        if let Some(path) = io_spec {
            extras.io_spec = Some((path.display().to_string(), text(&path)?));
            extras.files.push(path);
        }
        let labels = labels.as_ref().map(|path| &path.value);
        if let Some(path) = companions.labels.as_ref().or(labels) {
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

/// `model.tflite.json` for `model.tflite`, where there is something of that name; a pipe that nobody named
/// would be waited for.
fn beside(model: &Path) -> Option<PathBuf> {
    if is_stdin(model) {
        return None;
    }
    let mut name = OsString::from(model);
    name.push(".json");
    Some(PathBuf::from(name)).filter(|path| path.symlink_metadata().is_ok() && !is_pipe(path))
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    path.metadata().is_ok_and(|m| m.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

/// Reads a flattened devicetree; `-` is standard input.
pub(crate) fn devicetree(path: &Path) -> Result<Devicetree> {
    let name = path.display().to_string();
    let bytes = bytes(path, files::MOST_OF_A_TEXT).map_err(|failure| match failure {
        Failure::Io(diagnostic) if !is_stdin(path) && !path.exists() => Failure::Io(
            diagnostic.help("check the path; west build writes build/zephyr/zephyr.dts"),
        ),
        other => other,
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        let diagnostic = Diagnostic::new("this is not devicetree source: it is not UTF-8 text")
            .help("give the build's flattened devicetree, build/zephyr/zephyr.dts");
        Failure::from(Error::from(diagnostic).in_file(&name))
    })?;
    Ok(Devicetree::parse(&text).map_err(|e| e.in_file(&name))?)
}

/// Reads a text file.
pub(crate) fn text(path: &Path) -> Result<String> {
    files::read_text(path).map_err(|e| Failure::io("read", path, &e))
}
