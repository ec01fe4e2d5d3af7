use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{BuiltinOperator, Graph, Model, OpKind, Operator, Options, TensorId};
use castiron_codegen::graph::{DType, ReshapeOptions, Tensor};
use castiron_codegen::report::*;
use std::sync::Arc;

fn tensor(name: &str, shape: &[usize], data: Option<Arc<[u8]>>) -> Tensor {
    Tensor {
        name: name.to_owned(),
        data,
        ..crate::unit::tensor(DType::Int8, shape)
    }
}

fn operator(kind: OpKind, inputs: &[u32], output: u32) -> Operator {
    Operator {
        kind,
        version: 1,
        inputs: inputs.iter().map(|id| Some(TensorId(*id))).collect(),
        outputs: vec![TensorId(output)],
        intermediates: Vec::new(),
        options: Options::Reshape(ReshapeOptions {
            new_shape: Vec::new(),
        }),
        origin: Vec::new(),
    }
}

/// RESHAPE and a custom operator; both take tensors of one constant buffer.
fn model() -> Model {
    let shared: Arc<[u8]> = Arc::from([0; 12]);
    let reshape = OpKind::Builtin(BuiltinOperator::Reshape);
    Model {
        file: "folder/m.tflite".to_owned(),
        file_bytes: 100,
        description: String::new(),
        op_codes: Vec::new(),
        graphs: vec![Graph {
            name: String::new(),
            tensors: vec![
                tensor("in", &[4, 3], None),
                tensor("a", &[12], Some(shared.clone())),
                tensor("b", &[3, 4], Some(shared)),
                tensor("mid", &[12], None),
                tensor("out", &[12], None),
            ],
            operators: vec![
                operator(reshape, &[0, 1], 3),
                operator(OpKind::Custom("Mine".to_owned()), &[3, 2], 4),
            ],
            inputs: vec![TensorId(0)],
            outputs: vec![TensorId(4)],
        }],
        signatures: Vec::new(),
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    }
}

#[test]
fn a_report_tells_what_does_not_compile_and_counts_buffers_once() {
    let model = model();
    let options = CompileOptions::default();
    let report = Report::new(&model, &compile::examine(&model, &options));
    assert_eq!(report.file, "m.tflite");
    assert_eq!(report.totals.constant_bytes, 12);
    assert_eq!(report.totals.operators_without_macs, 1);
    // Both buffers of 12 bytes at multiples of 16.
    assert_eq!(report.totals.arena_bytes, Some(32));
    let compiled: Vec<bool> = (report.subgraphs[0].operators.iter())
        .map(|o| o.compiled)
        .collect();
    assert_eq!(compiled, [true, false]);
    assert!(!report.compiled.ok);
    let [problem] = &report.compiled.problems[..] else {
        panic!("one problem: {:?}", report.compiled.problems);
    };
    assert_eq!(problem.place.operator, Some((1, "CUSTOM Mine".to_owned())));
    assert_eq!(problem.place.file, None);
}

/// RELU of int16 has no kernel, CALL_ONCE no outputs; the second subgraph is no entry point.
#[test]
fn the_engine_column_is_of_every_operator() {
    let mut model = model();
    let graph = &mut model.graphs[0];
    graph.tensors.push(Tensor {
        dtype: DType::Int16,
        ..tensor("a16", &[12], None)
    });
    graph.tensors.push(Tensor {
        dtype: DType::Int16,
        ..tensor("b16", &[12], None)
    });
    let relu = OpKind::Builtin(BuiltinOperator::Relu);
    graph.operators.push(operator(relu, &[5], 6));
    graph.inputs.push(TensorId(5));
    graph.outputs.push(TensorId(6));
    graph.operators.push(Operator {
        outputs: Vec::new(),
        ..operator(OpKind::Builtin(BuiltinOperator::CallOnce), &[], 0)
    });
    let second = graph.clone();
    model.graphs.push(second);
    let options = CompileOptions::default();
    let report = Report::new(&model, &compile::examine(&model, &options));
    for graph in &report.subgraphs {
        let column: Vec<bool> = graph.operators.iter().map(|o| o.compiled).collect();
        assert_eq!(column, [true, false, false, false], "{}", graph.index);
    }
    // All of them are named, in the file's order.
    let named: Vec<_> = (report.compiled.problems.iter())
        .map(|d| d.place.operator.as_ref().map(|(index, _)| *index))
        .collect();
    assert_eq!(named, [Some(1), Some(2), Some(3)]);
}
