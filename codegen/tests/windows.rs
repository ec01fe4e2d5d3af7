//! One-operator models built by hand: what no converter writes, and what is refused.

use castiron_codegen::compile;
use castiron_codegen::error::Error;
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{
    Activation, Border, BuiltinOperator as Op, ConcatenationOptions, Conv2dOptions, DType, Graph,
    Model, OpKind, Operator, Options, Padding, Pool2dOptions, Quantization, ReducerOptions,
    SoftmaxOptions, Tensor, TensorId,
};
use castiron_codegen::tflm;

fn int8(shape: &[usize], scale: f32, zero_point: i32) -> Tensor {
    Tensor {
        quantization: Some(Quantization {
            scale: vec![scale],
            zero_point: vec![zero_point],
            dimension: 0,
        }),
        ..plain(DType::Int8, shape)
    }
}

fn plain(dtype: DType, shape: &[usize]) -> Tensor {
    Tensor {
        name: "t".to_owned(),
        shape: shape.to_vec(),
        shape_signature: None,
        dtype,
        quantization: None,
        data: None,
        is_variable: false,
        stored: None,
        blocks: None,
    }
}

fn integers(shape: &[usize], values: &[i32]) -> Tensor {
    Tensor {
        data: Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        ..plain(DType::Int32, shape)
    }
}

/// A model of one operator that takes all tensors but the last and gives that; those without
/// data are the model's inputs.
fn model(op: Op, options: Options, tensors: Vec<Tensor>) -> Model {
    let ids: Vec<TensorId> = (0..tensors.len() as u32).map(TensorId).collect();
    let (output, inputs) = ids.split_last().expect("an output");
    let graph = Graph {
        name: String::new(),
        operators: vec![Operator {
            kind: OpKind::Builtin(op),
            version: 1,
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![*output],
            intermediates: Vec::new(),
            options,
            origin: Vec::new(),
        }],
        inputs: inputs
            .iter()
            .copied()
            .filter(|id| tensors[id.index()].data.is_none())
            .collect(),
        outputs: vec![*output],
        tensors,
    };
    Model {
        file: "m.tflite".to_owned(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        graphs: vec![graph],
        signatures: Vec::new(),
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    }
}

fn run(model: &Model, inputs: &[&[u8]]) -> Vec<u8> {
    let program = compile::compile(model, &compile::CompileOptions::default()).expect("compiles");
    let mut machine = Machine::new(&program, &program.entries[0]);
    for (i, input) in inputs.iter().enumerate() {
        machine.set_input(i, input).expect("an input");
    }
    machine.run().expect("runs");
    machine.output(0).expect("an output").to_vec()
}

fn refused(model: &Model) -> Error {
    compile::compile(model, &compile::CompileOptions::default()).expect_err("must not compile")
}

fn message(error: &Error) -> &str {
    &error.diagnostics()[0].message
}

fn join(axis: i32) -> Options {
    Options::Concatenation(ConcatenationOptions {
        axis,
        activation: Activation::None,
    })
}

#[test]
fn constants_and_activations_are_joined_along_a_negative_axis() {
    let constant = Tensor {
        data: Some([10, 11, 12, 13].into()),
        ..int8(&[2, 2], 0.5, 3)
    };
    let tensors = vec![
        int8(&[2, 1], 0.5, 3),
        constant,
        int8(&[2, 3], 0.5, 3),
        int8(&[2, 6], 0.5, 3),
    ];
    let model = model(Op::Concatenation, join(-1), tensors);
    let found = run(&model, &[&[1, 2], &[20, 21, 22, 23, 24, 25]]);
    assert_eq!(found, [1, 10, 11, 20, 21, 22, 2, 12, 13, 23, 24, 25]);
}

#[test]
fn an_input_joined_with_itself_is_copied_twice() {
    let mut model = model(
        Op::Concatenation,
        join(0),
        vec![int8(&[3], 0.5, 0), int8(&[6], 0.5, 0)],
    );
    model.graphs[0].operators[0].inputs = vec![Some(TensorId(0)); 2];
    assert_eq!(run(&model, &[&[1, 2, 3]]), [1, 2, 3, 1, 2, 3]);
}

/// TensorFlow Lite's int8 kernel copies stored values, and refuses what it would have to rescale.
#[test]
fn joined_tensors_have_one_scale() {
    let tensors = vec![int8(&[2], 0.5, 0), int8(&[2], 0.25, 0), int8(&[4], 0.5, 0)];
    let error = refused(&model(Op::Concatenation, join(0), tensors));
    assert_eq!(
        message(&error),
        "the tensor's quantisation differs from the output's"
    );
}

#[test]
fn joined_lengths_add_up() {
    let tensors = vec![int8(&[2], 0.5, 0), int8(&[2], 0.5, 0), int8(&[5], 0.5, 0)];
    let error = refused(&model(Op::Concatenation, join(0), tensors));
    assert_eq!(
        message(&error),
        "the output's length is not the sum of the inputs' lengths"
    );
    let tensors = vec![int8(&[2], 0.5, 0), int8(&[2], 0.5, 0)];
    assert_eq!(
        message(&refused(&model(Op::Concatenation, join(1), tensors))),
        "the axis is out of range"
    );
}

#[test]
fn five_dimensions_are_padded_with_the_zero_point() {
    let paddings = integers(&[5, 2], &[1; 10]);
    let tensors = vec![int8(&[2; 5], 0.5, -7), paddings, int8(&[4; 5], 0.5, -7)];
    let x: Vec<u8> = (1..=32).collect();
    let y = run(&model(Op::Pad, Options::None, tensors), &[&x]);
    for (i, y) in y.iter().enumerate() {
        let digits: Vec<usize> = (0..5).rev().map(|d| i >> (2 * d) & 3).collect();
        let inside = digits.iter().all(|d| (1..3).contains(d));
        let from = digits
            .iter()
            .fold(0, |from, d| 2 * from + d.saturating_sub(1));
        assert_eq!(*y as i8, if inside { x[from] as i8 } else { -7 });
    }
}

#[test]
fn paddings_are_not_negative() {
    let paddings = integers(&[1, 2], &[-1, 0]);
    let tensors = vec![int8(&[4], 0.5, 0), paddings, int8(&[3], 0.5, 0)];
    let error = refused(&model(Op::Pad, Options::None, tensors));
    assert_eq!(message(&error), "paddings must not be negative");
}

fn mean(axes: &[i32], keep_dims: bool, x: &[usize], y: &[usize]) -> Model {
    let tensors = vec![
        plain(DType::Float32, x),
        integers(&[axes.len()], axes),
        plain(DType::Float32, y),
    ];
    model(
        Op::Mean,
        Options::Reducer(ReducerOptions { keep_dims }),
        tensors,
    )
}

#[test]
fn means_over_alternating_axes() {
    let model = mean(&[-2, 1, -2], false, &[2, 3, 2, 2, 2], &[2, 2, 2]);
    let x: Vec<f32> = (0..48u8).map(f32::from).collect();
    let bytes: Vec<u8> = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    let y = run(&model, &[&bytes]);
    for (i, y) in y.as_chunks::<4>().0.iter().enumerate() {
        let (a, c, e) = (i / 4, i / 2 % 2, i % 2);
        let sum: f32 = (0..6)
            .map(|j| x[24 * a + 8 * (j / 2) + 4 * c + 2 * (j % 2) + e])
            .sum();
        assert_eq!(f32::from_le_bytes(*y), sum / 6.0);
    }
}

#[test]
fn means_that_are_refused() {
    let error = refused(&mean(&[3], true, &[2, 2], &[2, 1]));
    assert_eq!(message(&error), "the axis is out of range");
    let error = refused(&mean(&[0, 2, 4, 6], true, &[2; 7], &[1, 2, 1, 2, 1, 2, 1]));
    assert_eq!(
        message(&error),
        "the reduced axes alternate with others too often"
    );
    let error = refused(&mean(&[1], true, &[2, 2], &[2]));
    assert_eq!(
        message(&error),
        "the shape does not follow from the operator's inputs"
    );
}

#[test]
fn pooling_does_not_rescale() {
    let options = Options::Pool2d(Pool2dOptions {
        padding: Padding::Valid,
        border: Border::default(),
        stride: (1, 1),
        filter: (2, 2),
        activation: Activation::None,
    });
    let tensors = vec![int8(&[1, 2, 2, 1], 0.5, 0), int8(&[1, 1, 1, 1], 0.5, 1)];
    let error = refused(&model(Op::MaxPool2d, options, tensors));
    assert_eq!(
        message(&error),
        "the tensor's quantisation differs from the output's"
    );
}

/// TFLM's kernels take such an activation, and leave it out: its engine is no way out.
#[test]
fn activations_that_do_not_clamp() {
    let options = Options::Pool2d(Pool2dOptions {
        padding: Padding::Valid,
        border: Border::default(),
        stride: (1, 1),
        filter: (2, 2),
        activation: Activation::Tanh,
    });
    let tensors = vec![int8(&[1, 2, 2, 1], 0.5, 0), int8(&[1, 1, 1, 1], 0.5, 0)];
    let model = model(Op::MaxPool2d, options, tensors);
    let error = refused(&model);
    assert_eq!(message(&error), "the fused activation is not supported");
    let help = error.diagnostics()[0].help.as_deref();
    assert_eq!(
        help,
        Some("export the activation as an operator of its own")
    );
    let verdict = tflm::verdict(&model, tflm::Kernels::Reference);
    assert!(verdict.refused.is_empty());
    assert_eq!(
        verdict.differs[0].message,
        "TFLM computes something else: the kernel leaves the fused activation out"
    );
}

/// There is no output to compare scales with: it is bool.
#[test]
fn comparisons_of_words_have_one_scale() {
    let words = |scale| Tensor {
        dtype: DType::Int16,
        ..int8(&[2], scale, 0)
    };
    let tensors = vec![words(0.1), words(0.2), plain(DType::Bool, &[2])];
    let error = refused(&model(Op::Less, Options::None, tensors));
    assert_eq!(
        message(&error),
        "the tensor's quantisation differs from that of another input"
    );
}

#[test]
fn softmax_has_one_output_quantisation() {
    let options = |beta| Options::Softmax(SoftmaxOptions { beta });
    let tensors = |scale| vec![int8(&[1, 4], 0.1, 0), int8(&[1, 4], scale, -128)];
    let error = refused(&model(Op::Softmax, options(1.0), tensors(0.01)));
    assert_eq!(
        message(&error),
        "the output's quantisation is not the operator's"
    );
    let error = refused(&model(Op::Softmax, options(0.0), tensors(1.0 / 256.0)));
    assert_eq!(
        message(&error),
        "beta is out of range for the input's scale"
    );
    let y = run(
        &model(Op::Softmax, options(1.0), tensors(1.0 / 256.0)),
        &[&[5, 5, 5, 5]],
    );
    assert_eq!(y, [-64i8 as u8; 4]);
}

fn floats(shape: &[usize]) -> Tensor {
    let elements: usize = shape.iter().product();
    Tensor {
        data: Some(vec![0; 4 * elements].into()),
        ..plain(DType::Float32, shape)
    }
}

fn convolution(dilation: usize, biases: usize) -> Model {
    let options = Options::Conv2d(Conv2dOptions {
        padding: Padding::Same,
        border: Border::default(),
        stride: (1, 1),
        dilation: (dilation, 1),
        activation: Activation::None,
        bias_type: 0,
    });
    let tensors = vec![
        plain(DType::Float32, &[1, 4, 4, 1]),
        floats(&[2, 3, 1, 1]),
        floats(&[biases]),
        plain(DType::Float32, &[1, 4, 4, 2]),
    ];
    model(Op::Conv2d, options, tensors)
}

#[test]
fn a_float_bias_has_one_value_per_channel() {
    assert_eq!(run(&convolution(1, 2), &[&[0; 64]]), [0; 128]);
    for biases in [1, 3] {
        assert_eq!(
            message(&refused(&convolution(1, biases))),
            "the bias does not have one value per output channel"
        );
    }
}

#[test]
fn windows_stay_within_the_targets_integers() {
    assert_eq!(run(&convolution(1 << 20, 2), &[&[0; 64]]), [0; 128]);
    assert_eq!(
        message(&refused(&convolution(1 << 30, 2))),
        "the window is too large"
    );
}

#[test]
fn constants_computed_at_build_time_have_a_limit() {
    let pool = |filter| {
        let options = Options::Pool2d(Pool2dOptions {
            padding: Padding::Same,
            border: Border::default(),
            stride: (1, 1),
            filter: (filter, filter),
            activation: Activation::None,
        });
        let tensors = vec![
            floats(&[1, 256, 256, 1]),
            plain(DType::Float32, &[1, 256, 256, 1]),
        ];
        model(Op::AveragePool2d, options, tensors)
    };
    assert_eq!(run(&pool(1), &[]).len(), 4 << 16);
    assert_eq!(
        message(&refused(&pool(256))),
        "the constants computed at build time are too large"
    );
}
