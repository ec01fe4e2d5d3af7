//! Chains of random layers, as streams are tried on.

use castiron_codegen::Model;
use castiron_codegen::graph::{
    Activation, BinaryOptions, Border, BuiltinOperator as Op, Conv2dOptions, DType,
    DepthwiseConv2dOptions, Graph, OpKind, Operator, Options, Padding, Pool2dOptions, Quantization,
    ReducerOptions, Tensor, TensorId,
};

/// Numbers that look random.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }

    /// From 1 to `n`.
    pub(super) fn to(&mut self, n: usize) -> usize {
        1 + self.below(n)
    }

    /// Numbers of float32 around 0.
    pub(super) fn floats(&mut self, count: usize) -> Vec<u8> {
        let floats = (0..count).flat_map(|_| (self.below(2001) as f32 / 999.0 - 1.0).to_le_bytes());
        floats.collect()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

pub(super) fn quantized(scale: f32, zero_point: i32) -> Option<Quantization> {
    Some(Quantization {
        scale: vec![scale],
        zero_point: vec![zero_point],
        dimension: 0,
    })
}

/// A chain in the making.
pub(super) struct Chain {
    pub(super) random: Random,
    /// Whether what lies between its ends is larger than these, so that streams are long.
    pub(super) wide: bool,
    /// The type of images.
    pub(super) dtype: DType,
    pub(super) graph: Graph,
}

/// How a window lies along the height and the width.
pub(super) struct Window {
    filter: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
    border: Border,
    /// Sizes of the output.
    made: [usize; 2],
}

impl Window {
    /// The same along a row, of one along a column of single pixels.
    fn turned(self) -> Self {
        let turned = |[height, width]: [usize; 2]| [width, height];
        let Border { top, bottom, .. } = self.border;
        Self {
            filter: turned(self.filter),
            stride: turned(self.stride),
            dilation: turned(self.dilation),
            made: turned(self.made),
            border: Border {
                left: top,
                right: bottom,
                ..Border::default()
            },
            ..self
        }
    }
}

impl Chain {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed | 1),
            wide: false,
            dtype: DType::Int8,
            graph: Graph {
                name: String::new(),
                tensors: Vec::new(),
                operators: Vec::new(),
                inputs: vec![TensorId(0)],
                outputs: Vec::new(),
            },
        }
    }

    pub(super) fn done(mut self) -> Model {
        let last = self.last();
        self.graph.outputs.push(last);
        crate::unit::model("chain.tflite", self.graph)
    }

    pub(super) fn add(&mut self, tensor: Tensor) -> TensorId {
        self.graph.tensors.push(tensor);
        TensorId(self.graph.tensors.len() as u32 - 1)
    }

    pub(super) fn image(&mut self, shape: &[usize]) -> TensorId {
        let zero_point = [-128, -3, 0, 17, 127][self.random.below(5)];
        let quantization = match self.dtype {
            DType::Int8 => quantized(0.25, zero_point),
            DType::Int16 => quantized(0.001, 0),
            _ => None,
        };
        self.image_like(shape, quantization)
    }

    pub(super) fn image_like(
        &mut self,
        shape: &[usize],
        quantization: Option<Quantization>,
    ) -> TensorId {
        self.add(Tensor {
            quantization,
            ..crate::unit::tensor(self.dtype, shape)
        })
    }

    pub(super) fn last(&self) -> TensorId {
        let last = self.graph.operators.last();
        last.map_or(TensorId(0), |operator| operator.outputs[0])
    }

    pub(super) fn op(&mut self, op: Op, inputs: &[TensorId], output: TensorId, options: Options) {
        self.graph.operators.push(Operator {
            kind: OpKind::Builtin(op),
            version: 1,
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![output],
            intermediates: Vec::new(),
            options,
            origin: Vec::new(),
        });
    }

    /// A window that fits an image, if one is found.
    pub(super) fn window(&mut self, shape: &[usize]) -> Option<Window> {
        // One of an image of one row moves along that, as one-dimensional convolutions do.
        if let [_, 1, width, channels] = *shape
            && width > 1
        {
            let window = self.window(&[1, width, 1, channels])?;
            let is_narrow =
                window.filter[1] == 1 && (window.border.left, window.border.right) == (0, 0);
            return is_narrow.then(|| window.turned());
        }
        let random = &mut self.random;
        let width = if shape[2] == 1 { 1 } else { 3 };
        let filter = [random.to(5), random.to(width)];
        let stride = match self.wide {
            true => [1, 1],
            false => [random.to(3), random.to(2)],
        };
        let dilation = match stride {
            [1, 1] => [random.to(3), random.to(2)],
            _ => [1, 1],
        };
        let padding = [Padding::Same, Padding::Valid][random.below(2)];
        let border = match random.below(4) {
            0 => Border {
                top: random.below(3),
                bottom: random.below(3),
                left: random.below(2),
                right: random.below(2),
            },
            _ => Border::default(),
        };
        let sizes = [
            border.top + shape[1] + border.bottom,
            border.left + shape[2] + border.right,
        ];
        let mut made = [0; 2];
        for axis in 0..2 {
            let extent = (filter[axis] - 1) * dilation[axis] + 1;
            made[axis] = match padding {
                Padding::Same => sizes[axis].div_ceil(stride[axis]),
                Padding::Valid if extent > sizes[axis] => return None,
                Padding::Valid => (sizes[axis] - extent) / stride[axis] + 1,
            };
        }
        Some(Window {
            filter,
            stride,
            dilation,
            padding,
            border,
            made,
        })
    }

    pub(super) fn weights(
        &mut self,
        shape: &[usize],
        channels: usize,
        dimension: usize,
    ) -> [TensorId; 2] {
        let count = shape.iter().product();
        let (data, quantization, dtype) = match self.dtype {
            DType::Float32 => (self.random.floats(count), None, DType::Float32),
            _ => {
                let quantization = Quantization {
                    scale: (0..channels).map(|c| 0.004 + c as f32 / 2048.0).collect(),
                    zero_point: vec![0; channels],
                    dimension,
                };
                (self.random.bytes(count), Some(quantization), DType::Int8)
            }
        };
        let weights = Tensor {
            data: Some(data.into()),
            quantization,
            ..crate::unit::tensor(dtype, shape)
        };
        let random = &mut self.random;
        let mut biases = (0..channels).map(|_| random.below(4096) as i64 - 2048);
        let (bias, dtype): (Vec<u8>, _) = match self.dtype {
            DType::Float32 => (self.random.floats(channels), DType::Float32),
            DType::Int16 => (biases.flat_map(i64::to_le_bytes).collect(), DType::Int64),
            _ => {
                let biases = biases.by_ref().flat_map(|bias| (bias as i32).to_le_bytes());
                (biases.collect(), DType::Int32)
            }
        };
        let bias = Tensor {
            data: Some(bias.into()),
            ..crate::unit::tensor(dtype, &[channels])
        };
        [self.add(weights), self.add(bias)]
    }

    pub(super) fn layer(&mut self) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let kind = self.random.below(9);
        match kind {
            5 | 6 => return self.residual(),
            7 => return self.pool(),
            8 => return self.turn(),
            _ => {}
        }
        if kind == 0 {
            return self.relu();
        }
        let Some(window) = self.window(&shape) else {
            return;
        };
        let [filter_h, filter_w] = window.filter;
        let pair = |of: [usize; 2]| (of[0], of[1]);
        let activation = [Activation::None, Activation::Relu][self.random.below(2)];
        let (op, channels, [weights, bias], options) = match kind {
            1 | 2 => {
                let channels = match self.wide {
                    true => shape[3],
                    false => shape[3] * self.random.to(2),
                };
                let options = Options::DepthwiseConv2d(DepthwiseConv2dOptions {
                    padding: window.padding,
                    border: window.border,
                    stride: pair(window.stride),
                    dilation: pair(window.dilation),
                    activation,
                    depth_multiplier: 0,
                });
                let filter = [1, filter_h, filter_w, channels];
                let weights = self.weights(&filter, channels, 3);
                (Op::DepthwiseConv2d, channels, weights, options)
            }
            _ => {
                let channels = match self.wide {
                    true => 8 + self.random.below(3),
                    false => self.random.to(9),
                };
                let options = Options::Conv2d(Conv2dOptions {
                    padding: window.padding,
                    border: window.border,
                    stride: pair(window.stride),
                    dilation: pair(window.dilation),
                    activation,
                    bias_type: 0,
                });
                let filter = [channels, filter_h, filter_w, shape[3]];
                let weights = self.weights(&filter, channels, 0);
                (Op::Conv2d, channels, weights, options)
            }
        };
        let [height, width] = window.made;
        let y = self.image(&[1, height, width, channels]);
        self.op(op, &[x, weights, bias], y, options);
    }

    pub(super) fn relu(&mut self) {
        let x = self.last();
        let tensor = self.graph.tensor(x);
        let (shape, quantization) = (tensor.shape.clone(), tensor.quantization.clone());
        let y = self.image_like(&shape, quantization);
        self.op(Op::Relu, &[x], y, Options::None);
    }

    /// A depthwise convolution of any window that fits.
    pub(super) fn depthwise(&mut self) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let Some(window) = self.window(&shape) else {
            return;
        };
        let channels = shape[3];
        let pair = |of: [usize; 2]| (of[0], of[1]);
        let options = Options::DepthwiseConv2d(DepthwiseConv2dOptions {
            padding: window.padding,
            border: window.border,
            stride: pair(window.stride),
            dilation: pair(window.dilation),
            activation: Activation::None,
            depth_multiplier: 0,
        });
        let [filter_h, filter_w] = window.filter;
        let [weights, bias] = self.weights(&[1, filter_h, filter_w, channels], channels, 3);
        let [height, width] = window.made;
        let y = self.image(&[1, height, width, channels]);
        self.op(Op::DepthwiseConv2d, &[x, weights, bias], y, options);
    }

    /// An addition of what two ways give: a convolution of the last image and another, or the image itself.
    pub(super) fn residual(&mut self) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let channels = self.random.to(6).max(shape[3]);
        let [stride, side] = match self.random.below(3) {
            0 => [2, 1],
            1 => [1, 1],
            _ => [1, 0],
        };
        let channels = if side == 0 { shape[3] } else { channels };
        let longest = 1 + self.random.below(2);
        let mut main = x;
        for at in 0..longest {
            let stride = if at == 0 { stride } else { 1 };
            main = self.same(main, channels, [3, 3], stride);
        }
        let other = match side {
            0 => x,
            _ => self.same(x, channels, [1, 1], stride),
        };
        let shape = self.graph.tensor(main).shape.clone();
        let y = self.image(&shape);
        let inputs = match self.random.below(2) {
            0 => [main, other],
            _ => [other, main],
        };
        let options = Options::Binary(BinaryOptions::default());
        self.op(Op::Add, &inputs, y, options);
    }

    /// A convolution that keeps an image's size, but for its stride.
    pub(super) fn same(
        &mut self,
        x: TensorId,
        channels: usize,
        filter: [usize; 2],
        stride: usize,
    ) -> TensorId {
        let shape = self.graph.tensor(x).shape.clone();
        let [weights, bias] =
            self.weights(&[channels, filter[0], filter[1], shape[3]], channels, 0);
        let [height, width] = [1, 2].map(|axis| shape[axis].div_ceil(stride));
        let y = self.image(&[1, height, width, channels]);
        let options = Options::Conv2d(Conv2dOptions {
            padding: Padding::Same,
            border: Border::default(),
            stride: (stride, stride),
            dilation: (1, 1),
            activation: Activation::Relu,
            bias_type: 0,
        });
        self.op(Op::Conv2d, &[x, weights, bias], y, options);
        y
    }

    /// A pooling of windows that do not overlap.
    pub(super) fn pool(&mut self) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let size = [1, 2].map(|axis| self.random.to(shape[axis].min(3)));
        let quantization = self.graph.tensor(x).quantization.clone();
        let y = self.image_like(
            &[1, shape[1] / size[0], shape[2] / size[1], shape[3]],
            quantization,
        );
        let options = Options::Pool2d(Pool2dOptions {
            padding: Padding::Valid,
            border: Border::default(),
            stride: (size[0], size[1]),
            filter: (size[0], size[1]),
            activation: Activation::None,
        });
        let op = [Op::MaxPool2d, Op::AveragePool2d][self.random.below(2)];
        self.op(op, &[x], y, options);
    }

    /// A convolution of single pixels.
    pub(super) fn pointwise(&mut self, channels: usize) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let [weights, bias] = self.weights(&[channels, 1, 1, shape[3]], channels, 0);
        let y = self.image(&[1, shape[1], shape[2], channels]);
        let options = Options::Conv2d(Conv2dOptions {
            padding: Padding::Valid,
            border: Border::default(),
            stride: (1, 1),
            dilation: (1, 1),
            activation: Activation::None,
            bias_type: 0,
        });
        self.op(Op::Conv2d, &[x, weights, bias], y, options);
    }

    /// A convolution of three steps of time, along a row or a column.
    pub(super) fn step(&mut self, channels: usize) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let filter = if shape[1] == 1 { [1, 3] } else { [3, 1] };
        self.same(x, channels, filter, 1);
    }

    /// A RESHAPE of a row into a column, or of a column into a row.
    pub(super) fn turn(&mut self) {
        if let [_, height, width, channels] = self.graph.tensor(self.last()).shape[..]
            && (height == 1 || width == 1)
        {
            self.view(&[1, width, height, channels]);
        }
    }

    pub(super) fn view(&mut self, shape: &[usize]) {
        let x = self.last();
        let quantization = self.graph.tensor(x).quantization.clone();
        let y = self.image_like(shape, quantization);
        self.op(Op::Reshape, &[x], y, Options::None);
    }

    /// A MEAN of all pixels, of a column also without its width.
    pub(super) fn mean(&mut self) {
        let shape = self.graph.tensor(self.last()).shape.clone();
        let channels = shape[3];
        let axes: &[i32] = match self.random.below(2) {
            0 if shape[2] == 1 => {
                self.view(&[1, shape[1], channels]);
                &[1]
            }
            _ => &[-2, 1],
        };
        let x = self.last();
        let keep_dims = self.random.below(2) == 0;
        let bytes: Vec<u8> = axes.iter().flat_map(|axis| axis.to_le_bytes()).collect();
        let axes = self.add(Tensor {
            data: Some(bytes.into()),
            ..crate::unit::tensor(DType::Int32, &[axes.len()])
        });
        let mut shape = vec![1; self.graph.tensor(x).shape.len() - 1];
        shape.truncate(if keep_dims { shape.len() } else { 1 });
        shape.push(channels);
        let y = self.image(&shape);
        let options = Options::Reducer(ReducerOptions { keep_dims });
        self.op(Op::Mean, &[x, axes], y, options);
    }

    pub(super) fn average(&mut self) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let quantization = self.graph.tensor(x).quantization.clone();
        let y = self.image_like(&[1, 1, 1, shape[3]], quantization);
        let options = Options::Pool2d(Pool2dOptions {
            padding: Padding::Valid,
            border: Border::default(),
            stride: (1, 1),
            filter: (shape[1], shape[2]),
            activation: Activation::None,
        });
        self.op(Op::AveragePool2d, &[x], y, options);
    }
}

/// A chain of random layers.
pub(super) fn chain(seed: u64) -> Model {
    let mut chain = Chain::new(seed);
    // Higher than wide: a stream saves the more the more rows there are, and windows meet both ends all the same.
    let height = match chain.random.below(4) {
        0 => chain.random.to(8),
        _ => 12 + chain.random.to(16),
    };
    chain.wide = chain.random.below(2) == 0;
    chain.dtype = match chain.random.below(4) {
        0 => DType::Float32,
        1 => DType::Int16,
        _ => DType::Int8,
    };
    let channels = match chain.wide {
        true => 1,
        false => chain.random.to(6),
    };
    let shape = match chain.random.below(4) {
        0 => [1, 1, height, channels],
        _ => [1, height, chain.random.to(5), channels],
    };
    chain.image(&shape);
    match chain.random.below(4) {
        // Both of its ways begin at the input.
        0 => chain.residual(),
        _ if chain.wide => chain.pointwise(8),
        _ => {}
    }
    for _ in 0..2 + chain.random.below(6) {
        chain.layer();
    }
    match chain.random.below(6) {
        0 => chain.mean(),
        1 => chain.average(),
        _ if chain.graph.operators.is_empty() => chain.average(),
        _ if chain.wide => chain.pointwise(1),
        _ => {}
    }
    chain.done()
}

/// A chain of blocks that widen an image for a window and make it narrow again, as MobileNets have them.
pub(super) fn blocks(seed: u64) -> Model {
    let mut chain = Chain::new(seed);
    let channels = 1 + chain.random.to(3);
    chain.dtype = match chain.random.below(5) {
        0 => DType::Float32,
        1 => DType::Int16,
        _ => DType::Int8,
    };
    let [height, width] = [4 + chain.random.to(8), 3 + chain.random.to(13)];
    chain.image(&[1, height, width, channels]);
    for _ in 0..chain.random.to(3) {
        let x = chain.last();
        let before = chain.graph.tensor(x).shape.clone();
        if chain.random.below(4) > 0 {
            let wider = 3 + chain.random.below(4);
            chain.pointwise(channels * wider);
        }
        if chain.random.below(4) == 0 {
            chain.relu();
        }
        chain.depthwise();
        if chain.random.below(4) == 0 {
            chain.depthwise();
        }
        chain.pointwise(channels);
        let y = chain.last();
        if chain.graph.tensor(y).shape == before && chain.random.below(2) == 0 {
            let sum = chain.image(&before);
            let options = Options::Binary(BinaryOptions::default());
            chain.op(Op::Add, &[x, y], sum, options);
        }
    }
    if chain.random.below(2) == 0 {
        let channels = 16 + chain.random.below(16);
        chain.pointwise(channels);
        if chain.dtype == DType::Int8 {
            chain.average();
        }
    }
    chain.done()
}
