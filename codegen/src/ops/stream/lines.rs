//! Who reads which rows of a stream, where line buffers lie, and how far the output may overlap the input.

use std::cmp::Reverse;
use std::collections::HashMap;

use castiron_runtime::kernels::{Flow, Line, Progress, Reading, StageRows};

use super::rowwise::{Kind, Rowwise};
use crate::graph::TensorId;

/// Where line buffers, and working buffers of stages, begin: a multiple of this.
pub(super) const ALIGNMENT: usize = 16;

/// Operators that run row by row, with the places of their line buffers.
pub(crate) struct Lines {
    /// An average has two, any other operator one.
    pub(crate) stages: Vec<StageRows>,
    /// By stage: rows that the line buffer before it holds, and its bytes. A buffer of sums holds one row.
    pub(super) held: Vec<usize>,
    pub(super) sizes: Vec<usize>,
    /// Bytes of all line buffers, from 0.
    pub(crate) bytes: usize,
    /// Bytes from the output's first byte to the input's, at least: what is written then lies over rows that nobody reads any more.
    pub(crate) distance: usize,
    /// Bytes that are moved, by all line buffers together.
    pub(crate) moved: usize,
}

impl Lines {
    /// Line buffers of operators in the order in which they may run, if need be with one for an input that comes `by_rows`; `None` if they read more
    /// than one image beside their own.
    pub(crate) fn new(operators: &[Rowwise], by_rows: bool) -> Option<Self> {
        let (first, last) = (operators.first()?, operators.last()?);
        let mut stages = stages(operators, by_rows)?;
        let mut sums: Vec<usize> = vec![0; stages.len()];
        let mut next = 0;
        for operator in operators {
            next += operator.stages();
            if matches!(operator.kind, Kind::Average) {
                sums[next - 1] = operator.sums();
            }
        }
        if stages.len() > u64::BITS as usize {
            return None;
        }
        let Followed {
            held,
            meets,
            distance,
        } = follow(&stages, first, last);
        let sizes = (stages.iter().zip(&held).zip(&sums))
            .map(|((stage, held), sums)| held * stage.line.row_bytes + sums);
        let sizes: Vec<usize> = sizes.collect();
        let bytes = place(&mut stages, &meets, &sizes);
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
            stages,
        })
    }
}

/// What a turn of a stream costs beside the kernel, in bytes that are moved.
const TURN: usize = 100;

impl Rowwise {
    /// Stages that compute it.
    fn stages(&self) -> usize {
        match self.kind {
            Kind::Row(_) => 1,
            Kind::Average => 2,
        }
    }
}

/// The stages, without the places of line buffers.
fn stages(operators: &[Rowwise], by_rows: bool) -> Option<Vec<StageRows>> {
    let input = *operators.first()?.inputs.first()?;
    // The line buffer that has a tensor, and the bytes of a row.
    let mut of_tensor: HashMap<TensorId, usize> = HashMap::from([(input, 0)]);
    let mut stages: Vec<StageRows> = Vec::new();
    let mut before: Option<&Rowwise> = None;
    for operator in operators {
        let reading = |line: usize| Reading {
            line,
            window: operator.window,
            stride: operator.stride,
            first: operator.top,
        };
        let mut readings = Vec::new();
        for input in &operator.inputs {
            readings.push(reading(*of_tensor.get(input)?));
        }
        let (rows, row_bytes) = match before {
            Some(before) => (before.made, before.made_bytes),
            None => (operator.rows, operator.row_bytes),
        };
        let line = Line {
            rows,
            row_bytes,
            top: 0,
            padding: 0,
            readers: 0,
            start: Some(0),
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
                    ..line
                },
            });
        }
        of_tensor.insert(operator.output, stages.len());
        before = Some(operator);
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
    for operator in operators {
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
    distance: usize,
}

fn follow(stages: &[StageRows], first: &Rowwise, last: &Rowwise) -> Followed {
    let mut held = vec![0; stages.len()];
    let mut distance = 0;
    let mut meets = vec![0; stages.len()];
    let mut before = 0;
    let mut progress = vec![Progress::default(); stages.len()];
    let mut flow = Flow::new(stages, &mut progress, Some(0), last.made);
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
        if live != before {
            before = live;
            for (line, meets) in meets.iter_mut().enumerate() {
                if live >> line & 1 == 1 {
                    *meets |= live;
                }
            }
        }
        if turn.stage + 1 == stages.len() {
            let written = (turn.to + 1) * last.made_bytes;
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
        distance,
    }
}

/// Places line buffers; returns the end of all. Those that never hold rows at one time may share memory: of operators that read one row at a time,
/// each runs as soon as it has it.
fn place(stages: &mut [StageRows], meets: &[u64], sizes: &[usize]) -> usize {
    let mut order: Vec<usize> = (0..stages.len()).filter(|at| sizes[*at] > 0).collect();
    order.sort_by_key(|at| Reverse(sizes[*at]));
    // Line buffers that have a place, with where they begin and end.
    let mut placed: Vec<(usize, usize, usize)> = Vec::new();
    for at in order {
        let mut start = 0;
        for (other, from, to) in &placed {
            let is_below = start + sizes[at] <= *from;
            if meets[at] >> other & 1 == 1 && !is_below {
                start = start.max(*to);
            }
        }
        let end = (start + sizes[at]).next_multiple_of(ALIGNMENT);
        let behind = placed.partition_point(|(_, from, _)| *from <= start);
        placed.insert(behind, (at, start, end));
        let line = &mut stages[at].line;
        line.start = line.start.map(|_| start);
    }
    let ends = placed.into_iter().map(|(_, _, end)| end);
    ends.max().unwrap_or(0)
}
