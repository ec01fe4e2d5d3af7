//! The sizes of what comes out of an operator, by what goes in. A recorded shape that says otherwise makes kernels read or write beside
//! their tensors: they go by one side and take the other for right.
//!
//! Only sizes that the writer knew are held against each other, and dimensions of 1 are left out: with them, shapes differ in
//! harmless ways.

use super::operands::{Operands, rest_of};
use super::report::short;
use super::structure::{AGAIN, is_sized};
use crate::error::Diagnostic;
use crate::graph::shapes::{self, dimension, size};
use crate::graph::{BuiltinOperator as Op, Graph, Operator};

/// Holds the outputs of one operator against its inputs.
pub(super) fn check(graph: &Graph, operator: &Operator, op: Op) -> Option<Diagnostic> {
    let operands = Operands::new(graph, operator);
    let mut all = operands.inputs().chain(operands.outputs().iter().copied());
    let expected = all.all(is_sized).then(|| shapes(op, &operands))??;
    let outputs = std::iter::zip(&operator.outputs, operands.outputs());
    let (expected, (id, found)) = std::iter::zip(&expected, outputs)
        .find(|(expected, (_, found))| !same(expected, &found.shape))?;
    Some(
        Diagnostic::new("the output's size does not follow from the operator's inputs")
            .expected(format_args!("shape {expected:?}"))
            .found(format_args!("{:?}", found.shape))
            .help(AGAIN)
            .at_tensor(id.index(), &short(&found.name)),
    )
}

fn same(a: &[usize], b: &[usize]) -> bool {
    let more = |sizes: &[usize]| {
        sizes
            .iter()
            .copied()
            .filter(|size| *size != 1)
            .collect::<Vec<_>>()
    };
    let none = |sizes: &[usize]| sizes.contains(&0);
    more(a) == more(b) || (none(a) && none(b))
}

/// The outputs' shapes; `None` where they depend on more than is looked at here.
fn shapes(op: Op, operands: &Operands<'_>) -> Option<Vec<Vec<usize>>> {
    let x = &operands.input(0)?.shape[..];
    let shape = match op {
        Op::Split => {
            let x = &operands.input(1)?.shape;
            let axis = dimension(*operands.integers(0)?.first()?, x.len())?;
            let outputs = operands.outputs().len();
            let part = with(x, axis, x[axis].checked_div(outputs)?);
            return Some(vec![part; outputs]);
        }
        Op::SplitV => {
            let axis = dimension(*operands.integers(2)?.first()?, x.len())?;
            let sizes = rest_of(&operands.integers(1)?, x[axis])?;
            return Some(sizes.into_iter().map(|size| with(x, axis, size)).collect());
        }
        Op::Unpack => {
            let axis = dimension(operands.option("axis"), x.len())?;
            return Some(vec![with(x, axis, 1); operands.outputs().len()]);
        }
        // Those that go in.
        Op::Abs
        | Op::AddN
        | Op::Cast
        | Op::Ceil
        | Op::Cos
        | Op::Cumsum
        | Op::Dequantize
        | Op::DynamicUpdateSlice
        | Op::Elu
        | Op::Exp
        | Op::ExpandDims
        | Op::Floor
        | Op::Gelu
        | Op::HardSwish
        | Op::L2Normalization
        | Op::LeakyRelu
        | Op::Log
        | Op::LogSoftmax
        | Op::LogicalNot
        | Op::Logistic
        | Op::Neg
        | Op::Prelu
        | Op::Quantize
        | Op::Relu
        | Op::Relu6
        | Op::ReluN1To1
        | Op::Relu0To1
        | Op::ReverseV2
        | Op::Round
        | Op::Rsqrt
        | Op::Sign
        | Op::Sin
        | Op::Softmax
        | Op::Sqrt
        | Op::Square
        | Op::Squeeze
        | Op::Tanh
        | Op::ZerosLike => x.to_vec(),
        op if op.broadcasts() => shapes::broadcast(operands.inputs().map(|x| &x.shape[..]))?,
        Op::Concatenation => {
            let axis = dimension(operands.option("axis"), x.len())?;
            let along = operands.inputs().map(|x| x.shape.get(axis).copied());
            with(x, axis, along.sum::<Option<usize>>()?)
        }
        Op::Pack => {
            let axis = dimension(operands.option("axis"), x.len() + 1)?;
            let mut shape = x.to_vec();
            shape.insert(axis, operands.inputs().count());
            shape
        }
        Op::Mean
        | Op::Sum
        | Op::ReduceMax
        | Op::ReduceMin
        | Op::ReduceProd
        | Op::ReduceAny
        | Op::ReduceAll
        | Op::ArgMax
        | Op::ArgMin => {
            let mut left = x.to_vec();
            for axis in operands.integers(1)? {
                left[dimension(axis, x.len())?] = 1;
            }
            left
        }
        Op::Transpose => {
            let order = operands.integers(1)?.into_iter();
            order
                .map(|axis| Some(x[dimension(axis, x.len())?]))
                .collect::<Option<_>>()?
        }
        Op::ResizeBilinear | Op::ResizeNearestNeighbor => {
            let ([batch, _, _, channels], [height, width]) = (x, &operands.integers(1)?[..]) else {
                return None;
            };
            vec![*batch, size(*height)?, size(*width)?, *channels]
        }
        Op::SpaceToDepth | Op::DepthToSpace => {
            let &[batch, height, width, channels] = x else {
                return None;
            };
            let block = size(operands.option("block_size")).filter(|block| *block > 0)?;
            match op {
                Op::SpaceToDepth => {
                    vec![
                        batch,
                        height / block,
                        width / block,
                        channels.checked_mul(block * block)?,
                    ]
                }
                _ => vec![
                    batch,
                    height.checked_mul(block)?,
                    width.checked_mul(block)?,
                    channels / block / block,
                ],
            }
        }
        Op::SpaceToBatchNd => {
            shapes::space_to_batch(x, &operands.integers(1)?, &operands.integers(2)?)?
        }
        Op::BatchToSpaceNd => {
            shapes::batch_to_space(x, &operands.integers(1)?, &operands.integers(2)?)?
        }
        Op::Pad | Op::Padv2 | Op::MirrorPad => {
            let paddings = operands.integers(1)?;
            let (sides, rest) = paddings.as_chunks::<2>();
            if sides.len() != x.len() || !rest.is_empty() {
                return None;
            }
            let padded = std::iter::zip(x, sides).map(|(size, [before, after])| {
                size.checked_add_signed(isize::try_from(before.checked_add(*after)?).ok()?)
            });
            padded.collect::<Option<_>>()?
        }
        Op::Slice => {
            let (begins, sizes) = (operands.integers(1)?, operands.integers(2)?);
            if begins.len() != x.len() || sizes.len() != x.len() {
                return None;
            }
            let parts = std::iter::zip(std::iter::zip(begins, sizes), x);
            let left = parts.map(|((begin, part), all)| match part {
                -1 => all.checked_sub(size(begin)?),
                part => size(part),
            });
            left.collect::<Option<_>>()?
        }
        Op::StridedSlice => {
            let more = ["ellipsis_mask", "new_axis_mask"];
            if more.iter().any(|mask| operands.option(mask) != 0) {
                return None;
            }
            operands.strided()?.of(x)?
        }
        Op::Gather => {
            let indices = &operands.input(1)?.shape;
            let axis = dimension(operands.option("axis"), x.len())?;
            let batch = operands.option("batch_dims");
            let batch = if batch < 0 {
                dimension(batch, indices.len())?
            } else {
                size(batch)?
            };
            [x.get(..axis)?, indices.get(batch..)?, x.get(axis + 1..)?].concat()
        }
        Op::GatherNd => {
            let (depth, places) = operands.input(1)?.shape.split_last()?;
            [places, x.get(*depth..)?].concat()
        }
        Op::EmbeddingLookup => [x, operands.input(1)?.shape.get(1..)?].concat(),
        Op::BatchMatmul => {
            let (left, [rows, columns]) = x.split_last_chunk::<2>()?;
            let (right, [height, width]) = operands.input(1)?.shape.split_last_chunk::<2>()?;
            let [adj_x, adj_y] = operands.adjoint();
            let mut shape = shapes::broadcast([left, right])?;
            shape.push(if adj_x { *columns } else { *rows });
            shape.push(if adj_y { *height } else { *width });
            shape
        }
        Op::Svdf => {
            let filters = *operands.input(1)?.shape.first()?;
            vec![
                *x.first()?,
                filters.checked_div(size(operands.option("rank"))?)?,
            ]
        }
        Op::Shape => vec![x.len()],
        Op::BroadcastTo => operands.sizes(1)?,
        Op::Fill | Op::TransposeConv => operands.sizes(0)?,
        Op::Tile => {
            let times = operands.sizes(1)?;
            let tiled = std::iter::zip(x, times).map(|(size, times)| size.checked_mul(times));
            tiled.collect::<Option<_>>()?
        }
        _ => return None,
    };
    Some(vec![shape])
}

/// A shape with another size along an axis.
fn with(shape: &[usize], axis: usize, size: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape[axis] = size;
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{DType, OpKind, Options, Tensor, TensorId};

    fn tensor(shape: &[usize], integers: Option<&[i32]>) -> Tensor {
        Tensor {
            name: "t".to_owned(),
            shape: shape.to_vec(),
            shape_signature: None,
            dtype: match integers {
                Some(_) => DType::Int32,
                None => DType::Float32,
            },
            quantization: None,
            data: integers.map(|all| all.iter().flat_map(|i| i.to_le_bytes()).collect()),
            is_variable: false,
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
        shapes(op, &Operands::new(&graph, &operator)).map(|all| all[0].clone())
    }

    #[test]
    fn outputs_follow_from_inputs() {
        let of = |op, constant: &[i32]| {
            let x = tensor(&[2, 1, 3, 4], None);
            shape(op, vec![x, tensor(&[constant.len()], Some(constant))])
        };
        assert_eq!(of(Op::Mean, &[1, -1]), Some(vec![2, 1, 3, 1]));
        assert_eq!(of(Op::Mean, &[4]), None);
        assert_eq!(of(Op::ArgMax, &[2]), Some(vec![2, 1, 1, 4]));
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
        let rows = tensor(&[5, 1, 4], None);
        assert_eq!(
            shape(Op::Add, vec![x.clone(), rows]),
            Some(vec![2, 5, 3, 4])
        );
        assert_eq!(shape(Op::Add, vec![x.clone(), tensor(&[3], None)]), None);
        assert_eq!(shape(Op::Relu, vec![x]), Some(vec![2, 1, 3, 4]));
    }

    #[test]
    fn ones_do_not_count() {
        assert!(same(&[1, 2, 3], &[2, 1, 3]));
        assert!(!same(&[2, 3], &[3, 2]));
        assert!(same(&[0, 3], &[3, 0, 2]));
    }
}
