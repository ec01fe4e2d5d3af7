//! Running a plan on an arena that remembers who wrote each byte.

use super::share;
use castiron_codegen::graph::{Graph, TensorId};
use castiron_codegen::plan::{Buffers, Location, OpMemory, OutputMemory, Plan};

/// What a byte of the arena holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Nothing,
    /// A byte of the tensor that was written, by index.
    Of(usize),
    Scratch(usize),
}

/// Runs the plan on an arena that remembers who wrote each byte, with every operator writing
/// its outputs before it has read its inputs unless the plan says that they share.
pub(super) fn replay(graph: &Graph, memory: &[OpMemory], plan: &Plan, buffers: Buffers) {
    // The caller's buffers lie behind the arena.
    let mut starts = vec![plan.peak_bytes];
    for id in graph.inputs.iter().chain(&graph.outputs) {
        starts.push(starts[starts.len() - 1] + graph.tensor(*id).bytes());
    }
    let mut arena = vec![Byte::Nothing; starts[starts.len() - 1]];
    // The tensor whose write made the bytes: an alias's source.
    let mut root: Vec<usize> = (0..graph.tensors.len()).collect();
    let held = |id: TensorId| match plan.tensors[id.index()].location {
        Location::Caller { held, offset } => Some((held, offset)),
        _ => None,
    };
    let start = |id: TensorId| match held(id) {
        Some((held, offset)) => Some(starts[held] + offset),
        None => plan.region(id).map(|region| region.offset),
    };
    let span = |id: TensorId| start(id).map(|start| start..start + graph.tensor(id).bytes());
    let share = |a: TensorId, b: TensorId| match (held(a), held(b)) {
        (Some((a, _)), Some((b, _))) => a == b,
        (None, None) => share(plan, a, b),
        _ => false,
    };
    let write = |arena: &mut Vec<Byte>, range: std::ops::Range<usize>, byte: Byte| {
        arena[range].fill(byte);
    };
    let check = |arena: &[Byte], root: &[usize], id: TensorId| {
        if let Some(range) = span(id) {
            assert!(
                arena[range]
                    .iter()
                    .all(|&b| b == Byte::Of(root[id.index()])),
                "tensor {id:?} was overwritten"
            );
        }
    };
    for index in 0..graph.tensors.len() {
        let id = TensorId(index as u32);
        if let Some(range) = span(id)
            && graph.inputs.contains(&id)
        {
            assert!(held(id).is_some() || range.start.is_multiple_of(plan.alignment));
            write(&mut arena, range, Byte::Of(index));
        }
    }
    for &id in &graph.inputs {
        check(&arena, &root, id);
    }
    let mut ran = vec![false; graph.operators.len()];
    for &index in &plan.order {
        assert!(!std::mem::replace(&mut ran[index], true));
        let op = &graph.operators[index];
        let planned = &plan.operators[index];
        assert_eq!(planned.scratch.len(), memory[index].scratch.len());
        for (at, region) in planned.scratch.iter().enumerate() {
            assert_eq!(region.offset % plan.alignment, 0);
            write(
                &mut arena,
                region.offset..region.offset + region.bytes,
                Byte::Scratch(at),
            );
        }
        let overwrites = |output: usize| planned.in_place.iter().find(|p| p.output == output);
        for (at, &output) in op.outputs.iter().enumerate() {
            let aliased = match memory[index].output(at) {
                OutputMemory::Alias(input) => op.inputs[*input]
                    .filter(|&i| share(i, output) && root[output.index()] == output.index()),
                OutputMemory::Part { input, offset } => op.inputs[*input].filter(|&i| {
                    share(i, output)
                        && root[output.index()] == output.index()
                        && start(i).map(|at| at + offset) == start(output)
                }),
                _ => None,
            };
            if let Some(source) = aliased {
                root[output.index()] = root[source.index()];
            } else if overwrites(at).is_none()
                && !planned.overlaps.iter().any(|pair| pair.output == at)
                && let Some(range) = span(output)
            {
                write(&mut arena, range, Byte::Of(output.index()));
            }
        }
        for pair in &planned.overlaps {
            let OutputMemory::Overlap {
                input,
                distance,
                step,
            } = *memory[index].output(pair.output)
            else {
                panic!("an overlap that the operator does not allow");
            };
            assert_eq!(input, pair.input);
            let (id, output) = (op.inputs[input].unwrap(), op.outputs[pair.output]);
            let (from, to) = (span(id).unwrap(), span(output).unwrap());
            let more = from.start.checked_sub(to.start + distance);
            assert!(more.is_some_and(|more| more.is_multiple_of(step)));
            // As far ahead as the distance lets it, the operator writes before it reads.
            for (read, at) in from.enumerate() {
                let written = to.len().min(distance + read);
                arena[to.start..to.start + written].fill(Byte::Of(output.index()));
                assert_eq!(arena[at], Byte::Of(root[id.index()]), "byte {read}");
            }
            arena[to].fill(Byte::Of(output.index()));
        }
        let overlapped = |id: TensorId| {
            let mut pairs = planned.overlaps.iter();
            pairs.any(|pair| op.inputs[pair.input] == Some(id))
        };
        for id in op.inputs.iter().flatten().filter(|id| !overlapped(**id)) {
            check(&arena, &root, *id);
        }
        for (at, &output) in op.outputs.iter().enumerate() {
            if let (Some(pair), Some(range)) = (overwrites(at), span(output)) {
                assert!(share(op.inputs[pair.input].unwrap(), output));
                write(&mut arena, range, Byte::Of(output.index()));
            }
        }
        for &output in &op.outputs {
            check(&arena, &root, output);
        }
        for (at, region) in planned.scratch.iter().enumerate() {
            let bytes = &arena[region.offset..region.offset + region.bytes];
            assert!(bytes.iter().all(|&b| b == Byte::Scratch(at)));
        }
    }
    assert!(ran.iter().all(|&r| r));
    for copy in &plan.output_copies {
        let range = copy.offset..copy.offset + copy.bytes;
        write(&mut arena, range, Byte::Of(copy.tensor.index()));
    }
    // Whoever has an input still has it.
    let of_caller = |id: &&TensorId| held(**id).is_some();
    for &id in graph.inputs.iter().filter(of_caller) {
        check(&arena, &root, id);
    }
    for &id in &graph.outputs {
        check(&arena, &root, id);
        // Whoever has outputs gets a copy of what lies elsewhere.
        if graph.tensor(id).is_variable || buffers.holds_outputs() {
            continue;
        }
        let copy = plan.output_copies.iter().find(|copy| copy.tensor == id);
        let bytes = plan.region(id).map(|region| region.bytes);
        let bytes = bytes.or(copy.map(|copy| copy.bytes));
        assert_eq!(bytes, Some(graph.tensor(id).bytes()));
    }
    for copy in &plan.output_copies {
        let bytes = &arena[copy.offset..copy.offset + copy.bytes];
        assert!(bytes.iter().all(|&b| b == Byte::Of(copy.tensor.index())));
    }
    assert!(plan.peak_bytes >= plan.lower_bound_bytes);
}
