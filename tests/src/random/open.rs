//! Models whose writer did not know the sizes of their inputs.

use castiron_codegen::graph::BuiltinOperator as Op;
use castiron_codegen::resize::InputShape;
use castiron_test_tools::file::{Graph, Model, Operator};

/// A model as a converter leaves it, with guesses, and the sizes that it is given.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) file: Vec<u8>,
    pub(super) shapes: Vec<InputShape>,
}

/// Operators whose outputs have shapes of their own: those of subgraphs, of variables, and of what lasts from run to run.
const OWN: [Op; 7] = [
    Op::If,
    Op::While,
    Op::VarHandle,
    Op::ReadVariable,
    Op::Svdf,
    Op::UnidirectionalSequenceLstm,
    Op::CallOnce,
];

/// Operators whose second input is weights, whose sizes converters always know.
const WEIGHTED: [Op; 3] = [Op::Conv2d, Op::DepthwiseConv2d, Op::FullyConnected];

impl Open {
    /// Leaves sizes of a model's inputs open. The model keeps right ones; what is given back has a guess in their place, and in the place
    /// of all that follows from them.
    pub(super) fn of(model: &mut Model) -> Option<Self> {
        let graph = model.graphs.first_mut()?;
        let mut shapes = Vec::new();
        let is_weighted =
            |operator: &&Operator| WEIGHTED.iter().any(|op| op.code() == operator.code);
        let weighted = graph.operators.iter().filter(is_weighted);
        let weights: Vec<i32> = weighted.filter_map(|o| o.inputs.get(1).copied()).collect();
        for (number, id) in graph.inputs.iter().enumerate() {
            if weights.contains(id) {
                continue;
            }
            let tensor = &mut graph.tensors[*id as usize];
            // Of every other input all sizes are open: but for ones, which only the first dimension is guessed to have.
            let is_open = |(axis, size): (usize, &i32)| axis == 0 || (number % 2 == 1 && *size > 1);
            let sizes = tensor.shape.iter().enumerate();
            tensor.signature = sizes
                .map(|(axis, size)| if is_open((axis, size)) { -1 } else { *size })
                .collect();
            if !tensor.signature.is_empty() {
                let sizes: Vec<usize> = tensor.shape.iter().map(|size| *size as usize).collect();
                shapes.push(InputShape::new(tensor.name.clone(), sizes));
            }
        }
        if shapes.is_empty() {
            return None;
        }
        let mut guessed = model.clone();
        guess(&mut guessed.graphs[0]);
        Some(Self {
            file: guessed.file(),
            shapes,
        })
    }
}

/// Puts ones in the place of all open sizes, and of all that follow from them.
fn guess(graph: &mut Graph) {
    let mut open = graph.inputs.clone();
    open.retain(|id| !graph.tensors[*id as usize].signature.is_empty());
    for id in &graph.inputs {
        let tensor = &mut graph.tensors[*id as usize];
        let sizes = std::iter::zip(&mut tensor.shape, &tensor.signature);
        sizes.for_each(|(size, known)| *size = if *known < 0 { 1 } else { *size });
    }
    for operator in &graph.operators {
        if !operator.inputs.iter().any(|id| open.contains(id)) || has_own(operator) {
            continue;
        }
        for id in &operator.outputs {
            let tensor = &mut graph.tensors[*id as usize];
            tensor.signature = vec![-1; tensor.shape.len()];
            tensor.shape.fill(1);
            open.push(*id);
        }
    }
}

fn has_own(operator: &Operator) -> bool {
    !operator.custom.is_empty() || OWN.iter().any(|op| op.code() == operator.code)
}
