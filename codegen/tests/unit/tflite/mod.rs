//! The reader on small files made here, for what no file at hand has.

mod calls;
mod foreign;
mod order;
mod quantization;
mod report;
mod rewrite;
mod sparsity;
mod tensor;

use std::sync::Arc;

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

use castiron_codegen::error::Error;
use castiron_codegen::graph::{
    BuiltinOperator, DType, FullyConnectedOptions, Model, OpKind, Options, TensorId,
};
use castiron_codegen::tflite::read;
use castiron_codegen::tflite::table::voffset;

type Ref = WIPOffset<UnionWIPOffset>;
type Builder = FlatBufferBuilder<'static>;

/// A field's value; offsets are written before the table that holds them.
enum Value {
    I8(i8),
    I32(i32),
    U32(u32),
    U64(u64),
    Bool(bool),
    At(Ref),
}
use Value::{At, Bool, I8, I32, U32, U64};

fn table(b: &mut Builder, fields: &[(u16, Value)]) -> Ref {
    let start = b.start_table();
    for (slot, value) in fields {
        let slot = voffset(*slot);
        match value {
            I8(v) => b.push_slot_always(slot, *v),
            I32(v) => b.push_slot_always(slot, *v),
            U32(v) => b.push_slot_always(slot, *v),
            U64(v) => b.push_slot_always(slot, *v),
            Bool(v) => b.push_slot_always(slot, *v),
            At(v) => b.push_slot_always(slot, *v),
        }
    }
    b.end_table(start).as_union_value().as_union_value()
}

fn ints(b: &mut Builder, values: &[i32]) -> Value {
    At(b.create_vector(values).as_union_value())
}

fn bytes(b: &mut Builder, values: &[u8]) -> Value {
    At(b.create_vector(values).as_union_value())
}

fn list(b: &mut Builder, tables: &[Ref]) -> Value {
    At(b.create_vector(tables).as_union_value())
}

/// A file with room for one variation in each part.
struct Parts {
    code: Vec<(u16, Value)>,
    operator: Vec<(u16, Value)>,
    operator_inputs: Vec<i32>,
    tensors: Vec<Ref>,
    buffers: Vec<Ref>,
    custom_code: Option<&'static str>,
    graphs: usize,
    /// The tensor that a signature calls its output.
    signature: Option<u32>,
}

impl Parts {
    /// `FULLY_CONNECTED(activation [1, 2], weights [2, 2]) -> [1, 2]`, int8.
    fn new(b: &mut Builder) -> Self {
        let empty = table(b, &[]);
        let data = bytes(b, &[1, 2, 3, 4]);
        let data = table(b, &[(0, data)]);
        let tensors = [(&[1, 2], 0), (&[2, 2], 1), (&[1, 2], 0)]
            .map(|(shape, buffer)| tensor(b, shape, DType::Int8, buffer, false));
        Self {
            code: vec![(3, I32(9))],
            operator: Vec::new(),
            operator_inputs: vec![0, 1, -1],
            tensors: tensors.to_vec(),
            buffers: vec![empty, data],
            custom_code: None,
            graphs: 1,
            signature: None,
        }
    }

    fn finish(mut self, mut b: Builder) -> Vec<u8> {
        let b = &mut b;
        if let Some(name) = self.custom_code {
            self.code.push((1, bytes(b, name.as_bytes())));
        }
        let code = table(b, &self.code);
        let inputs = ints(b, &self.operator_inputs);
        let outputs = ints(b, &[2]);
        self.operator.extend([(1, inputs), (2, outputs)]);
        let operator = table(b, &self.operator);
        let tensors = list(b, &self.tensors);
        let inputs = ints(b, &[0]);
        let outputs = ints(b, &[2]);
        let operators = list(b, &[operator]);
        let graph = table(
            b,
            &[(0, tensors), (1, inputs), (2, outputs), (3, operators)],
        );
        let codes = list(b, &[code]);
        let graphs = list(b, &vec![graph; self.graphs]);
        let buffers = list(b, &self.buffers);
        let mut root = vec![(0, U32(3)), (1, codes), (2, graphs), (4, buffers)];
        if let Some(tensor) = self.signature {
            let name = bytes(b, b"y");
            let port = table(b, &[(0, name), (1, U32(tensor))]);
            let (ports, key) = (list(b, &[port]), bytes(b, b"serve"));
            let signature = table(b, &[(1, ports), (2, key)]);
            root.push((7, list(b, &[signature])));
        }
        let root = table(b, &root);
        b.finish(root, Some("TFL3"));
        b.finished_data().to_vec()
    }

    fn read(self, b: Builder) -> Result<Model, Error> {
        read("made.tflite", &self.finish(b))
    }
}

fn tensor(b: &mut Builder, shape: &[i32], dtype: DType, buffer: u32, variable: bool) -> Ref {
    let code = match dtype {
        DType::Int32 => 2,
        DType::Int8 => 9,
        DType::Resource => 13,
        _ => unreachable!("no test needs it"),
    };
    let shape = ints(b, shape);
    let mut fields = vec![
        (0, shape),
        (1, I8(code)),
        (2, U32(buffer)),
        (5, Bool(variable)),
    ];
    if dtype == DType::Int8 {
        let scale = At(b.create_vector(&[0.5_f32]).as_union_value());
        let zero_point = At(b.create_vector(&[0_i64]).as_union_value());
        fields.push((4, At(table(b, &[(2, scale), (3, zero_point)]))));
    }
    table(b, &fields)
}

/// Makes a file with a variation and reads it.
fn with(vary: impl FnOnce(&mut Builder, &mut Parts)) -> Result<Model, Error> {
    let mut b = Builder::new();
    let mut parts = Parts::new(&mut b);
    vary(&mut b, &mut parts);
    parts.read(b)
}

#[test]
fn absent_options_have_the_schemas_defaults() {
    let model = with(|_, _| ()).expect("a right file");
    let operator = &model.graphs[0].operators[0];
    assert_eq!(
        operator.kind,
        OpKind::Builtin(BuiltinOperator::FullyConnected)
    );
    assert_eq!(operator.version, 1);
    assert_eq!(
        operator.options,
        Options::FullyConnected(FullyConnectedOptions::default())
    );
    assert_eq!(
        operator.inputs,
        [Some(TensorId(0)), Some(TensorId(1)), None]
    );
    assert!(model.graphs[0].tensors[0].data.is_none());
    assert_eq!(
        model.graphs[0].tensors[1].data.as_deref(),
        Some(&[1, 2, 3, 4][..])
    );
}

#[test]
fn old_and_new_operator_codes_agree() {
    let old = with(|_, parts| parts.code = vec![(0, I8(9))]).expect("an old writer's file");
    assert_eq!(
        old.op_codes[0].0,
        OpKind::Builtin(BuiltinOperator::FullyConnected)
    );
    let both = with(|_, parts| parts.code = vec![(0, I8(127)), (3, I32(150))]);
    assert_eq!(
        both.expect("a new file").op_codes[0].0,
        OpKind::Builtin(BuiltinOperator::Gelu)
    );
    for wrong in [(127, 0), (0, 127), (0, 210), (0, i32::MAX), (-5, 9)] {
        with(|_, parts| parts.code = vec![(0, I8(wrong.0)), (3, I32(wrong.1))])
            .expect_err("no such operator");
    }
}

#[test]
fn custom_names_are_text_that_can_be_printed() {
    let read = |name| {
        with(|_, parts| {
            parts.code = vec![(3, I32(32))];
            parts.custom_code = Some(name);
        })
    };
    for right in [
        "Erfinv",
        "FlexMatrixInverse",
        "TFLite_Detection_PostProcess",
        "a.b::c/d-1",
        "../x",
        "top k",
        "größer",
        // Letters that are of two characters each.
        "gro\u{308}\u{df}er",
        "हिन्दी",
        "*/ \"}",
        "a\\",
    ] {
        assert_eq!(
            read(right).expect("usable").op_codes[0].0,
            OpKind::Custom(right.to_owned())
        );
    }
    let long: &str = "x".repeat(129).leak();
    for wrong in ["", "a\n", "a\u{1b}[2J", "\u{202e}a", long] {
        let error = read(wrong).expect_err(wrong).to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}

#[test]
fn tensors_of_one_buffer_share_it() {
    let model = with(|b, parts| parts.tensors.push(tensor(b, &[4], DType::Int8, 1, false)));
    let model = model.expect("a right file");
    let data = |index: usize| {
        model.graphs[0].tensors[index]
            .data
            .clone()
            .expect("a constant")
    };
    assert!(Arc::ptr_eq(&data(1), &data(3)));
}

/// A file whose weights lie at `offset` from the flatbuffer's end.
fn external(offset: i64, size: u64) -> Result<Model, Error> {
    let make = |end: i64| {
        let mut b = Builder::new();
        let mut parts = Parts::new(&mut b);
        let offset = u64::try_from(end + offset).expect("within the file");
        parts.buffers[1] = table(&mut b, &[(1, U64(offset)), (2, U64(size))]);
        parts.finish(b)
    };
    let end = i64::try_from(make(0x1000).len()).expect("small");
    let mut file = make(end);
    file.extend([5, 6, 7, 8]);
    read("made.tflite", &file)
}

#[test]
fn data_may_lie_behind_the_flatbuffer_but_not_outside_the_file() {
    let model = external(0, 4).expect("a right file");
    assert_eq!(
        model.graphs[0].tensors[1].data.as_deref(),
        Some(&[5, 6, 7, 8][..])
    );
    for (offset, size) in [(1, 4), (0, 5), (0, u64::MAX), (i64::MAX / 2, 4)] {
        let error = external(offset, size).expect_err("out of the file");
        assert!(error.to_string().contains("outside the file"), "{error}");
    }
}

#[test]
fn variables_and_resources_need_no_data() {
    let model = with(|b, parts| {
        parts.tensors[1] = tensor(b, &[2, 2], DType::Int8, 0, true);
        parts
            .tensors
            .push(tensor(b, &[], DType::Resource, 0, false));
    });
    assert!(model.expect("a right file").graphs[0].tensors[1].is_variable);
    let both = with(|b, parts| parts.tensors[1] = tensor(b, &[2, 2], DType::Int8, 1, true));
    both.expect_err("a variable does not start with data");
}

#[test]
fn an_empty_constant_is_a_constant() {
    let model = with(|b, parts| parts.tensors[1] = tensor(b, &[0], DType::Int32, 0, false));
    assert!(model.expect("a right file").graphs[0].tensors[1].is_constant());
}

#[test]
fn options_of_another_operator_are_an_error() {
    let error = with(|b, parts| {
        let options = table(b, &[]);
        parts.operator = vec![(3, I8(1)), (4, At(options))];
    });
    assert!(
        error
            .expect_err("CONV_2D's")
            .to_string()
            .contains("another operator's")
    );
}

#[test]
fn options_that_leave_the_file_are_an_error() {
    let call = |body: i32| {
        with(|b, parts| {
            parts.code = vec![(3, I32(119))];
            let options = table(b, &[(0, I32(1)), (1, I32(body))]);
            parts.operator = vec![(3, I8(93)), (4, At(options))];
        })
    };
    for body in [-1, 1, 9] {
        call(body).expect_err("there is one subgraph");
    }
}

#[test]
fn a_subgraph_cannot_call_itself() {
    let error = with(|b, parts| {
        parts.code = vec![(3, I32(119))];
        let options = table(b, &[(0, I32(0)), (1, I32(0))]);
        parts.operator = vec![(3, I8(93)), (4, At(options))];
    });
    assert!(
        error
            .expect_err("a cycle")
            .to_string()
            .contains("calls itself")
    );
}

#[test]
fn everything_wrong_is_found_at_once() {
    let error = with(|b, parts| {
        parts.operator_inputs = vec![0, 77];
        parts.tensors[1] = tensor(b, &[3, 2], DType::Int8, 1, false);
        parts.tensors[2] = tensor(b, &[-1, 2], DType::Int8, 0, false);
    });
    assert_eq!(error.expect_err("three faults").diagnostics().len(), 3);
}

#[test]
fn a_small_file_cannot_unfold_into_a_large_model() {
    // One subgraph, listed many times over.
    let error = with(|_, parts| parts.graphs = 100_000).expect_err("unfolds to 100 times its size");
    assert!(error.to_string().contains("refer to each other"), "{error}");
    // One tensor with a long shape, likewise.
    let error = with(|b, parts| {
        let shared = tensor(b, &[1; 50_000], DType::Int8, 0, false);
        parts.tensors.resize(1000, shared);
    });
    assert!(
        error
            .expect_err("unfolds")
            .to_string()
            .contains("refer to each other")
    );
}

#[test]
fn a_tensor_too_large_to_count_is_reported_and_not_multiplied() {
    let error = with(|b, parts| {
        for place in [0, 2] {
            parts.tensors[place] = tensor(b, &[1 << 30; 4], DType::Int8, 0, false);
        }
    })
    .expect_err("2^120 elements");
    assert!(
        error
            .diagnostics()
            .iter()
            .all(|d| d.message == "the tensor is too large")
    );
}

#[test]
fn a_signature_may_name_any_tensor_of_its_subgraph() {
    let model = with(|_, parts| parts.signature = Some(1)).expect("runtimes go by the subgraph");
    assert_eq!(model.signatures[0].outputs[0].tensor, TensorId(1));
    assert_eq!(model.graphs[0].outputs, [TensorId(2)]);
    with(|_, parts| parts.signature = Some(3)).expect_err("there are three tensors");
}

/// The one thing wrong with an operator of a code with these inputs.
fn malformed(code: i32, inputs: &[i32]) -> String {
    let error = with(|_, parts| {
        parts.code = vec![(3, I32(code))];
        parts.operator_inputs = inputs.to_vec();
    });
    error.expect_err("malformed").to_string()
}

#[test]
fn every_operator_has_the_inputs_that_it_cannot_do_without() {
    // FULLY_CONNECTED, ADD, SOFTMAX, SELECT, STRIDED_SLICE, SVDF
    for (code, inputs, missing) in [
        (9, &[0][..], 1),
        (9, &[-1, 1], 0),
        (0, &[0], 1),
        (25, &[], 0),
        (64, &[0, 1], 2),
        (45, &[0, 1, 1], 3),
        (27, &[0, 1, 1, -1], 4),
    ] {
        let error = malformed(code, inputs);
        let expected = format!("a tensor for input {missing}");
        assert!(error.contains(&expected), "{code} {inputs:?}: {error}");
    }
}

#[test]
fn axes_are_integers_and_handles_are_handles() {
    // READ_VARIABLE of data; PAD's paddings may be of any integer type.
    assert!(malformed(143, &[0]).contains("the handle of a variable"));
    with(|_, parts| {
        parts.code = vec![(3, I32(34))];
        parts.operator_inputs = vec![0, 1];
    })
    .expect("engines say which they take");
}
