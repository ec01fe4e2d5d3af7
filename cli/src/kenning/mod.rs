//! `castiron <script>.py …`: what Kenning Zephyr Runtime asks of Python when it builds a `.tflite` model. With
//! `CONFIG_KENNING_PYTHON_PATH` naming castiron, its CMake calls castiron with a script's path and options.

mod build_tflite;
mod io_spec_to_struct;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::args::{Color, General};
use crate::failure::{Failure, Result};

/// The scripts castiron stands in for.
pub(crate) enum Script {
    BuildTflite(build_tflite::Arguments),
    IoSpecToStruct(io_spec_to_struct::Arguments),
    /// Another, by its name.
    Other(String),
}

impl Script {
    /// The script that the first argument names, with its options; none if that is no script.
    pub(crate) fn of(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let _program = arguments.next()?;
        let path = PathBuf::from(arguments.next()?);
        if path.extension()? != "py" {
            return None;
        }
        let name = path.file_name()?.to_string_lossy().into_owned();
        let arguments = std::iter::once(OsString::from(&name)).chain(arguments);
        Some(match name.as_str() {
            "build_tflite.py" => Self::BuildTflite(build_tflite::Arguments::parse_from(arguments)),
            "io_spec_to_struct.py" => {
                Self::IoSpecToStruct(io_spec_to_struct::Arguments::parse_from(arguments))
            }
            _ => Self::Other(name),
        })
    }

    /// Does what the script does. Like it, this prints nothing.
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Self::BuildTflite(arguments) => build_tflite::run(arguments),
            Self::IoSpecToStruct(arguments) => io_spec_to_struct::run(arguments),
            Self::Other(name) => Err(Failure::usage(
                format!(
                    "castiron replaces only build_tflite.py and io_spec_to_struct.py of Kenning Zephyr Runtime, not {name}"
                ),
                "set CONFIG_KENNING_PYTHON_PATH=\"python3\" for runtimes other than TFLite Micro",
            )),
        }
    }
}

/// How errors are shown.
pub(crate) const GENERAL: General = General {
    json: false,
    quiet: true,
    color: Color::Auto,
    option_names: Vec::new(),
};

/// A path that was given: CMake hands over an empty one where a variable is empty.
fn given(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path)
        .filter(|p| !p.as_os_str().is_empty())
}

/// A path that is no URI. Kenning's own scripts download what a URI names.
fn local<'a>(path: &'a Path, variable: &str) -> Result<&'a Path> {
    // A path that went through CMake's or Python's tools may have lost a slash.
    let text = path.to_string_lossy();
    let scheme = text.split_once(":/").map(|(scheme, _)| scheme);
    match scheme {
        // A single letter is a drive.
        Some(scheme) if scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Err(Failure::usage(
                format!("{text} is a URI, and castiron downloads nothing"),
                format!("download the file and {variable}"),
            ))
        }
        _ => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(arguments: &[&str]) -> Option<Script> {
        let program = std::iter::once("castiron");
        Script::of(program.chain(arguments.iter().copied()).map(OsString::from))
    }

    #[test]
    fn a_script_is_known_by_its_file_name() {
        for path in [
            "build_tflite.py",
            "/a b/scripts/build_tflite.py",
            "./x/../build_tflite.py",
        ] {
            assert!(
                matches!(script(&[path]), Some(Script::BuildTflite(_))),
                "{path}"
            );
        }
        for path in ["build_tvm.py", "x/build_tflite_.py"] {
            assert!(matches!(script(&[path]), Some(Script::Other(_))), "{path}");
        }
        for path in ["build_tflite", "inspect", "--help", ".py", "a.py/b", ""] {
            assert!(script(&[path]).is_none(), "{path}");
        }
        assert!(script(&[]).is_none());
    }

    #[test]
    fn a_uri_is_no_path() {
        for uri in [
            "https://a/b.tflite",
            "kenning:///m.tflite",
            "gh://a:b/c.tflite",
            "file:/c",
        ] {
            assert!(local(Path::new(uri), "").is_err(), "{uri}");
        }
        for path in [
            "a.tflite",
            "/a:/b.tflite",
            "C:/m.tflite",
            r"C:\m.tflite",
            "a:b.tflite",
            "./x y:/z",
        ] {
            assert!(local(Path::new(path), "").is_ok(), "{path}");
        }
    }
}
