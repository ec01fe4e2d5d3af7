//! What castiron knows of each operator, one file per family; operators that only move elements are functions of one,
//! and element-wise ones lines of a table of the runtime's.
//!
//! A family says which kernel calls compute an operator and what they do with memory
//! (`Family::choose`). Adding an operator is a file here, a line in `family` and,
//! where no kernel fits, a kernel in the runtime; an element-wise one is a line of
//! the runtime's table. What an operator computes is in [`crate::work`].

mod batch_matmul;
pub mod binary;
pub mod broadcast;
mod chain;
pub(crate) mod channels;
mod concatenation;
pub mod control;
mod conv;
mod convert;
pub mod curve;
mod custom;
mod depthwise;
pub mod elementwise;
mod firmware;
mod fully_connected;
mod gather;
pub mod joined;
mod l2_normalization;
mod log_softmax;
mod lstm;
pub mod movement;
pub mod numbers;
mod one_hot;
mod other_types;
mod pad;
mod pool;
pub mod quantize;
pub mod reduce;
mod resize;
mod select;
mod shape;
pub mod short_sum;
pub mod signal;
mod site;
mod sizes;
pub mod softmax;
mod state;
pub(crate) mod stream;
mod sums;
mod svdf;
mod top_k;
mod transpose_conv;
pub mod unary;
mod unsupported;
pub mod walk;
mod window;

use unsupported::unsupported;

use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator, DType, Graph, OpKind, Operator, Options, Site, TensorId};
use crate::program::{Choice, Choosing, Purpose};
use movement::{Move, Movement};

pub(crate) use chain::chain;
use channels::Channels;
pub(crate) use joined::{join, moved_input, moves_elements};

/// One family of operators.
pub trait Family: Sync {
    /// Chooses the kernel calls that compute the operator, and says what they do with memory: every
    /// output has memory of its own unless more is allowed.
    ///
    /// # Errors
    /// If the operator's tensors or options are malformed or not supported.
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic>;

    /// What the operator moves from inputs to outputs; `None` if that is not all that it does.
    ///
    /// # Errors
    /// If the operator's tensors or options are malformed or not supported.
    fn moves(&self, site: &Site<'_>) -> Result<Option<Vec<Move>>, Diagnostic> {
        let _ = site;
        Ok(None)
    }

    /// How channels, the elements along the last dimension, go through the operator; `None` where each may depend on all.
    fn channels(&self, site: &Site<'_>) -> Option<Channels> {
        let _ = site;
        None
    }
}

/// The family of an operator; `None` where castiron cannot compile it.
pub fn family(kind: &OpKind) -> Option<&'static dyn Family> {
    use BuiltinOperator as Op;
    let op = match kind {
        OpKind::Builtin(op) => op,
        OpKind::Custom(name) => return custom::family(name),
    };
    Some(match op {
        Op::AveragePool2d => &pool::Pool2d::Average,
        Op::BatchMatmul => &batch_matmul::BatchMatmul,
        Op::Concatenation => &concatenation::Concatenation,
        Op::Conv2d => &conv::Conv2d,
        Op::DepthwiseConv2d => &depthwise::DepthwiseConv2d,
        Op::FullyConnected => &fully_connected::FullyConnected,
        Op::L2Normalization => &l2_normalization::L2Normalization,
        Op::LogSoftmax => &log_softmax::LogSoftmax,
        Op::L2Pool2d => &pool::Pool2d::L2,
        Op::MaxPool2d => &pool::Pool2d::Max,
        Op::Mean | Op::Sum => &reduce::Reduce,
        Op::ReduceAll | Op::ReduceAny => &reduce::Reduce,
        Op::ReduceMax | Op::ReduceMin | Op::ReduceProd => &reduce::Reduce,
        Op::ArgMax | Op::ArgMin => &reduce::Arg,
        Op::AddN => &sums::AddN,
        Op::Cumsum => &sums::Cumsum,
        Op::BroadcastArgs => &select::BroadcastArgs,
        Op::Select | Op::SelectV2 => &select::Select,
        Op::Pad | Op::Padv2 => &pad::Pad,
        Op::Reshape | Op::ExpandDims | Op::Squeeze => &shape::SameBytes,
        // Sparse constants are dense once the file is read.
        Op::Densify => &shape::SameBytes,
        Op::UnidirectionalSequenceLstm => &lstm::Lstm,
        Op::Svdf => &svdf::Svdf,
        Op::Softmax => &softmax::Softmax,
        Op::BatchToSpaceNd => &Movement(movement::batch_to_space),
        Op::BroadcastTo => &Movement(movement::broadcast_to),
        Op::DepthToSpace => &Movement(movement::depth_to_space),
        Op::MirrorPad => &Movement(movement::mirror_pad),
        Op::Pack => &Movement(movement::pack),
        Op::ReverseSequence => &Movement(movement::reverse_sequence),
        Op::ReverseV2 => &Movement(movement::reverse),
        Op::Slice => &gather::Slice,
        Op::SpaceToBatchNd => &Movement(movement::space_to_batch),
        Op::SpaceToDepth => &Movement(movement::space_to_depth),
        Op::Split => &Movement(movement::split),
        Op::SplitV => &Movement(movement::split_v),
        Op::StridedSlice => &Movement(movement::strided_slice),
        Op::Tile => &Movement(movement::tile),
        Op::Transpose => &Movement(movement::transpose),
        Op::Unpack => &Movement(movement::unpack),
        Op::DynamicUpdateSlice => &gather::DynamicUpdateSlice,
        Op::EmbeddingLookup => &gather::EmbeddingLookup,
        Op::Fill => &sizes::Fill,
        Op::Gather => &gather::Gather,
        Op::GatherNd => &gather::GatherNd,
        Op::OneHot => &one_hot::OneHot,
        Op::Rank => &sizes::Rank,
        Op::ResizeBilinear => &resize::Bilinear,
        Op::ResizeNearestNeighbor => &resize::Nearest,
        Op::Shape => &sizes::Shape,
        Op::TopkV2 => &top_k::TopK,
        Op::TransposeConv => &transpose_conv::TransposeConv,
        Op::CallOnce | Op::If | Op::While => &control::Control,
        Op::AssignVariable => &state::Variable::Assign,
        Op::ReadVariable => &state::Variable::Read,
        Op::VarHandle => &state::Variable::Handle,
        Op::Quantize => &convert::Quantize,
        Op::Dequantize => &convert::Dequantize,
        Op::Cast => &convert::Cast,
        _ => return elementwise::family(*op),
    })
}

/// Names of the operators that castiron compiles, in the order of their codes.
pub fn supported() -> impl Iterator<Item = BuiltinOperator> {
    BuiltinOperator::ALL
        .iter()
        .copied()
        .filter(|op| family(&OpKind::Builtin(*op)).is_some())
}

pub use custom::names as custom;

/// What an element-wise operator gives for each byte of a tensor, if that is all there is to it.
pub(crate) fn table(graph: &Graph, index: usize) -> Option<(TensorId, [i8; 256])> {
    let operator = &graph.operators[index];
    let is_byte = |id: &TensorId| matches!(graph.tensor(*id).dtype, DType::Int8 | DType::Uint8);
    if !is_elementwise(&operator.kind) || !operator.outputs.iter().all(is_byte) {
        return None;
    }
    let (choice, verdict) = choose(graph, index, Purpose::Folding);
    verdict.ok().and_then(|()| unary::table_of(&choice))
}

/// Whether kernels compute an operator that is to be at a place.
pub(crate) fn is_taken(graph: &Graph, index: usize, operator: &Operator) -> bool {
    let site = Site {
        graph,
        index,
        operator,
    };
    let choosing = &mut Choosing::new(graph, Purpose::Folding);
    family(&operator.kind).is_some_and(|family| family.choose(&site, choosing).is_ok())
}

/// Whether an operator computes each element of its output from those at the same place of its inputs.
pub(crate) fn is_elementwise(kind: &OpKind) -> bool {
    use BuiltinOperator as Op;
    match kind {
        OpKind::Builtin(Op::Quantize | Op::Dequantize | Op::Cast) => true,
        OpKind::Builtin(op) => elementwise::family(*op).is_some(),
        OpKind::Custom(_) => false,
    }
}

/// Whether an operator makes one element of several, along constant axes.
pub(crate) fn is_reduction(kind: &OpKind) -> bool {
    use BuiltinOperator as Op;
    let reductions = [
        Op::Mean,
        Op::Sum,
        Op::ReduceMax,
        Op::ReduceMin,
        Op::ReduceProd,
        Op::ReduceAll,
        Op::ReduceAny,
    ];
    matches!(kind, OpKind::Builtin(op) if reductions.contains(op))
}

/// Whether an operator is one that only firmware can compute: a custom one that castiron does not compute.
pub fn is_custom(kind: &OpKind) -> bool {
    matches!(kind, OpKind::Custom(name) if !custom().any(|ours| ours == name))
}

/// Whether an operator's output follows from its input's shape, whatever its values.
pub(crate) fn is_shape(kind: &OpKind) -> bool {
    matches!(
        kind,
        OpKind::Builtin(BuiltinOperator::Shape | BuiltinOperator::Rank)
    )
}

/// What computes an operator of a graph, and why nothing does: what it does with memory is known of
/// operators that are refused, too.
pub(crate) fn choose(
    graph: &Graph,
    operator: usize,
    purpose: Purpose<'_>,
) -> (Choice, Result<(), Diagnostic>) {
    let site = Site::new(graph, operator);
    let mut choosing = Choosing::new(graph, purpose);
    let verdict = match (site.options(), family(&site.operator.kind)) {
        (Options::Chained(all), _) => chain::choose(&site, &mut choosing, all),
        (Options::Streamed(streamed), _) => stream::choose(&site, &mut choosing, streamed, purpose),
        (Options::Tabulated(table), _) => unary::tabulated(&site, &mut choosing, table),
        (_, Some(family)) => family.choose(&site, &mut choosing),
        (_, None) => match choosing.firmware_ops() {
            Some(ops) if ops.has(site.operator.kind.name()) && is_custom(&site.operator.kind) => {
                firmware::choose(&site, &mut choosing, ops)
            }
            _ => Err(unsupported(&site)),
        },
    };
    let verdict = verdict.map_err(|d| {
        d.at_operator(graph.origin(operator), &site.operator.kind)
            .with_operands(site.operands())
    });
    (choosing.into_choice(), verdict)
}
