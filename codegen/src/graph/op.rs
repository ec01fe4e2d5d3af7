//! Operators.

use std::fmt;

use super::{Options, TensorId};
use crate::error::printed;

/// One operator of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// What it computes.
    pub kind: OpKind,
    /// The operator's version.
    pub version: u32,
    /// Inputs; `None` where an optional one is left out.
    pub inputs: Vec<Option<TensorId>>,
    /// Outputs.
    pub outputs: Vec<TensorId>,
    /// Tensors that its kernel may use while it runs; converters leave calibrated scales there.
    pub intermediates: Vec<TensorId>,
    /// Options.
    pub options: Options,
    /// The operators of the file that it computes, in their order: several where passes made one of them, none for the
    /// one at its own place.
    pub origin: Vec<Part>,
}

/// An operator of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its index in the subgraph.
    pub index: usize,
    /// What it computes.
    pub kind: OpKind,
}

impl Operator {
    /// The names of all operators of the file that it computes.
    pub fn name(&self) -> String {
        match &self.origin[..] {
            [] | [_] => self.kind.to_string(),
            parts => {
                let names: Vec<String> = parts.iter().map(|part| part.kind.to_string()).collect();
                names.join(" + ")
            }
        }
    }
}

/// A builtin operator or a custom one by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum OpKind {
    Builtin(BuiltinOperator),
    Custom(String),
}

impl OpKind {
    /// The schema's name, or the custom operator's own.
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(op) => op.name(),
            Self::Custom(name) => name,
        }
    }

    /// Whether the operator may read or write something beside its tensors, so that it gives
    /// something else at each run, and must not change places with another that does.
    pub fn has_effects(&self) -> bool {
        use BuiltinOperator as B;
        match self {
            Self::Custom(_) => true,
            Self::Builtin(kind) => matches!(
                kind,
                B::Call
                    | B::CallOnce
                    | B::If
                    | B::While
                    | B::VarHandle
                    | B::ReadVariable
                    | B::AssignVariable
                    | B::HashtableLookup
                    | B::Hashtable
                    | B::HashtableFind
                    | B::HashtableImport
                    | B::HashtableSize
                    | B::RandomUniform
                    | B::RandomStandardNormal
                    | B::Multinomial
            ),
        }
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(op) => f.pad(op.name()),
            Self::Custom(name) => write!(f, "CUSTOM {}", printed(name)),
        }
    }
}

impl BuiltinOperator {
    /// Whether it computes element by element of inputs that broadcast, and has their common shape.
    pub(crate) fn broadcasts(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Div
                | Self::Equal
                | Self::FloorDiv
                | Self::FloorMod
                | Self::Greater
                | Self::GreaterEqual
                | Self::Less
                | Self::LessEqual
                | Self::LogicalAnd
                | Self::LogicalOr
                | Self::Maximum
                | Self::Minimum
                | Self::Mul
                | Self::NotEqual
                | Self::Pow
                | Self::SelectV2
                | Self::SquaredDifference
                | Self::Sub
        )
    }
}

macro_rules! builtin_operators {
    ($($variant:ident $name:literal = $code:literal,)*) => {
        /// Every builtin operator of schema version 3.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)]
        #[non_exhaustive]
        pub enum BuiltinOperator { $($variant,)* }

        impl BuiltinOperator {
            /// All of them, by code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The operator of a schema code.
            pub fn from_code(code: i32) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The schema code.
            pub fn code(self) -> i32 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The schema's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

builtin_operators! {
    Add "ADD" = 0,
    AveragePool2d "AVERAGE_POOL_2D" = 1,
    Concatenation "CONCATENATION" = 2,
    Conv2d "CONV_2D" = 3,
    DepthwiseConv2d "DEPTHWISE_CONV_2D" = 4,
    DepthToSpace "DEPTH_TO_SPACE" = 5,
    Dequantize "DEQUANTIZE" = 6,
    EmbeddingLookup "EMBEDDING_LOOKUP" = 7,
    Floor "FLOOR" = 8,
    FullyConnected "FULLY_CONNECTED" = 9,
    HashtableLookup "HASHTABLE_LOOKUP" = 10,
    L2Normalization "L2_NORMALIZATION" = 11,
    L2Pool2d "L2_POOL_2D" = 12,
    LocalResponseNormalization "LOCAL_RESPONSE_NORMALIZATION" = 13,
    Logistic "LOGISTIC" = 14,
    LshProjection "LSH_PROJECTION" = 15,
    Lstm "LSTM" = 16,
    MaxPool2d "MAX_POOL_2D" = 17,
    Mul "MUL" = 18,
    Relu "RELU" = 19,
    ReluN1To1 "RELU_N1_TO_1" = 20,
    Relu6 "RELU6" = 21,
    Reshape "RESHAPE" = 22,
    ResizeBilinear "RESIZE_BILINEAR" = 23,
    Rnn "RNN" = 24,
    Softmax "SOFTMAX" = 25,
    SpaceToDepth "SPACE_TO_DEPTH" = 26,
    Svdf "SVDF" = 27,
    Tanh "TANH" = 28,
    ConcatEmbeddings "CONCAT_EMBEDDINGS" = 29,
    SkipGram "SKIP_GRAM" = 30,
    Call "CALL" = 31,
    EmbeddingLookupSparse "EMBEDDING_LOOKUP_SPARSE" = 33,
    Pad "PAD" = 34,
    UnidirectionalSequenceRnn "UNIDIRECTIONAL_SEQUENCE_RNN" = 35,
    Gather "GATHER" = 36,
    BatchToSpaceNd "BATCH_TO_SPACE_ND" = 37,
    SpaceToBatchNd "SPACE_TO_BATCH_ND" = 38,
    Transpose "TRANSPOSE" = 39,
    Mean "MEAN" = 40,
    Sub "SUB" = 41,
    Div "DIV" = 42,
    Squeeze "SQUEEZE" = 43,
    UnidirectionalSequenceLstm "UNIDIRECTIONAL_SEQUENCE_LSTM" = 44,
    StridedSlice "STRIDED_SLICE" = 45,
    BidirectionalSequenceRnn "BIDIRECTIONAL_SEQUENCE_RNN" = 46,
    Exp "EXP" = 47,
    TopkV2 "TOPK_V2" = 48,
    Split "SPLIT" = 49,
    LogSoftmax "LOG_SOFTMAX" = 50,
    Delegate "DELEGATE" = 51,
    BidirectionalSequenceLstm "BIDIRECTIONAL_SEQUENCE_LSTM" = 52,
    Cast "CAST" = 53,
    Prelu "PRELU" = 54,
    Maximum "MAXIMUM" = 55,
    ArgMax "ARG_MAX" = 56,
    Minimum "MINIMUM" = 57,
    Less "LESS" = 58,
    Neg "NEG" = 59,
    Padv2 "PADV2" = 60,
    Greater "GREATER" = 61,
    GreaterEqual "GREATER_EQUAL" = 62,
    LessEqual "LESS_EQUAL" = 63,
    Select "SELECT" = 64,
    Slice "SLICE" = 65,
    Sin "SIN" = 66,
    TransposeConv "TRANSPOSE_CONV" = 67,
    SparseToDense "SPARSE_TO_DENSE" = 68,
    Tile "TILE" = 69,
    ExpandDims "EXPAND_DIMS" = 70,
    Equal "EQUAL" = 71,
    NotEqual "NOT_EQUAL" = 72,
    Log "LOG" = 73,
    Sum "SUM" = 74,
    Sqrt "SQRT" = 75,
    Rsqrt "RSQRT" = 76,
    Shape "SHAPE" = 77,
    Pow "POW" = 78,
    ArgMin "ARG_MIN" = 79,
    FakeQuant "FAKE_QUANT" = 80,
    ReduceProd "REDUCE_PROD" = 81,
    ReduceMax "REDUCE_MAX" = 82,
    Pack "PACK" = 83,
    LogicalOr "LOGICAL_OR" = 84,
    OneHot "ONE_HOT" = 85,
    LogicalAnd "LOGICAL_AND" = 86,
    LogicalNot "LOGICAL_NOT" = 87,
    Unpack "UNPACK" = 88,
    ReduceMin "REDUCE_MIN" = 89,
    FloorDiv "FLOOR_DIV" = 90,
    ReduceAny "REDUCE_ANY" = 91,
    Square "SQUARE" = 92,
    ZerosLike "ZEROS_LIKE" = 93,
    Fill "FILL" = 94,
    FloorMod "FLOOR_MOD" = 95,
    Range "RANGE" = 96,
    ResizeNearestNeighbor "RESIZE_NEAREST_NEIGHBOR" = 97,
    LeakyRelu "LEAKY_RELU" = 98,
    SquaredDifference "SQUARED_DIFFERENCE" = 99,
    MirrorPad "MIRROR_PAD" = 100,
    Abs "ABS" = 101,
    SplitV "SPLIT_V" = 102,
    Unique "UNIQUE" = 103,
    Ceil "CEIL" = 104,
    ReverseV2 "REVERSE_V2" = 105,
    AddN "ADD_N" = 106,
    GatherNd "GATHER_ND" = 107,
    Cos "COS" = 108,
    Where "WHERE" = 109,
    Rank "RANK" = 110,
    Elu "ELU" = 111,
    ReverseSequence "REVERSE_SEQUENCE" = 112,
    MatrixDiag "MATRIX_DIAG" = 113,
    Quantize "QUANTIZE" = 114,
    MatrixSetDiag "MATRIX_SET_DIAG" = 115,
    Round "ROUND" = 116,
    HardSwish "HARD_SWISH" = 117,
    If "IF" = 118,
    While "WHILE" = 119,
    NonMaxSuppressionV4 "NON_MAX_SUPPRESSION_V4" = 120,
    NonMaxSuppressionV5 "NON_MAX_SUPPRESSION_V5" = 121,
    ScatterNd "SCATTER_ND" = 122,
    SelectV2 "SELECT_V2" = 123,
    Densify "DENSIFY" = 124,
    SegmentSum "SEGMENT_SUM" = 125,
    BatchMatmul "BATCH_MATMUL" = 126,
    PlaceholderForGreaterOpCodes "PLACEHOLDER_FOR_GREATER_OP_CODES" = 127,
    Cumsum "CUMSUM" = 128,
    CallOnce "CALL_ONCE" = 129,
    BroadcastTo "BROADCAST_TO" = 130,
    Rfft2d "RFFT2D" = 131,
    Conv3d "CONV_3D" = 132,
    Imag "IMAG" = 133,
    Real "REAL" = 134,
    ComplexAbs "COMPLEX_ABS" = 135,
    Hashtable "HASHTABLE" = 136,
    HashtableFind "HASHTABLE_FIND" = 137,
    HashtableImport "HASHTABLE_IMPORT" = 138,
    HashtableSize "HASHTABLE_SIZE" = 139,
    ReduceAll "REDUCE_ALL" = 140,
    Conv3dTranspose "CONV_3D_TRANSPOSE" = 141,
    VarHandle "VAR_HANDLE" = 142,
    ReadVariable "READ_VARIABLE" = 143,
    AssignVariable "ASSIGN_VARIABLE" = 144,
    BroadcastArgs "BROADCAST_ARGS" = 145,
    RandomStandardNormal "RANDOM_STANDARD_NORMAL" = 146,
    Bucketize "BUCKETIZE" = 147,
    RandomUniform "RANDOM_UNIFORM" = 148,
    Multinomial "MULTINOMIAL" = 149,
    Gelu "GELU" = 150,
    DynamicUpdateSlice "DYNAMIC_UPDATE_SLICE" = 151,
    Relu0To1 "RELU_0_TO_1" = 152,
    UnsortedSegmentProd "UNSORTED_SEGMENT_PROD" = 153,
    UnsortedSegmentMax "UNSORTED_SEGMENT_MAX" = 154,
    UnsortedSegmentSum "UNSORTED_SEGMENT_SUM" = 155,
    Atan2 "ATAN2" = 156,
    UnsortedSegmentMin "UNSORTED_SEGMENT_MIN" = 157,
    Sign "SIGN" = 158,
    Bitcast "BITCAST" = 159,
    BitwiseXor "BITWISE_XOR" = 160,
    RightShift "RIGHT_SHIFT" = 161,
    StablehloLogistic "STABLEHLO_LOGISTIC" = 162,
    StablehloAdd "STABLEHLO_ADD" = 163,
    StablehloDivide "STABLEHLO_DIVIDE" = 164,
    StablehloMultiply "STABLEHLO_MULTIPLY" = 165,
    StablehloMaximum "STABLEHLO_MAXIMUM" = 166,
    StablehloReshape "STABLEHLO_RESHAPE" = 167,
    StablehloClamp "STABLEHLO_CLAMP" = 168,
    StablehloConcatenate "STABLEHLO_CONCATENATE" = 169,
    StablehloBroadcastInDim "STABLEHLO_BROADCAST_IN_DIM" = 170,
    StablehloConvolution "STABLEHLO_CONVOLUTION" = 171,
    StablehloSlice "STABLEHLO_SLICE" = 172,
    StablehloCustomCall "STABLEHLO_CUSTOM_CALL" = 173,
    StablehloReduce "STABLEHLO_REDUCE" = 174,
    StablehloAbs "STABLEHLO_ABS" = 175,
    StablehloAnd "STABLEHLO_AND" = 176,
    StablehloCosine "STABLEHLO_COSINE" = 177,
    StablehloExponential "STABLEHLO_EXPONENTIAL" = 178,
    StablehloFloor "STABLEHLO_FLOOR" = 179,
    StablehloLog "STABLEHLO_LOG" = 180,
    StablehloMinimum "STABLEHLO_MINIMUM" = 181,
    StablehloNegate "STABLEHLO_NEGATE" = 182,
    StablehloOr "STABLEHLO_OR" = 183,
    StablehloPower "STABLEHLO_POWER" = 184,
    StablehloRemainder "STABLEHLO_REMAINDER" = 185,
    StablehloRsqrt "STABLEHLO_RSQRT" = 186,
    StablehloSelect "STABLEHLO_SELECT" = 187,
    StablehloSubtract "STABLEHLO_SUBTRACT" = 188,
    StablehloTanh "STABLEHLO_TANH" = 189,
    StablehloScatter "STABLEHLO_SCATTER" = 190,
    StablehloCompare "STABLEHLO_COMPARE" = 191,
    StablehloConvert "STABLEHLO_CONVERT" = 192,
    StablehloDynamicSlice "STABLEHLO_DYNAMIC_SLICE" = 193,
    StablehloDynamicUpdateSlice "STABLEHLO_DYNAMIC_UPDATE_SLICE" = 194,
    StablehloPad "STABLEHLO_PAD" = 195,
    StablehloIota "STABLEHLO_IOTA" = 196,
    StablehloDotGeneral "STABLEHLO_DOT_GENERAL" = 197,
    StablehloReduceWindow "STABLEHLO_REDUCE_WINDOW" = 198,
    StablehloSort "STABLEHLO_SORT" = 199,
    StablehloWhile "STABLEHLO_WHILE" = 200,
    StablehloGather "STABLEHLO_GATHER" = 201,
    StablehloTranspose "STABLEHLO_TRANSPOSE" = 202,
    Dilate "DILATE" = 203,
    StablehloRngBitGenerator "STABLEHLO_RNG_BIT_GENERATOR" = 204,
    ReduceWindow "REDUCE_WINDOW" = 205,
    StablehloComposite "STABLEHLO_COMPOSITE" = 206,
    StablehloShiftLeft "STABLEHLO_SHIFT_LEFT" = 207,
    StablehloCbrt "STABLEHLO_CBRT" = 208,
    StablehloCase "STABLEHLO_CASE" = 209,
}
