//! Kernels for processors with the DSP extension: products of int8, and of int16 and int8, with their weights packed by two channels to a lane.
//!
//! Whether they fit is decided by the values: where a sum may not fit in 24 bits, or in 32 if inputs have 16, or two weights not in a lane, the portable
//! kernel computes the operator.

mod pack;
pub mod requantize;
mod small;

use castiron_runtime::kernels::{
    AnyDepthwise, AnyDepthwiseI16, AnyEpilogue, AnyLoops, AnyLoopsI16, Conv2dSizes,
    DepthwiseConv2dSizes, DspConv2d, DspConv2dSizes, DspDepthwiseConv2d, DspFullyConnected,
    DspOutput, DspPointwise, DspWideFullyConnected, DspWindowConv2d, FullyConnectedSizes, GROUP,
    Int8, Int16x8, LANES, OVERLAPPING, ROWS, Window,
};

use super::int8::Quantized;
use super::weighted::Sums;
use super::{Format as _, Product, Sizes, int16x8};
use crate::error::Diagnostic;
use crate::ops::Site;
use crate::program::{Argument, Choosing, ElementType};
pub(in crate::ops) use pack::Format;
use requantize::{Channel, INT8, INT16, Output, Requantization};

/// An operator that multiplies by int8 weights.
pub(in crate::ops) struct Layer<'a> {
    values: Values,
    channels: usize,
    in_zero_point: i8,
    /// Least and greatest output value, by type and activation.
    range: [i32; 2],
    /// Weight *i* of an output channel.
    weight: &'a dyn Fn(usize, usize) -> i8,
    x: Argument,
    y: Argument,
}

/// What becomes of sums, by the type of inputs and outputs.
enum Values {
    Int8(Quantized),
    Int16(Sums),
}

/// Adds the call of a kernel of int8 for the DSP extension; says whether there is one for the operator.
pub(super) fn choose(
    product: &Product<'_>,
    sizes: &impl Sizes,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
) -> Result<bool, Diagnostic> {
    let weights = Int8::weights(site)?;
    let quantized = Quantized::of(product, &weights, site)?;
    let Ok(in_zero_point) = i8::try_from(quantized.in_zero_point) else {
        return Ok(false);
    };
    let layer = Layer {
        range: [quantized.min, quantized.max],
        values: Values::Int8(quantized),
        channels: product.channels,
        in_zero_point,
        weight: &|channel, i| weights[(product.index)(channel, i)],
        x: choosing.activation(site.input_id(0)?)?,
        y: choosing.activation(site.output_id(0)?)?,
    };
    Ok(sizes.call_dsp(&layer, choosing))
}

/// Adds the call of a kernel of int16 for the DSP extension; says whether there is one for the operator.
pub(super) fn choose_i16(
    product: &Product<'_>,
    sizes: &impl Sizes,
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
) -> Result<bool, Diagnostic> {
    let weights = Int16x8::weights(site)?;
    let sums = int16x8::sums(product, site)?;
    let layer = Layer {
        range: [sums.min, sums.max],
        values: Values::Int16(sums),
        channels: product.channels,
        in_zero_point: 0,
        weight: &|channel, i| weights[(product.index)(channel, i)],
        x: choosing.activation(site.input_id(0)?)?,
        y: choosing.activation(site.output_id(0)?)?,
    };
    Ok(sizes.call_dsp(&layer, choosing))
}

/// Adds a call of a kernel, of what it ends with by the layer's type.
macro_rules! call {
    ($choosing:ident, $layer:ident, $operands:expr, ($end:ident: $int8:expr, $int16:expr) => $kernel:expr) => {
        match $layer.format() {
            Format::Int8 => {
                let $end = $int8;
                let kernel = $kernel;
                $choosing.call(kernel, $operands);
            }
            Format::Int16 => {
                let $end = $int16;
                let kernel = $kernel;
                $choosing.call(kernel, $operands);
            }
        }
    };
}

impl Layer<'_> {
    fn format(&self) -> Format {
        match self.values {
            Values::Int8(_) => Format::Int8,
            Values::Int16(_) => Format::Int16,
        }
    }

    /// Bytes of an input, and of an output.
    fn bytes(&self) -> usize {
        self.element().bytes()
    }

    /// The type of inputs and outputs.
    fn element(&self) -> ElementType {
        match self.values {
            Values::Int8(_) => ElementType::I8,
            Values::Int16(_) => ElementType::I16,
        }
    }

    /// Its channels and what becomes of their sums, in a row that is widened or in others; `None` where they do not fit.
    fn requantized(
        &self,
        inputs: usize,
        weight: &dyn Fn(usize, usize) -> i8,
        is_wide: bool,
    ) -> Option<(Vec<Channel>, Requantization)> {
        match &self.values {
            Values::Int8(quantized) => {
                let output = Output {
                    zero_point: quantized.out_zero_point,
                    min: quantized.min,
                    max: quantized.max,
                };
                let channels = Channel::all(quantized, inputs, weight);
                let requantization = match is_wide {
                    true => Requantization::of_wide_rows(&channels, output)?,
                    false => Requantization::of(&channels, output)?,
                };
                Some((channels, requantization))
            }
            Values::Int16(sums) => {
                let channel = |channel: usize| {
                    let factor = sums.factor(channel);
                    let start = i32::try_from(sums.bias(channel)).ok()?;
                    let weights = (0..inputs).map(|i| weight(channel, i));
                    Some(Channel::of(factor, start, weights, INT16))
                };
                let channels: Option<Vec<_>> = (0..self.channels).map(channel).collect();
                let channels = channels?;
                let requantization = match sums.wide {
                    true => Requantization::once(&channels),
                    false => Requantization::twice(&channels),
                };
                Some((channels, requantization?))
            }
        }
    }

    /// What becomes of its sums, and its weights in blocks; `None` where they do not fit. Inputs are runs of so many, and weights are counted as if
    /// these were whole groups.
    fn packed(
        &self,
        runs: [usize; 2],
        weight: &dyn Fn(usize, usize) -> i8,
        is_wide: bool,
    ) -> Option<(Requantization, Vec<u32>)> {
        let inputs = runs[0] * runs[1].next_multiple_of(GROUP);
        let (channels, requantization) = self.requantized(inputs, weight, is_wide)?;
        let blocks = pack::blocks(&channels, &requantization, runs, weight, self.format())?;
        Some((requantization, blocks))
    }

    fn output(&self) -> DspOutput {
        DspOutput {
            channels: self.channels,
            min: self.range[0],
            max: self.range[1],
        }
    }
}

/// The weights in blocks of a matrix product of int8 or int16 whose sums become int16 by one factor, of rows of inputs that are filled up to groups;
/// `None` where they do not fit.
pub(in crate::ops) fn to_i16(
    format: Format,
    starts: &[i64],
    (multiplier, shift): (i32, i8),
    inputs: usize,
    weight: &dyn Fn(usize, usize) -> i8,
) -> Option<Vec<u32>> {
    let weight = |channel: usize, i: usize| match i < inputs {
        true => weight(channel, i),
        false => 0,
    };
    let range = match format {
        Format::Int8 => INT8,
        Format::Int16 => INT16,
    };
    let channel = |(channel, start): (usize, &i64)| {
        let weights = (0..inputs).map(|i| weight(channel, i));
        let start = i32::try_from(*start).ok()?;
        Some(Channel::of(
            (multiplier, shift.into()),
            start,
            weights,
            range,
        ))
    };
    let channels: Option<Vec<_>> = starts.iter().enumerate().map(channel).collect();
    let channels = channels?;
    let requantization = match format {
        Format::Int8 => Requantization::to_i16(&channels),
        Format::Int16 => Requantization::once(&channels),
    }?;
    let runs = [1, inputs.next_multiple_of(GROUP)];
    pack::blocks(&channels, &requantization, runs, &weight, format)
}

/// Adds a matrix product; says whether it could.
pub(in crate::ops) fn matrix(
    sizes: &FullyConnectedSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    if small::matrix(sizes, layer, choosing) {
        return true;
    }
    if !sizes.inputs.is_multiple_of(GROUP) || sizes.rows == 0 {
        return false;
    }
    let widened = widened(sizes)
        .filter(|widened| layer.format() == Format::Int8 && 2 * widened <= choosing.room());
    let packed = layer.packed([1, sizes.inputs], layer.weight, widened.is_some());
    let Some((requantization, weights)) = packed else {
        return false;
    };
    let weights = choosing.constant(&weights);
    let (output, epilogue) = (layer.output(), requantization.epilogue);
    if let Some(widened) = widened {
        // These inputs are widened before the first output is written.
        let distance = match widened < sizes.inputs {
            true => sizes.outputs.saturating_sub(widened),
            false => 0,
        };
        choosing.overlap(distance, 1);
        let wide = choosing.scratch(ElementType::U32, widened / 2);
        let epilogue = AnyLoops::WideRows(epilogue);
        choosing.call(
            DspWideFullyConnected { output, epilogue },
            [layer.x, weights, wide, layer.y],
        );
        return true;
    }
    if sizes.rows == 1 {
        let rows = AnyLoops::Rows(epilogue);
        let operands = [layer.x, weights, layer.y];
        call!(
            choosing,
            layer,
            operands,
            (epilogue: rows, AnyLoopsI16(rows)) => DspFullyConnected { output, epilogue }
        );
        return true;
    }
    if 4 * sizes.inputs > choosing.room() {
        let pixels = Window {
            in_h: sizes.rows,
            in_c: sizes.inputs,
            out_h: sizes.rows,
            out_c: sizes.outputs,
            ..Window::PIXEL
        };
        by_window(&pixels, weights, epilogue, layer, choosing);
        return true;
    }
    let pairs = choosing.scratch(ElementType::U32, sizes.inputs);
    let loops = loops(epilogue, sizes.rows);
    let operands = [layer.x, weights, pairs, layer.y];
    call!(
        choosing,
        layer,
        operands,
        (epilogue: loops, AnyLoopsI16(loops)) => {
            let kernel = DspPointwise {
                rows: sizes.rows,
                inputs: sizes.inputs,
                output,
                epilogue,
            };
            choosing.overlap(kernel.distance() * layer.bytes(), layer.bytes());
            kernel
        }
    );
    true
}

/// The most inputs of a row that are widened: they take twice as many bytes.
const MOST_WIDENED: usize = 152;
/// Outputs and products that pay for widening, and for its code.
const LEAST_OUTPUTS: usize = 64;
const LEAST_PRODUCTS: usize = 8192;

/// How many inputs of a single row are widened, where that is worth it.
fn widened(sizes: &FullyConnectedSizes) -> Option<usize> {
    let widened = sizes.inputs.min(MOST_WIDENED) / 8 * 8;
    let is_worth_it = sizes.rows == 1
        && widened > 0
        && sizes.outputs >= LEAST_OUTPUTS
        && sizes.inputs * sizes.outputs >= LEAST_PRODUCTS;
    is_worth_it.then_some(widened)
}

/// The loops for as many pixels that are taken two at a time.
fn loops(epilogue: AnyEpilogue, pixels: usize) -> AnyLoops {
    match pixels % 2 {
        0 => AnyLoops::Pairs(epilogue),
        _ => AnyLoops::Both(epilogue),
    }
}

/// Adds a convolution that works in no more than a window.
fn by_window(
    w: &Window,
    weights: Argument,
    epilogue: AnyEpilogue,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) {
    choosing.overlap(w.distance_by_windows() * layer.bytes(), layer.bytes());
    let run = (w.filter_w * w.in_c).next_multiple_of(GROUP);
    let inputs = choosing.scratch(layer.element(), w.filter_h * run);
    let rows = AnyLoops::Rows(epilogue);
    let operands = [layer.x, weights, inputs, layer.y];
    call!(
        choosing,
        layer,
        operands,
        (epilogue: rows, AnyLoopsI16(rows)) => DspWindowConv2d {
            window: *w,
            run,
            in_zero_point: layer.in_zero_point,
            output: layer.output(),
            epilogue,
        }
    );
}

/// Adds a convolution; says whether it could.
pub(in crate::ops) fn conv(
    sizes: &Conv2dSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let w = &sizes.window;
    if sizes.groups == 1 && small::windows(w, false, layer, choosing) {
        return true;
    }
    if sizes.groups != 1 || (w.dilation_h, w.dilation_w) != (1, 1) || w.out_w * w.out_h == 0 {
        return false;
    }
    let (dsp, kept, distance) = conv_sizes(w, layer.format());
    let taps = w.filter_w * w.in_c;
    let is_roomy = 4 * w.filter_h * dsp.run + kept * layer.bytes() <= choosing.room();
    let run = match is_roomy {
        true => dsp.run,
        false => taps.next_multiple_of(GROUP),
    };
    let groups = run.next_multiple_of(GROUP);
    let overlap = layer.format() == Format::Int8
        && is_roomy
        && w.stride_w == 1
        && w.filter_w == OVERLAPPING
        && w.in_c.is_multiple_of(GROUP)
        && w.out_w.is_multiple_of(2);
    // Where windows overlap, groups of the pixels come in turn.
    let tap = |i: usize| match overlap {
        true => i / GROUP % OVERLAPPING * w.in_c + i / GROUP / OVERLAPPING * GROUP + i % GROUP,
        false => i,
    };
    let weight = |channel: usize, i: usize| match tap(i % groups) {
        tap if tap < taps => (layer.weight)(channel, i / groups * taps + tap),
        _ => 0,
    };
    let Some((requantization, weights)) = layer.packed([w.filter_h, run], &weight, false) else {
        return false;
    };
    let weights = choosing.constant(&weights);
    if !is_roomy {
        by_window(w, weights, requantization.epilogue, layer, choosing);
        return true;
    }
    choosing.overlap(distance * layer.bytes(), layer.bytes());
    let rows = choosing.scratch(layer.element(), kept);
    let pairs = choosing.scratch(ElementType::U32, w.filter_h * run);
    let loops = match run % GROUP {
        0 if overlap => AnyLoops::Overlapping(requantization.epilogue),
        0 => loops(requantization.epilogue, w.out_w),
        _ => AnyLoops::Halves(requantization.epilogue),
    };
    let operands = [layer.x, weights, rows, pairs, layer.y];
    call!(
        choosing,
        layer,
        operands,
        (epilogue: loops, AnyLoopsI16(loops)) => {
            DspConv2d {
                sizes: dsp,
                in_zero_point: layer.in_zero_point,
                output: layer.output(),
                epilogue,
            }
        }
    );
    true
}

/// Sizes of a convolution, the elements that it keeps aside, and how far before the input its output may begin. Rows are kept aside where they have to be,
/// or where that lets the output overwrite more than they take.
fn conv_sizes(w: &Window, format: Format) -> (DspConv2dSizes, usize, usize) {
    let sizes = match format {
        Format::Int8 => DspConv2dSizes::of(*w),
        Format::Int16 => DspConv2dSizes::of_groups(*w),
    };
    let (kept, distance) = (sizes.kept(), sizes.distance());
    let (input, output) = (
        w.batches * w.in_image(),
        w.batches * w.out_h * w.out_w * w.out_c,
    );
    let taken = |distance: usize| output.max(input + distance);
    match DspConv2dSizes::where_it_is(*w) {
        Some((sizes, near)) if taken(near) <= taken(distance) + kept => (sizes, 0, near),
        _ => (sizes, kept, distance),
    }
}

/// Bytes that a group of channels may take, where there are more than four and it is not free.
const GROUP_BYTES: usize = 1024;
/// The most channels of a group.
const MOST_CHANNELS: usize = 16;

/// Adds a depthwise convolution; says whether it could.
pub(in crate::ops) fn depthwise(
    sizes: &DepthwiseConv2dSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let w = &sizes.window;
    if sizes.multiplier == 1 && small::windows(w, true, layer, choosing) {
        return true;
    }
    let Some(at_once) = at_once(w).filter(|_| sizes.multiplier == 1) else {
        return false;
    };
    let inputs = ROWS * ROWS;
    let Some((channels, requantization)) = layer.requantized(inputs, layer.weight, false) else {
        return false;
    };
    let weights = pack::depthwise(&channels, &requantization, layer.weight, layer.format());
    let words = row_words(w);
    let mut group = MOST_CHANNELS.min(w.in_c);
    let most = GROUP_BYTES.max(choosing.spare_beside(&layer.y));
    let most = most.min(choosing.room());
    while group > LANES && group * ROWS * words * 4 > most {
        group -= LANES;
    }
    let weights = choosing.constant(&weights);
    let rows = choosing.scratch(ElementType::U32, group * ROWS * words);
    let loops = AnyDepthwise {
        epilogue: requantization.epilogue,
        stride: w.stride_w,
        at_once,
    };
    let operands = [layer.x, weights, rows, layer.y];
    call!(
        choosing,
        layer,
        operands,
        (depthwise: loops, AnyDepthwiseI16(loops)) => {
            let kernel = DspDepthwiseConv2d {
                window: *w,
                group,
                words,
                in_zero_point: layer.in_zero_point,
                output: layer.output(),
                depthwise,
            };
            let [distance, step] = kernel.distance();
            choosing.overlap(distance * layer.bytes(), step * layer.bytes());
            kernel
        }
    );
    true
}

/// How many outputs of a window to compute at once, and how many are left of a row; `None` if there is no loop for it.
fn at_once(w: &Window) -> Option<[usize; 2]> {
    let is_3x3 = (w.filter_h, w.filter_w, w.dilation_h, w.dilation_w) == (ROWS, ROWS, 1, 1);
    let padding = (0..=2).contains(&w.pad_top) && (0..=1).contains(&w.pad_left);
    let fits = w.in_c.is_multiple_of(LANES) && w.in_w >= ROWS && w.out_h * w.out_w > 0;
    if !is_3x3 || !padding || !fits || w.stride_h != w.stride_w {
        return None;
    }
    let most = match w.stride_w {
        1 => 6,
        2 => 4,
        _ => return None,
    };
    // Several times as many are an even number, so that each begins with a whole word.
    let whole = (1..=most)
        .rev()
        .find(|n| w.out_w.is_multiple_of(*n) && *n > 2 && n.is_multiple_of(2));
    Some(match whole {
        _ if w.out_w <= most => [0, w.out_w],
        Some(n) => [n, 0],
        None => [most, w.out_w % most],
    })
}

/// Words of a row of a channel: its padding, its pixels, and what the last outputs read beside.
fn row_words(w: &Window) -> usize {
    let reached = (w.out_w - 1) * w.stride_w + ROWS;
    let columns = reached.max(w.pad_left.unsigned_abs() + w.in_w);
    columns.div_ceil(2)
}
