use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{
    BuiltinOperator, DType, Graph, IfOptions, Model, OpKind, Operator, Options, Tensor, TensorId,
    WhileOptions,
};

use crate::unit::tensor;

fn graph(tensors: Vec<Tensor>, inputs: u32, outputs: &[u32]) -> Graph {
    Graph {
        name: String::new(),
        tensors,
        operators: Vec::new(),
        inputs: (0..inputs).map(TensorId).collect(),
        outputs: outputs.iter().copied().map(TensorId).collect(),
    }
}

/// What is wrong with an operator of two inputs and the last tensor as output, beside these subgraphs.
fn refused(
    kind: BuiltinOperator,
    options: Options,
    main: Vec<Tensor>,
    called: Vec<Graph>,
) -> String {
    let inputs = main.len() as u32 - 1;
    let mut first = graph(main, inputs, &[inputs]);
    first.operators.push(Operator {
        kind: OpKind::Builtin(kind),
        version: 1,
        inputs: (0..inputs).map(|id| Some(TensorId(id))).collect(),
        outputs: vec![TensorId(inputs)],
        intermediates: Vec::new(),
        options,
        origin: Vec::new(),
    });
    let model = Model {
        file: "m.tflite".to_owned(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        graphs: std::iter::once(first).chain(called).collect(),
        signatures: Vec::new(),
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    };
    let compiled = compile::compile(&model, &CompileOptions::default());
    compiled.map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn what_a_subgraph_takes_and_gives_has_to_fit() {
    let float = || tensor(DType::Float32, &[2]);
    let same = |t: Tensor| graph(vec![t], 1, &[0]);
    let branches = Options::If(IfOptions {
        then_graph: 1,
        else_graph: 2,
    });
    let either = |condition: Tensor, then: Graph| {
        let main = vec![condition, float(), float()];
        refused(
            BuiltinOperator::If,
            branches.clone(),
            main,
            vec![then, same(float())],
        )
    };
    let truth = || tensor(DType::Bool, &[]);
    assert_eq!(either(truth(), same(float())), "");
    for (error, expected) in [
        (either(float(), same(float())), "not a single truth value"),
        (
            either(truth(), same(tensor(DType::Int8, &[8]))),
            "the inputs of subgraph 1 do not match the operator",
        ),
        (
            either(truth(), graph(vec![float(), float()], 2, &[0])),
            "the wrong number of inputs",
        ),
        (
            either(truth(), graph(vec![float()], 1, &[])),
            "the wrong number of outputs",
        ),
    ] {
        let named = error.contains("m.tflite, subgraph 0, operator 0 IF");
        assert!(named && error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_loop_carries_what_it_is_given() {
    let options = Options::While(WhileOptions {
        cond_graph: 1,
        body_graph: 2,
    });
    let float = || tensor(DType::Float32, &[2]);
    let (truth, number) = (tensor(DType::Bool, &[1]), tensor(DType::Int32, &[1]));
    let turn = |condition: Tensor, main: Vec<Tensor>| {
        let test = graph(vec![float(), condition], 1, &[1]);
        let body = graph(vec![float()], 1, &[0]);
        refused(
            BuiltinOperator::While,
            options.clone(),
            main,
            vec![test, body],
        )
    };
    let wrong = turn(number, vec![float(), float()]);
    assert!(wrong.contains("not a single truth value"), "{wrong}");
    let more = turn(truth, vec![float(), float(), float()]);
    assert!(
        more.contains("the loop's tensors do not match its inputs"),
        "{more}"
    );
}
