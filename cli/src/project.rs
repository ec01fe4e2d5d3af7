//! The project's `castiron.toml`: models that arguments name by it, and what it says of them.

use std::path::{Path, PathBuf};

use castiron_board::fit::Board;
use castiron_codegen::compile::{CompileOptions, Config, ModelEntry, Settings};
use castiron_codegen::error::{Diagnostic, Error};
use castiron_codegen::graph::Model;
use castiron_codegen::target::Isa;
use clap::Args;

use crate::diagnostics;
use crate::failure::Result;
use crate::input::{self, ModelFile};

/// Where the project's file is.
#[derive(Debug, Clone, Default, Args, PartialEq)]
pub(crate) struct Project {
    /// The models that arguments name, and what they are compiled with where no option says so [default: castiron.toml in this folder, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A model that an argument names, and all that is said of it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) path: PathBuf,
    /// Its name in the project's file, if the argument is that.
    pub(crate) entry: Option<String>,
    pub(crate) settings: Settings,
}

impl Project {
    /// The file of this project, if there is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let own = || {
            // What is there and cannot be read is an error, and no project without a file.
            let path = PathBuf::from(Config::FILE);
            path.symlink_metadata().is_ok().then_some(path)
        };
        self.config.clone().or_else(own)
    }

    pub(crate) fn read(&self) -> Result<Config> {
        let Some(path) = self.file() else {
            return Ok(Config::default());
        };
        let text = input::text(&path)?;
        let named = |d: Diagnostic| Error::from(d).in_file(&path.display().to_string());
        Ok(Config::parse(&text, &path).map_err(named)?)
    }

    /// The models that arguments name, with what options say of them and what the file says besides.
    pub(crate) fn models(&self, models: &[PathBuf], said: &Settings) -> Result<Vec<Named>> {
        let config = self.read()?;
        let named = models.iter().map(|path| Named::of(&config, path, said));
        let named: Vec<Named> = named.collect::<Result<_>>()?;
        note_entries(&config, named.iter());
        let has_entry = named.iter().any(|model| model.entry.is_some());
        let has_said = !has_entry && config.defaults != Settings::default();
        if let Some(file) = config.file.filter(|_| has_said) {
            diagnostics::note(format_args!("{} says what no option does", file.display()));
        }
        Ok(named)
    }

    /// The files of models, for a command that compiles none.
    pub(crate) fn paths(&self, models: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let models = models.iter().map(|model| Ok(self.one(model)?.path));
        models.collect()
    }

    /// The one model of a command that does not compile it.
    pub(crate) fn one(&self, model: &Path) -> Result<Named> {
        let config = self.read()?;
        let named = Named::of(&config, model, &Settings::default())?;
        note_entries(&config, std::iter::once(&named));
        Ok(named)
    }
}

/// The model of a command that has one.
pub(crate) fn only(mut named: Vec<Named>) -> Named {
    named.pop().expect("one argument names one model")
}

/// Says which models are those of the project's file.
fn note_entries<'m>(config: &Config, named: impl Iterator<Item = &'m Named>) {
    let entries = named.filter_map(|model| {
        let name = model.entry.as_ref()?;
        Some(format!("{name} is {}", model.path.display()))
    });
    let entries: Vec<String> = entries.collect();
    if let (Some(file), false) = (&config.file, entries.is_empty()) {
        let entries = entries.join(", ");
        diagnostics::note(format_args!("{entries}, as {} says", file.display()));
    }
}

impl Named {
    fn of(config: &Config, path: &Path, said: &Settings) -> Result<Self> {
        let name = path.to_str().filter(|name| Config::is_name(name));
        match name.and_then(|name| config.find(name)) {
            Some(entry) => Self::entry(config, entry, said),
            None => match name {
                // What is neither a file nor a model of the project.
                Some(name) if config.file.is_some() && !path.exists() => {
                    Err(config.missing(name).into())
                }
                _ => Ok(Self {
                    path: path.to_owned(),
                    entry: None,
                    settings: said.clone().or(&config.defaults_for(said.engine)),
                }),
            },
        }
    }

    /// A model of which only its file is known.
    pub(crate) fn file(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            entry: None,
            settings: Settings::default(),
        }
    }

    /// A model of the project's file.
    pub(crate) fn entry(config: &Config, entry: &ModelEntry, said: &Settings) -> Result<Self> {
        Ok(Self {
            path: entry.file.value.clone(),
            entry: Some(entry.name.clone()),
            settings: said.clone().or(&config.settings(entry, said.engine)?),
        })
    }

    /// Reads the model as castiron's kernels compute it, with the shapes that were given.
    pub(crate) fn read(&self) -> Result<ModelFile> {
        let mut input = input::read(&self.path)?;
        input.model = castiron_codegen::resize(input.model, &self.settings.shapes)?;
        Ok(input)
    }

    /// Reads the model as its file is, and warns of what is doubtful about it.
    pub(crate) fn input(&self) -> Result<ModelFile> {
        input::model(&self.path)
    }

    /// What outputs are called unless options say it.
    pub(crate) fn stem<'a>(&'a self, model: &'a Model) -> &'a str {
        self.entry.as_deref().unwrap_or(model.stem())
    }

    /// What the project's file calls its board.
    pub(crate) fn board_name(&self) -> Option<&str> {
        self.settings
            .board
            .as_ref()
            .map(|board| board.value.as_str())
    }

    /// The board that the project's file names.
    pub(crate) fn board(&self) -> Result<Option<Board>> {
        let Some(name) = &self.settings.board else {
            return Ok(None);
        };
        let board = Board::known(&name.value).map_err(|error| {
            let wrong = error.diagnostics().iter().cloned().map(|d| name.wrong(d));
            Error::from_many(wrong.collect()).unwrap_or(error)
        })?;
        Ok(Some(board))
    }

    /// How castiron compiles it.
    pub(crate) fn options(&self) -> Result<CompileOptions> {
        Ok(self.options_for(self.board()?.as_ref()))
    }

    /// The same for figures of runs: of the processor that is supposed where neither a board nor anything else names the instructions, and whether
    /// it is.
    pub(crate) fn supposed_options(&self) -> Result<(CompileOptions, bool)> {
        let board = self.board()?;
        let is_supposed = board.is_none() && self.settings.isa.is_none();
        let isa = board.map_or(castiron_report::SUPPOSED, |board| board.isa());
        Ok((self.settings.options(isa), is_supposed))
    }

    /// The same for the processor of a board, where nothing else names the instructions.
    pub(crate) fn options_for(&self, board: Option<&Board>) -> CompileOptions {
        self.settings
            .options(board.map_or(Isa::default(), Board::isa))
    }
}
