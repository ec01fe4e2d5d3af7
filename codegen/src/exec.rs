//! Runs a program on the host, with the kernels that the firmware calls.

use std::cell::Cell;
use std::collections::HashMap;

use castiron_runtime::host::{self, Aligned};

use crate::error::{self, Diagnostic};
use crate::graph::{Graph, TensorId};
use crate::program::{Argument, Choice, Entry, Memory, Observation, Operand, Place, Program, Step};

/// A program with its arena.
#[derive(Debug)]
pub struct Machine<'a> {
    program: &'a Program,
    entry: &'a Entry,
    arena: Aligned,
}

impl<'a> Machine<'a> {
    /// A machine for one of the program's entries.
    pub fn new(program: &'a Program, entry: &'a Entry) -> Self {
        Self {
            program,
            entry,
            arena: Aligned::zeroed(program.arena_bytes),
        }
    }

    /// Sets an input from little-endian bytes. Inputs may be overwritten by [`run`](Self::run).
    ///
    /// # Errors
    /// If there is no such input, or it has another number of bytes.
    pub fn set_input(&mut self, position: usize, bytes: &[u8]) -> error::Result<()> {
        let Some(port) = self.entry.inputs.get(position) else {
            return Err(
                Diagnostic::new(format!("the model has no input {position}"))
                    .expected(format_args!("{} inputs", self.entry.inputs.len()))
                    .into(),
            );
        };
        let range = port.operand.range();
        if range.len() != bytes.len() {
            return Err(Diagnostic::new(format!(
                "input {position} ({:?}) has another size",
                port.name
            ))
            .expected(format_args!(
                "{} bytes: {} {:?}",
                range.len(),
                port.dtype,
                port.shape
            ))
            .found(format_args!("{} bytes", bytes.len()))
            .into());
        }
        self.arena.bytes_mut()[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Runs the model once.
    ///
    /// # Errors
    /// If a kernel refuses its operands, which a tested choice does not bring about.
    pub fn run(&mut self) -> error::Result<()> {
        self.run_observed(|_, _| {})
    }

    /// Runs the model once and shows the arena after each step.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_observed(&mut self, mut observe: impl FnMut(&Step, &[u8])) -> error::Result<()> {
        for step in &self.entry.steps {
            let constants = self.program.constants.bytes();
            let arena = Cell::from_mut(self.arena.bytes_mut()).as_slice_of_cells();
            let operands: Vec<host::Operand<'_>> = step
                .operands
                .iter()
                .map(|operand| match operand.memory {
                    Memory::Arena => host::Operand::Arena(&arena[operand.range()]),
                    Memory::Constants => host::Operand::Constant(&constants[operand.range()]),
                })
                .collect();
            step.kernel.call(&operands).map_err(|mismatch| {
                Diagnostic::new(mismatch.to_string()).at_operator(step.operator, &step.name)
            })?;
            observe(step, self.arena.bytes());
        }
        Ok(())
    }

    /// Runs the model once and shows every operator's outputs, little-endian bytes, in the sequence
    /// in which traced firmware shows them.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_traced(
        &mut self,
        mut observe: impl FnMut(&Observation, &[u8]),
    ) -> error::Result<()> {
        let mut left = self.entry.observations.iter().peekable();
        let mut done = 0;
        let mut show = |steps: usize, arena: &[u8]| {
            while let Some(next) = left.next_if(|next| next.steps <= steps) {
                observe(next, &arena[next.operand.range()]);
            }
        };
        // An operator without a step may be the first.
        show(0, self.arena.bytes());
        self.run_observed(|_, arena| {
            done += 1;
            show(done, arena);
        })
    }

    /// An output's little-endian bytes.
    pub fn output(&self, position: usize) -> Option<&[u8]> {
        let port = self.entry.outputs.get(position)?;
        Some(self.operand(&port.operand))
    }

    fn operand(&self, operand: &Operand) -> &[u8] {
        &self.arena.bytes()[operand.range()]
    }
}

/// Runs what was chosen for one operator whose inputs are all known, with all tensors in memory of
/// their own, and gives an output's little-endian bytes.
///
/// # Errors
/// If a kernel refuses its operands, which a tested choice does not bring about.
pub(crate) fn evaluate(
    graph: &Graph,
    choice: &Choice,
    output: TensorId,
) -> Result<Vec<u8>, Diagnostic> {
    let mut tensors: HashMap<TensorId, Aligned> = HashMap::new();
    let arguments = choice.calls.iter().flat_map(|call| &call.arguments);
    for argument in arguments {
        if let Place::Tensor(id) = argument.place {
            let tensor = graph.tensor(id);
            tensors.entry(id).or_insert_with(|| match &tensor.data {
                Some(data) => aligned(data),
                None => Aligned::zeroed(tensor.bytes()),
            });
        }
    }
    let sizes = choice.memory.scratch.iter();
    let mut scratch: Vec<Aligned> = sizes.map(|bytes| Aligned::zeroed(*bytes)).collect();
    let constants = choice.constants.iter();
    let constants: Vec<Aligned> = constants.map(|(_, bytes)| aligned(bytes)).collect();
    {
        let cells = |memory| Cell::from_mut(Aligned::bytes_mut(memory)).as_slice_of_cells();
        let tensors: HashMap<_, _> = tensors.iter_mut().map(|(id, m)| (*id, cells(m))).collect();
        let scratch: Vec<&[Cell<u8>]> = scratch.iter_mut().map(cells).collect();
        for call in &choice.calls {
            let operand = |a: &Argument| {
                let range = a.offset..a.offset + a.len * a.element.bytes();
                Some(match a.place {
                    Place::Tensor(id) => host::Operand::Arena(tensors.get(&id)?.get(range)?),
                    Place::Scratch(i) => host::Operand::Arena(scratch.get(i)?.get(range)?),
                    Place::Constant(i) => {
                        host::Operand::Constant(constants.get(i)?.bytes().get(range)?)
                    }
                })
            };
            let operands: Option<Vec<_>> = call.arguments.iter().map(operand).collect();
            let operands = operands.unwrap_or_default();
            (call.kernel.call(&operands)).map_err(|d| Diagnostic::new(d.to_string()))?;
        }
    }
    Ok(tensors
        .get(&output)
        .map_or_else(Vec::new, |t| t.bytes().to_vec()))
}

fn aligned(bytes: &[u8]) -> Aligned {
    let mut memory = Aligned::default();
    memory.push_aligned(bytes, 8);
    memory
}
