//! Models of one operator or two, of which random ones showed that something was wrong with them.

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::BuiltinOperator as Op;
use castiron_codegen::passes::{Pass, Passes};
use castiron_codegen::program::Program;
use castiron_codegen::target::Optimize;
use castiron_codegen::tflm::{self, arena::Kernels};
use castiron_codegen::{InputShape, Model, resize, tflite};
use castiron_test_tools::file::{self, Number, Operator, Options, Quantization, Tensor};

pub(crate) const FLOAT32: i8 = 0;
const FLOAT16: i8 = 1;
pub(crate) const INT32: i8 = 2;
pub(crate) const INT64: i8 = 4;
const BOOL: i8 = 6;
pub(crate) const INT16: i8 = 7;
pub(crate) const INT8: i8 = 9;

/// A model of one subgraph.
#[derive(Default)]
pub(crate) struct Small {
    model: file::Model,
    pub(crate) graph: file::Graph,
}

impl Small {
    fn add(&mut self, tensor: Tensor) -> i32 {
        let name = format!("t{}", self.graph.tensors.len());
        self.graph.tensors.push(Tensor { name, ..tensor });
        self.graph.tensors.len() as i32 - 1
    }

    pub(crate) fn tensor(&mut self, dtype: i8, shape: &[i32]) -> i32 {
        self.add(Tensor {
            shape: shape.to_vec(),
            dtype,
            quantization: matches!(dtype, INT8 | INT16).then(|| scale(0.0625)),
            ..Tensor::default()
        })
    }

    pub(crate) fn input(&mut self, dtype: i8, shape: &[i32]) -> i32 {
        let id = self.tensor(dtype, shape);
        self.graph.inputs.push(id);
        id
    }

    pub(crate) fn constant(&mut self, dtype: i8, shape: &[i32], bytes: Vec<u8>) -> i32 {
        let id = self.tensor(dtype, shape);
        self.model.buffers.push(bytes);
        self.graph.tensors[id as usize].buffer = self.model.buffers.len() as u32;
        id
    }

    pub(crate) fn builtin(&mut self, op: Op, inputs: &[i32], output: i32, options: Options) -> i32 {
        self.operator(op.code(), "", inputs, output, options)
    }

    fn operator(
        &mut self,
        code: i32,
        custom: &'static str,
        inputs: &[i32],
        output: i32,
        options: Options,
    ) -> i32 {
        self.graph.operators.push(Operator {
            code,
            custom,
            inputs: inputs.to_vec(),
            outputs: vec![output],
            options,
            ..Operator::default()
        });
        output
    }

    pub(crate) fn read(mut self, outputs: &[i32]) -> Model {
        self.graph.outputs = outputs.to_vec();
        self.model.graphs.push(self.graph);
        tflite::read("small.tflite", &self.model.file()).expect("it is sound")
    }
}

pub(crate) fn scale(scale: f32) -> Quantization {
    Quantization {
        scales: vec![scale],
        zero_points: vec![0],
        ..Quantization::default()
    }
}

pub(crate) fn compiled(model: &Model, without: Passes, optimize: Optimize) -> Program {
    let mut options = CompileOptions::optimized(optimize);
    options.without = without;
    compile::compile(model, &options).expect("it compiles")
}

/// The first output of runs with these bytes as each input.
fn outputs(program: &Program, runs: &[u8]) -> Vec<Vec<u8>> {
    let mut machine = Machine::new(program, &program.entries[0]);
    let runs = runs.iter().map(|byte| {
        for (i, input) in program.entries[0].inputs.iter().enumerate() {
            let operand = &input.operand;
            let bytes = vec![*byte; operand.len * operand.element.bytes()];
            machine.set_input(i, &bytes).expect("an input");
        }
        machine.run().expect("it runs");
        machine.output(0).expect("an output").to_vec()
    });
    runs.collect()
}

/// The constant of the first operator has more dimensions than the input, all of one element.
#[test]
fn functions_of_bytes_join_where_one_adds_dimensions() {
    let mut small = Small::default();
    let x = small.input(INT8, &[1, 1]);
    let factor = small.constant(INT8, &[1, 1, 1], vec![20]);
    let [product, y] = [0; 2].map(|_| small.tensor(INT8, &[1, 1, 1]));
    small.builtin(
        Op::Mul,
        &[x, factor],
        product,
        Options::Numbers(21, vec![0]),
    );
    small.builtin(Op::Elu, &[product], y, Options::None);
    let model = small.read(&[y]);
    let run = |without| {
        let program = compiled(&model, without, Optimize::Balanced);
        outputs(&program, &[0, 7, 128, 255])
    };
    assert_eq!(run(Passes::NONE), run(Passes::ALL));
}

/// Behind three bytes of state nothing else is aligned, and what has no elements needs no place.
#[test]
fn an_operator_may_keep_nothing_beside_others_that_do() {
    let mut small = Small::default();
    let x = small.input(INT8, &[1, 1, 1, 1]);
    let kept = small.tensor(INT8, &[1, 3, 1, 1]);
    small.graph.tensors[kept as usize].is_variable = true;
    let cycles = Options::Map(vec![("cycles_max", Number::Integer(1))]);
    small.operator(32, "CIRCULAR_BUFFER", &[x], kept, cycles);
    let frames = small.input(FLOAT32, &[2, 3]);
    let y = small.tensor(FLOAT32, &[6]);
    let options = vec![
        ("T", Number::Integer(0)),
        ("frame_step", Number::Integer(3)),
    ];
    small.operator(32, "SignalOverlapAdd", &[frames], y, Options::Map(options));
    let program = compiled(&small.read(&[kept, y]), Passes::NONE, Optimize::Balanced);
    assert_eq!(outputs(&program, &[1, 2]), [[0, 0, 1], [0, 1, 2]]);
}

/// TensorFlow Lite Micro's second buffer goes on in every third of the runs that the first lets through, each second one.
#[test]
fn buffers_that_wait_end_runs() {
    let mut small = Small::default();
    let mut value = small.input(INT8, &[1, 1, 1, 1]);
    for (slots, cycles) in [(2, 2), (3, 3)] {
        let kept = small.tensor(INT8, &[1, slots, 1, 1]);
        small.graph.tensors[kept as usize].is_variable = true;
        let options = Options::Map(vec![("cycles_max", Number::Integer(cycles))]);
        small.operator(32, "CIRCULAR_BUFFER", &[value], kept, options);
        let sum = small.tensor(INT8, &[1, 1, 1, 1]);
        let axes = small.constant(INT32, &[1], 1i32.to_le_bytes().to_vec());
        let keep_dims = Options::Numbers(27, vec![1]);
        small.builtin(Op::ReduceMax, &[kept, axes], sum, keep_dims);
        value = sum;
    }
    let model = small.read(&[value]);
    let program = compiled(&model, Passes::NONE, Optimize::Balanced);
    let mut machine = Machine::new(&program, &program.entries[0]);
    for _ in 0..2 {
        for input in 1..=14u8 {
            machine.set_input(0, &[input]).expect("an input");
            machine.run().expect("it runs");
            let waits = input % 6 != 0;
            assert_eq!(machine.ended_early(), waits);
            // The greatest of the second buffer is the last that came.
            let last = [input];
            let expected = (!waits).then_some(&last[..]);
            assert_eq!(machine.output(0), expected, "run {input}");
        }
        // Two inputs wait: a reset forgets them.
        machine.reset();
    }
}

/// The writer did not know the sizes, and guessed ones.
#[test]
fn given_sizes_go_through_select_and_reverse_sequence() {
    let mut small = Small::default();
    let shape = [1, 1];
    let condition = small.input(BOOL, &shape);
    let [a, b] = [0; 2].map(|_| small.input(INT32, &shape));
    let lengths = small.constant(INT32, &[2], [3i32, 2].map(i32::to_le_bytes).concat());
    let [chosen, y] = [0; 2].map(|_| small.tensor(INT32, &shape));
    for tensor in &mut small.graph.tensors {
        if tensor.buffer == 0 {
            tensor.signature = vec![-1, -1];
        }
    }
    small.builtin(Op::Select, &[condition, a, b], chosen, Options::None);
    let axes = Options::Numbers(87, vec![1, 0]);
    small.builtin(Op::ReverseSequence, &[chosen, lengths], y, axes);
    let shapes = ["t0", "t1", "t2"].map(|name| InputShape::new(name, [2, 3]));
    let model = resize(small.read(&[y]), &shapes).expect("sizes are open");
    let program = compiled(&model, Passes::NONE, Optimize::Balanced);
    let mut machine = Machine::new(&program, &program.entries[0]);
    let words = |values: [i32; 6]| values.map(i32::to_le_bytes).concat();
    let inputs = [vec![1; 6], words([1, 2, 3, 4, 5, 6]), words([0; 6])];
    for (i, bytes) in inputs.iter().enumerate() {
        machine.set_input(i, bytes).expect("an input");
    }
    machine.run().expect("it runs");
    assert_eq!(machine.output(0), Some(&words([3, 2, 1, 5, 4, 6])[..]));
}

/// TensorFlow Lite Micro sorts one detection of the classes before with four of the second, where there is room for four.
#[test]
fn tflm_sorts_more_detections_than_it_has_room_for() {
    let said = |most: i32, classes: i32, of_a_class: i32| {
        let mut small = Small::default();
        let boxes = small.input(FLOAT32, &[1, 4, 4]);
        let scores = small.input(FLOAT32, &[1, 4, classes]);
        let anchors = small.constant(FLOAT32, &[4, 4], 1f32.to_le_bytes().repeat(16));
        let shapes = [&[1, most, 4][..], &[1, most], &[1, most], &[1]];
        let outputs = shapes.map(|shape| small.tensor(FLOAT32, shape));
        let mut options: Vec<(&'static str, Number)> = [
            ("max_detections", most),
            ("max_classes_per_detection", 1),
            ("detections_per_class", of_a_class),
            ("use_regular_nms", 1),
            ("num_classes", classes),
        ]
        .map(|(name, value)| (name, Number::Integer(value)))
        .into();
        options.push(("nms_score_threshold", Number::Real(0.0)));
        options.push(("nms_iou_threshold", Number::Real(0.5)));
        for name in ["y_scale", "x_scale", "h_scale", "w_scale"] {
            options.push((name, Number::Real(5.0)));
        }
        let options = Options::Map(options);
        let inputs = [boxes, scores, anchors];
        small.operator(
            32,
            "TFLite_Detection_PostProcess",
            &inputs,
            outputs[0],
            options,
        );
        small.graph.operators[0].outputs = outputs.to_vec();
        let verdict = tflm::verdict(&small.read(&outputs), Kernels::Reference);
        assert!(verdict.refused.is_empty(), "{:?}", verdict.refused);
        verdict
            .differs
            .first()
            .map(|differs| differs.message.clone())
    };
    let message = "TFLM computes something else: TFLite_Detection_PostProcess writes behind its working memory";
    assert_eq!(said(1, 2, 5).as_deref(), Some(message));
    assert_eq!(said(1, 1, 5), None);
    assert_eq!(said(1, 2, 3), None);
    assert_eq!(said(2, 2, 5), None);
}

#[test]
fn tflm_knows_no_scales_of_blocks() {
    let mut small = Small::default();
    let x = small.input(INT32, &[2]);
    let one = 0x3c00u16.to_le_bytes();
    let scales = small.constant(FLOAT16, &[3, 2], one.repeat(6));
    let table = small.constant(INT8, &[3, 4], vec![1; 12]);
    small.graph.tensors[table as usize].quantization = Some(Quantization {
        blocks: Some((scales, 2)),
        ..Quantization::default()
    });
    let y = small.tensor(FLOAT32, &[2, 4]);
    small.builtin(Op::EmbeddingLookup, &[x, table], y, Options::None);
    let verdict = tflm::verdict(&small.read(&[y]), Kernels::Reference);
    let said: Vec<String> = verdict.differs.iter().map(ToString::to_string).collect();
    assert!(
        verdict.refused.is_empty()
            && said.len() == 1
            && said[0].contains("one for each 2 elements"),
        "{said:?}"
    );
}

/// Scales of channels would make floats of them.
#[test]
fn weights_in_integers_stay_integers_before_a_mul() {
    let mut small = Small::default();
    let x = small.input(FLOAT32, &[1, 16]);
    let stored = small.constant(INT8, &[8, 16], vec![3; 128]);
    let weights = small.tensor(FLOAT32, &[8, 16]);
    small.builtin(Op::Dequantize, &[stored], weights, Options::None);
    let [dense, y] = [0; 2].map(|_| small.tensor(FLOAT32, &[1, 8]));
    small.builtin(
        Op::FullyConnected,
        &[x, weights],
        dense,
        Options::Numbers(8, vec![0]),
    );
    let factors = small.constant(FLOAT32, &[8], 0.5f32.to_le_bytes().repeat(8));
    small.builtin(Op::Mul, &[dense, factors], y, Options::Numbers(21, vec![0]));
    let model = small.read(&[y]);
    for optimize in [Optimize::Size, Optimize::Balanced] {
        let bytes = |without: Passes| {
            let program = compiled(&model, without, optimize);
            program.constants.bytes().len()
        };
        assert!(bytes(Passes::NONE) < 4 * 128, "{optimize:?}");
        assert_eq!(bytes(Passes::NONE), bytes(Pass::FoldScales.into()));
    }
}

/// The right side's scales run along what is added up: no sum has a scale.
#[test]
fn scales_within_a_sum_are_those_of_weights() {
    let mut small = Small::default();
    let x = small.input(FLOAT32, &[1, 2]);
    let stored = small.constant(INT8, &[2, 3], vec![1, 2, 3, 4, 5, 6]);
    small.graph.tensors[stored as usize].quantization = Some(Quantization {
        scales: vec![0.5, 0.25],
        zero_points: vec![0; 2],
        ..Quantization::default()
    });
    let right = small.tensor(FLOAT32, &[2, 3]);
    small.builtin(Op::Dequantize, &[stored], right, Options::None);
    let y = small.tensor(FLOAT32, &[1, 3]);
    small.builtin(
        Op::BatchMatmul,
        &[x, right],
        y,
        Options::Numbers(101, vec![0, 0]),
    );
    let model = small.read(&[y]);
    for optimize in [Optimize::Size, Optimize::Balanced, Optimize::Speed] {
        let program = compiled(&model, Passes::NONE, optimize);
        let mut machine = Machine::new(&program, &program.entries[0]);
        let floats =
            |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
        machine
            .set_input(0, &floats(&[2.0, 4.0]))
            .expect("an input");
        machine.run().expect("it runs");
        let expected = floats(&[5.0, 7.0, 9.0]);
        assert_eq!(machine.output(0), Some(&expected[..]), "{optimize:?}");
    }
}

/// What the variance takes in is never in memory, and floats are the same to the bit; of more rows, and of other axes than the last, it is.
#[test]
fn squares_of_a_variance_need_no_memory() {
    for (dtype, axis, joins) in [(FLOAT32, 2, true), (INT8, 2, true), (FLOAT32, 1, false)] {
        let mut small = Small::default();
        let shape = [1, 6, 20];
        let x = small.input(dtype, &shape);
        let axes = small.constant(INT32, &[1], i32::to_le_bytes(axis).to_vec());
        let mut row = shape;
        row[axis as usize] = 1;
        let [mean, variance] = [0; 2].map(|_| small.tensor(dtype, &row));
        let [squares, y] = [0; 2].map(|_| small.tensor(dtype, &shape));
        let keeps = || Options::Numbers(27, vec![1]);
        small.builtin(Op::Mean, &[x, axes], mean, keeps());
        small.builtin(Op::SquaredDifference, &[x, mean], squares, Options::None);
        small.builtin(Op::Mean, &[squares, axes], variance, keeps());
        let add = Options::Numbers(11, vec![0, 0]);
        small.builtin(Op::Add, &[x, variance], y, add);
        let model = small.read(&[y]);
        let run = |without| {
            let program = compiled(&model, without, Optimize::Balanced);
            let mut machine = Machine::new(&program, &program.entries[0]);
            let bytes: Vec<u8> = match dtype {
                INT8 => (0..120u8).map(|i| i.wrapping_mul(37)).collect(),
                _ => (0..120)
                    .flat_map(|i| ((i * 37 % 101) as f32 / 7.0).to_le_bytes())
                    .collect(),
            };
            machine.set_input(0, &bytes).expect("an input");
            machine.run().expect("it runs");
            let output = machine.output(0).expect("an output").to_vec();
            (output, program.calls().count(), program.arena_bytes)
        };
        let (found, calls, arena) = run(Passes::NONE);
        let (expected, apart, larger) = run(Pass::JoinReductions.into());
        assert_eq!(found, expected);
        assert_eq!((calls < apart, arena <= larger), (joins, true));
    }
}
