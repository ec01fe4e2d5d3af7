//! Gives what was chosen its addresses: symbols become places in the arena and among the packed
//! constants.

use std::collections::HashMap;

use castiron_runtime::kernels;

use crate::error::Diagnostic;
use crate::graph::{Graph, Site, TensorId};
use crate::plan::{OpMemory, OutputCopy, OutputMemory, Plan, Region};
use crate::program::{
    Argument, Choice, ConstantPool, ElementType, Memory, Observation, Operand, Place, Port, Step,
    element, misplaced,
};
use crate::work;

/// The steps of one entry point so far.
#[derive(Debug)]
pub(super) struct Linker<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    constants: &'a mut ConstantPool,
    steps: Vec<Step>,
    observations: Vec<Observation>,
}

impl<'a> Linker<'a> {
    pub(super) fn new(graph: &'a Graph, plan: &'a Plan, constants: &'a mut ConstantPool) -> Self {
        Self {
            graph,
            plan,
            constants,
            steps: Vec::new(),
            observations: Vec::new(),
        }
    }

    pub(super) fn into_steps(self) -> (Vec<Step>, Vec<Observation>) {
        (self.steps, self.observations)
    }

    /// Links the next operator of the plan's order.
    ///
    /// # Errors
    /// If an operand has no place, which is a mistake of castiron's.
    pub(super) fn operator(&mut self, index: usize, choice: Choice) -> Result<(), Diagnostic> {
        let site = Site::new(self.graph, index);
        let folded = |id: &TensorId| self.graph.tensor(*id).is_constant();
        if !site.operator.outputs.is_empty() && site.operator.outputs.iter().all(folded) {
            return Ok(());
        }
        let constants: Vec<Operand> = (choice.constants.into_iter())
            .map(|(element, bytes)| self.constants.pack(element, bytes))
            .collect();
        if !self.is_done_by_the_plan(&site, &choice.memory) {
            // Once for all steps: it looks at every input, and there may be a step for each.
            let title = title(&site);
            let mut macs = work::macs(self.graph, index).unwrap_or(0);
            for call in choice.calls {
                let operands = (call.arguments.iter())
                    .map(|a| self.operand(&site, a, &constants))
                    .collect::<Result<_, _>>()?;
                self.steps.push(Step {
                    operator: index,
                    name: site.operator.kind.name().to_owned(),
                    title: title.clone(),
                    macs: std::mem::take(&mut macs),
                    kernel: call.kernel,
                    operands,
                });
            }
        }
        for (output, id) in site.operator.outputs.iter().enumerate() {
            let Some(region) = self.plan.region(*id) else {
                continue;
            };
            self.observations.push(Observation {
                steps: self.steps.len(),
                operator: index,
                output,
                tensor: id.index(),
                operand: self.whole(*id, region)?,
            });
        }
        Ok(())
    }

    /// Whether the operator only gives bytes another shape, and the plan has both at one place.
    fn is_done_by_the_plan(&self, site: &Site<'_>, memory: &OpMemory) -> bool {
        let outputs = &site.operator.outputs;
        let granted = |(position, output): (usize, &TensorId)| match memory.output(position) {
            OutputMemory::Alias(input) => {
                let input = site.optional_input_id(*input);
                let places = [input, Some(*output)].map(|id| self.plan.region(id?));
                places[0].is_some() && places[0] == places[1]
            }
            _ => false,
        };
        !outputs.is_empty() && outputs.iter().enumerate().all(granted)
    }

    fn operand(
        &self,
        site: &Site<'_>,
        argument: &Argument,
        constants: &[Operand],
    ) -> Result<Operand, Diagnostic> {
        let at = |memory, region: Region| Operand {
            memory,
            element: argument.element,
            offset: region.offset + argument.offset,
            len: argument.len,
        };
        let found = match argument.place {
            Place::Tensor(id) => (self.plan.region(id)).map(|region| (Memory::Arena, region)),
            Place::Scratch(position) => {
                let scratch = &self.plan.operators[site.index].scratch;
                scratch.get(position).map(|region| (Memory::Arena, *region))
            }
            Place::Constant(position) => constants.get(position).map(|packed| {
                let offset = packed.offset;
                let bytes = packed.range().len();
                (Memory::Constants, Region { offset, bytes })
            }),
        };
        let nowhere = Region {
            offset: 0,
            bytes: 0,
        };
        let (memory, region) = found.unwrap_or((Memory::Arena, nowhere));
        let operand = at(memory, region);
        if argument.offset + operand.range().len() <= region.bytes {
            return Ok(operand);
        }
        Err(misplaced(&operand, &title(site)).expected(format_args!("{} bytes", region.bytes)))
    }

    /// All of a tensor.
    fn whole(&self, id: TensorId, region: Region) -> Result<Operand, Diagnostic> {
        let tensor = self.graph.tensor(id);
        let operand = Operand {
            memory: Memory::Arena,
            element: element(self.graph, id)?,
            offset: region.offset,
            len: tensor.elements(),
        };
        if operand.range().len() == region.bytes {
            return Ok(operand);
        }
        Err(misplaced(&operand, &tensor.name).expected(format_args!("{} bytes", region.bytes)))
    }

    /// The inputs' places.
    pub(super) fn inputs(&self) -> Result<Vec<Port>, Diagnostic> {
        let ports = self.graph.inputs.iter().map(|id| {
            let region = self.plan.region(*id);
            let region = region.ok_or_else(|| self.error_at(*id, "a constant is no input"))?;
            Ok(self.port(*id, self.whole(*id, region)?))
        });
        ports.collect()
    }

    /// The outputs' places; constants among them are copied into the arena by a last step each.
    pub(super) fn outputs(&mut self) -> Result<Vec<Port>, Diagnostic> {
        let mut ports = Vec::new();
        let copies: HashMap<TensorId, &OutputCopy> = (self.plan.output_copies.iter())
            .map(|c| (c.tensor, c))
            .collect();
        for id in &self.graph.outputs {
            let operand = match (self.plan.region(*id), copies.get(id)) {
                (Some(region), _) => self.whole(*id, region)?,
                (None, Some(copy)) => self.copy_of_constant(*id, copy)?,
                (None, None) => return Err(self.error_at(*id, "the output has no place")),
            };
            ports.push(self.port(*id, operand));
        }
        Ok(ports)
    }

    fn copy_of_constant(&mut self, id: TensorId, copy: &OutputCopy) -> Result<Operand, Diagnostic> {
        let element = element(self.graph, id)?;
        let data = self.graph.tensor(id).data.clone().unwrap_or_default();
        let from = self.constants.pack(element, data);
        let to = Operand {
            memory: Memory::Arena,
            offset: copy.offset,
            ..from
        };
        let bytes = |o: Operand| Operand {
            element: ElementType::U8,
            len: o.range().len(),
            ..o
        };
        self.steps.push(Step {
            operator: self.graph.operators.len(),
            name: "OUTPUT".to_owned(),
            title: "constant output".to_owned(),
            macs: 0,
            kernel: Box::new(kernels::CopyConstant),
            operands: vec![bytes(from), bytes(to)],
        });
        Ok(to)
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
