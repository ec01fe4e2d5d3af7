//! What a user may choose.

use crate::passes::Passes;
use crate::plan::PlanOptions;
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
    /// The most bytes that the arena may take: operators run row by row where it would take more, and it is an error if that is not enough.
    pub max_arena: Option<usize>,
}

/// Where operators are to run row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// Nowhere: rows one by one take more instructions than a whole image.
    None,
    /// Where the arena of a subgraph is larger, in as few rows as bring it below that.
    Below(usize),
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
        match (self.target.optimize, self.max_arena) {
            (Optimize::Size, _) => Streams::Least,
            (_, Some(most)) => Streams::Below(most),
            (_, None) => Streams::None,
        }
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
