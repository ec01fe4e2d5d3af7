//! What is known of an arena before it is planned.

use super::{Graph, TensorId};

/// Bytes that the arena has beside the tensors that are live while the operator with this output runs, in the order of the file: some operator needs
/// them all for its inputs, or for its outputs. None where no operator has that output.
pub(crate) fn spare(graph: &Graph, output: TensorId) -> usize {
    let Some(at) = graph
        .operators
        .iter()
        .position(|op| op.outputs.contains(&output))
    else {
        return 0;
    };
    let bytes = |ids: &mut dyn Iterator<Item = TensorId>| -> usize {
        let tensors = ids.map(|id| graph.tensor(id));
        let computed = tensors.filter(|tensor| !tensor.is_constant());
        computed.fold(0, |sum, tensor| sum.saturating_add(tensor.bytes()))
    };
    let needs = graph.operators.iter().map(|op| {
        let inputs = bytes(&mut op.inputs.iter().copied().flatten());
        inputs.max(bytes(&mut op.outputs.iter().copied()))
    });
    let least = needs.max().unwrap_or(0);
    let (mut born, mut needed) = (
        vec![false; graph.tensors.len()],
        vec![false; graph.tensors.len()],
    );
    let (before, after) = graph.operators.split_at(at);
    let outputs = before.iter().flat_map(|op| &op.outputs);
    for id in graph.inputs.iter().chain(outputs) {
        born[id.index()] = true;
    }
    for id in after.iter().flat_map(|op| op.inputs.iter().flatten()) {
        needed[id.index()] = true;
    }
    for id in &graph.outputs {
        needed[id.index()] = true;
    }
    let ids = (0..graph.tensors.len()).filter(|id| born[*id] && needed[*id]);
    let own = graph.operators[at].outputs.iter().copied();
    let live = bytes(&mut ids.map(|id| TensorId(id as u32)).chain(own));
    least.saturating_sub(live)
}
