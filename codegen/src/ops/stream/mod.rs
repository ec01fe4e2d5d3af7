//! Operators that run row by row, each of which reads what earlier ones write: one operator for several, and what is chosen for it.

mod image;
mod lines;
mod patches;
mod rowwise;
mod window;

use std::sync::Arc;

use castiron_runtime::host::HostKernel;
use castiron_runtime::kernels::{AddRow, AverageOfSums, Fill, Progress, ScaleSum};

use super::reduce::scaled_sum;
use super::{Site, choose as choose_operator};
use crate::error::Diagnostic;
use crate::graph::{Graph, Operator, Options, Patched, Streamed, TensorId};
use crate::program::{
    Action, Again, Argument, Call, Choice, Choosing, ElementType, Moves, Place, Purpose, Rows,
    Stage, StageKernel, Stream, Strip, Strips,
};

pub(crate) use image::rows_of;
use lines::ALIGNMENT;
pub(crate) use lines::{Lines, Overwritten};
use patches::Patches;
pub(crate) use patches::{Unit, is_chain, unit, units};
pub(crate) use rowwise::Rowwise;
use rowwise::{INPUT, Kind, OUTPUT, SECOND};

/// One operator for several, each of which reads what the first one reads, or what earlier ones write. `by_rows` says that what the first one
/// reads comes row by row, `patched` which of them compute rows patch by patch, and `at_once` how many rows each computes at a turn.
pub(crate) fn stream(
    graph: &Graph,
    positions: &[usize],
    by_rows: bool,
    patched: &[Patched],
    at_once: &[usize],
) -> Option<Operator> {
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
        patched: patched.to_vec(),
        at_once: at_once.to_vec(),
    });
    Some(operator)
}

/// How each operator of a stream runs row by row.
fn rowwise(graph: &Graph, streamed: &Streamed) -> Option<Vec<Rowwise>> {
    let operators = streamed.operators.iter().zip(&streamed.at_once);
    let rowwise = operators.map(|(operator, count)| Rowwise::of(graph, operator)?.at_once(*count));
    rowwise.collect()
}

/// How often the kernels of a stream compute rows.
pub(crate) fn rows(graph: &Graph, streamed: &Streamed) -> usize {
    let rowwise = rowwise(graph, streamed).unwrap_or_default().into_iter();
    let computed = rowwise.filter(|rowwise| !matches!(rowwise.kind, Kind::View));
    computed.map(|rowwise| rowwise.turns()).sum()
}

/// How much of its output each operator of a stream computes.
pub(crate) fn again(graph: &Graph, streamed: &Streamed) -> Option<Vec<Again>> {
    let mut all = vec![Again::ONCE; streamed.operators.len()];
    for unit in units(&rowwise(graph, streamed)?, &streamed.patched)? {
        if let Some(patches) = &unit.patches {
            all[unit.operators].copy_from_slice(&patches.again);
        }
    }
    Some(all)
}

/// A kernel that was chosen for an operator of a stream.
struct Chosen {
    operator: usize,
    choice: Choice,
    call: Call,
    /// Where its working buffers begin among those of its stage.
    buffers: Vec<usize>,
    again: Again,
}

/// What was chosen for a stage.
struct ChosenStage<'a> {
    unit: &'a Unit,
    kernels: Vec<Chosen>,
    /// Whether the kernels compute rows patch by patch.
    patches: Option<&'a Patches>,
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
        patched,
        ..
    } = streamed;
    let fault = || Diagnostic::fault("a stream has an operator that does not run row by row");
    let graph = site.graph;
    let operators = self::rowwise(graph, streamed).ok_or_else(fault)?;
    let units = units(&operators, patched).ok_or_else(fault)?;
    let rowwise: Vec<Rowwise> = units.iter().map(|unit| unit.rowwise.clone()).collect();
    let (mut working, mut overwritten) = (Vec::new(), Vec::new());
    let mut stages: Vec<ChosenStage<'_>> = Vec::new();
    for unit in &units {
        if let Kind::View = unit.rowwise.kind {
            working.push(0);
            overwritten.push(Vec::new());
            continue;
        }
        let patches = unit.patches.as_ref();
        let mut most = unit.patches_bytes();
        let (mut kernels, mut own_rows) = (Vec::new(), Vec::new());
        let mut last = None;
        for (at, position) in unit.operators.clone().enumerate() {
            let (operator, rowwise) = (&all[position], &operators[position]);
            let alone = match (&rowwise.kind, patches) {
                (Kind::Row(options), None) => Some(rowwise.alone(graph, operator, options)),
                (Kind::Row(_), Some(own)) => {
                    rowwise.patch(graph, operator, [own.read[at].size, own.made[at]])
                }
                (Kind::Average | Kind::View, _) => None,
            };
            let Some(alone) = alone else {
                let strips = patches.map_or(1, |patches| patches.strips);
                let [row, end] = average(site, operator, rowwise, strips)?;
                kernels.push(Chosen::new(position, row));
                last = Some(Chosen::new(position, end));
                continue;
            };
            let (mut choice, verdict) = choose_operator(&alone, 0, purpose);
            verdict?;
            let is_kept = !choice.memory.kept.is_empty();
            let (Some(Action::Call(call)), true, false) =
                (choice.actions.pop(), choice.actions.is_empty(), is_kept)
            else {
                return Err(fault());
            };
            let mut end = patches.map_or(0, |patches| patches.bytes);
            let buffers = choice.memory.scratch.iter().map(|bytes| {
                let start = end;
                end = (end + bytes).next_multiple_of(ALIGNMENT);
                start
            });
            let buffers: Vec<usize> = buffers.collect();
            most = most.max(end);
            if patches.is_none() {
                let (memory, images) = (&choice.memory, &[INPUT, SECOND][..rowwise.inputs.len()]);
                let inputs = &alone.operators[0].inputs;
                own_rows = rowwise.overwritten(graph, memory, inputs, images, 1);
            }
            kernels.push(Chosen {
                operator: position,
                choice,
                call,
                buffers,
                again: patches.map_or(Again::ONCE, |patches| patches.again[at]),
            });
        }
        stages.push(ChosenStage {
            unit,
            kernels,
            patches,
        });
        working.push(most);
        overwritten.push(own_rows);
        stages.extend(last.map(|last| ChosenStage {
            unit,
            kernels: vec![last],
            patches: None,
        }));
    }
    let Lines {
        stages: rows,
        held,
        sizes,
        working,
        bytes,
        distance,
        ..
    } = Lines::new(&rowwise, &working, &overwritten, *by_rows).ok_or_else(fault)?;
    let input = choosing.activation(site.input_id(0)?)?;
    let output = choosing.activation(site.output_id(0)?)?;
    let memory = (bytes > 0).then(|| choosing.scratch(ElementType::U8, bytes));
    let line = |at: usize| {
        Some(Argument {
            offset: rows.get(at)?.line.start?,
            len: sizes[at],
            ..memory?
        })
    };
    let lines: Vec<Option<Argument>> = (0..stages.len()).map(line).collect();
    let mut made = Vec::new();
    for (at, chosen) in stages.into_iter().enumerate() {
        let ChosenStage {
            unit,
            kernels,
            patches,
        } = chosen;
        let stage = &unit.rowwise;
        let count = kernels.len();
        // From a byte of what the stage works in.
        let work = |start: usize| {
            Some(Argument {
                offset: working.get(at)? + start,
                ..memory?
            })
        };
        let patch = |kernel: usize| work(patches?.read.get(kernel)?.start);
        let mut calls = Vec::new();
        for (kernel, chosen) in kernels.into_iter().enumerate() {
            let Chosen {
                operator,
                choice,
                mut call,
                buffers,
                again,
            } = chosen;
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
                    Place::Tensor(INPUT) if patches.is_some() => {
                        (patch(kernel).ok_or_else(fault)?, Moves::Not)
                    }
                    Place::Tensor(INPUT | SECOND) => {
                        let also = rows[at].also.filter(|_| second);
                        let reads = also.unwrap_or(rows[at].reads);
                        let home = rows[reads.line].line.home;
                        let row_bytes = rows[home].line.row_bytes;
                        let (to, last) = match lines[reads.line] {
                            Some(line) => (line, held[home].saturating_sub(reads.window)),
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
                    Place::Tensor(OUTPUT) if kernel + 1 < count => {
                        (patch(kernel + 1).ok_or_else(fault)?, Moves::Not)
                    }
                    Place::Tensor(OUTPUT) => {
                        let home = rows.get(at + 1).map(|next| next.line.home);
                        let all_bytes = stage.at_once * stage.made_bytes;
                        let row_bytes = home.map_or(all_bytes, |home| rows[home].line.row_bytes);
                        let to = |last: usize| match patches {
                            None => Moves::To(of_rows(row_bytes, last)),
                            Some(patches) => Moves::Strip(
                                of_rows(row_bytes, last),
                                Strip {
                                    elements: argument.len,
                                    last: patches.strips - 1,
                                },
                            ),
                        };
                        match (lines.get(at + 1), rows.get(at + 1)) {
                            // Sums, which are the buffer of the next stage, stay where they are.
                            (Some(Some(line)), Some(next)) if next.line.row_bytes == 0 => {
                                (*line, Moves::Not)
                            }
                            (Some(Some(line)), Some(_)) => {
                                let rows = home.map_or(0, |home| held[home]);
                                (*line, to(rows.saturating_sub(stage.at_once)))
                            }
                            _ => (output, to(stage.ends() - 1)),
                        }
                    }
                    Place::Scratch(at) => {
                        let start = buffers.get(at).ok_or_else(fault)?;
                        (work(*start).ok_or_else(fault)?, Moves::Not)
                    }
                    Place::Constant(_) => (choosing.adopt(&choice, *argument), Moves::Not),
                    _ => return Err(fault()),
                };
                // What is read in a buffer of several must not reach into the next one.
                let reach = match moved {
                    Moves::From(rows) | Moves::Also(rows) => rows.elements * rows.last,
                    Moves::Not | Moves::To(_) | Moves::Strip(..) => 0,
                };
                let is_line = is_read && patches.is_none() && to.place != input.place;
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
            calls.push(StageKernel {
                operator,
                call,
                moves,
                again,
            });
        }
        let strips = patches.zip(work(0)).map(|(patches, memory)| Strips {
            count: patches.strips,
            row_bytes: stage.row_bytes,
            patches: patches.read.clone(),
            memory: Argument {
                len: patches.bytes,
                ..memory
            },
        });
        made.push(Stage {
            kernels: calls,
            strips,
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
        rows: rowwise.last().map_or(0, Rowwise::ends),
        stages: made,
    }));
    Ok(())
}

impl Chosen {
    /// A kernel that has no working memory.
    fn new(operator: usize, call: Call) -> Self {
        Self {
            operator,
            choice: Choice::default(),
            call,
            buffers: Vec::new(),
            again: Again::ONCE,
        }
    }
}

/// The calls of an average over all pixels: for each row, or for each of its `strips`, and at the end.
fn average(
    site: &Site<'_>,
    operator: &Operator,
    stage: &Rowwise,
    strips: usize,
) -> Result<[Call; 2], Diagnostic> {
    let own = Site { operator, ..*site };
    let (channels, bytes) = (stage.made_bytes, stage.row_bytes);
    let argument = |id, element, len| Argument {
        place: Place::Tensor(id),
        element,
        offset: 0,
        len,
    };
    let pixels = bytes / channels;
    let (pixels_of_row, bytes) = (pixels / strips, bytes / strips);
    let row = AddRow {
        pixels: pixels_of_row,
    };
    let count = pixels * stage.rows;
    let all: Box<dyn HostKernel> = match &operator.options {
        Options::Pool2d(options) => {
            own.same_quantization(stage.inputs[0], stage.output)?;
            let (min, max) = own.integer_range(options.activation, stage.output)?;
            Box::new(AverageOfSums { count, min, max })
        }
        _ => Box::new(ScaleSum {
            function: scaled_sum(&own, true, count)?,
        }),
    };
    Ok([
        Call {
            kernel: Arc::new(row),
            arguments: vec![
                argument(INPUT, ElementType::I8, bytes),
                argument(OUTPUT, ElementType::I32, channels),
            ],
        },
        Call {
            kernel: all.into(),
            arguments: vec![
                argument(INPUT, ElementType::I32, channels),
                argument(OUTPUT, ElementType::I8, channels),
            ],
        },
    ])
}
