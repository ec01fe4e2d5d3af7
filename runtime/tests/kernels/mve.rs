//! The kernels for the vector extension, whose twins run here, against the portable ones: every output is the same.

use std::cell::Cell;

use castiron_runtime::fixed::requantize;
use castiron_runtime::kernels::*;
use proptest::prelude::*;

use super::vfp::window;
use crate::testing::{Numbers as Sequence, cases, cells};

/// What channels are fewer than.
const MOST: usize = if cfg!(miri) { 6 } else { 40 };

/// Bytes of which many are the extremes.
fn bytes(n: &mut Sequence, len: usize) -> Vec<i8> {
    let extremes = n.below(3) == 0;
    let one = |n: &mut Sequence| match n.next() as i8 {
        value if !extremes => value,
        value if value < 0 => -128,
        _ => 127,
    };
    (0..len).map(|_| one(n)).collect()
}

/// A layer: its input, and weights with what the kernels make of their sums.
struct Layer {
    x: Vec<i8>,
    weights: Vec<i8>,
    inputs: usize,
    in_zero_point: i8,
    output: MveOutput,
    plain: Vec<i32>,
    folded: Vec<i32>,
    multipliers: Vec<i32>,
    shifts: Vec<i8>,
}

impl Layer {
    fn new(n: &mut Sequence, x: usize, inputs: usize, channels: usize) -> Self {
        let zero_points = [n.next() as i8, -128, 127];
        let in_zero_point = zero_points[n.below(3)];
        let out_zero_point = [n.next() as i8, -128, -128, 127][n.below(4)];
        let (min, max) = [(-128, 127), (-128, 127), (-20, 90)][n.below(3)];
        let weights = bytes(n, inputs * channels);
        // At their bounds, sums wrap in the same way.
        let large = n.below(4) == 0;
        let plain: Vec<i32> = (0..channels)
            .map(|_| n.next() as i32 >> if large { 0 } else { 16 })
            .collect();
        let sums = weights.chunks(inputs.max(1));
        let sums = sums.map(|w| w.iter().map(|w| i32::from(*w)).sum::<i32>());
        let folded = plain.iter().zip(sums);
        let folded = folded.map(|(b, sum)| b.wrapping_sub(i32::from(in_zero_point) * sum));
        let folded = folded.collect();
        Self {
            x: bytes(n, x),
            weights,
            inputs,
            in_zero_point,
            output: MveOutput {
                channels,
                zero_point: out_zero_point.into(),
                min,
                max,
            },
            plain,
            folded,
            multipliers: (0..channels)
                .map(|_| (n.next() >> 2) as i32 | 1 << 30)
                .collect(),
            shifts: (0..channels).map(|_| -1 - n.below(30) as i8).collect(),
        }
    }

    fn signed(&self) -> bool {
        self.output.zero_point > -128
    }

    fn constants(&self) -> (&[i32], &[i32], &[i32], &[i8]) {
        (&self.folded, &self.plain, &self.multipliers, &self.shifts)
    }

    fn int8(&self) -> Int8 {
        Int8 {
            in_zero_point: self.in_zero_point.into(),
            out_zero_point: self.output.zero_point,
            min: self.output.min,
            max: self.output.max,
            small: false,
        }
    }

    /// Weights as the kernels take them, told from their documentation.
    fn pack<const TOGETHER: usize>(
        &self,
        channels: impl Iterator<Item = [usize; TOGETHER]>,
    ) -> Vec<u32> {
        let of = |list: &[i32], channel: usize| list.get(channel).copied().unwrap_or(0) as u32;
        let weight = |channel: usize, i: usize| match i < self.inputs {
            true => self.weights.get(channel * self.inputs + i),
            false => None,
        };
        let shifts: Vec<i32> = self.shifts.iter().map(|shift| i32::from(*shift)).collect();
        let mut words = Vec::new();
        for channels in channels {
            words.extend(channels.iter().map(|c| of(&self.folded, *c)));
            for block in (0..self.inputs).step_by(BLOCK) {
                for channel in channels {
                    let all: Vec<u8> = (block..block + BLOCK)
                        .map(|i| weight(channel, i).map_or(0, |w| *w as u8))
                        .collect();
                    let (all, _) = all.as_chunks::<4>();
                    words.extend(all.iter().map(|word| u32::from_le_bytes(*word)));
                }
            }
            for four in channels.chunks(4) {
                words.extend(four.iter().map(|c| of(&self.multipliers, *c)));
                words.extend(four.iter().map(|c| of(&shifts, *c)));
            }
        }
        words
    }

    fn conv(&self, sizes: Conv2dSizes) -> Vec<i8> {
        let packed =
            sizes.pack::<Int8, Portable<1>>(&|channel, i| self.weights[channel * self.inputs + i]);
        let w = &sizes.window;
        let kernel = Conv2d {
            sizes,
            numbers: self.int8(),
            dot: Portable::<1>,
        };
        outputs(w.batches * w.out_h * w.out_w * w.out_c, |y| {
            kernel.compute(cells(&mut self.x.clone()), &packed, self.constants(), y);
        })
    }

    fn matrix(&self, rows: usize) -> Vec<i8> {
        let sizes = FullyConnectedSizes {
            rows,
            inputs: self.inputs,
            outputs: self.output.channels,
        };
        let packed =
            sizes.pack::<Int8, Portable<1>>(&|output, i| self.weights[output * self.inputs + i]);
        let kernel = FullyConnected {
            sizes,
            numbers: self.int8(),
            dot: Portable::<1>,
        };
        outputs(rows * sizes.outputs, |y| {
            kernel.compute(cells(&mut self.x.clone()), &packed, self.constants(), y);
        })
    }
}

/// The outputs of a kernel, which begin as something that it seldom computes.
fn outputs(len: usize, run: impl FnOnce(&[Cell<i8>])) -> Vec<i8> {
    let mut y = vec![99; len];
    run(cells(&mut y));
    y
}

/// Outputs that begin a distance before the input, in one piece of memory.
fn overlapping(
    x: &[i8],
    distance: usize,
    outputs: usize,
    run: impl FnOnce(&[Cell<i8>], &[Cell<i8>]),
) -> Vec<i8> {
    let mut memory = vec![85; outputs.max(distance + x.len())];
    memory[distance..distance + x.len()].copy_from_slice(x);
    let all = cells(&mut memory);
    run(&all[distance..distance + x.len()], &all[..outputs]);
    memory.truncate(outputs);
    memory
}

/// Working memory, with something in it.
fn scratch(words: usize) -> Vec<u32> {
    vec![0x5aa5_c33c; words]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn convolutions_are_those_of_the_portable_kernel(seed: u64) {
        let n = &mut Sequence::new(seed);
        let (in_c, out_c) = (1 + n.below(MOST), 1 + n.below(MOST));
        let window = window(n, [1, 1], in_c, out_c);
        let sizes = Conv2dSizes { window, groups: 1, group_in: in_c, group_out: out_c };
        let w = &sizes.window;
        let inputs = sizes.inputs();
        let layer = Layer::new(n, w.batches * w.in_image(), inputs, out_c);
        let expected = layer.conv(sizes);
        let most = 1 + n.below(4);
        let kept = MveConv2dSizes::of(window, 32 * n.below(200));
        let there = kept.where_it_is().map(|sizes| (sizes, 0, sizes.distance_where_it_is()));
        for (sizes, rows, distance) in [Some((kept, kept.kept(), kept.distance())), there].into_iter().flatten() {
            let kernel = MveConv2d {
                sizes,
                in_zero_point: layer.in_zero_point,
                output: layer.output,
                pairs: AnyMvePairs::of(inputs, out_c, layer.signed(), most),
                runs: AnyMveRuns::of(w.filter_w * in_c),
            };
            let packed = layer.pack(AnyMvePairs::channels(out_c));
            let found = overlapping(&layer.x, distance, expected.len(), |x, y| {
                kernel.run(x, &packed, cells(&mut vec![33; rows]), cells(&mut scratch(sizes.words())), y);
            });
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn matrix_products_are_those_of_the_portable_kernel(seed: u64) {
        let n = &mut Sequence::new(seed);
        let (rows, channels) = (1 + n.below(10), 1 + n.below(2 * MOST));
        let inputs = match n.below(2) {
            0 => 1 + n.below(2 * MOST),
            _ => BLOCK * (1 + n.below(6)),
        };
        let layer = Layer::new(n, rows * inputs, inputs, channels);
        let expected = layer.matrix(rows);
        let whole = inputs.next_multiple_of(BLOCK);
        let most = 1 + n.below(4);
        let pairs = AnyMvePairs::of(inputs, channels, layer.signed(), most);
        let room = 2 + n.below(6);
        let rooms = if whole == inputs { vec![0, room] } else { vec![room] };
        for room in rooms {
            let kernel = MvePointwise {
                rows,
                inputs,
                room,
                output: layer.output,
                pairs: AnyMvePairs { aside: room == 0, ..pairs },
                runs: AnyMveRuns::of(inputs),
            };
            let packed = layer.pack(AnyMvePairs::channels(channels));
            let found = overlapping(&layer.x, kernel.distance(), expected.len(), |x, y| {
                kernel.run(x, &packed, cells(&mut scratch(room.max(2) * whole / 4)), y);
            });
            prop_assert_eq!(&found, &expected, "{} rows, {} inputs, {} channels, room {}", rows, inputs, channels, room);
        }
        let kernel = MveFullyConnected {
            inputs,
            output: layer.output,
            row: AnyMveRow::of(inputs, layer.signed(), most),
        };
        let packed = layer.pack(AnyMveRow::channels(channels));
        let found = outputs(channels, |y| {
            kernel.run(cells(&mut layer.x.clone()), &packed, cells(&mut scratch(whole / 4)), y);
        });
        prop_assert_eq!(&found[..], &expected[..channels]);
    }

    #[test]
    fn depthwise_convolutions_are_those_of_the_portable_kernel(seed: u64) {
        let n = &mut Sequence::new(seed);
        let channels = 4 * (1 + n.below(MOST / 4));
        let mut window = window(n, [1, 1], channels, channels);
        let stride = 1 + n.below(2);
        (window.filter_h, window.filter_w) = (3, 3);
        (window.stride_h, window.stride_w) = (stride, stride);
        (window.in_h, window.in_w) = (1 + n.below(7), 1 + n.below(7));
        (window.pad_top, window.pad_left) = (n.below(3) as isize, n.below(3) as isize);
        // No window is all padding.
        window.out_h = 1 + n.below((window.in_h + 1).div_ceil(stride));
        window.out_w = 1 + n.below((window.in_w + 1).div_ceil(stride));
        let sizes = DepthwiseConv2dSizes { window, multiplier: 1 };
        let w = &sizes.window;
        let layer = Layer::new(n, w.batches * w.in_image(), 9, channels);
        let weight = |channel: usize, i: usize| layer.weights[channel * 9 + i];
        let portable = DepthwiseConv2d { sizes, numbers: layer.int8() };
        let packed = sizes.pack::<Int8>(&weight);
        let expected = outputs(w.batches * w.out_h * w.out_w * channels, |y| {
            portable.compute(cells(&mut layer.x.clone()), &packed, layer.constants(), y);
        });
        let kernel = MveDepthwiseConv2d {
            window,
            in_zero_point: layer.in_zero_point,
            output: layer.output,
            depthwise: AnyMveDepthwise { stride, signed: layer.signed(), wide: true },
        };
        let mut packed = Vec::new();
        for first in (0..channels).step_by(4) {
            for channel in first..first + 4 {
                for column in 0..4 {
                    let byte = |row: usize| if column < 3 { weight(channel, row * 3 + column) as u8 } else { 0 };
                    packed.push(u32::from_le_bytes([byte(0), byte(1), byte(2), 0]));
                }
            }
            packed.extend((first..first + 4).map(|c| layer.folded[c] as u32));
            packed.extend((first..first + 4).map(|c| layer.multipliers[c] as u32));
            packed.extend((first..first + 4).map(|c| i32::from(layer.shifts[c]) as u32));
        }
        let [distance, _] = sizes.distance(1).unwrap();
        // At a whole number of pixels.
        let distance = distance.next_multiple_of(channels);
        let found = overlapping(&layer.x, distance, expected.len(), |x, y| {
            kernel.run(x, &packed, cells(&mut scratch(kernel.words())), y);
        });
        prop_assert_eq!(&found, &expected);
    }

    #[test]
    fn sums_are_those_of_the_portable_function(seed: u64) {
        let n = &mut Sequence::new(seed);
        let len = 1 + n.below(70);
        let (mut first, mut second) = (bytes(n, len), bytes(n, len));
        // Products fit in 31 bits.
        let sum = ShortSum {
            first: n.next() as i32 >> 10,
            second: n.next() as i32 >> 10,
            offset: n.next() as i32 >> 2,
        };
        let zip = |exchanged| (
            Zip { function: sum, exchanged, broadcast: None },
            Zip { function: MveSum { sum }, exchanged, broadcast: None },
        );
        for exchanged in [false, true] {
            let (portable, kernel) = zip(exchanged);
            let (first, second) = (cells(&mut first), cells(&mut second));
            let expected = outputs(len, |y| portable.run(first, second, y));
            prop_assert_eq!(outputs(len, |y| kernel.run(first, second, y)), expected);
        }
    }

    /// The two roundings of the extension's instructions, by way of a layer of one input of zero: of sums at and around ties, and at their bounds.
    #[test]
    fn requantisation_is_that_of_the_reference(seed: u64, sum: i32) {
        let n = &mut Sequence::new(seed);
        let multiplier = (n.next() >> 2) as i32 | 1 << 30;
        let shift = -1 - n.below(30) as i32;
        // What gives about half a step.
        let step = i64::from(n.next() as i8) * 2 + 1;
        let tie = ((step << (30 - shift)) as f64 / f64::from(multiplier)) as i64;
        let tie = tie.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let near = tie.saturating_add(n.below(5) as i32 - 2);
        let sum = [sum, near, near, i32::MIN, i32::MAX, -1, 0][n.below(7)];
        for zero_point in [-128, -127, 5, 127] {
            let layer = Layer {
                x: vec![0],
                weights: vec![0],
                inputs: 1,
                in_zero_point: 0,
                output: MveOutput { channels: 1, zero_point, min: -128, max: 127 },
                plain: vec![sum],
                folded: vec![sum],
                multipliers: vec![multiplier],
                shifts: vec![shift as i8],
            };
            let row = AnyMveRow::of(1, layer.signed(), 1);
            let kernel = MveFullyConnected { inputs: 1, output: layer.output, row };
            let packed = layer.pack(AnyMveRow::channels(1));
            let found = outputs(1, |y| kernel.run(cells(&mut [0]), &packed, cells(&mut scratch(4)), y));
            let scaled = requantize(sum, multiplier, shift).saturating_add(zero_point);
            prop_assert_eq!(i32::from(found[0]), scaled.clamp(-128, 127));
        }
    }
}
