//! Consecutive operators that run row by row: what lies between them is never in memory as a whole.
//!
//! Each operator is a stage. It computes one row of its output, or some at once, when the rows that it reads are there, and writes them to a line
//! buffer, or to the output. Before each stage lies the line buffer of what the stage before it writes, or of the stream's input. This stage reads it, and so may
//! later ones, as an addition does whose other side comes by way of convolutions. Rows make room when no stage will read them any more. A row that
//! a stage may overwrite with what it makes of it lies there from the beginning.
//! Rows beyond an image's first and last are written like others. Who runs next follows from what the last stage lacks, so that no row
//! is computed twice, and none that nobody reads.
//!
//! The stream's input is in the arena as a whole, or never: then rows come one by one, and each goes to the first line buffer. A stream without its next
//! row stops, and how far its stages are says where it goes on.

use core::cell::Cell;

use super::{parameters, part};
use crate::arch::memory::{Element, copy, fill, move_down};

parameters! {
    /// The rows of an image that a stage reads.
    pub struct Reading {
        /// The line buffer: the position of the stage that it lies before.
        pub line: usize,
        /// How many rows at once.
        pub window: usize,
        /// How many rows further the next window begins.
        pub stride: usize,
        /// Where the first window begins, counted from the buffer's first row of padding.
        pub first: usize,
    }

    /// A line buffer.
    pub struct Line {
        /// Rows of the image.
        pub rows: usize,
        /// Bytes of a row; none of sums, which stay where they are.
        pub row_bytes: usize,
        /// Rows of padding before the first.
        pub top: usize,
        /// Each byte of a row of padding.
        pub padding: i8,
        /// How many rows the stage before it writes at a turn.
        pub at_once: u16,
        /// Behind the last stage that reads it.
        pub readers: usize,
        /// Where it begins; nothing where rows are read in the input of the stream, which needs no padding then.
        pub start: Option<usize>,
        /// The line buffer in which its row lies, where the row comes that is made of it; its own position if it has memory of its own.
        pub home: usize,
    }

    /// A stage, and the line buffer before it.
    pub struct StageRows {
        /// What it reads.
        pub reads: Reading,
        /// What it reads besides.
        pub also: Option<Reading>,
        /// For what the stage before it writes, or for the stream's input.
        pub line: Line,
    }
}

/// Operators that run row by row.
#[derive(Clone, Copy)]
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct Stream<const STAGES: usize> {
    /// Each reads what lies before it or before an earlier one.
    pub stages: [StageRows; STAGES],
    /// Where the input begins in the arena; nothing of one that comes row by row.
    pub input: Option<usize>,
    /// Turns of the last stage.
    pub rows: usize,
}

/// How far a stage is. No image has more rows than its numbers count.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Progress {
    /// Rows that its line buffer was given, those of padding among them.
    given: u16,
    /// How many of these nobody will read any more.
    gone: u16,
    /// Turns that it has had.
    made: u16,
    /// The stage that lacked a row in its line buffer last.
    lacked_by: u16,
}

impl Progress {
    /// A stage at its first row.
    pub(crate) const START: Self = Self {
        given: 0,
        gone: 0,
        made: 0,
        lacked_by: 0,
    };

    /// Rows that its line buffer holds.
    #[inline(always)]
    fn held(&self) -> usize {
        usize::from(self.given.saturating_sub(self.gone))
    }
}

/// A stream between rows, of so many stages at most.
#[derive(Debug, Clone, Copy)]
pub struct Paused<const MOST: usize> {
    progress: [Progress; MOST],
    /// The stage that runs next; nothing before the first row.
    at: Option<u16>,
}

impl<const MOST: usize> Paused<MOST> {
    /// Before the first row.
    pub const START: Self = Self {
        progress: [Progress::START; MOST],
        at: None,
    };
}

/// A row to compute, or some at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The stage.
    pub stage: usize,
    /// The first of the rows of each image that it reads, in its line buffer or in the input of the stream.
    pub from: [usize; 2],
    /// The first row that it writes in a line buffer, or which turn's rows in the output of the stream.
    pub to: usize,
    /// Which turn that is.
    pub row: usize,
}

/// Where a stream finds its input.
pub trait Source {
    /// Rows, from a byte of it on; nothing of an input that comes row by row.
    fn rows<'r>(
        &'r self,
        arena: &'r [Cell<i8>],
        from: usize,
        bytes: usize,
    ) -> Option<&'r [Cell<i8>]>;
}

/// In the memory of its line buffers, from a byte on.
impl Source for Option<usize> {
    #[inline(always)]
    fn rows<'r>(
        &'r self,
        arena: &'r [Cell<i8>],
        from: usize,
        bytes: usize,
    ) -> Option<&'r [Cell<i8>]> {
        self.map(|input| part(arena, input + from, bytes))
    }
}

/// In another memory.
impl Source for &[Cell<i8>] {
    #[inline(always)]
    fn rows<'r>(&'r self, _: &'r [Cell<i8>], from: usize, bytes: usize) -> Option<&'r [Cell<i8>]> {
        Some(part(self, from, bytes))
    }
}

/// A stream that runs.
#[cfg_attr(any(test, feature = "host"), derive(Debug))]
pub struct Flow<'a, S = Option<usize>> {
    stages: &'a [StageRows],
    progress: &'a mut [Progress],
    input: S,
    rows: usize,
    /// The stage that lacks rows, or runs next.
    at: usize,
}

impl<const STAGES: usize> Stream<STAGES> {
    /// Runs all rows through all stages: `compute` is given a stage, the first rows that it reads, and the row that it writes.
    #[inline(always)]
    pub fn run(&self, arena: &[Cell<i8>], mut compute: impl FnMut(usize, [usize; 2], usize)) {
        self.run_numbered(arena, |stage, from, to, _| compute(stage, from, to));
    }

    /// The same for stages of [`Patches`]: `compute` is told which row of the image it writes, too.
    #[inline(always)]
    pub fn run_numbered(
        &self,
        arena: &[Cell<i8>],
        mut compute: impl FnMut(usize, [usize; 2], usize, usize),
    ) {
        let mut progress = [Progress::default(); STAGES];
        let mut flow = Flow::new(&self.stages, &mut progress, self.input, self.rows);
        let mut made = false;
        while let Some(turn) = flow.next(made, arena) {
            compute(turn.stage, turn.from, turn.to, turn.row);
            made = true;
        }
    }

    /// The same with an input in another memory than the line buffers.
    #[inline(always)]
    pub fn run_apart(
        &self,
        arena: &[Cell<i8>],
        input: &[Cell<i8>],
        mut compute: impl FnMut(usize, [usize; 2], usize),
    ) {
        let mut progress = [Progress::default(); STAGES];
        let mut flow = Flow::new(&self.stages, &mut progress, input, self.rows);
        let mut made = false;
        while let Some(turn) = flow.next(made, arena) {
            compute(turn.stage, turn.from, turn.to);
            made = true;
        }
    }

    /// The same for a part of the rows: at least one, and others while those before it took less than `budget`, where each of a stage takes what
    /// `costs` says. What they took, and whether that were the last.
    #[inline(always)]
    pub fn run_some<const MOST: usize>(
        &self,
        paused: &mut Paused<MOST>,
        arena: &[Cell<i8>],
        input: impl Source,
        (costs, budget): (&[u64; STAGES], u64),
        mut compute: impl FnMut(usize, [usize; 2], usize, usize),
    ) -> (u64, bool) {
        let Paused { progress, at } = paused;
        let progress = progress.get_mut(..STAGES).unwrap_or_default();
        let mut flow = Flow::new(&self.stages, progress, input, self.rows);
        if let Some(at) = *at {
            flow.at = at.into();
        }
        let mut took = 0u64;
        while let Some(turn) = flow.turn(arena) {
            compute(turn.stage, turn.from, turn.to, turn.row);
            flow.made(arena);
            took = took.saturating_add(costs.get(turn.stage).copied().unwrap_or(0));
            if took >= budget && !flow.is_done() {
                *at = Some(flow.at as u16);
                return (took, false);
            }
        }
        *paused = Paused::START;
        (took, true)
    }

    /// Rows of an input that comes row by row which the stream has yet to get: all of them before the first, and none behind the last.
    #[inline(always)]
    pub fn missing(&self, progress: &[Progress; STAGES]) -> usize {
        Flow::missing(&self.stages, progress)
    }

    /// Whether the next row of the input is the first, as it is behind the last of the input before, too. All stages are at their first row then.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn begins(&self, progress: &mut [Progress; STAGES]) -> bool {
        let missing = self.missing(progress);
        let rows = self.stages.first().map_or(0, |stage| stage.line.rows);
        let begins = missing == 0 || missing == rows;
        if begins {
            self.begin(progress);
        }
        begins
    }

    /// Lets the next row of the input be the first, whatever came before.
    #[inline(always)]
    pub fn begin(&self, progress: &mut [Progress; STAGES]) {
        *progress = [Progress::START; STAGES];
    }

    /// Gives the stream the next row of its input, and runs all rows that then can be computed, as [`run`](Self::run) does. `line` is the first line
    /// buffer.
    #[inline(always)]
    pub fn push<T: Element>(
        &self,
        progress: &mut [Progress; STAGES],
        arena: &[Cell<i8>],
        line: &[Cell<T>],
        row: &[T],
        mut compute: impl FnMut(usize, [usize; 2], usize),
    ) {
        self.push_numbered(progress, arena, line, row, |stage, from, to, _| {
            compute(stage, from, to);
        });
    }

    /// The same for stages of [`Patches`], as [`run_numbered`](Self::run_numbered).
    #[inline(always)]
    pub fn push_numbered<T: Element>(
        &self,
        progress: &mut [Progress; STAGES],
        arena: &[Cell<i8>],
        line: &[Cell<T>],
        row: &[T],
        mut compute: impl FnMut(usize, [usize; 2], usize, usize),
    ) {
        let mut flow = Flow::resumed(&self.stages, progress, self.rows);
        let mut next = Some(row);
        loop {
            let mut made = false;
            while let Some(turn) = flow.next(made, arena) {
                compute(turn.stage, turn.from, turn.to, turn.row);
                made = true;
            }
            match next.take() {
                Some(row) => flow.give(line, row),
                None => return,
            }
        }
    }
}

impl<'a> Flow<'a> {
    /// A stream whose input comes row by row, where it stopped.
    #[cfg_attr(debug_assertions, inline)]
    pub fn resumed(stages: &'a [StageRows], progress: &'a mut [Progress], rows: usize) -> Self {
        let mut flow = Self::new(stages, progress, None, rows);
        if let Some(first) = flow.progress.first()
            && first.given > 0
        {
            flow.at = usize::from(first.lacked_by);
        }
        flow
    }

    /// Rows of the input that such a stream has yet to get.
    #[inline(always)]
    pub fn missing(stages: &[StageRows], progress: &[Progress]) -> usize {
        match (stages.first(), progress.first()) {
            (Some(StageRows { line, .. }), Some(progress)) => {
                let given = usize::from(progress.given).saturating_sub(line.top);
                line.rows.saturating_sub(given)
            }
            _ => 0,
        }
    }
}

impl<'a, S: Source> Flow<'a, S> {
    /// A stream whose stages are all at their first row: `input` is where its input lies, `rows` are those of its output.
    pub fn new(
        stages: &'a [StageRows],
        progress: &'a mut [Progress],
        input: S,
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

    /// Takes the row of the input that lacks. One behind all that are computed of goes nowhere.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    pub fn give<T: Element>(&mut self, line: &[Cell<T>], row: &[T]) {
        let is_done = self.is_done();
        let Some(progress) = self.progress.first_mut() else {
            return;
        };
        if !is_done {
            let free = part(line, progress.held() * row.len(), row.len());
            for (to, from) in free.iter().zip(row) {
                to.set(*from);
            }
        }
        // Where all that is computed is of padding, no stage has asked for the rows before the first.
        let top = self.stages.first().map_or(0, |stage| stage.line.top);
        progress.given = progress.given.max(top as u16) + 1;
    }

    /// Whether all rows of the output are there.
    #[inline(always)]
    fn is_done(&self) -> bool {
        let last = self.progress.last();
        last.is_none_or(|last| usize::from(last.made) >= self.rows)
    }

    /// The next row to compute, where the one before it is `made`, or there is none.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn next(&mut self, made: bool, arena: &[Cell<i8>]) -> Option<Turn> {
        if made {
            self.made(arena);
        }
        self.turn(arena)
    }

    /// The next row to compute, once all that it is computed of is in its place; `None` behind the last, and where a row of the input lacks.
    /// [`made`](Self::made) has to follow.
    #[inline(always)]
    pub fn turn(&mut self, arena: &[Cell<i8>]) -> Option<Turn> {
        if self.is_done() {
            return None;
        }
        let stages = self.stages;
        loop {
            let stage = stages.get(self.at)?;
            let made = usize::from(self.progress.get(self.at)?.made);
            let mut lacks = self.lacks(&stage.reads, made, arena);
            if let (None, Some(also)) = (lacks, &stage.also) {
                lacks = self.lacks(also, made, arena);
            }
            // The stage before that line buffer has to write to it; it is an earlier one.
            if let Some(line) = lacks {
                let line = line.min(self.at);
                self.progress.get_mut(line)?.lacked_by = self.at as u16;
                self.at = line.checked_sub(1)?;
                continue;
            }
            let also = stage.also.as_ref();
            let next = stages.get(self.at + 1).map(|next| next.line.home);
            return Some(Turn {
                stage: self.at,
                from: [
                    self.place(&stage.reads, made),
                    also.map_or(0, |also| self.place(also, made)),
                ],
                to: next.map_or(made, |home| self.end(home)),
                row: made,
            });
        }
    }

    /// The line buffer, if rows of a window lack there. Those of padding and of the stream's input are written now.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn lacks(&mut self, reading: &Reading, made: usize, arena: &[Cell<i8>]) -> Option<usize> {
        let StageRows { line, .. } = self.stages.get(reading.line)?;
        let progress = self.progress.get_mut(reading.line)?;
        let start = line.start?;
        let end = made * reading.stride + reading.first + reading.window;
        while usize::from(progress.given) < end {
            // Rows of padding before the first come out as very large ones.
            let row = usize::from(progress.given).wrapping_sub(line.top);
            let is_image = row < line.rows;
            if is_image && reading.line > 0 {
                return Some(reading.line);
            }
            // As many as are wanted and follow each other.
            let wanted = end - usize::from(progress.given);
            let count = match is_image {
                true => wanted.min(line.rows - row),
                false => 1,
            };
            let bytes = count * line.row_bytes;
            let free = start + progress.held() * line.row_bytes;
            let free = part(arena, free, bytes);
            if is_image {
                match self.input.rows(arena, row * line.row_bytes, bytes) {
                    Some(rows) => copy(rows, free),
                    None => return Some(reading.line),
                }
            } else {
                fill(free, line.padding);
            }
            progress.given += count as u16;
        }
        None
    }

    /// Where the next row of a line buffer goes.
    #[inline(always)]
    fn end(&self, line: usize) -> usize {
        self.progress.get(line).map_or(0, Progress::held)
    }

    /// Where a window begins.
    #[inline(always)]
    fn place(&self, reading: &Reading, made: usize) -> usize {
        let first = made * reading.stride + reading.first;
        let line = self.stages.get(reading.line).map(|stage| &stage.line);
        match (line, self.progress.get(reading.line)) {
            (Some(line), _) if line.home != reading.line => self.end(line.home),
            (Some(line), Some(progress)) if line.start.is_some() => {
                first - usize::from(progress.gone)
            }
            _ => first,
        }
    }

    /// The row is computed: the rows that later windows cover move to the front.
    #[inline(always)]
    pub fn made(&mut self, arena: &[Cell<i8>]) {
        let stages = self.stages;
        let (Some(stage), Some(progress)) = (stages.get(self.at), self.progress.get_mut(self.at))
        else {
            return;
        };
        progress.made += 1;
        self.let_go(stage.reads.line, arena);
        if let Some(also) = &stage.also {
            self.let_go(also.line, arena);
        }
        let next = stages.get(self.at + 1);
        if let (Some(next), Some(progress)) = (next, self.progress.get_mut(self.at + 1)) {
            progress.given += next.line.at_once;
            self.at = usize::from(progress.lacked_by);
        }
    }

    /// Makes room of the rows that no stage will read.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(never))]
    fn let_go(&mut self, at: usize, arena: &[Cell<i8>]) {
        let stages = self.stages;
        let Some(StageRows { line, .. }) = stages.get(at) else {
            return;
        };
        let mut needed = usize::from(u16::MAX);
        for reader in at..line.readers {
            let (Some(stage), Some(progress)) = (stages.get(reader), self.progress.get(reader))
            else {
                break;
            };
            let made = usize::from(progress.made);
            let first = |reading: &Reading| made * reading.stride + reading.first;
            if stage.reads.line == at {
                needed = needed.min(first(&stage.reads));
            }
            if let Some(also) = stage.also.as_ref().filter(|also| also.line == at) {
                needed = needed.min(first(also));
            }
        }
        let Some(progress) = self.progress.get_mut(at) else {
            return;
        };
        let needed = needed as u16;
        let Some(start) = line.start else {
            progress.gone = needed;
            return;
        };
        let before = progress.gone;
        progress.gone = needed.min(progress.given).max(before);
        let by = usize::from(progress.gone - before) * line.row_bytes;
        let len = progress.held() * line.row_bytes;
        if by > 0 && len > 0 {
            move_down(part(arena, start, by + len), by);
        }
    }

    /// Rows of the input of the stream that no later row is computed of.
    #[cfg_attr(debug_assertions, inline)]
    pub fn read(&self) -> usize {
        let (Some(stage), Some(progress)) = (self.stages.first(), self.progress.first()) else {
            return 0;
        };
        let read = match stage.line.start {
            Some(_) => usize::from(progress.given).saturating_sub(stage.line.top),
            None => usize::from(progress.gone),
        };
        read.min(stage.line.rows)
    }

    /// Rows that a line buffer holds, with those that are written to it now.
    #[cfg(feature = "host")]
    pub fn held(&self, line: usize) -> usize {
        let held = self.progress.get(line).map_or(0, Progress::held);
        let written = self.stages.get(line).filter(|_| line == self.at + 1);
        held + written.map_or(0, |stage| usize::from(stage.line.at_once))
    }
}

/// `len` elements of some from `start` on; none where they do not lie within.
#[inline(always)]
pub fn row<T>(all: &[Cell<T>], start: usize, len: usize) -> &[Cell<T>] {
    part(all, start, len)
}
