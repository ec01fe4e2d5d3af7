use castiron_codegen::Model;
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{
    Activation, Border, BuiltinOperator as Op, Conv2dOptions, DType, DepthwiseConv2dOptions, Graph,
    OpKind, Operator, Options, Padding, Pool2dOptions, Quantization, Tensor, TensorId,
};
use castiron_codegen::passes::{Pass, Passes};
use castiron_codegen::program::{Program, streams};
use castiron_codegen::target::{Isa, Optimize, Target};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }

    /// From 1 to `n`.
    fn to(&mut self, n: usize) -> usize {
        1 + self.below(n)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

fn quantized(scale: f32, zero_point: i32) -> Option<Quantization> {
    Some(Quantization {
        scale: vec![scale],
        zero_point: vec![zero_point],
        dimension: 0,
    })
}

/// A chain in the making.
struct Chain {
    random: Random,
    /// Whether what lies between its ends is larger than these, so that streams are long.
    wide: bool,
    graph: Graph,
}

/// How a window lies along the height and the width.
struct Window {
    filter: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
    border: Border,
    /// Sizes of the output.
    made: [usize; 2],
}

impl Chain {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed | 1),
            wide: false,
            graph: Graph {
                name: String::new(),
                tensors: Vec::new(),
                operators: Vec::new(),
                inputs: vec![TensorId(0)],
                outputs: Vec::new(),
            },
        }
    }

    fn done(mut self) -> Model {
        let last = self.last();
        self.graph.outputs.push(last);
        Model {
            file: "chain.tflite".to_owned(),
            file_bytes: 0,
            description: String::new(),
            op_codes: Vec::new(),
            graphs: vec![self.graph],
            signatures: Vec::new(),
            metadata: Vec::new(),
            outside: Vec::new(),
            sparse: Vec::new(),
        }
    }

    fn add(&mut self, tensor: Tensor) -> TensorId {
        self.graph.tensors.push(tensor);
        TensorId(self.graph.tensors.len() as u32 - 1)
    }

    fn image(&mut self, shape: &[usize]) -> TensorId {
        let zero_point = [-128, -3, 0, 17, 127][self.random.below(5)];
        self.image_like(shape, quantized(0.25, zero_point))
    }

    fn image_like(&mut self, shape: &[usize], quantization: Option<Quantization>) -> TensorId {
        self.add(Tensor {
            quantization,
            ..crate::unit::tensor(DType::Int8, shape)
        })
    }

    fn last(&self) -> TensorId {
        let last = self.graph.operators.last();
        last.map_or(TensorId(0), |operator| operator.outputs[0])
    }

    fn op(&mut self, op: Op, inputs: &[TensorId], output: TensorId, options: Options) {
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
    fn window(&mut self, shape: &[usize]) -> Option<Window> {
        let random = &mut self.random;
        let filter = [random.to(5), random.to(3)];
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

    fn weights(&mut self, shape: &[usize], channels: usize, dimension: usize) -> [TensorId; 2] {
        let data = self.random.bytes(shape.iter().product());
        let weights = Tensor {
            data: Some(data.into()),
            quantization: Some(Quantization {
                scale: (0..channels).map(|c| 0.004 + c as f32 / 2048.0).collect(),
                zero_point: vec![0; channels],
                dimension,
            }),
            ..crate::unit::tensor(DType::Int8, shape)
        };
        let bias =
            (0..channels).flat_map(|_| (self.random.below(4096) as i32 - 2048).to_le_bytes());
        let bias: Vec<u8> = bias.collect();
        let bias = Tensor {
            data: Some(bias.into()),
            ..crate::unit::tensor(DType::Int32, &[channels])
        };
        [self.add(weights), self.add(bias)]
    }

    fn layer(&mut self) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let kind = self.random.below(5);
        if kind == 0 {
            let quantization = self.graph.tensor(x).quantization.clone();
            let y = self.image_like(&shape, quantization);
            return self.op(Op::Relu, &[x], y, Options::None);
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

    /// A convolution of single pixels.
    fn pointwise(&mut self, channels: usize) {
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

    fn average(&mut self) {
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
fn chain(seed: u64) -> Model {
    let mut chain = Chain::new(seed);
    // Higher than wide: a stream saves the more the more rows there are, and windows meet both ends all the same.
    let height = match chain.random.below(4) {
        0 => chain.random.to(8),
        _ => 12 + chain.random.to(16),
    };
    chain.wide = chain.random.below(2) == 0;
    let channels = match chain.wide {
        true => 1,
        false => chain.random.to(6),
    };
    let shape = [1, height, chain.random.to(5), channels];
    chain.image(&shape);
    if chain.wide {
        chain.pointwise(8);
    }
    for _ in 0..2 + chain.random.below(6) {
        chain.layer();
    }
    if chain.random.below(3) == 0 || chain.graph.operators.is_empty() {
        chain.average();
    } else if chain.wide {
        chain.pointwise(1);
    }
    chain.done()
}

fn compiled(model: &Model, isa: Isa, without: Passes) -> Program {
    let options = CompileOptions::for_target(Target::new(isa, Optimize::Size)).without(without);
    compile::compile(model, &options).expect("it compiles")
}

/// All passes but the one that is looked at: others would make other chains.
fn others() -> Passes {
    let others = Pass::ALL.iter().filter(|pass| **pass != Pass::StreamRows);
    others.map(|pass| Passes::from(*pass)).collect()
}

fn outputs(program: &Program, seed: u64, found: u8) -> Vec<Vec<u8>> {
    let mut random = Random(seed | 1);
    let entry = &program.entries[0];
    let mut machine = Machine::new(program, entry);
    let run = |_| {
        machine.fill_arena(found);
        let input = random.bytes(entry.inputs[0].operand.len);
        machine.set_input(0, &input).expect("it fits");
        machine.run().expect("it runs");
        machine.output(0).expect("there is one").to_vec()
    };
    (0..2).map(run).collect()
}

/// How many operators of a chain run row by row, where that changes nothing.
fn streamed(seed: u64) -> usize {
    let model = chain(seed);
    let mut most = 0;
    for isa in [Isa::Portable, Isa::Dsp] {
        let whole = compiled(&model, isa, Passes::ALL);
        let rows = compiled(&model, isa, others());
        let expected = outputs(&whole, seed, 0);
        assert_eq!(outputs(&rows, seed, 0xff), expected, "{isa:?} {rows}");
        assert_eq!(outputs(&rows, seed, 0x5a), expected, "{isa:?} {rows}");
        assert!(rows.arena_bytes <= whole.arena_bytes);
        assert_eq!(rows.entries[0].macs, whole.entries[0].macs);
        let stages = streams(&rows.entries[0].steps).into_iter();
        most = most.max(stages.map(|stream| stream.stages.len()).sum());
    }
    most
}

proptest! {
    // Each compiles four programs and runs them.
    #![proptest_config(Config { cases: 64, ..crate::unit::settings() })]

    #[test]
    fn rows_change_nothing(seed in any::<u64>()) {
        streamed(seed);
    }
}

/// The chains of that property are such as streams are made of.
#[test]
fn chains_are_streamed() {
    let stages: Vec<usize> = (1..40).map(|seed| streamed(seed * 7919)).collect();
    let streamed = stages.iter().filter(|stages| **stages > 0).count();
    let long = stages.iter().filter(|stages| **stages > 2).count();
    assert!(streamed > 8 && long > 2, "{stages:?}");
}

/// The search takes as long as there are rows: a file of many operators and hardly any bytes could have any number.
#[test]
fn chains_of_too_many_rows_stay_whole() {
    let streams_of = |operators: usize| {
        let mut chain = Chain::new(1);
        chain.image(&[1, 2048, 1, 1]);
        for _ in 0..operators {
            chain.pointwise(16);
        }
        chain.pointwise(1);
        let program = compiled(&chain.done(), Isa::Portable, others());
        streams(&program.entries[0].steps).len()
    };
    assert!(streams_of(2) > 0);
    assert_eq!(streams_of(20), 0);
}
