use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{
    BuiltinOperator, CallOnceOptions, Graph, OpKind, Operator, Options, Quantization, Signature,
    VarHandleOptions,
};
use castiron_codegen::graph::{DType, Model, Tensor, TensorId};

fn tensor(name: &str, zero_point: i32, is_variable: bool) -> Tensor {
    Tensor {
        name: name.to_owned(),
        quantization: Some(Quantization {
            scale: vec![0.5],
            zero_point: vec![zero_point],
            dimension: 0,
        }),
        is_variable,
        ..crate::unit::tensor(DType::Int8, &[4])
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

/// Operators with their inputs and outputs, on tensors that are all of one type but for `handle`.
fn calling(
    handle: Option<u32>,
    tensors: u32,
    operators: &[(BuiltinOperator, &[u32], &[u32])],
    [inputs, outputs]: [&[u32]; 2],
) -> Graph {
    let ids = |ids: &[u32]| ids.iter().copied().map(TensorId).collect::<Vec<_>>();
    let mut made = graph(0);
    made.tensors = (0..tensors).map(|_| tensor("t", 0, false)).collect();
    if let Some(handle) = handle {
        made.tensors[handle as usize] = Tensor {
            shape: Vec::new(),
            dtype: DType::Resource,
            quantization: None,
            ..tensor("handle", 0, false)
        };
    }
    made.operators = (operators.iter())
        .map(|(kind, inputs, outputs)| Operator {
            kind: OpKind::Builtin(*kind),
            version: 1,
            inputs: ids(inputs).into_iter().map(Some).collect(),
            outputs: ids(outputs),
            intermediates: Vec::new(),
            options: match kind {
                BuiltinOperator::CallOnce => Options::CallOnce(CallOnceOptions { init_graph: 2 }),
                BuiltinOperator::VarHandle => Options::VarHandle(VarHandleOptions {
                    container: String::new(),
                    shared_name: "v".to_owned(),
                }),
                _ => Options::None,
            },
            origin: Vec::new(),
        })
        .collect();
    (made.inputs, made.outputs) = (ids(inputs), ids(outputs));
    made
}

/// Sets the variable to tens.
fn initial() -> Graph {
    use BuiltinOperator::{AssignVariable, VarHandle};
    let operators: [(_, &[u32], &[u32]); 2] =
        [(VarHandle, &[], &[0]), (AssignVariable, &[0, 1], &[])];
    let mut graph = calling(Some(0), 2, &operators, [&[], &[]]);
    graph.tensors[1].data = Some([10; 4].into());
    graph
}

#[test]
fn a_subgraph_that_is_called_once_runs_once_whichever_entry_calls_it() {
    use BuiltinOperator::{Add, AssignVariable, CallOnce, ReadVariable, VarHandle};
    let add: [(_, &[u32], &[u32]); 5] = [
        (CallOnce, &[], &[]),
        (VarHandle, &[], &[0]),
        (ReadVariable, &[0], &[2]),
        (Add, &[2, 1], &[3]),
        (AssignVariable, &[0, 3], &[]),
    ];
    let two = || {
        vec![
            calling(Some(0), 4, &add, [&[1], &[3]]),
            calling(Some(0), 4, &add[..4], [&[1], &[3]]),
            initial(),
        ]
    };
    let (first, second, third) = ([11; 4], [12; 4], [13; 4]);
    assert_eq!(run(two(), &[0, 1, 0, 1]), [first, second, second, third]);
    // A second operator in the same graph finds it done, too.
    let behind: [(_, &[u32], &[u32]); 2] = [(CallOnce, &[], &[]), (ReadVariable, &[0], &[4])];
    let again = [&add[..], &behind[..]].concat();
    let one = vec![
        calling(Some(0), 5, &again, [&[1], &[4]]),
        calling(Some(0), 4, &add[..4], [&[1], &[3]]),
        initial(),
    ];
    assert_eq!(run(one, &[0, 0]), [first, second]);
}

/// Two movements would become one behind the operator that writes the variable.
#[test]
fn what_reads_a_variable_before_it_is_written_has_the_value_of_the_run_before() {
    use BuiltinOperator::{Add, Transpose};
    let operators: [(_, &[u32], &[u32]); 4] = [
        (Transpose, &[1, 5], &[2]),
        (Add, &[0, 1], &[3]),
        (Transpose, &[3, 5], &[1]),
        (Transpose, &[2, 5], &[4]),
    ];
    let mut graph = calling(None, 6, &operators, [&[0], &[4]]);
    for tensor in &mut graph.tensors {
        tensor.shape = vec![2, 2];
    }
    graph.tensors[1].is_variable = true;
    graph.tensors[5] = Tensor {
        shape: vec![2],
        dtype: DType::Int32,
        quantization: None,
        data: Some([1i32, 0].iter().flat_map(|a| a.to_le_bytes()).collect()),
        ..tensor("axes", 0, false)
    };
    assert_eq!(run(vec![graph], &[0, 0, 0]), [[0; 4], [1; 4], [2; 4]]);
}

#[test]
fn a_variable_that_is_an_input_has_the_callers_value_in_the_first_run() {
    let mut state = graph(5);
    state.inputs.push(TensorId(1));
    let program = compile::compile(&model(vec![state]), &CompileOptions::default());
    let program = program.expect("right");
    let mut machine = Machine::new(&program, &program.entries[0]);
    for _ in 0..2 {
        machine.set_input(0, &[1; 4]).expect("four bytes");
        machine.set_input(1, &[7; 4]).expect("four bytes");
        machine.run().expect("a run");
        assert_eq!(machine.output(0), Some(&[1 + 7 - 5; 4][..]));
    }
}

#[test]
fn signatures_of_one_subgraph_are_an_entry_each_and_share_its_steps() {
    let mut two = model(vec![counter(0)]);
    two.signatures.push(Signature {
        name: "again".to_owned(),
        ..two.signatures[0].clone()
    });
    let program = compile::compile(&two, &CompileOptions::default()).expect("right");
    let names = program
        .entries
        .iter()
        .map(|entry| entry.signature.as_deref());
    assert_eq!(names.collect::<Vec<_>>(), [Some("one"), Some("again")]);
    assert_eq!(program.routines.len(), 1);
    let mut machine = Machine::new(&program, &program.entries[0]);
    for (entry, state) in [(0, 1), (1, 2), (0, 3)] {
        machine.enter(&program.entries[entry]);
        machine.set_input(0, &[1; 4]).expect("four bytes");
        machine.run().expect("a run");
        assert_eq!(machine.output(0), Some(&[state; 4][..]));
    }
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
