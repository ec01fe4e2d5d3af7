use castiron_codegen::Model;
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{
    Activation, BinaryOptions, Border, BuiltinOperator as Op, ConcatenationOptions, Conv2dOptions,
    DType, DepthwiseConv2dOptions, FullyConnectedOptions, Graph, OpKind, Operator, Options,
    Padding, Pool2dOptions, Quantization, ReshapeOptions, Tensor, TensorId,
};
use castiron_codegen::passes::{Effect, Pass, Passes};
use castiron_codegen::target::{Isa, Optimize, Target};
use proptest::prelude::*;

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn weight(&mut self) -> i8 {
        self.below(255) as u8 as i8
    }
}

/// A network in the making, of images of one type.
struct Net {
    graph: Graph,
    dtype: DType,
    zero_point: i32,
}

/// What a product does beside its weights.
#[derive(Clone, Copy)]
struct Window {
    size: usize,
    stride: usize,
    padding: Padding,
    activation: Activation,
}

const POINT: Window = Window {
    size: 1,
    stride: 1,
    padding: Padding::Valid,
    activation: Activation::Relu,
};
const SAME: Window = Window {
    size: 3,
    padding: Padding::Same,
    ..POINT
};
const VALID: Window = Window {
    padding: Padding::Valid,
    ..SAME
};

impl Net {
    fn new(dtype: DType, zero_point: i32, shape: &[usize]) -> Self {
        let graph = Graph {
            name: String::new(),
            tensors: Vec::new(),
            operators: Vec::new(),
            inputs: vec![TensorId(0)],
            outputs: Vec::new(),
        };
        let mut net = Self {
            graph,
            dtype,
            zero_point,
        };
        net.image(shape);
        net
    }

    fn bytes(zero_point: i32) -> Self {
        Self::new(DType::Int8, zero_point, &[1, 5, 5, 4])
    }

    fn add(&mut self, tensor: Tensor) -> TensorId {
        self.graph.tensors.push(tensor);
        TensorId(self.graph.tensors.len() as u32 - 1)
    }

    fn image(&mut self, shape: &[usize]) -> TensorId {
        let tensor = Tensor {
            quantization: Some(one(0.125, self.zero_point)),
            ..crate::unit::tensor(self.dtype, shape)
        };
        self.add(tensor)
    }

    fn last(&self) -> TensorId {
        self.graph
            .operators
            .last()
            .map_or(TensorId(0), |o| o.outputs[0])
    }

    fn shape(&self, id: TensorId) -> Vec<usize> {
        self.graph.tensor(id).shape.clone()
    }

    fn op(&mut self, op: Op, inputs: &[TensorId], shape: &[usize], options: Options) -> TensorId {
        let output = self.image(shape);
        self.graph.operators.push(Operator {
            kind: OpKind::Builtin(op),
            version: 1,
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![output],
            intermediates: Vec::new(),
            options,
            origin: Vec::new(),
        });
        output
    }

    /// Weights of a type, and biases.
    fn constants(
        &mut self,
        shape: &[usize],
        weights: &[i8],
        bias: &[i64],
        dtype: DType,
    ) -> [TensorId; 2] {
        let data: Vec<u8> = match dtype {
            DType::Int4 => {
                let low = |w: &i8| *w as u8 & 0xf;
                let pair = |w: &[i8]| low(&w[0]) | w.get(1).map_or(0, low) << 4;
                weights.chunks(2).map(pair).collect()
            }
            _ => weights.iter().map(|w| *w as u8).collect(),
        };
        let channels = bias.len();
        let weights = Tensor {
            data: Some(data.into()),
            quantization: Some(Quantization {
                scale: (0..channels)
                    .map(|c| 0.0078125 * (1.0 + c as f32 / 8.0))
                    .collect(),
                zero_point: vec![0; channels],
                dimension: 0,
            }),
            ..crate::unit::tensor(dtype, shape)
        };
        let weights = self.add(weights);
        let (dtype, data) = match self.dtype {
            DType::Int16 => (
                DType::Int64,
                bias.iter().flat_map(|b| b.to_le_bytes()).collect(),
            ),
            _ => (
                DType::Int32,
                bias.iter()
                    .flat_map(|b| (*b as i32).to_le_bytes())
                    .collect(),
            ),
        };
        let bias = Tensor {
            data: Some(data),
            ..crate::unit::tensor(dtype, &[channels])
        };
        [weights, self.add(bias)]
    }

    fn windows(&self, x: TensorId, w: Window) -> [usize; 2] {
        let shape = self.shape(x);
        [shape[1], shape[2]].map(|n| match w.padding {
            Padding::Same => n.div_ceil(w.stride),
            Padding::Valid => (n - w.size) / w.stride + 1,
        })
    }

    /// A convolution with weights by output channel, element of the window and input.
    fn conv(&mut self, w: Window, weights: &[i8], bias: &[i64]) -> TensorId {
        self.conv_of(self.last(), w, weights, bias, DType::Int8)
    }

    fn conv_of(
        &mut self,
        x: TensorId,
        w: Window,
        weights: &[i8],
        bias: &[i64],
        dtype: DType,
    ) -> TensorId {
        let (channels, inputs) = (bias.len(), self.shape(x)[3]);
        let [height, width] = self.windows(x, w);
        let filter = [channels, w.size, w.size, inputs];
        let [weights, bias] = self.constants(&filter, weights, bias, dtype);
        let options = Options::Conv2d(Conv2dOptions {
            padding: w.padding,
            border: Border::default(),
            stride: (w.stride, w.stride),
            dilation: (1, 1),
            activation: w.activation,
            bias_type: 0,
        });
        self.op(
            Op::Conv2d,
            &[x, weights, bias],
            &[1, height, width, channels],
            options,
        )
    }

    /// A convolution of each channel with weights by element of the window and channel.
    fn depthwise(&mut self, w: Window, weights: &[i8], bias: &[i64]) -> TensorId {
        let (x, channels) = (self.last(), bias.len());
        let [height, width] = self.windows(x, w);
        let [weights, bias] =
            self.constants(&[1, w.size, w.size, channels], weights, bias, DType::Int8);
        let options = Options::DepthwiseConv2d(DepthwiseConv2dOptions {
            padding: w.padding,
            border: Border::default(),
            stride: (w.stride, w.stride),
            dilation: (1, 1),
            activation: w.activation,
            depth_multiplier: 0,
        });
        self.op(
            Op::DepthwiseConv2d,
            &[x, weights, bias],
            &[1, height, width, channels],
            options,
        )
    }

    fn dense(&mut self, weights: &[i8], bias: &[i64]) -> TensorId {
        let x = self.last();
        let inputs = weights.len() / bias.len();
        let rows = self.shape(x).iter().product::<usize>() / inputs;
        let [weights, bias_id] = self.constants(&[bias.len(), inputs], weights, bias, DType::Int8);
        let options = Options::FullyConnected(FullyConnectedOptions::default());
        self.op(
            Op::FullyConnected,
            &[x, weights, bias_id],
            &[rows, bias.len()],
            options,
        )
    }

    fn sum(&mut self, a: TensorId, b: TensorId) -> TensorId {
        let options = Options::Binary(BinaryOptions::default());
        self.op(Op::Add, &[a, b], &self.shape(a), options)
    }

    fn done(mut self) -> Model {
        let last = self.last();
        self.graph.outputs.push(last);
        crate::unit::model("net.tflite", self.graph)
    }

    /// Channels that are left of each operator's output that was narrowed, having seen that no result is another one.
    fn left(self) -> Vec<(usize, usize)> {
        left(&self.done())
    }
}

fn one(scale: f32, zero_point: i32) -> Quantization {
    Quantization {
        scale: vec![scale],
        zero_point: vec![zero_point],
        dimension: 0,
    }
}

fn left(model: &Model) -> Vec<(usize, usize)> {
    let targets = [
        Target::new(Isa::Portable, Optimize::Balanced),
        Target::new(Isa::Dsp, Optimize::Balanced),
        Target::new(Isa::Portable, Optimize::Size),
    ];
    for target in targets {
        let outputs = |without: Passes| {
            let options = CompileOptions::for_target(target).without(without);
            let program = compile::compile(model, &options).expect("it compiles");
            let mut machine = Machine::new(&program, &program.entries[0]);
            let bytes = program.entries[0].inputs[0].operand.range().len();
            let mut random = Random(0x9e37_79b9);
            let runs = (0..6).map(|run| {
                let value = |_| match run {
                    0 => 127,
                    1 => 128,
                    // What is far from 0 meets the most.
                    2 => [127, 128][random.below(2)],
                    _ => random.below(256) as u8,
                };
                let input: Vec<u8> = (0..bytes).map(value).collect();
                machine.set_input(0, &input).expect("an input");
                machine.run().expect("it runs");
                machine.output(0).expect("an output").to_vec()
            });
            runs.collect::<Vec<_>>()
        };
        let pass = Passes::from(Pass::RemoveChannels);
        assert_eq!(outputs(Passes::NONE), outputs(pass), "{target}");
    }
    let examined = compile::examine(model, &CompileOptions::default());
    let changes = examined.verdicts[0].changes.iter();
    let changes = changes.filter(|change| change.pass == Pass::RemoveChannels);
    let left = changes.map(|change| match change.effect {
        Effect::Narrowed { channels, .. } => (change.operators[0], channels[1]),
        _ => panic!("{change:?}"),
    });
    left.collect()
}

/// Weights that are never 0.
fn some(count: usize) -> Vec<i8> {
    (0..count)
        .map(|i| (i * 37 % 101) as i8 - 50)
        .map(|w| if w == 0 { 51 } else { w })
        .collect()
}

/// Eight filters of four inputs each, of which the first five are zeros.
fn silent() -> Vec<i8> {
    [vec![0; 5 * 4], some(3 * 4)].concat()
}

/// Behind RELU a filter of zeros gives the zero point, which padding is, too: all that is made of it leaves.
#[test]
fn channels_of_zeros_leave_with_what_is_made_of_them() {
    let mut net = Net::bytes(-128);
    net.conv(POINT, &silent(), &[0; 8]);
    net.depthwise(SAME, &some(72), &[0, 5, -9, 0, 0, 40, 50, 60]);
    net.conv(POINT, &some(24), &[1, 2, 3]);
    // Three of eight are needed, and blocks have four.
    assert_eq!(net.left(), [(0, 4), (1, 4), (2, 3)]);
}

/// A constant that is not the zero point is seen at the border, where padding is beside it.
#[test]
fn a_constant_beside_padding_stays() {
    let with = |window: Window, zero_point| {
        let mut net = Net::bytes(zero_point);
        // Without a range: the first five channels have constants, which are no zeros.
        net.conv(
            Window {
                activation: Activation::None,
                ..POINT
            },
            &silent(),
            &[500; 8],
        );
        net.conv(window, &some(3 * window.size * window.size * 8), &[0; 3]);
        net.left()
    };
    assert_eq!(with(SAME, 3), []);
    assert_eq!(with(VALID, 3), [(0, 4), (1, 3)]);
    assert_eq!(with(POINT, -128), [(0, 4), (1, 3)]);
}

/// In a depthwise convolution a constant is one as long as the border cannot be told.
#[test]
fn what_a_window_makes_of_a_constant_depends_on_the_border() {
    let with = |weights: &[i8], window: Window| {
        let mut net = Net::bytes(-128);
        net.conv(POINT, &silent(), &[500; 8]);
        net.depthwise(window, weights, &[0; 8]);
        net.conv(POINT, &some(24), &[1, 2, 3]);
        net.left()
    };
    assert_eq!(with(&some(72), SAME), []);
    assert_eq!(with(&some(72), VALID), [(0, 4), (1, 4), (2, 3)]);
    // Where all weights are negative, RELU leaves nothing of it, border or not.
    assert_eq!(with(&[-3; 72], SAME), [(0, 4), (1, 4), (2, 3)]);
}

/// Whatever comes in, the bias is greater, or less than what the range lets through.
#[test]
fn saturated_channels_leave() {
    let mut net = Net::bytes(-128);
    let far = 1 << 24;
    net.conv(POINT, &some(32), &[far, -far, far, -far, 0, 10, 20, 30]);
    net.conv(POINT, &some(24), &[1, 2, 3]);
    assert_eq!(net.left(), [(0, 4), (1, 3)]);
}

/// A sum that wraps is no step function of the input, and a constant one is what it wraps to.
#[test]
fn sums_that_wrap_are_what_they_wrap_to() {
    let far = i64::from(i32::MAX);
    let mut net = Net::bytes(3);
    net.conv(
        POINT,
        &some(32),
        &[far - 9, far, -far, 9 - far, 0, 10, 20, 30],
    );
    net.conv(POINT, &some(24), &[1, 2, 3]);
    assert_eq!(net.left(), []);
    let mut net = Net::bytes(3);
    net.conv(POINT, &silent(), &[far; 8]);
    // What is folded into the biases wraps.
    net.conv(POINT, &some(24), &[far, far - 100, -far]);
    assert_eq!(net.left(), [(0, 4), (1, 3)]);
}

/// The last layer multiplies four of eight channels by zeros, and so nobody reads what they are made of.
#[test]
fn channels_that_nobody_reads_leave() {
    let mut net = Net::bytes(3);
    net.conv(POINT, &some(32), &[7; 8]);
    net.depthwise(SAME, &some(72), &[0; 8]);
    net.conv(POINT, &some(64), &[-7; 8]);
    let half: Vec<i8> = (0..24).map(|i| if i % 8 < 4 { 0 } else { 9 }).collect();
    net.conv(POINT, &half, &[0; 3]);
    assert_eq!(net.left(), [(2, 4), (3, 3)]);
}

/// Both branches of a sum have the same channels: one leaves if it leaves both.
#[test]
fn channels_of_a_sum_leave_together() {
    let with = |second: &[i8]| {
        let mut net = Net::bytes(-128);
        let first = net.conv(POINT, &silent(), &[0; 8]);
        let second = net.conv_of(TensorId(0), POINT, second, &[0; 8], DType::Int8);
        net.sum(first, second);
        net.conv(POINT, &some(24), &[1, 2, 3]);
        net.left()
    };
    assert_eq!(with(&some(32)), []);
    assert_eq!(with(&silent()), [(0, 4), (1, 4), (2, 4), (3, 3)]);
}

/// What is skipped over is read behind the sum and before: there it is needed, and so it stays all along.
#[test]
fn a_residual_keeps_what_either_side_reads() {
    let with = |inner: Vec<i8>| {
        let mut net = Net::bytes(-128);
        let first = net.conv(POINT, &some(32), &[0; 8]);
        let inner = net.conv(POINT, &inner, &[0; 8]);
        net.sum(first, inner);
        // Of the sum, four channels are read.
        let half: Vec<i8> = (0..24).map(|i| if i % 8 < 4 { 0 } else { 9 }).collect();
        net.conv(POINT, &half, &[0; 3]);
        net.left()
    };
    assert_eq!(with(some(64)), []);
    let half = (0..64).map(|i| if i % 8 < 4 { 0 } else { 9 }).collect();
    assert_eq!(with(half), [(0, 4), (1, 4), (2, 4), (3, 3)]);
}

/// Pooling, flattening and joining pass channels on; an operand of one element for each channel is cut.
#[test]
fn channels_go_through_what_moves_and_pools_them() {
    let mut net = Net::bytes(-128);
    let first = net.conv(POINT, &silent(), &[0; 8]);
    let offsets: Vec<u8> = (0..8).map(|i| i * 9).collect();
    let offsets = Tensor {
        data: Some(offsets.into()),
        quantization: Some(one(0.125, -128)),
        ..crate::unit::tensor(DType::Int8, &[8])
    };
    let offsets = net.add(offsets);
    let shifted = net.sum(first, offsets);
    let pool = Options::Pool2d(Pool2dOptions {
        padding: Padding::Same,
        border: Border::default(),
        stride: (2, 2),
        filter: (2, 2),
        activation: Activation::None,
    });
    let pooled = net.op(Op::AveragePool2d, &[shifted], &[1, 3, 3, 8], pool);
    let joined = Options::Concatenation(ConcatenationOptions {
        axis: 3,
        activation: Activation::None,
    });
    let joined = net.op(Op::Concatenation, &[pooled, pooled], &[1, 3, 3, 16], joined);
    let flat = Options::Reshape(ReshapeOptions {
        new_shape: vec![1, 144],
    });
    net.op(Op::Reshape, &[joined], &[1, 144], flat);
    net.dense(&some(288), &[5, 6]);
    assert_eq!(
        net.left(),
        [(0, 4), (1, 4), (2, 4), (3, 8), (4, 72), (5, 2)]
    );
}

/// What the caller sees has all channels, be they constant or not.
#[test]
fn outputs_stay_whole() {
    let mut net = Net::bytes(-128);
    net.conv(POINT, &silent(), &[100; 8]);
    assert_eq!(net.left(), []);
    let mut net = Net::bytes(-128);
    net.conv(POINT, &some(32), &[0; 8]);
    net.conv(
        POINT,
        &[vec![0; 5 * 8], vec![4, 0, 0, 0, 0, 0, 0, 0]].concat(),
        &[100; 6],
    );
    // One of eight inputs matters.
    assert_eq!(net.left(), [(0, 4), (1, 6)]);
}

#[test]
fn words_and_weights_of_four_bits_leave_as_well() {
    let mut net = Net::new(DType::Int16, 0, &[1, 5, 5, 4]);
    net.conv(POINT, &silent(), &[0; 8]);
    net.depthwise(SAME, &some(72), &[-1, 5, -9, 0, 0, 40, 50, 60]);
    net.conv(VALID, &some(3 * 72), &[1, 2, 3]);
    assert_eq!(net.left(), [(0, 4), (1, 4), (2, 3)]);
    let mut net = Net::bytes(-128);
    let nibbles: Vec<i8> = some(32).iter().map(|w| w % 8).collect();
    let nibbles: Vec<i8> = nibbles
        .iter()
        .enumerate()
        .map(|(i, w)| if i < 20 { 0 } else { *w })
        .collect();
    let x = net.conv_of(TensorId(0), POINT, &nibbles, &[0; 8], DType::Int4);
    net.conv_of(
        x,
        POINT,
        &some(24).iter().map(|w| w % 8).collect::<Vec<_>>(),
        &[1, 2, 3],
        DType::Int4,
    );
    assert_eq!(net.left(), [(0, 4), (1, 3)]);
}

/// A network of any layers, of which some filters, inputs and biases are such that channels leave.
fn network(seed: u64) -> Model {
    let mut random = Random(seed | 1);
    let dtype = [DType::Int8, DType::Int8, DType::Int16][random.below(3)];
    let zero_point = match dtype {
        DType::Int16 => 0,
        _ => [-128, -128, 0, 127, -5][random.below(5)],
    };
    let channels = |random: &mut Random| [1, 3, 4, 6, 8, 12][random.below(6)];
    let first = channels(&mut random);
    let size = 1 + random.below(6);
    let mut net = Net::new(dtype, zero_point, &[1, size, 1 + random.below(6), first]);
    for _ in 0..2 + random.below(5) {
        let x = net.last();
        let shape = net.shape(x);
        let fits = shape[1].min(shape[2]) >= 3;
        let window = Window {
            size: [1, 3][random.below(2)],
            stride: 1 + random.below(2),
            padding: if fits && random.one_in(3) {
                Padding::Valid
            } else {
                Padding::Same
            },
            activation: [Activation::None, Activation::Relu, Activation::Relu6][random.below(3)],
        };
        let taps = window.size * window.size;
        let biases = |random: &mut Random, n: usize| -> Vec<i64> {
            let bias = |random: &mut Random| match random.below(6) {
                0 => 0,
                1 => 1 << 24,
                2 => -(1 << 24),
                3 if dtype == DType::Int8 => i64::from(i32::MAX) - random.below(99) as i64,
                _ => random.below(2000) as i64 - 1000,
            };
            (0..n).map(|_| bias(random)).collect()
        };
        match random.below(6) {
            0 | 1 => {
                let outputs = channels(&mut random);
                let dead: Vec<bool> = (0..shape[3]).map(|_| random.one_in(3)).collect();
                let silent: Vec<bool> = (0..outputs).map(|_| random.one_in(3)).collect();
                let places =
                    (0..outputs * taps * shape[3]).map(|i| (i / (taps * shape[3]), i % shape[3]));
                let weights: Vec<i8> = places
                    .map(|(o, i)| {
                        if dead[i] || silent[o] {
                            0
                        } else {
                            random.weight()
                        }
                    })
                    .collect();
                let bias = biases(&mut random, outputs);
                net.conv(window, &weights, &bias);
            }
            2 | 3 => {
                let outputs = shape[3] * (1 + random.below(4) / 3);
                let silent: Vec<bool> = (0..outputs).map(|_| random.one_in(4)).collect();
                let weights: Vec<i8> = (0..taps * outputs)
                    .map(|i| {
                        if silent[i % outputs] {
                            0
                        } else {
                            random.weight()
                        }
                    })
                    .collect();
                let bias = biases(&mut random, outputs);
                net.depthwise(window, &weights, &bias);
            }
            4 => {
                let alike = (0..net.graph.tensors.len() as u32).map(TensorId);
                let alike: Vec<TensorId> = alike
                    .filter(|id| {
                        net.graph.tensor(*id).shape == shape && !net.graph.tensor(*id).is_constant()
                    })
                    .collect();
                let other = alike[random.below(alike.len())];
                net.sum(x, other);
            }
            _ => {
                let other = shape.iter().product::<usize>() / shape[3];
                let shape = [1, 1, other, shape[3]];
                let options = Options::Reshape(ReshapeOptions {
                    new_shape: Vec::new(),
                });
                net.op(Op::Reshape, &[x], &shape, options);
            }
        }
    }
    let x = net.last();
    let inputs = net.shape(x).iter().product::<usize>();
    let period = net.shape(x)[3];
    let dead: Vec<bool> = (0..period).map(|_| random.one_in(2)).collect();
    let weights: Vec<i8> = (0..2 * inputs)
        .map(|i| if dead[i % period] { 0 } else { random.weight() })
        .collect();
    net.dense(&weights, &[3, -3]);
    net.done()
}

/// A network runs three times, which takes a tenth of a second.
fn settings_of_networks() -> ProptestConfig {
    let settings = crate::unit::settings();
    ProptestConfig {
        cases: settings.cases.div_ceil(4),
        ..settings
    }
}

proptest! {
    #![proptest_config(settings_of_networks())]

    #[test]
    fn no_network_computes_anything_else(seed in any::<u64>()) {
        left(&network(seed));
    }
}

/// The networks of that property are such as the pass acts on.
#[test]
fn networks_are_narrowed() {
    let narrowed = (0..24)
        .filter(|seed| !left(&network(seed * 7919)).is_empty())
        .count();
    assert!(narrowed > 8, "{narrowed} of 24");
}
