use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{BinaryOptions, BuiltinOperator as Op, DType, Options, TensorId};
use castiron_codegen::passes::Passes;
use castiron_codegen::target::{Isa, Optimize, Target};

use super::chains::{Chain, Random, quantized};

/// A square and an addition are one loop, which may write where it reads: all that reads the input is its first step.
#[test]
fn a_chain_of_a_square_writes_where_it_reads() {
    for dtype in [DType::Int8, DType::Int16] {
        let mut chain = Chain::new(7);
        chain.dtype = dtype;
        let shape = [1, 12, 8, 1];
        let x = chain.image(&shape);
        let square = chain.image(&shape);
        chain.op(
            Op::Mul,
            &[x, x],
            square,
            Options::Binary(BinaryOptions::default()),
        );
        let constant = constant(&mut chain);
        let sum = chain.image(&shape);
        chain.op(
            Op::Add,
            &[square, constant],
            sum,
            Options::Binary(BinaryOptions::default()),
        );
        chain.average();
        let model = chain.done();
        let run = |optimize, without| {
            let target = Target::new(Isa::Portable, optimize);
            let options = CompileOptions::for_target(target).without(without);
            let program = compile::compile(&model, &options).expect("it compiles");
            let mut machine = Machine::new(&program, &program.entries[0]);
            let input = Random(5).bytes(program.entries[0].inputs[0].operand.range().len());
            machine.set_input(0, &input).expect("it fits");
            machine.run().expect("it runs");
            let output = machine.output(0).expect("there is one").to_vec();
            (program.arena_bytes, output)
        };
        for optimize in Optimize::ALL {
            let (apart, expected) = run(optimize, Passes::ALL);
            let (joined, found) = run(optimize, Passes::NONE);
            assert_eq!(found, expected);
            assert_eq!(joined, apart, "{dtype:?} {optimize:?}");
        }
    }
}

/// One number for all.
fn constant(chain: &mut Chain) -> TensorId {
    let scale = if chain.dtype == DType::Int16 {
        0.001
    } else {
        0.25
    };
    let one = chain.image_like(&[1], quantized(scale, 0));
    let bytes = chain.graph.tensor(one).bytes();
    chain.graph.tensors[one.index()].data = Some(vec![3; bytes].into());
    one
}
