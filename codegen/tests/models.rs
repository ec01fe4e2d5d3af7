//! Small models made by hand.

use castiron_codegen::graph::{
    BuiltinOperator, DType, Graph, Model, OpKind, Operator, Options, Quantization, Tensor, TensorId,
};

/// A tensor without quantisation.
pub(crate) fn tensor(name: &str, dtype: DType, shape: &[usize]) -> Tensor {
    Tensor {
        name: name.to_owned(),
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

/// A tensor quantised as a whole.
pub(crate) fn quantized(
    name: &str,
    dtype: DType,
    shape: &[usize],
    scale: f32,
    zero_point: i32,
) -> Tensor {
    Tensor {
        quantization: Some(Quantization {
            scale: vec![scale],
            zero_point: vec![zero_point],
            dimension: 0,
        }),
        ..tensor(name, dtype, shape)
    }
}

/// A model of one subgraph without operators.
pub(crate) fn model(file: &str, inputs: Vec<Tensor>, outputs: Vec<Tensor>) -> Model {
    let ids = |from: usize, n: usize| (from..from + n).map(|i| TensorId(i as u32)).collect();
    let (n, m) = (inputs.len(), outputs.len());
    Model {
        file: file.to_owned(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        graphs: vec![Graph {
            name: "main".to_owned(),
            tensors: inputs.into_iter().chain(outputs).collect(),
            operators: Vec::new(),
            inputs: ids(0, n),
            outputs: ids(n, m),
        }],
        signatures: Vec::new(),
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    }
}

/// The int8 gesture model of Kenning's demo, as far as a header shows it.
pub(crate) fn gestures() -> Model {
    model(
        "models/magic_wand_int8.tflite",
        vec![quantized(
            "serving_default_input_1:0",
            DType::Int8,
            &[1, 128, 3, 1],
            16.0,
            -1,
        )],
        vec![quantized(
            "StatefulPartitionedCall:0",
            DType::Int8,
            &[1, 4],
            0.003_906_25,
            -128,
        )],
    )
}

/// An operator that reads and writes nothing.
pub(crate) fn operator(kind: OpKind) -> Operator {
    Operator {
        kind,
        version: 1,
        inputs: vec![],
        outputs: vec![],
        intermediates: vec![],
        options: Options::None,
        origin: Vec::new(),
    }
}

/// A builtin operator that reads and writes nothing.
pub(crate) fn builtin(op: BuiltinOperator) -> Operator {
    operator(OpKind::Builtin(op))
}

/// Text no generated source may be broken by.
pub(crate) const EVIL: &str =
    "\"; */ int x; /* \\ ??/ ??= %s\n#error é \u{1}\0\t\u{2028} {{ model }} \\";
