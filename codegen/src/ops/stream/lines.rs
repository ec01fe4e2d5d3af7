//! Who reads which rows of a stream, where line buffers and the memory that kernels work in lie, and how far the output may overlap the input.

use std::cmp::Reverse;
use std::collections::HashMap;

use castiron_runtime::kernels::{Flow, Line, Progress, Reading, StageRows};

use super::rowwise::{Kind, Rowwise};
use crate::graph::TensorId;

/// Where line buffers, and working buffers of stages, begin: a multiple of this.
pub(super) const ALIGNMENT: usize = 16;

/// Operators that run row by row, with the places of their line buffers and of what they work in.
pub(crate) struct Lines {
    /// An average has two, any other operator one.
    pub(crate) stages: Vec<StageRows>,
    /// By stage: rows that the line buffer before it holds, and its bytes. A buffer of sums holds one row; one that lies in another ends with it.
    pub(super) held: Vec<usize>,
    pub(super) sizes: Vec<usize>,
    /// By stage: where the memory that its kernels work in begins.
    pub(super) working: Vec<usize>,
    /// Bytes of all that, from 0.
    pub(crate) bytes: usize,
    /// Bytes from the output's first byte to the input's, at least: what is written then lies over rows that nobody reads any more.
    pub(crate) distance: usize,
    /// Bytes that are moved, by all line buffers together.
    pub(crate) moved: usize,
}

impl Lines {
    /// Line buffers of operators in the order in which they may run, if need be with one for an input that comes `by_rows`, and places for the
    /// bytes that each of them works in; `None` if they read more than one image beside their own. Each may overwrite some rows.
    pub(crate) fn new(
        operators: &[Rowwise],
        working: &[usize],
        overwritten: &[Vec<Overwritten>],
        by_rows: bool,
    ) -> Option<Self> {
        let (first, last) = (operators.first()?, operators.last()?);
        let mut stages = stages(operators, by_rows)?;
        let mut sums: Vec<usize> = vec![0; stages.len()];
        let mut work = sums.clone();
        let mut within = vec![None; stages.len()];
        let mut next = 0;
        for ((operator, working), overwritten) in operators.iter().zip(working).zip(overwritten) {
            if operator.stages() == 0 {
                continue;
            }
            // The end of an average works in nothing.
            work[next] = *working;
            within[next] = distance_within(&stages, next, overwritten);
            next += operator.stages();
            if matches!(operator.kind, Kind::Average) {
                sums[next - 1] = operator.sums();
            }
        }
        if stages.len() > u64::BITS as usize {
            return None;
        }
        let followed = follow(&stages, first, last);
        let sizes = (stages.iter().zip(&followed.held).zip(&sums))
            .map(|((stage, held), sums)| held * stage.line.row_bytes + sums);
        let mut sizes: Vec<usize> = sizes.collect();
        let (mut starts, mut bytes) = place(&followed.blocks(&sizes, &work));
        let homes = homes(&stages, &followed, within);
        if homes
            .iter()
            .enumerate()
            .any(|(line, home)| line != home.line)
        {
            let mut others = sizes.clone();
            for (line, home) in homes.iter().enumerate() {
                if line != home.line {
                    others[line] = 0;
                }
            }
            let placed = place(&followed.with(&homes).blocks(&others, &work));
            if placed.1 < bytes {
                (starts, bytes) = placed;
                for (line, home) in homes.iter().enumerate() {
                    stages[line].line.home = home.line;
                    starts[line] = starts[home.line] + home.distance;
                    sizes[line] = sizes[home.line] - home.distance;
                }
            }
        }
        let Followed { held, distance, .. } = followed;
        let working = starts.split_off(stages.len());
        for (stage, start) in stages.iter_mut().zip(starts) {
            stage.line.start = stage.line.start.map(|_| start);
        }
        let moved = stages.iter().zip(&held).map(|(stage, held)| {
            let kept = match stage.line.start {
                Some(_) => held.saturating_sub(stage.reads.stride) * stage.line.row_bytes,
                None => 0,
            };
            (kept + TURN) * (stage.line.rows / stage.reads.stride)
        });
        Some(Self {
            bytes,
            distance,
            moved: moved.sum(),
            held,
            sizes,
            working,
            stages,
        })
    }
}

/// An input whose row an operator may overwrite with the row that it makes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overwritten {
    /// Its position among the images that the operator reads.
    pub(super) input: usize,
    /// Bytes from the beginning of what is written to what is read.
    pub(super) distance: usize,
}

/// Where the row of a line buffer lies: in a line buffer, so many bytes behind where the next row begins.
#[derive(Clone, Copy)]
struct Home {
    line: usize,
    distance: usize,
}

/// How many bytes behind the beginning of the row that a stage writes the row may lie that comes to its line buffer; `None` if anything else reads that, or
/// there is no room.
fn distance_within(stages: &[StageRows], at: usize, overwritten: &[Overwritten]) -> Option<usize> {
    let (stage, next) = (stages.get(at)?, &stages.get(at + 1)?.line);
    let readings = [Some(&stage.reads), stage.also.as_ref()];
    let is_own = |input: usize| {
        let of_line = |reading: &Reading| reading.line == at;
        let own = readings.get(input).copied().flatten();
        let both = readings.iter().flatten().all(|reading| of_line(reading));
        own.is_some_and(of_line) && (!both || stage.also.is_none())
    };
    let fits = |distance: usize| distance + stage.line.row_bytes <= next.row_bytes;
    let found = overwritten.iter().find(|own| is_own(own.input))?;
    // One row comes, and one is read: several would lie in one place.
    let is_single = stage.line.at_once == 1 && stage.reads.window == 1;
    let is_passing = at > 0 && is_single && stage.line.readers == at + 1 && stage.line.top == 0;
    (is_passing && fits(found.distance)).then_some(found.distance)
}

/// Where rows of line buffers lie, if stages overwrite what they read `within` so many bytes of what they write. Between the stage that writes such a
/// row and the one that reads it, no other may run.
fn homes(stages: &[StageRows], followed: &Followed, within: Vec<Option<usize>>) -> Vec<Home> {
    let own = |line: usize| Home { line, distance: 0 };
    let mut homes: Vec<Home> = (0..stages.len()).map(own).collect();
    for (line, within) in within.into_iter().enumerate().rev() {
        let meanwhile = followed.beside.iter().enumerate();
        let mut others = meanwhile.filter(|(stage, _)| *stage != line && stage + 1 != line);
        if let Some(within) = within.filter(|_| others.all(|(_, live)| live >> line & 1 == 0)) {
            let Home {
                line: home,
                distance,
            } = homes[line + 1];
            homes[line] = Home {
                line: home,
                distance: distance + within,
            };
        }
    }
    homes
}

/// What a turn of a stream costs beside the kernel, in bytes that are moved.
const TURN: usize = 100;

impl Rowwise {
    /// Stages that compute it.
    fn stages(&self) -> usize {
        match self.kind {
            Kind::View => 0,
            Kind::Row(_) => 1,
            Kind::Average => 2,
        }
    }
}

/// The stages, without the places of line buffers.
fn stages(operators: &[Rowwise], by_rows: bool) -> Option<Vec<StageRows>> {
    let input = *operators.first()?.inputs.first()?;
    // The line buffer that has a tensor, and the rows that it is made of: how many, and the bytes of each.
    let mut of_tensor: HashMap<TensorId, usize> = HashMap::from([(input, 0)]);
    let first = operators.first()?;
    let mut rows_of = vec![(first.rows, first.row_bytes)];
    let mut at_once = 1;
    let mut stages: Vec<StageRows> = Vec::new();
    for operator in operators {
        let reading = |line: usize| Reading {
            line,
            window: operator.window,
            stride: operator.stride,
            first: operator.top,
        };
        let mut readings = Vec::new();
        for input in &operator.inputs {
            let line = *of_tensor.get(input)?;
            // One may take pixels as rows, and the other not.
            if rows_of[line] != (operator.rows, operator.row_bytes) {
                return None;
            }
            readings.push(reading(line));
        }
        if let Kind::View = operator.kind {
            of_tensor.insert(operator.output, readings.first()?.line);
            continue;
        }
        let (rows, row_bytes) = *rows_of.last()?;
        let line = Line {
            rows,
            row_bytes,
            top: 0,
            padding: 0,
            at_once,
            readers: 0,
            start: Some(0),
            home: stages.len(),
        };
        let mut readings = readings.into_iter();
        stages.push(StageRows {
            reads: readings.next()?,
            also: readings.next(),
            line,
        });
        if matches!(operator.kind, Kind::Average) {
            // Rows that are sums take no memory of their own: the buffer has the sums.
            let all = Reading {
                line: stages.len(),
                window: operator.rows,
                stride: operator.rows,
                first: 0,
            };
            stages.push(StageRows {
                reads: all,
                also: None,
                line: Line {
                    rows: operator.rows,
                    row_bytes: 0,
                    at_once: 1,
                    home: stages.len(),
                    ..line
                },
            });
            rows_of.push((operator.rows, 0));
        }
        of_tensor.insert(operator.output, stages.len());
        rows_of.push((operator.made, operator.made_bytes));
        at_once = operator.at_once as u16;
    }
    if stages.is_empty() {
        return None;
    }
    pad(&mut stages, operators, &of_tensor, by_rows);
    Some(stages)
}

/// Gives line buffers the padding that those who read them want. An input that is in the arena needs a buffer for that alone.
fn pad(
    stages: &mut [StageRows],
    operators: &[Rowwise],
    of_tensor: &HashMap<TensorId, usize>,
    by_rows: bool,
) {
    let mut is_padded = by_rows;
    for operator in operators.iter().filter(|operator| operator.stages() > 0) {
        for input in &operator.inputs {
            let at = of_tensor[input];
            is_padded |= at == 0 && operator.pads;
            let line = &mut stages[at].line;
            line.top = line.top.max(operator.top);
            if operator.pads {
                line.padding = operator.padding;
            }
        }
    }
    if let (Some(stage), false) = (stages.first_mut(), is_padded) {
        stage.line.start = None;
    }
    let tops: Vec<usize> = stages.iter().map(|stage| stage.line.top).collect();
    let mut readers = vec![0; stages.len()];
    for (at, stage) in stages.iter_mut().enumerate() {
        for reading in [Some(&mut stage.reads), stage.also.as_mut()]
            .into_iter()
            .flatten()
        {
            reading.first = tops[reading.line] - reading.first;
            readers[reading.line] = at + 1;
        }
    }
    for (stage, readers) in stages.iter_mut().zip(readers) {
        stage.line.readers = readers;
    }
}

/// What shows when all rows are followed.
struct Followed {
    /// By line buffer: the most rows that it holds.
    held: Vec<usize>,
    /// By line buffer: those that hold rows while it does, of which each is a bit.
    meets: Vec<u64>,
    /// By stage: those that hold rows while it runs.
    beside: Vec<u64>,
    distance: usize,
}

impl Followed {
    /// The same where rows of line buffers lie in others, which then hold them.
    fn with(&self, homes: &[Home]) -> Self {
        let held = |lines: u64| {
            let homes = homes.iter().enumerate();
            let own = homes.filter(|(line, _)| lines >> line & 1 == 1);
            own.fold(lines, |all, (_, home)| all | 1 << home.line)
        };
        let mut meets: Vec<u64> = self.meets.iter().map(|lines| held(*lines)).collect();
        for (line, home) in homes.iter().enumerate() {
            meets[home.line] |= meets[line];
        }
        Self {
            held: self.held.clone(),
            meets,
            beside: self.beside.iter().map(|lines| held(*lines)).collect(),
            distance: self.distance,
        }
    }

    /// Line buffers of so many bytes, then what stages work in.
    fn blocks(&self, lines: &[usize], work: &[usize]) -> Vec<Block> {
        let of_lines = lines.iter().zip(&self.meets).enumerate();
        let of_lines = of_lines.map(|(line, (bytes, meets))| Block {
            bytes: *bytes,
            line: Some(line),
            meets: *meets,
        });
        let of_work = work.iter().zip(&self.beside).map(|(bytes, meets)| Block {
            bytes: *bytes,
            line: None,
            meets: *meets,
        });
        of_lines.chain(of_work).collect()
    }
}

fn follow(stages: &[StageRows], first: &Rowwise, last: &Rowwise) -> Followed {
    let mut held = vec![0; stages.len()];
    let mut distance = 0;
    let mut meets = vec![0; stages.len()];
    let mut beside = vec![0; stages.len()];
    let mut before = 0;
    let mut progress = vec![Progress::default(); stages.len()];
    let mut flow = Flow::new(stages, &mut progress, Some(0), last.ends());
    while let Some(turn) = flow.turn(&[]) {
        let stage = &stages[turn.stage];
        let also = stage.also.as_ref().map(|reading| reading.line);
        let lines = [Some(stage.reads.line), also, Some(turn.stage + 1)];
        for line in lines.into_iter().flatten() {
            if let Some(held) = held.get_mut(line) {
                *held = flow.held(line).max(*held);
            }
        }
        let mut live = 0u64;
        for (line, stage) in stages.iter().enumerate() {
            // Sums are there from the first turn on.
            if stage.line.row_bytes == 0 || flow.held(line) > 0 {
                live |= 1 << line;
            }
        }
        beside[turn.stage] |= live;
        if live != before {
            before = live;
            for (line, meets) in meets.iter_mut().enumerate() {
                if live >> line & 1 == 1 {
                    *meets |= live;
                }
            }
        }
        if turn.stage + 1 == stages.len() {
            let written = (turn.to + 1) * last.at_once * last.made_bytes;
            distance = distance.max(written.saturating_sub(flow.read() * first.row_bytes));
        }
        flow.made(&[]);
    }
    for (held, stage) in held.iter_mut().zip(stages) {
        if stage.line.start.is_none() {
            *held = 0;
        }
    }
    Followed {
        held,
        meets,
        beside,
        distance,
    }
}

/// Memory that wants a place: a line buffer, or what a stage works in.
struct Block {
    bytes: usize,
    /// Which line buffer it is.
    line: Option<usize>,
    /// Line buffers that hold rows while it is in use, of which each is a bit.
    meets: u64,
}

impl Block {
    /// Whether both are in use at one time. Two stages never run at once.
    fn meets(&self, other: &Self) -> bool {
        let holds =
            |line: Option<usize>, meets: u64| line.is_some_and(|line| meets >> line & 1 == 1);
        holds(self.line, other.meets) || holds(other.line, self.meets)
    }
}

/// Where blocks begin, and the end of all. Those that are never in use at one time may share memory: of operators that read one row at a time, each
/// runs as soon as it has it.
fn place(blocks: &[Block]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.retain(|at| blocks[*at].bytes > 0);
    order.sort_by_key(|at| Reverse(blocks[*at].bytes));
    let mut starts = vec![0; blocks.len()];
    // Blocks that have a place, with where they begin and end.
    let mut placed: Vec<(usize, usize, usize)> = Vec::new();
    for at in order {
        let block = &blocks[at];
        let mut start = 0;
        for (other, from, to) in &placed {
            let is_below = start + block.bytes <= *from;
            if block.meets(&blocks[*other]) && !is_below {
                start = start.max(*to);
            }
        }
        let end = (start + block.bytes).next_multiple_of(ALIGNMENT);
        let behind = placed.partition_point(|(_, from, _)| *from <= start);
        placed.insert(behind, (at, start, end));
        starts[at] = start;
    }
    let ends = placed.into_iter().map(|(_, _, end)| end);
    (starts, ends.max().unwrap_or(0))
}
