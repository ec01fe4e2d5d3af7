//! Operators of images.

use castiron_codegen::graph::{BuiltinOperator as Op, DType};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::elementwise::{FUNCTION, activation};
use super::products::{Hybrid, Kinds, operands, weighted};
use super::spec::{Spec, Value, code};

/// A window along a dimension.
struct Window {
    filter: usize,
    stride: usize,
    dilation: usize,
    output: usize,
}

/// Paddings as the file has them.
const SAME: i32 = 0;

fn window(d: &mut Draw<'_>, size: usize, padding: i32, may_dilate: bool) -> Window {
    let dilation = match may_dilate && d.one_in(4) {
        true => 2,
        false => 1,
    };
    let stride = d.choose(&[1, 1, 2, 3]);
    // Whole windows have to fit, and borders need no more than a window.
    let most = (size - 1) / dilation + 1;
    let filter = match padding == SAME {
        true => d.between(1..=4.min(size + 1)),
        false => d.between(1..=most.min(4)),
    };
    let extent = (filter - 1) * dilation + 1;
    let output = match padding == SAME {
        true => size.div_ceil(stride),
        false => (size - extent) / stride + 1,
    };
    Window {
        filter,
        stride,
        dilation,
        output,
    }
}

const PRODUCTS: [DType; 5] = [
    DType::Float32,
    DType::Int8,
    DType::Int8,
    DType::Uint8,
    DType::Int16,
];

pub(super) fn conv(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = d.any(&PRODUCTS, 4..=4);
    let [n, h, w, c] = x.shape[..] else {
        return None;
    };
    let padding = d.integer(0..=1);
    let [rows, columns] = [h, w].map(|size| window(d, size, padding, true));
    // In groups, each filter reads a part of the channels.
    let divisors: Vec<usize> = (1..=c).filter(|g| c.is_multiple_of(*g)).collect();
    let groups = match d.one_in(5) && x.dtype != DType::Uint8 {
        true => d.choose(&divisors),
        false => 1,
    };
    let outputs = groups * d.between(1..=(8 / groups).max(1));
    let kinds = Kinds {
        channels: 0,
        per_channel: true,
        int4: true,
        narrow: true,
        computed: true,
        hybrid: if groups == 1 {
            Hybrid::Any
        } else {
            Hybrid::Channels
        },
    };
    let filter = [outputs, rows.filter, columns.filter, c / groups];
    let y = [n, rows.output, columns.output, outputs];
    let weighted = weighted(d, &x, &filter, &y, kinds);
    let sums = match x.dtype {
        DType::Int16 => code(weighted.sums),
        _ => 0,
    };
    let options = vec![
        padding,
        columns.stride as i32,
        rows.stride as i32,
        weighted.activation,
        columns.dilation as i32,
        rows.dilation as i32,
        sums.into(),
    ];
    let ids = operands(x.id, &weighted);
    d.emit_one(op, &ids, weighted.y, Options::Numbers(1, options))
        .map(drop)
}

pub(super) fn depthwise(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = d.any(&PRODUCTS, 4..=4);
    let [n, h, w, c] = x.shape[..] else {
        return None;
    };
    let padding = d.integer(0..=1);
    let [rows, columns] = [h, w].map(|size| window(d, size, padding, true));
    let multiplier = d.choose(&[1, 1, 2, 3]);
    let outputs = c * multiplier;
    let kinds = Kinds {
        channels: 3,
        per_channel: true,
        int4: true,
        narrow: false,
        computed: true,
        hybrid: Hybrid::Channels,
    };
    let filter = [1, rows.filter, columns.filter, outputs];
    let y = [n, rows.output, columns.output, outputs];
    let weighted = weighted(d, &x, &filter, &y, kinds);
    let options = vec![
        padding,
        columns.stride as i32,
        rows.stride as i32,
        multiplier as i32,
        weighted.activation,
        columns.dilation as i32,
        rows.dilation as i32,
    ];
    let ids = operands(x.id, &weighted);
    d.emit_one(op, &ids, weighted.y, Options::Numbers(2, options))
        .map(drop)
}

pub(super) fn transpose_conv(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let x = d.any(
        &[DType::Float32, DType::Int8, DType::Uint8, DType::Int16],
        4..=4,
    );
    let [n, h, w, c] = x.shape[..] else {
        return None;
    };
    let padding = d.integer(0..=1);
    let axes = [h, w].map(|size| {
        let (filter, stride) = (d.between(1..=4), d.choose(&[1, 2, 2, 3]));
        let output = match padding == SAME {
            true => size * stride,
            false => (size - 1) * stride + filter,
        };
        (filter, stride, output)
    });
    let [rows, columns] = axes;
    // A window that is smaller than its stride leaves gaps.
    if padding == SAME && (rows.0 < rows.1 || columns.0 < columns.1) {
        return None;
    }
    let outputs = d.between(1..=5);
    let kinds = Kinds {
        channels: 0,
        per_channel: true,
        int4: true,
        narrow: false,
        computed: false,
        hybrid: Hybrid::None,
    };
    let y = [n, rows.2, columns.2, outputs];
    let weighted = weighted(d, &x, &[outputs, rows.0, columns.0, c], &y, kinds);
    let sizes = d.sizes(&y);
    let mut ids = vec![sizes, weighted.weights, x.id];
    if weighted.bias >= 0 {
        ids.push(weighted.bias);
    }
    let strides = [columns.1 as i32, rows.1 as i32];
    let options = vec![padding, strides[0], strides[1], weighted.activation];
    d.emit_one(op, &ids, weighted.y, Options::Numbers(49, options))
        .map(drop)
}

pub(super) fn pool(d: &mut Draw<'_>, op: Op, types: &[DType]) -> Option<()> {
    let x = d.any(types, 4..=4);
    let [n, h, w, c] = x.shape[..] else {
        return None;
    };
    let padding = d.integer(0..=1);
    let [rows, columns] = [h, w].map(|size| window(d, size, padding, false));
    let (code, bound) = activation(d);
    let y = x.shaped(&[n, rows.output, columns.output, c]);
    let y = match op {
        Op::MaxPool2d => y,
        // Of squares, small ones have steep roots.
        Op::L2Pool2d if !x.is_exact() => return None,
        _ => {
            let peak = x.peak.min(bound);
            y.within(peak, x.error + FUNCTION * x.peak)
        }
    };
    let options = vec![
        padding,
        columns.stride as i32,
        rows.stride as i32,
        columns.filter as i32,
        rows.filter as i32,
        code,
    ];
    d.emit_one(op, &[x.id], y, Options::Numbers(5, options))
        .map(drop)
}

pub(super) fn resize(d: &mut Draw<'_>, op: Op) -> Option<()> {
    let types = match op {
        Op::ResizeNearestNeighbor if d.one_in(4) => d.moved(),
        _ => &[DType::Float32, DType::Int8, DType::Uint8, DType::Int16],
    };
    let x: Value = d.any(types, 4..=4);
    let [n, h, w, c] = x.shape[..] else {
        return None;
    };
    let sizes = [h, w].map(|size| match d.one_in(3) {
        true => size * 2,
        false => d.between(1..=12),
    });
    let [align, half] = match d.between(0..=2) {
        0 => [0, 0],
        1 => [1, 0],
        _ => [0, 1],
    };
    let y: Spec = x.shaped(&[n, sizes[0], sizes[1], c]);
    let sizes = d.sizes(&sizes);
    let (y, options) = match op {
        Op::ResizeBilinear => (
            y.within(x.peak, x.error + 4.0 * FUNCTION * x.peak),
            Options::Numbers(15, vec![0, 0, align, half]),
        ),
        _ => (y, Options::Numbers(74, vec![align, half])),
    };
    d.emit_one(op, &[x.id, sizes], y, options).map(drop)
}
