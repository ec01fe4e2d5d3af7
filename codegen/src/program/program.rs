//! A compiled model: what the host executes and the emitters write down.

use std::fmt;
use std::sync::Arc;

use castiron_runtime::ALIGNMENT;
use castiron_runtime::host::{Aligned, HostKernel};

use super::custom::CustomCall;
use super::stream::{MovingCall, StreamStep};
use super::trace::Observation;
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{DType, Quantization};
use crate::plan::{Held, Part, Plan, TargetMemory};

/// A compiled model.
#[derive(Debug)]
pub struct Program {
    /// The model's name, from its file.
    pub name: String,
    /// Bytes of the arena, shared by all entries. A run may overwrite all of it.
    pub arena_bytes: usize,
    /// Bytes of what lasts from run to run: zeros at first, which no entry overlays.
    pub state_bytes: usize,
    /// The memories that arena and state lie in, one behind the other in the arena; none where the arena is one.
    pub parts: Vec<Part>,
    /// Buffers that the caller hands over for a run: they follow the arena in its range of addresses.
    pub held: Vec<Held>,
    /// Packed constants.
    pub constants: Aligned,
    /// The memories that they lie in, one behind the other; none where they have one place.
    pub roms: Vec<WeightPart>,
    /// Subgraphs that steps run, each behind those that it runs itself.
    pub routines: Vec<Routine>,
    /// Entry points: the first subgraph, and each signature's.
    pub entries: Vec<Entry>,
}

/// What of the packed constants lies in one memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightPart {
    /// The memory.
    pub rom: TargetMemory,
    /// Where it begins among the constants.
    pub offset: usize,
    /// Bytes that lie there.
    pub bytes: usize,
}

/// A subgraph that others run, whose tensors have fixed places as all others.
#[derive(Debug)]
pub struct Routine {
    /// Index of the subgraph.
    pub graph: usize,
    /// What it does, in order.
    pub steps: Vec<Step>,
}

/// One way to run the model.
#[derive(Debug)]
pub struct Entry {
    /// The signature's name; `None` for the default entry of a model without signatures.
    pub signature: Option<String>,
    /// Index of the subgraph.
    pub graph: usize,
    /// Inputs, in the subgraph's order.
    pub inputs: Vec<Port>,
    /// Outputs, in the subgraph's order.
    pub outputs: Vec<Port>,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// Multiply-accumulates of one run: of an IF the larger branch, of a WHILE one turn.
    pub macs: u64,
    /// Where its tensors lie.
    pub plan: Plan,
}

/// An input or output of an entry.
#[derive(Debug, Clone)]
pub struct Port {
    /// The signature's name for it, or the tensor's.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// Quantisation, if any.
    pub quantization: Option<Quantization>,
    /// Its place in the arena.
    pub operand: Operand,
}

/// A part of what an entry does. Steps are a tree; only subgraphs are shared.
#[derive(Debug)]
pub enum Step {
    /// Calls a kernel.
    Call(KernelCall),
    /// Calls what the firmware has for a custom operator.
    Custom(CustomStep),
    /// Runs operators row by row.
    Stream(StreamStep),
    /// Runs a routine, by its position in [`Program::routines`].
    Run(usize),
    /// Does one of two things.
    If {
        /// The operator.
        origin: Origin,
        /// One byte: not 0 for the first.
        condition: Operand,
        /// The first.
        then: Vec<Step>,
        /// The second.
        otherwise: Vec<Step>,
    },
    /// Repeats steps.
    While {
        /// The operator.
        origin: Origin,
        /// What comes before each look at the condition.
        test: Vec<Step>,
        /// One byte: 0 ends it.
        condition: Operand,
        /// What is repeated.
        body: Vec<Step>,
    },
    /// Does something in the first run only, until the state is reset.
    Once {
        /// One byte of the state: 0 before.
        flag: Operand,
        /// What.
        steps: Vec<Step>,
    },
    /// Lets the run go on in every so-many-th run. It ends the others: what is behind it does not happen, and there are no outputs.
    Wait {
        /// The operator.
        origin: Origin,
        /// One int32 of the state: runs that it ended since the last that it did not.
        ended: Operand,
        /// How many runs are one that goes on.
        runs: i32,
    },
    /// Shows an operator's output to whoever traces the run; nothing otherwise.
    Observe(Observation),
}

/// One kernel call.
#[derive(Debug)]
pub struct KernelCall {
    /// Position among the calls of its entry or routine.
    pub number: usize,
    /// The operator that it computes, alone or with other calls.
    pub origin: Origin,
    /// Multiply-accumulates of the operator, on its first call; 0 on others.
    pub macs: u64,
    /// Its multiply-accumulates or other operations, which tells how long a run on the host takes; likewise.
    pub work: u64,
    /// Pixels or rows of its first output: the elements but for the last dimension's; likewise.
    pub pixels: u64,
    /// The kernel with its parameters.
    pub kernel: Arc<dyn HostKernel>,
    /// The kernel's operands, in its order.
    pub operands: Vec<Operand>,
}

/// A custom operator that the firmware computes.
#[derive(Debug)]
pub struct CustomStep {
    /// Position among the calls of its entry or routine.
    pub number: usize,
    /// The operator.
    pub origin: Origin,
    /// What it is called with.
    pub call: CustomCall<Operand>,
}

/// The operator of the file that a step is made for.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Its index in the subgraph.
    pub operator: usize,
    /// Its name.
    pub name: String,
    /// The operator with its shapes, for people: `CONV_2D [1,49,10,1] -> [1,25,5,64]`.
    pub title: String,
}

/// The kernel calls among steps, in the order in which they stand there.
pub fn calls(steps: &[Step]) -> Vec<&KernelCall> {
    let calls = leaves(steps).into_iter().map(|step| match step {
        Step::Call(call) => vec![call],
        Step::Stream(stream) => {
            let calls = stream.stages.iter().flat_map(|stage| &stage.calls);
            calls.map(|moving| &moving.call).collect()
        }
        _ => Vec::new(),
    });
    calls.flatten().collect()
}

/// The streams among steps, in the order in which they stand there.
pub fn streams(steps: &[Step]) -> Vec<&StreamStep> {
    let streams = leaves(steps).into_iter().map(|step| match step {
        Step::Stream(stream) => Some(stream),
        _ => None,
    });
    streams.flatten().collect()
}

/// The custom operators among steps, in the order in which they stand there.
pub fn custom_calls(steps: &[Step]) -> Vec<&CustomStep> {
    let calls = leaves(steps).into_iter().map(|step| match step {
        Step::Custom(call) => Some(call),
        _ => None,
    });
    calls.flatten().collect()
}

/// The operators whose outputs are shown among steps, in the order in which they stand there.
pub fn observations(steps: &[Step]) -> Vec<&Observation> {
    let seen = leaves(steps).into_iter().map(|step| match step {
        Step::Observe(seen) => Some(seen),
        _ => None,
    });
    seen.flatten().collect()
}

/// The steps that have none below them.
fn leaves(steps: &[Step]) -> Vec<&Step> {
    fn collect<'a>(steps: &'a [Step], found: &mut Vec<&'a Step>) {
        for step in steps {
            match step {
                Step::If {
                    then: first,
                    otherwise: second,
                    ..
                }
                | Step::While {
                    test: first,
                    body: second,
                    ..
                } => {
                    collect(first, found);
                    collect(second, found);
                }
                Step::Once { steps, .. } => collect(steps, found),
                Step::Call(_)
                | Step::Custom(_)
                | Step::Stream(_)
                | Step::Run(_)
                | Step::Wait { .. }
                | Step::Observe(_) => found.push(step),
            }
        }
    }
    let mut found = Vec::new();
    collect(steps, &mut found);
    found
}

/// Elements of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operand {
    /// Which memory.
    pub memory: Memory,
    /// Element type.
    pub element: ElementType,
    /// First byte.
    pub offset: usize,
    /// Number of elements.
    pub len: usize,
}

/// Where an operand lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Memory {
    Arena,
    State,
    Constants,
    /// The caller's, who has one row of an input after the other.
    Rows,
}

/// Element types as kernels see them; `BOOL` is `U8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum ElementType {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
}

impl Program {
    /// The program, if everything in it lies within its memory. The machine on the host and the
    /// generated code's views rely on it.
    ///
    /// # Errors
    /// If something does not, which is a mistake of castiron's.
    pub fn checked(self) -> Result<Self> {
        let mut wrong = Vec::new();
        for routine in &self.routines {
            let misplaced = self.misplaced(&routine.steps).into_iter();
            wrong.extend(misplaced.map(|d| d.in_subgraph(routine.graph)));
        }
        for entry in &self.entries {
            let ports = entry.inputs.iter().chain(&entry.outputs);
            let ports = ports.filter(|port| !self.holds(&port.operand));
            let ports = ports.map(|port| misplaced(&port.operand, &port.name));
            let steps = self.misplaced(&entry.steps);
            let all = steps.into_iter().chain(ports);
            wrong.extend(all.map(|d| d.in_subgraph(entry.graph)));
        }
        match Error::from_many(wrong) {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Kernel calls of all entries and routines.
    pub fn calls(&self) -> impl Iterator<Item = &KernelCall> {
        self.steps().flat_map(|steps| calls(steps))
    }

    /// Custom operators of all entries and routines.
    pub fn custom_calls(&self) -> impl Iterator<Item = &CustomStep> {
        self.steps().flat_map(|steps| custom_calls(steps))
    }

    /// Whether a run may end before there are outputs.
    pub fn may_end_early(&self) -> bool {
        let mut leaves = self.steps().flat_map(|steps| leaves(steps));
        leaves.any(|step| matches!(step, Step::Wait { .. }))
    }

    fn steps(&self) -> impl Iterator<Item = &Vec<Step>> {
        let routines = self.routines.iter().map(|routine| &routine.steps);
        let entries = self.entries.iter().map(|entry| &entry.steps);
        routines.chain(entries)
    }

    /// Bytes of the range of addresses that the arena is in, with the caller's buffers.
    pub fn addressed_bytes(&self) -> usize {
        let ends = self.held.iter().map(|held| held.offset + held.bytes);
        ends.fold(self.arena_bytes, usize::max)
    }

    /// The caller's buffer that an operand lies in.
    pub fn held_of(&self, operand: &Operand) -> Option<&Held> {
        match operand.memory {
            Memory::Arena => Held::at(&self.held, operand.offset),
            Memory::State | Memory::Constants | Memory::Rows => None,
        }
    }

    /// Whether an input or output is the caller's.
    pub fn is_held(&self, port: &Port) -> bool {
        self.held_of(&port.operand).is_some()
    }

    /// The most bytes of inputs and outputs that the caller holds for one run.
    pub fn held_bytes(&self) -> usize {
        let of = |entry: &Entry| {
            let ports = entry.inputs.iter().chain(&entry.outputs);
            let held = ports.filter(|port| self.is_held(port));
            held.map(|port| port.operand.range().len()).sum()
        };
        self.entries.iter().map(of).max().unwrap_or_default()
    }

    /// Whether inputs, and whether outputs, are the caller's.
    pub fn held_sides(&self) -> [bool; 2] {
        let any = |ports: fn(&Entry) -> &[Port]| {
            let mut all = self.entries.iter().flat_map(ports);
            all.any(|port| self.is_held(port))
        };
        [any(|entry| &entry.inputs), any(|entry| &entry.outputs)]
    }

    /// Whether all of an operand lies in the arena, in one memory of it, or in one buffer.
    fn is_within_one(&self, operand: &Operand) -> bool {
        let end = operand.range().end;
        match self.held_of(operand) {
            Some(held) => end <= held.offset + held.bytes,
            None if self.parts.is_empty() => end <= self.arena_bytes,
            None => self.part_of(operand).is_some(),
        }
    }

    /// Bytes of RAM of one instance: its arena and what lasts.
    pub fn ram_bytes(&self) -> usize {
        match self.state_bytes {
            0 => self.arena_bytes,
            state => self.arena_bytes.next_multiple_of(ALIGNMENT) + state,
        }
    }

    /// What leaves its memory among steps.
    fn misplaced(&self, steps: &[Step]) -> Vec<Diagnostic> {
        let check = |operand: &Operand, of: &dyn fmt::Display| {
            (!self.holds(operand)).then(|| misplaced(operand, of))
        };
        let within = |steps: &[Step]| self.misplaced(steps);
        let of_step = |step: &Step| match step {
            Step::Call(call) => {
                let operands = call.operands.iter();
                operands
                    .filter_map(|o| check(o, &call.origin.title))
                    .collect()
            }
            Step::Custom(custom) => {
                let [read, written] = custom.call.places();
                let places = read.iter().chain(&written);
                let outside = places.filter_map(|o| check(o, &custom.origin.title));
                let meeting = written.iter().enumerate().filter(|(at, place)| {
                    let others = written.iter().skip(at + 1).chain(&read);
                    place.len > 0
                        && others
                            .into_iter()
                            .any(|other| other.len > 0 && place.meets(other))
                });
                let meeting = meeting.map(|(_, place)| misplaced(place, &custom.origin.title));
                outside.chain(meeting).collect()
            }
            Step::Stream(stream) => {
                let title = &stream.origin.title;
                let of_stages = stream.stages.iter().flat_map(|stage| {
                    let moving = stage.calls.iter().flat_map(MovingCall::operands);
                    let moving = moving.map(|(operand, moves)| moves.all(operand));
                    let patches = stage.strips.as_ref().map(|strips| strips.memory);
                    moving.chain(stage.lines).chain(patches)
                });
                let places = of_stages.chain([stream.input]);
                places.filter_map(|o| check(&o, title)).collect()
            }
            Step::Run(_) => Vec::new(),
            Step::If {
                origin,
                condition,
                then: first,
                otherwise: second,
            }
            | Step::While {
                origin,
                test: first,
                condition,
                body: second,
            } => {
                let condition = check(condition, &origin.title).into_iter();
                condition
                    .chain(within(first))
                    .chain(within(second))
                    .collect()
            }
            Step::Once { flag, steps } => check(flag, &"a flag")
                .into_iter()
                .chain(within(steps))
                .collect(),
            Step::Wait { origin, ended, .. } => check(ended, &origin.title).into_iter().collect(),
            Step::Observe(seen) => {
                let operator = format_args!("operator {}", seen.operator);
                check(&seen.operand, &operator)
                    .into_iter()
                    .collect::<Vec<_>>()
            }
        };
        steps.iter().flat_map(of_step).collect()
    }

    /// Whether an operand is within its memory, and at a place that its elements may have.
    fn holds(&self, operand: &Operand) -> bool {
        let memory = match operand.memory {
            Memory::Arena => self.addressed_bytes(),
            Memory::State => self.state_bytes,
            Memory::Constants => self.constants.bytes().len(),
            Memory::Rows => usize::MAX,
        };
        let bytes = operand.len.checked_mul(operand.element.bytes());
        let end = bytes.and_then(|bytes| operand.offset.checked_add(bytes));
        if end.is_none_or(|end| end > memory) {
            return false;
        }
        let is_whole = operand.len == 0
            || match operand.memory {
                Memory::Arena => self.is_within_one(operand),
                Memory::Constants => self.roms.is_empty() || self.rom_of(operand).is_some(),
                Memory::State | Memory::Rows => true,
            };
        operand.offset.is_multiple_of(operand.element.bytes()) && is_whole
    }

    /// The part of the constants that all of an operand lies in.
    pub fn rom_of(&self, operand: &Operand) -> Option<&WeightPart> {
        let range = operand.range();
        let mut parts = self.roms.iter();
        parts.find(|part| part.offset <= range.start && range.end <= part.offset + part.bytes)
    }

    /// The part of the arena that all of an operand lies in.
    pub fn part_of(&self, operand: &Operand) -> Option<&Part> {
        let range = operand.range();
        self.parts
            .iter()
            .find(|part| part.offset <= range.start && range.end <= part.offset + part.arena_bytes)
    }
}

/// An error that is castiron's and not the model's.
pub(crate) fn misplaced(operand: &Operand, of: &dyn fmt::Display) -> Diagnostic {
    Diagnostic::fault("data lies outside its memory").found(format_args!("{of} as {operand:?}"))
}

impl ElementType {
    /// The kernels' type for a tensor's; `None` for those that no kernel takes.
    pub fn of(dtype: DType) -> Option<Self> {
        Some(match dtype {
            DType::Int8 => Self::I8,
            DType::Uint8 | DType::Bool => Self::U8,
            DType::Int16 => Self::I16,
            DType::Uint16 => Self::U16,
            DType::Int32 => Self::I32,
            DType::Uint32 => Self::U32,
            DType::Int64 => Self::I64,
            DType::Uint64 => Self::U64,
            DType::Float32 => Self::F32,
            _ => return None,
        })
    }

    /// The type of a name in Rust.
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            Self::I8,
            Self::U8,
            Self::I16,
            Self::U16,
            Self::I32,
            Self::U32,
            Self::I64,
            Self::U64,
            Self::F32,
        ];
        all.into_iter().find(|element| element.rust_name() == name)
    }

    /// Rust's name of the type.
    pub fn rust_name(self) -> &'static str {
        match self {
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::I16 => "i16",
            Self::U16 => "u16",
            Self::I32 => "i32",
            Self::U32 => "u32",
            Self::I64 => "i64",
            Self::U64 => "u64",
            Self::F32 => "f32",
        }
    }

    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 => 8,
        }
    }
}

impl Operand {
    /// The operand's bytes within its memory.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len * self.element.bytes()
    }

    /// Whether both have bytes of one place.
    pub fn meets(&self, other: &Self) -> bool {
        let (a, b) = (self.range(), other.range());
        self.memory == other.memory && a.start < b.end && b.start < a.end
    }
}
