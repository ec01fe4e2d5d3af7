//! `castiron.toml`: the models of a project, and what they are compiled with where nobody says otherwise.

use std::path::{Path, PathBuf};

use super::{EngineName, Settings, Written};
use crate::error::{Diagnostic, Error, Result};
use crate::files;

/// What a project's file says. Arguments count before what it says of a model, and that before what it says of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What it says of all models.
    pub defaults: Settings,
    /// Its models, in the file's order.
    pub models: Vec<ModelEntry>,
    /// Where it was read.
    pub file: Option<PathBuf>,
}

/// A model of a project's file: `[model.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelEntry {
    /// What front ends name it by, and outputs are called.
    pub name: String,
    /// The model's file.
    pub file: Written<PathBuf>,
    /// What is said of it alone.
    pub settings: Settings,
}

/// A key of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// Its name; users may write `_` in place of `-`.
    pub name: &'static str,
    /// A value that it may have, as it stands in the file.
    pub example: &'static str,
    /// What it says, for documentation.
    pub what: &'static str,
    /// Whether only castiron's engine has it.
    pub is_compiled: bool,
}

impl Config {
    /// What the file is called, in the folder of `Cargo.toml` or `CMakeLists.txt`.
    pub const FILE: &str = "castiron.toml";

    /// That of a folder; what says nothing if there is none.
    ///
    /// # Errors
    /// As of [`read`](Self::read).
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::FILE);
        match path.is_file() {
            true => Self::read(&path),
            false => Ok(Self::default()),
        }
    }

    /// That of a file.
    ///
    /// # Errors
    /// If it cannot be read, or something in it is wrong, with line and column.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = files::read_text(path).map_err(|e| {
            let problem = Diagnostic::new("cannot read the file").found(e);
            Error::from(problem).in_file(&name)
        })?;
        let config = Self::parse(&text, path).map_err(|d| Error::from(d).in_file(&name))?;
        Ok(config)
    }

    /// What a text says; paths in it are relative to the file that it is from.
    ///
    /// # Errors
    /// If something in it is wrong, or this crate has no feature `config`.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Diagnostic> {
        #[cfg(feature = "config")]
        return super::config_text::parse(text, file);
        #[cfg(not(feature = "config"))]
        return Err(unread(text, file));
    }

    /// Whether an argument may name one of the file's models: it is no path of a model then, which has a dot or a folder.
    pub fn is_name(text: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain)
    }

    /// The model of a name, if there is one.
    pub fn find(&self, name: &str) -> Option<&ModelEntry> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Why there is no model of a name.
    pub fn missing(&self, name: &str) -> Diagnostic {
        let names: Vec<&str> = self.models.iter().map(|m| m.name.as_str()).collect();
        let Some(file) = &self.file else {
            return Diagnostic::new(format!("there is no model {name:?}"))
                .expected("the path of a .tflite file, or the name of a model in castiron.toml")
                .help(format_args!(
                    "in castiron.toml, write [model.{name}] and file = \"….tflite\" below"
                ));
        };
        let mut problem = Diagnostic::new(format!("the file has no model {name:?}"));
        problem.place.file = Some(file.display().to_string());
        match (nearest(name, &names), &names[..]) {
            (Some(near), _) => problem
                .expected(names.join(", "))
                .help(format_args!("write {near}")),
            (None, []) => problem.help(format_args!(
                "write [model.{name}] there, and file = \"….tflite\" below"
            )),
            (None, _) => problem.expected(names.join(", ")).help(format_args!(
                "name one of these, or write [model.{name}] there"
            )),
        }
    }

    /// All that the file says of one of its models, for an engine if somebody else names it.
    ///
    /// # Errors
    /// If a file that it names is not there.
    pub fn settings(
        &self,
        model: &ModelEntry,
        engine: Option<EngineName>,
    ) -> Result<Settings, Diagnostic> {
        let Settings {
            labels, io_spec, ..
        } = &model.settings;
        let others = [labels, io_spec].into_iter().flatten();
        for file in std::iter::once(&model.file).chain(others) {
            if !file.value.is_file() {
                let problem = Diagnostic::new("the file does not exist")
                    .found(file.value.display())
                    .help("paths are relative to the folder of castiron.toml");
                return Err(file.wrong(problem));
            }
        }
        let own = model.settings.clone();
        Ok(own.or(&self.defaults_for(engine.or(model.settings.engine))))
    }

    /// What the file says of models for an engine: the other has some options only.
    pub fn defaults_for(&self, engine: Option<EngineName>) -> Settings {
        let defaults = self.defaults.clone();
        match engine.or(defaults.engine) {
            Some(EngineName::Tflm) => defaults.for_tflm(),
            _ => defaults,
        }
    }
}

/// The word among others that one may be meant for.
pub(super) fn nearest<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    let distances = words.iter().map(|other| (distance(word, other), *other));
    let (distance, near) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= near.len().div_ceil(3)).then_some(near)
}

/// How many letters have to be added, taken away or replaced. A library would be one more crate in every build of the macro that reads the file.
fn distance(word: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (y, letter) in word.bytes().enumerate() {
        let mut before = y;
        row[0] = y + 1;
        for (x, own) in other.bytes().enumerate() {
            let replaced = before + usize::from(letter != own);
            before = row[x + 1];
            row[x + 1] = replaced.min(before + 1).min(row[x] + 1);
        }
    }
    row[other.len()]
}

/// A macro that takes five crates fewer does not read the file, and must not pass over it.
#[cfg(not(feature = "config"))]
fn unread(_: &str, _: &Path) -> Diagnostic {
    Diagnostic::new("there is such a file, and this build of castiron does not read it").help(
        "in Cargo.toml, write castiron = { version = \"…\", features = [\"config\"] }; or give the options to include_model!, and remove the file",
    )
}
