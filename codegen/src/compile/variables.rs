//! Where variables start: at zeros, or at the zero point of their type.

use crate::graph::variables::Variables;
use crate::graph::{DType, Model, Tensor, TensorId};
use crate::plan::Kept;

/// Variables of the subgraphs that run which do not start at zeros, and the value of each of their bytes.
pub(super) fn first_values(
    model: &Model,
    reached: impl Iterator<Item = usize>,
    variables: &Variables,
) -> Vec<(Kept, u8)> {
    let resources = variables.values.iter().enumerate();
    let resources = resources.filter_map(|(n, value)| Some((Kept::Variable(n), value.as_ref()?)));
    let tensors = reached.flat_map(|index| {
        let tensors = (0..).zip(&model.graphs[index].tensors);
        let kept = tensors.filter(|(_, tensor)| tensor.is_variable && !tensor.is_constant());
        kept.map(move |(id, tensor)| (Kept::Tensor(index, TensorId(id)), tensor))
    });
    let values = resources.chain(tensors);
    let values = values.filter_map(|(kept, tensor)| Some((kept, first_value(tensor)?)));
    values.collect()
}

/// TensorFlow Lite Micro starts int8 variables at their zero point, and all others at zeros.
fn first_value(tensor: &Tensor) -> Option<u8> {
    let zero_point = *tensor.quantization.as_ref()?.zero_point.first()?;
    (tensor.dtype == DType::Int8 && zero_point != 0).then_some(zero_point as i8 as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{self, CompileOptions};
    use crate::exec::Machine;
    use crate::graph::{
        BuiltinOperator, Graph, OpKind, Operator, Options, Quantization, Signature,
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
            stored: None,
            blocks: None,
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
                origin: Vec::new(),
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
            sparse: Vec::new(),
        }
    }

    /// Runs entries in an order, the input always ones, and gives each run's output.
    fn run(graphs: Vec<Graph>, order: &[usize]) -> Vec<Vec<u8>> {
        let program = compile::compile(&model(graphs), &CompileOptions::default()).expect("right");
        let mut machine = Machine::new(&program, &program.entries[0]);
        let runs = order.iter().map(|entry| {
            machine.enter(&program.entries[*entry]);
            machine.set_input(0, &[1; 4]).expect("four bytes");
            machine.run().expect("a run");
            machine.output(0).expect("an output").to_vec()
        });
        runs.collect()
    }

    /// state = x + state, of which the run gives the state.
    fn counter(zero_point: i32) -> Graph {
        let mut graph = graph(zero_point);
        graph.operators[0].outputs = vec![TensorId(1)];
        graph.outputs = vec![TensorId(1)];
        graph
    }

    #[test]
    fn a_variable_keeps_its_value_whatever_else_runs() {
        assert_eq!(run(vec![counter(0)], &[0, 0, 0]), [[1; 4], [2; 4], [3; 4]]);
        let both = vec![counter(0), counter(0)];
        let outputs = run(both, &[0, 1, 0, 0, 1]);
        assert_eq!(outputs, [[1; 4], [1; 4], [2; 4], [3; 4], [2; 4]]);
    }

    #[test]
    fn an_int8_variable_starts_at_its_zero_point_in_the_first_run_of_any_entry() {
        // 1 + (5 - 5): scales are alike, and the output's zero point is 0.
        assert_eq!(run(vec![graph(5)], &[0, 0]), [[1; 4], [1; 4]]);
        let two = vec![counter(5), counter(-3)];
        let outputs = run(two, &[1, 0, 1]);
        assert_eq!(outputs, [[0xfe; 4], [6; 4], [0xff; 4]]);
    }

    /// A caller reads and writes it in place.
    #[test]
    fn a_variable_may_be_an_input() {
        let mut state = graph(0);
        state.inputs.push(TensorId(1));
        let program = compile::compile(&model(vec![state]), &CompileOptions::default());
        let program = program.expect("right");
        let mut machine = Machine::new(&program, &program.entries[0]);
        machine.set_input(1, &[7; 4]).expect("four bytes");
        for x in [1, 2] {
            machine.set_input(0, &[x; 4]).expect("four bytes");
            machine.run().expect("a run");
            assert_eq!(machine.output(0), Some(&[7 + x; 4][..]));
        }
        machine.reset();
        machine.set_input(0, &[1; 4]).expect("four bytes");
        machine.run().expect("a run");
        assert_eq!(machine.output(0), Some(&[1; 4][..]));
    }
}
