use castiron_codegen::graph::BuiltinOperator as Op;
use castiron_codegen::graph::inference::*;
use castiron_codegen::graph::operands::Operands;
use castiron_codegen::graph::{DType, Graph, OpKind, Operator, Options, Tensor, TensorId};

fn tensor(shape: &[usize], integers: Option<&[i32]>) -> Tensor {
    Tensor {
        data: integers.map(|all| all.iter().flat_map(|i| i.to_le_bytes()).collect()),
        ..crate::unit::tensor(
            match integers {
                Some(_) => DType::Int32,
                None => DType::Float32,
            },
            shape,
        )
    }
}

/// The shape of the only output of an operator without options.
fn shape(op: Op, inputs: Vec<Tensor>) -> Option<Vec<usize>> {
    let ids = (0..inputs.len() as u32).map(TensorId);
    let operator = Operator {
        kind: OpKind::Builtin(op),
        version: 1,
        inputs: ids.map(Some).collect(),
        outputs: Vec::new(),
        intermediates: Vec::new(),
        options: Options::None,
        origin: Vec::new(),
    };
    let graph = Graph {
        name: String::new(),
        tensors: inputs,
        operators: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
    };
    of_outputs(op, &Operands::new(&graph, &operator)).map(|all| all[0].clone())
}

#[test]
fn outputs_follow_from_inputs() {
    let of = |op, constant: &[i32]| {
        let x = tensor(&[2, 1, 3, 4], None);
        shape(op, vec![x, tensor(&[constant.len()], Some(constant))])
    };
    assert_eq!(of(Op::Mean, &[1, -1]), Some(vec![2, 3]));
    assert_eq!(of(Op::Mean, &[4]), None);
    assert_eq!(of(Op::ArgMax, &[2]), Some(vec![2, 1, 4]));
    assert_eq!(of(Op::ResizeBilinear, &[5, 7]), Some(vec![2, 5, 7, 4]));
    assert_eq!(
        of(Op::Pad, &[0, 0, 1, 1, 0, 2, 0, 0]),
        Some(vec![2, 3, 5, 4])
    );
    assert_eq!(of(Op::Pad, &[0, 0]), None);
    assert_eq!(of(Op::Tile, &[1, 2, 1, 1]), Some(vec![2, 2, 3, 4]));
    assert_eq!(of(Op::BroadcastTo, &[2, 5, 3, 4]), Some(vec![2, 5, 3, 4]));
    assert_eq!(of(Op::Transpose, &[3, 2, 1, 0]), Some(vec![4, 3, 1, 2]));
    let part = [[1, 0, 0, 0], [-1, 1, 2, 4]].map(|all| tensor(&[4], Some(&all)));
    let [begin, size] = part;
    let x = tensor(&[2, 1, 3, 4], None);
    assert_eq!(
        shape(Op::Slice, vec![x.clone(), begin, size]),
        Some(vec![1, 1, 2, 4])
    );
    assert_eq!(of(Op::Reshape, &[3, -1]), Some(vec![3, 8]));
    assert_eq!(of(Op::Reshape, &[5, -1]), None);
    assert_eq!(of(Op::ExpandDims, &[-1]), Some(vec![2, 1, 3, 4, 1]));
    assert_eq!(shape(Op::Squeeze, vec![x.clone()]), Some(vec![2, 3, 4]));
    let rows = tensor(&[5, 1, 4], None);
    assert_eq!(
        shape(Op::Add, vec![x.clone(), rows]),
        Some(vec![2, 5, 3, 4])
    );
    assert_eq!(shape(Op::Add, vec![x.clone(), tensor(&[3], None)]), None);
    assert_eq!(shape(Op::Relu, vec![x]), Some(vec![2, 1, 3, 4]));
}
