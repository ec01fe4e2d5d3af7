//! Kernels for processors without vector instructions, whose twins run here, against sums and outputs as they are defined.

use std::cell::Cell;
use std::ops::Range;

use castiron_runtime::kernels::*;
use proptest::prelude::*;

use super::vfp::window;
use crate::testing::{Numbers as Sequence, cases, cells, overlapping};

/// What channels are fewer than: sums of 4×4 windows fit in 23 bits.
const MOST: usize = if cfg!(miri) { 4 } else { 13 };

/// What sums are less than, and not less than when negative.
const SUMS: i32 = 1 << 22;

/// Bits of a digit that a sum may be multiplied with.
const FINE: u32 = 8;

/// How sums become outputs.
#[derive(Clone, Copy)]
struct Epilogue {
    /// By products of 64 bits, or of 32.
    long: bool,
    signed: bool,
    shift: u32,
}

/// An operator's values.
struct Values {
    x: Vec<i8>,
    zero_point: i8,
    weights: Vec<Vec<i8>>,
    starts: Vec<i32>,
    constants: Vec<Vec<i32>>,
    epilogue: Epilogue,
    range: [i32; 2],
    /// Whether two weights of a segment are never −128 both.
    segments: bool,
}

/// Bytes, or their ends alone.
fn bytes(n: &mut Sequence, len: usize) -> Vec<i8> {
    match n.below(3) {
        0 => (0..len).map(|_| [-128, 127, -128, 0][n.below(4)]).collect(),
        _ => n.bytes(len),
    }
}

impl Values {
    fn new(n: &mut Sequence, inputs: usize, taps: usize, channels: usize) -> Self {
        let [long, segments] = [[true, false], [true, true], [false, true]][n.below(3)];
        let weights = |n: &mut Sequence| {
            let mut weights = bytes(n, taps);
            for segment in weights.chunks_mut(2) {
                // What the generator refuses.
                if segment == [-128, -128] && segments {
                    segment[n.below(2)] = -127;
                }
            }
            weights
        };
        let weights: Vec<_> = (0..channels).map(|_| weights(n)).collect();
        let start = |n: &mut Sequence, weights: &[i8]| {
            let reach = weights
                .iter()
                .map(|w| 128 * i32::from(*w).abs())
                .sum::<i32>();
            let most = SUMS - 1 - reach;
            [most, -most, n.next() as i32 % most.max(1)][n.below(3)]
        };
        let starts = weights.iter().map(|w| start(n, w)).collect();
        let epilogue = Epilogue {
            long,
            signed: n.below(2) == 0,
            shift: 8 + n.below(7) as u32,
        };
        let constants = (0..channels).map(|_| {
            let digit = |n: &mut Sequence| n.below(1 << FINE) as i32;
            let mut words = match long {
                true => vec![(n.next() >> 1) as i32],
                false => vec![digit(n), digit(n), digit(n)],
            };
            words.push(n.next() as i32 >> 10);
            words.extend(epilogue.signed.then(|| (n.next() >> 20) as i32));
            words
        });
        let constants = constants.collect();
        Self {
            x: bytes(n, inputs),
            zero_point: [n.next() as i8, -128, 127][n.below(3)],
            weights,
            starts,
            constants,
            epilogue,
            range: [[-128, 127], [-20, 90]][n.below(2)],
            segments,
        }
    }

    fn output(&self) -> SwarOutput {
        let [min, max] = self.range;
        SwarOutput {
            channels: self.starts.len(),
            shift: self.epilogue.shift,
            fine: FINE,
            min,
            max,
        }
    }

    /// A channel's output of a sum, as it is defined.
    fn expected(&self, channel: usize, sum: i32) -> i8 {
        assert!((-SUMS..SUMS).contains(&sum));
        let words: Vec<i64> = self.constants[channel]
            .iter()
            .map(|w| i64::from(*w))
            .collect();
        let sum = i64::from(sum);
        let (product, above, rest) = match self.epilogue.long {
            true => ((256 * sum * words[0]) >> 32, 0, &words[1..]),
            false => {
                let factor = words[..3].iter().fold(0, |all, digit| all << FINE | digit);
                ((sum * factor) >> (2 * FINE), 128, &words[3..])
            }
        };
        let away = if self.epilogue.signed && sum < 0 {
            rest[1]
        } else {
            0
        };
        let y = ((product + rest[0] - away) >> self.epilogue.shift) - above;
        let [min, max] = self.range;
        (y.clamp(-128, 127) as i32).clamp(min, max) as i8
    }

    /// Blocks of channels; what begins their sums is `start(sum)`.
    fn blocks<S: Swar>(&self, start: &dyn Fn(i32) -> [u32; 2]) -> Vec<u32> {
        let taps = self.weights[0].len();
        let mut words = Vec::new();
        for first in (0..self.starts.len()).step_by(S::CHANNELS) {
            let block: Range<usize> = first..first + S::CHANNELS;
            for channel in block.clone() {
                words.extend(start(self.starts.get(channel).copied().unwrap_or(0)));
            }
            let weight = |channel: usize, i: usize| {
                let weights = self.weights.get(channel).and_then(|w| w.get(i));
                weights.map_or(0, |w| *w as u8)
            };
            let bytes: Vec<u8> = (0..taps.next_multiple_of(S::ROUND))
                .flat_map(|i| block.clone().map(move |channel| (channel, i)))
                .map(|(channel, i)| weight(channel, i))
                .collect();
            words.extend(
                bytes
                    .chunks(4)
                    .map(|w| u32::from_le_bytes(w.try_into().unwrap())),
            );
            let none = vec![0; self.constants[0].len()];
            for channel in block {
                let constants = self.constants.get(channel).unwrap_or(&none);
                words.extend(constants.iter().map(|word| *word as u32));
            }
        }
        words
    }

    fn long_blocks(&self) -> Vec<u32> {
        self.blocks::<Smlal<false>>(&|sum| {
            let both = (i64::from(sum) << SMLAL_LANE) + i64::from(sum);
            [both as u32, (both >> 32) as u32]
        })
    }

    fn blocks_of_segments<S: Swar>(&self) -> Vec<u32> {
        let taps = self.weights[0].len().next_multiple_of(S::ROUND);
        let taken = (taps / SEGMENT) as i32 * SEGMENT_START;
        self.blocks::<S>(&|sum| {
            let both = sum.wrapping_add(sum << 16).wrapping_sub(taken);
            [both as u32, sum as u32]
        })
    }

    /// Channels of a depthwise convolution.
    fn rows(&self) -> Vec<u32> {
        let mut words = Vec::new();
        for ((start, weights), constants) in
            self.starts.iter().zip(&self.weights).zip(&self.constants)
        {
            words.push(*start as u32);
            for row in weights.chunks(FILTER) {
                let above = if row[2] < 0 { 0xff } else { 0 };
                words.push(u32::from_le_bytes([
                    row[0] as u8,
                    row[1] as u8,
                    row[2] as u8,
                    above,
                ]));
            }
            words.extend(constants.iter().map(|word| *word as u32));
        }
        words
    }

    /// The outputs of so many rows of inputs.
    fn products(&self, rows: usize) -> Vec<i8> {
        let channels = self.starts.len();
        let output = |i: usize| {
            let (row, weights) = (i / channels, &self.weights[i % channels]);
            let x = &self.x[row * weights.len()..];
            let products = x
                .iter()
                .zip(weights)
                .map(|(x, w)| i32::from(*x) * i32::from(*w));
            self.expected(
                i % channels,
                self.starts[i % channels] + products.sum::<i32>(),
            )
        };
        (0..rows * channels).map(output).collect()
    }

    /// An input of a window, or padding.
    fn tap(
        &self,
        w: &Window,
        [batch, y, x]: [usize; 3],
        [i, j]: [usize; 2],
        channel: usize,
    ) -> i32 {
        let inside = |at: isize, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
        let row = inside((y * w.stride_h + i) as isize - w.pad_top, w.in_h);
        let column = inside((x * w.stride_w + j) as isize - w.pad_left, w.in_w);
        i32::from(match (row, column) {
            (Some(row), Some(column)) => {
                self.x[((batch * w.in_h + row) * w.in_w + column) * w.in_c + channel]
            }
            _ => self.zero_point,
        })
    }

    /// The outputs of all windows, by the products of each with a channel's weights.
    fn windows(&self, w: &Window, products: &dyn Fn([usize; 3], usize) -> i32) -> Vec<i8> {
        let mut outputs = Vec::new();
        for batch in 0..w.batches {
            for y in 0..w.out_h {
                for x in 0..w.out_w {
                    for channel in 0..w.out_c {
                        let sum = self.starts[channel] + products([batch, y, x], channel);
                        outputs.push(self.expected(channel, sum));
                    }
                }
            }
        }
        outputs
    }
}

/// Words as they may lie in the arena.
fn poison(len: usize) -> Vec<Cell<u32>> {
    vec![Cell::new(0xa5a5_5a5a); len]
}

/// The outputs of a kernel, which begin as something else.
fn outputs(len: usize, run: impl FnOnce(&[Cell<i8>])) -> Vec<i8> {
    let mut y = vec![99; len];
    run(cells(&mut y));
    y
}

/// Runs a kernel with the loops of a processor that are for such values.
macro_rules! swar {
    ($values:expr, |$swar:ident, $weights:ident| $run:expr) => {{
        let values = &$values;
        macro_rules! run {
            ($loops:expr, $blocks:expr) => {{
                let ($swar, $weights) = ($loops, $blocks);
                $run
            }};
        }
        let Epilogue { long, signed, .. } = values.epilogue;
        match (values.segments, long, signed) {
            (false, _, false) => run!(Smlal::<false>, values.long_blocks()),
            (false, _, true) => run!(Smlal::<true>, values.long_blocks()),
            (true, true, false) => {
                run!(
                    MulPairs::<false>,
                    values.blocks_of_segments::<MulPairs<false>>()
                )
            }
            (true, true, true) => run!(
                MulPairs::<true>,
                values.blocks_of_segments::<MulPairs<true>>()
            ),
            (true, false, false) => {
                run!(Muls::<false>, values.blocks_of_segments::<Muls<false>>())
            }
            (true, false, true) => {
                run!(Muls::<true>, values.blocks_of_segments::<Muls<true>>())
            }
        }
    }};
}

fn words<S: Swar>(_: S, inputs: usize) -> Vec<Cell<u32>> {
    poison(inputs.next_multiple_of(S::ROUND) * S::WORDS)
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn convolutions(seed: u64) {
        let n = &mut Sequence::new(seed);
        let (in_c, out_c) = (1 + n.below(MOST), 1 + n.below(MOST));
        let mut w = window(n, [1, 1], in_c, out_c);
        if w.out_h * w.out_w < 4 {
            (w.in_h, w.out_h) = (w.in_h + 3 * w.stride_h, w.out_h + 3);
        }
        let taps = w.filter_h * w.filter_w * in_c;
        let values = Values::new(n, w.batches * w.in_h * w.in_w * in_c, taps, out_c);
        let expected = values.windows(&w, &|window, channel| {
            (0..taps).map(|i| {
                let tap = [i / in_c / w.filter_w, i / in_c % w.filter_w];
                values.tap(&w, window, tap, i % in_c) * i32::from(values.weights[channel][i])
            }).sum()
        });
        let found = swar!(values, |swar, weights| outputs(expected.len(), |y| {
            let gathered = vec![Cell::new(77); if w.pads() { 4 * taps } else { 0 }];
            let (in_zero_point, output) = (values.zero_point, values.output());
            let kernel = SwarConv2d { window: w, in_zero_point, output, swar };
            kernel.run(cells(&mut values.x.clone()), &weights, &words(swar, taps), &gathered, y);
        }));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn matrix_products(seed: u64) {
        let n = &mut Sequence::new(seed);
        let [rows, inputs, channels] = [4 + n.below(7), 1 + n.below(10 * MOST), 1 + n.below(MOST)];
        let values = Values::new(n, rows * inputs, inputs, channels);
        let expected = values.products(rows);
        let found = swar!(values, |swar, weights| outputs(expected.len(), |y| {
            let kernel = SwarPointwise { rows, inputs, output: values.output(), swar };
            kernel.run(cells(&mut values.x.clone()), &weights, &words(swar, inputs), y);
        }));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn rows(seed: u64) {
        let n = &mut Sequence::new(seed);
        let [rows, inputs, channels] = [1 + n.below(3), 1 + n.below(10 * MOST), 1 + n.below(MOST)];
        let values = Values::new(n, rows * inputs, inputs, channels);
        prop_assume!(!values.epilogue.long);
        let expected = values.products(rows);
        let mut weights = Vec::new();
        for first in (0..channels).step_by(ROW_CHANNELS) {
            let block = first..first + ROW_CHANNELS;
            weights.extend(block.clone().map(|n| values.starts.get(n).map_or(0, |s| *s as u32)));
            for channel in block.clone() {
                let mut bytes = values.weights.get(channel).cloned().unwrap_or_default();
                bytes.resize(inputs.next_multiple_of(4), 0);
                weights.extend(bytes.chunks(4).map(|w| u32::from_le_bytes([0, 1, 2, 3].map(|i| w[i] as u8))));
            }
            let none = vec![0; values.constants[0].len()];
            for channel in block {
                let constants = values.constants.get(channel).unwrap_or(&none);
                weights.extend(constants.iter().map(|word| *word as u32));
            }
        }
        let sizes = ScalarRows { rows, inputs, output: values.output() };
        let found = outputs(expected.len(), |y| {
            let mut x = values.x.clone();
            match values.epilogue.signed {
                true => ScalarFullyConnected::<true> { sizes }.run(cells(&mut x), &weights, y),
                false => ScalarFullyConnected::<false> { sizes }.run(cells(&mut x), &weights, y),
            }
        });
        prop_assert_eq!(found, expected);
    }

    /// With the output as near before the input as it may be.
    #[test]
    fn depthwise_convolutions(seed: u64) {
        let n = &mut Sequence::new(seed);
        let channels = 1 + n.below(2 * MOST);
        let stride = 1 + n.below(2);
        let at_once = 1 + n.below(5);
        let (out_h, out_w) = (1 + n.below(5), at_once + n.below(8));
        let [pad_top, pad_left] = [n.below(4) as isize - 1, n.below(4) as isize - 1];
        let stride_h = 1 + n.below(3);
        let size = |out: usize, stride: usize, pad: isize, cut: usize| {
            (((out - 1) * stride + FILTER) as isize - pad - cut as isize).max(1) as usize
        };
        let w = Window {
            batches: 1 + n.below(2),
            in_h: size(out_h, stride_h, pad_top, n.below(3)),
            in_w: size(out_w, stride, pad_left, n.below(3)),
            in_c: channels,
            out_h,
            out_w,
            out_c: channels,
            filter_h: FILTER,
            filter_w: FILTER,
            stride_h,
            stride_w: stride,
            dilation_h: 1,
            dilation_w: 1,
            pad_top,
            pad_left,
        };
        let values = Values::new(n, w.batches * w.in_h * w.in_w * channels, FILTER * FILTER, channels);
        let expected = values.windows(&w, &|window, channel| {
            (0..FILTER * FILTER).map(|i| {
                let tap = [i / FILTER, i % FILTER];
                values.tap(&w, window, tap, channel) * i32::from(values.weights[channel][i])
            }).sum()
        });
        let sizes = ScalarDepthwise { window: w, in_zero_point: values.zero_point, output: values.output() };
        let weights = values.rows();
        let run = |x: &[Cell<i8>], y: &[Cell<i8>]| {
            let rows = vec![Cell::new(55i8); sizes.kept()];
            macro_rules! run {
                ($($at_once:literal $stride:literal)*) => {
                    match (at_once, stride, values.epilogue.long, values.epilogue.signed) {
                        $(
                            ($at_once, $stride, true, false) => run!(@ $at_once, $stride, LongProducts::<false>),
                            ($at_once, $stride, true, true) => run!(@ $at_once, $stride, LongProducts::<true>),
                            ($at_once, $stride, false, false) => run!(@ $at_once, $stride, ShortProducts::<false>),
                            ($at_once, $stride, false, true) => run!(@ $at_once, $stride, ShortProducts::<true>),
                        )*
                        _ => unreachable!(),
                    }
                };
                (@ $at_once:literal, $stride:literal, $depthwise:expr) => {{
                    let depthwise = $depthwise;
                    let kernel = ScalarDepthwiseConv2d::<_, $at_once, $stride> { sizes, depthwise };
                    kernel.run(x, &weights, &rows, y)
                }};
            }
            run!(1 1 2 1 3 1 4 1 5 1 1 2 2 2 3 2 4 2 5 2)
        };
        let found = overlapping(&values.x, expected.len(), sizes.distance(), 33, run);
        prop_assert_eq!(found, expected);
    }
}
