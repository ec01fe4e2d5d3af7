//! The header of a library.

use castiron_templates::LIBRARY_H;
use serde::Serialize;

use super::{Library, PlacedMemory, operators};
use crate::emit::c_tensors::{GraphValues, c_type, graph_values};
use crate::emit::facts::TensorFacts;
use crate::emit::literal::{c_comment, c_string, shortened};
use crate::error::Result;

#[derive(Serialize)]
struct Values {
    prefix: String,
    upper: String,
    model_comment: String,
    engine: String,
    engine_string: String,
    arena_bytes: usize,
    state_bytes: usize,
    memories: Vec<MemoryValues>,
    weight_bytes: usize,
    instance_bytes: usize,
    traced: bool,
    server: bool,
    verify: bool,
    guards: bool,
    may_end_early: bool,
    rows: Option<RowValues>,
    buffers: BufferValues,
    /// The one subgraph, as the templates shared with others want it.
    graphs: [GraphValues; 1],
    input_bytes: Vec<usize>,
    output_bytes: Vec<usize>,
    narrow: bool,
    wide: bool,
    bool_type: bool,
    operators: Vec<operators::Values>,
}

/// A memory, as templates want it.
#[derive(Serialize)]
struct MemoryValues {
    name: String,
    upper: String,
    bytes: usize,
}

impl MemoryValues {
    fn of(memory: &PlacedMemory) -> Self {
        Self {
            name: memory.name.clone(),
            upper: memory.name.to_ascii_uppercase(),
            bytes: memory.bytes,
        }
    }
}

/// What the caller hands over for a run, as templates want it.
#[derive(Serialize)]
pub(super) struct BufferValues {
    inputs: bool,
    outputs: bool,
    all: Vec<HeldValues>,
}

/// One of the caller's buffers.
#[derive(Serialize)]
struct HeldValues {
    /// `input`, or `input_0` of several.
    name: String,
    side: &'static str,
    index: usize,
    c_type: &'static str,
}

impl BufferValues {
    pub(super) fn of(library: &Library) -> Self {
        let (inputs, outputs) = (
            library.buffers.holds_inputs(),
            library.buffers.holds_outputs(),
        );
        let side = |side: &'static str, is_held: bool, tensors: &[TensorFacts]| {
            let several = tensors.len() > 1;
            let held = tensors.iter().enumerate().filter(|_| is_held);
            let held = held.map(|(index, tensor)| HeldValues {
                name: match several {
                    true => format!("{side}_{index}"),
                    false => side.to_owned(),
                },
                side,
                index,
                c_type: c_type(tensor.dtype).unwrap_or("void"),
            });
            held.collect::<Vec<_>>()
        };
        let mut all = side("input", inputs, &library.facts.inputs);
        all.extend(side("output", outputs, &library.facts.outputs));
        Self {
            inputs,
            outputs,
            all,
        }
    }

    /// A run of the built-in instance, with variables for what it takes.
    pub(super) fn run(&self) -> String {
        let all = self.all.iter().map(|held| format!("held_{}", held.name));
        match self.all.is_empty() {
            true => "run()".to_owned(),
            false => format!("run_with({})", all.collect::<Vec<_>>().join(", ")),
        }
    }
}

/// The rows of an input, as templates want them.
#[derive(Serialize)]
pub(super) struct RowValues {
    count: usize,
    elements: usize,
    c_type: &'static str,
}

impl RowValues {
    pub(super) fn of(library: &Library) -> Option<Self> {
        let (rows, input) = (library.rows?, library.facts.inputs.first()?);
        Some(Self {
            count: rows.count,
            elements: rows.elements,
            c_type: c_type(input.dtype)?,
        })
    }
}

/// The header.
///
/// # Errors
/// If a label is too long for a C string.
pub fn header(library: &Library) -> Result<String> {
    let upper = library.upper();
    let graph = graph_values(&library.facts, 0, &library.prefix, &upper)?;
    let values = Values {
        model_comment: c_comment(&shortened(&library.model)),
        engine: c_comment(&library.engine),
        engine_string: c_string(&library.engine),
        arena_bytes: library.arena_bytes,
        state_bytes: library.state_bytes,
        memories: library.memories.iter().map(MemoryValues::of).collect(),
        weight_bytes: library.weight_bytes,
        instance_bytes: library.instance_bytes,
        traced: library.traced,
        server: library.server,
        verify: library.verify,
        guards: library.guards,
        may_end_early: library.may_end_early,
        rows: RowValues::of(library),
        buffers: BufferValues::of(library),
        input_bytes: library.facts.inputs.iter().map(|t| t.bytes).collect(),
        output_bytes: library.facts.outputs.iter().map(|t| t.bytes).collect(),
        narrow: graph.quantizes(false),
        wide: graph.quantizes(true),
        bool_type: graph.tensors.iter().any(|t| t.c_type == Some("bool")),
        graphs: [graph],
        operators: (library.operators.iter()).map(|o| o.values()).collect(),
        prefix: library.prefix.clone(),
        upper,
    };
    Ok(LIBRARY_H.render(&values)?)
}
