//! Operator order, lifetimes and arena offsets: [`Graph`] to [`Plan`].
//!
//! The plan is made in three steps, each a problem of its own: an order of operators
//! that keeps few bytes live, a lifetime for every run of bytes under that order, and offsets
//! ([`alloc`]) so that runs that are live together do not overlap.

pub mod alloc;
mod assemble;
mod attempt;
pub mod buffers;
pub mod layout;
pub mod lifetime;
pub mod memories;
pub mod memory;
pub mod order;
#[cfg(feature = "text")]
pub mod picture;
pub mod values;

#[cfg(feature = "text")]
use serde::Serialize;

pub use alloc::Budget;
pub use buffers::{Buffers, Held};
pub use layout::{Kept, Layout, Part, Placed, Unit};
pub use memories::{MemoryKind, Speed, TargetMemory};
pub use memory::{OpMemory, OutputMemory};

use crate::error::{Diagnostic, Result};
use crate::graph::{Graph, TensorId};
use attempt::Attempt;
use values::Sharing;

/// What the planner may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanOptions {
    /// Every offset is a multiple of this many bytes; a power of two.
    pub alignment: usize,
    /// Let outputs of RESHAPE and the like be the bytes of their input.
    pub alias: bool,
    /// Let outputs overwrite inputs where the operator allows it.
    pub in_place: bool,
    /// Let outputs begin before the input that they overwrite, as far as the operator has read it; only with `in_place`.
    pub overlap: bool,
    /// Let operators run in another order than the file's.
    pub reorder: bool,
    /// Which inputs and outputs lie in buffers that the caller hands over for each run, and so not in the arena: those of entry points, which
    /// nothing else runs.
    pub buffers: Buffers,
    /// How long to look for the best offsets, in each of at most three attempts: a second and
    /// a third are made only where the first misses its lower bound. Attempts with overlaps take a small part of it.
    pub budget: Budget,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            alignment: 16,
            alias: true,
            in_place: true,
            overlap: true,
            reorder: true,
            buffers: Buffers::default(),
            budget: Budget::default(),
        }
    }
}

/// Where every tensor of a graph lies, and in which order its operators run.
///
/// Time steps: 0 is the caller filling the inputs, 1 + *k* the *k*-th operator of
/// [`order`](Self::order), 1 + *operators* the caller reading the outputs. Lifetimes include
/// both ends. Sizes and offsets are bytes; indices of tensors, operators, inputs and outputs
/// are the file's.
///
/// # JSON
///
/// `Serialize` gives this shape, which is kept stable (keys may be added):
///
/// ```json
/// {
///   "peak_bytes": 55296, "lower_bound_bytes": 55296, "optimal": true,
///   "order_optimal": true, "alignment": 16, "peak_step": 3, "order": [0, 1],
///   "tensors": [
///     { "index": 0, "name": "input", "dtype": "INT8", "shape": [1, 96, 96, 3],
///       "location": "arena", "offset": 0, "bytes": 27648, "first": 0, "last": 1,
///       "buffer": 0, "shares_with": [] },
///     { "index": 1, "name": "filter", "dtype": "INT8", "shape": [8, 3, 3, 3],
///       "location": "constant", "shares_with": [] },
///     { "index": 2, "name": "reshaped filter", "dtype": "INT8", "shape": [216],
///       "location": "constant_alias", "of": 1, "shares_with": [] },
///     { "index": 3, "name": "left over", "dtype": "INT8", "shape": [4],
///       "location": "unused", "shares_with": [] }
///   ],
///   "operators": [
///     { "index": 0, "name": "CONV_2D", "step": 1, "live_bytes": 46080,
///       "in_place": [{ "output": 0, "input": 0 }], "overlaps": [{ "output": 1, "input": 1 }],
///       "scratch": [{ "offset": 46080, "bytes": 64 }] }
///   ],
///   "buffers": [{ "offset": 0, "bytes": 27648, "first": 0, "last": 1, "tensors": [0] }],
///   "output_copies": [{ "tensor": 1, "offset": 0, "bytes": 216 }],
///   "memories": [{ "name": "dtcm", "speed": "fast", "capacity_bytes": 65536,
///                  "offset": 0, "bytes": 55296 }]
/// }
/// ```
///
/// A tensor in one of the caller's buffers has `"location": "caller"`, the number of the buffer as `held` (inputs by position, then outputs), and
/// its `offset` there.
/// `memories` is there if the arena lies in memories that the user named; offsets then count through all of them, one behind the other.
/// A tensor's `first` and `last` are its own; those of a buffer span all its tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct Plan {
    /// Bytes of arena needed.
    pub peak_bytes: usize,
    /// The most bytes live at one step of this order, each buffer rounded up to the alignment, and those that
    /// an output may share with an input counted once.
    pub lower_bound_bytes: usize,
    /// Whether no offsets need fewer bytes for these lifetimes.
    pub optimal: bool,
    /// Whether no order of operators has a lower `lower_bound_bytes`.
    pub order_optimal: bool,
    /// The alignment planned for.
    pub alignment: usize,
    /// The step at which the arena is full.
    pub peak_step: usize,
    /// Operator indices in the order they run.
    pub order: Vec<usize>,
    /// The same as positions in the graph that was planned, and in `operators`.
    #[cfg_attr(feature = "text", serde(skip))]
    pub positions: Vec<usize>,
    /// All tensors of the graph.
    pub tensors: Vec<PlannedTensor>,
    /// All operators of the graph that was planned, by position and not in the order they run. Those that were computed
    /// at build time are not among them.
    pub operators: Vec<PlannedOperator>,
    /// The runs of bytes that offsets were found for, scratch and copies of outputs included.
    pub buffers: Vec<PlannedBuffer>,
    /// Graph outputs that are constants, or inputs in one of the caller's buffers: the caller finds them in the arena, so after the last
    /// operator each is copied there.
    pub output_copies: Vec<OutputCopy>,
    /// The memories that the arena lies in, one behind the other, in the user's order; none where it is one.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Vec::is_empty"))]
    pub memories: Vec<PlannedMemory>,
}

/// A memory of an arena in several.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct PlannedMemory {
    /// What the user calls it.
    pub name: String,
    /// How fast it is.
    pub speed: Speed,
    /// Bytes that the model may take of it.
    pub capacity_bytes: usize,
    /// Bytes from the start of the arena.
    pub offset: usize,
    /// Bytes that the arena takes of it.
    pub bytes: usize,
}

/// Where one tensor lies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct PlannedTensor {
    /// Index in the graph.
    pub index: usize,
    /// The writer's name.
    pub name: String,
    /// Name of the element type.
    pub dtype: &'static str,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Where.
    #[cfg_attr(feature = "text", serde(flatten))]
    pub location: Location,
    /// Other tensors in the same buffer, live at the same time (aliases) or one after the
    /// other (in place). Of more than 64 those nearest by index; [`PlannedBuffer::tensors`] has
    /// them all.
    pub shares_with: Vec<usize>,
}

/// A place for a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
#[cfg_attr(feature = "text", serde(tag = "location", rename_all = "snake_case"))]
pub enum Location {
    /// In the arena.
    Arena {
        /// Bytes from the start of the arena.
        offset: usize,
        /// Size in bytes, not rounded up.
        bytes: usize,
        /// The first step at which its bytes matter.
        first: usize,
        /// The last step at which its bytes matter.
        last: usize,
        /// Index into [`Plan::buffers`].
        buffer: usize,
    },
    /// A constant of the file.
    Constant,
    /// The bytes of a constant under another shape.
    ConstantAlias {
        /// The constant.
        #[cfg_attr(feature = "text", serde(serialize_with = "as_index"))]
        of: TensorId,
    },
    /// A variable: in memory that no other tensor has, whatever runs.
    State,
    /// An input that comes row by row, and is nowhere as a whole.
    Rows,
    /// In a buffer that the caller hands over for each run.
    Caller {
        /// Which: inputs by position, then outputs.
        held: usize,
        /// Bytes from the start of that buffer.
        offset: usize,
    },
    /// Nothing uses the tensor.
    Unused,
}

/// What the plan says about one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct PlannedOperator {
    /// Index in the file's subgraph.
    pub index: usize,
    /// The operator's name.
    pub name: String,
    /// Operators before it that are computed together with it: nothing is stored between them.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Vec::is_empty"))]
    pub joined: Vec<usize>,
    /// When it runs.
    pub step: usize,
    /// Bytes live while it runs, each buffer rounded up to the alignment.
    pub live_bytes: usize,
    /// Outputs that overwrite an input byte for byte.
    pub in_place: Vec<InPlace>,
    /// Outputs that overwrite an input, or a part of it, from another place on.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Vec::is_empty"))]
    pub overlaps: Vec<InPlace>,
    /// Its working buffers, in the order it asked for them.
    pub scratch: Vec<Region>,
}

/// An output that overwrites an input; both are positions within the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct InPlace {
    /// Output position.
    pub output: usize,
    /// Input position.
    pub input: usize,
}

/// A run of bytes of the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct Region {
    /// Bytes from the start of the arena.
    pub offset: usize,
    /// Size in bytes, not rounded up.
    pub bytes: usize,
}

/// A run of bytes with one lifetime, for one tensor or several.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct PlannedBuffer {
    /// Bytes from the start of the arena.
    pub offset: usize,
    /// Size in bytes, not rounded up.
    pub bytes: usize,
    /// The first step at which it is needed.
    pub first: usize,
    /// The last step at which it is needed.
    pub last: usize,
    /// Tensors in it, by index; none for scratch and for copies of outputs.
    pub tensors: Vec<usize>,
}

/// A graph output that lies elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct OutputCopy {
    /// The output.
    #[cfg_attr(feature = "text", serde(serialize_with = "as_index"))]
    pub tensor: TensorId,
    /// Bytes from the start of the arena.
    pub offset: usize,
    /// Size in bytes, not rounded up.
    pub bytes: usize,
}

#[cfg(feature = "text")]
fn as_index<S: serde::Serializer>(id: &TensorId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(id.0)
}

impl Plan {
    /// Plans the memory of `graph`; `memory` tells how the operator of an index uses it.
    ///
    /// Graph inputs are live from step 0 and may be overwritten once no operator reads them.
    /// Graph outputs are live to the last step. Constants take no arena, and neither do variables: they
    /// outlive every run, and [`Layout`] gives them memory of their own.
    ///
    /// # Errors
    /// If the alignment is not a power of two, or the sizes together overflow `usize`.
    pub fn new(
        graph: &Graph,
        memory: impl Fn(&Graph, usize) -> OpMemory,
        options: &PlanOptions,
    ) -> Result<Self> {
        let memory: Vec<OpMemory> = (0..graph.operators.len())
            .map(|op| memory(graph, op))
            .collect();
        check(graph, &memory, options.alignment)?;
        let mut best: Option<Attempt> = None;
        for sharing in sharings(&memory, options) {
            let attempt = Attempt::new(graph, &memory, sharing, options)?;
            let peak = attempt.peak_bytes();
            if best.as_ref().is_none_or(|best| peak < best.peak_bytes()) {
                best = Some(attempt);
            }
        }
        match best {
            Some(attempt) => Ok(attempt.plan(graph, options)),
            None => Err(Diagnostic::fault("no plan was attempted").into()),
        }
    }

    /// The offset and size of a tensor in the arena.
    pub fn region(&self, id: TensorId) -> Option<Region> {
        match self.tensors.get(id.index())?.location {
            Location::Arena { offset, bytes, .. } => Some(Region { offset, bytes }),
            _ => None,
        }
    }
}

/// The ways of sharing bytes that are worth a look.
fn sharings(memory: &[OpMemory], options: &PlanOptions) -> Vec<Sharing> {
    let parts = Sharing::Parts {
        alignment: options.alignment,
    };
    let has_parts = (memory.iter().flat_map(|m| &m.outputs))
        .any(|output| matches!(output, OutputMemory::Part { .. }));
    // A part keeps all of its tensor alive, where a copy of it might need less.
    match (options.alias, has_parts) {
        (false, _) => vec![Sharing::Nothing],
        (true, false) => vec![Sharing::Aliases],
        (true, true) => vec![parts, Sharing::Aliases],
    }
}

/// The offsets of a plan stay below the sum of all sizes, so checking the sum once is enough.
fn check(graph: &Graph, memory: &[OpMemory], alignment: usize) -> Result<()> {
    if !alignment.is_power_of_two() {
        return Err(
            Diagnostic::new("the arena's alignment is not a power of two")
                .expected("1, 2, 4, 8, 16, …")
                .found(alignment)
                .into(),
        );
    }
    let mut counted: Vec<bool> = graph.tensors.iter().map(|t| !t.is_constant()).collect();
    for id in &graph.outputs {
        counted[id.index()] = true;
    }
    let tensors = graph.tensors.iter().zip(counted);
    let tensors = tensors.filter_map(|(tensor, counted)| counted.then_some(tensor));
    let scratch = memory.iter().flat_map(|m| m.scratch.iter().copied());
    let total = tensors
        .map(|t| t.bytes())
        .chain(scratch)
        .try_fold(0usize, |sum, bytes| {
            sum.checked_add(bytes.checked_next_multiple_of(alignment)?)
        });
    // One bit to spare, for sums of an offset and a size.
    match total {
        Some(total) if total <= usize::MAX / 2 => Ok(()),
        _ => Err(
            Diagnostic::new("the graph's tensors need more memory than can be addressed").into(),
        ),
    }
}
