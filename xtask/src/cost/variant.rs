//! How models are compiled that are measured.

use castiron_codegen::compile::{CompileOptions, Input};
use castiron_codegen::target::{Isa, Optimize, Target};
use serde::{Deserialize, Serialize};

/// How a model is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Variant {
    /// As without options.
    Balanced,
    /// With the least code.
    Size,
    /// For the least time.
    Speed,
    /// In the least arena: row by row, where that lowers it.
    Least,
    /// The same with an input that comes row by row.
    Rows,
    /// In less than the least arena, where patches of rows are computed again.
    Patches,
}

impl Variant {
    /// Every value, those first that most models are compiled with.
    pub(super) const ALL: [Self; 6] = [
        Self::Balanced,
        Self::Size,
        Self::Speed,
        Self::Least,
        Self::Rows,
        Self::Patches,
    ];

    /// What tables call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Size => "size",
            Self::Speed => "speed",
            Self::Least => "least",
            Self::Rows => "rows",
            Self::Patches => "patches",
        }
    }

    /// What tables call the errors of estimates of such: see `castiron_board::cost::class`.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Size => "size",
            Self::Speed => "speed",
            Self::Least | Self::Rows | Self::Patches => "rows",
        }
    }

    /// How it is compiled, where the least arena is known if it has to be.
    pub(super) fn options(self, isa: Isa, least: usize) -> CompileOptions {
        let optimize = match self {
            Self::Size => Optimize::Size,
            Self::Speed => Optimize::Speed,
            _ => Optimize::Balanced,
        };
        let mut options = CompileOptions::for_target(Target::new(isa, optimize));
        match self {
            Self::Least => options.max_arena = Some(0),
            Self::Rows => options.input = Input::Rows,
            Self::Patches => options.max_arena = Some(below(least)),
            _ => {}
        }
        options
    }

    /// The same as the firmware's build script takes it.
    pub(super) fn words(self, least: usize) -> String {
        match self {
            Self::Balanced => String::new(),
            Self::Size => "optimize=size".to_owned(),
            Self::Speed => "optimize=speed".to_owned(),
            Self::Least => "max_arena=0".to_owned(),
            Self::Rows => "input_by=rows".to_owned(),
            Self::Patches => format!("max_arena={}", below(least)),
        }
    }
}

/// The greatest bound that the least arena without computing anything again is beyond.
fn below(least: usize) -> usize {
    least.saturating_sub(1).max(1)
}
