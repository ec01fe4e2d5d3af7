//! What can be seen of a run operator by operator: which bytes, and of which operator they are.
//!
//! The host's machine and the traced variant of the generated code follow the same steps, so that both
//! show the same sequence. Operators of subgraphs that the entry's runs are not shown; where another entry runs the
//! subgraph, too, its steps are a routine's, and are shown only when the entry itself runs them.

use super::program::Operand;

/// An operator's output, complete in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Index of the operator in the file's subgraph; constant operators, folded away, never occur.
    pub operator: usize,
    /// Position among the operator's outputs.
    pub output: usize,
    /// Index of the tensor in the file's subgraph.
    pub tensor: usize,
    /// Its bytes.
    pub operand: Operand,
}
