//! What a model is refused for is said at once: each kind of combination once, with its count, place, types and shapes,
//! and the way out that there is for this model.

use castiron_codegen::compile;
use castiron_codegen::error::Error;
use castiron_codegen::graph::{
    BuiltinOperator as Op, DType, FullyConnectedOptions, Graph, Model, OpKind, Operator, Options,
    Quantization, Tensor, TensorId,
};

fn tensor(dtype: DType, shape: &[usize]) -> Tensor {
    let is_byte = dtype == DType::Int8;
    Tensor {
        name: "t".to_owned(),
        shape: shape.to_vec(),
        shape_signature: None,
        dtype,
        quantization: is_byte.then(|| Quantization {
            scale: vec![0.5],
            zero_point: vec![0],
            dimension: 0,
        }),
        data: None,
        is_variable: false,
        stored: None,
        blocks: None,
    }
}

/// Operators of one input and one output each, which are the model's, but for constants.
struct Builder {
    graph: Graph,
}

impl Builder {
    fn new() -> Self {
        let graph = Graph {
            name: String::new(),
            tensors: Vec::new(),
            operators: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        Self { graph }
    }

    fn add(&mut self, tensor: Tensor) -> TensorId {
        self.graph.tensors.push(tensor);
        TensorId(self.graph.tensors.len() as u32 - 1)
    }

    fn operator(
        &mut self,
        kind: OpKind,
        options: Options,
        x: Tensor,
        constants: Vec<Tensor>,
        y: Tensor,
    ) {
        let x = self.add(x);
        let constants = constants.into_iter().map(|t| self.add(t));
        let constants: Vec<TensorId> = constants.collect();
        let y = self.add(y);
        self.graph.inputs.push(x);
        self.graph.outputs.push(y);
        self.graph.operators.push(Operator {
            kind,
            version: 1,
            inputs: [x].into_iter().chain(constants).map(Some).collect(),
            outputs: vec![y],
            intermediates: Vec::new(),
            options,
            origin: Vec::new(),
        });
    }

    fn alike(&mut self, op: Op, dtype: DType, shape: &[usize]) {
        let [x, y] = [0; 2].map(|_| tensor(dtype, shape));
        self.operator(OpKind::Builtin(op), Options::None, x, Vec::new(), y);
    }

    /// A FULLY_CONNECTED whose weights, without their zero point, are no int8.
    fn far_weights(&mut self) {
        let mut w = tensor(DType::Int8, &[1, 2]);
        w.data = Some([-100i8 as u8, 0].as_slice().into());
        if let Some(quantization) = &mut w.quantization {
            quantization.zero_point = vec![100];
        }
        let [x, y] = [2, 1].map(|units| tensor(DType::Int8, &[1, units]));
        let options = Options::FullyConnected(FullyConnectedOptions::default());
        self.operator(OpKind::Builtin(Op::FullyConnected), options, x, vec![w], y);
    }

    fn refused(self) -> Error {
        let model = Model {
            file: "m.tflite".to_owned(),
            file_bytes: 0,
            description: String::new(),
            op_codes: Vec::new(),
            graphs: vec![self.graph],
            signatures: Vec::new(),
            metadata: Vec::new(),
            outside: Vec::new(),
            sparse: Vec::new(),
        };
        compile::compile(&model, &Default::default()).expect_err("no engine has it")
    }
}

#[test]
fn each_kind_of_combination_is_named_once() {
    let mut model = Builder::new();
    model.alike(Op::Relu, DType::Int64, &[2, 3]);
    model.alike(Op::Relu, DType::Float32, &[4]);
    model.alike(Op::Dilate, DType::Int8, &[1, 5]);
    model.alike(Op::Relu, DType::Int64, &[4]);
    model.alike(Op::Relu, DType::Bool, &[]);
    model.alike(Op::Relu, DType::Int64, &[1]);
    model.far_weights();
    insta::assert_snapshot!(model.refused());
}

/// Another engine is a way out where it takes all of the model.
#[test]
fn another_engine_is_named_where_it_takes_the_model() {
    let mut model = Builder::new();
    model.alike(Op::Relu, DType::Float32, &[4]);
    model.far_weights();
    insta::assert_snapshot!(model.refused());
}

/// TensorFlow Lite Micro does not keep it either.
#[test]
fn a_buffer_of_one_run_is_nobodys() {
    let mut model = Builder::new();
    let (x, y) = (
        tensor(DType::Int8, &[1, 1, 1, 2]),
        tensor(DType::Int8, &[1, 3, 1, 2]),
    );
    let kind = OpKind::Custom("CIRCULAR_BUFFER".to_owned());
    model.operator(kind, Options::None, x, Vec::new(), y);
    let error = model.refused();
    let help = error.diagnostics()[0].help.as_deref().unwrap_or_default();
    assert!(help.contains("a streaming model"), "{help}");
}

/// The way out of a type leads to one that there is a kernel for.
#[test]
fn a_type_is_led_to_another() {
    let cases = [
        (Op::Sin, DType::Int8, "keep this operator in float32"),
        (Op::Abs, DType::Int64, "cast to int32"),
        (Op::Relu, DType::Int64, "cast to float32"),
        (Op::LogicalNot, DType::Int32, "cast to bool"),
        (Op::Relu, DType::Float16, "without supported_types"),
    ];
    for (op, dtype, expected) in cases {
        let mut model = Builder::new();
        model.alike(op, dtype, &[2, 3]);
        let error = model.refused();
        let help = error.diagnostics()[0].help.as_deref().unwrap_or_default();
        assert!(help.contains(expected), "{op:?} of {dtype}: {help}");
    }
}
