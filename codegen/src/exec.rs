//! Runs a program on the host, with the kernels that the firmware calls.

use std::cell::Cell;

use castiron_runtime::host::{self, Aligned};
use castiron_runtime::kernels::{Flow, Progress, StageRows, Turn};

use crate::error::{self, Diagnostic};
use crate::evaluate::bytes_of;
use crate::program::{
    Entry, KernelCall, Memory, Moves, MovingCall, Observation, Operand, Origin, Program, Step,
    StreamStep,
};

/// Operations and bytes of a run on the host, beyond those of each call once: a model from anywhere may hold a
/// loop that never ends, or subgraphs that run each other over and over. A processor does so much in a few
/// seconds.
pub const MOST_REPEATED: u64 = 1 << 34;
/// What a call, a routine or a turn of a loop costs, whatever it computes.
const OVERHEAD: u64 = 1 << 10;
/// Bytes of memory that a run on the host may take: no microcontroller has more.
pub const MOST_MEMORY: u64 = 1 << 32;

/// A program with its memory.
#[derive(Debug)]
pub struct Machine<'a> {
    program: &'a Program,
    entry: &'a Entry,
    arena: Aligned,
    state: Aligned,
    /// The input, if it comes row by row.
    rows: Vec<u8>,
    /// Whether the last run ended before there were outputs.
    ended_early: bool,
    /// Operations and bytes of a run.
    pub most_work: u64,
}

impl<'a> Machine<'a> {
    /// A machine for one of the program's entries. One of a program that needs more memory than a host has
    /// for it takes no inputs and does not run.
    pub fn new(program: &'a Program, entry: &'a Entry) -> Self {
        let [arena, state] = match is_too_large(program) {
            true => [0; 2],
            false => [program.addressed_bytes(), program.state_bytes],
        };
        Self {
            program,
            entry,
            arena: Aligned::zeroed(arena),
            state: Aligned::zeroed(state),
            rows: Vec::new(),
            ended_early: false,
            most_work: program
                .calls()
                .map(work_of)
                .fold(MOST_REPEATED, u64::saturating_add),
        }
    }

    /// Gives a run up earlier: after so many operations and bytes.
    #[must_use]
    pub fn limited_to(self, most_work: u64) -> Self {
        Self { most_work, ..self }
    }

    /// Goes on with another of the program's entries: what lasts from run to run stays.
    pub fn enter(&mut self, entry: &'a Entry) {
        self.entry = entry;
    }

    /// Forgets what earlier runs left: variables are as at first.
    pub fn reset(&mut self) {
        self.state.bytes_mut().fill(0);
        self.ended_early = false;
    }

    /// Fills the arena, in which a run may find anything. Inputs are set behind it.
    pub fn fill_arena(&mut self, byte: u8) {
        self.arena.bytes_mut().fill(byte);
    }

    /// Sets an input from little-endian bytes. Inputs may be overwritten by [`run`](Self::run).
    ///
    /// # Errors
    /// If there is no such input, it has another number of bytes, or the program needs too much memory.
    pub fn set_input(&mut self, position: usize, bytes: &[u8]) -> error::Result<()> {
        self.has_memory()?;
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
        match operand.memory {
            Memory::Rows => bytes.clone_into(&mut self.rows),
            Memory::State => self.state.bytes_mut()[range].copy_from_slice(bytes),
            _ => self.arena.bytes_mut()[range].copy_from_slice(bytes),
        }
        Ok(())
    }

    /// An input's little-endian bytes as they are now: those of a model that has its inputs may be overwritten by a run.
    pub fn input(&self, position: usize) -> Option<&[u8]> {
        let port = self.entry.inputs.get(position)?;
        self.operand(&port.operand)
    }

    /// Runs the model once. An operator may end the run before there are outputs: see [`ended_early`](Self::ended_early).
    ///
    /// # Errors
    /// If a loop does not end, the program needs too much memory, or a kernel refuses its operands, which a
    /// tested choice does not bring about.
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
        self.has_memory()?;
        let cells = |memory| Cell::from_mut(Aligned::bytes_mut(memory)).as_slice_of_cells();
        let mut run = Run {
            program: self.program,
            arena: cells(&mut self.arena),
            state: cells(&mut self.state),
            rows: &self.rows,
            observe: &mut observe,
            graph: self.entry.graph,
            is_nested: false,
            most_work: self.most_work,
            work: 0,
        };
        let run = run.all(&self.entry.steps);
        self.ended_early = matches!(run, Err(Stop::Early));
        match run {
            Ok(()) | Err(Stop::Early) => Ok(()),
            Err(Stop::Problem(problem)) => Err(problem.in_subgraph(self.entry.graph).into()),
        }
    }

    /// Whether an operator ended the last run before there were outputs, as it waits for more inputs.
    pub fn ended_early(&self) -> bool {
        self.ended_early
    }

    /// An output's little-endian bytes; `None` where the last run ended before it.
    pub fn output(&self, position: usize) -> Option<&[u8]> {
        if self.ended_early {
            return None;
        }
        let port = self.entry.outputs.get(position)?;
        self.operand(&port.operand)
    }

    fn has_memory(&self) -> Result<(), Diagnostic> {
        if !is_too_large(self.program) {
            return Ok(());
        }
        Err(
            Diagnostic::new("the model needs too much memory for a run on the host")
                .expected(format_args!("at most {MOST_MEMORY} bytes"))
                .found(format_args!("{} bytes", self.program.ram_bytes()))
                .help("make tensors smaller; `castiron inspect` shows their sizes"),
        )
    }

    fn operand(&self, operand: &Operand) -> Option<&[u8]> {
        let memory = match operand.memory {
            Memory::Arena => &self.arena,
            Memory::State => &self.state,
            Memory::Constants => &self.program.constants,
            Memory::Rows => return self.rows.get(operand.range()),
        };
        memory.bytes().get(operand.range())
    }
}

fn is_too_large(program: &Program) -> bool {
    program
        .addressed_bytes()
        .saturating_add(program.state_bytes) as u64
        > MOST_MEMORY
}

/// What a call costs.
fn work_of(call: &KernelCall) -> u64 {
    let bytes = call.operands.iter().map(|o| o.range().len() as u64);
    bytes.fold(call.work.saturating_add(OVERHEAD), u64::saturating_add)
}

/// A program that runs.
struct Run<'a> {
    program: &'a Program,
    arena: &'a [Cell<u8>],
    state: &'a [Cell<u8>],
    rows: &'a [u8],
    observe: &'a mut dyn FnMut(&Observation, &[u8]),
    /// The subgraph whose operators are observed: those that it runs are not.
    graph: usize,
    /// Whether another one runs.
    is_nested: bool,
    most_work: u64,
    /// Operations and bytes so far.
    work: u64,
}

/// Why nothing more happens in a run.
enum Stop {
    /// An operator waits for more runs.
    Early,
    Problem(Box<Diagnostic>),
}

impl From<Diagnostic> for Stop {
    fn from(problem: Diagnostic) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl Stop {
    fn map(self, change: impl FnOnce(Diagnostic) -> Diagnostic) -> Self {
        match self {
            Self::Early => Self::Early,
            Self::Problem(problem) => change(*problem).into(),
        }
    }
}

impl Run<'_> {
    fn all(&mut self, steps: &[Step]) -> Result<(), Stop> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Call(call) => {
                self.spend(work_of(call)).map_err(|d| at(&call.origin, d))?;
                let operands = call.operands.iter().map(|o| self.operand(o));
                let operands: Vec<host::Operand<'_>> = operands.collect();
                let called = call.kernel.call(&operands);
                called.map_err(|d| at(&call.origin, Diagnostic::fault(d)))?;
                Ok(())
            }
            Step::Stream(stream) => Ok(self.stream(stream)?),
            Step::Custom(custom) => {
                let problem = Diagnostic::new("the firmware computes this operator, castiron cannot")
                    .help("run the model where the firmware's code is: on the device, or in a test on this machine");
                Err(at(&custom.origin, problem).into())
            }
            Step::Run(routine) => {
                self.spend(OVERHEAD)?;
                let routine = &self.program.routines[*routine];
                let outer = self.is_nested;
                self.is_nested |= routine.graph != self.graph;
                let run = self.all(&routine.steps);
                self.is_nested = outer;
                // What a callee could not place is the caller's to name.
                run.map_err(|stop| {
                    stop.map(|problem| match problem.place.operator {
                        Some(_) => problem.in_subgraph(routine.graph),
                        None => problem,
                    })
                })
            }
            Step::If {
                origin,
                condition,
                then,
                otherwise,
            } => {
                let run = match self.is_true(condition) {
                    true => self.all(then),
                    false => self.all(otherwise),
                };
                run.map_err(|stop| stop.map(|problem| at(origin, problem)))
            }
            Step::While {
                origin,
                test,
                condition,
                body,
            } => loop {
                let located = |problem| at(origin, problem);
                self.spend(OVERHEAD).map_err(located)?;
                self.all(test).map_err(|stop| stop.map(located))?;
                if !self.is_true(condition) {
                    return Ok(());
                }
                self.all(body).map_err(|stop| stop.map(located))?;
            },
            Step::Once { flag, steps } => {
                if self.is_true(flag) {
                    return Ok(());
                }
                self.all(steps)?;
                self.state[flag.offset].set(1);
                Ok(())
            }
            Step::Wait { ended, runs, .. } => {
                let cells = &self.state[ended.range()];
                let bytes = std::array::from_fn(|i| cells.get(i).map_or(0, Cell::get));
                let count = i32::from_le_bytes(bytes).wrapping_add(1);
                let (left, end) = match count < *runs {
                    true => (count, Err(Stop::Early)),
                    false => (0, Ok(())),
                };
                for (cell, byte) in cells.iter().zip(left.to_le_bytes()) {
                    cell.set(byte);
                }
                end
            }
            Step::Observe(_) if self.is_nested => Ok(()),
            Step::Observe(seen) => {
                let bytes = bytes_of(self.operand(&seen.operand));
                (self.observe)(seen, &bytes);
                Ok(())
            }
        }
    }

    fn stream(&mut self, stream: &StreamStep) -> Result<(), Diagnostic> {
        for moving in stream.stages.iter().flat_map(|stage| &stage.calls) {
            let call = &moving.call;
            self.spend(work_of(call)).map_err(|d| at(&call.origin, d))?;
        }
        let stages: Vec<StageRows> = stream.stages.iter().map(|stage| stage.rows).collect();
        let mut progress = vec![Progress::default(); stages.len()];
        let cells = host::bytes(self.arena);
        if stream.by_rows.is_none() {
            let input = Some(stream.input.offset);
            let mut flow = Flow::new(&stages, &mut progress, input, stream.rows);
            return self.turns(stream, &mut flow);
        }
        // As firmware does: how far the stages are is all that is known from row to row.
        let Some(first) = stages.first().map(|stage| &stage.line) else {
            return Ok(());
        };
        let mut rows = self.rows.chunks_exact(first.row_bytes);
        loop {
            let mut flow = Flow::resumed(&stages, &mut progress, stream.rows);
            self.turns(stream, &mut flow)?;
            let (Some(row), Some(start)) = (rows.next(), first.start) else {
                return Ok(());
            };
            let row: Vec<i8> = row.iter().map(|byte| *byte as i8).collect();
            flow.give(&cells[start..], &row);
        }
    }

    /// All turns of a stream, or those before the next row of its input.
    fn turns(&mut self, stream: &StreamStep, flow: &mut Flow<'_>) -> Result<(), Diagnostic> {
        let cells = host::bytes(self.arena);
        while let Some(turn) = flow.turn(cells) {
            let stage = &stream.stages[turn.stage];
            match &stage.strips {
                None => {
                    for moving in &stage.calls {
                        self.row(moving, &turn, 0)?;
                    }
                }
                // As firmware does, too.
                Some(strips) => {
                    let from = strips.from + turn.from[0] * strips.row_bytes;
                    for strip in 0..strips.count {
                        for (at, moving) in stage.calls.iter().enumerate() {
                            let from = (at == 0).then_some(from);
                            strips.patches[at].prepare(cells, from, turn.row, strip);
                            self.row(moving, &turn, strip)?;
                        }
                    }
                }
            }
            flow.made(cells);
        }
        Ok(())
    }

    /// Lets a kernel compute a row, or a strip of one.
    fn row(&mut self, moving: &MovingCall, turn: &Turn, strip: usize) -> Result<(), Diagnostic> {
        self.spend(OVERHEAD)?;
        let operands = moving.operands().map(|(operand, moves)| {
            let by = match moves {
                Moves::Not => 0,
                Moves::From(rows) => turn.from[0] * rows.elements,
                Moves::Also(rows) => turn.from[1] * rows.elements,
                Moves::To(rows) => turn.to * rows.elements,
                Moves::Strip(rows, strips) => turn.to * rows.elements + strip * strips.elements,
            };
            self.operand(&Operand {
                offset: operand.offset + by * operand.element.bytes(),
                ..*operand
            })
        });
        let operands: Vec<host::Operand<'_>> = operands.collect();
        let call = &moving.call;
        let called = call.kernel.call(&operands);
        called.map_err(|d| at(&call.origin, Diagnostic::fault(d)))
    }

    /// Counts work, before it is done.
    fn spend(&mut self, work: u64) -> Result<(), Diagnostic> {
        self.work = self.work.saturating_add(work);
        if self.work <= self.most_work {
            return Ok(());
        }
        Err(
            Diagnostic::new("castiron stopped the run: it does not end, or repeats too much")
                .expected(format_args!(
                    "at most {} operations and bytes in all calls",
                    self.most_work
                ))
                .help(
                    "check the conditions of loops; firmware has no such limit and would not stop",
                ),
        )
    }

    fn operand(&self, operand: &Operand) -> host::Operand<'_> {
        let range = operand.range();
        match operand.memory {
            Memory::Arena => host::Operand::Arena(&self.arena[range]),
            Memory::State => host::Operand::Arena(&self.state[range]),
            Memory::Constants => host::Operand::Constant(&self.program.constants.bytes()[range]),
            Memory::Rows => host::Operand::Constant(&self.rows[range]),
        }
    }

    fn is_true(&self, condition: &Operand) -> bool {
        bytes_of(self.operand(condition))
            .iter()
            .any(|byte| *byte != 0)
    }
}

fn at(origin: &Origin, problem: Diagnostic) -> Diagnostic {
    problem.at_operator(origin.operator, &origin.name)
}
