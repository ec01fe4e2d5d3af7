//! Operators behind each other that run row by row: what lies between two of them is never in memory as a whole.
//!
//! Each operator is a stage. It has a line buffer for the rows that its window covers, and computes one row of its output when they are
//! there: into the line buffer of the next stage, or into the output. Then the rows that no later window covers make room. Rows
//! beyond the input's first and last are written there like others. Who runs next follows from what the last stage lacks, so that no row
//! is computed twice, and none behind the last that a window covers.

use core::cell::Cell;

use super::{parameters, part};
use crate::arch::memory::{copy, fill};

parameters! {
    /// The rows that a stage reads.
    pub struct StageRows {
        /// How many rows it reads at once; no fewer than `stride`.
        pub window: usize,
        /// How many rows further its next window begins.
        pub stride: usize,
        /// Rows of padding before its input's first.
        pub top: usize,
        /// Rows of its input.
        pub rows: usize,
        /// Bytes of a row.
        pub row_bytes: usize,
        /// Where its line buffer begins; nothing where it reads rows in the input of the stream, which needs no padding then.
        pub lines: Option<usize>,
        /// Each byte of a row of padding.
        pub padding: i8,
    }
}

/// Operators that run row by row.
#[derive(Clone, Copy)]
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct Stream<const STAGES: usize> {
    /// The first reads the input, and each other one what the one before it writes.
    pub stages: [StageRows; STAGES],
    /// Where the input begins in the arena.
    pub input: usize,
    /// Rows of the last stage's output.
    pub rows: usize,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Rows that it was given, those of padding among them.
    given: usize,
    /// Rows of its output that it has computed.
    made: usize,
}

/// A row to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The stage.
    pub stage: usize,
    /// The first of the rows that it reads, in its line buffer or in the input of the stream.
    pub from: usize,
    /// The row that it writes, in the next one's line buffer or in the output of the stream.
    pub to: usize,
}

/// A stream that runs.
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct Flow<'a> {
    stages: &'a [StageRows],
    progress: &'a mut [Progress],
    input: usize,
    rows: usize,
    /// The stage that lacks rows, or runs next.
    at: usize,
}

impl<const STAGES: usize> Stream<STAGES> {
    /// Runs all rows through all stages: `compute` is given a stage, the first row that it reads, and the row that it writes.
    #[inline(always)]
    pub fn run(&self, arena: &[Cell<i8>], mut compute: impl FnMut(usize, usize, usize)) {
        let mut progress = [Progress::default(); STAGES];
        let mut flow = Flow::new(&self.stages, &mut progress, self.input, self.rows);
        while let Some(turn) = flow.turn(arena) {
            compute(turn.stage, turn.from, turn.to);
            flow.made(arena);
        }
    }
}

impl<'a> Flow<'a> {
    /// A stream whose stages are all at their first row: `input` is where its input begins in the arena, `rows` are those of its output.
    pub fn new(
        stages: &'a [StageRows],
        progress: &'a mut [Progress],
        input: usize,
        rows: usize,
    ) -> Self {
        let at = stages.len().saturating_sub(1);
        Self {
            stages,
            progress,
            input,
            rows,
            at,
        }
    }

    /// The next row to compute, once all that it is computed of is in its place; `None` behind the last. [`made`](Self::made) has to
    /// follow.
    #[inline(never)]
    pub fn turn(&mut self, arena: &[Cell<i8>]) -> Option<Turn> {
        if self.progress.last()?.made >= self.rows {
            return None;
        }
        loop {
            let stage = self.stages.get(self.at)?;
            let progress = self.progress.get_mut(self.at)?;
            let first = progress.made * stage.stride;
            let Some(lines) = stage.lines else {
                return self.ready(first);
            };
            let held = progress.given - first;
            if held >= stage.window {
                return self.ready(0);
            }
            let free = part(arena, lines + held * stage.row_bytes, stage.row_bytes);
            // Rows of padding before the first come out as very large ones.
            let row = progress.given.wrapping_sub(stage.top);
            if row >= stage.rows {
                fill(free, stage.padding);
                progress.given += 1;
            } else if self.at == 0 {
                let row = self.input + row * stage.row_bytes;
                copy(part(arena, row, stage.row_bytes), free);
                progress.given += 1;
            } else {
                self.at -= 1;
            }
        }
    }

    /// The row that the stage at hand computes of rows from `from` on.
    fn ready(&self, from: usize) -> Option<Turn> {
        let made = self.progress.get(self.at)?.made;
        let next = self.at + 1;
        let to = match (self.stages.get(next), self.progress.get(next)) {
            (Some(stage), Some(next)) => next.given - next.made * stage.stride,
            _ => made,
        };
        Some(Turn {
            stage: self.at,
            from,
            to,
        })
    }

    /// The row is computed: the rows that later windows cover move to the front.
    #[inline(never)]
    pub fn made(&mut self, arena: &[Cell<i8>]) {
        let (Some(stage), Some(progress)) =
            (self.stages.get(self.at), self.progress.get_mut(self.at))
        else {
            return;
        };
        progress.made += 1;
        if let Some(lines) = stage.lines {
            let bytes = (stage.window - stage.stride) * stage.row_bytes;
            let kept = part(arena, lines + stage.stride * stage.row_bytes, bytes);
            copy(kept, part(arena, lines, bytes));
        }
        if let Some(next) = self.progress.get_mut(self.at + 1) {
            next.given += 1;
            self.at += 1;
        }
    }

    /// Rows of the input of the stream that no later row is computed of.
    pub fn read(&self) -> usize {
        let (Some(stage), Some(progress)) = (self.stages.first(), self.progress.first()) else {
            return 0;
        };
        let read = match stage.lines {
            Some(_) => progress.given.saturating_sub(stage.top),
            None => progress.made * stage.stride,
        };
        read.min(stage.rows)
    }
}

/// `len` elements of some from `start` on; none where they do not lie within.
#[inline(always)]
pub fn row<T>(all: &[Cell<T>], start: usize, len: usize) -> &[Cell<T>] {
    part(all, start, len)
}
