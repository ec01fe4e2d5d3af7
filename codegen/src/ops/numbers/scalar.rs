//! Kernels for processors without vector instructions: int8 products of several windows in one multiplication, and depthwise convolutions of several
//! outputs at a time.
//!
//! Whether they fit is decided by the values: where a sum may not fit in a lane, or no short requantisation is proven, another kernel computes the
//! operator.

use castiron_runtime::host::{Expression, Named};
use castiron_runtime::kernels::{
    AnyEpilogue, AnyScalarDepthwise, Conv2dSizes, DepthwiseConv2dSizes, FILTER,
    FullyConnectedSizes, MOST_OUTPUTS, MulPairs, Muls, ROW_CHANNELS, SEGMENT, SEGMENT_START,
    SMLAL_LANE, ScalarDepthwise, ScalarFullyConnected, ScalarRows, Smlal, Swar, SwarConv2d,
    SwarOutput, SwarPointwise,
};

use super::dsp::requantize::{Channel, Constants, Output, Requantization};
use super::layer::Layer;
use super::nested::Nested;
use crate::program::{Choosing, ElementType};
use crate::target::Isa;

/// A layer whose requantisation is proven.
struct Proven {
    channels: Vec<Channel>,
    constants: Vec<Constants>,
    output: SwarOutput,
    signed: bool,
}

impl Proven {
    /// In the form that the processor has; `None` if there is no proof.
    fn of(layer: &Layer<'_>, inputs: usize, isa: Isa) -> Option<Self> {
        let quantized = &layer.quantized;
        let output = Output {
            zero_point: quantized.out_zero_point,
            min: quantized.min,
            max: quantized.max,
        };
        let channels = Channel::all(quantized, inputs, layer.weight);
        let ([shift, fine], signed, constants) = match isa {
            Isa::Armv6m => {
                let nested = Nested::of(&channels, output)?;
                let shifts = [nested.shift, nested.fine];
                (shifts, nested.signed, nested.channels)
            }
            _ => {
                let found = Requantization::subtracting(&channels, output)?;
                let (shift, signed) = match found.epilogue {
                    AnyEpilogue::Short(shift) => (shift, false),
                    AnyEpilogue::Signed(shift) => (shift, true),
                    _ => return None,
                };
                ([shift, 0], signed, found.channels)
            }
        };
        let output = SwarOutput {
            channels: channels.len(),
            shift,
            fine,
            min: quantized.min,
            max: quantized.max,
        };
        Some(Self {
            channels,
            constants,
            output,
            signed,
        })
    }

    /// Whether a channel's output depends on its sum.
    fn is_live(&self, channel: usize) -> bool {
        let constants = self.constants.get(channel);
        constants.is_some_and(|constants| !constants.is_constant)
    }

    /// What the sums of a channel begin with.
    fn start(&self, channel: usize) -> i32 {
        match self.is_live(channel) {
            true => self.channels[channel].start,
            false => 0,
        }
    }

    /// A channel's constants; zeros where there is none.
    fn words(&self, channel: usize) -> Vec<u32> {
        match self.constants.get(channel) {
            Some(constants) => constants.words.iter().map(|word| *word as u32).collect(),
            None => vec![0; self.constants.first().map_or(0, |c| c.words.len())],
        }
    }
}

/// What the values of a layer have to be, and what its sums begin with.
trait Lanes: Swar {
    /// Whether no lane overflows.
    fn fit(proven: &Proven, inputs: usize, weight: &dyn Fn(usize, usize) -> i8) -> bool;

    /// The words that stand for what a channel's sums begin with.
    fn start(sum: i32, inputs: usize) -> [u32; 2];
}

impl<const SIGNED: bool> Lanes for Smlal<SIGNED> {
    fn fit(proven: &Proven, _: usize, _: &dyn Fn(usize, usize) -> i8) -> bool {
        let lane = -(1 << (SMLAL_LANE - 1))..1i64 << (SMLAL_LANE - 1);
        let mut channels = proven.channels.iter().enumerate();
        channels.all(|(n, channel)| {
            let ends = [channel.least, channel.greatest];
            !proven.is_live(n) || ends.iter().all(|sum| lane.contains(sum))
        })
    }

    fn start(sum: i32, _: usize) -> [u32; 2] {
        let both = (i64::from(sum) << SMLAL_LANE) + i64::from(sum);
        [both as u32, (both >> 32) as u32]
    }
}

impl<const SIGNED: bool> Lanes for Muls<SIGNED> {
    fn fit(proven: &Proven, inputs: usize, weight: &dyn Fn(usize, usize) -> i8) -> bool {
        segments_fit(proven, inputs, weight)
    }

    fn start(sum: i32, inputs: usize) -> [u32; 2] {
        start_of_segments(sum, inputs.next_multiple_of(Self::ROUND))
    }
}

impl<const SIGNED: bool> Lanes for MulPairs<SIGNED> {
    fn fit(proven: &Proven, inputs: usize, weight: &dyn Fn(usize, usize) -> i8) -> bool {
        segments_fit(proven, inputs, weight)
    }

    fn start(sum: i32, inputs: usize) -> [u32; 2] {
        start_of_segments(sum, inputs.next_multiple_of(Self::ROUND))
    }
}

/// The lower lane of a segment goes from 0 to 2¹⁶ − 1, whatever the inputs, if its weights' magnitudes are less than 256.
fn segments_fit(proven: &Proven, inputs: usize, weight: &dyn Fn(usize, usize) -> i8) -> bool {
    (0..proven.channels.len()).all(|channel| {
        let mut segments = (0..inputs).step_by(SEGMENT);
        segments.all(|first| {
            let segment = first..inputs.min(first + SEGMENT);
            let magnitudes = segment.map(|i| u32::from(weight(channel, i).unsigned_abs()));
            magnitudes.sum::<u32>() < 256
        })
    })
}

/// A sum in both lanes, less what segments begin with, and in the upper one.
fn start_of_segments(sum: i32, inputs: usize) -> [u32; 2] {
    let taken = SEGMENT_START.wrapping_mul((inputs / SEGMENT) as i32);
    let both = sum.wrapping_add(sum << 16).wrapping_sub(taken);
    [both as u32, sum as u32]
}

/// Blocks of output channels, the last filled up with channels of zeros: the starts of their sums; for each input the weights of all channels; each
/// channel's constants.
fn blocks<S: Lanes>(
    proven: &Proven,
    inputs: usize,
    weight: &dyn Fn(usize, usize) -> i8,
) -> Vec<u32> {
    let mut words = Vec::new();
    for first in (0..proven.channels.len()).step_by(S::CHANNELS) {
        let block = first..first + S::CHANNELS;
        for channel in block.clone() {
            words.extend(S::start(proven.start(channel), inputs));
        }
        let mut bytes = Vec::new();
        for i in 0..inputs.next_multiple_of(S::ROUND) {
            let weight = |channel| match i < inputs && proven.is_live(channel) {
                true => weight(channel, i) as u8,
                false => 0,
            };
            bytes.extend(block.clone().map(weight));
        }
        let (of_weights, _) = bytes.as_chunks();
        words.extend(of_weights.iter().map(|word| u32::from_le_bytes(*word)));
        words.extend(block.flat_map(|channel| proven.words(channel)));
    }
    words
}

/// Evaluates an expression with the loops of the processor, for outputs of a sign or without.
macro_rules! swar {
    ($isa:expr, $signed:expr, |$swar:ident| $call:expr) => {
        match ($isa, $signed) {
            (Isa::Armv7m, false) => {
                let $swar = Smlal::<false>;
                $call
            }
            (Isa::Armv7m, true) => {
                let $swar = Smlal::<true>;
                $call
            }
            (Isa::Armv6m, false) => {
                let $swar = Muls::<false>;
                $call
            }
            (Isa::Armv6m, true) => {
                let $swar = Muls::<true>;
                $call
            }
            (_, false) => {
                let $swar = MulPairs::<false>;
                $call
            }
            (_, true) => {
                let $swar = MulPairs::<true>;
                $call
            }
        }
    };
}

/// Adds a matrix product; says whether it could.
pub(in crate::ops) fn matrix(
    sizes: &FullyConnectedSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let isa = choosing.target().isa;
    let Some(proven) = Proven::of(layer, sizes.inputs, isa) else {
        return false;
    };
    if isa == Isa::Armv6m && sizes.rows < Muls::<false>::WINDOWS {
        rows(sizes, layer, &proven, choosing);
        return true;
    }
    swar!(isa, proven.signed, |swar| pointwise(
        swar, sizes, layer, &proven, choosing
    ))
}

/// Adds the product of few rows, of blocks of channels whose weights lie channel by channel.
fn rows(
    sizes: &FullyConnectedSizes,
    layer: &Layer<'_>,
    proven: &Proven,
    choosing: &mut Choosing<'_>,
) {
    let mut words = Vec::new();
    for first in (0..proven.channels.len()).step_by(ROW_CHANNELS) {
        let block = first..first + ROW_CHANNELS;
        words.extend(block.clone().map(|channel| proven.start(channel) as u32));
        for channel in block.clone() {
            let mut bytes = [0; 4];
            for i in 0..sizes.inputs.next_multiple_of(4) {
                bytes[i % 4] = match i < sizes.inputs && proven.is_live(channel) {
                    true => (layer.weight)(channel, i) as u8,
                    false => 0,
                };
                if i % 4 == 3 {
                    words.push(u32::from_le_bytes(bytes));
                }
            }
        }
        words.extend(block.flat_map(|channel| proven.words(channel)));
    }
    let weights = choosing.constant(&words);
    let sizes = ScalarRows {
        rows: sizes.rows,
        inputs: sizes.inputs,
        output: proven.output,
    };
    let operands = [layer.x, weights, layer.y];
    match proven.signed {
        true => choosing.call(ScalarFullyConnected::<true> { sizes }, operands),
        false => choosing.call(ScalarFullyConnected::<false> { sizes }, operands),
    }
}

fn pointwise<S: Lanes + Named + Expression + std::fmt::Debug + Send + Sync>(
    swar: S,
    sizes: &FullyConnectedSizes,
    layer: &Layer<'_>,
    proven: &Proven,
    choosing: &mut Choosing<'_>,
) -> bool {
    let FullyConnectedSizes { rows, inputs, .. } = *sizes;
    if rows < S::WINDOWS || !S::fit(proven, inputs, layer.weight) {
        return false;
    }
    let weights = choosing.constant(&blocks::<S>(proven, inputs, layer.weight));
    let words = inputs.next_multiple_of(S::ROUND) * S::WORDS;
    let words = choosing.scratch(ElementType::U32, words);
    let kernel = SwarPointwise {
        rows,
        inputs,
        output: proven.output,
        swar,
    };
    choosing.call(kernel, [layer.x, weights, words, layer.y]);
    true
}

/// Output channels that do not pay for packing windows on RISC-V, which has registers for the products of four windows as they are.
const FEW_CHANNELS: usize = 8;

/// Adds a convolution; says whether it could.
pub(in crate::ops) fn conv(
    sizes: &Conv2dSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let (w, isa) = (&sizes.window, choosing.target().isa);
    if sizes.groups != 1 || (w.dilation_h, w.dilation_w) != (1, 1) {
        return false;
    }
    if isa == Isa::Rv32m && w.out_c <= FEW_CHANNELS {
        return false;
    }
    let Some(proven) = Proven::of(layer, sizes.inputs(), isa) else {
        return false;
    };
    swar!(isa, proven.signed, |swar| windows(
        swar, sizes, layer, &proven, choosing
    ))
}

fn windows<S: Lanes + Named + Expression + std::fmt::Debug + Send + Sync>(
    swar: S,
    sizes: &Conv2dSizes,
    layer: &Layer<'_>,
    proven: &Proven,
    choosing: &mut Choosing<'_>,
) -> bool {
    let (window, inputs) = (sizes.window, sizes.inputs());
    let too_few = window.out_w * window.out_h < S::WINDOWS;
    if too_few || !S::fit(proven, inputs, layer.weight) {
        return false;
    }
    let weights = choosing.constant(&blocks::<S>(proven, inputs, layer.weight));
    let words = inputs.next_multiple_of(S::ROUND) * S::WORDS;
    let words = choosing.scratch(ElementType::U32, words);
    let gathered = match window.pads() {
        true => S::WINDOWS * inputs,
        false => 0,
    };
    let gathered = choosing.scratch(ElementType::I8, gathered);
    let kernel = SwarConv2d {
        window,
        in_zero_point: layer.in_zero_point,
        output: proven.output,
        swar,
    };
    choosing.call(kernel, [layer.x, weights, words, gathered, layer.y]);
    true
}

/// Adds a depthwise convolution; says whether it could.
pub(in crate::ops) fn depthwise(
    sizes: &DepthwiseConv2dSizes,
    layer: &Layer<'_>,
    choosing: &mut Choosing<'_>,
) -> bool {
    let (w, isa) = (&sizes.window, choosing.target().isa);
    let taps = (w.filter_h, w.filter_w, w.dilation_h, w.dilation_w);
    let outputs = w.out_h * w.out_w;
    if taps != (FILTER, FILTER, 1, 1) || sizes.multiplier != 1 || outputs == 0 {
        return false;
    }
    let Some(proven) = Proven::of(layer, FILTER * FILTER, isa) else {
        return false;
    };
    let mut words = Vec::new();
    for channel in 0..proven.channels.len() {
        words.push(proven.start(channel) as u32);
        for row in 0..FILTER {
            let weight = |column| match proven.is_live(channel) {
                true => i32::from((layer.weight)(channel, row * FILTER + column)),
                false => 0,
            };
            // Above the last weight is its sign.
            let low = (weight(0) & 0xff) | (weight(1) & 0xff) << 8;
            words.push((low | weight(2) << 16) as u32);
        }
        words.extend(proven.words(channel));
    }
    let sizes = ScalarDepthwise {
        window: *w,
        in_zero_point: layer.in_zero_point,
        output: proven.output,
    };
    let kernel = AnyScalarDepthwise {
        sizes,
        is_long: isa != Isa::Armv6m,
        signed: proven.signed,
        at_once: at_once(w.out_w),
        stride: w.stride_w,
    };
    if !kernel.has_loops() {
        return false;
    }
    let weights = choosing.constant(&words);
    let rows = choosing.scratch(ElementType::I8, sizes.kept());
    choosing.overlap(sizes.distance(), 1);
    choosing.call(kernel, [layer.x, weights, rows, layer.y]);
    true
}

/// How many outputs of a row to compute at once: what takes least where some are computed twice. Each takes about as much as what they share.
fn at_once(count: usize) -> usize {
    let cost = |at_once: &usize| count.div_ceil(*at_once) * (at_once + 1);
    (1..=MOST_OUTPUTS.min(count))
        .rev()
        .min_by_key(cost)
        .unwrap_or(1)
}
