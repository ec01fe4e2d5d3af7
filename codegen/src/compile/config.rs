//! `castiron.toml`: what the models of a project are compiled with where nobody says otherwise.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Bytes, CompileOptions};
use crate::error::{Diagnostic, Error, Result};
use crate::files;
use crate::plan::TargetMemory;
use crate::target::Optimize;

const KEYS: &str = "optimize, max_arena and [memories]";

/// What a project's file says of castiron's kernels. Options of a model count before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Which kernels to take where a faster one is larger.
    pub optimize: Option<Optimize>,
    /// The most bytes of arena.
    pub max_arena: Option<usize>,
    /// The memories that arenas are spread over, in the file's order.
    pub memories: Vec<TargetMemory>,
    /// Where it was read.
    pub file: Option<PathBuf>,
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
        let config = Self::parse(&text).map_err(|d| Error::from(d).in_file(&name))?;
        Ok(Self {
            file: Some(path.to_owned()),
            ..config
        })
    }

    /// What a text says.
    ///
    /// # Errors
    /// If something in it is wrong.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let table = DeTable::parse(text).map_err(|e| {
            let problem = Diagnostic::new(e.message()).help(format_args!(
                "correct it: {} is TOML with {KEYS}",
                Self::FILE
            ));
            at(text, e.span().map_or(0, |span| span.start), problem)
        })?;
        let mut config = Self::default();
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            let wrong = |d: Diagnostic| at(text, value.span().start, d);
            match name {
                "optimize" => {
                    config.optimize =
                        Some(word(name, value).map_err(wrong)?.parse().map_err(wrong)?)
                }
                "max_arena" => {
                    let Bytes(bytes) = word(name, value).map_err(wrong)?.parse().map_err(wrong)?;
                    config.max_arena = Some(bytes);
                }
                "memories" => config.memories = memories(text, value)?,
                _ => {
                    let unknown = Diagnostic::new("castiron does not know this key")
                        .expected(KEYS)
                        .found(format_args!("{name:?}"));
                    return Err(at(text, key.span().start, unknown));
                }
            }
        }
        Ok(config)
    }

    /// Says what the options leave open.
    pub fn complete(&self, options: &mut CompileOptions, optimize: Option<Optimize>) {
        let default = self.optimize.unwrap_or_default();
        options.target.optimize = optimize.unwrap_or(default);
        options.max_arena = options.max_arena.or(self.max_arena);
        if options.memories.is_empty() {
            options.memories.clone_from(&self.memories);
        }
    }
}

/// `dtcm = "64k fast"`, one for each.
fn memories(text: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<TargetMemory>, Diagnostic> {
    let Some(table) = value.get_ref().as_table() else {
        let problem = Diagnostic::new("memories are a table")
            .expected("[memories] with lines such as dtcm = \"64k fast\"");
        return Err(at(text, value.span().start, problem));
    };
    // The table is sorted by names.
    let mut lines: Vec<_> = table.iter().collect();
    lines.sort_by_key(|(name, _)| name.span().start);
    let memories = lines.into_iter().map(|(name, value)| {
        let wrong = |d: Diagnostic| at(text, name.span().start, d);
        let name = name.get_ref();
        let words = word(name, value).map_err(wrong)?;
        let words: Vec<&str> = words.split_whitespace().collect();
        format!("{name}={}", words.join(":")).parse().map_err(wrong)
    });
    memories.collect()
}

/// A text, or a number as one.
fn word(key: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Diagnostic> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) => Ok(number.as_str().to_owned()),
        other => Err(Diagnostic::new("this is no text")
            .expected(format_args!("{key} = \"…\""))
            .found(other.type_str())),
    }
}

/// What is wrong at a byte of the text.
fn at(text: &str, byte: usize, problem: Diagnostic) -> Diagnostic {
    let before = text.get(..byte).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    problem.at_line(line, before[start..].chars().count() + 1)
}
