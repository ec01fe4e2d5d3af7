//! Consecutive operators that run row by row: what a choice and a program say of them.

use castiron_runtime::kernels::StageRows;

use super::choice::{Argument, Call};
use super::program::{Entry, KernelCall, Operand, Origin, Step};
use crate::plan::Region;

/// Operators that run row by row, chosen.
#[derive(Debug)]
pub struct Stream {
    /// All rows of the first one's input.
    pub input: Argument,
    /// Whether these come one by one, and are nowhere as a whole.
    pub by_rows: bool,
    /// Rows of the last one's output.
    pub rows: usize,
    /// The operators.
    pub stages: Vec<Stage>,
}

/// An operator that computes one row of its output at each call.
#[derive(Debug)]
pub struct Stage {
    /// The position of its operator among those of the stream.
    pub operator: usize,
    /// The call. Where an argument moves, it is that of the first row.
    pub call: Call,
    /// How each argument moves.
    pub moves: Vec<Moves>,
    /// The rows that it reads, but for the place of the line buffer before it.
    pub rows: StageRows,
    /// The line buffer before it: rows, or their sums; none where rows are read in the stream's input.
    pub lines: Option<Argument>,
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
    /// Rows of the last one's output.
    pub rows: usize,
    /// The operators.
    pub stages: Vec<StageCall>,
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

/// An operator that computes one row of its output at each call.
#[derive(Debug)]
pub struct StageCall {
    /// The call, with operands of the first row.
    pub call: KernelCall,
    /// How each operand moves.
    pub moves: Vec<Moves>,
    /// The rows that it reads.
    pub rows: StageRows,
    /// The line buffer before it.
    pub lines: Option<Operand>,
}

impl StageCall {
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
