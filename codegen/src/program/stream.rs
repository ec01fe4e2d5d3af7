//! Consecutive operators that run row by row: what a choice and a program say of them.

use castiron_runtime::kernels::{Patch, StageRows};

use super::choice::{Argument, Call};
use super::program::{Entry, KernelCall, Operand, Origin, Step};
use crate::plan::Region;

/// Operators that run row by row, chosen.
#[derive(Debug, Clone)]
pub struct Stream {
    /// All rows of the first one's input.
    pub input: Argument,
    /// Whether these come one by one, and are nowhere as a whole.
    pub by_rows: bool,
    /// Turns of the last one.
    pub rows: usize,
    /// The operators.
    pub stages: Vec<Stage>,
}

/// What computes one row of an image at each turn, or several.
#[derive(Debug, Clone)]
pub struct Stage {
    /// One kernel, or several that compute a row patch by patch.
    pub kernels: Vec<StageKernel>,
    /// How, if they do.
    pub strips: Option<Strips>,
    /// The rows that it reads, but for the place of the line buffer before it.
    pub rows: StageRows,
    /// The line buffer before it: rows, or their sums; none where rows are read in the stream's input.
    pub lines: Option<Argument>,
}

/// A kernel of a stage.
#[derive(Debug, Clone)]
pub struct StageKernel {
    /// The position of its operator among those of the stream.
    pub operator: usize,
    /// The call. Where an argument moves, it is that of the first row.
    pub call: Call,
    /// How each argument moves.
    pub moves: Vec<Moves>,
    /// How many times as much it computes as the operator would as a whole.
    pub again: Again,
}

/// A number of pixels that kernels compute, and how many of them there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// With those that are computed again.
    pub computed: u64,
    /// Each once.
    pub pixels: u64,
}

impl Again {
    /// Nothing is computed again.
    pub const ONCE: Self = Self {
        computed: 1,
        pixels: 1,
    };

    /// What so much work becomes.
    pub fn of(self, work: u64) -> u64 {
        let work = u128::from(work) * u128::from(self.computed) / u128::from(self.pixels.max(1));
        u64::try_from(work).unwrap_or(u64::MAX)
    }
}

/// How a row is computed patch by patch.
#[derive(Debug, Clone)]
pub struct Strips {
    /// How many patches a row has.
    pub count: usize,
    /// Bytes of a row of what the first kernel reads a part of.
    pub row_bytes: usize,
    /// What each kernel reads, at a place in `memory`.
    pub patches: Vec<Patch>,
    /// Where these lie.
    pub memory: Argument,
}

/// How an operand moves from call to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// It stays.
    Not,
    /// With the first row that the stage reads.
    From(Rows),
    /// With the first row that it reads besides, of another image.
    Also(Rows),
    /// With the row that the stage writes.
    To(Rows),
    /// With that row, and within it by so many elements with the patch.
    Strip(Rows, Strip),
}

/// Patches of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strip {
    /// Elements of one.
    pub elements: usize,
    /// The last one.
    pub last: usize,
}

/// Rows of which an operand is one or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Elements of a row.
    pub elements: usize,
    /// The last place that the operand has: it moves by so many rows.
    pub last: usize,
}

/// Operators that run row by row.
#[derive(Debug)]
pub struct StreamStep {
    /// Position of the first stage's call among those of its entry or routine.
    pub number: usize,
    /// The last operator.
    pub origin: Origin,
    /// All rows of the first one's input.
    pub input: Operand,
    /// Where it is kept how far the stages are, if the rows of the input come one by one.
    pub by_rows: Option<Region>,
    /// Turns of the last one.
    pub rows: usize,
    /// The operators.
    pub stages: Vec<StageCall>,
}

impl StreamStep {
    /// How often each stage computes rows, which go to the next one's line buffer or, of the last, to the output.
    pub fn turns(&self) -> impl Iterator<Item = usize> {
        let next = self.stages.iter().skip(1).map(|stage| &stage.rows.line);
        let turns = next.map(|line| line.rows / usize::from(line.at_once.max(1)));
        turns.chain([self.rows])
    }
}

/// The input of a program that takes it row by row.
#[derive(Debug, Clone, Copy)]
pub struct InputRows<'a> {
    /// What is given the rows.
    pub stream: &'a StreamStep,
    /// Its position among the steps of the entry.
    pub position: usize,
    /// How many rows there are.
    pub count: usize,
    /// Elements of one.
    pub elements: usize,
    /// The line buffer that they go to.
    pub line: Operand,
    /// Where it is kept how far the stages are.
    pub progress: Region,
}

impl Entry {
    /// The input, if it comes row by row.
    pub fn input_rows(&self) -> Option<InputRows<'_>> {
        let streams = self.steps.iter().enumerate();
        let mut streams = streams.filter_map(|(position, step)| match step {
            Step::Stream(stream) => Some((position, stream, stream.by_rows?)),
            _ => None,
        });
        let (position, stream, progress) = streams.next()?;
        let first = stream.stages.first()?;
        let (line, port) = (&first.rows.line, self.inputs.first()?);
        let element = port.operand.element;
        let lines = first.lines?;
        Some(InputRows {
            stream,
            position,
            count: line.rows,
            elements: line.row_bytes / element.bytes(),
            line: Operand {
                element,
                len: lines.range().len() / element.bytes(),
                ..lines
            },
            progress,
        })
    }
}

/// What computes one row of an image at each turn, or several.
#[derive(Debug)]
pub struct StageCall {
    /// One kernel, or several that compute a row patch by patch.
    pub calls: Vec<MovingCall>,
    /// How, if they do.
    pub strips: Option<StageStrips>,
    /// The rows that it reads.
    pub rows: StageRows,
    /// The line buffer before it.
    pub lines: Option<Operand>,
}

/// How a row is computed patch by patch.
#[derive(Debug, Clone)]
pub struct StageStrips {
    /// How many patches a row has.
    pub count: usize,
    /// Where the rows begin that the first kernel reads a part of.
    pub from: usize,
    /// Bytes of one of these rows.
    pub row_bytes: usize,
    /// What each kernel reads.
    pub patches: Vec<Patch>,
    /// Where these lie.
    pub memory: Operand,
}

/// A kernel of a stage.
#[derive(Debug)]
pub struct MovingCall {
    /// The call, with operands of the first row.
    pub call: KernelCall,
    /// How each operand moves.
    pub moves: Vec<Moves>,
}

impl MovingCall {
    /// The call's operands, with how each moves.
    pub fn operands(&self) -> impl Iterator<Item = (&Operand, Moves)> {
        self.call.operands.iter().zip(self.moves.iter().copied())
    }
}

impl Moves {
    /// All places of an operand as one.
    pub fn all(self, operand: &Operand) -> Operand {
        match self {
            Self::Not => *operand,
            Self::Strip(rows, strip) => {
                let row = Operand {
                    len: strip
                        .elements
                        .saturating_mul(strip.last)
                        .saturating_add(operand.len),
                    ..*operand
                };
                Self::To(rows).all(&row)
            }
            Self::From(rows) | Self::Also(rows) | Self::To(rows) => Operand {
                len: rows
                    .elements
                    .saturating_mul(rows.last)
                    .saturating_add(operand.len),
                ..*operand
            },
        }
    }
}
