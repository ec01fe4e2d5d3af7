//! Operators between types, and those that say what shapes are.

use castiron_codegen::graph::BuiltinOperator as Op;
use castiron_codegen::graph::DType::{
    self, Bool, Float32 as F32, Int8 as I8, Int16 as I16, Int32 as I32, Int64 as I64, Uint8 as U8,
    Uint32 as U32,
};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::movement::drawn;
use super::spec::{Spec, code};

pub(super) fn cast(d: &mut Draw<'_>, op: Op) -> Option<()> {
    const NUMBERS: [DType; 8] = [F32, I8, I16, I32, Bool, I64, U8, U32];
    let mut x = d.any_exact(&NUMBERS, 0..=5);
    let to = d.choose(&NUMBERS);
    // What a type does not hold has no result in the references' language.
    let holds = match to {
        I8 => 127.0,
        U8 => 255.0,
        I16 => 32767.0,
        _ => f32::INFINITY,
    };
    if x.dtype == F32 && x.peak >= holds {
        return None;
    }
    if x.dtype == F32 && matches!(to, U8 | U32) {
        let positive = x.shaped(&x.shape);
        x = d.emit_one(Op::Abs, &[x.id], positive, Options::None)?;
    }
    let peak = match x.dtype {
        F32 => x.peak,
        Bool => 1.0,
        I8 => 128.0,
        U8 => 256.0,
        I16 => 32768.0,
        _ => f32::INFINITY,
    };
    let y = Spec::of(to, &x.shape).within(peak, 0.0);
    // Stored values are what is cast, and the result has a scale so that others can compute with it.
    let scale = d.scale(to);
    let options = Options::Numbers(37, vec![code(x.dtype).into(), code(to).into()]);
    d.emit_one(op, &[x.id], y.scaled(scale), options).map(drop)
}

pub(super) fn dequantize(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = d.any(&[I8, U8, I16], 0..=5);
    let (scale, _) = x.scale?;
    let words = if x.dtype == I16 { 32768.0 } else { 256.0 };
    let y = Spec::of(F32, &x.shape).within(scale * words, 0.0);
    d.emit_one(op, &[x.id], y, Options::None).map(drop)
}

pub(super) fn quantize(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let pairs: &[(DType, DType)] = &[
        (F32, I8),
        (F32, U8),
        (F32, I16),
        (I8, I8),
        (I8, U8),
        (I8, I16),
        (I16, I8),
        (I16, I16),
        (U8, I8),
        (I8, I32),
        (I16, I32),
        (I32, I8),
        (I32, I16),
    ];
    let (from, to) = d.choose(pairs);
    // Of int32, few have a scale.
    let x = match from {
        I32 => {
            let shape = d.shape(0..=5);
            let scale = d.power_of_two(-6..=-3);
            d.fresh(Spec::of(I32, &shape).scaled(Some((scale, 0))))
        }
        _ => d.any_exact(&[from], 0..=5),
    };
    let words = if to == I16 { 128.0 } else { 1.0 };
    let scale = match (x.scale, from, to) {
        (Some((scale, _)), I16, I8) => scale * 256.0,
        (Some((scale, _)), I8, I16) => scale / 128.0 * words,
        (Some((scale, _)), ..) => scale * words,
        (None, ..) => x.peak / 64.0,
    };
    let scale = match to {
        I32 => Some((scale * d.power_of_two(-6..=1), 0)),
        _ => d.scale_near(to, scale),
    };
    let y = Spec::of(to, &x.shape).scaled(scale);
    d.emit_one(op, &[x.id], y, Options::None).map(drop)
}

pub(super) fn shape(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 1..=6);
    let to = d.choose(&[I32, I64]);
    let y = Spec::of(to, &[x.shape.len()]);
    let options = Options::Numbers(55, vec![code(to).into()]);
    d.emit_one(op, &[x.id], y, options).map(drop)
}

pub(super) fn rank(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = drawn(d, 0..=6);
    let y = Spec::of(I32, &[]);
    d.emit_one(op, &[x.id], y, Options::None).map(drop)
}

pub(super) fn fill(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let shape = d.shape(1..=5);
    let value = drawn(d, 0..=0);
    let dtype = d.choose(&[I32, I64]);
    let values: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    let sizes = d.integers(dtype, &[shape.len()], &values);
    let y = value.shaped(&shape);
    d.emit_one(op, &[sizes, value.id], y, Options::None)
        .map(drop)
}

pub(super) fn one_hot(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = d.any(&[I32, I32, I64, I64, I16], 0..=3);
    let depth = d.between(1..=5);
    let axis = d.between(0..=x.shape.len());
    let mut shape = x.shape.clone();
    shape.insert(axis, depth);
    let axis = if axis == x.shape.len() {
        -1
    } else {
        axis as i32
    };
    let depth = d.scalar(depth as i64);
    let on = drawn(d, 0..=0);
    let off = d.like(&on);
    let y = on.shaped(&shape);
    let y = y.within(on.peak.max(off.peak), on.error.max(off.error));
    let ids = [x.id, depth, on.id, off.id];
    d.emit_one(op, &ids, y, Options::Numbers(61, vec![axis]))
        .map(drop)
}
