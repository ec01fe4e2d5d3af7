//! How an operator is computed, decided before anything has an address.
//!
//! What an operator does with memory and which kernels compute it is one decision: a kernel that
//! works in place is right only where the plan lets it. So a family states both at once, as a
//! [`Choice`] whose operands are symbols. Planning comes after, and linking gives symbols addresses.

use std::collections::HashMap;
use std::sync::Arc;

use castiron_runtime::host::HostKernel;

use super::constants::Constant;
use super::program::ElementType;
use crate::error::Diagnostic;
use crate::graph::{Graph, TensorId};
use crate::plan::{OpMemory, OutputMemory};

/// What computes one operator, and what that needs of memory.
#[derive(Debug, Default)]
pub struct Choice {
    /// What it does with memory.
    ///
    /// Where every output is an input's bytes ([`OutputMemory::Alias`]), the calls are the copies that take
    /// their place when the plan does not grant it.
    pub memory: OpMemory,
    /// Its kernel calls, in order.
    pub calls: Vec<Call>,
    /// The constants that its calls name: their type, and their little-endian bytes.
    pub constants: Vec<(ElementType, Arc<[u8]>)>,
}

/// One kernel call.
#[derive(Debug)]
pub struct Call {
    /// The kernel with its parameters.
    pub kernel: Box<dyn HostKernel>,
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
}

/// Where constant tensors are while a family chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Among the constants of the firmware.
    Firmware,
    /// In memory, as all others: the operator runs once, on the host.
    Folding,
}

/// A choice in the making: what a family works with.
#[derive(Debug)]
pub struct Choosing<'a> {
    graph: &'a Graph,
    purpose: Purpose,
    choice: Choice,
    /// Constant tensors that are among the choice's constants.
    named: HashMap<TensorId, Argument>,
}

impl<'a> Choosing<'a> {
    pub(crate) fn new(graph: &'a Graph, purpose: Purpose) -> Self {
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

    /// Lets the one output overwrite any of the first `inputs` inputs.
    pub fn in_place(&mut self, inputs: usize) {
        self.choice.memory.outputs = vec![OutputMemory::InPlace((0..inputs).collect())];
    }

    /// Lets the one output be the bytes of an input. The calls have to copy it all the same, and are
    /// left out where it is.
    pub fn alias(&mut self, input: usize) {
        self.choice.memory.outputs = vec![OutputMemory::Alias(input)];
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

    /// A tensor in the arena.
    ///
    /// # Errors
    /// If the tensor is constant, or of a type that no kernel takes.
    pub fn activation(&self, id: TensorId) -> Result<Argument, Diagnostic> {
        let tensor = self.graph.tensor(id);
        let element = element(self.graph, id)?;
        if tensor.is_constant() && self.purpose == Purpose::Firmware {
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

    /// Adds a kernel call.
    pub fn call(
        &mut self,
        kernel: impl HostKernel + 'static,
        arguments: impl IntoIterator<Item = Argument>,
    ) {
        self.choice.calls.push(Call {
            kernel: Box::new(kernel),
            arguments: arguments.into_iter().collect(),
        });
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
            .help("convert the model as float32, or with full int8 quantisation")
    })
}

impl Argument {
    /// Whether it is a constant, which kernels take otherwise than what is in memory.
    pub fn is_constant(&self) -> bool {
        matches!(self.place, Place::Constant(_))
    }
}
