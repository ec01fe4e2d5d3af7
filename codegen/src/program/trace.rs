//! What can be seen of a run operator by operator: which bytes of the arena, after which step.
//!
//! The host's machine and the traced variant of the generated code follow the same list, so that
//! both show the same sequence.

use super::program::Operand;

/// An operator's output, complete in the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Steps that have run by then. Several steps may compute an operator, and one that only gives
    /// bytes another shape (RESHAPE) has none.
    pub steps: usize,
    /// Index of the operator in the file's subgraph; constant operators, folded away, never occur.
    pub operator: usize,
    /// Position among the operator's outputs.
    pub output: usize,
    /// Index of the tensor in the file's subgraph.
    pub tensor: usize,
    /// Its bytes.
    pub operand: Operand,
}
