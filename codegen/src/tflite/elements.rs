//! How many values come out of an operator, by what goes in. A recorded size that says otherwise makes kernels read or write beside
//! their tensors: they count one side and take the other for right.
//!
//! Only sizes that the writer knew are held against each other, and only counts: of one count, shapes differ in
//! harmless ways.

use super::report::short;
use super::structure::{AGAIN, is_sized};
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator as Op, Graph, Operator, Tensor};

/// Holds the outputs of one operator against its inputs.
pub(super) fn check(graph: &Graph, operator: &Operator, op: Op) -> Option<Diagnostic> {
    let inputs: Vec<Option<&Tensor>> = (operator.inputs.iter())
        .map(|id| id.map(|id| graph.tensor(id)))
        .collect();
    let outputs = operator.outputs.iter().map(|id| graph.tensor(*id));
    let found = outputs
        .clone()
        .fold(0, |sum: usize, y| sum.saturating_add(y.elements()));
    let mut all = inputs.iter().flatten().copied().chain(outputs);
    let expected = all.all(is_sized).then(|| elements(op, &inputs))??;
    let first = *operator.outputs.first()?;
    (expected != found).then(|| {
        Diagnostic::new("the output's size does not follow from the operator's inputs")
            .expected(format_args!("{expected} values"))
            .found(found)
            .help(AGAIN)
            .at_tensor(first.index(), &short(&graph.tensor(first).name))
    })
}

/// The elements of all outputs; `None` where they depend on more than is looked at here.
fn elements(op: Op, inputs: &[Option<&Tensor>]) -> Option<usize> {
    let input = |position: usize| inputs.get(position).copied().flatten();
    let integers = |position: usize| input(position)?.as_integers();
    let x = input(0)?;
    match op {
        // As many as go in.
        Op::Abs
        | Op::Cast
        | Op::Ceil
        | Op::Cos
        | Op::DepthToSpace
        | Op::Dequantize
        | Op::Elu
        | Op::Exp
        | Op::ExpandDims
        | Op::Floor
        | Op::HardSwish
        | Op::LeakyRelu
        | Op::Log
        | Op::LogSoftmax
        | Op::Logistic
        | Op::Neg
        | Op::Prelu
        | Op::Relu
        | Op::Relu6
        | Op::ReluN1To1
        | Op::Relu0To1
        | Op::Round
        | Op::Rsqrt
        | Op::Sin
        | Op::Softmax
        | Op::SpaceToDepth
        | Op::SplitV
        | Op::Sqrt
        | Op::Square
        | Op::Squeeze
        | Op::Tanh
        | Op::Transpose
        | Op::Unpack => Some(x.elements()),
        Op::Split => Some(input(1)?.elements()),
        Op::Concatenation | Op::Pack => {
            let sizes = inputs.iter().flatten().map(|x| x.elements());
            Some(sizes.fold(0, usize::saturating_add))
        }
        // Each with each, where one side may be repeated.
        Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Div
        | Op::Equal
        | Op::FloorDiv
        | Op::FloorMod
        | Op::Greater
        | Op::GreaterEqual
        | Op::Less
        | Op::LessEqual
        | Op::LogicalAnd
        | Op::LogicalOr
        | Op::Maximum
        | Op::Minimum
        | Op::NotEqual
        | Op::SelectV2
        | Op::SquaredDifference => repeated(inputs),
        Op::Mean
        | Op::Sum
        | Op::ReduceMax
        | Op::ReduceMin
        | Op::ReduceProd
        | Op::ReduceAny
        | Op::ReduceAll
        | Op::ArgMax
        | Op::ArgMin => without(&x.shape, &integers(1)?),
        Op::ResizeBilinear | Op::ResizeNearestNeighbor => {
            let ([batch, _, _, channels], [height, width]) = (&x.shape[..], &integers(1)?[..])
            else {
                return None;
            };
            product([*batch, size(*height)?, size(*width)?, *channels])
        }
        Op::Pad | Op::Padv2 | Op::MirrorPad => {
            let paddings = integers(1)?;
            let (sides, rest) = paddings.as_chunks::<2>();
            if sides.len() != x.shape.len() || !rest.is_empty() {
                return None;
            }
            let padded = std::iter::zip(&x.shape, sides).map(|(size, [before, after])| {
                size.checked_add_signed(isize::try_from(before.checked_add(*after)?).ok()?)
            });
            product(padded.collect::<Option<Vec<_>>>()?)
        }
        Op::Slice => {
            let (begins, sizes) = (integers(1)?, integers(2)?);
            if begins.len() != x.shape.len() || sizes.len() != x.shape.len() {
                return None;
            }
            let parts = std::iter::zip(std::iter::zip(begins, sizes), &x.shape);
            let left = parts.map(|((begin, part), all)| match part {
                -1 => all.checked_sub(size(begin)?),
                part => size(part),
            });
            product(left.collect::<Option<Vec<_>>>()?)
        }
        Op::BroadcastTo => {
            let sizes = integers(1)?.into_iter().map(size);
            product(sizes.collect::<Option<Vec<_>>>()?)
        }
        Op::Fill => {
            let sizes = x.as_integers()?.into_iter().map(size);
            product(sizes.collect::<Option<Vec<_>>>()?)
        }
        Op::Tile => {
            let times = integers(1)?.into_iter().map(size);
            product(times.collect::<Option<Vec<_>>>()?)?.checked_mul(x.elements())
        }
        _ => None,
    }
}

fn size(value: i64) -> Option<usize> {
    usize::try_from(value).ok()
}

fn product(sizes: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut sizes = sizes.into_iter();
    sizes.try_fold(1, |product: usize, size| product.checked_mul(size))
}

/// Of inputs that are repeated along dimensions of 1 until they are alike; `None` if they never are.
fn repeated(inputs: &[Option<&Tensor>]) -> Option<usize> {
    let shapes: Vec<&[usize]> = inputs.iter().flatten().map(|x| &x.shape[..]).collect();
    let rank = shapes.iter().map(|shape| shape.len()).max()?;
    let along = |from_last: usize| {
        let mut common = 1;
        for shape in &shapes {
            match shape.iter().rev().nth(from_last) {
                None | Some(1) => {}
                Some(size) if common == 1 || common == *size => common = *size,
                Some(_) => return None,
            }
        }
        Some(common)
    };
    product((0..rank).map(along).collect::<Option<Vec<_>>>()?)
}

/// Of a shape without some of its dimensions; negative ones count from the last.
fn without(shape: &[usize], axes: &[i64]) -> Option<usize> {
    let mut left = shape.to_vec();
    for axis in axes {
        let from_first = match axis {
            0.. => size(*axis)?,
            _ => shape.len().checked_sub(size(axis.checked_neg()?)?)?,
        };
        *left.get_mut(from_first)? = 1;
    }
    product(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::DType;

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

    #[test]
    fn outputs_follow_from_inputs() {
        let x = tensor(&[2, 1, 3, 4], None);
        let of = |op, constant: &[i32]| {
            elements(
                op,
                &[Some(&x), Some(&tensor(&[constant.len()], Some(constant)))],
            )
        };
        assert_eq!(of(Op::Mean, &[1, -1]), Some(6));
        assert_eq!(of(Op::Mean, &[4]), None);
        assert_eq!(of(Op::ArgMax, &[2]), Some(8));
        assert_eq!(of(Op::ResizeBilinear, &[5, 7]), Some(280));
        assert_eq!(of(Op::Pad, &[0, 0, 1, 1, 0, 2, 0, 0]), Some(120));
        assert_eq!(of(Op::Pad, &[0, 0]), None);
        assert_eq!(of(Op::Tile, &[1, 2, 1, 1]), Some(48));
        assert_eq!(of(Op::BroadcastTo, &[2, 5, 3, 4]), Some(120));
        let (begin, size) = (
            tensor(&[4], Some(&[1, 0, 0, 0])),
            tensor(&[4], Some(&[-1, 1, 2, 4])),
        );
        assert_eq!(
            elements(Op::Slice, &[Some(&x), Some(&begin), Some(&size)]),
            Some(8)
        );
        let rows = tensor(&[5, 1, 4], None);
        assert_eq!(elements(Op::Add, &[Some(&x), Some(&rows)]), Some(120));
        assert_eq!(
            elements(Op::Add, &[Some(&x), Some(&tensor(&[3], None))]),
            None
        );
        assert_eq!(elements(Op::Relu, &[Some(&x)]), Some(24));
    }
}
