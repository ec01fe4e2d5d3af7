//! What a planner has to know about an operator.

use super::Kept;

/// How one operator uses memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpMemory {
    /// One entry per output; missing entries count as [`OutputMemory::Separate`].
    pub outputs: Vec<OutputMemory>,
    /// Bytes of each working buffer that the operator needs while it runs.
    pub scratch: Vec<usize>,
    /// What it keeps from run to run beside variables, and the bytes of each, zeros at first. Operators that name the same share it.
    pub kept: Vec<(Kept, usize)>,
    /// Its first input, which no other operator reads, comes row by row from the caller and is never in the arena.
    pub by_rows: bool,
}

/// Where an operator may put one of its outputs.
///
/// These are permissions. The plan says what was made of them: an output shares bytes with
/// an input only if [`Plan`](super::Plan) gives both the same location.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OutputMemory {
    /// Away from all inputs.
    #[default]
    Separate,
    /// The output is the bytes of the input at this position under another shape, and the
    /// operator has nothing to do: RESHAPE, or TRANSPOSE that moves axes of 1 alone.
    Alias(usize),
    /// The output is a part of the bytes of an input, and the operator has nothing to do: SPLIT along the first axis. The input
    /// then lives as long as the part.
    Part {
        /// The input's position.
        input: usize,
        /// Bytes of the input before the part.
        offset: usize,
    },
    /// The output may overwrite the input at one of these positions, if the input is not
    /// needed afterwards. The first that can be overwritten is taken.
    ///
    /// The operator must be right whichever of the listed inputs share the output's bytes,
    /// all of them at once included (`x + x`); inputs that are not listed never do.
    InPlace(Vec<usize>),
    /// The output may begin before an input and overlap it, if the input is not needed afterwards: the operator writes over what it has
    /// read, or reads no more.
    Overlap {
        /// The input's position. No other input may be of the same bytes.
        input: usize,
        /// The least number of bytes from the output's first byte to the input's.
        distance: usize,
        /// It may be a multiple of so many bytes more.
        step: usize,
    },
}

impl OutputMemory {
    /// The inputs that the output may overwrite byte for byte, where sizes are equal.
    pub fn in_place(&self) -> &[usize] {
        match self {
            Self::InPlace(inputs) => inputs,
            Self::Overlap {
                input, distance: 0, ..
            } => std::slice::from_ref(input),
            _ => &[],
        }
    }
}

impl OpMemory {
    /// What holds for output `position`.
    pub fn output(&self, position: usize) -> &OutputMemory {
        self.outputs
            .get(position)
            .unwrap_or(&OutputMemory::Separate)
    }
}
