//! TensorFlow Lite Micro's signal library: streams of samples. Where it leaves memory as it is, as of frames that a stream has no samples for
//! yet, there is nothing to compare: no model asks for such.

use castiron_codegen::graph::DType::{
    self, Bool, Float32 as F32, Int16 as I16, Int32 as I32, Uint32 as U32, Uint64 as U64,
};
use castiron_test_tools::file::Number::Integer;
use castiron_test_tools::file::{Number, Options};

use super::draw::Draw;
use super::elementwise::FUNCTION;
use super::rows::Kind;
use super::spec::{Spec, Value, code};

/// Lengths of transforms: even, of the factors 2, 3 and 5.
const LENGTHS: [usize; 15] = [4, 6, 8, 10, 12, 16, 20, 24, 30, 32, 40, 48, 60, 64, 80];
/// Entries of the table of gains.
const GAINS: usize = 125;

fn integer(value: usize) -> Number {
    Integer(value as i32)
}

fn emit(
    d: &mut Draw<'_>,
    kind: Kind,
    inputs: &[i32],
    outputs: Vec<Spec>,
    options: Vec<(&'static str, Number)>,
) -> Option<()> {
    let options = match options.is_empty() {
        true => Options::None,
        false => Options::Map(options),
    };
    d.emit(kind, inputs, outputs, options).map(drop)
}

/// Rows of samples, and how long each is.
fn rows(d: &mut Draw<'_>, types: &[DType]) -> Option<(Value, usize)> {
    let x = d.computed(types, 1..=2)?;
    let row = *x.shape.last()?;
    Some((x, row))
}

/// A list.
fn list(d: &mut Draw<'_>, dtype: DType) -> Option<(Value, usize)> {
    let x = d.computed(&[dtype], 1..=1)?;
    let len = x.elements();
    Some((x, len))
}

/// A value of just this shape, no constant.
fn shaped(d: &mut Draw<'_>, dtype: DType, shape: &[usize]) -> Option<Value> {
    let found = d.find(|v| v.dtype == dtype && v.shape == shape && v.is_exact() && !v.is_known);
    if found.is_some() || !d.may_have_input() {
        return found;
    }
    let spec = Spec::of(dtype, shape);
    let range = spec.range();
    let value = d.input(spec, range);
    d.scope().values.push(value.clone());
    Some(value)
}

pub(super) fn window(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, row) = rows(d, &[I16])?;
    let weights = d.constant(&Spec::of(I16, &[row]), -32768..=32767);
    let options = vec![("shift", integer(d.between(10..=15)))];
    let y = Spec::of(I16, &x.shape);
    emit(d, kind, &[x.id, weights], vec![y], options)
}

pub(super) fn auto_scale(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, len) = list(d, I16)?;
    let outputs = vec![Spec::of(I16, &[len]), Spec::of(I32, &[])];
    emit(d, kind, &[x.id], outputs, Vec::new())
}

/// The options of a transform.
fn transform(dtype: DType, samples: usize) -> Vec<(&'static str, Number)> {
    let of = Integer(code(dtype).into());
    vec![("T", of), ("fft_length", integer(samples))]
}

pub(super) fn forward(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, row) = rows(d, &[F32, I16, I32])?;
    let lengths: Vec<usize> = LENGTHS.iter().copied().filter(|n| *n >= row).collect();
    if lengths.is_empty() {
        return None;
    }
    let samples = d.choose(&lengths);
    transformed(d, kind, &x, samples, samples + 2)
}

pub(super) fn backward(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let samples = d.choose(&LENGTHS);
    let dtype = d.choose(&[F32, I16, I32]);
    let row = samples + 2;
    let shape = if d.one_in(3) { vec![2, row] } else { vec![row] };
    let x = shaped(d, dtype, &shape)?;
    transformed(d, kind, &x, samples, samples)
}

fn transformed(d: &mut Draw<'_>, kind: Kind, x: &Value, samples: usize, row: usize) -> Option<()> {
    let mut shape = x.shape.clone();
    *shape.last_mut()? = row;
    let peak = x.peak * samples as f32;
    let y = Spec::of(x.dtype, &shape).within(peak, FUNCTION * peak);
    emit(d, kind, &[x.id], vec![y], transform(x.dtype, samples))
}

pub(super) fn energy(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, len) = list(d, I16)?;
    let bins = len / 2;
    let options = vec![("start_index", integer(0)), ("end_index", integer(bins))];
    emit(d, kind, &[x.id], vec![Spec::of(U32, &[bins])], options)
}

pub(super) fn filter_bank(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, bins) = list(d, U32)?;
    // The first channel's weights are no output of their own.
    let mut widths = Vec::new();
    let mut rest = bins;
    while rest > 0 && widths.len() < 9 {
        let width = d.between(1..=rest.min(6));
        widths.push(width as i64);
        rest -= width;
    }
    let channels = widths.len().checked_sub(1).filter(|n| *n > 0)?;
    let starts = widths.iter().scan(0, |next, width| {
        let start = *next;
        *next += width;
        Some(start)
    });
    let starts: Vec<i64> = starts.collect();
    let weights = Spec::of(I16, &[bins]);
    let mut ids = vec![x.id];
    ids.extend([0; 2].map(|_| d.constant(&weights, 0..=4096)));
    for values in [&starts, &starts, &widths] {
        ids.push(d.integers(I16, &[values.len()], values));
    }
    let options = vec![("num_channels", integer(channels))];
    emit(d, kind, &ids, vec![Spec::of(U64, &[channels])], options)
}

pub(super) fn root(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, len) = list(d, U64)?;
    let bits = d.between(0..=11) as i64;
    let bits = d.scalar(bits);
    emit(
        d,
        kind,
        &[x.id, bits],
        vec![Spec::of(U32, &[len])],
        Vec::new(),
    )
}

pub(super) fn subtraction(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, len) = list(d, U32)?;
    let [smoothing, other, least] = [0; 3].map(|_| d.between(1..=16383));
    let options = vec![
        ("num_channels", integer(len)),
        ("smoothing", integer(smoothing)),
        ("one_minus_smoothing", integer(16384 - smoothing)),
        ("alternate_smoothing", integer(other)),
        ("alternate_one_minus_smoothing", integer(16384 - other)),
        ("smoothing_bits", integer(d.between(0..=10))),
        ("spectral_subtraction_bits", integer(14)),
        ("clamping", integer(d.coin().into())),
        ("min_signal_remaining", integer(least)),
    ];
    let y = Spec::of(U32, &[len]);
    emit(d, kind, &[x.id], vec![y.clone(), y], options)
}

pub(super) fn pcan(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, len) = list(d, U32)?;
    let noise = shaped(d, U32, &[len])?;
    let gains = d.constant(&Spec::of(I16, &[GAINS]), -32768..=32767);
    let options = vec![("snr_shift", integer(d.between(0..=19)))];
    let y = Spec::of(U32, &[len]);
    emit(d, kind, &[x.id, noise.id, gains], vec![y], options)
}

pub(super) fn log(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, len) = list(d, U32)?;
    let options = vec![
        ("input_correction_bits", integer(d.between(0..=7))),
        ("output_scale", integer(d.between(1..=3000))),
    ];
    emit(d, kind, &[x.id], vec![Spec::of(I16, &[len])], options)
}

pub(super) fn delay(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, _) = rows(d, &[I16])?;
    let options = vec![("delay_length", integer(d.between(0..=30)))];
    let y = Spec::of(I16, &x.shape);
    emit(d, kind, &[x.id], vec![y], options)
}

pub(super) fn framer(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, row) = rows(d, &[I16])?;
    let steps: Vec<usize> = (1..=row).filter(|n| row.is_multiple_of(*n)).collect();
    let step = d.choose(&steps);
    let frame = d.between(step..=4 * step);
    // Frames of one step need no samples before the first.
    let prefill = frame > step || d.coin();
    let options = vec![
        ("frame_size", integer(frame)),
        ("frame_step", integer(step)),
        ("prefill", integer(prefill.into())),
    ];
    let rows = &x.shape[..x.shape.len() - 1];
    let y = Spec::of(I16, &[rows, &[row / step, frame]].concat());
    emit(d, kind, &[x.id], vec![y, Spec::of(Bool, &[])], options)
}

pub(super) fn stacker(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (x, channels) = list(d, I16)?;
    // Without vectors to wait for.
    let left = d.between(0..=4);
    let options = vec![
        ("num_channels", integer(channels)),
        ("stacker_left_context", integer(left)),
        ("stacker_right_context", integer(0)),
        ("stacker_step", integer(1)),
    ];
    let y = Spec::of(I16, &[channels * (left + 1)]);
    emit(d, kind, &[x.id], vec![y, Spec::of(Bool, &[])], options)
}

pub(super) fn overlap_add(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let x = d.computed(&[F32, I16], 2..=3)?;
    let (rows, &[frames, frame]) = x.shape.split_last_chunk::<2>()?;
    let step = d.between(1..=frame);
    let of = Integer(code(x.dtype).into());
    let options = vec![("T", of), ("frame_step", integer(step))];
    let most = frame.div_ceil(step) as f32;
    let y = Spec::of(x.dtype, &[rows, &[frames * step]].concat());
    let y = y.within(x.peak * most, FUNCTION * x.peak * most);
    emit(d, kind, &[x.id], vec![y], options)
}
