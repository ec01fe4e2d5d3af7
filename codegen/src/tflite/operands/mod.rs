//! What an operator's constants and options say, against the tensors that they are said of: axes, indices, parts, blocks, margins. What
//! is wrong here is refused by TensorFlow Lite's own kernels, too; TensorFlow Lite Micro's often read or write beside their tensors.
//!
//! A computed operand is not known before the model runs and is left alone, and so is a size that the writer did not know.

mod axes;
mod blocks;
mod parts;
mod products;

use super::report::short;
use super::structure::{AGAIN, is_sized};
use crate::error::Diagnostic;
use crate::graph::operands::Operands;
use crate::graph::{BuiltinOperator as Op, Graph, Operator};

/// Checks one operator.
pub(super) fn check(graph: &Graph, operator: &Operator, op: Op) -> Option<Diagnostic> {
    let wrong = Operands::new(graph, operator).check(op).err()?;
    let diagnostic = Diagnostic::new(wrong.what)
        .expected(wrong.expected)
        .found(wrong.found)
        .help(AGAIN);
    let id = operator.inputs.get(wrong.input).copied().flatten();
    Some(match id {
        Some(id) => diagnostic.at_tensor(id.index(), &short(&graph.tensor(id).name)),
        None => diagnostic,
    })
}

/// What is wrong, and with which input.
struct Wrong {
    what: &'static str,
    expected: String,
    found: String,
    input: usize,
}

type Checked = Result<(), Wrong>;

fn wrong(
    what: &'static str,
    input: usize,
    expected: impl ToString,
    found: impl ToString,
) -> Checked {
    Err(Wrong {
        what,
        expected: expected.to_string(),
        found: found.to_string(),
        input,
    })
}

const AXIS: &str = "the axis is outside the input";
const INDEX: &str = "an index lies outside the input";
const PART: &str = "the part lies outside the input";
const COUNT: &str = "the number of parts differs from the number of tensors";
const VALUES: &str = "the number of values is wrong for the operator";
const BLOCKS: &str = "the blocks do not divide the input";
const MARGINS: &str = "the margins do not fit the input";
const SIZES: &str = "the inputs' sizes do not fit each other";

impl<'a> Operands<'a> {
    /// The shape of an input, if the writer knew it. No dimensions are those of a scalar, or of a tensor whose writer did not even know
    /// how many there are.
    fn shape(&self, position: usize) -> Option<&'a [usize]> {
        let tensor = self.input(position).filter(|tensor| is_sized(tensor))?;
        (!tensor.shape.is_empty()).then_some(&tensor.shape[..])
    }

    fn check(&self, op: Op) -> Checked {
        match op {
            Op::ArgMax
            | Op::ArgMin
            | Op::Cumsum
            | Op::Mean
            | Op::Sum
            | Op::ReduceAll
            | Op::ReduceAny
            | Op::ReduceMax
            | Op::ReduceMin
            | Op::ReduceProd
            | Op::ReverseV2 => self.axes(1, 0, 0),
            Op::ExpandDims => self.axes(1, 0, 1),
            Op::Split => self.axes(0, 1, 0).and_then(|()| self.split()),
            Op::SplitV => self.axes(2, 0, 0).and_then(|()| self.split_into()),
            Op::Squeeze => self.squeeze(),
            Op::Pack => self.pack(),
            Op::Unpack => self.unpack(),
            Op::Concatenation => self.concatenation(),
            Op::Gather => self.gather(),
            Op::GatherNd => self.gather_nd(),
            Op::EmbeddingLookup => self.indices(0, self.size_of(1, 0)),
            Op::Transpose => self.permutation(),
            Op::Slice => self.slice(),
            Op::StridedSlice => self.strided_slice(),
            Op::DynamicUpdateSlice => self.update_slice(),
            Op::SpaceToBatchNd | Op::BatchToSpaceNd => self.blocks(op),
            Op::SpaceToDepth | Op::DepthToSpace => self.block(op),
            Op::Pad | Op::Padv2 | Op::MirrorPad => self.paddings(op),
            Op::ResizeBilinear | Op::ResizeNearestNeighbor => self.image(),
            Op::BroadcastTo => self.broadcast_to(),
            Op::BroadcastArgs => self.broadcast_args(),
            op if op.broadcasts() || op == Op::Prelu => self.broadcast(),
            Op::BatchMatmul => self.batch_matmul(),
            Op::Svdf => self.svdf(),
            _ => Ok(()),
        }
    }

    /// The number of an input's dimensions, if the writer knew it.
    fn rank(&self, position: usize) -> Option<usize> {
        let rank = self.input(position)?.shape.len();
        (rank > 0).then_some(rank)
    }

    fn size_of(&self, position: usize, dimension: usize) -> Option<usize> {
        self.shape(position)?.get(dimension).copied()
    }
}

fn fits(right: bool, otherwise: impl FnOnce() -> (&'static str, usize, String, String)) -> Checked {
    if right {
        return Ok(());
    }
    let (what, input, expected, found) = otherwise();
    wrong(what, input, expected, found)
}
