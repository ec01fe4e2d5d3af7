//! Operators' options as the structs that TFLM's kernels read, for the revision of
//! [`TFLM_REVISION`](crate::tflm::TFLM_REVISION).

use crate::graph::{Activation, DType, Graph, Operator, OptionValue, Options, Padding};

/// A struct of `builtin_op_data.h` with the value of each member, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionStruct {
    /// The struct.
    pub name: &'static str,
    /// Its members and their values.
    pub members: Vec<(&'static str, Member)>,
    /// Whether the kernel writes to it in Prepare, so that it cannot be in flash. It writes the
    /// same values for every instance.
    pub is_written: bool,
}

/// The value of a member.
#[derive(Debug, Clone, PartialEq)]
pub enum Member {
    /// A number of an integer type.
    Integer(i64),
    /// A truth value.
    Bool(bool),
    /// A number of type `float`.
    Float(f32),
    /// A constant of TFLM.
    Constant(&'static str),
    /// An array of integers, what is left out being 0.
    Integers(Vec<i32>),
}

use Member::{Bool, Constant, Float, Integer, Integers};

/// The position of a subgraph among those that run.
pub(super) fn position(reached: &[usize], index: usize) -> usize {
    reached.partition_point(|other| *other < index)
}

/// The options of castiron's own kernel that copies.
pub(super) fn copy(bytes: usize) -> OptionStruct {
    OptionStruct {
        name: "castiron::CopyOptions",
        members: vec![("bytes", count(bytes))],
        is_written: false,
    }
}

/// The options of an operator; `None` where the kernel reads none. Subgraphs are numbered as those
/// that run, of which `reached` has the indices in the file.
pub(super) fn of(graph: &Graph, operator: &Operator, reached: &[usize]) -> Option<OptionStruct> {
    let subgraph = |index| count(position(reached, index));
    let (name, members) = match &operator.options {
        Options::Conv2d(o) => (
            "TfLiteConvParams",
            vec![
                ("padding", padding(o.padding)),
                ("stride_width", count(o.stride.1)),
                ("stride_height", count(o.stride.0)),
                ("activation", activation(o.activation)),
                ("dilation_width_factor", count(o.dilation.1)),
                ("dilation_height_factor", count(o.dilation.0)),
                ("quantized_bias_type", bias_type(o.bias_type)),
            ],
        ),
        Options::DepthwiseConv2d(o) => (
            "TfLiteDepthwiseConvParams",
            vec![
                ("padding", padding(o.padding)),
                ("stride_width", count(o.stride.1)),
                ("stride_height", count(o.stride.0)),
                ("depth_multiplier", count(depth_multiplier(graph, operator))),
                ("activation", activation(o.activation)),
                ("dilation_width_factor", count(o.dilation.1)),
                ("dilation_height_factor", count(o.dilation.0)),
            ],
        ),
        Options::Pool2d(o) => (
            "TfLitePoolParams",
            vec![
                ("padding", padding(o.padding)),
                ("stride_width", count(o.stride.1)),
                ("stride_height", count(o.stride.0)),
                ("filter_width", count(o.filter.1)),
                ("filter_height", count(o.filter.0)),
                ("activation", activation(o.activation)),
                ("computed", Integers(Vec::new())),
            ],
        ),
        Options::FullyConnected(o) => (
            "TfLiteFullyConnectedParams",
            vec![
                ("activation", activation(o.activation)),
                (
                    "weights_format",
                    Constant("kTfLiteFullyConnectedWeightsFormatDefault"),
                ),
                ("keep_num_dims", Bool(o.keep_num_dims)),
                (
                    "asymmetric_quantize_inputs",
                    Bool(o.asymmetric_quantize_inputs),
                ),
                ("quantized_bias_type", bias_type(o.bias_type)),
            ],
        ),
        Options::Binary(o) => {
            let fused = ("activation", activation(o.activation));
            let pot = ("pot_scale_int16", Bool(o.pot_scale_int16));
            match operator.kind.name() {
                "ADD" => ("TfLiteAddParams", vec![fused, pot]),
                "SUB" => ("TfLiteSubParams", vec![fused, pot]),
                "MUL" => ("TfLiteMulParams", vec![fused]),
                _ => ("TfLiteDivParams", vec![fused]),
            }
        }
        Options::Concatenation(o) => (
            "TfLiteConcatenationParams",
            vec![
                ("axis", Integer(o.axis.into())),
                ("activation", activation(o.activation)),
            ],
        ),
        Options::Squeeze(o) => (
            "TfLiteSqueezeParams",
            vec![
                ("squeeze_dims", Integers(o.dims.clone())),
                ("num_squeeze_dims", count(o.dims.len())),
            ],
        ),
        Options::Softmax(o) => ("TfLiteSoftmaxParams", vec![("beta", Float(o.beta))]),
        Options::Reducer(o) => (
            "TfLiteReducerParams",
            vec![("keep_dims", Bool(o.keep_dims))],
        ),
        Options::BatchMatmul(o) => (
            "TfLiteBatchMatMulParams",
            vec![
                ("adj_x", Bool(o.adj_x)),
                ("adj_y", Bool(o.adj_y)),
                (
                    "asymmetric_quantize_inputs",
                    Bool(o.asymmetric_quantize_inputs),
                ),
            ],
        ),
        Options::TransposeConv(o) => (
            "TfLiteTransposeConvParams",
            vec![
                ("padding", padding(o.padding)),
                ("stride_width", count(o.stride.1)),
                ("stride_height", count(o.stride.0)),
                ("activation", activation(o.activation)),
                ("quantized_bias_type", bias_type(0)),
            ],
        ),
        Options::SequenceLstm(o) => (
            "TfLiteUnidirectionalSequenceLSTMParams",
            vec![
                ("activation", activation(o.activation)),
                ("cell_clip", Float(o.cell_clip)),
                ("proj_clip", Float(o.proj_clip)),
                ("time_major", Bool(o.time_major)),
                (
                    "asymmetric_quantize_inputs",
                    Bool(o.asymmetric_quantize_inputs),
                ),
                ("diagonal_recurrent_tensors", Bool(false)),
            ],
        ),
        Options::If(o) => (
            "TfLiteIfParams",
            vec![
                ("then_subgraph_index", subgraph(o.then_graph)),
                ("else_subgraph_index", subgraph(o.else_graph)),
            ],
        ),
        Options::While(o) => (
            "TfLiteWhileParams",
            vec![
                ("cond_subgraph_index", subgraph(o.cond_graph)),
                ("body_subgraph_index", subgraph(o.body_graph)),
            ],
        ),
        Options::CallOnce(o) => (
            "TfLiteCallOnceParams",
            vec![("init_subgraph_index", subgraph(o.init_graph))],
        ),
        Options::Listed(members) => (
            listed(operator.kind.name())?,
            members
                .iter()
                .map(|(name, v)| (*name, value(name, *v)))
                .collect(),
        ),
        // RESHAPE's kernel goes by the tensors' shapes.
        _ => return None,
    };
    Some(OptionStruct {
        name,
        members,
        is_written: operator.kind.name() == "L2_POOL_2D",
    })
}

/// The struct of operators whose options have the schema's names in TFLM, too.
fn listed(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "CUMSUM" => "TfLiteCumsumParams",
        "DEPTH_TO_SPACE" => "TfLiteDepthToSpaceParams",
        "GATHER" => "TfLiteGatherParams",
        "L2_NORMALIZATION" => "TfLiteL2NormParams",
        "LEAKY_RELU" => "TfLiteLeakyReluParams",
        "MIRROR_PAD" => "TfLiteMirrorPaddingParams",
        "PACK" => "TfLitePackParams",
        "RESIZE_BILINEAR" => "TfLiteResizeBilinearParams",
        "RESIZE_NEAREST_NEIGHBOR" => "TfLiteResizeNearestNeighborParams",
        "SPACE_TO_DEPTH" => "TfLiteSpaceToDepthParams",
        "SPLIT" => "TfLiteSplitParams",
        "SPLIT_V" => "TfLiteSplitVParams",
        "STRIDED_SLICE" => "TfLiteStridedSliceParams",
        "SVDF" => "TfLiteSVDFParams",
        "UNPACK" => "TfLiteUnpackParams",
        _ => return None,
    })
}

fn value(name: &str, value: OptionValue) -> Member {
    match value {
        OptionValue::Integer(0) if name == "mode" => Constant("kTfLiteMirrorPaddingReflect"),
        OptionValue::Integer(_) if name == "mode" => Constant("kTfLiteMirrorPaddingSymmetric"),
        OptionValue::Integer(n) => Integer(n.into()),
        OptionValue::Bool(b) => Bool(b),
        OptionValue::Float(f) => Float(f),
        OptionValue::Activation(a) => activation(a),
    }
}

fn count(n: usize) -> Member {
    Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

fn padding(padding: Padding) -> Member {
    Constant(match padding {
        Padding::Same => "kTfLitePaddingSame",
        Padding::Valid => "kTfLitePaddingValid",
    })
}

fn activation(activation: Activation) -> Member {
    Constant(match activation {
        Activation::None => "kTfLiteActNone",
        Activation::Relu => "kTfLiteActRelu",
        Activation::ReluN1To1 => "kTfLiteActReluN1To1",
        Activation::Relu6 => "kTfLiteActRelu6",
        Activation::Tanh => "kTfLiteActTanh",
        Activation::SignBit => "kTfLiteActSignBit",
    })
}

/// Kernels tell int32 from everything else.
fn bias_type(code: i8) -> Member {
    const INT32: i8 = 2;
    Constant(match code {
        INT32 => element_type(DType::Int32),
        _ => element_type(DType::Float32),
    })
}

/// Channels that each input channel becomes.
fn depth_multiplier(graph: &Graph, operator: &Operator) -> usize {
    let last = |position: usize| {
        let id = operator.inputs.get(position).copied().flatten()?;
        graph.tensor(id).shape.last().copied()
    };
    match (last(0), last(1)) {
        (Some(input @ 1..), Some(filter)) => filter / input,
        _ => 1,
    }
}

/// TFLM's constant for an element type.
pub fn element_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Float32 => "kTfLiteFloat32",
        DType::Float16 => "kTfLiteFloat16",
        DType::Int32 => "kTfLiteInt32",
        DType::Uint8 => "kTfLiteUInt8",
        DType::Int64 => "kTfLiteInt64",
        DType::String => "kTfLiteString",
        DType::Bool => "kTfLiteBool",
        DType::Int16 => "kTfLiteInt16",
        DType::Complex64 => "kTfLiteComplex64",
        DType::Int8 => "kTfLiteInt8",
        DType::Float64 => "kTfLiteFloat64",
        DType::Complex128 => "kTfLiteComplex128",
        DType::Uint64 => "kTfLiteUInt64",
        DType::Resource => "kTfLiteResource",
        DType::Variant => "kTfLiteVariant",
        DType::Uint32 => "kTfLiteUInt32",
        DType::Uint16 => "kTfLiteUInt16",
        DType::Int4 => "kTfLiteInt4",
        DType::Bfloat16 => "kTfLiteBFloat16",
        DType::Int2 => "kTfLiteInt2",
        DType::Uint4 => "kTfLiteUInt4",
        DType::Float8E4M3Fn => "kTfLiteFloat8E4M3FN",
        DType::Float8E5M2 => "kTfLiteFloat8E5M2",
    }
}
