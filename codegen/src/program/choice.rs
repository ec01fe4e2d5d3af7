//! How an operator is computed, decided before anything has an address.
//!
//! What an operator does with memory and which kernels compute it is one decision: a kernel that
//! works in place is right only where the plan lets it. So a family states both at once, as a
//! [`Choice`] whose operands are symbols. Planning comes after, and linking gives symbols addresses.

use std::collections::HashMap;
use std::sync::Arc;

use castiron_runtime::host::HostKernel;

use super::constants::Constant;
use super::custom::{CustomCall, FirmwareOps};
use super::program::ElementType;
use super::stream::Stream;
use crate::error::Diagnostic;
use crate::graph::variables::{Variables, unknown_handle};
use crate::graph::{DType, Graph, Model, Tensor, TensorId, live};
use crate::plan::{Kept, OpMemory, OutputMemory};
use crate::target::{Isa, Optimize, Target};

/// What computes one operator, and what that needs of memory.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// What it does with memory.
    ///
    /// Where an output is an input's bytes ([`OutputMemory::Alias`] or [`OutputMemory::Part`]), an [`Action::Copy`] takes its place when
    /// the plan does not grant it.
    pub memory: OpMemory,
    /// What it does, in order.
    pub actions: Vec<Action>,
    /// The constants that its calls name: their type, and their little-endian bytes.
    pub constants: Vec<(ElementType, Arc<[u8]>)>,
}

/// A part of what an operator does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Calls a kernel.
    Call(Call),
    /// Copies bytes: nothing to do where both are at one place.
    Copy {
        /// The bytes.
        from: Argument,
        /// As many, elsewhere.
        to: Argument,
    },
    /// Calls what the firmware has for a custom operator.
    Custom(CustomCall<Argument>),
    /// Runs operators row by row.
    Stream(Stream),
    /// Runs a subgraph.
    Run(Invocation),
    /// Runs one of two subgraphs.
    If {
        /// One byte: whether it is the first.
        condition: Argument,
        /// The first.
        then: Invocation,
        /// The second.
        otherwise: Invocation,
    },
    /// Runs a subgraph as long as another one says so.
    While {
        /// Its one output says whether to go on: one byte.
        test: Invocation,
        /// What is repeated.
        body: Invocation,
    },
    /// Runs a subgraph, unless a run did so before.
    Once {
        /// What says so: one byte that is kept.
        flag: Argument,
        /// The subgraph.
        run: Invocation,
    },
    /// Lets the run go on in every so-many-th run, and ends the others.
    Wait {
        /// The runs that were ended since the last that was not: one int32 that is kept.
        ended: Argument,
        /// How many runs are one that goes on.
        runs: i32,
    },
}

/// A subgraph to run, with what is copied to its inputs before, and from its outputs behind. Handles
/// of variables are not copied: they stand for memory that is known.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The subgraph's index in the file.
    pub subgraph: usize,
    /// By input.
    pub inputs: Vec<Option<Argument>>,
    /// By output.
    pub outputs: Vec<Option<Argument>>,
}

/// One kernel call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The kernel with its parameters.
    pub kernel: Arc<dyn HostKernel>,
    /// The kernel's operands, in its order.
    pub arguments: Vec<Argument>,
}

/// Elements of something that has no address yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// What they are of.
    pub place: Place,
    /// Element type.
    pub element: ElementType,
    /// First byte, within the place.
    pub offset: usize,
    /// Number of elements.
    pub len: usize,
}

/// What will have an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A tensor in the arena.
    Tensor(TensorId),
    /// A working buffer, by its position in [`OpMemory::scratch`].
    Scratch(usize),
    /// A constant, by its position in [`Choice::constants`].
    Constant(usize),
    /// What lasts from run to run.
    State(Kept),
}

/// What an operator is chosen for, and what there is around its subgraph.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// Firmware: constant tensors are among its constants.
    Firmware {
        model: &'a Model,
        /// The subgraph's index in the file.
        subgraph: usize,
        variables: &'a Variables,
        /// What the firmware is for.
        target: Target,
        /// What it computes itself.
        custom: &'a FirmwareOps,
        /// Bytes that a kernel may work in, where there is a slower one that needs less.
        room: usize,
    },
    /// One run on the host, with all tensors in memory; never of an operator with effects.
    Folding,
}

/// A choice in the making: what a family works with.
#[derive(Debug)]
pub struct Choosing<'a> {
    graph: &'a Graph,
    purpose: Purpose<'a>,
    choice: Choice,
    /// Constant tensors that are among the choice's constants.
    named: HashMap<TensorId, Argument>,
}

impl<'a> Choosing<'a> {
    pub(crate) fn new(graph: &'a Graph, purpose: Purpose<'a>) -> Self {
        Self {
            graph,
            purpose,
            choice: Choice::default(),
            named: HashMap::new(),
        }
    }

    pub(crate) fn into_choice(self) -> Choice {
        self.choice
    }

    /// What the model is compiled for.
    pub fn target(&self) -> Target {
        match self.purpose {
            Purpose::Firmware { target, .. } => target,
            // Weights are constants as any here: no form of theirs is worth a kernel of its own.
            Purpose::Folding => Target::new(Isa::Portable, Optimize::Speed),
        }
    }

    /// Bytes that a kernel may work in, where there is a slower one that needs less.
    pub fn room(&self) -> usize {
        match self.purpose {
            Purpose::Firmware { room, .. } => room,
            Purpose::Folding => usize::MAX,
        }
    }

    /// The custom operators that the firmware computes; none while folding.
    pub(crate) fn firmware_ops(&self) -> Option<&'a FirmwareOps> {
        match self.purpose {
            Purpose::Firmware { custom, .. } => Some(custom),
            Purpose::Folding => None,
        }
    }

    /// Lets the one output overwrite any of the first `inputs` inputs.
    pub fn in_place(&mut self, inputs: usize) {
        self.choice.memory.outputs = vec![OutputMemory::InPlace((0..inputs).collect())];
    }

    /// Lets the one output begin `distance` bytes before the first input, or a multiple of `step` more, and overlap it: the kernel proves the
    /// distance.
    pub(crate) fn overlap(&mut self, distance: usize, step: usize) {
        self.choice.memory.outputs = vec![OutputMemory::Overlap {
            input: 0,
            distance,
            step,
        }];
    }

    /// Lets the first input come row by row from the caller, so that it is never in the arena. `bytes` are kept from one row to the next.
    ///
    /// # Errors
    /// While folding.
    pub(crate) fn take_by_rows(&mut self, bytes: usize) -> Result<(), Diagnostic> {
        self.choice.memory.by_rows = true;
        self.keep(ElementType::U8, bytes, Kept::Rows)?;
        Ok(())
    }

    /// Lets the one output be the bytes of an input. [`copy`](Self::copy) has to copy it all the same, which is
    /// nothing where it is.
    pub fn alias(&mut self, input: usize) {
        self.choice.memory.outputs = vec![OutputMemory::Alias(input)];
    }

    /// Says of each output where it may be. Where it may be an input's bytes, [`copy`](Self::copy) copies it all the same, as for
    /// [`alias`](Self::alias).
    pub(crate) fn outputs(&mut self, outputs: impl Iterator<Item = OutputMemory>) {
        self.choice.memory.outputs = outputs.collect();
    }

    /// Elements of the subgraph's largest constant.
    pub(crate) fn largest_constant(&self) -> usize {
        let constants = self.graph.tensors.iter().filter(|t| t.is_constant());
        constants.map(Tensor::elements).max().unwrap_or(0)
    }

    /// Bytes of a working buffer that the arena has anyway beside the tensors of the operator with this output.
    pub(crate) fn spare_beside(&self, output: &Argument) -> usize {
        match output.place {
            Place::Tensor(id) => live::spare(self.graph, id),
            _ => 0,
        }
    }

    /// A working buffer of the operator's own.
    pub fn scratch(&mut self, element: ElementType, len: usize) -> Argument {
        let scratch = &mut self.choice.memory.scratch;
        scratch.push(len * element.bytes());
        Argument {
            place: Place::Scratch(scratch.len() - 1),
            element,
            offset: 0,
            len,
        }
    }

    /// A buffer of the operator's own that keeps its values from run to run, zeros at first.
    ///
    /// # Errors
    /// While folding, which is never of an operator with effects.
    pub(crate) fn kept(
        &mut self,
        operator: usize,
        element: ElementType,
        len: usize,
    ) -> Result<Argument, Diagnostic> {
        let position = self.choice.memory.kept.len();
        self.keep(element, len, |subgraph| {
            Kept::Operator(subgraph, operator, position)
        })
    }

    /// What says whether a subgraph that CALL_ONCE runs has run, whichever operator ran it.
    ///
    /// # Errors
    /// As [`kept`](Self::kept).
    pub(crate) fn once(&mut self, callee: usize) -> Result<Argument, Diagnostic> {
        self.keep(ElementType::U8, 1, |_| Kept::Once(callee))
    }

    fn keep(
        &mut self,
        element: ElementType,
        len: usize,
        name: impl FnOnce(usize) -> Kept,
    ) -> Result<Argument, Diagnostic> {
        let Purpose::Firmware { subgraph, .. } = self.purpose else {
            return Err(Diagnostic::new("the operator keeps values from run to run"));
        };
        let kept = name(subgraph);
        let bytes = len * element.bytes();
        self.choice.memory.kept.push((kept, bytes));
        Ok(Argument {
            place: Place::State(kept),
            element,
            offset: 0,
            len,
        })
    }

    /// A tensor in the arena.
    ///
    /// # Errors
    /// If the tensor is constant, or of a type that no kernel takes.
    pub fn activation(&self, id: TensorId) -> Result<Argument, Diagnostic> {
        let tensor = self.graph.tensor(id);
        let element = element(self.graph, id)?;
        if tensor.is_constant() && !matches!(self.purpose, Purpose::Folding) {
            return Err(
                Diagnostic::new("a constant is not supported here by the compiled engine")
                    .at_tensor(id.index(), &tensor.name)
                    .expected("a tensor computed at run time"),
            );
        }
        Ok(Argument {
            place: Place::Tensor(id),
            element,
            offset: 0,
            len: tensor.elements(),
        })
    }

    /// A tensor in the arena, where a constant is copied to: for kernels whose input is hardly ever constant.
    ///
    /// # Errors
    /// If the tensor is of a type that no kernel takes.
    pub(crate) fn in_memory(&mut self, id: TensorId) -> Result<Argument, Diagnostic> {
        if !self.graph.tensor(id).is_constant() || matches!(self.purpose, Purpose::Folding) {
            return self.activation(id);
        }
        let constant = self.tensor(id)?;
        let memory = self.scratch(constant.element, constant.len);
        self.copy(constant, memory);
        Ok(memory)
    }

    /// A tensor in the arena or, where it is constant, among the packed constants.
    ///
    /// # Errors
    /// If the tensor is of a type that no kernel takes.
    pub fn tensor(&mut self, id: TensorId) -> Result<Argument, Diagnostic> {
        if let Some(named) = self.named.get(&id) {
            return Ok(*named);
        }
        let tensor = self.graph.tensor(id);
        match (&tensor.data, ElementType::of(tensor.dtype)) {
            (Some(data), Some(element)) => {
                let packed = self.packed(element, tensor.elements(), data.clone());
                self.named.insert(id, packed);
                Ok(packed)
            }
            _ => self.activation(id),
        }
    }

    /// Constants for a kernel; equal ones share their bytes in the firmware.
    pub fn constant<T: Constant>(&mut self, values: &[T]) -> Argument {
        let mut bytes = Vec::with_capacity(std::mem::size_of_val(values));
        for value in values {
            value.write(&mut bytes);
        }
        self.packed(T::ELEMENT, values.len(), bytes.into())
    }

    fn packed(&mut self, element: ElementType, len: usize, bytes: Arc<[u8]>) -> Argument {
        let constants = &mut self.choice.constants;
        constants.push((element, bytes));
        Argument {
            place: Place::Constant(constants.len() - 1),
            element,
            offset: 0,
            len,
        }
    }

    /// What a call of another choice names: its constants become this one's.
    pub(crate) fn adopt(&mut self, other: &Choice, argument: Argument) -> Argument {
        match argument.place {
            Place::Constant(at) => match other.constants.get(at) {
                Some((element, bytes)) => Argument {
                    place: self.packed(*element, argument.len, bytes.clone()).place,
                    ..argument
                },
                None => argument,
            },
            _ => argument,
        }
    }

    /// Adds a kernel call.
    pub fn call(&mut self, kernel: impl HostKernel + 'static, arguments: impl AsRef<[Argument]>) {
        self.act(Action::Call(Call {
            kernel: Arc::new(kernel),
            arguments: arguments.as_ref().to_vec(),
        }));
    }

    /// Copies all of `from` to `to`, which is as large.
    pub(crate) fn copy(&mut self, from: Argument, to: Argument) {
        let [from, to] = [from, to].map(Argument::as_bytes);
        self.choice.actions.push(Action::Copy { from, to });
    }

    /// Adds something other than a kernel call.
    pub(crate) fn act(&mut self, action: Action) {
        self.choice.actions.push(action);
    }

    /// Lets each output overwrite the inputs of a list.
    pub(crate) fn outputs_in_place(&mut self, inputs: impl Iterator<Item = Vec<usize>>) {
        self.choice.memory.outputs = inputs.map(OutputMemory::InPlace).collect();
    }

    /// A subgraph of the model; `None` while folding, or if there is none of that index.
    pub(crate) fn subgraph(&self, index: usize) -> Option<&'a Graph> {
        match self.purpose {
            Purpose::Firmware { model, .. } => model.graphs.get(index),
            Purpose::Folding => None,
        }
    }

    /// The variable that a tensor is the handle of.
    ///
    /// # Errors
    /// If it is not known.
    pub(crate) fn variable(&self, handle: TensorId) -> Result<Kept, Diagnostic> {
        let found = match self.purpose {
            Purpose::Firmware {
                subgraph,
                variables,
                ..
            } => variables.handle(subgraph, handle),
            Purpose::Folding => None,
        };
        found.map(Kept::Variable).ok_or_else(unknown_handle)
    }
}

/// The kernels' type of a tensor's elements.
///
/// # Errors
/// If no kernel takes them.
pub(crate) fn element(graph: &Graph, id: TensorId) -> Result<ElementType, Diagnostic> {
    let tensor = graph.tensor(id);
    ElementType::of(tensor.dtype).ok_or_else(|| {
        Diagnostic::new("the element type is not supported by the compiled engine")
            .at_tensor(id.index(), &tensor.name)
            .found(tensor.dtype)
            .help(match tensor.dtype {
                DType::Float16 | DType::Bfloat16 => "convert without supported_types = [tf.float16]",
                _ => "cast to float32 or int32 in the model's source, with tf.cast, or quantise to int8",
            })
    })
}

impl Argument {
    /// Its bytes.
    pub fn as_bytes(self) -> Self {
        Self {
            element: ElementType::U8,
            len: self.len * self.element.bytes(),
            ..self
        }
    }

    /// The same elements as integers of their size, for what moves them.
    pub fn as_integers(self) -> Self {
        let element = match self.element.bytes() {
            2 => ElementType::I16,
            4 => ElementType::I32,
            8 => ElementType::I64,
            _ => return self.as_bytes(),
        };
        Self { element, ..self }
    }

    /// Whether it is a constant, which no output can share bytes with.
    pub fn is_constant(&self) -> bool {
        matches!(self.place, Place::Constant(_))
    }
}
