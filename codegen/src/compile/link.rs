//! Gives what was chosen its addresses: symbols become places in the arena and among the packed
//! constants.

use std::collections::HashMap;
use std::sync::Arc;

use castiron_runtime::kernels::{Blocks, CopyBlocks, Fill, LOOPS, Line, Patch, StageRows};

use crate::error::Diagnostic;
use crate::graph::{Graph, Options, Site, Streamed, TensorId};
use crate::plan::{Kept, Layout, Location, OutputCopy, Placed, Region};
use crate::program::{
    Action, Argument, Choice, ConstantPool, CustomStep, ElementType, Invocation, KernelCall,
    Memory, MovingCall, Observation, Operand, Origin, Place, Port, StageCall, StageStrips, Step,
    Stream, StreamStep, element, misplaced,
};
use crate::work::{self, Work};

/// What every subgraph's linking needs of the others.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) layout: &'a Layout,
    /// All subgraphs that run, after their passes, by their index in the file.
    pub(super) graphs: HashMap<usize, &'a Graph>,
    /// Positions of routines by their subgraph's index.
    pub(super) routines: HashMap<usize, usize>,
}

impl Surroundings<'_> {
    /// Where a tensor of a subgraph lies: in the arena, or behind it in one of the caller's buffers.
    fn region(&self, subgraph: usize, placed: &Placed, id: TensorId) -> Option<Region> {
        let Location::Caller { held, offset } = placed.plan.tensors.get(id.index())?.location
        else {
            return placed.region(id);
        };
        let held = self.layout.held(subgraph, held)?;
        Some(Region {
            offset: held.offset + offset,
            bytes: self.graphs.get(&subgraph)?.tensor(id).bytes(),
        })
    }
}

/// The steps of one subgraph so far.
#[derive(Debug)]
pub(super) struct Linker<'a> {
    around: &'a Surroundings<'a>,
    index: usize,
    graph: &'a Graph,
    placed: &'a Placed,
    constants: &'a mut ConstantPool,
    /// Tensors before this one are shown in a traced run. Those that passes add are not: nobody else has them.
    observed: usize,
    calls: usize,
    steps: Vec<Step>,
}

/// An operator whose actions are linked.
struct Linked<'s> {
    site: &'s Site<'s>,
    origin: Origin,
    /// Multiply-accumulates, all operations, and pixels that no call has yet.
    macs: u64,
    work: u64,
    pixels: u64,
    constants: Vec<Operand>,
}

impl<'a> Linker<'a> {
    /// # Errors
    /// If the subgraph is none of those that were laid out, which is a mistake of castiron's.
    pub(super) fn new(
        around: &'a Surroundings<'a>,
        index: usize,
        constants: &'a mut ConstantPool,
        observed: usize,
    ) -> Result<Self, Diagnostic> {
        let found = around.graphs.get(&index).zip(around.layout.graph(index));
        let (graph, placed) = found.ok_or_else(|| no_place(index))?;
        Ok(Self {
            around,
            index,
            graph,
            placed,
            constants,
            observed,
            calls: 0,
            steps: Vec::new(),
        })
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Links all operators, in the plan's order.
    ///
    /// # Errors
    /// If an operand has no place, which is a mistake of castiron's.
    pub(super) fn operators(&mut self, mut choices: Vec<Choice>) -> Result<(), Diagnostic> {
        for &operator in &self.placed.plan.positions {
            self.operator(operator, std::mem::take(&mut choices[operator]))?;
        }
        Ok(())
    }

    fn operator(&mut self, index: usize, choice: Choice) -> Result<(), Diagnostic> {
        let site = Site::new(self.graph, index);
        let constants = choice.constants.into_iter();
        // Those of a stream are its stages'.
        let is_stream = matches!(site.options(), Options::Streamed(_));
        let work = work::at(&site).filter(|_| !is_stream);
        let mut linked = Linked {
            site: &site,
            // Once for all steps: it looks at every input, and there may be a step for each.
            origin: Origin {
                operator: self.graph.origin(index),
                name: site.operator.kind.name().to_owned(),
                title: title(&site),
            },
            macs: work.as_ref().map_or(0, Work::macs),
            work: work.as_ref().map_or(0, Work::total),
            pixels: if is_stream { 0 } else { pixels(&site) },
            constants: constants
                .map(|(element, bytes)| self.constants.pack(element, bytes))
                .collect(),
        };
        for action in choice.actions {
            let steps = self.action(&mut linked, action)?;
            self.steps.extend(steps);
        }
        for (output, id) in site.operator.outputs.iter().enumerate() {
            if id.index() < self.observed
                && let Some(operand) = self.tensor(*id)?
            {
                self.steps.push(Step::Observe(Observation {
                    operator: self.graph.origin(index),
                    output,
                    tensor: id.index(),
                    operand,
                }));
            }
        }
        Ok(())
    }

    fn action(&mut self, linked: &mut Linked<'_>, action: Action) -> Result<Vec<Step>, Diagnostic> {
        Ok(match action {
            Action::Call(call) => {
                let operands = (call.arguments.iter())
                    .map(|a| self.operand(linked, a))
                    .collect::<Result<_, _>>()?;
                vec![Step::Call(KernelCall {
                    number: self.next(),
                    origin: linked.origin.clone(),
                    macs: std::mem::take(&mut linked.macs),
                    work: std::mem::take(&mut linked.work),
                    pixels: std::mem::take(&mut linked.pixels),
                    kernel: call.kernel,
                    operands,
                })]
            }
            Action::Copy { from, to } => {
                let (from, to) = (self.operand(linked, &from)?, self.operand(linked, &to)?);
                self.copy(&linked.origin, from, to).into_iter().collect()
            }
            Action::Custom(call) => vec![Step::Custom(CustomStep {
                number: self.next(),
                origin: linked.origin.clone(),
                call: call.moved(|argument| self.operand(linked, argument))?,
            })],
            Action::Stream(stream) => vec![Step::Stream(self.stream(linked, stream)?)],
            Action::Run(run) => self.invocation(linked, &run)?,
            Action::If {
                condition,
                then,
                otherwise,
            } => vec![Step::If {
                origin: linked.origin.clone(),
                condition: self.operand(linked, &condition)?,
                then: self.invocation(linked, &then)?,
                otherwise: self.invocation(linked, &otherwise)?,
            }],
            Action::While { test, body } => vec![Step::While {
                origin: linked.origin.clone(),
                condition: self.condition(&test)?,
                test: self.invocation(linked, &test)?,
                body: self.invocation(linked, &body)?,
            }],
            Action::Once { flag, run } => vec![Step::Once {
                flag: self.operand(linked, &flag)?,
                steps: self.invocation(linked, &run)?,
            }],
            Action::Wait { ended, runs } => vec![Step::Wait {
                origin: linked.origin.clone(),
                ended: self.operand(linked, &ended)?,
                runs,
            }],
        })
    }

    fn stream(&mut self, linked: &Linked<'_>, stream: Stream) -> Result<StreamStep, Diagnostic> {
        let site = linked.site;
        let Options::Streamed(Streamed { operators, .. }) = site.options() else {
            return Err(site.error("the operator is no stream"));
        };
        let by_rows = match stream.by_rows {
            true => Some(self.kept(Kept::Rows(self.index))?),
            false => None,
        };
        let number = self.calls;
        let mut stages = Vec::new();
        let mut counted = None;
        for stage in stream.stages {
            let mut calls = Vec::new();
            for kernel in stage.kernels {
                let Some(operator) = operators.get(kernel.operator) else {
                    return Err(site.error("a stage has no operator"));
                };
                let own = Site { operator, ..*site };
                // An operator of two stages is counted once.
                let is_first = counted.replace(kernel.operator) != Some(kernel.operator);
                let work = work::at(&own).filter(|_| is_first);
                let again = |work: u64| kernel.again.of(work);
                let operands = kernel.call.arguments.iter();
                let call = KernelCall {
                    number: self.next(),
                    origin: Origin {
                        operator: operator.origin.last().map_or(site.index, |part| part.index),
                        name: operator.kind.name().to_owned(),
                        title: title(&own),
                    },
                    macs: again(work.as_ref().map_or(0, Work::macs)),
                    work: again(work.as_ref().map_or(0, Work::total)),
                    pixels: if is_first { again(pixels(&own)) } else { 0 },
                    operands: operands
                        .map(|a| self.operand(linked, a))
                        .collect::<Result<_, _>>()?,
                    kernel: kernel.call.kernel,
                };
                calls.push(MovingCall {
                    call,
                    moves: kernel.moves,
                });
            }
            let lines = stage.lines.map(|lines| self.operand(linked, &lines));
            let lines = lines.transpose()?;
            let input = self.operand(linked, &stream.input)?;
            let strips = stage.strips.map(|strips| {
                let memory = self.operand(linked, &strips.memory)?;
                let at = |patch: &Patch| Patch {
                    start: memory.offset + patch.start,
                    ..*patch
                };
                Ok(StageStrips {
                    count: strips.count,
                    from: lines.unwrap_or(input).offset,
                    row_bytes: strips.row_bytes,
                    patches: strips.patches.iter().map(at).collect(),
                    memory,
                })
            });
            stages.push(StageCall {
                calls,
                strips: strips.transpose()?,
                rows: StageRows {
                    line: Line {
                        start: lines.map(|lines| lines.offset),
                        ..stage.rows.line
                    },
                    ..stage.rows
                },
                lines,
            });
        }
        Ok(StreamStep {
            number,
            origin: linked.origin.clone(),
            input: self.operand(linked, &stream.input)?,
            by_rows,
            rows: stream.rows,
            stages,
        })
    }

    /// The number of the next kernel call.
    fn next(&mut self) -> usize {
        self.calls += 1;
        self.calls - 1
    }

    /// The copy of bytes that are to be elsewhere.
    fn copy(&mut self, origin: &Origin, from: Operand, to: Operand) -> Option<Step> {
        if from == to || to.len == 0 {
            return None;
        }
        let blocks = Blocks {
            counts: [1; LOOPS],
            x_start: 0,
            x_steps: [0; LOOPS],
            y_start: 0,
            y_steps: [0; LOOPS],
            block: to.len,
        };
        Some(Step::Call(KernelCall {
            number: self.next(),
            origin: origin.clone(),
            macs: 0,
            work: 0,
            pixels: 0,
            kernel: Arc::new(CopyBlocks { blocks }),
            operands: vec![from, to],
        }))
    }

    /// Copies a subgraph's inputs, runs it, and copies its outputs.
    fn invocation(
        &mut self,
        linked: &Linked<'_>,
        run: &Invocation,
    ) -> Result<Vec<Step>, Diagnostic> {
        let subgraph = run.subgraph;
        let routine = self.around.routines.get(&subgraph);
        let found = routine.zip(self.around.graphs.get(&subgraph));
        let (routine, callee) = found.ok_or_else(|| no_place(subgraph))?;
        let mut steps = Vec::new();
        for (given, own) in run.inputs.iter().zip(&callee.inputs) {
            let own = self.bytes_in(subgraph, *own)?;
            if let (Some(given), Some(own)) = (given, own) {
                let given = self.operand(linked, &given.as_bytes())?;
                steps.extend(self.copy(&linked.origin, given, own));
            }
        }
        steps.push(Step::Run(*routine));
        for (position, (given, own)) in run.outputs.iter().zip(&callee.outputs).enumerate() {
            // What a loop hands through unchanged is there already.
            let handed_through = callee.inputs.get(position) == Some(own)
                && run.inputs.get(position) == run.outputs.get(position);
            let own = match handed_through {
                true => None,
                false => self.bytes_in(subgraph, *own)?,
            };
            if let (Some(given), Some(own)) = (given, own) {
                let given = self.operand(linked, &given.as_bytes())?;
                steps.extend(self.copy(&linked.origin, own, given));
            }
        }
        Ok(steps)
    }

    /// The first output of a subgraph: one byte.
    fn condition(&mut self, run: &Invocation) -> Result<Operand, Diagnostic> {
        let callee = self.around.graphs.get(&run.subgraph);
        let id = callee.and_then(|graph| graph.outputs.first());
        let place = match id {
            Some(id) => self.bytes_in(run.subgraph, *id)?,
            None => None,
        };
        place.ok_or_else(|| no_place(run.subgraph))
    }

    /// A tensor's bytes in any subgraph; `None` for a handle, which has none.
    fn bytes_in(&mut self, subgraph: usize, id: TensorId) -> Result<Option<Operand>, Diagnostic> {
        let found = self.around.graphs.get(&subgraph);
        let found = found.zip(self.around.layout.graph(subgraph));
        let (graph, placed) = found.ok_or_else(|| no_place(subgraph))?;
        let tensor = graph.tensor(id);
        let Some(element) = ElementType::of(tensor.dtype) else {
            return Ok(None);
        };
        if let Some(data) = &tensor.data {
            return Ok(Some(bytes(self.constants.pack(element, data.clone()))));
        }
        let region = match tensor.is_variable {
            true => self.around.layout.kept(Kept::Tensor(subgraph, id)),
            false => self.around.region(subgraph, placed, id),
        };
        let (memory, region) = (memory_of(graph, id), region.unwrap_or(NOWHERE));
        let all = Operand {
            memory,
            element: ElementType::U8,
            offset: region.offset,
            len: tensor.bytes(),
        };
        match all.len == region.bytes {
            true => Ok(Some(all)),
            false => {
                Err(misplaced(&all, &tensor.name).expected(format_args!("{} bytes", region.bytes)))
            }
        }
    }

    fn kept(&self, kept: Kept) -> Result<Region, Diagnostic> {
        let region = self.around.layout.kept(kept);
        region.ok_or_else(|| no_place(self.index))
    }

    fn flag(&self, flag: Kept) -> Result<Operand, Diagnostic> {
        let region = self.kept(flag)?;
        Ok(Operand {
            memory: Memory::State,
            element: ElementType::U8,
            offset: region.offset,
            len: region.bytes,
        })
    }

    /// Gives variables their first value, where it is not zeros: their bytes, all of one value.
    ///
    /// # Errors
    /// As [`operators`](Self::operators).
    pub(super) fn first_values(&mut self, values: &[(Kept, u8)]) -> Result<(), Diagnostic> {
        if values.is_empty() {
            return Ok(());
        }
        let mut steps = Vec::new();
        for (kept, value) in values {
            steps.push(Step::Call(KernelCall {
                number: self.next(),
                origin: Origin {
                    operator: 0,
                    name: "START".to_owned(),
                    title: "first value of a variable".to_owned(),
                },
                macs: 0,
                work: 0,
                pixels: 0,
                kernel: Arc::new(Fill {
                    pattern: [*value; 8],
                }),
                operands: vec![self.flag(*kept)?],
            }));
        }
        let flag = self.flag(Kept::Ready)?;
        self.steps.push(Step::Once { flag, steps });
        Ok(())
    }

    /// Runs the subgraph as a routine.
    ///
    /// # Errors
    /// As [`operators`](Self::operators).
    pub(super) fn routine(&mut self) -> Result<(), Diagnostic> {
        let routine = self.around.routines.get(&self.index);
        self.steps
            .push(Step::Run(*routine.ok_or_else(|| no_place(self.index))?));
        Ok(())
    }

    fn operand(&self, linked: &Linked<'_>, argument: &Argument) -> Result<Operand, Diagnostic> {
        let of_layout = |kept| self.around.layout.kept(kept);
        let found = match argument.place {
            Place::Tensor(id) if self.graph.tensor(id).is_variable => {
                of_layout(Kept::Tensor(self.index, id)).map(|region| (Memory::State, region))
            }
            Place::Tensor(id) if self.comes_by_rows(id) => {
                let (offset, bytes) = (0, self.graph.tensor(id).bytes());
                Some((Memory::Rows, Region { offset, bytes }))
            }
            Place::Tensor(id) => {
                let region = self.around.region(self.index, self.placed, id);
                region.map(|region| (Memory::Arena, region))
            }
            Place::Scratch(position) => {
                let mut scratch = self.placed.scratch(linked.site.index);
                scratch.nth(position).map(|region| (Memory::Arena, region))
            }
            Place::State(kept) => of_layout(kept).map(|region| (Memory::State, region)),
            Place::Constant(position) => linked.constants.get(position).map(|packed| {
                let offset = packed.offset;
                let bytes = packed.range().len();
                (Memory::Constants, Region { offset, bytes })
            }),
        };
        let (memory, region) = found.unwrap_or((Memory::Arena, NOWHERE));
        let operand = Operand {
            memory,
            element: argument.element,
            offset: region.offset + argument.offset,
            len: argument.len,
        };
        if argument.offset + operand.range().len() <= region.bytes {
            return Ok(operand);
        }
        let title = &linked.origin.title;
        Err(misplaced(&operand, title).expected(format_args!("{} bytes", region.bytes)))
    }

    /// Whether the caller has a tensor's rows.
    fn comes_by_rows(&self, id: TensorId) -> bool {
        self.placed.plan.tensors[id.index()].location == Location::Rows
    }

    /// All of a tensor; `None` for one without a place, as constants and handles are.
    fn tensor(&mut self, id: TensorId) -> Result<Option<Operand>, Diagnostic> {
        let tensor = self.graph.tensor(id);
        let region = self.around.region(self.index, self.placed, id);
        let placed = tensor.is_variable || region.is_some();
        if tensor.is_constant() || !placed {
            return Ok(None);
        }
        let Some(element) = ElementType::of(tensor.dtype) else {
            return Ok(None);
        };
        let all = self.bytes_in(self.index, id)?;
        Ok(all.map(|all| Operand {
            element,
            len: tensor.elements(),
            ..all
        }))
    }

    /// The inputs' places. What the caller holds, and operators look for elsewhere, is copied first.
    ///
    /// # Errors
    /// As [`operators`](Self::operators), or for an input that cannot be one.
    pub(super) fn inputs(&mut self) -> Result<Vec<Port>, Diagnostic> {
        let mut ports = Vec::new();
        for (number, id) in self.graph.inputs.iter().enumerate() {
            let operand = match self.comes_by_rows(*id) {
                true => Some(Operand {
                    memory: Memory::Rows,
                    element: element(self.graph, *id)?,
                    offset: 0,
                    len: self.graph.tensor(*id).elements(),
                }),
                false => self.tensor(*id)?,
            };
            let operand =
                operand.ok_or_else(|| self.error_at(*id, "a constant cannot be an input"))?;
            let held = self.held(number, operand);
            if let Some(held) = held.filter(|held| *held != operand) {
                let step = self.copy(&outside("INPUT", 0), bytes(held), bytes(operand));
                self.steps.extend(step);
            }
            ports.push(self.port(*id, held.unwrap_or(operand)));
        }
        Ok(ports)
    }

    /// One of the caller's buffers that holds as much as an operand.
    fn held(&self, number: usize, operand: Operand) -> Option<Operand> {
        let held = self.around.layout.held(self.index, number)?;
        Some(Operand {
            memory: Memory::Arena,
            offset: held.offset,
            ..operand
        })
    }

    /// The outputs' places. What lies elsewhere, as constants do, is copied there by a last step each: into the arena, or where the caller holds
    /// outputs.
    pub(super) fn outputs(&mut self) -> Result<Vec<Port>, Diagnostic> {
        let mut ports = Vec::new();
        let copies: HashMap<TensorId, &OutputCopy> = (self.placed.plan.output_copies.iter())
            .map(|c| (c.tensor, c))
            .collect();
        for (number, id) in (self.graph.inputs.len()..).zip(&self.graph.outputs) {
            let from = match self.tensor(*id)? {
                Some(operand) => Some(operand),
                None => self.constant(*id)?,
            };
            let from = from.ok_or_else(|| self.error_at(*id, "the output has no place"))?;
            let copied = copies.get(id).map(|copy| {
                let region = self.placed.moved(Region {
                    offset: copy.offset,
                    bytes: copy.bytes,
                });
                Operand {
                    memory: Memory::Arena,
                    offset: region.offset,
                    ..from
                }
            });
            let to = self.held(number, from).or(copied).unwrap_or(from);
            if to.memory == Memory::Constants {
                return Err(self.error_at(*id, "the output has no place"));
            }
            let origin = outside("OUTPUT", self.graph.operators.len());
            let step = self.copy(&origin, bytes(from), bytes(to));
            self.steps.extend(step);
            ports.push(self.port(*id, to));
        }
        Ok(ports)
    }

    /// A constant among the packed ones.
    fn constant(&mut self, id: TensorId) -> Result<Option<Operand>, Diagnostic> {
        let Some(data) = &self.graph.tensor(id).data else {
            return Ok(None);
        };
        let element = element(self.graph, id)?;
        Ok(Some(self.constants.pack(element, data.clone())))
    }

    fn error_at(&self, id: TensorId, message: &str) -> Diagnostic {
        Diagnostic::new(message).at_tensor(id.index(), &self.graph.tensor(id).name)
    }

    fn port(&self, id: TensorId, operand: Operand) -> Port {
        let tensor = self.graph.tensor(id);
        Port {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            dtype: tensor.dtype,
            quantization: tensor.quantization.clone(),
            operand,
        }
    }
}

/// Who copies what comes in, and what goes out.
fn outside(role: &str, operator: usize) -> Origin {
    let title = match role {
        "INPUT" => "input of the caller's",
        _ => "output that lies elsewhere",
    };
    Origin {
        operator,
        name: role.to_owned(),
        title: title.to_owned(),
    }
}

const NOWHERE: Region = Region {
    offset: 0,
    bytes: 0,
};

fn bytes(operand: Operand) -> Operand {
    Operand {
        element: ElementType::U8,
        len: operand.range().len(),
        ..operand
    }
}

fn memory_of(graph: &Graph, id: TensorId) -> Memory {
    match graph.tensor(id).is_variable {
        true => Memory::State,
        false => Memory::Arena,
    }
}

fn no_place(subgraph: usize) -> Diagnostic {
    Diagnostic::fault("a value has no place in memory")
        .found(format_args!("a value of subgraph {subgraph}"))
}

/// Elements of the first output but for the last dimension's.
fn pixels(site: &Site<'_>) -> u64 {
    let shape = site.output(0).map(|tensor| &tensor.shape[..]);
    let sizes = shape.ok().and_then(<[usize]>::split_last);
    let sizes = sizes.map_or(&[][..], |(_, sizes)| sizes);
    (sizes.iter()).fold(1, |product: u64, size| product.saturating_mul(*size as u64))
}

/// Shapes that a title lists: it stands at each step of an operator, and CONCATENATION has a step for
/// each input.
const MOST_SHAPES: usize = 16;

fn title(site: &Site<'_>) -> String {
    let shapes = |ids: &mut dyn Iterator<Item = TensorId>| {
        let mut ids = ids.filter(|id| !site.graph.tensor(*id).is_constant());
        let mut shapes: Vec<String> = (ids.by_ref().take(MOST_SHAPES))
            .map(|id| format!("{:?}", site.graph.tensor(id).shape).replace(", ", ","))
            .collect();
        match ids.count() {
            0 => {}
            more => shapes.push(format!("{more} more")),
        }
        shapes.join(", ")
    };
    format!(
        "{} {} -> {}",
        site.operator.name(),
        shapes(&mut site.operator.inputs.iter().flatten().copied()),
        shapes(&mut site.operator.outputs.iter().copied()),
    )
}
