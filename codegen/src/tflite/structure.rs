//! What makes an operator malformed, whoever runs it: inputs and outputs that it cannot do without,
//! element types that it never had, integers without a scale; and, in files of their own, weights that do not fit its data, constants
//! that it cannot follow, outputs of other sizes.
//!
//! What only no engine here runs (a rank, a combination of types) is none of that: the engines
//! say so, and headers and resolvers can be written all the same.

use super::report::short;
use super::{operands, outputs, weights};
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator as Op, DType, Graph, OpKind, Operator, Tensor, TensorId};

pub(super) const AGAIN: &str = "the file is damaged or was edited; convert the model again";

/// Checks one operator.
pub(super) fn check(graph: &Graph, index: usize) -> Vec<Diagnostic> {
    let operator = &graph.operators[index];
    let OpKind::Builtin(op) = operator.kind else {
        return Vec::new();
    };
    // What follows takes operands for granted.
    let mut found = missing(operator, op);
    if found.is_empty() {
        found.extend(types(graph, operator, op));
    }
    if found.is_empty() {
        found.extend(scales(graph, operator, op));
        found.extend(weights::check(graph, operator, op));
        let operands = operands::check(graph, operator, op);
        found.extend(operands.or_else(|| outputs::check(graph, operator, op)));
    }
    let place = |d: Diagnostic| d.at_operator(index, op.name());
    found.into_iter().map(place).collect()
}

/// The inputs that an operator cannot do without, and how many outputs.
fn needs(op: Op) -> (&'static [usize], usize) {
    match op {
        Op::Abs
        | Op::AddN
        | Op::AveragePool2d
        | Op::Bitcast
        | Op::Bucketize
        | Op::Cast
        | Op::Ceil
        | Op::ComplexAbs
        | Op::Concatenation
        | Op::Cos
        | Op::Densify
        | Op::DepthToSpace
        | Op::Dequantize
        | Op::Elu
        | Op::Exp
        | Op::FakeQuant
        | Op::Floor
        | Op::Gelu
        | Op::HardSwish
        | Op::Imag
        | Op::L2Normalization
        | Op::L2Pool2d
        | Op::LeakyRelu
        | Op::LocalResponseNormalization
        | Op::Log
        | Op::LogicalNot
        | Op::Logistic
        | Op::LogSoftmax
        | Op::MatrixDiag
        | Op::MaxPool2d
        | Op::Neg
        | Op::Pack
        | Op::Quantize
        | Op::RandomStandardNormal
        | Op::RandomUniform
        | Op::Rank
        | Op::ReadVariable
        | Op::Real
        | Op::Relu
        | Op::Relu0To1
        | Op::Relu6
        | Op::ReluN1To1
        | Op::Reshape
        | Op::Round
        | Op::Rsqrt
        | Op::Shape
        | Op::Sign
        | Op::Sin
        | Op::Softmax
        | Op::SpaceToDepth
        | Op::Sqrt
        | Op::Square
        | Op::Squeeze
        | Op::Tanh
        | Op::Unpack
        | Op::Where
        | Op::ZerosLike => (&[0], 1),
        Op::Add
        | Op::ArgMax
        | Op::ArgMin
        | Op::Atan2
        | Op::BatchMatmul
        | Op::BitwiseXor
        | Op::BroadcastArgs
        | Op::BroadcastTo
        | Op::Conv2d
        | Op::Conv3d
        | Op::Cumsum
        | Op::DepthwiseConv2d
        | Op::Div
        | Op::EmbeddingLookup
        | Op::Equal
        | Op::ExpandDims
        | Op::Fill
        | Op::FloorDiv
        | Op::FloorMod
        | Op::FullyConnected
        | Op::Gather
        | Op::GatherNd
        | Op::Greater
        | Op::GreaterEqual
        | Op::Less
        | Op::LessEqual
        | Op::LogicalAnd
        | Op::LogicalOr
        | Op::MatrixSetDiag
        | Op::Maximum
        | Op::Mean
        | Op::Minimum
        | Op::MirrorPad
        | Op::Mul
        | Op::Multinomial
        | Op::NotEqual
        | Op::Pad
        | Op::Pow
        | Op::Prelu
        | Op::ReduceAll
        | Op::ReduceAny
        | Op::ReduceMax
        | Op::ReduceMin
        | Op::ReduceProd
        | Op::ResizeBilinear
        | Op::ResizeNearestNeighbor
        | Op::ReverseSequence
        | Op::ReverseV2
        | Op::Rfft2d
        | Op::RightShift
        | Op::SegmentSum
        | Op::Split
        | Op::SquaredDifference
        | Op::Sub
        | Op::Sum
        | Op::Tile
        | Op::Transpose => (&[0, 1], 1),
        Op::TopkV2 => (&[0, 1], 2),
        Op::Unique => (&[0], 2),
        Op::BatchToSpaceNd
        | Op::Conv3dTranspose
        | Op::DynamicUpdateSlice
        | Op::Padv2
        | Op::Range
        | Op::ScatterNd
        | Op::Select
        | Op::SelectV2
        | Op::Slice
        | Op::SpaceToBatchNd
        | Op::SplitV
        | Op::TransposeConv
        | Op::UnsortedSegmentMax
        | Op::UnsortedSegmentMin
        | Op::UnsortedSegmentProd
        | Op::UnsortedSegmentSum => (&[0, 1, 2], 1),
        Op::OneHot | Op::SparseToDense | Op::StridedSlice => (&[0, 1, 2, 3], 1),
        // Input, two sets of weights and the state; the bias at 3 may be left out.
        Op::Svdf => (&[0, 1, 2, 4], 1),
        Op::Rnn | Op::UnidirectionalSequenceRnn => (&[0, 1, 2, 3, 4], 1),
        // Input, the gates that every variant has (the input gate may be coupled), and two states.
        Op::Lstm | Op::UnidirectionalSequenceLstm => {
            (&[0, 2, 3, 4, 6, 7, 8, 13, 14, 15, 18, 19], 1)
        }
        Op::AssignVariable => (&[0, 1], 0),
        Op::If => (&[0], 0),
        Op::VarHandle => (&[], 1),
        // Operators whose operands are their own affair, and those that no microcontroller meets.
        _ => (&[], 0),
    }
}

fn missing(operator: &Operator, op: Op) -> Vec<Diagnostic> {
    let (inputs, outputs) = needs(op);
    let mut found = Vec::new();
    let given = |position: &usize| operator.inputs.get(*position).is_some_and(Option::is_some);
    if let Some(missing) = inputs.iter().find(|position| !given(position)) {
        found.push(
            Diagnostic::new("the operator lacks an input")
                .expected(format_args!("a tensor for input {missing}"))
                .found(match operator.inputs.len() {
                    n if n > *missing => "no tensor for that input".to_owned(),
                    1 => "1 input".to_owned(),
                    n => format!("{n} inputs"),
                })
                .help(AGAIN),
        );
    }
    if operator.outputs.len() < outputs {
        found.push(
            Diagnostic::new("the operator lacks an output")
                .expected(match outputs {
                    1 => "1 output".to_owned(),
                    n => format!("{n} outputs"),
                })
                .found(operator.outputs.len())
                .help(AGAIN),
        );
    }
    found
}

/// A group of element types.
#[derive(Clone, Copy)]
enum Group {
    Numbers,
    Integers,
    Truth,
    Handle,
}

impl Group {
    fn has(self, tensor: &Tensor) -> bool {
        use DType as D;
        match self {
            Self::Numbers => {
                !matches!(tensor.dtype, D::Bool | D::String | D::Resource | D::Variant)
            }
            Self::Integers => matches!(
                tensor.dtype,
                D::Int8
                    | D::Uint8
                    | D::Int16
                    | D::Uint16
                    | D::Int32
                    | D::Uint32
                    | D::Int64
                    | D::Uint64
            ),
            Self::Truth => tensor.dtype == D::Bool,
            Self::Handle => {
                matches!(tensor.dtype, D::Resource | D::Int32) && tensor.elements() == 1
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Integers => "integers",
            Self::Truth => "BOOL",
            Self::Handle => "the handle of a variable, one RESOURCE",
        }
    }
}

/// Operators that compute with numbers alone, their axes and shapes included.
fn is_arithmetic(op: Op) -> bool {
    matches!(
        op,
        Op::Abs
            | Op::Add
            | Op::AddN
            | Op::AveragePool2d
            | Op::BatchMatmul
            | Op::Ceil
            | Op::Conv2d
            | Op::Conv3d
            | Op::Cos
            | Op::Cumsum
            | Op::DepthwiseConv2d
            | Op::Dequantize
            | Op::Div
            | Op::Elu
            | Op::Exp
            | Op::Floor
            | Op::FloorDiv
            | Op::FloorMod
            | Op::FullyConnected
            | Op::Gelu
            | Op::HardSwish
            | Op::L2Normalization
            | Op::L2Pool2d
            | Op::LeakyRelu
            | Op::LocalResponseNormalization
            | Op::Log
            | Op::LogSoftmax
            | Op::Logistic
            | Op::Lstm
            | Op::MaxPool2d
            | Op::Maximum
            | Op::Mean
            | Op::Minimum
            | Op::Mul
            | Op::Neg
            | Op::Pow
            | Op::Prelu
            | Op::Quantize
            | Op::ReduceMax
            | Op::ReduceMin
            | Op::ReduceProd
            | Op::Relu
            | Op::Relu0To1
            | Op::Relu6
            | Op::ReluN1To1
            | Op::ResizeBilinear
            | Op::Rnn
            | Op::Round
            | Op::Rsqrt
            | Op::Sin
            | Op::Softmax
            | Op::Sqrt
            | Op::Square
            | Op::SquaredDifference
            | Op::Sub
            | Op::Sum
            | Op::Svdf
            | Op::Tanh
            | Op::TransposeConv
            | Op::UnidirectionalSequenceLstm
            | Op::UnidirectionalSequenceRnn
    )
}

/// Inputs that have to be of a group: axes, sizes, indices, conditions, handles.
fn typed_inputs(op: Op) -> (&'static [usize], Group) {
    match op {
        Op::ArgMax
        | Op::ArgMin
        | Op::BroadcastTo
        | Op::Cumsum
        | Op::ExpandDims
        | Op::Gather
        | Op::GatherNd
        | Op::Mean
        | Op::MirrorPad
        | Op::Pad
        | Op::Padv2
        | Op::ReduceAll
        | Op::ReduceAny
        | Op::ReduceMax
        | Op::ReduceMin
        | Op::ReduceProd
        | Op::Reshape
        | Op::ResizeBilinear
        | Op::ResizeNearestNeighbor
        | Op::ReverseV2
        | Op::Sum
        | Op::Tile
        | Op::TopkV2
        | Op::Transpose => (&[1], Group::Integers),
        Op::EmbeddingLookup | Op::Fill | Op::Split | Op::TransposeConv => (&[0], Group::Integers),
        Op::BroadcastArgs | Op::OneHot => (&[0, 1], Group::Integers),
        Op::BatchToSpaceNd | Op::Slice | Op::SpaceToBatchNd | Op::SplitV => {
            (&[1, 2], Group::Integers)
        }
        Op::StridedSlice => (&[1, 2, 3], Group::Integers),
        Op::DynamicUpdateSlice => (&[2], Group::Integers),
        Op::If | Op::Select | Op::SelectV2 => (&[0], Group::Truth),
        Op::LogicalNot => (&[0], Group::Truth),
        Op::LogicalAnd | Op::LogicalOr => (&[0, 1], Group::Truth),
        Op::AssignVariable | Op::ReadVariable => (&[0], Group::Handle),
        _ => (&[], Group::Numbers),
    }
}

fn types(graph: &Graph, operator: &Operator, op: Op) -> Option<Diagnostic> {
    let (positions, group) = typed_inputs(op);
    let inputs = (operator.inputs.iter().enumerate()).filter_map(|(i, id)| Some((i, (*id)?)));
    let mut wanted: Vec<(TensorId, Group)> = inputs
        .filter_map(|(i, id)| match positions.contains(&i) {
            true => Some((id, group)),
            false => is_arithmetic(op).then_some((id, Group::Numbers)),
        })
        .collect();
    wanted.extend(operator.outputs.iter().filter_map(|id| match op {
        Op::VarHandle => Some((*id, Group::Handle)),
        _ => is_arithmetic(op).then_some((*id, Group::Numbers)),
    }));
    let (id, group) = (wanted.into_iter()).find(|(id, group)| !group.has(graph.tensor(*id)))?;
    let tensor = graph.tensor(id);
    Some(
        Diagnostic::new("no version of the operator has operands of this type")
            .expected(group.name())
            .found(format_args!("{} of shape {:?}", tensor.dtype, tensor.shape))
            .help(AGAIN)
            .at_tensor(id.index(), &short(&tensor.name)),
    )
}

/// Operators that compute with the scales of 8-bit operands.
fn is_quantized(op: Op) -> bool {
    matches!(
        op,
        Op::Abs
            | Op::Add
            | Op::BatchMatmul
            | Op::Conv2d
            | Op::DepthwiseConv2d
            | Op::Dequantize
            | Op::Div
            | Op::Elu
            | Op::Exp
            | Op::FullyConnected
            | Op::HardSwish
            | Op::L2Normalization
            | Op::LeakyRelu
            | Op::Log
            | Op::LogSoftmax
            | Op::Logistic
            | Op::Mean
            | Op::Mul
            | Op::Prelu
            | Op::Quantize
            | Op::Rsqrt
            | Op::Softmax
            | Op::SquaredDifference
            | Op::Sub
            | Op::Sum
            | Op::Svdf
            | Op::Tanh
            | Op::TransposeConv
            | Op::UnidirectionalSequenceLstm
    )
}

fn scales(graph: &Graph, operator: &Operator, op: Op) -> Option<Diagnostic> {
    if !is_quantized(op) {
        return None;
    }
    let inputs = operator.inputs.iter().flatten();
    let id = (inputs.chain(&operator.outputs)).copied().find(|id| {
        let tensor = graph.tensor(*id);
        matches!(tensor.dtype, DType::Int8 | DType::Uint8)
            && tensor.quantization.is_none()
            && tensor.blocks.is_none()
    })?;
    let tensor = graph.tensor(id);
    Some(
        Diagnostic::new("the tensor has no quantisation parameters")
            .expected("a scale and a zero point, which the operator computes with")
            .found(format_args!("{} without", tensor.dtype))
            .help("quantise the model again; the converter writes both for integer tensors")
            .at_tensor(id.index(), &short(&tensor.name)),
    )
}

/// Whether the writer knew all sizes.
pub(super) fn is_sized(tensor: &Tensor) -> bool {
    let signature = tensor.shape_signature.as_deref();
    signature.is_none_or(|sizes| sizes.iter().all(|size| *size >= 0))
}
