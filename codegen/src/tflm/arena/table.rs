//! Sizes of TFLM's structs on 32-bit processors, for one revision of TFLM.
//!
//! They hold for bare-metal builds with `TF_LITE_STATIC_MEMORY`, without compressed tensors, and
//! with CMSIS-NN kernels optimised for speed. Another revision is another [`SizeTable`], and so is
//! another way to lay out structs: in Arm's, enumerations take as many bytes as they need, in
//! RISC-V's (`riscv`) they take four. How floats are passed to functions changes no size.

use Look::{Input, InputsFrom, Output};

use crate::tflm::revision::TFLM_SHORT;

/// Bytes of an integer in TFLM's counted arrays; their count takes as many.
pub(super) const INT_ARRAY: usize = 4;

/// Bytes, and the alignment they are allocated with.
pub(super) type Struct = (usize, usize);

/// Everything that has a size.
pub struct SizeTable {
    /// The revision of tflite-micro.
    pub(super) revision: &'static str,
    pub(super) core: Core,
    pub(super) late: Late,
    /// Operators by name.
    pub(super) rows: &'static [Row],
    /// Operators whose options are of other sizes than in the rows.
    pub(super) others: &'static [Other],
}

/// The interpreter's own structs.
pub struct Core {
    pub(super) arena_allocator: Struct,
    pub(super) memory_planner: Struct,
    pub(super) micro_allocator: Struct,
    pub(super) resource_variables: usize,
    pub(super) resource_variable: usize,
    pub(super) options_allocator: Struct,
    pub(super) subgraph: Struct,
    pub(super) eval_tensor: usize,
    pub(super) node: usize,
    pub(super) scratch_handle: usize,
    pub(super) scratch_request: usize,
    /// Places for requests that an operator finds free.
    pub(super) requests_per_operator: usize,
    pub(super) tensor: usize,
    pub(super) quantization: usize,
    pub(super) pointer: usize,
    /// Of a tensor or of a scratch buffer, while memory is planned.
    pub(super) allocation_info: usize,
    /// Of a subgraph, while memory is planned.
    pub(super) subgraph_offset: usize,
    /// Of a planned buffer, while memory is planned.
    pub(super) planner_buffer: usize,
    /// Alignment of buffers and of everything that kernels keep.
    pub(super) alignment: usize,
}

/// What kernels keep in Prepare only.
pub(super) struct Late {
    pub(super) add_n: usize,
    pub(super) batch_matmul_quantization: usize,
    pub(super) cumsum: usize,
    pub(super) embedding_lookup: usize,
    pub(super) log_softmax: usize,
    /// One of the two tables of int16.
    pub(super) softmax_table: usize,
    /// The head of a circular buffer of the signal library.
    pub(super) circular_buffer: usize,
    /// How a constant is decoded: by a table, from a Huffman code, from what pruning left.
    pub(super) decode_table: usize,
    pub(super) decode_huffman: usize,
    pub(super) decode_pruned: usize,
}

/// An operator.
pub struct Row {
    pub name: &'static str,
    /// The parsed options.
    pub options: Struct,
    /// What Init keeps: the reference kernel's, CMSIS-NN's.
    pub data: [usize; 2],
    /// Tensors that Prepare looks at, where it has no rule of its own.
    pub looks: &'static [Look],
}

/// An operator's name, and its parsed options where they are not those of its row.
pub type Other = (&'static str, Struct);

/// Tensors that a kernel looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Input(usize),
    Output(usize),
    /// All inputs from this one on.
    InputsFrom(usize),
}

impl SizeTable {
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The parsed options.
    pub fn options(&self, row: &Row) -> Struct {
        let other = self.others.iter().find(|other| other.0 == row.name);
        other.map_or(row.options, |other| other.1)
    }
}

impl Row {
    /// What Init keeps.
    pub(super) fn data(&self, kernels: super::Kernels) -> usize {
        let [reference, cmsis] = self.data;
        match kernels {
            super::Kernels::Reference => reference,
            super::Kernels::CmsisNn => cmsis,
        }
    }
}

const fn row(name: &'static str, options: Struct, data: [usize; 2], looks: &'static [Look]) -> Row {
    Row {
        name,
        options,
        data,
        looks,
    }
}

const NO_OPTIONS: Struct = (0, 1);

const NOTHING: &[Look] = &[];
const I0: &[Look] = &[Input(0)];
const I1: &[Look] = &[Input(1)];
const I2: &[Look] = &[Input(2)];
const I0_O0: &[Look] = &[Input(0), Output(0)];
const I0_I1: &[Look] = &[Input(0), Input(1)];
const I01_O0: &[Look] = &[Input(0), Input(1), Output(0)];
const I012: &[Look] = &[Input(0), Input(1), Input(2)];
const I012_O0: &[Look] = &[Input(0), Input(1), Input(2), Output(0)];
const I0_O01: &[Look] = &[Input(0), Output(0), Output(1)];

/// tflite-micro of 2026-08-20, with the CMSIS-NN that it pins (4ab83cc3).
pub const ARM: SizeTable = SizeTable {
    revision: TFLM_SHORT,
    core: Core {
        arena_allocator: (36, 4),
        memory_planner: (44, 4),
        micro_allocator: (36, 4),
        resource_variables: 12,
        resource_variable: 20,
        options_allocator: (8, 4),
        subgraph: (8, 4),
        eval_tensor: 12,
        node: 32,
        scratch_handle: 4,
        scratch_request: 12,
        requests_per_operator: 12,
        tensor: 32,
        quantization: 12,
        pointer: 4,
        allocation_info: 24,
        subgraph_offset: 4,
        planner_buffer: 40,
        alignment: 16,
    },
    late: Late {
        add_n: 40,
        batch_matmul_quantization: 28,
        cumsum: 36,
        embedding_lookup: 8,
        log_softmax: 28,
        softmax_table: 1026,
        circular_buffer: 24,
        decode_table: 36,
        decode_huffman: 28,
        decode_pruned: 40,
    },
    rows: ROWS,
    others: &[],
};

/// Operators as they are on Arm.
pub const ROWS: &[Row] = &[
    row("ABS", NO_OPTIONS, [28, 28], I0_O0),
    row("ADD", (2, 1), [60, 60], I01_O0),
    row(
        "ADD_N",
        NO_OPTIONS,
        [0, 0],
        &[Input(0), Output(0), InputsFrom(1)],
    ),
    row("ARG_MAX", (1, 1), [0, 0], NOTHING),
    row("ARG_MIN", (1, 1), [0, 0], NOTHING),
    row("ASSIGN_VARIABLE", NO_OPTIONS, [0, 0], I1),
    row("AVERAGE_POOL_2D", (40, 4), [32, 36], I0_O0),
    row("BATCH_MATMUL", (3, 1), [16, 36], NOTHING),
    row("BATCH_TO_SPACE_ND", NO_OPTIONS, [0, 0], I0_O0),
    row("BROADCAST_ARGS", NO_OPTIONS, [0, 0], I01_O0),
    row("BROADCAST_TO", NO_OPTIONS, [0, 0], I01_O0),
    row("CALL_ONCE", (4, 4), [8, 8], NOTHING),
    row("CAST", (2, 1), [0, 0], I0_O0),
    row("CEIL", NO_OPTIONS, [0, 0], I0_O0),
    row("CIRCULAR_BUFFER", NO_OPTIONS, [8, 8], I0_O0),
    row(
        "CONCATENATION",
        (8, 4),
        [24, 24],
        &[Input(0), Output(0), InputsFrom(0)],
    ),
    row("CONV_2D", (28, 4), [56, 60], NOTHING),
    row("COS", NO_OPTIONS, [0, 0], I0_O0),
    row("CUMSUM", (2, 1), [0, 0], I01_O0),
    row("DEPTHWISE_CONV_2D", (28, 4), [56, 60], NOTHING),
    row("DEPTH_TO_SPACE", (4, 4), [0, 0], I0_O0),
    row("DEQUANTIZE", NO_OPTIONS, [32, 32], I0_O0),
    row("DIV", (1, 1), [28, 28], I01_O0),
    row("DYNAMIC_UPDATE_SLICE", NO_OPTIONS, [0, 0], I012_O0),
    row("ELU", NO_OPTIONS, [256, 256], I0_O0),
    row("EMBEDDING_LOOKUP", NO_OPTIONS, [0, 0], I01_O0),
    row("EQUAL", NO_OPTIONS, [32, 32], I0_I1),
    row("EXP", NO_OPTIONS, [0, 0], I0_O0),
    row("EXPAND_DIMS", NO_OPTIONS, [0, 0], I01_O0),
    row("FILL", NO_OPTIONS, [0, 0], I01_O0),
    row("FLOOR", NO_OPTIONS, [0, 0], NOTHING),
    row("FLOOR_DIV", NO_OPTIONS, [0, 0], I01_O0),
    row("FLOOR_MOD", NO_OPTIONS, [0, 0], I01_O0),
    row("FULLY_CONNECTED", (5, 1), [48, 72], NOTHING),
    row("GATHER", (8, 4), [0, 0], I01_O0),
    row("GATHER_ND", NO_OPTIONS, [0, 0], I01_O0),
    row("GREATER", NO_OPTIONS, [32, 32], I0_I1),
    row("GREATER_EQUAL", NO_OPTIONS, [32, 32], I0_I1),
    row("HARD_SWISH", NO_OPTIONS, [20, 20], I0_O0),
    row("IF", (8, 4), [8, 8], I0),
    row("L2_NORMALIZATION", (1, 1), [4, 4], I0_O0),
    row("L2_POOL_2D", (40, 4), [0, 0], I0_O0),
    row("LEAKY_RELU", (4, 4), [24, 24], I0_O0),
    row("LESS", NO_OPTIONS, [32, 32], I0_I1),
    row("LESS_EQUAL", NO_OPTIONS, [32, 32], I0_I1),
    row("LOG", NO_OPTIONS, [0, 0], I0_O0),
    row("LOGICAL_AND", NO_OPTIONS, [0, 0], NOTHING),
    row("LOGICAL_NOT", NO_OPTIONS, [0, 0], I0_O0),
    row("LOGICAL_OR", NO_OPTIONS, [0, 0], NOTHING),
    row("LOGISTIC", NO_OPTIONS, [16, 16], I0_O0),
    row("LOG_SOFTMAX", NO_OPTIONS, [0, 0], I0_O0),
    row("MAXIMUM", NO_OPTIONS, [0, 0], NOTHING),
    row("MAX_POOL_2D", (40, 4), [32, 36], I0_O0),
    row("MEAN", (1, 1), [44, 44], NOTHING),
    row("MINIMUM", NO_OPTIONS, [0, 0], NOTHING),
    row("MIRROR_PAD", (1, 1), [20, 20], I01_O0),
    row("MUL", (1, 1), [36, 36], I01_O0),
    row("NEG", NO_OPTIONS, [0, 0], NOTHING),
    row("NOT_EQUAL", NO_OPTIONS, [32, 32], I0_I1),
    row("PACK", (8, 4), [0, 0], NOTHING),
    row("PAD", NO_OPTIONS, [56, 56], I012_O0),
    row("PADV2", NO_OPTIONS, [56, 56], I012_O0),
    row("PRELU", NO_OPTIONS, [28, 28], I01_O0),
    row("QUANTIZE", NO_OPTIONS, [32, 32], I0_O0),
    row("READ_VARIABLE", NO_OPTIONS, [0, 0], I0),
    row("REDUCE_ALL", (1, 1), [44, 44], NOTHING),
    row("REDUCE_MAX", (1, 1), [44, 44], NOTHING),
    row("REDUCE_MIN", (1, 1), [44, 44], NOTHING),
    row("RELU", NO_OPTIONS, [28, 28], I0_O0),
    row("RELU6", NO_OPTIONS, [8, 8], I0),
    row("RESHAPE", (36, 4), [0, 0], I0_O0),
    row("RESIZE_BILINEAR", (2, 1), [0, 0], I01_O0),
    row("RESIZE_NEAREST_NEIGHBOR", (2, 1), [0, 0], I01_O0),
    row("REVERSE_V2", NO_OPTIONS, [0, 0], I01_O0),
    row("ROUND", NO_OPTIONS, [0, 0], I0_O0),
    row("RSQRT", NO_OPTIONS, [28, 28], I0_O0),
    row("SELECT_V2", NO_OPTIONS, [1, 1], I012_O0),
    row("SHAPE", (1, 1), [0, 0], NOTHING),
    row("SIN", NO_OPTIONS, [0, 0], I0_O0),
    row("SLICE", NO_OPTIONS, [0, 0], I012_O0),
    row("SOFTMAX", (4, 4), [56, 64], I0_O0),
    row("SPACE_TO_BATCH_ND", NO_OPTIONS, [4, 4], I0_O0),
    row("SPACE_TO_DEPTH", (4, 4), [0, 0], I0_O0),
    row("SPLIT", (4, 4), [0, 0], I0),
    row("SPLIT_V", (4, 4), [0, 0], I2),
    row("SQRT", NO_OPTIONS, [0, 0], I0_O0),
    row("SQUARE", NO_OPTIONS, [0, 0], I0_O0),
    row("SQUARED_DIFFERENCE", NO_OPTIONS, [112, 112], I01_O0),
    row("SQUEEZE", (36, 4), [0, 0], I0_O0),
    row(
        "STRIDED_SLICE",
        (24, 4),
        [84, 84],
        &[Input(0), Input(1), Input(2), Input(3), Output(0)],
    ),
    row("SUB", (2, 1), [52, 52], I01_O0),
    row("SUM", (1, 1), [44, 44], NOTHING),
    row("SVDF", (8, 4), [36, 40], NOTHING),
    row("SignalDelay", NO_OPTIONS, [20, 20], I0_O0),
    row("SignalEnergy", NO_OPTIONS, [8, 8], I0_O0),
    row("SignalFftAutoScale", NO_OPTIONS, [0, 0], I0_O01),
    row(
        "SignalFilterBank",
        NO_OPTIONS,
        [36, 36],
        &[
            Input(0),
            Input(1),
            Input(2),
            Input(3),
            Input(4),
            Input(5),
            Output(0),
        ],
    ),
    row("SignalFilterBankLog", NO_OPTIONS, [8, 8], I0_O0),
    row(
        "SignalFilterBankSpectralSubtraction",
        NO_OPTIONS,
        [44, 44],
        I0_O01,
    ),
    row("SignalFilterBankSquareRoot", NO_OPTIONS, [0, 0], I01_O0),
    row("SignalFramer", NO_OPTIONS, [28, 28], I0_O01),
    row("SignalIrfft", NO_OPTIONS, [24, 24], I0_O0),
    row("SignalOverlapAdd", NO_OPTIONS, [24, 24], I0_O0),
    row("SignalPCAN", NO_OPTIONS, [4, 4], I012_O0),
    row("SignalRfft", NO_OPTIONS, [32, 32], I0_O0),
    row("SignalStacker", NO_OPTIONS, [36, 36], I0_O01),
    row("SignalWindow", NO_OPTIONS, [8, 8], I01_O0),
    row(
        "TANH",
        NO_OPTIONS,
        [16, 16],
        &[Input(0), Input(0), Output(0)],
    ),
    row("TFLM_DECODE", NO_OPTIONS, [0, 0], NOTHING),
    row("TFLite_Detection_PostProcess", NO_OPTIONS, [112, 112], I012),
    row("TRANSPOSE", NO_OPTIONS, [0, 0], NOTHING),
    row("TRANSPOSE_CONV", (16, 4), [72, 76], NOTHING),
    row("UNIDIRECTIONAL_SEQUENCE_LSTM", (16, 4), [688, 912], NOTHING),
    row("UNPACK", (8, 4), [0, 0], NOTHING),
    row("VAR_HANDLE", (8, 4), [4, 4], NOTHING),
    row("WHILE", (8, 4), [8, 8], NOTHING),
    row("ZEROS_LIKE", NO_OPTIONS, [0, 0], I0_O0),
    row("ethos-u", NO_OPTIONS, [12, 12], NOTHING),
];
