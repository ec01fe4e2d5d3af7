//! Operator options as the schema's option tables give them.

/// Activation fused into an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Activation {
    #[default]
    None,
    Relu,
    ReluN1To1,
    Relu6,
    Tanh,
    SignBit,
}

/// How a window operator treats the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Padding {
    /// Output size = ceil(input / stride).
    #[default]
    Same,
    /// Only whole windows.
    Valid,
}

impl Padding {
    /// Along one dimension, as TensorFlow defines it: how many windows there are, and how many elements are added before
    /// the input's first.
    pub(crate) fn windows(
        self,
        size: usize,
        filter: usize,
        stride: usize,
        dilation: usize,
    ) -> (usize, usize) {
        let (filter, stride) = (filter.max(1), stride.max(1));
        let extent = (filter - 1).saturating_mul(dilation).saturating_add(1);
        match self {
            Self::Same => {
                let windows = size.div_ceil(stride);
                let reach = (windows.saturating_sub(1) * stride).saturating_add(extent);
                (windows, reach.saturating_sub(size) / 2)
            }
            Self::Valid => ((size + stride).saturating_sub(extent) / stride, 0),
        }
    }
}

/// Elements around the input of a window operator, where a pass made PAD a part of it. They stand for 0, or for the least
/// value where the operator takes the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Border {
    pub top: usize,
    pub bottom: usize,
    pub left: usize,
    pub right: usize,
}

/// Layout of FULLY_CONNECTED weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum WeightsFormat {
    #[default]
    Default,
    Shuffled4x16Int8,
}

/// CONV_2D. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Conv2dOptions {
    pub padding: Padding,
    /// Around the input before that padding; none in a file.
    pub border: Border,
    pub stride: (usize, usize),
    pub dilation: (usize, usize),
    pub activation: Activation,
    /// Schema code of the type that sums of an int16 convolution without bias are kept in.
    pub bias_type: i8,
}

/// DEPTHWISE_CONV_2D. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DepthwiseConv2dOptions {
    pub padding: Padding,
    /// Around the input before that padding; none in a file.
    pub border: Border,
    pub stride: (usize, usize),
    pub dilation: (usize, usize),
    pub activation: Activation,
    /// As in the file. It follows from the shapes, and some writers leave it 0.
    pub depth_multiplier: i32,
}

/// AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Pool2dOptions {
    pub padding: Padding,
    /// Around the input before that padding; none in a file.
    pub border: Border,
    pub stride: (usize, usize),
    pub filter: (usize, usize),
    pub activation: Activation,
}

/// FULLY_CONNECTED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct FullyConnectedOptions {
    pub activation: Activation,
    pub weights_format: WeightsFormat,
    pub keep_num_dims: bool,
    pub asymmetric_quantize_inputs: bool,
    /// Schema code of the type that sums of int16 products without bias are kept in.
    pub bias_type: i8,
}

/// ADD, SUB, MUL, DIV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BinaryOptions {
    /// Fused activation.
    pub activation: Activation,
    /// ADD and SUB of int16: power-of-two scales (old converters).
    pub pot_scale_int16: bool,
}

/// CONCATENATION.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConcatenationOptions {
    /// The axis; negative counts from the last.
    pub axis: i32,
    /// Fused activation.
    pub activation: Activation,
}

/// RESHAPE.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReshapeOptions {
    /// The new shape where the file gives it here rather than in a tensor.
    pub new_shape: Vec<i32>,
}

/// SQUEEZE.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SqueezeOptions {
    /// Dimensions to drop; all of size 1 when empty.
    pub dims: Vec<i32>,
}

/// SOFTMAX.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftmaxOptions {
    /// Factor on the logits.
    pub beta: f32,
}

/// MEAN, SUM, REDUCE_*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReducerOptions {
    /// Reduced dimensions stay with size 1.
    pub keep_dims: bool,
}

/// BATCH_MATMUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchMatmulOptions {
    /// The left operand's last two dimensions are swapped.
    pub adj_x: bool,
    /// The right operand's last two dimensions are swapped.
    pub adj_y: bool,
    /// Of float32 by int8: the left operand is quantised with zero points.
    pub asymmetric_quantize_inputs: bool,
}

/// TRANSPOSE_CONV. The pair is (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TransposeConvOptions {
    pub padding: Padding,
    pub stride: (usize, usize),
    pub activation: Activation,
}

/// UNIDIRECTIONAL_SEQUENCE_LSTM.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SequenceLstmOptions {
    /// Activation of the cell.
    pub activation: Activation,
    /// Bound of the cell's state; 0 for none.
    pub cell_clip: f32,
    /// Bound of the projection; 0 for none.
    pub proj_clip: f32,
    /// Time comes before the batch in the input's shape.
    pub time_major: bool,
    /// Inputs that are quantised at run time become 256 steps from the least to the greatest value.
    pub asymmetric_quantize_inputs: bool,
}

impl SequenceLstmOptions {
    /// What only kinds of LSTM have that are not the plain one, by the inputs' positions.
    pub(crate) const VARIANTS: [(std::ops::Range<usize>, &str); 3] = [
        (9..12, "peephole connections"),
        (16..18, "a projection"),
        (20..24, "layer normalisation"),
    ];

    /// What users can do about those.
    pub(crate) const UNROLL: &str =
        "export the layer unrolled (`unroll=True` in Keras), as plain operators";
}

/// VAR_HANDLE: together the name of a variable that runs share.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
#[allow(missing_docs)]
pub struct VarHandleOptions {
    pub container: String,
    pub shared_name: String,
}

/// IF. Both are indices into [`Model::graphs`](super::Model::graphs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct IfOptions {
    pub then_graph: usize,
    pub else_graph: usize,
}

/// WHILE. Both are indices into [`Model::graphs`](super::Model::graphs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct WhileOptions {
    pub cond_graph: usize,
    pub body_graph: usize,
}

/// CALL_ONCE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallOnceOptions {
    /// Index into [`Model::graphs`](super::Model::graphs).
    pub init_graph: usize,
}

/// The value of an option.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum OptionValue {
    Integer(i32),
    Bool(bool),
    Float(f32),
    Activation(Activation),
}

/// An operator's options.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum Options {
    /// The operator has none, or the file leaves them out (defaults hold).
    None,
    Conv2d(Conv2dOptions),
    DepthwiseConv2d(DepthwiseConv2dOptions),
    Pool2d(Pool2dOptions),
    FullyConnected(FullyConnectedOptions),
    Binary(BinaryOptions),
    Concatenation(ConcatenationOptions),
    Reshape(ReshapeOptions),
    Squeeze(SqueezeOptions),
    Softmax(SoftmaxOptions),
    Reducer(ReducerOptions),
    BatchMatmul(BatchMatmulOptions),
    TransposeConv(TransposeConvOptions),
    SequenceLstm(SequenceLstmOptions),
    VarHandle(VarHandleOptions),
    If(IfOptions),
    While(WhileOptions),
    CallOnce(CallOnceOptions),
    /// Options that say all there is to know, by the schema's names.
    Listed(Vec<(&'static str, OptionValue)>),
    /// Options of an operator castiron only lists; the number is the schema's union tag.
    Unread(u8),
    /// A custom operator's bytes.
    Custom(Vec<u8>),
    /// Of functions of bytes that a pass made one of: the result for each byte.
    Tabulated(Box<[i8; 256]>),
    /// Of movements that a pass made one of: those of the file, each with one that reads its output, the last with this
    /// operator's outputs.
    Joined(Vec<super::Operator>),
    /// Of element-wise operators that a pass made one of: those of the file, each with one that reads its output, the last with this
    /// operator's output.
    Chained(Vec<super::Operator>),
    /// Of operators that run row by row: each reads what the first one reads or what earlier ones write, the last has this operator's output.
    Streamed(Streamed),
}

/// Operators that a pass made one of, which runs row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Streamed {
    /// Those of the file.
    pub operators: Vec<super::Operator>,
    /// Whether what the first one reads comes row by row, too, so that it is nowhere as a whole.
    pub by_rows: bool,
    /// Those that compute their rows patch by patch, in their order.
    pub patched: Vec<Patched>,
    /// How many rows of its output each computes at a turn.
    pub at_once: Vec<usize>,
}

/// Operators of a stream, one behind the other, that compute rows patch by patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patched {
    /// The position of the first one in the stream.
    pub first: usize,
    /// How many they are.
    pub count: usize,
    /// Patches of a row.
    pub strips: usize,
}

impl Options {
    /// An integer by the schema's name of it, where it is [listed](Self::Listed), or its default, which is 0.
    pub(crate) fn integer(&self, name: &str) -> i64 {
        match self.listed(name) {
            Some(OptionValue::Integer(value)) => value.into(),
            _ => 0,
        }
    }

    /// A flag by the schema's name of it, where it is [listed](Self::Listed).
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.listed(name) == Some(OptionValue::Bool(true))
    }

    /// An option by the schema's name of it, where it is [listed](Self::Listed).
    pub(crate) fn listed(&self, name: &str) -> Option<OptionValue> {
        match self {
            Self::Listed(options) => options.iter().find(|o| o.0 == name).map(|o| o.1),
            _ => None,
        }
    }

    /// The subgraphs that an operator with these options calls, as indices into
    /// [`Model::graphs`](super::Model::graphs).
    pub fn callees(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let pair = match self {
            Self::If(o) => [Some(o.then_graph), Some(o.else_graph)],
            Self::While(o) => [Some(o.cond_graph), Some(o.body_graph)],
            Self::CallOnce(o) => [Some(o.init_graph), None],
            _ => [None, None],
        };
        pair.into_iter().flatten()
    }
}
