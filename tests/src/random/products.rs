//! Sums of products: their weights, and the operators that are matrices.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::{Options, Quantization, Tensor};

use super::draw::Draw;
use super::elementwise::{FUNCTION, activation};
use super::spec::{FLOATS, Spec, Value, code, size};
use super::weights;

/// What a product takes.
#[derive(Clone, Copy)]
pub(super) struct Kinds {
    /// The weights' dimension of output channels.
    pub(super) channels: usize,
    /// Whether bytes may have a scale for each channel.
    pub(super) per_channel: bool,
    /// Whether bytes may have weights of four bits.
    pub(super) int4: bool,
    /// Whether words may have sums of 32 bits.
    pub(super) narrow: bool,
    /// Whether weights may be computed at run time.
    pub(super) computed: bool,
    /// Which integers floats may be multiplied with.
    pub(super) hybrid: Hybrid,
}

/// Weights in integers for floats, which are quantised at run time.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Hybrid {
    None,
    /// With a scale for each channel, and a bias: what LiteRT has no right kernel for otherwise.
    Channels,
    Any,
    /// And in blocks with a scale each.
    Blocks,
}

/// Weights and biases of a product, and its output.
pub(super) struct Weighted {
    pub(super) weights: i32,
    /// -1 where there is none.
    pub(super) bias: i32,
    pub(super) y: Spec,
    /// The code of the fused activation.
    pub(super) activation: i32,
    /// The type of the sums of words without a bias.
    pub(super) sums: DType,
}

/// Weights of a shape for an input, and an output of another one.
pub(super) fn weighted(
    d: &mut Draw<'_>,
    x: &Value,
    shape: &[usize],
    y: &[usize],
    kinds: Kinds,
) -> Weighted {
    let channels = shape[kinds.channels];
    let terms = (shape.iter().product::<usize>() / channels) as f32;
    let (activation, bound) = activation(d);
    let with_bias = !d.one_in(4);
    let Some((x_scale, _)) = x.scale else {
        let is_hybrid = kinds.hybrid != Hybrid::None && is_hybrid(d, x);
        let weights = match is_hybrid {
            true => hybrid(d, shape, kinds),
            false if kinds.computed && d.one_in(8) => d.fresh(Spec::of(DType::Float32, shape)).id,
            false => weights::reals(d, shape, kinds.channels),
        };
        let biases = Spec::of(DType::Float32, &[channels]);
        let bias = match with_bias || (is_hybrid && kinds.hybrid == Hybrid::Channels) {
            true => d.constant(&biases, 0..=0),
            false => -1,
        };
        let factor = FLOATS * terms;
        let peak = x.peak * factor + FLOATS;
        let y = Spec::of(DType::Float32, y);
        let y = y.within(peak.min(bound), x.error * factor + FUNCTION * peak);
        return Weighted {
            weights,
            bias,
            y,
            activation,
            sums: DType::Float32,
        };
    };
    let dtype = match x.dtype {
        DType::Uint8 => DType::Uint8,
        DType::Int8 if kinds.int4 && d.one_in(5) => DType::Int4,
        _ => DType::Int8,
    };
    let greatest = if dtype == DType::Int4 { 7.0 } else { 127.0 };
    let computed = kinds.computed && [x.dtype, dtype] == [DType::Int8; 2] && d.one_in(8);
    let may_have_several = kinds.per_channel && channels > 1 && dtype != DType::Uint8;
    let per_channel = may_have_several && !computed && d.coin();
    let count = if per_channel { channels } else { 1 };
    let scales: Vec<f32> = (0..count)
        .map(|_| d.power_of_two(-2..=1) / greatest)
        .collect();
    let zero_point = match dtype {
        DType::Uint8 => i64::from(d.integer(96..=160)),
        _ => 0,
    };
    let elements = shape.iter().product::<usize>();
    let bytes = match dtype {
        DType::Int4 => elements.div_ceil(2),
        _ => elements,
    };
    let data = Spec::of(DType::Uint8, &[bytes]);
    let range = match dtype {
        DType::Int8 => 1..=255,
        _ => 0..=255,
    };
    // −128 is no weight of bytes that converters write: 128 less each, from 1 on.
    let flip = if dtype == DType::Int8 { 128 } else { 0 };
    let mut data = d.data(&data, range, flip);
    if dtype != DType::Int4 && d.coin() {
        silence(d, &mut data, shape, kinds.channels, zero_point as u8);
    }
    let buffer = d.buffer(data);
    let constant = Tensor {
        shape: shape.iter().map(|n| *n as i32).collect(),
        dtype: code(dtype),
        buffer,
        quantization: Some(Quantization {
            zero_points: vec![zero_point; count],
            scales: scales.clone(),
            dimension: if per_channel {
                kinds.channels as i32
            } else {
                0
            },
            blocks: None,
        }),
        ..Tensor::default()
    };
    let weights = match computed {
        true => {
            let symmetric = Spec::of(dtype, shape).scaled(Some((scales[0], 0)));
            d.fresh(symmetric).id
        }
        false => d.add(constant),
    };
    let words = x.dtype == DType::Int16;
    let wide = words && !(kinds.narrow && d.one_in(4));
    let sums = if wide { DType::Int64 } else { DType::Int32 };
    let bias = match with_bias {
        true => {
            let reach = if wide { 1 << 20 } else { 1 << 12 };
            let spec = Spec::of(sums, &[channels]);
            let mut data = d.data(&spec, -reach..=reach, 0);
            if d.one_in(6) {
                saturate(d, &mut data, size(sums));
            }
            let buffer = d.buffer(data);
            d.add(Tensor {
                shape: vec![channels as i32],
                dtype: code(sums),
                buffer,
                quantization: Some(Quantization {
                    scales: scales.iter().map(|scale| scale * x_scale).collect(),
                    zero_points: vec![0; count],
                    ..Quantization::default()
                }),
                ..Tensor::default()
            })
        }
        false => -1,
    };
    let widest = scales.iter().copied().fold(0.0, f32::max) * greatest;
    let scale = x_scale * widest * terms.sqrt() * if words { 128.0 } else { 1.0 };
    let scale = d.scale_near(x.dtype, scale);
    Weighted {
        weights,
        bias,
        y: Spec::of(x.dtype, y).scaled(scale),
        activation,
        sums,
    }
}

/// Makes zeros of all weights of some channels of the output, or of some inputs: passes look for both.
fn silence(d: &mut Draw<'_>, data: &mut [u8], shape: &[usize], channels: usize, zero: u8) {
    let inner = |axis: usize| shape[axis + 1..].iter().product::<usize>();
    // Those whose channels are the first have inputs last.
    let axis = match channels == 0 && d.coin() {
        true => shape.len() - 1,
        false => channels,
    };
    let (step, count) = (inner(axis), shape[axis]);
    let silent = d.integer(0..=i32::MAX);
    for (i, byte) in data.iter_mut().enumerate() {
        if silent >> (i / step % count % 31) & 1 == 1 {
            *byte = zero;
        }
    }
}

/// Makes some biases greater than all sums, to which ranges and types are the end.
fn saturate(d: &mut Draw<'_>, data: &mut [u8], bytes: usize) {
    let great = d.integer(0..=i32::MAX);
    for (i, bias) in data.chunks_exact_mut(bytes).enumerate() {
        let sign = if great >> (i % 15) & 1 == 1 { 1 } else { -1 };
        if great >> (15 + i % 15) & 1 == 1 {
            let value = i64::from(sign << 24);
            bias.copy_from_slice(&value.to_le_bytes()[..bytes]);
        }
    }
}

/// Whether an input is quantised at run time. A bit of it that differs may be a step of it, so that it has to be exact.
fn is_hybrid(d: &mut Draw<'_>, x: &Value) -> bool {
    d.is_hybrid && x.dtype == DType::Float32 && x.is_exact() && !d.one_in(3)
}

/// Integers that floats are multiplied with.
fn hybrid(d: &mut Draw<'_>, shape: &[usize], kinds: Kinds) -> i32 {
    use DType::{Int4, Int8};
    if kinds.hybrid == Hybrid::Channels {
        let dtype = d.choose(&[Int8, Int8, Int8, Int4]);
        return weights::scaled(d, dtype, shape, (kinds.channels, shape[kinds.channels]));
    }
    let dtype = d.choose(&[Int8, Int8, Int4]);
    if kinds.hybrid == Hybrid::Blocks && d.one_in(4) {
        return weights::in_blocks(d, dtype, shape);
    }
    weights::integers(d, dtype, shape, kinds.channels)
}

/// The inputs of a product.
pub(super) fn operands(x: i32, weighted: &Weighted) -> Vec<i32> {
    match weighted.bias {
        -1 => vec![x, weighted.weights],
        bias => vec![x, weighted.weights, bias],
    }
}

pub(super) fn fully_connected(d: &mut Draw<'_>, op: Op) -> Option<()> {
    use DType::{Float32, Int8, Int16, Uint8};
    let x = d.any(&[Float32, Int8, Int8, Uint8, Int16], 1..=4);
    let (depth, before) = x.shape.split_last()?;
    let outputs = d.between(1..=8);
    let keep = d.coin();
    let y = match keep {
        true => [before, &[outputs]].concat(),
        false => vec![before.iter().product(), outputs],
    };
    let kinds = Kinds {
        channels: 0,
        per_channel: true,
        int4: true,
        narrow: true,
        computed: true,
        hybrid: Hybrid::Blocks,
    };
    let weighted = weighted(d, &x, &[outputs, *depth], &y, kinds);
    let sums = match x.dtype {
        Int16 => code(weighted.sums),
        _ => 0,
    };
    let asymmetric = x.dtype == Float32 && d.coin();
    let options = vec![
        weighted.activation,
        0,
        keep.into(),
        asymmetric.into(),
        sums.into(),
    ];
    let ids = operands(x.id, &weighted);
    d.emit_one(op, &ids, weighted.y, Options::Numbers(8, options))
        .map(drop)
}

pub(super) fn batch_matmul(d: &mut Draw<'_>, op: Op) -> Option<()> {
    use DType::{Float32, Int8, Int16};
    let a = d.any(&[Float32, Int8, Int16], 2..=4);
    let (batches, matrix) = a.shape.split_at(a.shape.len() - 2);
    let [adj_x, adj_y] = [d.one_in(3), d.one_in(3)];
    let (rows, depth) = match adj_x {
        true => (matrix[1], matrix[0]),
        false => (matrix[0], matrix[1]),
    };
    let columns = d.between(1..=6);
    let from = match d.one_in(3) {
        true => d.between(0..=batches.len()),
        false => 0,
    };
    let mut b_batches = batches[from..].to_vec();
    if d.one_in(4) {
        b_batches.fill(1);
    }
    let shape = match adj_y {
        true => [&b_batches[..], &[columns, depth]].concat(),
        false => [&b_batches[..], &[depth, columns]].concat(),
    };
    let dtype = a.dtype;
    let n = depth as f32;
    // Where both sides have several dimensions of batches, LiteRT takes the scales of other rows.
    let is_simple = batches.iter().filter(|size| **size > 1).count() < 2;
    if is_simple && is_hybrid(d, &a) {
        let axis = shape.len() - if adj_y { 2 } else { 1 };
        let weights = weights::integers(d, DType::Int8, &shape, axis);
        let peak = a.peak * FLOATS * n;
        let y = Spec::of(dtype, &[batches, &[rows, columns]].concat());
        let y = y.within(peak, FUNCTION * peak);
        let options = vec![adj_x.into(), adj_y.into(), d.coin().into()];
        let options = Options::Numbers(101, options);
        return d.emit_one(op, &[a.id, weights], y, options).map(drop);
    }
    let found = d.find(|v| v.dtype == dtype && v.shape == shape && v.is_tame());
    let b = found.unwrap_or_else(|| d.fresh_of(dtype, &shape));
    let peak = a.peak * b.peak * n;
    let error = n * (a.error * b.peak + b.error * a.peak) + FUNCTION * peak;
    let y = Spec::of(dtype, &[batches, &[rows, columns]].concat()).within(peak, error);
    let scale = match (a.scale, b.scale) {
        (Some((x, _)), Some((z, _))) => {
            let steps = if dtype == Int16 { 8192.0 * 128.0 } else { 48.0 };
            d.scale_near(dtype, x * z * n.sqrt() * steps)
        }
        _ => None,
    };
    let options = vec![adj_x.into(), adj_y.into(), 0];
    d.emit_one(
        op,
        &[a.id, b.id],
        y.scaled(scale),
        Options::Numbers(101, options),
    )
    .map(drop)
}

/// A tensor that lasts from run to run.
fn state(d: &mut Draw<'_>, dtype: DType, shape: &[usize], scale: Option<(f32, i32)>) -> i32 {
    d.add(Tensor {
        shape: shape.iter().map(|n| *n as i32).collect(),
        dtype: code(dtype),
        quantization: scale.map(|(scale, zero_point)| Quantization {
            scales: vec![scale],
            zero_points: vec![zero_point.into()],
            ..Quantization::default()
        }),
        is_variable: true,
        ..Tensor::default()
    })
}

pub(super) fn svdf(d: &mut Draw<'_>, op: Op) -> Option<()> {
    if d.is_called() {
        return None;
    }
    let x = d.computed(&[DType::Float32, DType::Int8], 2..=2)?;
    let [batch, inputs] = x.shape[..] else {
        return None;
    };
    let (units, rank, memory) = (d.between(1..=5), d.between(1..=3), d.between(1..=6));
    let filters = units * rank;
    let code = d.choose(&[0, 1, 2, 3]);
    let is_hybrid = is_hybrid(d, &x);
    let asymmetric = is_hybrid && d.coin();
    let options = Options::Numbers(6, vec![rank as i32, code, asymmetric.into()]);
    let y = Spec::of(x.dtype, &[batch, units]);
    let kept = [batch, memory * filters];
    let Some((x_scale, _)) = x.scale else {
        let shapes = [&[filters, inputs][..], &[filters, memory], &[units]];
        let [weights, time, bias] = shapes.map(|shape| match is_hybrid && shape.len() == 2 {
            true => weights::scaled(d, DType::Int8, shape, (0, 1)),
            false => d.constant(&Spec::of(DType::Float32, shape), 0..=0),
        });
        let state = state(d, DType::Float32, &kept, None);
        let peak = x.peak * 16.0 * (inputs * memory * rank) as f32 + 4.0;
        let y = y.within(peak, FUNCTION * peak);
        let inputs = [x.id, weights, time, bias, state];
        return d.emit_one(op, &inputs, y, options).map(drop);
    };
    let words = d.coin();
    let dtype = if words { DType::Int16 } else { DType::Int8 };
    let [w, t] = [d.power_of_two(-9..=-6), d.power_of_two(-9..=-6)];
    let state_scale = x_scale * w * 127.0 * (inputs as f32).sqrt();
    let state_scale = state_scale * d.power_of_two(-1..=0) * if words { 1.0 / 64.0 } else { 1.0 };
    // TFLM compares the bias's scale to 10⁻⁵, which is less than a bit of greater ones.
    if state_scale * t > 100.0 {
        return None;
    }
    let zero_point = if words { 0 } else { d.integer(-20..=20) };
    let weights = Spec::of(DType::Int8, &[filters, inputs]).scaled(Some((w, 0)));
    let weights = d.constant(&weights, -127..=127);
    let greatest = if words { 32767 } else { 127 };
    let time = Spec::of(dtype, &[filters, memory]).scaled(Some((t, 0)));
    let time = d.constant(&time, -greatest..=greatest);
    let bias = Spec::of(DType::Int32, &[units]).scaled(Some((state_scale * t, 0)));
    let bias = d.constant(&bias, -100_000..=100_000);
    let state = state(d, dtype, &kept, Some((state_scale, zero_point)));
    let reach = if words { 1.0e5 } else { 300.0 };
    let scale = state_scale * t * reach * ((rank * memory) as f32).sqrt();
    let scale = d.scale_near(DType::Int8, scale);
    d.emit_one(
        op,
        &[x.id, weights, time, bias, state],
        y.scaled(scale),
        options,
    )
    .map(drop)
}

pub(super) fn lstm(d: &mut Draw<'_>, op: Op) -> Option<()> {
    if d.is_called() {
        return None;
    }
    let x = d.computed(&[DType::Float32, DType::Int8, DType::Int16], 3..=3)?;
    let [first, second, inputs] = x.shape[..] else {
        return None;
    };
    let time_major = d.coin();
    let batch = if time_major { second } else { first };
    let units = d.between(1..=6);
    let words = x.dtype == DType::Int16;
    // Gates of 16 bits would be saturated, all of them.
    if words && x.scale.is_some_and(|(scale, _)| scale > 0.25) {
        return None;
    }
    let hidden = x.scale.map(|_| match words {
        true => (d.power_of_two(-17..=-15), 0),
        false => (d.power_of_two(-9..=-7), d.integer(-60..=60)),
    });
    let cell = x.scale.map(|_| ((d.integer(-15..=-9) as f32).exp2(), 0));
    let mut ids = vec![x.id];
    let is_hybrid = is_hybrid(d, &x);
    let weights = |d: &mut Draw<'_>, columns: usize| {
        if is_hybrid {
            return weights::scaled(d, DType::Int8, &[units, columns], (0, 1));
        }
        let spec = Spec::of(DType::Float32, &[units, columns]);
        let spec = match x.scale {
            None => spec,
            Some(_) => Spec {
                dtype: DType::Int8,
                scale: Some((d.power_of_two(-9..=-6), 0)),
                ..spec
            },
        };
        d.constant(&spec, -127..=127)
    };
    for columns in [inputs; 4].into_iter().chain([units; 4]) {
        let id = weights(d, columns);
        ids.push(id);
    }
    ids.extend([-1; 3]);
    for _ in 0..4 {
        let (dtype, reach) = match x.dtype {
            DType::Int8 => (DType::Int32, 10_000),
            DType::Int16 => (DType::Int64, 10_000_000),
            dtype => (dtype, 0),
        };
        let spec = Spec::of(dtype, &[units]).scaled(x.scale.map(|_| (1.0e-4, 0)));
        let id = d.constant(&spec, -reach..=reach);
        ids.push(id);
    }
    ids.extend([-1; 2]);
    let cells = match x.scale {
        None => DType::Float32,
        Some(_) => DType::Int16,
    };
    let hidden_state = state(d, x.dtype, &[batch, units], hidden);
    let cell_state = state(d, cells, &[batch, units], cell);
    ids.extend([hidden_state, cell_state]);
    ids.extend([-1; 4]);
    let clip = d.choose(&[0.0f32, 0.0, 0.5, 3.0]);
    let y = Spec::of(x.dtype, &[first, second, units]);
    // Weights of floats are large, and cells remember. What is hidden may be a step further where it is quantised.
    let error = if is_hybrid { 0.02 } else { 2.0e-5 };
    let y = y.within(1.0, error).scaled(hidden);
    let tanh = 4;
    let asymmetric = is_hybrid && d.coin();
    let options = [tanh, clip.to_bits() as i32, 0, time_major.into()];
    let options = [&options[..], &[asymmetric.into()]].concat();
    d.emit_one(op, &ids, y, Options::Numbers(71, options))
        .map(drop)
}
