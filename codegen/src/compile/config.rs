//! `castiron.toml`: what the models of a project are compiled with where nobody says otherwise.

use std::path::{Path, PathBuf};

use super::CompileOptions;
use crate::error::{Diagnostic, Error, Result};
use crate::files;
use crate::plan::TargetMemory;
use crate::target::Optimize;

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
    /// If something in it is wrong, or this crate has no feature `config`.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        #[cfg(feature = "config")]
        return super::config_text::parse(text);
        #[cfg(not(feature = "config"))]
        return Err(unread(text));
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

/// A macro that takes five crates fewer does not read the file, and must not pass over it.
#[cfg(not(feature = "config"))]
fn unread(_: &str) -> Diagnostic {
    Diagnostic::new("there is such a file, and this build of castiron does not read it").help(
        "in Cargo.toml, write castiron = { version = \"…\", features = [\"config\"] }; or give the options to include_model!, and remove the file",
    )
}
