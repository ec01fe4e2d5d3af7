//! What users say of a model: the one list of options that every front end fills, from its arguments and from `castiron.toml`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{CompileOptions, Input};
use crate::error::{Diagnostic, Place};
use crate::passes::Passes;
use crate::plan::{Buffers, TargetMemory};
use crate::resize::InputShape;
use crate::target::{Isa, Optimize, Target};

/// What is said of a model, or left open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Whose kernels compute the model.
    pub engine: Option<EngineName>,
    /// The board, by the name of its Zephyr target.
    pub board: Option<Written<String>>,
    /// The target triple of a library.
    pub target: Option<String>,
    /// The processor of a library, as compilers name it.
    pub cpu: Option<String>,
    /// Which kernels to take where a faster one is larger.
    pub optimize: Option<Optimize>,
    /// The instructions that kernels may use.
    pub isa: Option<Isa>,
    /// The most bytes of arena.
    pub max_arena: Option<Written<usize>>,
    /// The most bytes of weights and code.
    pub max_flash: Option<Written<u64>>,
    /// The most multiply-accumulates of a run.
    pub max_macs: Option<Written<u64>>,
    /// The memories that arenas and weights are spread over.
    pub memories: Vec<TargetMemory>,
    /// How the model takes its input.
    pub input_by: Option<Input>,
    /// Who holds inputs and outputs.
    pub buffers: Option<Buffers>,
    /// Whether the Rust module has a run in parts, too.
    pub steps: Option<bool>,
    /// Shapes of inputs whose sizes the file leaves open.
    pub shapes: Vec<InputShape>,
    /// Passes that are left out.
    pub without: Passes,
    /// A file of class names.
    pub labels: Option<Written<PathBuf>>,
    /// Kenning's I/O specification.
    pub io_spec: Option<Written<PathBuf>>,
    /// Linker section of the weights.
    pub section: Option<String>,
    /// Whether the firmware can compare the weights with their CRC-32.
    pub verify: Option<bool>,
}

impl Settings {
    /// These, with what others say where these leave something open. Which processor it is for, one of the two says alone: a board is no longer that of
    /// another's target, nor a target of another's processor.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        let names_target = self.target.is_some() || self.board.is_some();
        let of_others = |value: &Option<String>| value.clone().filter(|_| !names_target);
        Self {
            engine: self.engine.or(others.engine),
            board: self.board.or_else(|| others.board.clone()),
            target: self.target.or_else(|| of_others(&others.target)),
            cpu: self.cpu.or_else(|| of_others(&others.cpu)),
            optimize: self.optimize.or(others.optimize),
            isa: self.isa.or(others.isa),
            max_arena: self.max_arena.or_else(|| others.max_arena.clone()),
            max_flash: self.max_flash.or_else(|| others.max_flash.clone()),
            max_macs: self.max_macs.or_else(|| others.max_macs.clone()),
            memories: match self.memories.is_empty() {
                true => others.memories.clone(),
                false => self.memories,
            },
            input_by: self.input_by.or(others.input_by),
            buffers: self.buffers.or(others.buffers),
            steps: self.steps.or(others.steps),
            shapes: match self.shapes.is_empty() {
                true => others.shapes.clone(),
                false => self.shapes,
            },
            without: match self.without == Passes::NONE {
                true => others.without,
                false => self.without,
            },
            labels: self.labels.or_else(|| others.labels.clone()),
            io_spec: self.io_spec.or_else(|| others.io_spec.clone()),
            section: self.section.or_else(|| others.section.clone()),
            verify: self.verify.or(others.verify),
        }
    }

    /// What of these TensorFlow Lite Micro's kernels take, too.
    #[must_use]
    pub fn for_tflm(self) -> Self {
        Self {
            engine: self.engine,
            board: self.board,
            target: self.target,
            cpu: self.cpu,
            max_flash: self.max_flash,
            labels: self.labels,
            io_spec: self.io_spec,
            section: self.section,
            ..Self::default()
        }
    }

    /// How castiron compiles the model, with these instructions where nobody names others.
    pub fn options(&self, isa: Isa) -> CompileOptions {
        let target = Target::new(self.isa.unwrap_or(isa), self.optimize.unwrap_or_default());
        let mut options = CompileOptions::for_target(target).without(self.without);
        options.max_arena = self.max_arena.as_ref().map(|most| most.value);
        // Of TensorFlow Lite Micro's kernels, what castiron's take says nothing.
        let is_ours = self.engine != Some(EngineName::Tflm);
        options.limits = Limits {
            arena: (self.max_arena.as_ref()).map_or_else(Place::default, |most| most.place.clone()),
            flash: self.max_flash.clone().filter(|_| is_ours),
            macs: self.max_macs.clone().filter(|_| is_ours),
        };
        options.memories.clone_from(&self.memories);
        options.input = self.input_by.unwrap_or_default();
        options.plan.buffers = self.buffers.unwrap_or_default();
        options
    }
}

/// What a user wrote, and the place in a file; none of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// What.
    pub value: T,
    /// Where.
    pub place: Place,
}

impl<T> Written<T> {
    /// The same place with what it is made into.
    #[cfg(feature = "config")]
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Written<U> {
        Written {
            value: make(self.value),
            place: self.place,
        }
    }

    /// An error about it, at its place.
    pub fn wrong(&self, mut problem: Diagnostic) -> Diagnostic {
        if problem.place.file.is_none() {
            problem.place.file.clone_from(&self.place.file);
            problem.place.position = self.place.position;
        }
        problem
    }
}

/// What an argument says.
impl<T> From<T> for Written<T> {
    fn from(value: T) -> Self {
        Self {
            value,
            place: Place::default(),
        }
    }
}

/// Limits that a model is refused beyond, besides the arena's, which plans keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Where the bound of the arena was written.
    pub arena: Place,
    /// Bytes of weights and code.
    pub flash: Option<Written<u64>>,
    /// Multiply-accumulates of a run.
    pub macs: Option<Written<u64>>,
}

/// Whose kernels compute a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EngineName {
    /// castiron's.
    #[default]
    Compiled,
    /// TensorFlow Lite Micro's.
    Tflm,
}

impl EngineName {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Compiled, Self::Tflm];

    /// The name, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compiled => "compiled",
            Self::Tflm => "tflm",
        }
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for EngineName {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == name);
        found.ok_or_else(|| {
            Diagnostic::new("there is no such engine")
                .expected("compiled or tflm")
                .found(format_args!("{name:?}"))
        })
    }
}

/// The name of a linker section, as every form of output can have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionName(pub String);

impl FromStr for SectionName {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        checked_section(name).map(|name| Self(name.to_owned()))
    }
}

/// That a linker section can have this name, whether C, C++ or Rust says so.
///
/// # Errors
/// If it cannot.
pub fn checked_section(name: &str) -> Result<&str, Diagnostic> {
    let usable = |b: u8| b.is_ascii_alphanumeric() || b"._,$-".contains(&b);
    if !name.is_empty() && name.len() <= 255 && name.bytes().all(usable) {
        return Ok(name);
    }
    Err(Diagnostic::new("the section name cannot be used")
        .expected("letters, digits and any of . _ , $ -")
        .found(format_args!("\"{}\"", name.escape_debug())))
}

/// A number of multiply-accumulates. Users write `2500000`, or `2500k` and `3M`, where k is 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Macs(pub u64);

impl FromStr for Macs {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let (digits, unit) = match text.strip_suffix(['k', 'M']) {
            Some(digits) if text.ends_with('k') => (digits, 1000),
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        };
        // A sign would be a number to Rust.
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse::<u64>().ok().filter(|_| is_number);
        let number = number.and_then(|number| number.checked_mul(unit));
        number.map(Self).ok_or_else(|| {
            Diagnostic::new("this is not a number of multiply-accumulates")
                .expected("a number as 2500000, 2500k or 3M, where k is 1000")
                .found(format_args!("{text:?}"))
        })
    }
}
