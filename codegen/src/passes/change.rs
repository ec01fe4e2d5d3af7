//! What passes did to a graph, in the words of the file.

use super::Pass;

/// What a pass did to some operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The pass.
    pub pass: Pass,
    /// The operators, by their indices in the file.
    pub operators: Vec<usize>,
    /// What became of them.
    pub effect: Effect,
}

/// What became of operators.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// They are computed at build time.
    Folded,
    /// They do not run.
    Removed,
    /// They run as one.
    Joined,
    /// They run with the dimensions in another order.
    Permuted,
    /// An operator runs with fewer channels. Pairs are what it has in the file, and what is left.
    Narrowed {
        /// Channels of its output.
        channels: [usize; 2],
        /// Multiply-accumulates, of operators that have some.
        macs: Option<[u64; 2]>,
    },
    /// An output has another shape than the file says.
    Inferred {
        /// The tensor.
        tensor: usize,
        /// Its shape in the file.
        recorded: Vec<usize>,
        /// Its shape.
        inferred: Vec<usize>,
    },
}

impl Effect {
    /// The effect in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Folded => "folded",
            Self::Removed => "removed",
            Self::Joined => "joined",
            Self::Permuted => "permuted",
            Self::Narrowed { .. } => "narrowed",
            Self::Inferred { .. } => "inferred",
        }
    }
}
