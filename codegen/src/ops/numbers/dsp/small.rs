//! The kernel with the least code, for `optimize = "size"`: one for all operators that multiply int8.

use castiron_runtime::kernels::{
    DspSmall, DspSmallClamped, DspSmallRow, FullyConnectedSizes, GROUP, LANES, Window,
};

use super::requantize::{Channel, Output, TwoRoundings};
use super::{Layer, Values};
use crate::program::{Choosing, ElementType};
use crate::target::Optimize;

/// Elements of a row of pixels, where operators have no rows of their own.
const MOST_KEPT: usize = 512;

/// Adds a matrix product; says whether it could.
pub(super) fn matrix(
    sizes: &FullyConnectedSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    // Rows are pixels side by side: as many as one may keep aside.
    let at_once = (1..=MOST_KEPT / sizes.inputs.max(1))
        .rev()
        .find(|n| sizes.rows.is_multiple_of(*n))
        .unwrap_or(1);
    let window = Window {
        batches: 1,
        in_h: sizes.rows / at_once,
        in_w: at_once,
        in_c: sizes.inputs,
        out_h: sizes.rows / at_once,
        out_w: at_once,
        out_c: sizes.outputs,
        filter_h: 1,
        filter_w: 1,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 0,
        pad_left: 0,
    };
    windows(&window, false, layer, choosing)
}

/// Adds a convolution; says whether it could.
pub(super) fn windows(
    window: &Window,
    depthwise: bool,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let Values::Int8(quantized) = &layer.values else {
        return false;
    };
    if choosing.target().optimize != Optimize::Size {
        return false;
    }
    let Some(small) = DspSmall::of(window, depthwise) else {
        return false;
    };
    let numbers = [quantized.out_zero_point, quantized.min, quantized.max].map(i8::try_from);
    let [Ok(out_zero_point), Ok(min), Ok(max)] = numbers else {
        return false;
    };
    let output = Output {
        zero_point: quantized.out_zero_point,
        min: quantized.min,
        max: quantized.max,
    };
    let taps = match depthwise {
        true => window.filter_w,
        false => window.filter_w * window.in_c,
    };
    let channels = Channel::all(quantized, window.filter_h * taps, layer.weight);
    let channels: Option<Vec<_>> = channels.iter().map(|c| c.two_roundings(output)).collect();
    let Some(channels) = channels else {
        return false;
    };
    // Inputs of a channel, as those of a window's row are counted.
    let run = match depthwise {
        true => taps,
        false => taps.next_multiple_of(GROUP),
    };
    let weight = |channel: usize, i: usize| match channels.get(channel) {
        Some(c) if !c.is_constant && i % run < taps => {
            (layer.weight)(channel, i / run * taps + i % run)
        }
        _ => 0,
    };
    let words = blocks(&channels, window.filter_h * run, depthwise, &weight);
    // A window that is all of the input is read where it is, without what clamps.
    let is_whole = !depthwise
        && (min, max) == (i8::MIN, i8::MAX)
        && (window.filter_h, window.in_h, window.out_h * window.out_w) == (1, 1, 1)
        && (window.pad_top, window.pad_left) == (0, 0)
        && run == window.in_w * window.in_c;
    let weights = choosing.constant(&words);
    if is_whole {
        let row = DspSmallRow { out_zero_point };
        choosing.call(row, [layer.x, weights, layer.y]);
        return true;
    }
    let [distance, step] = DspSmall::distance(window, depthwise);
    choosing.overlap(distance, step);
    let rows = choosing.scratch(ElementType::I8, small.kept());
    let small = DspSmall {
        in_zero_point: layer.in_zero_point,
        out_zero_point,
        ..small
    };
    let operands = [layer.x, weights, rows, layer.y];
    match (min, max) {
        (i8::MIN, i8::MAX) => choosing.call(small, operands),
        _ => choosing.call(DspSmallClamped { small, min, max }, operands),
    }
    true
}

/// Weights as the kernel takes them, four channels a block.
fn blocks(
    channels: &[TwoRoundings],
    inputs: usize,
    depthwise: bool,
    weight: &dyn Fn(usize, usize) -> i8,
) -> Vec<u32> {
    let bytes = |of: &dyn Fn(usize) -> i8| -> u32 {
        let bytes: [u8; LANES] = std::array::from_fn(|i| of(i) as u8);
        u32::from_le_bytes(bytes)
    };
    let mut words = Vec::new();
    for first in (0..channels.len()).step_by(LANES) {
        let of = |i: usize| channels.get(first + i);
        words.extend((0..LANES).map(|i| of(i).map_or(0, |c| c.start) as u32));
        if depthwise {
            words.extend((0..inputs).map(|tap| bytes(&|i| weight(first + i, tap))));
        } else {
            for group in (0..inputs).step_by(GROUP) {
                words.extend((0..LANES).map(|i| bytes(&|at| weight(first + i, group + at))));
            }
        }
        words.extend((0..LANES).map(|i| of(i).map_or(0, |c| c.factor) as u32));
        words.push(bytes(&|i| of(i).map_or(0, |c| c.shift as i8)));
    }
    words
}
