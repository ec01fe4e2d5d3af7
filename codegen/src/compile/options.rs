//! What a user may choose.

use std::fmt;
use std::str::FromStr;

use super::Limits;
use crate::error::Diagnostic;
use crate::passes::Passes;
use crate::plan::{Buffers, MemoryKind, PlanOptions, TargetMemory};
use crate::program::FirmwareOps;
use crate::target::{Optimize, Target};

/// What a user may choose.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CompileOptions {
    /// How to plan the arena.
    pub plan: PlanOptions,
    /// What to compile for.
    pub target: Target,
    /// Passes to leave out. Results stay the same, but models that need a pass do not compile.
    pub without: Passes,
    /// Custom operators that the firmware computes.
    pub custom: FirmwareOps,
    /// The most bytes that the arena may take: where it would take more, kernels work in less memory; where that is not enough, operators run row by
    /// row, and last they compute some of it again. It is an error if no plan is below. Zero is the least without computing anything again, and no
    /// error.
    pub max_arena: Option<usize>,
    /// What the model may take besides, and where that of the arena was written.
    pub limits: Limits,
    /// How the model takes its input.
    pub input: Input,
    /// The memories that the arena is spread over, and those that weights are: none of a kind where it is one.
    pub memories: Vec<TargetMemory>,
    /// Where operators are to run row by row, if the options above do not say so.
    pub(super) streams: Option<Streams>,
}

/// How a model takes its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Input {
    /// It lies in the arena when the model runs.
    #[default]
    Whole,
    /// It comes row by row, and is never in memory as a whole: the operators that read it run row by row, too. It is an error where they do not.
    Rows,
}

impl Input {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Whole, Self::Rows];

    /// The name, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Rows => "rows",
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Input {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        let found = Self::ALL.into_iter().find(|input| input.name() == name);
        found.ok_or_else(|| {
            Diagnostic::new("there is no such way to take the input")
                .expected("whole or rows")
                .found(format_args!("{name:?}"))
        })
    }
}

/// Where operators are to run row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// Nowhere: rows one by one take more instructions than a whole image.
    None,
    /// Where the arena of a subgraph is larger, in as few rows as bring it below that.
    Below(usize),
    /// The same without computing anything again.
    RowsBelow(usize),
    /// Where that lowers the arena.
    Least,
}

impl CompileOptions {
    /// Everything by default, but for what matters where time costs flash.
    pub fn optimized(optimize: Optimize) -> Self {
        Self::for_target(Target {
            optimize,
            ..Target::default()
        })
    }

    /// Everything by default, but for what is compiled for.
    pub fn for_target(target: Target) -> Self {
        Self {
            target,
            ..Self::default()
        }
    }

    pub(super) fn streams(&self) -> Streams {
        if let Some(streams) = self.streams {
            return streams;
        }
        match (self.max_arena, self.input) {
            (Some(0), _) => Streams::Least,
            (Some(most), _) => self.below(most),
            // Who hands rows over has no memory for the whole, and so none for anything as large.
            (None, Input::Rows) => Streams::Least,
            (None, Input::Whole) => Streams::None,
        }
    }

    /// As few rows as bring an arena below a bound. A patch has rows and strips in one memory; so nothing is computed again where there are several,
    /// or the rows may be in one of the caller's buffers: an output may be read, too.
    pub(super) fn below(&self, bound: usize) -> Streams {
        match self.has_rams() || self.plan.buffers != Buffers::Model {
            true => Streams::RowsBelow(bound),
            false => Streams::Below(bound),
        }
    }

    /// The memories that the arena is spread over.
    pub(super) fn rams(&self) -> Vec<TargetMemory> {
        self.of_kind(MemoryKind::Ram)
    }

    /// Those that weights are.
    pub(super) fn roms(&self) -> Vec<TargetMemory> {
        self.of_kind(MemoryKind::Rom)
    }

    pub(super) fn has_rams(&self) -> bool {
        !self.rams().is_empty()
    }

    fn of_kind(&self, kind: MemoryKind) -> Vec<TargetMemory> {
        let memories = self.memories.iter();
        memories
            .filter(|memory| memory.kind == kind)
            .cloned()
            .collect()
    }

    /// The same without some passes.
    #[must_use]
    pub fn without(mut self, passes: Passes) -> Self {
        self.without = self.without | passes;
        self
    }
}

impl From<PlanOptions> for CompileOptions {
    fn from(plan: PlanOptions) -> Self {
        Self {
            plan,
            ..Self::default()
        }
    }
}
