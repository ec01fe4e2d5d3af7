//! Operators along axes, and those that normalise values among each other.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::elementwise::FUNCTION;
use super::spec::{Spec, code};

pub(super) fn along_axes(d: &mut Draw<'_>, op: Op, types: &[DType]) -> Option<()> {
    let x = d.any(types, 1..=5);
    let rank = x.shape.len();
    let mut axes: Vec<usize> = (0..rank).filter(|_| d.coin()).collect();
    if axes.is_empty() {
        axes.push(d.between(0..=rank - 1));
    }
    let keep = d.coin();
    let shape: Vec<usize> = (0..rank)
        .filter(|i| keep || !axes.contains(i))
        .map(|i| if axes.contains(&i) { 1 } else { x.shape[i] })
        .collect();
    let count: usize = axes.iter().map(|i| x.shape[*i]).product();
    let values = axes.iter().map(|axis| {
        let axis = *axis as i64;
        if d.one_in(4) {
            axis - rank as i64
        } else {
            axis
        }
    });
    let values: Vec<i64> = values.collect();
    let axes = match &values[..] {
        [axis] if d.coin() => d.scalar(*axis),
        values => d.list(values),
    };
    let n = count as f32;
    let (peak, error) = (x.peak, x.error);
    let y = x.shaped(&shape);
    let y = match op {
        Op::Mean => y.within(peak, error + FUNCTION * peak * n.sqrt()),
        Op::Sum => y.within(peak * n, n * (error + FUNCTION * peak)),
        Op::ReduceProd => y.wild(),
        _ => y,
    };
    let words = if x.dtype == DType::Int16 { 128.0 } else { 1.0 };
    let scale = match (op, x.scale) {
        (Op::Mean, Some((scale, _))) => d.scale_near(x.dtype, scale * words),
        (Op::Sum, Some((scale, _))) => d.scale_near(x.dtype, scale * words * n.sqrt()),
        (Op::ReduceProd, Some(_)) => d.scale(x.dtype),
        (_, scale) => scale,
    };
    let options = Options::Numbers(27, vec![keep.into()]);
    if op == Op::ReduceProd {
        // Each step of a quantised product is scaled by a root of the output's scale, and by less than 128.
        let step = match (x.scale, scale) {
            (Some((x, _)), Some((y, _))) => x / y.powf(1.0 / n),
            _ => 1.0,
        };
        if step > 100.0 || !x.is_exact() {
            return None;
        }
    }
    d.emit_one(op, &[x.id, axes], y.scaled(scale), options)
        .map(drop)
}

pub(super) fn arg(d: &mut Draw<'_>, op: Op) -> Option<()> {
    use DType::{Bool, Float32, Int8, Int16, Int32, Int64, Uint8};
    let x = d.any_exact(&[Float32, Int8, Uint8, Int16, Int32, Int64, Bool], 1..=5);
    let axis = d.between(0..=x.shape.len() - 1);
    let mut shape = x.shape.clone();
    shape.remove(axis);
    let axis = match d.one_in(3) {
        true => axis as i64 - x.shape.len() as i64,
        false => axis as i64,
    };
    let axis = d.scalar(axis);
    let to = d.choose(&[Int32, Int64]);
    let tag = if op == Op::ArgMax { 40 } else { 57 };
    let options = Options::Numbers(tag, vec![code(to).into()]);
    d.emit_one(op, &[x.id, axis], Spec::of(to, &shape), options)
        .map(drop)
}

pub(super) fn cumsum(d: &mut Draw<'_>, op: Op) -> Option<()> {
    use DType::{Float32, Int8, Int32, Int64};
    let x = d.any(&[Float32, Int8, Int32, Int64], 1..=5);
    let axis = d.between(0..=x.shape.len() - 1);
    let n = x.shape[axis] as f32;
    let axis = match d.one_in(3) {
        true => axis as i64 - x.shape.len() as i64,
        false => axis as i64,
    };
    let axis = d.scalar(axis);
    let y = x.shaped(&x.shape);
    let y = y.within(x.peak * n, n * (x.error + FUNCTION * x.peak));
    let scale = x
        .scale
        .and_then(|(scale, _)| d.scale_near(x.dtype, scale * n.sqrt()));
    let flags = vec![d.coin().into(), d.coin().into()];
    d.emit_one(
        op,
        &[x.id, axis],
        y.scaled(scale),
        Options::Numbers(102, flags),
    )
    .map(drop)
}

pub(super) fn softmax(d: &mut Draw<'_>, op: Op) -> Option<()> {
    use DType::{Float32, Int8, Int16, Uint8};
    let x = d.any(&[Float32, Int8, Uint8, Int16], 1..=4);
    let to = match x.dtype {
        Int8 if d.one_in(4) => Int16,
        dtype => dtype,
    };
    let scale = match (x.dtype, to) {
        (Int8, Int8) => Some((1.0 / 256.0, -128)),
        (Uint8, _) => Some((1.0 / 256.0, 0)),
        (Int8, _) => Some((1.0 / 65536.0, -32768)),
        (Int16, _) => Some((1.0 / 32768.0, 0)),
        _ => None,
    };
    let beta = d.choose(&[1.0f32, 1.0, 0.5, 2.0]);
    let y = Spec::of(to, &x.shape).within(1.0, 2.0 * beta * x.error + FUNCTION);
    let options = Options::Numbers(9, vec![beta.to_bits() as i32]);
    d.emit_one(op, &[x.id], y.scaled(scale), options).map(drop)
}

pub(super) fn log_softmax(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = d.any(&[DType::Float32, DType::Int8], 1..=4);
    let y = x.shaped(&x.shape);
    let y = y.within(
        2.0 * x.peak + 8.0,
        2.0 * x.error + FUNCTION * (x.peak + 8.0),
    );
    let scale = match x.dtype {
        DType::Uint8 => Some((1.0 / 16.0, 255)),
        DType::Int8 => Some((1.0 / 16.0, 127)),
        _ => None,
    };
    d.emit_one(op, &[x.id], y.scaled(scale), Options::None)
        .map(drop)
}

pub(super) fn l2_normalization(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = d.any_exact(&[DType::Float32, DType::Int8, DType::Uint8], 1..=4);
    let y = x.shaped(&x.shape).within(1.0, FUNCTION);
    let scale = match x.dtype {
        DType::Int8 => Some((1.0 / 128.0, 0)),
        DType::Uint8 => Some((1.0 / 128.0, 128)),
        _ => None,
    };
    d.emit_one(op, &[x.id], y.scaled(scale), Options::Numbers(12, vec![0]))
        .map(drop)
}

pub(super) fn top_k(d: &mut Draw<'_>, op: Op) -> Option<()> {
    use DType::{Float32, Int8, Int16, Int32, Int64, Uint8};
    let x = d.computed(&[Float32, Int8, Uint8, Int16, Int32, Int64], 1..=4)?;
    let (depth, rows) = x.shape.split_last()?;
    let count = d.between(1..=*depth);
    let shape = [rows, &[count]].concat();
    let outputs = vec![x.shaped(&shape), Spec::of(Int32, &shape)];
    let count = d.scalar(count as i64);
    d.emit(op, &[x.id, count], outputs, Options::None).map(drop)
}
