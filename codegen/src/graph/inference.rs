//! The sizes of what comes out of an operator, by what goes in.

use super::operands::Operands;
use super::shapes::{self, dimension, size};
use super::{BuiltinOperator as Op, Options};

/// The outputs' shapes; `None` where they depend on more than is looked at here, or do not fit the inputs.
pub fn of_outputs(op: Op, operands: &Operands<'_>) -> Option<Vec<Vec<usize>>> {
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
            let sizes = shapes::rest_of(&operands.integers(1)?, x[axis])?;
            return Some(sizes.into_iter().map(|size| with(x, axis, size)).collect());
        }
        Op::Unpack => {
            let axis = dimension(operands.option("axis"), x.len())?;
            return Some(vec![without(x, &[axis]); operands.outputs().len()]);
        }
        // Those that go in.
        Op::Abs
        | Op::AddN
        | Op::Cast
        | Op::Ceil
        | Op::Cos
        | Op::Cumsum
        | Op::Densify
        | Op::Dequantize
        | Op::DynamicUpdateSlice
        | Op::Elu
        | Op::Exp
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
        | Op::ReverseSequence
        | Op::ReverseV2
        | Op::Round
        | Op::Rsqrt
        | Op::Sign
        | Op::Sin
        | Op::Softmax
        | Op::Sqrt
        | Op::Square
        | Op::Tanh
        | Op::ZerosLike => x.to_vec(),
        op if op.broadcasts() => shapes::broadcast(operands.inputs().map(|x| &x.shape[..]))?,
        // Its condition may be a list.
        Op::Select => operands.input(1)?.shape.clone(),
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
            let axes = operands.integers(1)?;
            let axes = sizes(axes.len(), &|i| dimension(axes[i], x.len()))?;
            match operands.options {
                Options::Reducer(options) if options.keep_dims => {
                    let mut shape = x.to_vec();
                    axes.iter().for_each(|axis| shape[*axis] = 1);
                    shape
                }
                _ => without(x, &axes),
            }
        }
        Op::Transpose => {
            let order = operands.integers(1)?;
            sizes(order.len(), &|i| Some(x[dimension(order[i], x.len())?]))?
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
            sizes(x.len(), &|i| {
                let more = sides[i][0].checked_add(sides[i][1])?;
                x[i].checked_add_signed(isize::try_from(more).ok()?)
            })?
        }
        Op::Slice => {
            let (begins, parts) = (operands.integers(1), operands.integers(2)?);
            let fit = begins.as_ref().is_none_or(|begins| begins.len() == x.len());
            if !fit || parts.len() != x.len() {
                return None;
            }
            sizes(x.len(), &|i| match parts[i] {
                -1 => x[i].checked_sub(size(begins.as_ref()?[i])?),
                part => size(part),
            })?
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
        Op::OneHot => {
            let depth = size(*operands.integers(1)?.first()?)?;
            let mut shape = x.to_vec();
            // −1 is behind all axes.
            shape.insert(dimension(operands.option("axis"), x.len() + 1)?, depth);
            shape
        }
        Op::TopkV2 => {
            let count = size(*operands.integers(1)?.first()?)?;
            let shape = with(x, x.len().checked_sub(1)?, count);
            return Some(vec![shape; 2]);
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
        Op::Rank => Vec::new(),
        Op::ExpandDims => {
            let axis = dimension(*operands.integers(1)?.first()?, x.len() + 1)?;
            let mut shape = x.to_vec();
            shape.insert(axis, 1);
            shape
        }
        Op::Squeeze => squeezed(x, operands)?,
        Op::Reshape => reshaped(x, operands)?,
        Op::Conv2d | Op::DepthwiseConv2d | Op::AveragePool2d | Op::MaxPool2d | Op::L2Pool2d => {
            windows(x, operands)?
        }
        Op::FullyConnected => {
            let [units, depth] = operands.input(1)?.shape[..] else {
                return None;
            };
            let (last, rows) = x.split_last()?;
            match operands.options {
                Options::FullyConnected(options) if options.keep_num_dims && *last == depth => {
                    [rows, &[units]].concat()
                }
                _ => vec![elements(x)?.checked_div(depth)?, units],
            }
        }
        Op::BroadcastArgs => {
            let ranks = operands.inputs().map(|sizes| sizes.shape.first().copied());
            vec![ranks.max()??]
        }
        Op::BroadcastTo => operands.sizes(1)?,
        Op::Fill | Op::TransposeConv => operands.sizes(0)?,
        Op::Tile => {
            let times = operands.sizes(1)?;
            let rank = x.len().min(times.len());
            sizes(rank, &|i| x[i].checked_mul(times[i]))?
        }
        _ => return None,
    };
    Some(vec![shape])
}

/// So many sizes, if all are known. Iterators of their own for each operator would be many times the code.
fn sizes(count: usize, size: &dyn Fn(usize) -> Option<usize>) -> Option<Vec<usize>> {
    (0..count).map(size).collect()
}

/// RESHAPE's sizes are an input's, or else an option's; one of them may be −1: what is left.
fn reshaped(x: &[usize], operands: &Operands<'_>) -> Option<Vec<usize>> {
    let wanted = match (operands.input(1), operands.options) {
        (Some(_), _) => operands.integers(1)?,
        (None, Options::Reshape(options)) => {
            options.new_shape.iter().map(|s| i64::from(*s)).collect()
        }
        _ => return None,
    };
    let of = |left: usize| {
        sizes(wanted.len(), &|i| match wanted[i] {
            -1 => Some(left),
            wanted => size(wanted),
        })
    };
    let known = elements(&of(1)?)?;
    let whole = elements(x)?;
    let shape = of(whole.checked_div(known).unwrap_or(0))?;
    (elements(&shape)? == whole).then_some(shape)
}

/// SQUEEZE leaves out the axes that it names, or all of one element.
fn squeezed(x: &[usize], operands: &Operands<'_>) -> Option<Vec<usize>> {
    let axes: Vec<usize> = match operands.options {
        Options::Squeeze(options) if !options.dims.is_empty() => {
            let axes = &options.dims;
            sizes(axes.len(), &|i| dimension(axes[i].into(), x.len()))?
        }
        _ => (0..x.len()).filter(|axis| x[*axis] == 1).collect(),
    };
    let ones = axes.iter().all(|axis| x[*axis] == 1);
    ones.then(|| without(x, &axes))
}

/// What slides a window over an image.
fn windows(x: &[usize], operands: &Operands<'_>) -> Option<Vec<usize>> {
    let &[batch, height, width, channels] = x else {
        return None;
    };
    let weights = || <[usize; 4]>::try_from(&operands.input(1)?.shape[..]).ok();
    let (padding, stride, dilation, filter, channels) = match operands.options {
        Options::Conv2d(o) => {
            let [units, height, width, _] = weights()?;
            (o.padding, o.stride, o.dilation, (height, width), units)
        }
        Options::DepthwiseConv2d(o) => {
            let [_, height, width, units] = weights()?;
            (o.padding, o.stride, o.dilation, (height, width), units)
        }
        Options::Pool2d(o) => (o.padding, o.stride, (1, 1), o.filter, channels),
        _ => return None,
    };
    let (height, _) = padding.windows(height, filter.0, stride.0, dilation.0);
    let (width, _) = padding.windows(width, filter.1, stride.1, dilation.1);
    Some(vec![batch, height, width, channels])
}

fn elements(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |n, size| n.checked_mul(*size))
}

/// A shape without some of its axes.
fn without(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    let left = shape
        .iter()
        .enumerate()
        .filter(|(axis, _)| !axes.contains(axis));
    left.map(|(_, size)| *size).collect()
}

/// A shape with another size along an axis.
fn with(shape: &[usize], axis: usize, size: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape[axis] = size;
    shape
}
