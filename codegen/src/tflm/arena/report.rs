//! The result, as a value and as JSON.

#[cfg(feature = "text")]
use serde::Serialize;

use crate::error::Diagnostic;

/// The arena of one model. Its JSON is kept stable; keys may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct Arena {
    /// The file as the user named it.
    pub model: String,
    /// The kernels.
    pub kernels: &'static str,
    /// The processor.
    pub target: &'static str,
    /// The revision of tflite-micro that the sizes are of.
    pub tflm_revision: &'static str,
    /// The least arena that works, a multiple of 16. It has to begin at a multiple of 16, too.
    pub min_arena_bytes: usize,
    /// From where on every arena works. More than the least only where a kernel runs as well
    /// without data that it asks for.
    pub safe_from_bytes: usize,
    /// What `MicroInterpreter::arena_used_bytes()` gives in an arena with room for all.
    pub arena_used_bytes: usize,
    /// Planned tensors and working memory.
    pub head_bytes: usize,
    /// What lasts: structs, kernels' data, variables.
    pub tail_bytes: usize,
    /// What is in use at once while memory is planned.
    pub planning_bytes: usize,
    /// The most that is in use at once while operators are prepared.
    pub prepare_bytes: usize,
    /// Which of the three decides.
    pub decided_by: Decider,
    /// Resource variables that there is room for.
    pub resource_variables: usize,
    /// Whether the file carries a memory plan that the interpreter follows.
    pub offline_plan: bool,
    /// Whether nothing had to be assumed.
    pub exact: bool,
    /// What was assumed.
    pub assumptions: Vec<String>,
    /// Where TFLM computes something else than the model says.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Vec::is_empty"))]
    pub warnings: Vec<Diagnostic>,
    /// All operators, in the order of subgraphs.
    pub operators: Vec<OperatorArena>,
    /// The buffers of the head, in the planner's order.
    pub buffers: Vec<PlannedBuffer>,
}

/// What the least arena has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
#[cfg_attr(feature = "text", serde(rename_all = "snake_case"))]
pub enum Decider {
    /// Head and tail.
    Used,
    /// The planning of memory, with its temporary tables.
    Planning,
    /// The Prepare of an operator, with the tensors it looks at.
    Prepare,
}

/// What one operator takes of the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct OperatorArena {
    /// Its subgraph.
    pub subgraph: usize,
    /// Its index in the subgraph.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Parsed options, without what alignment adds.
    pub options_bytes: usize,
    /// Data of the kernel, from Init.
    pub data_bytes: usize,
    /// Buffers that Prepare keeps.
    pub persistent_bytes: usize,
    /// Working memory, in the order the kernel asks for it.
    pub scratch_bytes: Vec<usize>,
    /// Bytes of both ends in use at once during its Prepare.
    pub prepare_bytes: usize,
}

/// A buffer of the head: a tensor's or working memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct PlannedBuffer {
    /// The subgraph.
    pub subgraph: usize,
    /// Index of the tensor.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub tensor: Option<usize>,
    /// Index of the operator whose working memory it is.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub scratch_of: Option<usize>,
    /// Bytes from the start of the arena.
    pub offset: usize,
    /// Bytes, a multiple of 16.
    pub bytes: usize,
    /// The moment from which it is needed: 0 is before the first operator.
    pub first: i64,
    /// The last moment at which it is needed; −1 where nothing runs that uses it.
    pub last: i64,
}
