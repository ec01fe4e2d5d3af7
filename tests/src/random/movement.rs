//! Operators that move elements, whatever these are.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::spec::{Spec, Value};

pub(super) fn drawn(d: &mut Draw<'_>, ranks: std::ops::RangeInclusive<usize>) -> Value {
    let types = d.moved();
    d.any_at_all(types, ranks)
}

/// An axis as the file has it: from the first dimension, or from the last.
pub(super) fn named(d: &mut Draw<'_>, axis: usize, rank: usize) -> i64 {
    let axis = axis as i64;
    if d.one_in(3) {
        axis - rank as i64
    } else {
        axis
    }
}

pub(super) fn one(
    d: &mut Draw<'_>,
    op: Op,
    inputs: &[i32],
    y: Spec,
    options: Options,
) -> Option<()> {
    d.emit_one(op, inputs, y, options).map(drop)
}

pub(super) fn reshape(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 0..=6);
    let mut rest = x.elements();
    let mut shape = Vec::new();
    for _ in 0..d.between(0..=4) {
        let divisors: Vec<usize> = (1..=rest).filter(|n| rest.is_multiple_of(*n)).collect();
        let size = d.choose(&divisors);
        shape.push(size);
        rest /= size;
    }
    if rest > 1 {
        shape.push(rest);
    }
    let mut sizes: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    if !sizes.is_empty() && d.one_in(3) {
        let open = d.between(0..=sizes.len() - 1);
        sizes[open] = -1;
    }
    let y = x.shaped(&shape);
    if d.one_in(4) {
        let list = sizes.iter().map(|n| *n as i32).collect();
        return one(d, op, &[x.id], y, Options::List(17, list));
    }
    let sizes = d.list(&sizes);
    one(d, op, &[x.id, sizes], y, Options::None)
}

/// RESHAPE to sizes that are computed, as converters write it where a batch is unknown: of what goes in, some are kept, and what is left
/// is one dimension.
pub(super) fn reshape_by_shape(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 2..=5);
    let rank = x.shape.len();
    let sizes = Spec::of(DType::Int32, &[rank]);
    let i32 = super::spec::code(DType::Int32);
    let sizes = d.emit_one(
        Op::Shape,
        &[x.id],
        sizes,
        Options::Numbers(55, vec![i32.into()]),
    )?;
    let kept = d.between(1..=rank - 1);
    let mut parts = Vec::new();
    for axis in 0..kept {
        let [begin, end, step] = [axis, axis + 1, 1].map(|n| d.sizes(&[n]));
        let one = Spec::of(DType::Int32, &[]);
        let options = Options::Numbers(32, vec![0, 0, 0, 0, 1]);
        let ids = [sizes.id, begin, end, step];
        parts.push(d.emit_one(Op::StridedSlice, &ids, one, options)?.id);
    }
    let rest: usize = x.shape[kept..].iter().product();
    let last = if d.coin() { -1 } else { rest as i64 };
    parts.push(d.scalar(last));
    let packed = Spec::of(DType::Int32, &[kept + 1]);
    let options = Options::Numbers(59, vec![kept as i32 + 1, 0]);
    let packed = d.emit_one(Op::Pack, &parts, packed, options)?;
    let y = x.shaped(&[&x.shape[..kept], &[rest]].concat());
    one(d, op, &[x.id, packed.id], y, Options::None)
}

pub(super) fn squeeze(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let types = d.moved();
    let x = d.any_that(types, 1..=6, |v| v.shape.contains(&1));
    let ones: Vec<usize> = (0..x.shape.len()).filter(|i| x.shape[*i] == 1).collect();
    if ones.is_empty() {
        return None;
    }
    let dropped: Vec<usize> = match d.coin() {
        true => ones,
        false => vec![d.choose(&ones)],
    };
    let shape: Vec<usize> = (0..x.shape.len())
        .filter(|i| !dropped.contains(i))
        .map(|i| x.shape[i])
        .collect();
    let is_all = shape.iter().all(|n| *n != 1);
    let list = match is_all && d.coin() {
        true => Vec::new(),
        false => dropped.iter().map(|i| *i as i32).collect(),
    };
    let y = x.shaped(&shape);
    one(d, op, &[x.id], y, Options::List(30, list))
}

pub(super) fn expand_dims(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 0..=5);
    let axis = d.between(0..=x.shape.len());
    let mut shape = x.shape.clone();
    shape.insert(axis, 1);
    let axis = named(d, axis, shape.len());
    let axis = d.scalar(axis);
    let y = x.shaped(&shape);
    one(d, op, &[x.id, axis], y, Options::None)
}

pub(super) fn transpose(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=5);
    let mut order: Vec<usize> = (0..x.shape.len()).collect();
    for i in (1..order.len()).rev() {
        let other = d.between(0..=i);
        order.swap(i, other);
    }
    let shape: Vec<usize> = order.iter().map(|i| x.shape[*i]).collect();
    let order = d.sizes(&order);
    let y = x.shaped(&shape);
    one(d, op, &[x.id, order], y, Options::None)
}

pub(super) fn reverse(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=5);
    let axis = d.between(0..=x.shape.len() - 1);
    let mut axes = vec![named(d, axis, x.shape.len())];
    if axis + 1 < x.shape.len() && d.one_in(3) {
        axes.push(axis as i64 + 1);
    }
    let axes = d.list(&axes);
    let y = x.shaped(&x.shape);
    one(d, op, &[x.id, axes], y, Options::None)
}

pub(super) fn reverse_sequence(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 2..=5);
    let rank = x.shape.len();
    let axis = d.between(0..=rank - 1);
    let batch = (axis + d.between(1..=rank - 1)) % rank;
    let lengths: Vec<i64> = (0..x.shape[batch])
        .map(|_| d.between(1..=x.shape[axis]) as i64)
        .collect();
    let dtype = d.choose(&[DType::Int32, DType::Int64]);
    let lengths = d.integers(dtype, &[lengths.len()], &lengths);
    let y = x.shaped(&x.shape);
    let options = Options::Numbers(87, vec![axis as i32, batch as i32]);
    one(d, op, &[x.id, lengths], y, options)
}

/// Where a part of so many begins, and how long it is.
fn part(d: &mut Draw<'_>, size: usize) -> (usize, usize) {
    let first = match d.coin() {
        true => 0,
        false => d.between(0..=size - 1),
    };
    (first, d.between(1..=size - first))
}

pub(super) fn slice(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=5);
    let parts: Vec<(usize, usize)> = x.shape.iter().map(|n| part(d, *n)).collect();
    let shape: Vec<usize> = parts.iter().map(|p| p.1).collect();
    let dtype = d.choose(&[DType::Int32, DType::Int64]);
    let begins: Vec<i64> = parts.iter().map(|p| p.0 as i64).collect();
    let sizes: Vec<i64> = std::iter::zip(&parts, &x.shape)
        .map(|((first, count), size)| match first + count == *size {
            true => -1,
            false => *count as i64,
        })
        .collect();
    let lists = [begins, sizes].map(|list| d.integers(dtype, &[list.len()], &list));
    let y = x.shaped(&shape);
    one(d, op, &[x.id, lists[0], lists[1]], y, Options::None)
}

pub(super) fn strided_slice(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=4);
    let mut lists = [Vec::new(), Vec::new(), Vec::new()];
    let mut shape = Vec::new();
    let mut masks = [0; 3];
    for (axis, size) in x.shape.iter().enumerate() {
        let (first, count) = part(d, *size);
        if d.one_in(6) {
            // One element, and no dimension.
            masks[2] |= 1 << axis;
            lists[0].push(first as i64);
            lists[1].push(first as i64 + 1);
            lists[2].push(1);
            continue;
        }
        let stride = d.choose(&[1, 1, 2, 3]);
        let backwards = d.one_in(4);
        shape.push(count.div_ceil(stride));
        let (mut begin, mut end) = (first as i64, (first + count) as i64);
        let mut step = stride as i64;
        if backwards {
            (begin, end, step) = (end - 1, begin - 1, -step);
            // Before the first element there is no position.
            if end < 0 {
                end -= *size as i64;
            }
        }
        let whole = match backwards {
            true => first + count == *size,
            false => first == 0,
        };
        if whole && d.one_in(3) {
            masks[0] |= 1 << axis;
            begin = 0;
        }
        let whole = match backwards {
            true => first == 0,
            false => first + count == *size,
        };
        if whole && d.one_in(3) {
            masks[1] |= 1 << axis;
            end = 0;
        }
        lists[0].push(begin);
        lists[1].push(end);
        lists[2].push(step);
    }
    let [a, b, c] = lists.map(|list| d.list(&list));
    let options = Options::Numbers(32, vec![masks[0], masks[1], 0, 0, masks[2]]);
    let y = x.shaped(&shape);
    one(d, op, &[x.id, a, b, c], y, options)
}

pub(super) fn concatenation(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let first = drawn(d, 1..=5);
    let axis = d.between(0..=first.shape.len() - 1);
    let mut all = vec![first.clone()];
    for _ in 0..d.between(1..=3) {
        let fits = |v: &Value| {
            v.dtype == first.dtype && v.scale == first.scale && joins(&v.shape, &first.shape, axis)
        };
        let found = d.find(fits);
        let value = found.unwrap_or_else(|| {
            let mut shape = first.shape.clone();
            shape[axis] = d.between(1..=4);
            d.like(&first.shaped(&shape))
        });
        all.push(value);
    }
    let mut y = first.shaped(&first.shape);
    y.shape[axis] = all.iter().map(|v| v.shape[axis]).sum();
    let y = worst(y, &all);
    let axis = named(d, axis, first.shape.len());
    let ids: Vec<i32> = all.iter().map(|v| v.id).collect();
    one(d, op, &ids, y, Options::Numbers(10, vec![axis as i32, 0]))
}

/// The estimates of floats from several tensors.
pub(super) fn worst(y: Spec, all: &[Value]) -> Spec {
    let peak = all.iter().map(|v| v.peak).fold(0.0, f32::max);
    let error = all.iter().map(|v| v.error).fold(0.0, f32::max);
    y.within(peak, error)
}

/// Whether two shapes differ along an axis alone.
fn joins(a: &[usize], b: &[usize], axis: usize) -> bool {
    a.len() == b.len() && (0..a.len()).all(|i| i == axis || a[i] == b[i])
}

pub(super) fn pack(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let first = drawn(d, 0..=5);
    let mut all = vec![first.clone()];
    for _ in 0..d.between(0..=3) {
        all.push(d.like(&first));
    }
    let axis = d.between(0..=first.shape.len());
    let mut shape = first.shape.clone();
    shape.insert(axis, all.len());
    let y = worst(first.shaped(&shape), &all);
    let axis = named(d, axis, shape.len());
    let ids: Vec<i32> = all.iter().map(|v| v.id).collect();
    let options = vec![ids.len() as i32, axis as i32];
    one(d, op, &ids, y, Options::Numbers(59, options))
}

pub(super) fn unpack(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=5);
    let axis = d.between(0..=x.shape.len() - 1);
    let parts = x.shape[axis];
    let mut shape = x.shape.clone();
    shape.remove(axis);
    if parts > 6 {
        return None;
    }
    let outputs = vec![x.shaped(&shape); parts];
    let axis = named(d, axis, x.shape.len());
    let options = Options::Numbers(64, vec![parts as i32, axis as i32]);
    d.emit(op, &[x.id], outputs, options).map(drop)
}

pub(super) fn split(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=5);
    let axis = d.between(0..=x.shape.len() - 1);
    let size = x.shape[axis];
    let divisors: Vec<usize> = (1..=size.min(6))
        .filter(|n| size.is_multiple_of(*n))
        .collect();
    let parts = d.choose(&divisors);
    let mut shape = x.shape.clone();
    shape[axis] = size / parts;
    let axis = named(d, axis, x.shape.len());
    let axis = d.scalar(axis);
    let options = Options::Numbers(35, vec![parts as i32]);
    d.emit(op, &[axis, x.id], vec![x.shaped(&shape); parts], options)
        .map(drop)
}

pub(super) fn split_v(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=5);
    let axis = d.between(0..=x.shape.len() - 1);
    let mut rest = x.shape[axis];
    let mut sizes = Vec::new();
    while rest > 0 && sizes.len() < 3 {
        let part = d.between(1..=rest);
        sizes.push(part);
        rest -= part;
    }
    if rest > 0 {
        sizes.push(rest);
    }
    let outputs = sizes.iter().map(|size| {
        let mut y = x.shaped(&x.shape);
        y.shape[axis] = *size;
        y
    });
    let outputs: Vec<Spec> = outputs.collect();
    let parts = sizes.len() as i32;
    let sizes = d.sizes(&sizes);
    let axis = named(d, axis, x.shape.len());
    let axis = d.scalar(axis);
    let options = Options::Numbers(79, vec![parts]);
    d.emit(op, &[x.id, sizes, axis], outputs, options).map(drop)
}

pub(super) fn tile(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=4);
    let times: Vec<usize> = x.shape.iter().map(|_| d.choose(&[1, 1, 2, 3])).collect();
    let shape: Vec<usize> = std::iter::zip(&x.shape, &times)
        .map(|(n, t)| n * t)
        .collect();
    let times = d.sizes(&times);
    let y = x.shaped(&shape);
    one(d, op, &[x.id, times], y, Options::None)
}

pub(super) fn broadcast_to(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 0..=4);
    let mut shape = x.shape.clone();
    for size in &mut shape {
        if *size == 1 {
            *size = d.between(1..=4);
        }
    }
    for _ in 0..d.between(0..=1) {
        shape.insert(0, d.between(1..=3));
    }
    if shape.is_empty() {
        return None;
    }
    let sizes = d.sizes(&shape);
    let y = x.shaped(&shape);
    one(d, op, &[x.id, sizes], y, Options::None)
}

/// Paddings of a shape, none of them above the limit of its axis.
fn paddings(d: &mut Draw<'_>, shape: &[usize], most: impl Fn(usize) -> usize) -> (i32, Vec<usize>) {
    let mut pairs = Vec::new();
    let mut padded = Vec::new();
    for size in shape {
        let most = most(*size);
        let pair = match d.coin() {
            true => [0, 0],
            false => [d.between(0..=most), d.between(0..=most)],
        };
        padded.push(size + pair[0] + pair[1]);
        pairs.extend(pair.map(|n| n as i64));
    }
    let dtype = d.choose(&[DType::Int32, DType::Int32, DType::Int64]);
    (d.integers(dtype, &[shape.len(), 2], &pairs), padded)
}

pub(super) fn pad(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=4);
    let (paddings, shape) = paddings(d, &x.shape, |_| 2);
    let mut inputs = vec![x.id, paddings];
    if op == Op::Padv2 {
        let value = Spec::of(x.dtype, &[1]).scaled(x.scale);
        let range = value.range();
        inputs.push(match d.one_in(3) {
            true => d.fresh(value).id,
            false => d.constant(&value, range),
        });
    }
    let y = x
        .shaped(&shape)
        .within(x.peak.max(super::spec::FLOATS), x.error);
    one(d, op, &inputs, y, Options::None)
}

pub(super) fn mirror_pad(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=4);
    let symmetric = d.coin();
    let edge = usize::from(!symmetric);
    let (paddings, shape) = paddings(d, &x.shape, |size| (size - edge).min(3));
    let y = x.shaped(&shape);
    let options = Options::Numbers(77, vec![symmetric.into()]);
    one(d, op, &[x.id, paddings], y, options)
}

pub(super) fn space_to_depth(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let block = d.choose(&[1, 2, 2, 3]);
    let types = d.moved();
    let x = d.any_that(types, 4..=4, |v| {
        v.shape[1].is_multiple_of(block) && v.shape[2].is_multiple_of(block)
    });
    let [n, h, w, c] = x.shape[..] else {
        return None;
    };
    if h % block + w % block > 0 {
        return None;
    }
    let y = x.shaped(&[n, h / block, w / block, c * block * block]);
    one(d, op, &[x.id], y, Options::Numbers(19, vec![block as i32]))
}

pub(super) fn depth_to_space(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let block = d.choose(&[1, 2, 2, 3]);
    let found = d.find(|v| v.shape.len() == 4 && v.shape[3].is_multiple_of(block * block));
    let x = found.unwrap_or_else(|| {
        let mut shape = d.image();
        shape[3] = d.between(1..=2) * block * block;
        let types = d.moved();
        let dtype = d.choose(types);
        d.fresh_of(dtype, &shape)
    });
    let [n, h, w, c] = x.shape[..] else {
        return None;
    };
    let y = x.shaped(&[n, h * block, w * block, c / (block * block)]);
    one(d, op, &[x.id], y, Options::Numbers(94, vec![block as i32]))
}

pub(super) fn space_to_batch(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 3..=4);
    let spatial = x.shape.len() - 2;
    let (mut blocks, mut pads, mut shape) = (Vec::new(), Vec::new(), x.shape.clone());
    for axis in 1..=spatial {
        let block = d.choose(&[1, 2, 2, 3]);
        let before = d.between(0..=2);
        let padded = x.shape[axis] + before;
        let after = padded.next_multiple_of(block) - padded;
        let after = after + if d.one_in(4) { block } else { 0 };
        blocks.push(block);
        pads.extend([before, after]);
        shape[axis] = (padded + after) / block;
        shape[0] *= block;
    }
    let blocks = d.sizes(&blocks);
    let values: Vec<i64> = pads.iter().map(|n| *n as i64).collect();
    let pads = d.integers(DType::Int32, &[spatial, 2], &values);
    let y = x.shaped(&shape);
    one(d, op, &[x.id, blocks, pads], y, Options::None)
}

pub(super) fn batch_to_space(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let rank = d.between(3..=4);
    let blocks: Vec<usize> = (2..rank).map(|_| d.choose(&[1, 2, 2, 3])).collect();
    let all: usize = blocks.iter().product();
    let found = d.find(|v| v.shape.len() == rank && v.shape[0].is_multiple_of(all));
    let x = found.unwrap_or_else(|| {
        let mut shape = d.shape(rank..=rank);
        shape[0] = all * d.between(1..=2);
        let types = d.moved();
        let dtype = d.choose(types);
        d.fresh_of(dtype, &shape)
    });
    let mut shape = x.shape.clone();
    shape[0] /= all;
    let mut crops = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        let whole = shape[i + 1] * block;
        let before = d.between(0..=(whole - 1).min(2));
        let after = d.between(0..=(whole - 1 - before).min(2));
        crops.extend([before as i64, after as i64]);
        shape[i + 1] = whole - before - after;
    }
    let count = blocks.len();
    let blocks = d.sizes(&blocks);
    let crops = d.integers(DType::Int32, &[count, 2], &crops);
    let y = x.shaped(&shape);
    one(d, op, &[x.id, blocks, crops], y, Options::None)
}
