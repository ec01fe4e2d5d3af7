//! Weights of fewer bits than what they are multiplied with: those that an operator makes floats of, and those that stay integers.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::{Options, Quantization, Sparsity, Tensor};

use super::draw::Draw;
use super::spec::{Spec, code, size};

/// The dense bytes of a part of a tensor, in its order.
const BLOCK: usize = 4;

/// A constant of floats: as it is, or what DEQUANTIZE and DENSIFY make of another one. Scales run along `channels`.
pub(super) fn reals(d: &mut Draw<'_>, shape: &[usize], channels: usize) -> i32 {
    use DType::{Float16, Float32, Int4, Int8, Int16, Uint8};
    let floats = Spec::of(Float32, shape);
    let is_plain = match d.is_hybrid {
        true => d.one_in(3),
        false => !d.one_in(12),
    };
    if is_plain || shape.is_empty() {
        return d.constant(&floats, 0..=0);
    }
    let is_sparse = d.one_in(4);
    let dtype = match is_sparse {
        true => d.choose(&[Float32, Float32, Float16, Int8]),
        false => d.choose(&[Float16, Float16, Int8, Int8, Int4, Int16, Uint8]),
    };
    let mut id = match dtype {
        Float32 | Float16 => d.constant(&Spec::of(dtype, shape), 0..=0),
        _ => integers(d, dtype, shape, channels),
    };
    if is_sparse {
        id = dense(d, id, dtype);
    }
    if dtype == Float32 {
        return id;
    }
    let y = d.tensor(&floats, 0);
    d.operator(Op::Dequantize, &[id], &[y], Options::None);
    y
}

/// A constant of integers that stand for floats, with one scale or one for each of the channels.
pub(super) fn integers(d: &mut Draw<'_>, dtype: DType, shape: &[usize], channels: usize) -> i32 {
    let is_signed = matches!(dtype, DType::Int8 | DType::Int4);
    let per_channel = is_signed && shape[channels] > 1 && d.coin();
    let count = if per_channel { shape[channels] } else { 1 };
    scaled(d, dtype, shape, (channels, count))
}

/// The same with so many scales, all of them for channels of a dimension.
pub(super) fn scaled(
    d: &mut Draw<'_>,
    dtype: DType,
    shape: &[usize],
    (channels, count): (usize, usize),
) -> i32 {
    let (greatest, zero_point) = match dtype {
        DType::Int4 => (8.0, 0),
        DType::Uint8 => (256.0, d.integer(96..=160)),
        DType::Int16 => (32768.0, 0),
        _ => (128.0, 0),
    };
    let scales: Vec<f32> = (0..count)
        .map(|_| d.power_of_two(-2..=0) / greatest)
        .collect();
    let quantization = Quantization {
        zero_points: vec![zero_point.into(); count],
        scales,
        dimension: if count > 1 { channels as i32 } else { 0 },
        blocks: None,
    };
    stored(d, dtype, shape, quantization)
}

/// The same with a scale of half precision for each block of a row.
pub(super) fn in_blocks(d: &mut Draw<'_>, dtype: DType, shape: &[usize]) -> i32 {
    let (row, rows) = shape.split_last().unwrap_or((&1, &[]));
    // Of four bits, LiteRT takes blocks of whole bytes.
    let whole = |n: &usize| dtype == DType::Int8 || n.is_multiple_of(2) || *row == 1;
    let sizes = (1..=*row).filter(|n| row.is_multiple_of(*n) && whole(n));
    let sizes: Vec<usize> = sizes.collect();
    let size = if sizes.is_empty() {
        *row
    } else {
        d.choose(&sizes)
    };
    let counts = [rows, &[row / size]].concat();
    let greatest = if dtype == DType::Int4 { 8.0 } else { 128.0 };
    let mut bytes = Vec::new();
    for _ in 0..counts.iter().product() {
        // Of half precision are the six bits of a fraction, at a small exponent.
        let scale = d.power_of_two(-2..=0) / greatest;
        bytes.extend(half(scale).to_le_bytes());
    }
    let buffer = d.buffer(bytes);
    let scales = d.tensor(&Spec::of(DType::Float16, &counts), buffer);
    let quantization = Quantization {
        blocks: Some((scales, size as i32)),
        ..Quantization::default()
    };
    stored(d, dtype, shape, quantization)
}

/// The bits of half precision for a number that has such: no rounding is asked for.
pub(super) fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let (sign, exponent) = (bits >> 16 & 0x8000, (bits >> 23 & 0xff) as i32 - 127 + 15);
    match exponent {
        1..=30 => (sign | (exponent as u32) << 10 | bits >> 13 & 0x3ff) as u16,
        _ => sign as u16,
    }
}

fn stored(d: &mut Draw<'_>, dtype: DType, shape: &[usize], quantization: Quantization) -> i32 {
    let elements: usize = shape.iter().product();
    let bytes = match dtype {
        DType::Int4 => elements.div_ceil(2),
        dtype => elements * size(dtype),
    };
    let data = Spec::of(DType::Uint8, &[bytes]);
    // −128 is no weight of bytes that converters write: 128 less each, from 1 on.
    let data = match dtype {
        DType::Int8 => d.data(&data, 1..=255, 128),
        _ => d.data(&data, 0..=255, 0),
    };
    let buffer = d.buffer(data);
    d.add(Tensor {
        shape: shape.iter().map(|n| *n as i32).collect(),
        dtype: code(dtype),
        buffer,
        quantization: Some(quantization),
        ..Tensor::default()
    })
}

/// Makes a constant sparse: leaves most of its elements out, or most blocks of a row; and gives what DENSIFY makes of it.
fn dense(d: &mut Draw<'_>, id: i32, dtype: DType) -> i32 {
    let mut tensor = d.scope().graph.tensors[id as usize].clone();
    let y = d.add(Tensor {
        buffer: 0,
        ..tensor.clone()
    });
    let whole = d.model.buffers[tensor.buffer as usize - 1].clone();
    let row = tensor.shape.last().map_or(1, |n| *n as usize);
    let block = if row.is_multiple_of(BLOCK) && d.coin() {
        BLOCK
    } else {
        1
    };
    let (mut segments, mut indices, mut kept) = (vec![0], Vec::new(), Vec::new());
    for row in whole.chunks(row * size(dtype)) {
        for (index, part) in row.chunks(block * size(dtype)).enumerate() {
            if d.random.u8(..5) < 2 {
                indices.push(index as i32);
                kept.extend(part);
            }
        }
        segments.push(indices.len() as i32);
    }
    if kept.is_empty() {
        // A buffer without bytes is none.
        indices.push(0);
        kept.extend(&whole[..block * size(dtype)]);
        segments[1..].fill(1);
    }
    tensor.buffer = d.buffer(kept);
    tensor.sparsity = Some(Sparsity {
        dense: tensor
            .shape
            .split_last()
            .map_or(Vec::new(), |(_, rows)| rows.to_vec()),
        segments,
        indices,
        block: if block > 1 { block as i32 } else { 0 },
    });
    d.scope().graph.tensors[id as usize] = tensor;
    d.operator(Op::Densify, &[id], &[y], Options::None);
    y
}
