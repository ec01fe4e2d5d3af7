//! What a call of `include_model!` says, field by field.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

/// A name and a value of a call.
///
/// - `path`: the model as the call names it, a file or a model of `castiron.toml`; the first field, where errors are told that belong nowhere else.
/// - `file`, `labels`: absolute paths of files; no `file` where the call cannot mean one.
/// - `manifest`, `out`: the folder of the crate's manifest, and that of its build script's outputs.
/// - `target`: the instructions of the processor that the crate is built for.
/// - `module`: the module's name, unless it is the model's.
/// - `ops`, `crate`: what the module's code calls the type of custom operators, and the crate castiron; `crate_name`: what people call that.
/// - Users write the others in the same way: `section`, `engine`, `optimize`, `max_arena`, `max_flash`, `max_macs`, `input_by`, `buffers`, `isa`, `server`, `steps`, `verify`, and any number of `memories`,
///   `shape`, `without_pass`, `scratch` and `state`.
pub type Field = (String, OsString);

/// What is wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The position of the field that it is wrong with.
    pub field: usize,
    /// What a user reads.
    pub message: String,
}

pub(super) type Result<T> = std::result::Result<T, Problem>;

/// The fields of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a>(pub(super) &'a [Field]);

impl<'a> Call<'a> {
    /// The value of a field that a call has once at most.
    pub(super) fn one(self, name: &'static str) -> Option<Value<'a>> {
        self.all(name).next()
    }

    /// The values of a field that a call has any number of times.
    pub(super) fn all(self, name: &'static str) -> impl Iterator<Item = Value<'a>> {
        let fields = self.0.iter().enumerate();
        let fields = fields.filter(move |(_, (other, _))| other == name);
        fields.map(|(field, (_, value))| Value { value, field })
    }

    /// The model as the call names it.
    pub(super) fn path(self) -> Value<'a> {
        self.one("path").unwrap_or_default()
    }
}

/// A value, and the position of its field, for errors.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Value<'a> {
    value: &'a OsStr,
    field: usize,
}

impl<'a> Value<'a> {
    pub(super) fn wrong(self, message: impl Display) -> Problem {
        Problem {
            field: self.field,
            message: message.to_string(),
        }
    }

    pub(super) fn path(self) -> &'a Path {
        Path::new(self.value)
    }

    pub(super) fn text(self) -> Result<&'a str> {
        let text = self.value.to_str();
        text.ok_or_else(|| self.wrong("this is not UTF-8 text"))
    }

    /// What the text says.
    pub(super) fn parse<T: FromStr<Err: Display>>(self) -> Result<T> {
        self.text()?.parse().map_err(|problem| self.wrong(problem))
    }

    /// The path as text, for `include_bytes!`.
    pub(super) fn tracked(self, path: &Path) -> Result<String> {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| self.wrong("the absolute path of this file is not UTF-8"))
    }
}
