//! Operators that run row by row, each of which reads what earlier ones write: one operator for several, and what is chosen for it.

mod lines;
mod rowwise;
mod window;

use castiron_runtime::kernels::{AddRow, AverageOfSums, Fill, Progress};

use super::{Site, choose as choose_operator};
use crate::error::Diagnostic;
use crate::graph::{Graph, Operator, Options, Streamed, TensorId};
use crate::program::{
    Action, Argument, Call, Choice, Choosing, ElementType, Moves, Place, Purpose, Rows, Stage,
    Stream,
};

use lines::ALIGNMENT;
pub(crate) use lines::Lines;
pub(crate) use rowwise::Rowwise;
use rowwise::{INPUT, Kind, OUTPUT, SECOND};

/// One operator for several, each of which reads what the first one reads, or what earlier ones write. `by_rows` says that what the first one
/// reads comes row by row.
pub(crate) fn stream(graph: &Graph, positions: &[usize], by_rows: bool) -> Option<Operator> {
    let all: Vec<Operator> = (positions.iter())
        .map(|position| {
            let mut operator = graph.operators[*position].clone();
            operator.origin = graph.parts(*position);
            operator
        })
        .collect();
    let mut operator = all.last()?.clone();
    let between: Vec<TensorId> = all.iter().flat_map(|o| o.outputs.clone()).collect();
    let first = Rowwise::of(graph, all.first()?)?;
    let mut inputs = vec![first.inputs.first().copied()];
    for input in all.iter().flat_map(|operator| &operator.inputs).flatten() {
        if !between.contains(input) && !inputs.contains(&Some(*input)) {
            inputs.push(Some(*input));
        }
    }
    operator.inputs = inputs;
    operator.origin = all.iter().flat_map(|o| o.origin.clone()).collect();
    operator.options = Options::Streamed(Streamed {
        operators: all,
        by_rows,
    });
    Some(operator)
}

/// Chooses for an operator that [`stream`] made.
pub(super) fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    streamed: &Streamed,
    purpose: Purpose<'_>,
) -> Result<(), Diagnostic> {
    let Streamed {
        operators: all,
        by_rows,
    } = streamed;
    let fault = || Diagnostic::fault("a stream has an operator that does not run row by row");
    let graph = site.graph;
    let stages: Option<Vec<Rowwise>> = all.iter().map(|o| Rowwise::of(graph, o)).collect();
    let stages = stages.ok_or_else(fault)?;
    let Lines {
        stages: rows,
        held,
        sizes,
        bytes,
        distance,
        ..
    } = Lines::new(&stages, *by_rows).ok_or_else(fault)?;
    let input = choosing.activation(site.input_id(0)?)?;
    let output = choosing.activation(site.output_id(0)?)?;
    let lines = (bytes > 0).then(|| choosing.scratch(ElementType::U8, bytes));
    let mut most = 0;
    let mut calls: Vec<(usize, Choice, Call, Vec<usize>)> = Vec::new();
    for (position, (operator, stage)) in all.iter().zip(&stages).enumerate() {
        let options = match &stage.kind {
            Kind::Row(options) => options,
            Kind::Average => {
                for call in average(site, operator, stage)? {
                    calls.push((position, Choice::default(), call, Vec::new()));
                }
                continue;
            }
        };
        let alone = stage.alone(graph, operator, options);
        let (mut choice, verdict) = choose_operator(&alone, 0, purpose);
        verdict?;
        let is_kept = !choice.memory.kept.is_empty();
        let (Some(Action::Call(call)), true, false) =
            (choice.actions.pop(), choice.actions.is_empty(), is_kept)
        else {
            return Err(fault());
        };
        let mut end = 0;
        let buffers = choice.memory.scratch.iter().map(|bytes| {
            let start = end;
            end = (end + bytes).next_multiple_of(ALIGNMENT);
            start
        });
        let buffers: Vec<usize> = buffers.collect();
        most = most.max(end);
        calls.push((position, choice, call, buffers));
    }
    let buffer = (most > 0).then(|| choosing.scratch(ElementType::U8, most));
    let line = |at: usize| {
        Some(Argument {
            offset: rows.get(at)?.line.start?,
            len: sizes[at],
            ..lines?
        })
    };
    let lines: Vec<Option<Argument>> = (0..calls.len()).map(line).collect();
    let mut made = Vec::new();
    for (at, (operator, choice, mut call, buffers)) in calls.into_iter().enumerate() {
        let stage = &stages[operator];
        let mut moves = Vec::new();
        for argument in &mut call.arguments {
            let bytes = argument.len * argument.element.bytes();
            let of_rows = |bytes: usize, last: usize| Rows {
                elements: bytes / argument.element.bytes(),
                last,
            };
            let (second, element) = (argument.place == Place::Tensor(SECOND), argument.element);
            let is_read = second || argument.place == Place::Tensor(INPUT);
            let (to, moved) = match argument.place {
                Place::Tensor(INPUT | SECOND) => {
                    let also = rows[at].also.filter(|_| second);
                    let reads = also.unwrap_or(rows[at].reads);
                    let row_bytes = rows[reads.line].line.row_bytes;
                    let (to, last) = match lines[reads.line] {
                        Some(line) => (line, held[reads.line].saturating_sub(reads.window)),
                        None => (input, (stage.turns() - 1) * reads.stride),
                    };
                    let moves = match last {
                        _ if row_bytes == 0 => Moves::Not,
                        0 => Moves::Not,
                        last if second => Moves::Also(of_rows(row_bytes, last)),
                        last => Moves::From(of_rows(row_bytes, last)),
                    };
                    (to, moves)
                }
                Place::Tensor(OUTPUT) => match (lines.get(at + 1), rows.get(at + 1)) {
                    // Sums, which are the buffer of the next stage, stay where they are.
                    (Some(Some(line)), Some(next)) if next.line.row_bytes == 0 => {
                        (*line, Moves::Not)
                    }
                    (Some(Some(line)), Some(_)) => {
                        let last = held[at + 1].saturating_sub(1);
                        (*line, Moves::To(of_rows(stage.made_bytes, last)))
                    }
                    _ => (output, Moves::To(of_rows(stage.made_bytes, stage.made - 1))),
                },
                Place::Scratch(at) => {
                    let (at, buffer) = buffers.get(at).zip(buffer).ok_or_else(fault)?;
                    let buffer = Argument {
                        offset: *at,
                        ..buffer
                    };
                    (buffer, Moves::Not)
                }
                Place::Constant(_) => (choosing.adopt(&choice, *argument), Moves::Not),
                _ => return Err(fault()),
            };
            // What is read in a buffer of several must not reach into the next one.
            let reach = match moved {
                Moves::From(rows) | Moves::Also(rows) => rows.elements * rows.last,
                Moves::Not | Moves::To(_) => 0,
            };
            let is_line = is_read && to.place != input.place;
            if is_line && argument.offset + bytes + reach * element.bytes() > to.len {
                return Err(fault());
            }
            if let Place::Constant(_) = argument.place {
                *argument = to;
            } else {
                argument.place = to.place;
                argument.offset += to.offset;
            }
            moves.push(moved);
        }
        made.push(Stage {
            operator,
            call,
            moves,
            rows: rows[at],
            lines: lines[at],
        });
    }
    // Sums begin at zeros.
    let sums = made.iter().filter(|stage| stage.rows.line.row_bytes == 0);
    for sums in sums.filter_map(|stage| stage.lines) {
        choosing.call(Fill { pattern: [0; 8] }, [sums]);
    }
    match by_rows {
        true => choosing.take_by_rows(made.len() * size_of::<Progress>())?,
        false => choosing.overlap(distance, 1),
    }
    choosing.act(Action::Stream(Stream {
        by_rows: *by_rows,
        input: input.as_bytes(),
        rows: stages.last().map_or(0, |last| last.made),
        stages: made,
    }));
    Ok(())
}

/// The calls of an average over all pixels: for each row, and at the end.
fn average(site: &Site<'_>, operator: &Operator, stage: &Rowwise) -> Result<[Call; 2], Diagnostic> {
    let own = Site { operator, ..*site };
    let Options::Pool2d(options) = &operator.options else {
        return Err(own.error("the operator has no options"));
    };
    own.same_quantization(stage.inputs[0], stage.output)?;
    let (min, max) = own.integer_range(options.activation, stage.output)?;
    let (channels, bytes) = (stage.made_bytes, stage.row_bytes);
    let argument = |id, element, len| Argument {
        place: Place::Tensor(id),
        element,
        offset: 0,
        len,
    };
    let pixels = bytes / channels;
    let row = AddRow { pixels };
    let all = AverageOfSums {
        count: pixels * stage.rows,
        min,
        max,
    };
    Ok([
        Call {
            kernel: Box::new(row),
            arguments: vec![
                argument(INPUT, ElementType::I8, bytes),
                argument(OUTPUT, ElementType::I32, channels),
            ],
        },
        Call {
            kernel: Box::new(all),
            arguments: vec![
                argument(INPUT, ElementType::I32, channels),
                argument(OUTPUT, ElementType::I8, channels),
            ],
        },
    ])
}
