use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::exec::*;
use castiron_codegen::graph::{
    BuiltinOperator, DType, IfOptions, Model, OpKind, Operator, Options, Quantization, Tensor,
    WhileOptions,
};
use castiron_codegen::graph::{Graph, TensorId};
use castiron_codegen::program::Program;

fn tensor(dtype: DType, len: usize, data: Option<&[u8]>) -> Tensor {
    Tensor {
        quantization: (dtype == DType::Int8).then(|| Quantization {
            scale: vec![0.5],
            zero_point: vec![0],
            dimension: 0,
        }),
        data: data.map(Into::into),
        ..crate::unit::tensor(dtype, &[len])
    }
}

fn operator(kind: BuiltinOperator, options: Options, [inputs, outputs]: [&[u32]; 2]) -> Operator {
    Operator {
        kind: OpKind::Builtin(kind),
        version: 1,
        inputs: inputs.iter().map(|id| Some(TensorId(*id))).collect(),
        outputs: outputs.iter().copied().map(TensorId).collect(),
        intermediates: Vec::new(),
        options,
        origin: Vec::new(),
    }
}

fn graph(tensors: Vec<Tensor>, operators: Vec<Operator>, [inputs, outputs]: [&[u32]; 2]) -> Graph {
    Graph {
        name: String::new(),
        tensors,
        operators,
        inputs: inputs.iter().copied().map(TensorId).collect(),
        outputs: outputs.iter().copied().map(TensorId).collect(),
    }
}

fn program(graphs: Vec<Graph>) -> Program {
    let model = Model {
        file: "m.tflite".to_owned(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        signatures: Vec::new(),
        graphs,
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    };
    compile::compile(&model, &CompileOptions::default()).expect("right")
}

/// Doubles its second input as long as the first is true, which it never changes.
fn endless(len: usize) -> Program {
    let flag = || tensor(DType::Bool, 1, None);
    let value = || tensor(DType::Int8, len, None);
    let options = Options::While(WhileOptions {
        cond_graph: 1,
        body_graph: 2,
    });
    let repeat = operator(BuiltinOperator::While, options, [&[0, 1], &[2, 3]]);
    let double = operator(BuiltinOperator::Add, Options::None, [&[1, 1], &[2]]);
    program(vec![
        graph(
            vec![flag(), value(), flag(), value()],
            vec![repeat],
            [&[0, 1], &[3]],
        ),
        graph(vec![flag(), value()], vec![], [&[0, 1], &[0]]),
        graph(
            vec![flag(), value(), value()],
            vec![double],
            [&[0, 1], &[0, 2]],
        ),
    ])
}

#[test]
fn a_loop_that_does_not_end_is_given_up_whatever_it_does() {
    for len in [1, 1 << 16] {
        let program = endless(len);
        let machine = Machine::new(&program, &program.entries[0]);
        let most = machine.most_work;
        assert!((MOST_REPEATED..MOST_REPEATED + (1 << 21)).contains(&most));
        let mut machine = machine.limited_to(1 << 24);
        machine.set_input(0, &[1]).expect("one byte");
        let error = machine.run().expect_err("it does not end");
        let diagnostic = &error.diagnostics()[0];
        assert!(
            diagnostic.message.contains("stopped the run"),
            "{diagnostic:?}"
        );
        // The call in the loop's body that it would have gone on with, or the loop.
        assert!(diagnostic.place.subgraph.is_some(), "{diagnostic:?}");
        assert!(diagnostic.place.operator.is_some(), "{diagnostic:?}");
        machine.set_input(0, &[0]).expect("one byte");
        machine.run().expect("it ends at once");
    }
}

#[test]
fn subgraphs_that_run_each_other_twice_are_given_up() {
    let level = |callee: usize| {
        let value = || tensor(DType::Int8, 4, None);
        let truth = tensor(DType::Bool, 1, Some(&[1]));
        let call = |from, to| {
            let options = Options::If(IfOptions {
                then_graph: callee,
                else_graph: callee,
            });
            operator(BuiltinOperator::If, options, [&[3, from], &[to]])
        };
        graph(
            vec![value(), value(), value(), truth],
            vec![call(0, 1), call(1, 2)],
            [&[0], &[2]],
        )
    };
    let leaf = graph(vec![tensor(DType::Int8, 4, None)], vec![], [&[0], &[0]]);
    let levels = |depth| {
        let mut graphs: Vec<Graph> = (1..=depth).map(level).collect();
        graphs.push(leaf.clone());
        program(graphs)
    };
    let few = levels(3);
    let mut machine = Machine::new(&few, &few.entries[0]);
    machine.set_input(0, &[1, 2, 3, 4]).expect("four bytes");
    machine.run().expect("eight runs of the last");
    assert_eq!(machine.output(0), Some(&[1, 2, 3, 4][..]));
    let many = levels(30);
    let mut machine = Machine::new(&many, &many.entries[0]).limited_to(1 << 24);
    let error = machine
        .run()
        .expect_err("a thousand million runs of the last");
    assert!(error.to_string().contains("stopped the run"), "{error}");
}

#[test]
fn a_program_that_is_too_large_for_the_host_is_not_run() {
    let value = tensor(DType::Int8, MOST_MEMORY as usize + 1, None);
    let program = program(vec![graph(vec![value], vec![], [&[0], &[0]])]);
    let mut machine = Machine::new(&program, &program.entries[0]);
    let error = machine.set_input(0, &[]).expect_err("there is no memory");
    assert_eq!(machine.run(), Err(error));
    assert_eq!(machine.output(0), None);
}
