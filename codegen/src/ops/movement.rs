//! Operators that only move elements, of any type: each is a function that says which walk through an input goes with which
//! walk through an output.

use castiron_runtime::kernels::{Fill, LOOPS};

use super::walk::{Copy, Walk};
use super::{Family, Site, joined, pad};
use crate::error::Diagnostic;
use crate::graph::shapes::{self as shape, Strided};
use crate::graph::{BuiltinOperator as Op, OpKind, Options, Tensor, TensorId};
use crate::plan::OutputMemory;
use crate::program::Choosing;

/// One walk through an input into one through an output.
pub struct Move {
    pub(super) input: usize,
    pub(super) x: Walk,
    pub(super) output: usize,
    pub(super) y: Walk,
}

/// An operator, by the moves that it makes.
pub(super) struct Movement(pub(super) fn(&Site<'_>) -> Result<Vec<Move>, Diagnostic>);

/// The most copies of one operator: each is a kernel call.
const MOST_MOVES: usize = 1024;
/// The most copies for one with too many loops.
const MOST_ROUNDS: usize = 16;

impl Family for Movement {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        match site.options() {
            Options::Joined(all) => choose(site, choosing, &joined::moves(site, all)?),
            _ => choose(site, choosing, &(self.0)(site)?),
        }
    }

    fn moves(&self, site: &Site<'_>) -> Result<Option<Vec<Move>>, Diagnostic> {
        (self.0)(site).map(Some)
    }
}

/// Adds what makes all moves of an operator.
pub(super) fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    moves: &[Move],
) -> Result<(), Diagnostic> {
    if moves.len() > MOST_MOVES {
        return Err(site
            .error("the operator moves too many parts")
            .expected(format_args!("at most {MOST_MOVES} kernel calls"))
            .found(moves.len()));
    }
    let mut copies = Vec::new();
    for Move {
        input,
        x,
        output,
        y,
    } in moves
    {
        let (x_id, y_id) = (site.input_id(*input)?, site.output_id(*output)?);
        if site.input(*input)?.dtype != site.output(*output)?.dtype {
            return Err(site.unsupported_types("one type for inputs and outputs"));
        }
        // As references do, whatever the scales.
        let copy = Copy::new(x, y).ok_or_else(|| unlike(site, y_id, x))?;
        copies.push((copy, x_id, y_id));
    }
    if leaves_gaps(site) {
        let y_id = site.output_id(0)?;
        let pattern = pad::pattern(&pad::zero(site, y_id)?);
        let y = choosing.activation(y_id)?.as_bytes();
        choosing.call(Fill { pattern }, [y]);
    }
    choosing.outputs((0..site.operator.outputs.len()).map(|output| {
        let mut to_it = std::iter::zip(moves, &copies).filter(|(m, _)| m.output == output);
        match (to_it.next(), to_it.next()) {
            (Some((Move { input, .. }, (copy, x_id, y_id))), None) => shared(
                site.graph.tensor(*x_id),
                site.graph.tensor(*y_id),
                *input,
                copy,
            ),
            _ => OutputMemory::Separate,
        }
    }));
    for (copy, x_id, y_id) in copies {
        let (x, y) = (choosing.tensor(x_id)?, choosing.activation(y_id)?);
        // Two movements are better two copies than many.
        let loops = copy.loops();
        let is_joined = matches!(site.options(), Options::Joined(_));
        let rounds = match loops > LOOPS && !is_joined {
            true => copy.rounds(),
            false => vec![copy],
        };
        let is_few = rounds.len() <= MOST_ROUNDS;
        if !is_few || !rounds.iter().all(|copy| copy.choose(choosing, x, y)) {
            return Err(site
                .error("too many dimensions are moved")
                .expected(format_args!(
                    "at most {LOOPS} loops after neighbouring dimensions are merged"
                ))
                .found(loops)
                .help("move fewer dimensions at once, in two operators"));
        }
    }
    Ok(())
}

/// What an output may be of the bytes of the input that one copy makes it from.
fn shared(x: &Tensor, y: &Tensor, input: usize, copy: &Copy) -> OutputMemory {
    match copy.part(y.elements()) {
        Some(0) if x.elements() == y.elements() && !x.is_constant() => OutputMemory::Alias(input),
        Some(first) if !x.is_constant() => OutputMemory::Part {
            input,
            offset: first * x.dtype.bits() / 8,
        },
        _ => OutputMemory::Separate,
    }
}

fn unlike(site: &Site<'_>, id: TensorId, x: &Walk) -> Diagnostic {
    let expected: Vec<usize> = x.counts().into_iter().filter(|n| *n != 1).collect();
    site.tensor_error(id, "the shape does not follow from the operator's inputs")
        .expected(format_args!("sizes {expected:?}, and any of 1"))
        .found(format_args!("{:?}", site.graph.tensor(id).shape))
        .help("export the model again with fixed shapes")
}

/// Whether elements of the output are no input's: SPACE_TO_BATCH_ND's, where it pads.
fn leaves_gaps(site: &Site<'_>) -> bool {
    site.operator.kind == OpKind::Builtin(Op::SpaceToBatchNd)
        && site
            .integers(2, "the paddings")
            .is_ok_and(|paddings| paddings.iter().any(|n| *n != 0))
}

/// All of an input and an output.
fn shapes<'a>(site: &Site<'a>) -> Result<(&'a [usize], &'a [usize]), Diagnostic> {
    Ok((&site.input(0)?.shape, &site.output(0)?.shape))
}

/// The one move of an operator with one input and one output.
pub(super) fn one(x: Walk, y: Walk) -> Vec<Move> {
    vec![Move {
        input: 0,
        x,
        output: 0,
        y,
    }]
}

/// A size, position or count that the reader has found to fit.
fn count(site: &Site<'_>, value: i64) -> Result<usize, Diagnostic> {
    usize::try_from(value).map_err(|_| {
        site.error("a size or position must not be negative")
            .found(value)
    })
}

/// Checks that an operator leaves the number of dimensions as it is.
fn same_rank(site: &Site<'_>, x: &[usize], y: &[usize]) -> Result<(), Diagnostic> {
    if x.len() == y.len() {
        return Ok(());
    }
    Err(site
        .tensor_error(
            site.output_id(0)?,
            "the output and the input differ in their number of dimensions",
        )
        .expected(x.len())
        .found(y.len())
        .help("export the model again with fixed shapes"))
}

/// Checks that a list has a value for each of so many dimensions.
fn for_each(site: &Site<'_>, values: &[i64], rank: usize) -> Result<(), Diagnostic> {
    if values.len() == rank {
        return Ok(());
    }
    Err(site
        .error("the number of values differs from the number of dimensions")
        .expected(rank)
        .found(values.len()))
}

pub(super) fn transpose(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let order = site.integers(1, "the order of dimensions")?;
    for_each(site, &order, x.len())?;
    let order: Result<Vec<usize>, _> = order.iter().map(|a| site.axis(*a, x.len())).collect();
    Ok(one(Walk::of(x).in_order(&order?), Walk::of(y)))
}

pub(super) fn slice(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let begins = site.integers(1, "where the part begins")?;
    for_each(site, &begins, x.len())?;
    same_rank(site, x, y)?;
    let mut walk = Walk::of(x);
    for (axis, begin) in begins.into_iter().enumerate() {
        let begin = count(site, begin)?;
        within(site, begin, y[axis], x[axis])?;
        walk = walk.part(axis, begin, y[axis], 1);
    }
    Ok(one(walk, Walk::of(y)))
}

/// Checks that a part lies in its dimension.
fn within(site: &Site<'_>, first: usize, part: usize, whole: usize) -> Result<(), Diagnostic> {
    if first.checked_add(part).is_some_and(|end| end <= whole) {
        return Ok(());
    }
    Err(site
        .error("the part lies outside the input")
        .expected(format_args!("within {whole}"))
        .found(format_args!("{part} from {first} on")))
}

pub(super) fn strided_slice(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let options = site.options();
    if options.integer("ellipsis_mask") != 0 || options.integer("new_axis_mask") != 0 {
        return Err(site
            .error("an ellipsis and new axes are not supported")
            .help("write all dimensions of the slice, and use RESHAPE for new axes"));
    }
    let strided = Strided::new(
        options,
        site.integers(1, "where the part begins")?,
        site.integers(2, "where the part ends")?,
        site.integers(3, "the strides")?,
    );
    let parts = strided
        .parts(x)
        .ok_or_else(|| site.error("a stride must not be 0"))?;
    let mut walk = Walk::of(x);
    let mut shrunk = Vec::new();
    for (axis, part) in parts.iter().enumerate() {
        if part.shrinks {
            within(site, part.first, 1, x[axis])?;
            // References read beside the input there, or refuse it.
            if strided.strides[axis] < 0 {
                return Err(site
                    .error("a dimension that shrinks has a negative stride")
                    .expected("a stride of 1")
                    .found(strided.strides[axis]));
            }
            shrunk.push(axis);
        }
        walk = walk.part(axis, part.first, part.count, part.stride);
    }
    Ok(one(walk.without(&shrunk), Walk::of(y)))
}

pub(super) fn reverse(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let mut walk = Walk::of(x);
    for axis in site.integers(1, "the axes")? {
        walk = walk.reversed(site.axis(axis, x.len())?);
    }
    Ok(one(walk, Walk::of(y)))
}

pub(super) fn reverse_sequence(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    site.expect_shape(site.output_id(0)?, x)?;
    let axis = site.axis(site.options().integer("seq_dim"), x.len())?;
    let batch = site.axis(site.options().integer("batch_dim"), x.len())?;
    let lengths = site.integers(1, "the lengths")?;
    if axis == batch || lengths.len() != x[batch] {
        return Err(site
            .error("there is not one length for each element of the batch")
            .expected(format_args!("{} lengths, along another axis", x[batch]))
            .found(format_args!("{} along axis {axis}", lengths.len())));
    }
    let mut moves = Vec::new();
    for (at, length) in lengths.into_iter().enumerate() {
        let length = count(site, length)?;
        within(site, 0, length, x[axis])?;
        let part = |shape, first, count| {
            let walk = Walk::of(shape).part(batch, at, 1, 1);
            walk.part(axis, first, count, 1)
        };
        moves.extend(one(part(x, 0, length).reversed(axis), part(y, 0, length)));
        let rest = x[axis] - length;
        moves.extend(one(part(x, length, rest), part(y, length, rest)));
    }
    Ok(moves)
}

pub(super) fn split(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let axis = site.integers(0, "the axis")?;
    parts(site, 1, axis.first().copied().unwrap_or(0))
}

pub(super) fn split_v(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let axis = site.integers(2, "the axis")?;
    parts(site, 0, axis.first().copied().unwrap_or(0))
}

/// An input along an axis, in outputs of whatever sizes they have.
fn parts(site: &Site<'_>, input: usize, axis: i64) -> Result<Vec<Move>, Diagnostic> {
    let x = &site.input(input)?.shape;
    let axis = site.axis(axis, x.len())?;
    let mut first = 0;
    let outputs = (0..site.operator.outputs.len()).map(|output| {
        let shape = &site.output(output)?.shape;
        let part = shape.get(axis).copied().unwrap_or(1);
        within(site, first, part, x[axis])?;
        let walk = Walk::of(x).part(axis, first, part, 1);
        first += part;
        Ok(Move {
            input,
            x: walk,
            output,
            y: Walk::of(shape),
        })
    });
    outputs.collect()
}

pub(super) fn unpack(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let x = &site.input(0)?.shape;
    let axis = site.axis(site.options().integer("axis"), x.len())?;
    let outputs = (0..site.operator.outputs.len()).map(|output| {
        within(site, output, 1, x[axis])?;
        Ok(Move {
            input: 0,
            x: Walk::of(x).part(axis, output, 1, 1).without(&[axis]),
            output,
            y: Walk::of(&site.output(output)?.shape),
        })
    });
    outputs.collect()
}

pub(super) fn pack(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let y = &site.output(0)?.shape;
    let axis = site.axis(site.options().integer("axis"), y.len())?;
    let parts = site.operator.inputs.len();
    if parts != y[axis] {
        return Err(site
            .error("the number of inputs does not match the output")
            .expected(format_args!("{parts} along axis {axis}"))
            .found(y[axis])
            .help("export the model again with fixed shapes"));
    }
    let inputs = (0..parts).map(|input| {
        Ok(Move {
            input,
            x: Walk::of(&site.input(input)?.shape),
            output: 0,
            y: Walk::of(y).part(axis, input, 1, 1).without(&[axis]),
        })
    });
    inputs.collect()
}

pub(super) fn tile(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let times = site.integers(1, "how often to repeat")?;
    for_each(site, &times, x.len())?;
    let times: Result<Vec<usize>, _> = times.iter().map(|n| count(site, *n)).collect();
    let times = times?;
    let tiled = std::iter::zip(x, &times).map(|(size, times)| size.checked_mul(*times));
    let tiled: Option<Vec<usize>> = tiled.collect();
    site.expect_shape(site.output_id(0)?, &tiled.unwrap_or_default())?;
    let (mut from, mut to) = (Walk::of(x), Walk::of(y));
    for (axis, times) in times.into_iter().enumerate() {
        let at = 2 * axis;
        from = from.repeated(at, times);
        // Of nothing there are no rows.
        to = to.split(at, x[axis]).unwrap_or_else(|| from.clone());
    }
    Ok(one(from, to))
}

pub(super) fn broadcast_to(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let from = Walk::of(x).broadcast(x, y).ok_or_else(|| {
        site.error("the input's shape does not broadcast to the output's")
            .found(format_args!("{x:?} and {y:?}"))
    })?;
    Ok(one(from, Walk::of(y)))
}

/// A block's size, and the image that is in blocks, as [batch, height, width, channels].
fn blocks(site: &Site<'_>, id: TensorId) -> Result<(usize, [usize; 4]), Diagnostic> {
    let block = count(site, site.options().integer("block_size"))?;
    Ok((block, site.nhwc(id)?))
}

fn uneven(site: &Site<'_>) -> Diagnostic {
    site.error("the blocks do not divide the tensor")
}

pub(super) fn space_to_depth(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let (block, _) = blocks(site, site.input_id(0)?)?;
    let (_, [_, _, _, channels]) = blocks(site, site.output_id(0)?)?;
    let in_blocks = Walk::of(x).split(1, block).and_then(|x| x.split(3, block));
    let depth = block
        .checked_mul(block)
        .and_then(|n| channels.checked_div(n));
    let out = depth.and_then(|depth| Walk::of(y).split(3, depth)?.split(3, block));
    match (in_blocks, out) {
        (Some(x), Some(y)) => Ok(one(x.in_order(&[0, 1, 3, 2, 4, 5]), y)),
        _ => Err(uneven(site)),
    }
}

pub(super) fn depth_to_space(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let (block, [_, _, _, channels]) = blocks(site, site.input_id(0)?)?;
    let depth = block
        .checked_mul(block)
        .and_then(|n| channels.checked_div(n));
    let deep = depth.and_then(|depth| Walk::of(x).split(3, depth)?.split(3, block));
    site.nhwc(site.output_id(0)?)?;
    let out = Walk::of(y).split(1, block).and_then(|y| y.split(3, block));
    match (deep, out) {
        (Some(x), Some(y)) => Ok(one(x.in_order(&[0, 1, 3, 2, 4, 5]), y)),
        _ => Err(uneven(site)),
    }
}

pub(super) fn space_to_batch(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    batches(site, 0)
}

pub(super) fn batch_to_space(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    batches(site, 1)
}

/// Both directions: the image is input 0 of the one and output of the other. For each place in a block, a batch of the other tensor
/// has every element of the image at that place, but for margins.
fn batches(site: &Site<'_>, image_is_output: usize) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let (image, flat) = match image_is_output {
        0 => (x, y),
        _ => (y, x),
    };
    let blocks = site.integers(1, "the blocks")?;
    let margins = site.integers(2, "the margins")?;
    let sizes: Result<Vec<usize>, _> = blocks.iter().map(|b| count(site, *b)).collect();
    let sizes = sizes?;
    let places = sizes.iter().try_fold(1_usize, |n, b| n.checked_mul(*b));
    let places = places.filter(|n| (1..=MOST_MOVES).contains(n));
    margins.iter().try_for_each(|n| count(site, *n).map(drop))?;
    // With margins and blocks that fit, all that is computed below lies within both tensors.
    let fits = sizes.len() < image.len()
        && shape::space_to_batch(image, &blocks, &margins).as_deref() == Some(flat);
    let Some(places) = places.filter(|_| fits) else {
        return Err(uneven(site)
            .expected(
                "blocks and paddings or crops that lead from the input's shape to the output's",
            )
            .found(format_args!("{x:?} and {y:?}"))
            .help("export the model again with fixed shapes"));
    };
    let mut moves = Vec::new();
    for place in 0..places {
        let mut from_flat = Walk::of(flat).part(0, place * image[0], image[0], 1);
        let mut in_image = Walk::of(image);
        let mut rest = place;
        for (i, block) in sizes.iter().enumerate().rev() {
            let axis = i + 1;
            let before = count(site, margins[2 * i])?;
            let (offset, step) = (rest % block, *block);
            rest /= block;
            // Element p of the flat tensor is element p × block + offset − before of the image.
            let first = before.saturating_sub(offset).div_ceil(step);
            let beyond = (image[axis] + before).saturating_sub(offset).div_ceil(step);
            let some = beyond.saturating_sub(first);
            let at = (first * step + offset).saturating_sub(before);
            from_flat = from_flat.part(axis, first, some, 1);
            in_image = in_image.part(axis, at, some, step as isize);
        }
        let (x, y) = match image_is_output {
            0 => (in_image, from_flat),
            _ => (from_flat, in_image),
        };
        moves.extend(one(x, y));
    }
    Ok(moves)
}

pub(super) fn mirror_pad(site: &Site<'_>) -> Result<Vec<Move>, Diagnostic> {
    let (x, y) = shapes(site)?;
    let paddings = site.integers(1, "the paddings")?;
    for_each(site, &paddings, 2 * x.len())?;
    same_rank(site, x, y)?;
    // REFLECT leaves the edge out, SYMMETRIC repeats it.
    let edge = match site.options().integer("mode") {
        0 => 1,
        _ => 0,
    };
    let mut walks = vec![(Walk::of(x), Walk::of(y))];
    for (axis, pair) in paddings.as_chunks::<2>().0.iter().enumerate() {
        let [before, after] = [count(site, pair[0])?, count(site, pair[1])?];
        let size = x[axis];
        if before.checked_add(size).and_then(|n| n.checked_add(after)) != Some(y[axis]) {
            return Err(unlike(site, site.output_id(0)?, &Walk::of(x)));
        }
        if before.max(after) + edge > size {
            return Err(site
                .error("the paddings do not fit the input")
                .expected(format_args!(
                    "at most {} along axis {axis}",
                    size - edge.min(size)
                ))
                .found(format_args!("{before} and {after}")));
        }
        // What is before, backwards; the middle; what is after, backwards.
        let parts = [
            (before + edge)
                .checked_sub(1)
                .map(|first| (first, before, -1, 0)),
            Some((0, size, 1, before)),
            (size - edge)
                .checked_sub(1)
                .map(|first| (first, after, -1, before + size)),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().filter(|p| p.1 > 0).collect();
        if walks.len() * parts.len() > MOST_MOVES {
            return Err(site
                .error("too many dimensions are padded")
                .expected(format_args!("at most {MOST_MOVES} parts"))
                .found(walks.len() * parts.len()));
        }
        walks = (walks.iter())
            .flat_map(|(x, y)| {
                parts.iter().map(move |&(first, count, stride, to)| {
                    let x = x.clone().part(axis, first, count, stride);
                    (x, y.clone().part(axis, to, count, 1))
                })
            })
            .collect();
    }
    Ok(walks.into_iter().flat_map(|(x, y)| one(x, y)).collect())
}
