//! The parts of schema version 3 that castiron reads, as field tables.
//!
//! Slots not listed are not read and so need not be valid.

use super::table::{Bytes, Element, Field, List, field, tables};

/// What the file starts with, after the root offset.
pub(super) const IDENTIFIER: &[u8; 4] = b"TFL3";
/// The only schema version in use since 2017.
pub(super) const VERSION: u32 = 3;

tables! {
    /// The root.
    Model {
        0 version: u32,
        1 operator_codes: List<'a, OperatorCode<'a>>,
        2 subgraphs: List<'a, SubGraph<'a>>,
        3 description: Bytes<'a>,
        4 buffers: List<'a, Buffer<'a>>,
        6 metadata: List<'a, Metadata<'a>>,
        7 signatures: List<'a, Signature<'a>>,
    }
    /// Which operator, in which version.
    OperatorCode {
        // A byte was enough until the codes passed 127; newer writers fill both fields.
        0 deprecated_builtin_code: i8,
        1 custom_code: Bytes<'a>,
        2 version: i32 = 1,
        3 builtin_code: i32,
    }
    /// One subgraph.
    SubGraph {
        0 tensors: List<'a, Tensor<'a>>,
        1 inputs: List<'a, i32>,
        2 outputs: List<'a, i32>,
        3 operators: List<'a, Operator<'a>>,
        4 name: Bytes<'a>,
    }
    /// One tensor.
    Tensor {
        0 shape: List<'a, i32>,
        1 dtype: i8,
        2 buffer: u32,
        3 name: Bytes<'a>,
        4 quantization: Option<QuantizationParameters<'a>>,
        5 is_variable: bool,
        6 sparsity: Option<SparsityParameters<'a>>,
        7 shape_signature: List<'a, i32>,
        10 external_buffer: u32,
    }
    /// Which elements of a tensor are stored.
    SparsityParameters {
        0 traversal_order: List<'a, i32>,
        1 block_map: List<'a, i32>,
        2 dim_metadata: List<'a, DimensionMetadata<'a>>,
    }
    /// Which indices of a dimension there are. The unions are of one table, whatever their tags.
    DimensionMetadata {
        0 format: i8,
        1 dense_size: i32,
        2 array_segments_type: u8,
        3 array_segments: Option<SparseIndexVector<'a>>,
        4 array_indices_type: u8,
        5 array_indices: Option<SparseIndexVector<'a>>,
    }
    /// Indices, of which the union's tag says how many bytes each has; verified are as many bytes.
    SparseIndexVector { 0 values: Bytes<'a>, }
    /// Scales and zero points.
    QuantizationParameters {
        2 scale: List<'a, f32>,
        3 zero_point: List<'a, i64>,
        4 details_type: u8,
        // The union's other tables have offsets in its place, which nobody reads.
        5 details: Option<Blockwise<'a>>,
        6 quantized_dimension: i32,
    }
    /// Scales of blocks. Nobody reads their zero points.
    Blockwise {
        0 scales: i32,
        2 block_size: i32,
    }
    /// One operator. The union of options is verified when the operator's code is known.
    Operator {
        0 opcode_index: u32,
        1 inputs: List<'a, i32>,
        2 outputs: List<'a, i32>,
        3 options_type: u8,
        5 custom_options: Bytes<'a>,
        8 intermediates: List<'a, i32>,
        9 large_custom_options_offset: u64,
        10 large_custom_options_size: u64,
        11 options_2_type: u8,
    }
    /// Data in the file's flatbuffer, or behind it at an offset.
    Buffer {
        0 data: Bytes<'a>,
        1 offset: u64,
        2 size: u64,
    }
    /// A named buffer.
    Metadata {
        0 name: Bytes<'a>,
        1 buffer: u32,
    }
    /// A named entry point.
    Signature {
        0 inputs: List<'a, TensorMap<'a>>,
        1 outputs: List<'a, TensorMap<'a>>,
        2 key: Bytes<'a>,
        4 subgraph_index: u32,
    }
    /// A signature's name of a tensor.
    TensorMap {
        0 name: Bytes<'a>,
        1 tensor_index: u32,
    }
}

impl<'a> SparseIndexVector<'a> {
    /// The indices, as numbers of a type; those that lie within the file.
    pub(super) fn of<T: Element<'a>>(self) -> List<'a, T>
    where
        List<'a, T>: Field<'a>,
    {
        field(self.0, 0, None)
    }
}

/// Option tables: members of the operators' union, by tag.
pub(super) mod options {
    use flatbuffers::{InvalidFlatbuffer, Verifier};

    use super::super::table::{Bytes, Check, List, Place, tables, verified};
    use super::Operator;

    /// Where an operator's options are: the slot of the union's value.
    const SLOT: u16 = 4;

    tables! {
        /// CONV_2D.
        Conv2d {
            0 padding: i8,
            1 stride_w: i32,
            2 stride_h: i32,
            3 activation: i8,
            4 dilation_w: i32 = 1,
            5 dilation_h: i32 = 1,
            6 bias_type: i8,
        }
        /// DEPTHWISE_CONV_2D.
        DepthwiseConv2d {
            0 padding: i8,
            1 stride_w: i32,
            2 stride_h: i32,
            3 depth_multiplier: i32,
            4 activation: i8,
            5 dilation_w: i32 = 1,
            6 dilation_h: i32 = 1,
        }
        /// The three poolings.
        Pool2d {
            0 padding: i8,
            1 stride_w: i32,
            2 stride_h: i32,
            3 filter_width: i32,
            4 filter_height: i32,
            5 activation: i8,
        }
        /// FULLY_CONNECTED.
        FullyConnected {
            0 activation: i8,
            1 weights_format: i8,
            2 keep_num_dims: bool,
            3 asymmetric_quantize_inputs: bool,
            4 bias_type: i8,
        }
        /// ADD and SUB; MUL and DIV have the first field only.
        Binary {
            0 activation: i8,
            1 pot_scale_int16: bool = true,
        }
        /// CONCATENATION.
        Concatenation {
            0 axis: i32,
            1 activation: i8,
        }
        /// RESHAPE.
        Reshape { 0 new_shape: List<'a, i32>, }
        /// SQUEEZE.
        Squeeze { 0 dims: List<'a, i32>, }
        /// SOFTMAX.
        Softmax { 0 beta: f32, }
        /// MEAN, SUM and the other reductions.
        Reducer { 0 keep_dims: bool, }
        /// BATCH_MATMUL.
        BatchMatmul {
            0 adj_x: bool,
            1 adj_y: bool,
            2 asymmetric_quantize_inputs: bool,
        }
        /// TRANSPOSE_CONV.
        TransposeConv {
            0 padding: i8,
            1 stride_w: i32,
            2 stride_h: i32,
            3 activation: i8,
            4 bias_type: i8,
        }
        /// UNIDIRECTIONAL_SEQUENCE_LSTM.
        SequenceLstm {
            0 activation: i8,
            1 cell_clip: f32,
            2 proj_clip: f32,
            3 time_major: bool,
            4 asymmetric_quantize_inputs: bool,
        }
        /// VAR_HANDLE.
        VarHandle {
            0 container: Bytes<'a>,
            1 shared_name: Bytes<'a>,
        }
        /// IF.
        If {
            0 then_subgraph: i32,
            1 else_subgraph: i32,
        }
        /// WHILE.
        While {
            0 cond_subgraph: i32,
            1 body_subgraph: i32,
        }
        /// CALL_ONCE.
        CallOnce { 0 init_subgraph: i32, }
        /// SVDF.
        Svdf {
            0 rank: i32,
            1 activation: i8,
            2 asymmetric_quantize_inputs: bool,
        }
        /// L2_NORMALIZATION.
        L2Norm { 0 activation: i8, }
        /// RESIZE_BILINEAR; its first two slots are no longer in use.
        ResizeBilinear {
            2 align_corners: bool,
            3 half_pixel_centers: bool,
        }
        /// RESIZE_NEAREST_NEIGHBOR.
        ResizeNearestNeighbor {
            0 align_corners: bool,
            1 half_pixel_centers: bool,
        }
        /// SPACE_TO_DEPTH and DEPTH_TO_SPACE.
        Block { 0 block_size: i32, }
        /// GATHER.
        Gather {
            0 axis: i32,
            1 batch_dims: i32,
        }
        /// STRIDED_SLICE.
        StridedSlice {
            0 begin_mask: i32,
            1 end_mask: i32,
            2 ellipsis_mask: i32,
            3 new_axis_mask: i32,
            4 shrink_axis_mask: i32,
            5 offset: bool,
        }
        /// SPLIT and SPLIT_V.
        Split { 0 num_splits: i32, }
        /// ONE_HOT.
        OneHot { 0 axis: i32, }
        /// PACK.
        Pack {
            0 values_count: i32,
            1 axis: i32,
        }
        /// UNPACK.
        Unpack {
            0 num: i32,
            1 axis: i32,
        }
        /// ARG_MAX, ARG_MIN and SHAPE: the output's type.
        TypeOf { 0 dtype: i8, }
        /// CAST.
        Cast {
            0 from: i8,
            1 to: i8,
        }
        /// LEAKY_RELU.
        LeakyRelu { 0 alpha: f32, }
        /// MIRROR_PAD: 0 reflects, 1 is symmetric.
        MirrorPad { 0 mode: i8, }
        /// REVERSE_SEQUENCE.
        ReverseSequence {
            0 seq_dim: i32,
            1 batch_dim: i32,
        }
        /// CUMSUM.
        Cumsum {
            0 exclusive: bool,
            1 reverse: bool,
        }
    }

    impl<'a> Operator<'a> {
        /// Where the options are, verified now as those of the type that the caller knows them to have.
        pub(in crate::tflite) fn options(
            self,
            verifier: &mut Verifier,
            check: Check,
        ) -> Result<Option<Place<'a>>, InvalidFlatbuffer> {
            verified(self.0, SLOT, verifier, check)
        }
    }
}
