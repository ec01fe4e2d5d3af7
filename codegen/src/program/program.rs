//! A compiled model: what the host executes and the emitters write down.

use std::fmt;

use castiron_runtime::host::{Aligned, HostKernel};

use super::trace::Observation;
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{DType, Quantization};
use crate::plan::Plan;

/// A compiled model.
#[derive(Debug)]
pub struct Program {
    /// The model's name, from its file.
    pub name: String,
    /// Bytes of the arena, shared by all entries.
    pub arena_bytes: usize,
    /// Packed constants.
    pub constants: Aligned,
    /// Entry points: the first subgraph, and each signature's.
    pub entries: Vec<Entry>,
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
    /// Kernel calls, in order.
    pub steps: Vec<Step>,
    /// What a traced run shows, in order.
    pub observations: Vec<Observation>,
    /// Multiply-accumulates of one run.
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

/// One kernel call.
#[derive(Debug)]
pub struct Step {
    /// Index of the operator in the subgraph; several steps may compute one operator.
    pub operator: usize,
    /// The operator's name.
    pub name: String,
    /// The operator with its shapes, for people: `CONV_2D [1,49,10,1] -> [1,25,5,64]`.
    pub title: String,
    /// Multiply-accumulates of the operator, on its first step; 0 on others.
    pub macs: u64,
    /// The kernel with its parameters.
    pub kernel: Box<dyn HostKernel>,
    /// The kernel's operands, in its order.
    pub operands: Vec<Operand>,
}

/// Elements of the arena or of the packed constants.
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
    Constants,
}

/// Element types as kernels see them; `BOOL` is `U8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum ElementType {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    F32,
}

impl Program {
    /// The program, if everything in it lies within its memory. The machine on the host and the
    /// generated code's views rely on it.
    ///
    /// # Errors
    /// If something does not, which is a mistake of castiron's.
    pub(crate) fn checked(self) -> Result<Self> {
        let mut wrong = Vec::new();
        let mut check = |entry: &Entry, operand: &Operand, of: &dyn fmt::Display| {
            if !self.holds(operand) {
                wrong.push(misplaced(operand, of).in_subgraph(entry.graph));
            }
        };
        for entry in &self.entries {
            for step in &entry.steps {
                step.operands
                    .iter()
                    .for_each(|o| check(entry, o, &step.title));
            }
            for seen in &entry.observations {
                check(
                    entry,
                    &seen.operand,
                    &format_args!("operator {}", seen.operator),
                );
            }
            for port in entry.inputs.iter().chain(&entry.outputs) {
                check(entry, &port.operand, &port.name);
            }
        }
        match Error::from_many(wrong) {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Whether an operand is within its memory, and at a place that its elements may have.
    fn holds(&self, operand: &Operand) -> bool {
        let memory = match operand.memory {
            Memory::Arena => self.arena_bytes,
            Memory::Constants => self.constants.bytes().len(),
        };
        let bytes = operand.len.checked_mul(operand.element.bytes());
        let end = bytes.and_then(|bytes| operand.offset.checked_add(bytes));
        end.is_some_and(|end| end <= memory)
            && operand.offset.is_multiple_of(operand.element.bytes())
    }
}

/// An error that is castiron's and not the model's.
pub(crate) fn misplaced(operand: &Operand, of: &dyn fmt::Display) -> Diagnostic {
    Diagnostic::new("castiron is wrong: it put data where its memory has no room")
        .found(format_args!("{of} as {operand:?}"))
        .help("no code is written; report this with the model")
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
            DType::Float32 => Self::F32,
            _ => return None,
        })
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
            Self::F32 => "f32",
        }
    }

    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 => 8,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::plan::PlanOptions;

    fn program(offset: usize, element: ElementType, len: usize, memory: Memory) -> Program {
        let mut constants = Aligned::default();
        constants.push_aligned(&[0; 8], 4);
        let port = Port {
            name: "y".to_owned(),
            shape: vec![len],
            dtype: DType::Int8,
            quantization: None,
            operand: Operand {
                memory,
                element,
                offset,
                len,
            },
        };
        let graph = Graph {
            name: String::new(),
            tensors: Vec::new(),
            operators: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let plan = Plan::new(&graph, |_, _| unreachable!(), &PlanOptions::default());
        Program {
            name: String::new(),
            arena_bytes: 32,
            constants,
            entries: vec![Entry {
                signature: None,
                graph: 0,
                inputs: Vec::new(),
                outputs: vec![port],
                steps: Vec::new(),
                observations: Vec::new(),
                macs: 0,
                plan: plan.expect("nothing to plan"),
            }],
        }
    }

    #[test]
    fn no_program_leaves_its_memory() {
        use ElementType::{I8, I32};
        use Memory::{Arena, Constants};
        for (offset, element, len, memory) in [
            (0, I8, 32, Arena),
            (28, I32, 1, Arena),
            (0, I32, 2, Constants),
        ] {
            assert!(program(offset, element, len, memory).checked().is_ok());
        }
        for (offset, element, len, memory) in [
            (1, I8, 32, Arena),
            (32, I8, 1, Arena),
            (30, I32, 1, Arena),
            (2, I32, 1, Arena),
            (usize::MAX, I8, 2, Arena),
            (0, I32, usize::MAX / 2, Arena),
            (0, I32, 3, Constants),
        ] {
            let checked = program(offset, element, len, memory).checked();
            assert!(checked.is_err(), "{offset} {element:?} {len} {memory:?}");
        }
    }
}
