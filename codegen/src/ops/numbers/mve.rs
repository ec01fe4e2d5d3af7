//! Kernels for the M-Profile Vector Extension: int8 products of whole blocks of inputs.
//!
//! They requantise as TensorFlow Lite does, in two roundings, for every sum that 32 bits hold. Where a channel's factor is one or more, or its shift beyond what a vector
//! shifts by, another kernel computes the operator.

use castiron_runtime::fixed::requantize;
use castiron_runtime::kernels::{
    AnyMveDepthwise, AnyMvePairs, AnyMveRow, AnyMveRuns, BLOCK, Conv2dSizes, DepthwiseConv2dSizes,
    FullyConnectedSizes, MveConv2d, MveConv2dSizes, MveDepthwiseConv2d, MveFullyConnected,
    MveOutput, MvePointwise, Window,
};

use super::dsp::requantize::Channel;
use super::layer::Layer;
use crate::program::{Argument, Choosing, ElementType};
use crate::target::Optimize;

/// Shifts to the right that the instruction takes, of sums that are negative, too.
const SHIFTS: std::ops::RangeInclusive<i8> = -30..=-1;

/// Bytes that copies of pixels may take where the arena has no more, if more than two fit: each call of a loop saves and restores all registers.
const COPIES: usize = 5120;

/// The most rows of a matrix product whose copies are worth room.
const ROWS: usize = 64;

/// Rows and columns of a window of the depthwise loop, and its channels at once.
const WINDOW: usize = 3;
const LANES: usize = 4;

impl Layer<'_> {
    fn mve_output(&self) -> MveOutput {
        let quantized = &self.quantized;
        MveOutput {
            channels: quantized.folded.len(),
            zero_point: quantized.out_zero_point,
            min: quantized.min,
            max: quantized.max,
        }
    }

    /// Whether outputs are on both sides of their zero point; `None` where the instructions do not requantise them.
    fn is_signed(&self) -> Option<bool> {
        let shifts = &self.quantized.shift;
        let fits = shifts.iter().all(|shift| SHIFTS.contains(shift));
        fits.then_some(self.quantized.out_zero_point > i8::MIN.into())
    }

    /// Whether some output of so many inputs may be outside of 16 bits before it saturates.
    fn is_wide(&self, inputs: usize) -> bool {
        let channels = Channel::all(&self.quantized, inputs, self.weight);
        let zero_point = i64::from(self.quantized.out_zero_point);
        let fits = |channel: &Channel| {
            [channel.least, channel.greatest].into_iter().all(|sum| {
                let Ok(sum) = i32::try_from(sum) else {
                    return false;
                };
                let scaled = requantize(sum, channel.multiplier, channel.shift);
                i16::try_from(i64::from(scaled) + zero_point).is_ok()
            })
        };
        !channels.iter().all(fits)
    }

    /// What a channel's sum begins with, its multiplier and its shift; zeros of one that is not there.
    fn constants(&self, channel: usize) -> [i32; 3] {
        let quantized = &self.quantized;
        let Some(start) = quantized.folded.get(channel) else {
            return [0, 0, -1];
        };
        let entry = |len: usize| if len == 1 { 0 } else { channel };
        [
            *start,
            quantized.multiplier[entry(quantized.multiplier.len())],
            quantized.shift[entry(quantized.shift.len())].into(),
        ]
    }

    /// Channels that are computed together, in fours: starts, weights by blocks of inputs, multipliers and shifts of each four.
    fn pack<const TOGETHER: usize>(
        &self,
        channels: impl Iterator<Item = [usize; TOGETHER]>,
        inputs: usize,
    ) -> Vec<u32> {
        let weight =
            |channel: usize, i: usize| match channel < self.quantized.folded.len() && i < inputs {
                true => (self.weight)(channel, i),
                false => 0,
            };
        let mut words = Vec::new();
        for channels in channels {
            let constants = channels.map(|channel| self.constants(channel));
            words.extend(constants.iter().map(|[start, ..]| *start as u32));
            for block in (0..inputs).step_by(BLOCK) {
                for channel in channels {
                    let word = |i| [0, 1, 2, 3].map(|at| weight(channel, i + at) as u8);
                    let all = (block..block + BLOCK).step_by(4);
                    words.extend(all.map(|i| u32::from_le_bytes(word(i))));
                }
            }
            for four in constants.chunks(LANES) {
                words.extend(four.iter().map(|[_, multiplier, _]| *multiplier as u32));
                words.extend(four.iter().map(|[.., shift]| *shift as u32));
            }
        }
        words
    }
}

/// The most blocks of inputs that a loop is unrolled to.
fn unrolled(choosing: &Choosing<'_>) -> usize {
    match choosing.target().optimize {
        Optimize::Size => 1,
        Optimize::Balanced | Optimize::Speed => 16,
    }
}

/// Bytes that copies of pixels may take.
fn copies(choosing: &Choosing<'_>, output: &Argument) -> usize {
    choosing.spare_beside(output).max(COPIES)
}

/// Adds a matrix product; says whether it could.
pub(in crate::ops) fn matrix(
    sizes: &FullyConnectedSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let FullyConnectedSizes {
        rows,
        inputs,
        outputs,
    } = *sizes;
    let Some(signed) = layer.is_signed() else {
        return false;
    };
    if rows == 0 || inputs == 0 || outputs == 0 {
        return false;
    }
    let whole = inputs.next_multiple_of(BLOCK);
    let most = unrolled(choosing);
    let output = layer.mve_output();
    if rows == 1 {
        let weights = layer.pack(AnyMveRow::channels(outputs), inputs);
        let weights = choosing.constant(&weights);
        let padded = if whole > inputs { whole / 4 } else { 0 };
        let padded = choosing.scratch(ElementType::U32, padded);
        let row = AnyMveRow::of(inputs, signed, most.min(8));
        let kernel = MveFullyConnected {
            inputs,
            output,
            row,
        };
        choosing.call(kernel, [layer.x, weights, padded, layer.y]);
        return true;
    }
    if whole > inputs && inputs > AnyMveRuns::MOST {
        return false;
    }
    let aside = whole == inputs;
    let room = match aside {
        true => 0,
        false => (copies(choosing, &layer.y) / whole).clamp(2, rows.min(ROWS)),
    };
    let pairs = AnyMvePairs::of(inputs, outputs, signed, most);
    let kernel = MvePointwise {
        rows,
        inputs,
        room,
        output,
        pairs: AnyMvePairs { aside, ..pairs },
        runs: AnyMveRuns::of(if aside { 1 } else { inputs }),
    };
    choosing.overlap(kernel.distance(), 1);
    let weights = layer.pack(AnyMvePairs::channels(outputs), inputs);
    let weights = choosing.constant(&weights);
    let pixels = choosing.scratch(ElementType::U32, room.max(2) * whole / 4);
    choosing.call(kernel, [layer.x, weights, pixels, layer.y]);
    true
}

/// Adds a convolution; says whether it could.
pub(in crate::ops) fn conv(
    sizes: &Conv2dSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let w = &sizes.window;
    let Some(signed) = layer.is_signed() else {
        return false;
    };
    let fits = sizes.groups == 1
        && (w.dilation_h, w.dilation_w) == (1, 1)
        && w.out_w * w.out_h * w.out_c * w.in_c > 0
        && w.filter_w * w.in_c <= AnyMveRuns::MOST;
    if !fits {
        return false;
    }
    let inputs = sizes.inputs();
    let own = MveConv2dSizes::of(*w, copies(choosing, &layer.y));
    let (own, kept, distance) = match own.where_it_is() {
        Some(own) => (own, 0, own.distance_where_it_is()),
        None => (own, own.kept(), own.distance()),
    };
    choosing.overlap(distance, 1);
    let weights = layer.pack(AnyMvePairs::channels(w.out_c), inputs);
    let weights = choosing.constant(&weights);
    let rows = choosing.scratch(ElementType::I8, kept);
    let pixels = choosing.scratch(ElementType::U32, own.words());
    let kernel = MveConv2d {
        sizes: own,
        in_zero_point: layer.in_zero_point,
        output: layer.mve_output(),
        pairs: AnyMvePairs::of(inputs, w.out_c, signed, unrolled(choosing)),
        runs: AnyMveRuns::of(w.filter_w * w.in_c),
    };
    choosing.call(kernel, [layer.x, weights, rows, pixels, layer.y]);
    true
}

/// Adds a depthwise convolution; says whether it could.
pub(in crate::ops) fn depthwise(
    sizes: &DepthwiseConv2dSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let w = &sizes.window;
    let (Some(signed), Some([distance, step])) = (layer.is_signed(), sizes.distance(1)) else {
        return false;
    };
    if !is_laid_out(w) {
        return false;
    }
    choosing.overlap(distance, step);
    let mut words = Vec::new();
    for first in (0..w.in_c).step_by(LANES) {
        let channels = first..first + LANES;
        for channel in channels.clone() {
            for column in 0..=WINDOW {
                let byte = |row: usize| match column < WINDOW && row < WINDOW {
                    true => (layer.weight)(channel, row * WINDOW + column) as u8,
                    false => 0,
                };
                words.push(u32::from_le_bytes([0, 1, 2, 3].map(byte)));
            }
        }
        for list in 0..3 {
            words.extend(channels.clone().map(|c| layer.constants(c)[list] as u32));
        }
    }
    let weights = choosing.constant(&words);
    let kernel = MveDepthwiseConv2d {
        window: *w,
        in_zero_point: layer.in_zero_point,
        output: layer.mve_output(),
        depthwise: AnyMveDepthwise {
            stride: w.stride_w,
            signed,
            wide: layer.is_wide(WINDOW * WINDOW),
        },
    };
    let columns = choosing.scratch(ElementType::U32, kernel.words());
    choosing.call(kernel, [layer.x, weights, columns, layer.y]);
    true
}

/// Whether there is a loop for a window.
fn is_laid_out(w: &Window) -> bool {
    (w.filter_h, w.filter_w, w.dilation_h, w.dilation_w) == (WINDOW, WINDOW, 1, 1)
        && w.stride_h == w.stride_w
        && matches!(w.stride_w, 1 | 2)
        && w.pad_left >= 0
        && w.in_c == w.out_c
        && w.in_c.is_multiple_of(LANES)
        && w.out_h * w.out_w * w.in_w * w.in_c > 0
}
