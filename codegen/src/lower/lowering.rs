//! Lowers one operator after the other: what an operator's family works with.

use std::collections::HashMap;

use castiron_runtime::host::HostKernel;

use super::constants::{Constant, ConstantPool};
use super::program::{ElementType, Memory, Operand, Port, Step, misplaced};
use super::trace::Observation;
use crate::error::Diagnostic;
use crate::graph::{Graph, Site, TensorId};
use crate::ops;
use crate::plan::{OpMemory, OutputCopy, OutputMemory, Plan, Region};

/// What an operator's lowering works with.
#[derive(Debug)]
pub struct Lowering<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    constants: &'a mut ConstantPool,
    steps: Vec<Step>,
    observations: Vec<Observation>,
    /// The operator being lowered; one past the last while outputs are copied.
    operator: usize,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(graph: &'a Graph, plan: &'a Plan, constants: &'a mut ConstantPool) -> Self {
        Self {
            graph,
            plan,
            constants,
            steps: Vec::new(),
            observations: Vec::new(),
            operator: 0,
        }
    }

    pub(super) fn into_steps(self) -> (Vec<Step>, Vec<Observation>) {
        (self.steps, self.observations)
    }

    /// Lowers one operator.
    ///
    /// # Errors
    /// If the operator cannot be compiled; nothing of it stays then.
    pub(super) fn operator(&mut self, index: usize) -> Result<(), Diagnostic> {
        self.operator = index;
        let site = Site::new(self.graph, index);
        let outputs = &site.operator.outputs;
        let folded = |id: &TensorId| self.graph.tensor(*id).is_constant();
        if !outputs.is_empty() && outputs.iter().all(folded) {
            return Ok(());
        }
        let first_step = self.steps.len();
        let lowered = match ops::family(&site.operator.kind) {
            Some(family) => family.lower(&site, self),
            None => Err(ops::unsupported(&site)),
        };
        lowered.map_err(|d| {
            self.steps.truncate(first_step);
            d.at_operator(index, &site.operator.kind)
        })?;
        for (output, id) in outputs.iter().enumerate() {
            // Outputs that nothing reads need not have a place.
            if let Ok(operand) = self.activation(*id) {
                debug_assert!(
                    self.is_computed(&site, output, first_step),
                    "no step computes output {output} of {}",
                    title(&site),
                );
                self.observations.push(Observation {
                    steps: self.steps.len(),
                    operator: index,
                    output,
                    tensor: id.index(),
                    operand,
                });
            }
        }
        Ok(())
    }

    /// Whether one of the steps since `first_step` writes the output, or the output is an input's
    /// bytes and the operator has nothing to do.
    fn is_computed(&self, site: &Site<'_>, position: usize, first_step: usize) -> bool {
        let output = site.operator.outputs[position];
        let (Ok(to), OpMemory { outputs, .. }) = (
            self.activation(output),
            ops::memory(self.graph, self.operator),
        ) else {
            return true;
        };
        let is_input = match outputs.get(position) {
            Some(OutputMemory::Alias(input)) => site
                .input_id(*input)
                .and_then(|id| self.activation(id))
                .is_ok_and(|from| from == to),
            _ => false,
        };
        let mut operands = self.steps[first_step..].iter().flat_map(|s| &s.operands);
        to.len == 0 || is_input || operands.any(|o| o.meets(&to))
    }

    /// A tensor in the arena.
    ///
    /// # Errors
    /// If the tensor is constant, or of a type that no kernel takes.
    pub fn activation(&self, id: TensorId) -> Result<Operand, Diagnostic> {
        let tensor = self.graph.tensor(id);
        let place = |message: &str| Diagnostic::new(message).at_tensor(id.index(), &tensor.name);
        let element = ElementType::of(tensor.dtype).ok_or_else(|| {
            place("the element type is not supported by the compiled engine")
                .found(tensor.dtype)
                .help("convert the model as float32, or with full int8 quantisation")
        })?;
        let operand = |region: Region| Operand {
            memory: Memory::Arena,
            element,
            offset: region.offset,
            len: tensor.elements(),
        };
        match self.plan.region(id) {
            Some(region) if operand(region).range().len() == region.bytes => Ok(operand(region)),
            Some(region) => Err(misplaced(&operand(region), &tensor.name)
                .expected(format_args!("{} bytes", region.bytes))),
            None => Err(
                place("a constant is not supported here by the compiled engine")
                    .expected("a tensor computed at run time"),
            ),
        }
    }

    /// A tensor in the arena or, where it is constant, among the packed constants.
    ///
    /// # Errors
    /// If the tensor is of a type that no kernel takes.
    pub fn tensor(&mut self, id: TensorId) -> Result<Operand, Diagnostic> {
        let tensor = self.graph.tensor(id);
        match (&tensor.data, ElementType::of(tensor.dtype)) {
            (Some(data), Some(element)) => {
                Ok(self
                    .constants
                    .pack(element, tensor.elements(), data.to_vec()))
            }
            _ => self.activation(id),
        }
    }

    /// Scratch memory of the current operator, by its position in what the family asked for.
    pub fn scratch(&self, position: usize, element: ElementType) -> Option<Operand> {
        let Region { offset, bytes } = *self.plan.operators[self.operator].scratch.get(position)?;
        Some(Operand {
            memory: Memory::Arena,
            element,
            offset,
            len: bytes / element.bytes(),
        })
    }

    /// Packs constants; equal ones share their bytes.
    pub fn constant<T: Constant>(&mut self, values: &[T]) -> Operand {
        let mut bytes = Vec::with_capacity(std::mem::size_of_val(values));
        for value in values {
            value.write(&mut bytes);
        }
        self.constants.pack(T::ELEMENT, values.len(), bytes)
    }

    /// Emits a kernel call for the current operator.
    pub fn call(
        &mut self,
        kernel: impl HostKernel + 'static,
        operands: impl IntoIterator<Item = Operand>,
    ) {
        // An operator's steps follow each other.
        let before = self.steps.last().filter(|s| s.operator == self.operator);
        let (name, title, macs) = match (self.graph.operators.get(self.operator), before) {
            (None, _) => ("OUTPUT".to_owned(), "constant output".to_owned(), 0),
            (Some(_), Some(before)) => (before.name.clone(), before.title.clone(), 0),
            (Some(operator), None) => (
                operator.kind.name().to_owned(),
                title(&Site::new(self.graph, self.operator)),
                ops::macs(self.graph, self.operator),
            ),
        };
        self.steps.push(Step {
            operator: self.operator,
            name,
            title,
            macs,
            kernel: Box::new(kernel),
            operands: operands.into_iter().collect(),
        });
    }

    /// The outputs' places; constants among them are copied into the arena by a last step each.
    pub(super) fn outputs(&mut self) -> Result<Vec<Port>, Diagnostic> {
        let mut ports = Vec::new();
        let copies: HashMap<TensorId, &OutputCopy> = (self.plan.output_copies.iter())
            .map(|c| (c.tensor, c))
            .collect();
        for id in &self.graph.outputs {
            let operand = match (self.plan.region(*id), copies.get(id)) {
                (None, Some(copy)) => {
                    let from = self.tensor(*id)?;
                    let to = Operand {
                        memory: Memory::Arena,
                        offset: copy.offset,
                        ..from
                    };
                    self.operator = self.graph.operators.len();
                    ops::copy_constant(self, from, to);
                    to
                }
                _ => self.activation(*id)?,
            };
            ports.push(self.port(*id, operand)?);
        }
        Ok(ports)
    }

    pub(super) fn port(&self, id: TensorId, operand: Operand) -> Result<Port, Diagnostic> {
        let tensor = self.graph.tensor(id);
        Ok(Port {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            dtype: tensor.dtype,
            quantization: tensor.quantization.clone(),
            operand,
        })
    }
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
        site.operator.kind,
        shapes(&mut site.operator.inputs.iter().flatten().copied()),
        shapes(&mut site.operator.outputs.iter().copied()),
    )
}
