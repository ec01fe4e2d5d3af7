use castiron_codegen::Model;
use castiron_codegen::compile::{self, Bytes, CompileOptions, Input};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{
    Activation, BinaryOptions, Border, BuiltinOperator as Op, Conv2dOptions, DType,
    DepthwiseConv2dOptions, Graph, OpKind, Operator, Options, Padding, Pool2dOptions, Quantization,
    Tensor, TensorId,
};
use castiron_codegen::passes::{Pass, Passes};
use castiron_codegen::program::{ElementType, Program, streams};
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

    /// Numbers of float32 around 0.
    fn floats(&mut self, count: usize) -> Vec<u8> {
        let floats = (0..count).flat_map(|_| (self.below(2001) as f32 / 999.0 - 1.0).to_le_bytes());
        floats.collect()
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
    /// The type of images.
    dtype: DType,
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
        let quantization = match self.dtype {
            DType::Int8 => quantized(0.25, zero_point),
            DType::Int16 => quantized(0.001, 0),
            _ => None,
        };
        self.image_like(shape, quantization)
    }

    fn image_like(&mut self, shape: &[usize], quantization: Option<Quantization>) -> TensorId {
        self.add(Tensor {
            quantization,
            ..crate::unit::tensor(self.dtype, shape)
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

    fn layer(&mut self) {
        let x = self.last();
        let shape = self.graph.tensor(x).shape.clone();
        let kind = self.random.below(8);
        match kind {
            5 | 6 => return self.residual(),
            7 => return self.pool(),
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

    fn relu(&mut self) {
        let x = self.last();
        let tensor = self.graph.tensor(x);
        let (shape, quantization) = (tensor.shape.clone(), tensor.quantization.clone());
        let y = self.image_like(&shape, quantization);
        self.op(Op::Relu, &[x], y, Options::None);
    }

    /// A depthwise convolution of any window that fits.
    fn depthwise(&mut self) {
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
    fn residual(&mut self) {
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
    fn same(
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
    fn pool(&mut self) {
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
    chain.dtype = match chain.random.below(4) {
        0 => DType::Float32,
        1 => DType::Int16,
        _ => DType::Int8,
    };
    let channels = match chain.wide {
        true => 1,
        false => chain.random.to(6),
    };
    let shape = [1, height, chain.random.to(5), channels];
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
    if chain.random.below(3) == 0 || chain.graph.operators.is_empty() {
        chain.average();
    } else if chain.wide {
        chain.pointwise(1);
    }
    chain.done()
}

/// A chain of blocks that widen an image for a window and make it narrow again, as MobileNets have them.
fn blocks(seed: u64) -> Model {
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

/// The program of the least arena without work that is done twice.
fn compiled(model: &Model, isa: Isa, without: Passes) -> Program {
    compiled_for(model, Target::new(isa, Optimize::default()), without)
}

fn compiled_for(model: &Model, target: Target, without: Passes) -> Program {
    let mut options = CompileOptions::for_target(target).without(without);
    options.max_arena = Some(0);
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
        let input = &entry.inputs[0].operand;
        let input = match input.element {
            ElementType::F32 => random.floats(input.len),
            element => random.bytes(input.len * element.bytes()),
        };
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
    // Kernels for size and for speed in turn.
    let optimize = Optimize::ALL[(seed % 2) as usize];
    for isa in [Isa::Portable, Isa::DspFp] {
        let target = Target::new(isa, optimize);
        let whole = compiled_for(&model, target, Passes::ALL);
        let rows = compiled_for(&model, target, others());
        let expected = outputs(&whole, seed, 0);
        assert_eq!(outputs(&rows, seed, 0xff), expected, "{target} {rows}");
        assert_eq!(outputs(&rows, seed, 0x5a), expected, "{target} {rows}");
        assert!(rows.arena_bytes <= whole.arena_bytes);
        assert_eq!(rows.entries[0].macs, whole.entries[0].macs);
        let stages = streams(&rows.entries[0].steps).into_iter();
        most = most.max(stages.map(|stream| stream.stages.len()).sum());
    }
    most
}

proptest! {
    // Each compiles four programs and runs them.
    #![proptest_config(Config { cases: 48, ..crate::unit::settings() })]

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

fn by_rows(model: &Model) -> castiron_codegen::error::Result<Program> {
    let mut options = CompileOptions::default().without(others());
    options.input = Input::Rows;
    compile::compile(model, &options)
}

/// Chains whose input comes row by row compute the same.
#[test]
fn an_input_may_come_by_rows() {
    let mut taken = 0;
    for seed in (1..60).map(|seed| seed * 7919) {
        let model = chain(seed);
        let Ok(rows) = by_rows(&model) else {
            continue;
        };
        let expected = outputs(&compiled(&model, Isa::Portable, Passes::ALL), seed, 0);
        assert_eq!(outputs(&rows, seed, 0xff), expected, "{rows}");
        assert_eq!(outputs(&rows, seed, 0x5a), expected, "{rows}");
        taken += 1;
    }
    assert!(taken > 20, "{taken}");
}

/// A RESHAPE of the input leaves; one with another scale or zero point would change what is computed.
#[test]
fn rows_are_of_the_inputs_own_numbers() {
    let model = |zero_point: i32| {
        let mut chain = Chain::new(3);
        let flat = chain.image_like(&[1, 96], quantized(0.25, 17));
        let image = chain.image_like(&[1, 8, 4, 3], quantized(0.25, zero_point));
        chain.op(Op::Reshape, &[flat], image, Options::None);
        chain.pointwise(3);
        chain.done()
    };
    let rows = by_rows(&model(17)).expect("a RESHAPE is a view");
    let whole = compiled(&model(17), Isa::Portable, Passes::ALL);
    assert_eq!(outputs(&rows, 5, 0x5a), outputs(&whole, 5, 0));
    let error = by_rows(&model(16)).expect_err("the zero points differ");
    assert!(error.to_string().contains("row by row"), "{error}");
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

/// Whether a program computes rows patch by patch.
fn has_patches(program: &Program) -> bool {
    let streams = streams(&program.entries[0].steps);
    let mut stages = streams.iter().flat_map(|stream| &stream.stages);
    stages.any(|stage| stage.strips.is_some())
}

/// The least arena that an error speaks of.
fn least(refused: &castiron_codegen::error::Error) -> usize {
    let found = refused.diagnostics()[0].found.clone().expect("a figure");
    let bytes = found.split(' ').next().and_then(|n| n.parse().ok());
    bytes.expect("a number of bytes")
}

/// A bound is kept with as few rows as it takes, and with patches where rows are not enough. It changes nothing, and is an error where it cannot
/// be kept.
#[test]
fn an_arena_has_a_bound() {
    let (mut tried, mut patched, mut by_rows) = (0, 0, 0);
    for seed in 1..34 {
        let (model, isa) = match seed % 3 {
            0 => (chain(seed * 7919), Isa::Portable),
            1 => (blocks(seed * 7919), Isa::Portable),
            _ => (blocks(seed * 7919), Isa::DspFp),
        };
        let arena = |max_arena: Option<usize>, input: Input| {
            let target = Target::new(isa, Optimize::Balanced);
            let mut options = CompileOptions::for_target(target).without(others());
            options.max_arena = max_arena;
            options.input = input;
            compile::compile(&model, &options)
        };
        let whole = arena(None, Input::Whole).expect("it compiles");
        let expected = outputs(&whole, seed, 0);
        let refused = arena(Some(1), Input::Whole).expect_err("no model takes no memory");
        let least_whole = least(&refused);
        assert!(least_whole <= whole.arena_bytes, "{refused}");
        assert!(arena(Some(least_whole - 1), Input::Whole).is_err());
        let zero = arena(Some(0), Input::Whole).expect("it asks for the least");
        assert!(zero.arena_bytes >= least_whole && !has_patches(&zero));
        let middle = (least_whole + whole.arena_bytes) / 2;
        for bound in [least_whole, middle, whole.arena_bytes] {
            let bounded = arena(Some(bound), Input::Whole).expect("it is no less than the least");
            assert!(bounded.arena_bytes <= bound, "{bounded}");
            assert_eq!(outputs(&bounded, seed, 0x5a), expected, "{bounded}");
            let same = bounded.entries[0].macs == whole.entries[0].macs;
            assert!(same || has_patches(&bounded), "{bounded}");
            patched += usize::from(has_patches(&bounded));
        }
        tried += usize::from(least_whole < whole.arena_bytes);
        let fits = arena(Some(whole.arena_bytes), Input::Whole).expect("it fits");
        assert_eq!(streams(&fits.entries[0].steps).len(), 0);
        if arena(None, Input::Rows).is_ok() {
            let refused = arena(Some(1), Input::Rows).expect_err("no model takes no memory");
            let rows = arena(Some(least(&refused)), Input::Rows).expect("it is the least");
            assert_eq!(outputs(&rows, seed, 0x5a), expected, "{rows}");
            by_rows += usize::from(has_patches(&rows));
        }
    }
    assert!(
        tried > 8 && patched > 8 && by_rows > 4,
        "{tried} {patched} {by_rows}"
    );
}

/// The less memory, the more is computed again, with the same results; a point's size as a bound gives its plan.
#[test]
fn less_memory_is_more_work() {
    let mut patched = 0;
    for seed in 1..5 {
        let model = blocks(seed * 7919);
        let mut options = CompileOptions::default().without(others());
        let whole = compile::compile(&model, &options).expect("it compiles");
        let expected = outputs(&whole, seed, 0);
        let frontier = compile::frontier(&model, 0, &options).expect("it has plans");
        assert_eq!(frontier.macs, whole.entries[0].macs);
        for point in &frontier.points {
            options.max_arena = Some(point.arena_bytes);
            let program = compile::compile(&model, &options).expect("there is such a plan");
            assert_eq!(program.arena_bytes, point.arena_bytes);
            assert_eq!(program.state_bytes, point.state_bytes);
            assert_eq!(program.entries[0].macs, point.macs);
            assert_eq!(outputs(&program, seed, 0x5a), expected, "{program}");
            assert!(has_patches(&program) || point.extra_macs == 0);
            patched += usize::from(has_patches(&program));
        }
        let points = &frontier.points;
        assert!(points.is_sorted_by_key(|point| point.extra_macs));
        assert!(points.is_sorted_by(|a, b| a.arena_bytes > b.arena_bytes));
    }
    assert!(patched > 2, "{patched}");
}

#[test]
fn a_number_of_bytes_may_have_a_unit() {
    let parsed = |text: &str| text.parse::<Bytes>().ok().map(|Bytes(bytes)| bytes);
    assert_eq!(parsed("8192"), Some(8192));
    assert_eq!(parsed("8k"), Some(8192));
    assert_eq!(parsed("2M"), Some(2 << 20));
    for wrong in [
        "",
        "k",
        "-1",
        "+1",
        "1.5k",
        "8 k",
        "99999999999999999999",
        "99999999999999999M",
    ] {
        assert_eq!(parsed(wrong), None, "{wrong}");
    }
}
