//! Inputs and outputs in the caller's buffers, which it hands over for each run.
//!
//! The planner gives such a tensor no place in the arena, and nothing else shares its bytes but what is all of them or a part. To whatever
//! follows the plan, these buffers lie behind the arena in the same range of addresses, as the memories of an arena in several lie one behind
//! the other; so only who writes code has to know where one begins.

use std::fmt;
use std::str::FromStr;

use crate::error::Diagnostic;
use crate::graph::Graph;

/// Which inputs and outputs lie in the caller's buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Buffers {
    /// None: all lie in the model's arena.
    #[default]
    Model,
    /// Inputs.
    Inputs,
    /// Outputs.
    Outputs,
    /// Both.
    Caller,
}

impl Buffers {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Model, Self::Inputs, Self::Outputs, Self::Caller];

    /// The name, as users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Inputs => "inputs",
            Self::Outputs => "outputs",
            Self::Caller => "caller",
        }
    }

    /// Whether inputs do.
    #[must_use]
    pub fn holds_inputs(self) -> bool {
        matches!(self, Self::Inputs | Self::Caller)
    }

    /// Whether outputs do.
    #[must_use]
    pub fn holds_outputs(self) -> bool {
        matches!(self, Self::Outputs | Self::Caller)
    }
}

impl fmt::Display for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Buffers {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        let found = Self::ALL.into_iter().find(|buffers| buffers.name() == name);
        found.ok_or_else(|| {
            Diagnostic::new("there is no such place for inputs and outputs")
                .expected("model, caller for both, or inputs or outputs for these alone")
                .found(format_args!("{name:?}"))
        })
    }
}

/// A buffer that the caller hands over for a run of an entry point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The subgraph.
    pub graph: usize,
    /// Inputs of the subgraph by position, then outputs.
    pub number: usize,
    /// Where it begins, counted on from the arena.
    pub offset: usize,
    /// Its size.
    pub bytes: usize,
    /// Whether operators read or write it; what it holds is copied otherwise.
    pub direct: bool,
}

impl Held {
    /// The buffer of all that what begins at an address is in; `None` if that is the arena.
    pub(crate) fn at(all: &[Self], offset: usize) -> Option<&Self> {
        all.iter().rfind(|held| held.offset <= offset)
    }
}

/// The buffers of entry points, in a range of addresses that begins at a multiple of the alignment: each has addresses of its own, even if it is
/// empty. `None` if there are not as many.
pub(super) fn held(
    entries: &[(usize, &Graph, bool)],
    buffers: Buffers,
    (start, alignment): (usize, usize),
) -> Option<Vec<Held>> {
    let mut all = Vec::new();
    let mut end = start.checked_next_multiple_of(alignment)?;
    for (index, graph, direct) in entries {
        let inputs = graph.inputs.iter().filter(|_| buffers.holds_inputs());
        let inputs = inputs.zip(0..);
        let outputs = graph.outputs.iter().filter(|_| buffers.holds_outputs());
        for (id, number) in inputs.chain(outputs.zip(graph.inputs.len()..)) {
            let bytes = graph.tensor(*id).bytes();
            all.push(Held {
                graph: *index,
                number,
                offset: end,
                bytes,
                direct: *direct,
            });
            end = end
                .checked_add(bytes.max(1))?
                .checked_next_multiple_of(alignment)?;
        }
    }
    (end <= usize::MAX / 2).then_some(all)
}
