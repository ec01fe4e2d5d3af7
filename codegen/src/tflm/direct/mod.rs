//! A model as calls of TFLM's kernels, without its interpreter: what each kernel is called with,
//! and where everything lies.
//!
//! Memory is planned by castiron and not as the interpreter does, so that outputs of RESHAPE and
//! the like are their input's bytes and operators may run in another order.

mod memory;
mod options;

pub use super::registrations::Registration as KernelRegistration;
pub use options::{Member, OptionStruct, element_type};

use std::sync::Arc;

use super::arena::{self, ArenaOptions};
use super::registrations::{self, Registration};
use crate::error::{Diagnostic, Error, Result};
use crate::graph::{DType, Graph, Model, Options, Quantization, TensorId};
use crate::ops;
use crate::plan::{Budget, Region};

/// What the program is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DirectOptions {
    /// Kernels and processor.
    pub arena: ArenaOptions,
    /// How long to look for the best plan.
    pub budget: Budget,
}

/// A model as calls of TFLM's kernels.
#[derive(Debug, Clone, PartialEq)]
pub struct Direct {
    /// The kernels it is planned for.
    pub kernels: &'static str,
    /// The processor it is planned for.
    pub target: &'static str,
    /// Calls, in the order they are made.
    pub calls: Vec<Call>,
    /// Tensors that calls, inputs or outputs use.
    pub tensors: Vec<DirectTensor>,
    /// The model's inputs, as indices into `tensors`.
    pub inputs: Vec<usize>,
    /// The model's outputs, as indices into `tensors`.
    pub outputs: Vec<usize>,
    /// Working memory of all calls.
    pub scratch: Vec<Region>,
    /// Operators that need no call, as their outputs are their input's bytes.
    pub omitted: Vec<Described>,
    /// Bytes of tensors and working memory.
    pub head_bytes: usize,
    /// Bytes that kernels keep on a 32-bit target, each buffer at a multiple of 8.
    pub persistent_bytes: usize,
}

/// An operator in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its index in the file.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Shapes of the inputs that are no constants.
    pub inputs: Vec<Vec<usize>>,
    /// Shapes of the outputs.
    pub outputs: Vec<Vec<usize>>,
    /// Multiply-accumulates; 0 where there are none, or where they are not known.
    pub macs: u64,
}

/// One kernel call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The operator.
    pub operator: Described,
    /// The kernel.
    pub registration: Registration,
    /// What it reads and writes, as indices into [`Direct::tensors`]. Inputs and outputs are
    /// positions in this list.
    pub tensors: Vec<usize>,
    /// Positions of inputs; `None` where an optional one is left out.
    pub inputs: Vec<Option<usize>>,
    /// Positions of outputs.
    pub outputs: Vec<usize>,
    /// Options of a builtin operator.
    pub options: Option<OptionStruct>,
    /// Options of a custom operator.
    pub custom: Option<Vec<u8>>,
    /// The first of its working buffers in [`Direct::scratch`], and their number.
    pub scratch: (usize, usize),
}

/// A tensor, and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectTensor {
    /// Its index in the file.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// Quantisation.
    pub quantization: Option<Quantization>,
    /// Bytes that TFLM takes it to have.
    pub bytes: usize,
    /// Whether it keeps its value from run to run.
    pub is_variable: bool,
    /// Where it lies.
    pub place: Place,
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// In the arena, at this offset.
    Arena(usize),
    /// Among the constants.
    Constant(Arc<[u8]>),
}

/// The alignment of what kernels keep: enough for every type of theirs.
pub const KEPT_ALIGNMENT: usize = 8;

impl Direct {
    /// Plans the first subgraph of a model.
    ///
    /// # Errors
    /// If TFLM has no kernel for an operator, or one whose sizes are not known, or one that needs
    /// the interpreter.
    pub fn new(model: &Model, options: &DirectOptions) -> Result<Self> {
        Self::of_graph(model, options).map_err(|e| e.in_file(&model.file))
    }

    fn of_graph(model: &Model, options: &DirectOptions) -> Result<Self> {
        let Some(graph) = model.graphs.first() else {
            return Err(Diagnostic::new("the model has no subgraph, so nothing to run").into());
        };
        let registrations = registrations_of(graph).map_err(|e| e.in_subgraph(0))?;
        let kernels = arena::kernel_memory(model, 0, &options.arena)?;
        let planned = memory::plan(graph, &kernels, &options.budget)?;
        let mut made = Maker {
            graph,
            planned: &planned,
            biases: biases(graph),
            indices: vec![None; graph.tensors.len()],
            tensors: Vec::new(),
        };
        let inputs = made.all(&graph.inputs);
        let outputs = made.all(&graph.outputs);
        let mut calls = Vec::new();
        let mut scratch: Vec<Region> = Vec::new();
        let mut omitted = Vec::new();
        let mut persistent_bytes = 0;
        for &index in &planned.plan.order {
            let described = describe(graph, index);
            if planned.is_omitted(graph, index) {
                omitted.push(described);
                continue;
            }
            let regions = &planned.plan.operators[index].scratch;
            let first = scratch.len();
            scratch.extend(regions);
            let kept = kernels[index].kept.iter();
            persistent_bytes += kept
                .map(|bytes| bytes.next_multiple_of(KEPT_ALIGNMENT))
                .sum::<usize>();
            let registration = registrations[index].clone();
            calls.push(made.call(index, described, registration, (first, regions.len())));
        }
        Ok(Self {
            kernels: options.arena.kernels.name(),
            target: options.arena.target.name(),
            calls,
            tensors: made.tensors,
            inputs,
            outputs,
            scratch,
            omitted,
            head_bytes: planned.plan.peak_bytes,
            persistent_bytes,
        })
    }

    /// The arena on a 32-bit target.
    pub fn arena_bytes(&self) -> usize {
        self.head_bytes + self.persistent_bytes
    }
}

/// The kernel of every operator.
fn registrations_of(graph: &Graph) -> Result<Vec<Registration>> {
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    for (index, operator) in graph.operators.iter().enumerate() {
        let at = |d: Diagnostic| d.at_operator(index, operator.kind.name());
        let registration = Registration::of(operator, |id| graph.tensor(id).dtype);
        if registrations::needs_graph(&operator.kind) {
            wrong.push(at(Diagnostic::new("the operator needs TFLM's interpreter")
                .expected("operators that work on their tensors alone")
                .found("one that calls subgraphs or shares variables with them")
                .help(
                    "run the model with MicroInterpreter; `castiron arena` tells its arena",
                )));
        } else if let Some(registration) = registration {
            found.push(registration);
        } else {
            wrong.push(at(Diagnostic::new("TFLM has no kernel for the operator")
                .expected("an operator of TFLM that needs no library of its own")
                .found(operator.kind.name())
                .help("replace it where the model is made")));
        }
    }
    match Error::from_many(wrong) {
        Some(error) => Err(error),
        None => Ok(found),
    }
}

fn describe(graph: &Graph, index: usize) -> Described {
    let operator = &graph.operators[index];
    let shape = |id: TensorId| graph.tensor(id).shape.clone();
    let inputs = operator.inputs.iter().flatten();
    Described {
        index,
        name: operator.kind.name().to_owned(),
        inputs: inputs
            .filter(|id| !graph.tensor(**id).is_constant())
            .map(|id| shape(*id))
            .collect(),
        outputs: operator.outputs.iter().map(|id| shape(*id)).collect(),
        macs: ops::macs(graph, index),
    }
}

/// Which tensors are biases and nothing else. Kernels look at no more than their first scale, and a
/// scale for each channel takes as many bytes as the bias.
fn biases(graph: &Graph) -> Vec<bool> {
    let mut only = vec![false; graph.tensors.len()];
    let mut otherwise = vec![false; graph.tensors.len()];
    for operator in &graph.operators {
        let bias = match operator.kind.name() {
            "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED" => Some(2),
            "TRANSPOSE_CONV" => Some(3),
            _ => None,
        };
        for (position, id) in operator.inputs.iter().enumerate() {
            if let Some(id) = id {
                match Some(position) == bias {
                    true => only[id.index()] = true,
                    false => otherwise[id.index()] = true,
                }
            }
        }
    }
    let both = only.iter().zip(otherwise);
    both.map(|(only, otherwise)| *only && !otherwise).collect()
}

fn first_channel(quantization: &Quantization) -> Quantization {
    let mut first = quantization.clone();
    first.scale.truncate(1);
    first.zero_point.truncate(1);
    first
}

/// Numbers the tensors as they come into use.
struct Maker<'a> {
    graph: &'a Graph,
    planned: &'a memory::Planned,
    /// Whether a tensor is a bias and nothing else.
    biases: Vec<bool>,
    indices: Vec<Option<usize>>,
    tensors: Vec<DirectTensor>,
}

impl Maker<'_> {
    fn all(&mut self, ids: &[TensorId]) -> Vec<usize> {
        ids.iter().map(|id| self.tensor(*id)).collect()
    }

    fn tensor(&mut self, id: TensorId) -> usize {
        if let Some(index) = self.indices[id.index()] {
            return index;
        }
        let tensor = self.graph.tensor(id);
        self.tensors.push(DirectTensor {
            index: id.index(),
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            dtype: tensor.dtype,
            quantization: match (&tensor.quantization, self.biases[id.index()]) {
                (Some(quantization), true) => Some(first_channel(quantization)),
                (quantization, _) => quantization.clone(),
            },
            bytes: memory::bytes(tensor),
            is_variable: tensor.is_variable,
            place: self.planned.place(self.graph, id),
        });
        let index = self.tensors.len() - 1;
        self.indices[id.index()] = Some(index);
        index
    }

    fn call(
        &mut self,
        index: usize,
        operator: Described,
        registration: Registration,
        scratch: (usize, usize),
    ) -> Call {
        let of = &self.graph.operators[index];
        let mut tensors: Vec<usize> = Vec::new();
        let mut position = |made: &mut Self, id: TensorId| {
            let tensor = made.tensor(id);
            match tensors.iter().position(|t| *t == tensor) {
                Some(position) => position,
                None => {
                    tensors.push(tensor);
                    tensors.len() - 1
                }
            }
        };
        let inputs = of.inputs.iter();
        let inputs = inputs.map(|id| id.map(|id| position(self, id))).collect();
        let outputs = of.outputs.iter().map(|id| position(self, *id)).collect();
        Call {
            operator,
            registration,
            tensors,
            inputs,
            outputs,
            options: options::of(self.graph, of),
            custom: match &of.options {
                Options::Custom(bytes) => Some(bytes.clone()),
                _ => None,
            },
            scratch,
        }
    }
}
