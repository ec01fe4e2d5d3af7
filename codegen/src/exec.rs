//! Runs a program on the host, with the kernels that the firmware calls.

use std::cell::Cell;
use std::collections::HashMap;

use castiron_runtime::host::{self, Aligned};

use crate::error::{self, Diagnostic};
use crate::graph::{Graph, TensorId};
use crate::program::{
    Action, Argument, Choice, Entry, Memory, Observation, Operand, Origin, Place, Program, Step,
};

/// Turns that all loops of a run may take together on the host: a model from anywhere may hold one that
/// never ends.
const MOST_TURNS: u32 = 1 << 20;

/// A program with its memory.
#[derive(Debug)]
pub struct Machine<'a> {
    program: &'a Program,
    entry: &'a Entry,
    arena: Aligned,
    state: Aligned,
}

impl<'a> Machine<'a> {
    /// A machine for one of the program's entries.
    pub fn new(program: &'a Program, entry: &'a Entry) -> Self {
        Self {
            program,
            entry,
            arena: Aligned::zeroed(program.arena_bytes),
            state: Aligned::zeroed(program.state_bytes),
        }
    }

    /// Goes on with another of the program's entries: what lasts from run to run stays.
    pub fn enter(&mut self, entry: &'a Entry) {
        self.entry = entry;
    }

    /// Forgets what earlier runs left: variables are as at first.
    pub fn reset(&mut self) {
        self.state = Aligned::zeroed(self.program.state_bytes);
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
        let operand = port.operand;
        let range = operand.range();
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
        let memory = match operand.memory {
            Memory::State => &mut self.state,
            _ => &mut self.arena,
        };
        memory.bytes_mut()[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Runs the model once.
    ///
    /// # Errors
    /// If a loop does not end, or a kernel refuses its operands, which a tested choice does not bring about.
    pub fn run(&mut self) -> error::Result<()> {
        self.run_traced(|_, _| {})
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
        let cells = |memory| Cell::from_mut(Aligned::bytes_mut(memory)).as_slice_of_cells();
        let mut run = Run {
            program: self.program,
            arena: cells(&mut self.arena),
            state: cells(&mut self.state),
            observe: &mut observe,
            turns: 0,
        };
        run.all(&self.entry.steps).map_err(Into::into)
    }

    /// An output's little-endian bytes.
    pub fn output(&self, position: usize) -> Option<&[u8]> {
        let port = self.entry.outputs.get(position)?;
        Some(self.operand(&port.operand))
    }

    fn operand(&self, operand: &Operand) -> &[u8] {
        let memory = match operand.memory {
            Memory::Arena => &self.arena,
            Memory::State => &self.state,
            Memory::Constants => &self.program.constants,
        };
        &memory.bytes()[operand.range()]
    }
}

/// A program that runs.
struct Run<'a> {
    program: &'a Program,
    arena: &'a [Cell<u8>],
    state: &'a [Cell<u8>],
    observe: &'a mut dyn FnMut(&Observation, &[u8]),
    /// Turns of all loops so far.
    turns: u32,
}

impl Run<'_> {
    fn all(&mut self, steps: &[Step]) -> Result<(), Diagnostic> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), Diagnostic> {
        match step {
            Step::Call(call) => {
                let operands = call.operands.iter().map(|o| self.operand(o));
                let operands: Vec<host::Operand<'_>> = operands.collect();
                let called = call.kernel.call(&operands);
                called.map_err(|d| at(&call.origin, Diagnostic::new(d.to_string())))
            }
            Step::Run(routine) => self.all(&self.program.routines[*routine].steps),
            Step::If {
                condition,
                then,
                otherwise,
                ..
            } => match self.is_true(condition) {
                true => self.all(then),
                false => self.all(otherwise),
            },
            Step::While {
                origin,
                test,
                condition,
                body,
            } => loop {
                self.all(test)?;
                if !self.is_true(condition) {
                    return Ok(());
                }
                self.turns += 1;
                if self.turns > MOST_TURNS {
                    let endless = Diagnostic::new("the loop does not end, so the run was given up")
                        .expected(format_args!("at most {MOST_TURNS} turns of all loops of a run"))
                        .help("firmware has no such limit; look at what the loop's condition computes");
                    return Err(at(origin, endless));
                }
                self.all(body)?;
            },
            Step::Once { flag, steps } => {
                if self.is_true(flag) {
                    return Ok(());
                }
                self.all(steps)?;
                self.state[flag.offset].set(1);
                Ok(())
            }
            Step::Observe(seen) => {
                let bytes = bytes_of(self.operand(&seen.operand));
                (self.observe)(seen, &bytes);
                Ok(())
            }
        }
    }

    fn operand(&self, operand: &Operand) -> host::Operand<'_> {
        let range = operand.range();
        match operand.memory {
            Memory::Arena => host::Operand::Arena(&self.arena[range]),
            Memory::State => host::Operand::Arena(&self.state[range]),
            Memory::Constants => host::Operand::Constant(&self.program.constants.bytes()[range]),
        }
    }

    fn is_true(&self, condition: &Operand) -> bool {
        bytes_of(self.operand(condition))
            .iter()
            .any(|byte| *byte != 0)
    }
}

fn bytes_of(operand: host::Operand<'_>) -> Vec<u8> {
    match operand {
        host::Operand::Arena(cells) => cells.iter().map(Cell::get).collect(),
        host::Operand::Constant(bytes) => bytes.to_vec(),
    }
}

fn at(origin: &Origin, problem: Diagnostic) -> Diagnostic {
    problem.at_operator(origin.operator, &origin.name)
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
    let arguments = choice.actions.iter().flat_map(|action| match action {
        Action::Call(call) => call.arguments.clone(),
        Action::Copy { from, to } => vec![*from, *to],
        // Of operators with effects, which are not folded.
        Action::Run(_) | Action::If { .. } | Action::While { .. } | Action::Once { .. } => {
            Vec::new()
        }
    });
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
        let operand = |a: &Argument| {
            let range = a.offset..a.offset + a.len * a.element.bytes();
            Some(match a.place {
                Place::Tensor(id) => host::Operand::Arena(tensors.get(&id)?.get(range)?),
                Place::Scratch(i) => host::Operand::Arena(scratch.get(i)?.get(range)?),
                Place::Constant(i) => {
                    host::Operand::Constant(constants.get(i)?.bytes().get(range)?)
                }
                Place::State(_) => return None,
            })
        };
        for action in &choice.actions {
            match action {
                Action::Call(call) => {
                    let operands: Option<Vec<_>> = call.arguments.iter().map(operand).collect();
                    let operands = operands.unwrap_or_default();
                    (call.kernel.call(&operands)).map_err(|d| Diagnostic::new(d.to_string()))?;
                }
                Action::Copy { from, to } => {
                    if let (Some(from), Some(host::Operand::Arena(to))) =
                        (operand(from), operand(to))
                    {
                        for (from, to) in bytes_of(from).into_iter().zip(to) {
                            to.set(from);
                        }
                    }
                }
                Action::Run(_) | Action::If { .. } | Action::While { .. } | Action::Once { .. } => {
                    return Err(Diagnostic::new(
                        "an operator that runs a subgraph is not folded",
                    ));
                }
            }
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
