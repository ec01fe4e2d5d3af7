//! How compilers optimise.

use std::fmt;
use std::str::FromStr;

use castiron_codegen::error::Diagnostic;

/// How a compiler optimises, whichever kernels it compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptLevel {
    /// `1`.
    One,
    /// `2`.
    Two,
    /// `3`: for speed.
    Three,
    /// `s`: for size.
    Size,
}

impl OptLevel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::Three, Self::Size];
    /// For castiron's kernels, unless said.
    pub const COMPILED: Self = Self::Three;
    /// For TensorFlow Lite Micro's kernels, unless said: that of TensorFlow Lite Micro's own build.
    pub const TFLM: Self = Self::Two;

    /// Its name on the command line and in `-O`.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
            Self::Size => "s",
        }
    }
}

impl fmt::Display for OptLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OptLevel {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        let found = Self::ALL.into_iter().find(|level| level.name() == name);
        found.ok_or_else(|| {
            Diagnostic::new("unknown level of optimisation")
                .expected(Self::ALL.map(Self::name).join(", "))
                .found(format_args!("{name:?}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_values() {
        for level in OptLevel::ALL {
            assert_eq!(level.name().parse::<OptLevel>().ok(), Some(level));
        }
        assert!("fast".parse::<OptLevel>().is_err());
    }
}
