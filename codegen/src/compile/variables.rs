//! Variables: tensors that keep their value from run to run, and what the compiled engine does not
//! keep of them yet.
//!
//! Entry points share one arena, so that a run of one overwrites what another had in it, and all of
//! it starts as zeros.

use super::compile::EntryPoint;
use crate::error::Diagnostic;
use crate::graph::{DType, Graph, Model, TensorId};
use crate::tflm::direct::{Direct, DirectOptions};

/// Variables whose value would not be the one that TensorFlow Lite Micro gives them.
pub(super) fn check(model: &Model, entries: &[EntryPoint<'_>]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for &(index, _) in entries {
        let graph = &model.graphs[index];
        let other = entries.iter().find(|(other, _)| *other != index);
        for (id, reads_initial_value) in variables(graph) {
            let wrong = match other {
                Some(other) => Some(overwritten(other)),
                None if reads_initial_value => starts_elsewhere(graph, id),
                None => None,
            };
            diagnostics.extend(wrong.map(|d| {
                d.at_tensor(id.index(), &graph.tensor(id).name)
                    .in_subgraph(index)
            }));
        }
    }
    // A way out that does not work is none; asked for once, and only where it is needed.
    if !diagnostics.is_empty() {
        let several = entries.len() > 1;
        let tflm_runs_it = Direct::new(model, &DirectOptions::default()).is_ok();
        let way_out = match (tflm_runs_it, several) {
            (true, false) => {
                "take TFLM's kernels, which start it there: `--engine tflm`, in Rust `engine = \"tflm\"`"
            }
            (true, true) => {
                "convert each signature as a model of its own; or take TFLM's kernels, which run \
                 subgraph 0 alone and keep its variables: `--engine tflm`, in Rust `engine = \"tflm\"`"
            }
            (false, false) => "quantise the model again with zero point 0 for this tensor",
            (false, true) => "convert each signature as a model of its own",
        };
        diagnostics = diagnostics.into_iter().map(|d| d.help(way_out)).collect();
    }
    diagnostics
}

/// The variables that a graph uses, and whether it reads each without a value of this run.
fn variables(graph: &Graph) -> Vec<(TensorId, bool)> {
    let mut used = vec![false; graph.tensors.len()];
    let mut set = vec![false; graph.tensors.len()];
    for id in graph.inputs.iter().chain(&graph.outputs) {
        used[id.index()] = true;
    }
    for operator in &graph.operators {
        for id in operator.inputs.iter().flatten().chain(&operator.outputs) {
            used[id.index()] = true;
        }
    }
    let outputs = graph.operators.iter().flat_map(|o| &o.outputs);
    for id in graph.inputs.iter().chain(outputs) {
        set[id.index()] = true;
    }
    (graph.tensors.iter().enumerate())
        .filter(|(index, tensor)| tensor.is_variable && !tensor.is_constant() && used[*index])
        .map(|(index, _)| (TensorId(index as u32), !set[index]))
        .collect()
}

fn overwritten((graph, signature): &EntryPoint<'_>) -> Diagnostic {
    let other = match signature {
        Some(signature) => format!("signature {:?} (subgraph {graph})", signature.name),
        None => format!("subgraph {graph}"),
    };
    Diagnostic::new("the compiled engine cannot keep a variable beside other signatures")
        .expected("a variable in a model with one signature")
        .found(format_args!(
            "{other} too, whose run would overwrite the variable"
        ))
}

/// TensorFlow Lite Micro starts int8 variables at their zero point, and all others at 0.
fn starts_elsewhere(graph: &Graph, id: TensorId) -> Option<Diagnostic> {
    let tensor = graph.tensor(id);
    let zero_point = *tensor.quantization.as_ref()?.zero_point.first()?;
    (tensor.dtype == DType::Int8 && zero_point != 0).then(|| {
        Diagnostic::new("the compiled engine starts every variable at stored zeros")
            .expected("an int8 variable whose zero point is 0")
            .found(format_args!(
                "zero point {zero_point}, which is where the variable starts"
            ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{self, CompileOptions};
    use crate::error::Error;
    use crate::graph::{
        BuiltinOperator, OpKind, Operator, Options, Quantization, Signature, Tensor,
    };

    fn tensor(name: &str, zero_point: i32, is_variable: bool) -> Tensor {
        Tensor {
            name: name.to_owned(),
            shape: vec![4],
            shape_signature: None,
            dtype: DType::Int8,
            quantization: Some(Quantization {
                scale: vec![0.5],
                zero_point: vec![zero_point],
                dimension: 0,
            }),
            data: None,
            is_variable,
        }
    }

    /// y = x + a variable.
    fn graph(zero_point: i32) -> Graph {
        Graph {
            name: String::new(),
            tensors: vec![
                tensor("x", 0, false),
                tensor("state", zero_point, true),
                tensor("y", 0, false),
            ],
            operators: vec![Operator {
                kind: OpKind::Builtin(BuiltinOperator::Add),
                version: 2,
                inputs: vec![Some(TensorId(0)), Some(TensorId(1))],
                outputs: vec![TensorId(2)],
                intermediates: Vec::new(),
                options: Options::None,
            }],
            inputs: vec![TensorId(0)],
            outputs: vec![TensorId(2)],
        }
    }

    fn model(graphs: Vec<Graph>) -> Model {
        let signature = |(graph, name): (usize, &str)| Signature {
            name: name.to_owned(),
            graph,
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        Model {
            file: "m.tflite".to_owned(),
            file_bytes: 0,
            description: String::new(),
            op_codes: Vec::new(),
            signatures: (0..graphs.len())
                .zip(["one", "two"])
                .map(signature)
                .collect(),
            graphs,
            metadata: Vec::new(),
            outside: Vec::new(),
        }
    }

    fn refused(graphs: Vec<Graph>) -> Option<Error> {
        compile::compile(&model(graphs), &CompileOptions::default()).err()
    }

    #[test]
    fn a_variable_beside_another_signature_is_refused() {
        let mut other = graph(0);
        other.tensors[1].is_variable = false;
        other.tensors[1].data = Some([1; 4].into());
        let error = refused(vec![graph(0), other.clone()]).expect("an error");
        insta::assert_snapshot!(error);
        assert!(refused(vec![other.clone(), graph(0)]).is_some());
        assert!(refused(vec![other.clone(), other]).is_none());
        assert!(refused(vec![graph(0)]).is_none());
    }

    #[test]
    fn variables_among_inputs_and_outputs_are_refused_too() {
        for role in 0..3 {
            let mut state = graph(0);
            match role {
                0 => state.inputs.push(TensorId(1)),
                1 => state.outputs.push(TensorId(1)),
                _ => {
                    state.tensors[1].is_variable = false;
                    state.tensors[2].is_variable = true;
                    state.inputs.push(TensorId(1));
                }
            }
            assert!(refused(vec![state, graph(0)]).is_some(), "{role}");
        }
    }

    /// It would be at its zero point in TensorFlow Lite Micro.
    #[test]
    fn a_variable_that_does_not_start_at_zeros_is_refused() {
        insta::assert_snapshot!(refused(vec![graph(5)]).expect("an error"));
        let mut written = graph(5);
        written.inputs.push(TensorId(1));
        assert!(refused(vec![written]).is_none());
    }
}
