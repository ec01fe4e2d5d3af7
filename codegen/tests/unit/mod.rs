//! Tests of single functions, by the module that they are of.

mod compile;
mod cortex;
mod emit;
mod error;
mod exec;
mod files;
mod graph;
mod ident;
mod labels;
mod ops;
mod passes;
mod plan;
mod program;
mod report;
mod resize;
mod target;
mod tflite;
mod tflm;
mod warnings;
mod work;

use castiron_codegen::Model;
use castiron_codegen::graph::{DType, Graph, Tensor};
use proptest::test_runner::Config;

/// An activation; tests add what else a tensor has.
fn tensor(dtype: DType, shape: &[usize]) -> Tensor {
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

/// A model of one graph, as of a file of this name.
fn model(file: &str, graph: Graph) -> Model {
    Model {
        file: file.to_owned(),
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

/// Settings of properties. Seeds of failures are not kept: a failure becomes a test by itself.
fn settings() -> Config {
    Config {
        failure_persistence: None,
        ..Config::default()
    }
}
