//! What a model is compiled for.

use std::fmt;
use std::str::FromStr;

use crate::error::Diagnostic;

/// What a model is compiled for: it decides between kernels that compute the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Target {
    /// The instructions that kernels may use. Prepared: all kernels of today are portable, so nothing reads it yet.
    pub isa: Isa,
    /// What matters where time costs flash.
    pub optimize: Optimize,
}

/// A set of instructions that there are kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Isa {
    /// Any that Rust compiles for.
    #[default]
    Portable,
}

/// What matters where time costs flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Optimize {
    /// The least code.
    Size,
    /// Little time for the code.
    #[default]
    Balanced,
    /// The least time.
    Speed,
}

impl Optimize {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Size, Self::Balanced, Self::Speed];

    /// The value's name, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Balanced => "balanced",
            Self::Speed => "speed",
        }
    }

    /// Steps of a kernel's inner loop between two tests for its end.
    pub(crate) fn steps(self) -> usize {
        match self {
            Self::Size => 1,
            Self::Balanced => 4,
            Self::Speed => 8,
        }
    }
}

impl fmt::Display for Optimize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Optimize {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        let found = Self::ALL.into_iter().find(|value| value.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(|value| format!("{:?}", value.name()));
            Diagnostic::new("unknown value of `optimize`")
                .expected(names.join(", "))
                .found(format_args!("{name:?}"))
        })
    }
}
