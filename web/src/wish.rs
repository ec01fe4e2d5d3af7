//! What a user may choose.

use std::str::FromStr;

use castiron_board::fit::{Board, known_boards};
use castiron_codegen::compile::{self, Bytes, CompileOptions};
use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::files;
use castiron_codegen::target::{Isa, Optimize};
use castiron_report::{Place, SUPPOSED, Settings};
use serde::{Deserialize, Serialize};

/// What there is to choose from.
#[derive(Debug, Serialize)]
pub struct Choices {
    /// The version of castiron.
    pub castiron: &'static str,
    /// Boards whose RAM is known.
    pub boards: Vec<String>,
    /// Sets of instructions.
    pub isa: Vec<&'static str>,
    /// What kernels are chosen for.
    pub optimize: Vec<&'static str>,
    /// That of the last which is taken where nobody says so.
    pub default_optimize: &'static str,
    /// Bytes of a model at most.
    pub most_bytes: u64,
}

impl Choices {
    /// All that there is.
    ///
    /// # Errors
    /// Only if the list of boards is at fault.
    pub fn all() -> Result<Self> {
        let boards = known_boards()?.into_iter();
        Ok(Self {
            castiron: env!("CARGO_PKG_VERSION"),
            boards: boards
                .filter(|board| board.ram_kb.is_some())
                .map(|board| board.name)
                .collect(),
            isa: Isa::ALL.map(Isa::name).to_vec(),
            optimize: Optimize::ALL.map(Optimize::name).to_vec(),
            default_optimize: Optimize::default().name(),
            most_bytes: files::MOST_OF_A_MODEL,
        })
    }
}

/// What was chosen, as the command's options have it; what is empty is as if nobody had said anything.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// `--board`.
    pub board: String,
    /// `--isa`.
    pub isa: String,
    /// `--optimize`.
    pub optimize: String,
    /// `--max-arena`.
    pub max_arena: String,
}

impl Wish {
    /// As `castiron report` understands the same.
    ///
    /// # Errors
    /// If a value is not one of those that there are.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let (wished, board) = self.said()?;
        let is_supposed = board.is_none() && wished.isa.is_none();
        Ok(Settings {
            compile: wished.options(board.as_ref().map_or(SUPPOSED, Board::isa)),
            place: board.map(|board| Place {
                board,
                application_flash: 0,
                application_ram: 0,
            }),
            goldens: None,
            clock: None,
            is_supposed,
        })
    }

    /// As the commands understand the same that write files.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn options(&self) -> Result<CompileOptions> {
        let (wished, board) = self.said()?;
        Ok(wished.options(board.as_ref().map(Board::isa).unwrap_or_default()))
    }

    fn said(&self) -> Result<(compile::Settings, Option<Board>)> {
        let board = Some(self.board.as_str()).filter(|name| !name.is_empty());
        let board = board.map(Board::known).transpose()?;
        let mut wished = compile::Settings::default();
        wished.isa = parsed("instructions", &self.isa)?;
        wished.optimize = parsed("optimise for", &self.optimize)?;
        wished.max_arena =
            parsed("largest arena", &self.max_arena)?.map(|Bytes(bytes)| bytes.into());
        Ok((wished, board))
    }
}

/// What a field of the page says; none if it is empty.
fn parsed<T: FromStr<Err = Diagnostic>>(field: &str, value: &str) -> Result<Option<T>> {
    let value = Some(value.trim()).filter(|value| !value.is_empty());
    let parsed = value.map(str::parse).transpose();
    parsed.map_err(|problem: Diagnostic| Error::from(problem).in_file(field))
}
