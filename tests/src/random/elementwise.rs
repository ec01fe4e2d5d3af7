//! Operators that compute elements from elements in the same place.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::spec::{Spec, Value};

/// What becomes of floats and of quantisations.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Curve {
    /// Exact, and no steeper than the identity.
    Straight,
    /// Not exact, and hardly steeper than the identity.
    Smooth,
    /// The same, to −1 to 1. Quantised outputs have the scale for it.
    Unit,
    /// A step apart where inputs are not the same.
    Steps,
    /// Steep at places, and of other numbers than are finite.
    Steep,
    /// The square.
    Square,
}

/// The difference that a function of floats may make, relative to its result.
pub(super) const FUNCTION: f32 = 1.0e-6;

pub(super) fn unary(d: &mut Draw<'_>, op: Op, types: &[DType], curve: Curve) -> Option<()> {
    let exact = matches!(curve, Curve::Steps | Curve::Steep);
    let x = match exact {
        true => d.any_exact(types, 0..=6),
        false => d.any(types, 0..=6),
    };
    // Greater scales of words have no multiplier.
    let is_sigmoid = matches!(op, Op::Logistic | Op::Tanh) && x.dtype == DType::Int16;
    if is_sigmoid && x.scale.is_some_and(|(scale, _)| scale > 2.6) {
        return None;
    }
    let (peak, error) = (x.peak, x.error);
    let y = x.shaped(&x.shape);
    let y = match curve {
        Curve::Straight => y,
        Curve::Smooth => y.within(peak + 1.0, 2.0 * error + FUNCTION * peak),
        Curve::Unit => y.within(1.0, error + FUNCTION),
        Curve::Steps => y.within(peak + 1.0, 0.0),
        Curve::Steep => y.wild(),
        Curve::Square => y.within(peak * peak, 2.0 * peak * error),
    };
    // A convex function of a logarithm is what its reader has left.
    let scale = scale_of(d, op, &x);
    let options = match op {
        Op::LeakyRelu => {
            let alpha = d.integer(-20..=40) as f32 / 16.0;
            // Floats steeper than the identity are estimated no longer.
            let alpha = if x.dtype == DType::Float32 {
                alpha.clamp(-1.0, 1.0)
            } else {
                alpha
            };
            Options::Numbers(75, vec![alpha.to_bits() as i32])
        }
        _ => Options::None,
    };
    d.emit_one(op, &[x.id], y.scaled(scale), options).map(drop)
}

/// A unary function's output quantisation.
fn scale_of(d: &mut Draw<'_>, op: Op, x: &Value) -> Option<(f32, i32)> {
    let dtype = x.dtype;
    let (scale, _) = x.scale?;
    Some(match (op, dtype) {
        (Op::Logistic, DType::Int8) => (1.0 / 256.0, -128),
        (Op::Logistic, DType::Uint8) => (1.0 / 256.0, 0),
        (Op::Tanh, DType::Int8) => (1.0 / 128.0, 0),
        (Op::Tanh, DType::Uint8) => (1.0 / 128.0, 128),
        (Op::Logistic | Op::Tanh, _) => (1.0 / 32768.0, 0),
        (Op::ZerosLike, _) => return x.scale,
        // RELU6 is most often the input's own.
        _ if d.one_in(3) => return x.scale,
        (Op::Exp | Op::Rsqrt, _) => return d.scale(dtype),
        (Op::Log, _) => {
            let range = if dtype == DType::Int16 { 4096.0 } else { 32.0 };
            (1.0 / range, if dtype == DType::Int16 { 0 } else { 20 })
        }
        _ => {
            return d.scale_near(
                dtype,
                scale * if dtype == DType::Int16 { 128.0 } else { 1.0 },
            );
        }
    })
}

/// A shape that broadcasts with another one, and what both are together.
fn beside(d: &mut Draw<'_>, shape: &[usize]) -> (Vec<usize>, Vec<usize>) {
    if d.coin() {
        return (shape.to_vec(), shape.to_vec());
    }
    let from = match d.coin() {
        true => d.between(0..=shape.len()),
        false => 0,
    };
    let mut together = shape.to_vec();
    let mut other = shape[from..].to_vec();
    for (axis, size) in other.iter_mut().enumerate() {
        if *size == 1 && d.one_in(3) {
            *size = d.between(1..=4);
            together[from + axis] = *size;
        } else if d.one_in(3) {
            *size = 1;
        }
    }
    (other, together)
}

/// The code of a fused activation, and the bound that it gives floats.
pub(super) fn activation(d: &mut Draw<'_>) -> (i32, f32) {
    match d.between(0..=7) {
        1 => (1, f32::INFINITY),
        2 => (2, 1.0),
        3 => (3, 6.0),
        _ => (0, f32::INFINITY),
    }
}

pub(super) fn arithmetic(d: &mut Draw<'_>, op: Op, types: &[DType]) -> Option<()> {
    let divides = matches!(op, Op::Div | Op::FloorDiv | Op::FloorMod);
    let a = match divides {
        true => d.any_exact(types, 0..=5),
        false => d.any(types, 0..=5),
    };
    let dtype = a.dtype;
    let (shape, together) = beside(d, &a.shape);
    let extreme = matches!(op, Op::Maximum | Op::Minimum);
    let b = if divides {
        divisor(d, dtype, &shape)
    } else if extreme {
        d.like(&a.shaped(&shape))
    } else {
        let fits = |v: &Value| v.dtype == dtype && v.shape == shape && v.is_tame();
        let found = d.find(fits);
        found.unwrap_or_else(|| d.fresh_of(dtype, &shape))
    };
    let (code, bound) = match op {
        Op::Add | Op::Sub | Op::Mul | Op::Div => activation(d),
        _ => (0, f32::INFINITY),
    };
    let y = Spec::of(dtype, &together);
    let sum = a.peak + b.peak;
    let errors = a.error + b.error;
    let (peak, error) = match op {
        Op::Mul => (a.peak * b.peak, a.error * b.peak + b.error * a.peak),
        Op::SquaredDifference => (sum * sum, 2.0 * sum * errors),
        Op::Maximum | Op::Minimum => (a.peak.max(b.peak), a.error.max(b.error)),
        _ => (sum, errors),
    };
    let y = match op {
        Op::Div | Op::FloorDiv | Op::FloorMod if dtype == DType::Float32 => y.wild(),
        _ => y.within(peak.min(bound), error),
    };
    let scale = match (op, a.scale, b.scale) {
        (_, None, _) | (_, _, None) => None,
        (Op::Maximum | Op::Minimum, scale, _) => scale,
        (_, Some((x, _)), Some((z, _))) => {
            let words = if dtype == DType::Int16 { 128.0 } else { 1.0 };
            let steps = if dtype == DType::Int16 { 8192.0 } else { 32.0 };
            let scale = match op {
                Op::Mul | Op::SquaredDifference => x.max(z) * z.min(x) * steps,
                Op::Div => x / z / 16.0,
                _ => x.max(z),
            };
            d.scale_near(dtype, scale * words)
        }
    };
    // One side or the other.
    let swapped = !divides && d.coin();
    let ids = if swapped { [b.id, a.id] } else { [a.id, b.id] };
    let options = match op {
        // The second field asks for scales that are powers of two.
        Op::Add => Options::Numbers(11, vec![code, 0]),
        Op::Sub => Options::Numbers(28, vec![code, 0]),
        Op::Mul => Options::Numbers(21, vec![code]),
        Op::Div => Options::Numbers(29, vec![code]),
        _ => Options::None,
    };
    d.emit_one(op, &ids, y.scaled(scale), options).map(drop)
}

/// A constant of which no element stands for zero.
fn divisor(d: &mut Draw<'_>, dtype: DType, shape: &[usize]) -> Value {
    let least = if dtype == DType::Int8 { -128 } else { 0 };
    let scale = d.scale(dtype).map(|(scale, _)| (scale, least));
    let spec = Spec::of(dtype, shape).scaled(scale);
    let elements = spec.elements();
    let values: Vec<i64> = (0..elements.min(7))
        .map(|_| i64::from(d.integer(1..=60)))
        .collect();
    let bytes = (0..elements).flat_map(|i| {
        let value = values[i % values.len()];
        match dtype {
            DType::Float32 => {
                let sign = if i % 3 == 1 { -1.0 } else { 1.0 };
                (sign * value as f32 / 8.0).to_le_bytes().to_vec()
            }
            DType::Int32 => {
                let sign = if i % 3 == 1 { -1 } else { 1 };
                (sign * value as i32).to_le_bytes().to_vec()
            }
            _ => vec![value as u8],
        }
    });
    let bytes = bytes.collect();
    let buffer = d.buffer(bytes);
    let id = d.tensor(&spec, buffer);
    Value::constant(id, spec)
}

pub(super) fn prelu(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = d.computed(
        &[DType::Float32, DType::Int8, DType::Uint8, DType::Int16],
        1..=4,
    )?;
    let from = d.between(0..=x.shape.len() - 1);
    let mut shape = x.shape[from..].to_vec();
    for size in &mut shape {
        if d.one_in(3) {
            *size = 1;
        }
    }
    // Slopes of words are bytes.
    let dtype = match x.dtype {
        DType::Int16 => DType::Int8,
        dtype => dtype,
    };
    let slope_scale = match x.dtype {
        DType::Int16 => Some((d.power_of_two(-8..=-5), 0)),
        dtype => d.scale(dtype),
    };
    let slope = Spec::of(dtype, &shape).scaled(slope_scale);
    let range = slope.range();
    let slope = d.constant(&slope, range);
    let peak = x.peak * super::spec::FLOATS;
    let y = x.shaped(&x.shape);
    let y = y.within(peak, x.error * super::spec::FLOATS);
    let scale = x.scale.and_then(|(scale, _)| {
        let words = if x.dtype == DType::Int16 { 128.0 } else { 1.0 };
        d.scale_near(x.dtype, scale * words)
    });
    d.emit_one(op, &[x.id, slope], y.scaled(scale), Options::None)
        .map(drop)
}

pub(super) fn add_n(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let first = d.any(&[DType::Float32, DType::Int8, DType::Int32], 0..=5);
    let mut all = vec![first.clone()];
    for _ in 0..d.between(1..=3) {
        all.push(d.like(&first));
    }
    let peak = all.iter().map(|v| v.peak).sum();
    let error = all.iter().map(|v| v.error + FUNCTION * v.peak).sum();
    let y = first.shaped(&first.shape);
    // Two are added in one way alone.
    let y = match all.len() {
        2 => y.within(peak, all[0].error + all[1].error),
        _ => y.within(peak, error),
    };
    let scale = first
        .scale
        .and_then(|(scale, _)| d.scale_near(first.dtype, 2.0 * scale));
    let ids: Vec<i32> = all.iter().map(|v| v.id).collect();
    d.emit_one(op, &ids, y.scaled(scale), Options::None)
        .map(drop)
}

pub(super) fn comparison(d: &mut Draw<'_>, op: Op, types: &[DType]) -> Option<()> {
    let a = d.any_exact(types, 0..=4);
    let (shape, together) = beside(d, &a.shape);
    let b = if a.dtype == DType::Int16 || d.coin() {
        d.like(&a.shaped(&shape))
    } else {
        let dtype = a.dtype;
        let found = d.find(|v| v.dtype == dtype && v.shape == shape && v.is_exact());
        found.unwrap_or_else(|| d.fresh_of(dtype, &shape))
    };
    // Bytes are compared as real numbers, with scales below 1.
    let is_fine = |v: &Value| v.scale.is_none_or(|(scale, _)| scale < 1.0);
    if !b.is_exact() || !is_fine(&a) || !is_fine(&b) {
        return None;
    }
    let y = Spec::of(DType::Bool, &together);
    d.emit_one(op, &[a.id, b.id], y, Options::None).map(drop)
}

pub(super) fn logical(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let a = d.any(&[DType::Bool], 0..=4);
    let (shape, together) = beside(d, &a.shape);
    let b = d.like(&a.shaped(&shape));
    let y = Spec::of(DType::Bool, &together);
    d.emit_one(op, &[a.id, b.id], y, Options::None).map(drop)
}

pub(super) fn select(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let types = super::rows::MOVED;
    let a = d.any(types, 0..=4);
    let is_first = op == Op::Select;
    let (shape, together) = match is_first {
        true => (a.shape.clone(), a.shape.clone()),
        false => beside(d, &a.shape),
    };
    let b = d.like(&a.shaped(&shape));
    let condition = match is_first {
        // One for each row.
        true if a.shape.len() > 1 && d.one_in(3) => a.shape[..1].to_vec(),
        true => a.shape.clone(),
        false => beside(d, &together).0,
    };
    // A condition has no size that the others do not have.
    let condition = match !is_first && broadcast(&condition, &together) != Some(together.clone()) {
        true => together.clone(),
        false => condition,
    };
    let c = d.like(&Spec::of(DType::Bool, &condition));
    let y = a
        .shaped(&together)
        .within(a.peak.max(b.peak), a.error.max(b.error));
    d.emit_one(op, &[c.id, a.id, b.id], y, Options::None)
        .map(drop)
}

fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(axis) => shape[axis],
        None => 1,
    };
    let sizes = (0..rank).map(|axis| match (size(a, axis), size(b, axis)) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    });
    sizes.collect()
}

pub(super) fn broadcast_args(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let dtype = d.choose(&[DType::Int32, DType::Int64]);
    let long = d.shape(1..=5);
    let (short, together) = beside(d, &long);
    let values = |shape: &[usize]| shape.iter().map(|n| *n as i64).collect::<Vec<_>>();
    let [a, b] = [&long, &short].map(|shape| {
        let values = values(shape);
        d.integers(dtype, &[values.len()], &values)
    });
    let y = Spec::of(dtype, &[together.len()]);
    if short.is_empty() {
        return None;
    }
    d.emit_one(op, &[a, b], y, Options::None).map(drop)
}

pub(super) fn pow(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let a = d.any_exact(&[DType::Float32, DType::Int32], 0..=4);
    let (shape, together) = beside(d, &a.shape);
    let b = Spec::of(a.dtype, &shape);
    // Few integers hold more.
    let b = d.constant(&b, 0..=3);
    let y = Spec::of(a.dtype, &together).wild();
    d.emit_one(op, &[a.id, b], y, Options::None).map(drop)
}
