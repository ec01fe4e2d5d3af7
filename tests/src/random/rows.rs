//! The operators that models are made of, a row each.

use castiron_codegen::graph::DType::{
    self, Bool, Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64, Uint8 as U8,
    Uint16 as U16, Uint32 as U32, Uint64 as U64,
};
use castiron_codegen::graph::{BuiltinOperator as Op, OpKind};
use castiron_codegen::tflm::TflmOp;

use super::draw::Draw;
use super::elementwise::{Curve, add_n, arithmetic, comparison, logical, unary};
use super::reference::Engine;
use super::{
    control, convert, custom, elementwise, lookup, movement, products, reduce, signal, windows,
};

/// What an operator is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Builtin(Op),
    Custom(&'static str),
}

impl From<Op> for Kind {
    fn from(op: Op) -> Self {
        Self::Builtin(op)
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Builtin(op) => op.name(),
            Self::Custom(name) => name,
        }
    }

    fn is_known(self, engine: Engine) -> bool {
        match (engine, self) {
            (Engine::Tflm, Self::Builtin(op)) => TflmOp::for_kind(&OpKind::Builtin(op)).is_some(),
            (Engine::Tflm, Self::Custom(_)) => true,
            (Engine::LiteRt, Self::Builtin(op)) => !WITHOUT_REFERENCE.contains(&op),
            (Engine::LiteRt, Self::Custom(name)) => name == custom::DETECTION,
        }
    }
}

/// Operators that LiteRT's reference kernels are not told of, or not as models here have them: a variable that is read before it is
/// written.
const WITHOUT_REFERENCE: [Op; 4] = [Op::AssignVariable, Op::Ceil, Op::Elu, Op::Round];

/// An operator, and what draws one: its inputs, its options, and the outputs that follow. It gives nothing, and leaves no operator, where
/// what was drawn does not go together.
pub(super) enum Row {
    Builtin(Op, fn(&mut Draw<'_>, Op) -> Option<()>),
    Custom(&'static str, fn(&mut Draw<'_>, Kind) -> Option<()>),
}

impl Row {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Builtin(op, _) => Kind::Builtin(*op),
            Self::Custom(name, _) => Kind::Custom(name),
        }
    }

    pub(super) fn draw(&self, d: &mut Draw<'_>) -> Option<()> {
        match self {
            Self::Builtin(op, rule) => rule(d, *op),
            Self::Custom(_, rule) => rule(d, self.kind()),
        }
    }
}

const fn row(op: Op, rule: fn(&mut Draw<'_>, Op) -> Option<()>) -> Row {
    Row::Builtin(op, rule)
}

/// What the operators of a model have in common, so that most models can be compared with somebody.
#[derive(Clone, Copy)]
pub(super) enum Focus {
    /// Any builtin ones.
    Any,
    /// Those that an engine knows.
    Engine(Engine),
    /// Streams of samples, and what moves them.
    Custom,
    /// Products, and what passes channels on from one to the next.
    Products,
}

impl Focus {
    pub(super) fn draw(d: &mut Draw<'_>) -> Self {
        match d.between(0..=8) {
            0..=2 => Self::Engine(Engine::Tflm),
            3 | 4 => Self::Engine(Engine::LiteRt),
            5 => Self::Custom,
            6 => Self::Products,
            _ => Self::Any,
        }
    }

    pub(super) fn takes(self, row: &Row) -> bool {
        let is_custom = matches!(row, Row::Custom(..));
        match (self, row.kind()) {
            (Self::Any, _) => !is_custom,
            (Self::Engine(engine), kind) => !is_custom && kind.is_known(engine),
            (Self::Custom, Kind::Builtin(op)) => BESIDE_CUSTOM.contains(&op),
            (Self::Custom, Kind::Custom(_)) => true,
            (Self::Products, Kind::Builtin(op)) => PRODUCTS.contains(&op),
            (Self::Products, Kind::Custom(_)) => false,
        }
    }
}

/// What models of custom operators have besides them.
const BESIDE_CUSTOM: [Op; 6] = [
    Op::Cast,
    Op::ExpandDims,
    Op::Reshape,
    Op::Slice,
    Op::Split,
    Op::Transpose,
];

/// Products, and what is between them in most networks.
const PRODUCTS: [Op; 9] = [
    Op::Conv2d,
    Op::DepthwiseConv2d,
    Op::FullyConnected,
    Op::Add,
    Op::AveragePool2d,
    Op::Concatenation,
    Op::Relu,
    Op::Reshape,
    Op::Mean,
];

/// What is moved, whatever it is.
pub(super) const MOVED: &[DType] = &[F32, I8, I16, I32, I64, U8, Bool];
/// What is moved, and hardly ever met: no other engine takes most of it.
pub(super) const SELDOM_MOVED: &[DType] = &[U16, U32, U64];

pub(super) const ROWS: &[Row] = &[
    row(Op::Abs, |d, op| {
        unary(d, op, &[F32, I8, U8, I16, I32], Curve::Straight)
    }),
    row(Op::Ceil, |d, op| unary(d, op, &[F32], Curve::Steps)),
    row(Op::Cos, |d, op| unary(d, op, &[F32], Curve::Unit)),
    row(Op::Elu, |d, op| unary(d, op, &[F32, I8, U8], Curve::Smooth)),
    row(Op::Exp, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Steep)
    }),
    row(Op::Floor, |d, op| unary(d, op, &[F32], Curve::Steps)),
    row(Op::HardSwish, |d, op| {
        unary(d, op, &[F32, I8, U8], Curve::Smooth)
    }),
    row(Op::LeakyRelu, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Straight)
    }),
    row(Op::Log, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Steep)
    }),
    row(Op::LogicalNot, |d, op| {
        unary(d, op, &[Bool], Curve::Straight)
    }),
    row(Op::Logistic, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Unit)
    }),
    row(Op::Neg, |d, op| unary(d, op, &[F32, I32], Curve::Straight)),
    row(Op::Relu, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Straight)
    }),
    row(Op::Relu0To1, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Straight)
    }),
    row(Op::Relu6, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Straight)
    }),
    row(Op::ReluN1To1, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Straight)
    }),
    row(Op::Round, |d, op| unary(d, op, &[F32], Curve::Steps)),
    row(Op::Rsqrt, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Steep)
    }),
    row(Op::Sin, |d, op| unary(d, op, &[F32], Curve::Unit)),
    row(Op::Sqrt, |d, op| unary(d, op, &[F32], Curve::Steep)),
    row(Op::Square, |d, op| unary(d, op, &[F32], Curve::Square)),
    row(Op::Tanh, |d, op| {
        unary(d, op, &[F32, I8, U8, I16], Curve::Unit)
    }),
    row(Op::ZerosLike, |d, op| {
        unary(d, op, &[F32, I8, I32, I64], Curve::Straight)
    }),
    row(Op::Add, |d, op| arithmetic(d, op, &[F32, I8, U8, I16, I32])),
    row(Op::Sub, |d, op| arithmetic(d, op, &[F32, I8, U8, I16, I32])),
    row(Op::Mul, |d, op| arithmetic(d, op, &[F32, I8, U8, I16, I32])),
    row(Op::Div, |d, op| arithmetic(d, op, &[F32, I8, U8, I32])),
    row(Op::SquaredDifference, |d, op| {
        arithmetic(d, op, &[F32, I8, U8, I16, I32])
    }),
    row(Op::FloorDiv, |d, op| arithmetic(d, op, &[F32, I32])),
    row(Op::FloorMod, |d, op| arithmetic(d, op, &[F32, I32])),
    row(Op::Maximum, |d, op| {
        arithmetic(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::Minimum, |d, op| {
        arithmetic(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::Pow, elementwise::pow),
    row(Op::Prelu, elementwise::prelu),
    row(Op::AddN, add_n),
    row(Op::Equal, |d, op| {
        comparison(d, op, &[Bool, F32, I8, U8, I16, I32, I64])
    }),
    row(Op::NotEqual, |d, op| {
        comparison(d, op, &[Bool, F32, I8, U8, I16, I32, I64])
    }),
    row(Op::Greater, |d, op| {
        comparison(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::GreaterEqual, |d, op| {
        comparison(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::Less, |d, op| {
        comparison(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::LessEqual, |d, op| {
        comparison(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::LogicalAnd, logical),
    row(Op::LogicalOr, logical),
    row(Op::Select, elementwise::select),
    row(Op::SelectV2, elementwise::select),
    row(Op::BroadcastArgs, elementwise::broadcast_args),
    row(Op::Cast, convert::cast),
    row(Op::Dequantize, convert::dequantize),
    row(Op::Quantize, convert::quantize),
    row(Op::Shape, convert::shape),
    row(Op::Rank, convert::rank),
    row(Op::Fill, convert::fill),
    row(Op::OneHot, convert::one_hot),
    row(Op::BatchToSpaceNd, movement::batch_to_space),
    row(Op::BroadcastTo, movement::broadcast_to),
    row(Op::Concatenation, movement::concatenation),
    row(Op::DepthToSpace, movement::depth_to_space),
    row(Op::DynamicUpdateSlice, lookup::dynamic_update_slice),
    row(Op::EmbeddingLookup, lookup::embedding_lookup),
    row(Op::ExpandDims, movement::expand_dims),
    row(Op::Gather, lookup::gather),
    row(Op::GatherNd, lookup::gather_nd),
    row(Op::MirrorPad, movement::mirror_pad),
    row(Op::Pack, movement::pack),
    row(Op::Pad, movement::pad),
    row(Op::Padv2, movement::pad),
    row(Op::Reshape, movement::reshape),
    row(Op::Reshape, movement::reshape_by_shape),
    row(Op::ReverseSequence, movement::reverse_sequence),
    row(Op::ReverseV2, movement::reverse),
    row(Op::Slice, movement::slice),
    row(Op::SpaceToBatchNd, movement::space_to_batch),
    row(Op::SpaceToDepth, movement::space_to_depth),
    row(Op::Split, movement::split),
    row(Op::SplitV, movement::split_v),
    row(Op::Squeeze, movement::squeeze),
    row(Op::StridedSlice, movement::strided_slice),
    row(Op::Tile, movement::tile),
    row(Op::Transpose, movement::transpose),
    row(Op::Unpack, movement::unpack),
    row(Op::ArgMax, reduce::arg),
    row(Op::ArgMin, reduce::arg),
    row(Op::Cumsum, reduce::cumsum),
    row(Op::TopkV2, reduce::top_k),
    row(Op::Mean, |d, op| {
        reduce::along_axes(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::Sum, |d, op| {
        reduce::along_axes(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::ReduceAll, |d, op| reduce::along_axes(d, op, &[Bool])),
    row(Op::ReduceAny, |d, op| reduce::along_axes(d, op, &[Bool])),
    row(Op::ReduceMax, |d, op| {
        reduce::along_axes(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::ReduceMin, |d, op| {
        reduce::along_axes(d, op, &[F32, I8, U8, I16, I32, I64])
    }),
    row(Op::ReduceProd, |d, op| {
        reduce::along_axes(d, op, &[F32, I8, I16, I32, I64])
    }),
    row(Op::L2Normalization, reduce::l2_normalization),
    row(Op::LogSoftmax, reduce::log_softmax),
    row(Op::Softmax, reduce::softmax),
    row(Op::AveragePool2d, |d, op| {
        windows::pool(d, op, &[F32, I8, U8, I16])
    }),
    row(Op::L2Pool2d, |d, op| windows::pool(d, op, &[F32])),
    row(Op::MaxPool2d, |d, op| {
        windows::pool(d, op, &[F32, I8, U8, I16])
    }),
    row(Op::Conv2d, windows::conv),
    row(Op::DepthwiseConv2d, windows::depthwise),
    row(Op::TransposeConv, windows::transpose_conv),
    row(Op::ResizeBilinear, windows::resize),
    row(Op::ResizeNearestNeighbor, windows::resize),
    row(Op::BatchMatmul, products::batch_matmul),
    row(Op::FullyConnected, products::fully_connected),
    row(Op::Svdf, products::svdf),
    row(Op::UnidirectionalSequenceLstm, products::lstm),
    row(Op::If, control::branch),
    row(Op::While, control::repeat),
    row(Op::AssignVariable, control::variable),
    row(Op::CallOnce, control::call_once),
    Row::Custom("CIRCULAR_BUFFER", custom::circular_buffer),
    Row::Custom(custom::DETECTION, custom::post_process),
    Row::Custom("SignalDelay", signal::delay),
    Row::Custom("SignalEnergy", signal::energy),
    Row::Custom("SignalFftAutoScale", signal::auto_scale),
    Row::Custom("SignalFilterBank", signal::filter_bank),
    Row::Custom("SignalFilterBankLog", signal::log),
    Row::Custom("SignalFilterBankSpectralSubtraction", signal::subtraction),
    Row::Custom("SignalFilterBankSquareRoot", signal::root),
    Row::Custom("SignalFramer", signal::framer),
    Row::Custom("SignalIrfft", signal::backward),
    Row::Custom("SignalOverlapAdd", signal::overlap_add),
    Row::Custom("SignalPCAN", signal::pcan),
    Row::Custom("SignalRfft", signal::forward),
    Row::Custom("SignalStacker", signal::stacker),
    Row::Custom("SignalWindow", signal::window),
];

/// Operators that rows of others bring along.
pub(super) const BROUGHT: &[(Op, Op)] = &[
    (Op::VarHandle, Op::AssignVariable),
    (Op::ReadVariable, Op::AssignVariable),
    (Op::Densify, Op::FullyConnected),
];

/// Operators that castiron compiles and no model here has, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[(
    "TFLM_DECODE",
    "its constants are compressed, which the writer of models does not do",
)];
