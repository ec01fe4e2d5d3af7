//! MobileNetV2, of random weights: a network that is known for its memory, and that nobody has to be asked for.

use crate::file::{Graph, Model, Operator, Options, Quantization, Tensor};

const INT32: i8 = 2;
const INT8: i8 = 9;

// Codes of builtin operators, and the tags of their options.
const ADD: (i32, u8) = (0, 11);
const AVERAGE_POOL_2D: (i32, u8) = (1, 5);
const CONV_2D: (i32, u8) = (3, 1);
const DEPTHWISE_CONV_2D: (i32, u8) = (4, 2);
const FULLY_CONNECTED: (i32, u8) = (9, 8);
const RESHAPE: (i32, u8) = (22, 17);

const SAME: i32 = 0;
const VALID: i32 = 1;
const NONE: i32 = 0;
const RELU6: i32 = 3;

/// Of each group of blocks: by how much a block widens its input, channels, blocks, stride of the first.
const GROUPS: [[i32; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];

/// What is in memory between two operators.
#[derive(Clone, Copy)]
struct Image {
    tensor: i32,
    size: i32,
    channels: i32,
}

/// A convolution: its window, its stride, the channels that it makes, and what it does to them.
#[derive(Clone, Copy)]
struct Layer {
    filter: i32,
    stride: i32,
    /// None of a depthwise convolution, which keeps them.
    channels: Option<i32>,
    activation: i32,
}

/// The network for square images of `size` pixels, with so many `hundredths` of the channels, rounded down, and `classes`.
pub fn mobilenet_v2(size: i32, hundredths: i32, classes: i32) -> Vec<u8> {
    let mut network = Network::default();
    let channels = |all: i32| all * hundredths / 100;
    let layer = |filter, stride, channels, activation| Layer {
        filter,
        stride,
        channels,
        activation,
    };
    let input = network.image(size, 3);
    network.graph.inputs.push(input.tensor);
    let mut x = network.convolution(input, layer(3, 2, Some(channels(32)), RELU6));
    for [wider, all, blocks, stride] in GROUPS {
        for block in 0..blocks {
            let stride = if block == 0 { stride } else { 1 };
            let mut y = x;
            if wider > 1 {
                y = network.convolution(y, layer(1, 1, Some(wider * x.channels), RELU6));
            }
            y = network.convolution(y, layer(3, stride, None, RELU6));
            y = network.convolution(y, layer(1, 1, Some(channels(all)), NONE));
            x = match block {
                0 => y,
                _ => network.add(x, y),
            };
        }
    }
    let last = network.convolution(x, layer(1, 1, Some(1280), RELU6));
    let output = network.classifier(last, classes);
    network.graph.outputs.push(output);
    network.model.graphs.push(network.graph);
    network.model.file()
}

#[derive(Default)]
struct Network {
    model: Model,
    graph: Graph,
    random: u64,
}

impl Network {
    fn byte(&mut self) -> u8 {
        // The constants of a linear congruential generator by Knuth.
        self.random = (self.random.wrapping_mul(6_364_136_223_846_793_005))
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 56) as u8
    }

    fn tensor(&mut self, shape: &[i32], dtype: i8, buffer: u32, scales: Vec<f32>) -> i32 {
        let quantization = (!scales.is_empty()).then(|| Quantization {
            zero_points: vec![0; scales.len()],
            scales,
            ..Quantization::default()
        });
        self.graph.tensors.push(Tensor {
            name: format!("t{}", self.graph.tensors.len()),
            shape: shape.to_vec(),
            dtype,
            buffer,
            quantization,
            ..Tensor::default()
        });
        self.graph.tensors.len() as i32 - 1
    }

    fn image(&mut self, size: i32, channels: i32) -> Image {
        let tensor = self.tensor(&[1, size, size, channels], INT8, 0, vec![SCALE]);
        Image {
            tensor,
            size,
            channels,
        }
    }

    fn constant(&mut self, shape: &[i32], dtype: i8, data: Vec<u8>, scales: Vec<f32>) -> i32 {
        self.model.buffers.push(data);
        let buffer = self.model.buffers.len() as u32;
        self.tensor(shape, dtype, buffer, scales)
    }

    /// Weights and biases that let an output be about as large as an input: of `inputs` products each.
    fn weights(&mut self, shape: &[i32], dimension: i32, inputs: i32) -> [i32; 2] {
        let count: i32 = shape.iter().product();
        let data = (0..count).map(|_| self.byte()).collect();
        let outputs = shape[dimension as usize];
        let scale = 1.0 / (74.0 * (inputs as f32).sqrt());
        let weights = self.constant(shape, INT8, data, vec![scale; outputs as usize]);
        if let Some(quantization) = &mut self.graph.tensors[weights as usize].quantization {
            quantization.dimension = dimension;
        }
        let biases = (0..outputs).flat_map(|_| (16 * i32::from(self.byte() as i8)).to_le_bytes());
        let biases = biases.collect();
        let scales = vec![SCALE * scale; outputs as usize];
        [weights, self.constant(&[outputs], INT32, biases, scales)]
    }

    fn operator(&mut self, (code, tag): (i32, u8), inputs: &[i32], output: i32, options: &[i32]) {
        self.graph.operators.push(Operator {
            code,
            inputs: inputs.to_vec(),
            outputs: vec![output],
            options: Options::Numbers(tag, options.to_vec()),
            ..Operator::default()
        });
    }

    fn convolution(&mut self, x: Image, layer: Layer) -> Image {
        let Layer {
            filter,
            stride,
            channels,
            activation,
        } = layer;
        let y = self.image(
            (x.size + stride - 1) / stride,
            channels.unwrap_or(x.channels),
        );
        let [weights, bias] = match channels {
            Some(channels) => {
                let inputs = filter * filter * x.channels;
                self.weights(&[channels, filter, filter, x.channels], 0, inputs)
            }
            None => self.weights(&[1, filter, filter, x.channels], 3, filter * filter),
        };
        let inputs = [x.tensor, weights, bias];
        match channels {
            Some(_) => {
                let options = [SAME, stride, stride, activation, 1, 1];
                self.operator(CONV_2D, &inputs, y.tensor, &options);
            }
            None => {
                let options = [SAME, stride, stride, 1, activation, 1, 1];
                self.operator(DEPTHWISE_CONV_2D, &inputs, y.tensor, &options);
            }
        }
        y
    }

    fn add(&mut self, x: Image, other: Image) -> Image {
        let y = self.image(x.size, x.channels);
        self.operator(ADD, &[x.tensor, other.tensor], y.tensor, &[NONE]);
        y
    }

    /// The average of all pixels, and a layer of all channels.
    fn classifier(&mut self, x: Image, classes: i32) -> i32 {
        let mean = self.image(1, x.channels);
        let options = [VALID, 1, 1, x.size, x.size, NONE];
        self.operator(AVERAGE_POOL_2D, &[x.tensor], mean.tensor, &options);
        let shape = [1, x.channels];
        let flat = self.tensor(&shape, INT8, 0, vec![SCALE]);
        let data = shape.iter().flat_map(|size| size.to_le_bytes()).collect();
        let shape = self.constant(&[2], INT32, data, Vec::new());
        self.operator(RESHAPE, &[mean.tensor, shape], flat, &[]);
        let [weights, bias] = self.weights(&[classes, x.channels], 0, x.channels);
        let output = self.tensor(&[1, classes], INT8, 0, vec![SCALE]);
        self.operator(FULLY_CONNECTED, &[flat, weights, bias], output, &[NONE]);
        output
    }
}

/// The scale of all images.
const SCALE: f32 = 1.0 / 32.0;
