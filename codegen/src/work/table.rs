//! Which rule holds for which operator of the schema.

use crate::graph::BuiltinOperator;

use super::rules::Rule;

/// The rule of an operator; `None` where shapes and options that castiron reads do not tell its
/// work: what depends on the data, and StableHLO, which no microcontroller runtime has.
pub(super) fn rule(operator: BuiltinOperator) -> Option<Rule> {
    use BuiltinOperator as Op;
    Some(match operator {
        Op::Conv2d => Rule::Conv2d,
        Op::DepthwiseConv2d => Rule::DepthwiseConv2d,
        Op::TransposeConv => Rule::TransposeConv,
        Op::Conv3d => Rule::Conv3d,
        Op::Conv3dTranspose => Rule::Conv3dTranspose,
        Op::FullyConnected => Rule::FullyConnected,
        Op::BatchMatmul => Rule::BatchMatmul,
        Op::Svdf => Rule::Svdf,
        Op::Lstm
        | Op::Rnn
        | Op::UnidirectionalSequenceLstm
        | Op::UnidirectionalSequenceRnn
        | Op::BidirectionalSequenceLstm
        | Op::BidirectionalSequenceRnn => Rule::Recurrent,

        Op::AveragePool2d | Op::MaxPool2d | Op::L2Pool2d => Rule::Pool,
        Op::Rfft2d => Rule::Fourier,

        // What every element of the input goes into once.
        Op::Mean
        | Op::Sum
        | Op::ReduceProd
        | Op::ReduceMax
        | Op::ReduceMin
        | Op::ReduceAny
        | Op::ReduceAll
        | Op::ArgMax
        | Op::ArgMin
        | Op::Cumsum
        | Op::SegmentSum
        | Op::UnsortedSegmentSum
        | Op::UnsortedSegmentProd
        | Op::UnsortedSegmentMax
        | Op::UnsortedSegmentMin => Rule::Inputs(1),
        // The greatest value, the sum of exponentials, the quotient.
        Op::Softmax | Op::LogSoftmax => Rule::Inputs(3),
        // The sum of squares, the quotient.
        Op::L2Normalization => Rule::Inputs(2),
        Op::AddN => Rule::Addends,
        // Four neighbours.
        Op::ResizeBilinear => Rule::Outputs(4),

        Op::Abs
        | Op::Add
        | Op::Atan2
        | Op::BitwiseXor
        | Op::Bucketize
        | Op::Cast
        | Op::Ceil
        | Op::ComplexAbs
        | Op::Cos
        | Op::Dequantize
        | Op::Div
        | Op::Elu
        | Op::Equal
        | Op::Exp
        | Op::FakeQuant
        | Op::Floor
        | Op::FloorDiv
        | Op::FloorMod
        | Op::Gelu
        | Op::Greater
        | Op::GreaterEqual
        | Op::HardSwish
        | Op::LeakyRelu
        | Op::Less
        | Op::LessEqual
        | Op::Log
        | Op::LogicalAnd
        | Op::LogicalNot
        | Op::LogicalOr
        | Op::Logistic
        | Op::Maximum
        | Op::Minimum
        | Op::Mul
        | Op::Neg
        | Op::NotEqual
        | Op::Pow
        | Op::Prelu
        | Op::Quantize
        | Op::RandomStandardNormal
        | Op::RandomUniform
        | Op::Relu
        | Op::Relu0To1
        | Op::Relu6
        | Op::ReluN1To1
        | Op::RightShift
        | Op::Round
        | Op::Rsqrt
        | Op::Select
        | Op::SelectV2
        | Op::Sign
        | Op::Sin
        | Op::Sqrt
        | Op::Square
        | Op::SquaredDifference
        | Op::Sub
        | Op::Tanh => Rule::Outputs(1),

        Op::AssignVariable
        | Op::BatchToSpaceNd
        | Op::Bitcast
        | Op::BroadcastArgs
        | Op::BroadcastTo
        | Op::Call
        | Op::CallOnce
        | Op::ConcatEmbeddings
        | Op::Concatenation
        | Op::Densify
        | Op::DepthToSpace
        | Op::Dilate
        | Op::DynamicUpdateSlice
        | Op::EmbeddingLookup
        | Op::ExpandDims
        | Op::Fill
        | Op::Gather
        | Op::GatherNd
        | Op::Hashtable
        | Op::HashtableImport
        | Op::HashtableSize
        | Op::If
        | Op::Imag
        | Op::MatrixDiag
        | Op::MatrixSetDiag
        | Op::MirrorPad
        | Op::OneHot
        | Op::Pack
        | Op::Pad
        | Op::Padv2
        | Op::Range
        | Op::Rank
        | Op::ReadVariable
        | Op::Real
        | Op::Reshape
        | Op::ResizeNearestNeighbor
        | Op::ReverseSequence
        | Op::ReverseV2
        | Op::ScatterNd
        | Op::Shape
        | Op::Slice
        | Op::SpaceToBatchNd
        | Op::SpaceToDepth
        | Op::SparseToDense
        | Op::Split
        | Op::SplitV
        | Op::Squeeze
        | Op::StridedSlice
        | Op::Tile
        | Op::Transpose
        | Op::Unpack
        | Op::VarHandle
        | Op::While
        | Op::ZerosLike => Rule::Moves,

        // The data, or options that are not read, decide.
        Op::Delegate
        | Op::EmbeddingLookupSparse
        | Op::HashtableFind
        | Op::HashtableLookup
        | Op::LocalResponseNormalization
        | Op::LshProjection
        | Op::Multinomial
        | Op::NonMaxSuppressionV4
        | Op::NonMaxSuppressionV5
        | Op::PlaceholderForGreaterOpCodes
        | Op::ReduceWindow
        | Op::SkipGram
        | Op::TopkV2
        | Op::Unique
        | Op::Where => return None,

        Op::StablehloAbs
        | Op::StablehloAdd
        | Op::StablehloAnd
        | Op::StablehloBroadcastInDim
        | Op::StablehloCase
        | Op::StablehloCbrt
        | Op::StablehloClamp
        | Op::StablehloCompare
        | Op::StablehloComposite
        | Op::StablehloConcatenate
        | Op::StablehloConvert
        | Op::StablehloConvolution
        | Op::StablehloCosine
        | Op::StablehloCustomCall
        | Op::StablehloDivide
        | Op::StablehloDotGeneral
        | Op::StablehloDynamicSlice
        | Op::StablehloDynamicUpdateSlice
        | Op::StablehloExponential
        | Op::StablehloFloor
        | Op::StablehloGather
        | Op::StablehloIota
        | Op::StablehloLog
        | Op::StablehloLogistic
        | Op::StablehloMaximum
        | Op::StablehloMinimum
        | Op::StablehloMultiply
        | Op::StablehloNegate
        | Op::StablehloOr
        | Op::StablehloPad
        | Op::StablehloPower
        | Op::StablehloReduce
        | Op::StablehloReduceWindow
        | Op::StablehloRemainder
        | Op::StablehloReshape
        | Op::StablehloRngBitGenerator
        | Op::StablehloRsqrt
        | Op::StablehloScatter
        | Op::StablehloSelect
        | Op::StablehloShiftLeft
        | Op::StablehloSlice
        | Op::StablehloSort
        | Op::StablehloSubtract
        | Op::StablehloTanh
        | Op::StablehloTranspose
        | Op::StablehloWhile => return None,
    })
}
