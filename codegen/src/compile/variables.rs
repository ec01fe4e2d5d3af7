//! Where variables start: at zeros, or at the zero point of their type.

use crate::graph::variables::Variables;
use crate::graph::{DType, Model, Tensor, TensorId};
use crate::plan::Kept;

/// Variables of the subgraphs that run which do not start at zeros, and the value of each of their bytes.
pub(super) fn first_values(
    model: &Model,
    reached: impl Iterator<Item = usize>,
    variables: &Variables,
) -> Vec<(Kept, u8)> {
    let resources = variables.values.iter().enumerate();
    let resources = resources.filter_map(|(n, value)| Some((Kept::Variable(n), value.as_ref()?)));
    let tensors = reached.flat_map(|index| {
        let graph = &model.graphs[index];
        let tensors = (0..).map(TensorId).zip(&graph.tensors);
        // What is an input has the caller's value, which may be there before the first run.
        let kept = tensors.filter(move |(id, tensor)| {
            tensor.is_variable && !tensor.is_constant() && !graph.inputs.contains(id)
        });
        kept.map(move |(id, tensor)| (Kept::Tensor(index, id), tensor))
    });
    let values = resources.chain(tensors);
    let values = values.filter_map(|(kept, tensor)| Some((kept, first_value(tensor)?)));
    values.collect()
}

/// TensorFlow Lite Micro starts int8 variables at their zero point, and all others at zeros.
fn first_value(tensor: &Tensor) -> Option<u8> {
    let zero_point = *tensor.quantization.as_ref()?.zero_point.first()?;
    (tensor.dtype == DType::Int8 && zero_point != 0).then_some(zero_point as i8 as u8)
}
