//! Which kernels TFLM's firmware is built with.

use std::fmt;

/// TFLM's kernel libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Kernels {
    /// TFLM's reference kernels.
    #[default]
    Reference,
    /// CMSIS-NN where it has a kernel, reference kernels elsewhere.
    CmsisNn,
}

impl Kernels {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Reference, Self::CmsisNn];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::CmsisNn => "cmsis-nn",
        }
    }
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
