//! Kernels of the DSP extension for int16, and LSTMs, whose twins run here, against the portable ones.

use core::cell::Cell;

use castiron_runtime::fixed;
use castiron_runtime::kernels::*;
use proptest::prelude::*;

use crate::testing::{Numbers as Sequence, overlapping};

/// A layer's constants, in which all sums fit in 32 bits.
struct Layer {
    /// Whether sums have 64 bits, and one rounding.
    wide: bool,
    inputs: usize,
    weights: Vec<i8>,
    bias: Vec<i64>,
    multiplier: Vec<i32>,
    shift: Vec<i8>,
}

impl Layer {
    fn new(n: &mut Sequence, wide: bool, channels: usize, inputs: usize) -> Self {
        let mut layer = Self {
            wide,
            inputs,
            weights: n.bytes(channels * inputs),
            bias: Vec::new(),
            multiplier: Vec::new(),
            shift: Vec::new(),
        };
        for weight in &mut layer.weights {
            if n.below(8) == 0 {
                *weight = -128;
            }
        }
        // The greatest sum that the kernels take.
        let most = if wide {
            i64::from(i32::MAX)
        } else {
            (1 << 30) - 1
        };
        for channel in 0..channels {
            let magnitudes = (0..inputs).map(|i| i64::from(layer.weight(channel, i)).abs());
            let spare = most - 32768 * magnitudes.sum::<i64>();
            layer.bias.push(match n.below(3) {
                0 => spare,
                1 => -spare,
                _ => i64::from(n.next() as i16),
            });
            layer
                .multiplier
                .push((n.next() | 1 << 30) as i32 & i32::MAX);
            let (first, count) = if wide { (2, 17) } else { (1, 31) };
            layer.shift.push(-((first + n.below(count)) as i8));
        }
        layer
    }

    fn weight(&self, channel: usize, i: usize) -> i8 {
        self.weights[channel * self.inputs + i]
    }

    fn numbers(&self, min: i32, max: i32) -> Int16x8 {
        Int16x8 {
            min,
            max,
            narrow: !self.wide,
        }
    }

    fn constants(&self) -> (&[i64], &[i32], &[i8]) {
        (&self.bias, &self.multiplier, &self.shift)
    }

    fn epilogue(&self) -> AnyEpilogue {
        match self.wide {
            true => AnyEpilogue::OnceI16,
            false => AnyEpilogue::TwiceI16,
        }
    }

    /// The epilogue's constants of a channel.
    fn words(&self, channel: usize) -> Vec<u32> {
        if channel >= self.bias.len() {
            return vec![0; self.epilogue().constants()];
        }
        let (multiplier, right) = (self.multiplier[channel], -i32::from(self.shift[channel]));
        match self.wide {
            true => vec![(fixed::reduced(multiplier) << (18 - right)) as u32],
            false => vec![(multiplier as u32) << 1, 1 << (right - 1), right as u32],
        }
    }

    /// Weights in blocks, of runs of so many inputs that are filled up to groups.
    fn blocks(&self, [runs, len]: [usize; 2]) -> Vec<u32> {
        let (channels, groups) = (self.bias.len(), len.next_multiple_of(GROUP));
        let weight = |channel: usize, i: usize| match channel < channels && i % groups < len {
            true => self.weight(channel, i / groups * len + i % groups) as u8,
            false => 0,
        };
        let mut words = Vec::new();
        for first in (0..channels).step_by(LANES) {
            let block = first..first + LANES;
            words.extend(
                block
                    .clone()
                    .map(|c| self.bias.get(c).map_or(0, |b| *b as u32)),
            );
            for i in (0..runs * groups).step_by(2) {
                for low in [first, first + 2] {
                    words.push(u32::from_le_bytes([
                        weight(low, i),
                        weight(low + 1, i),
                        weight(low, i + 1),
                        weight(low + 1, i + 1),
                    ]));
                }
            }
            words.extend(block.flat_map(|channel| self.words(channel)));
        }
        words
    }

    /// Channels of a depthwise convolution.
    fn planes(&self) -> Vec<u32> {
        let mut words = Vec::new();
        for channel in 0..self.bias.len() {
            let weight = |i| u32::from(i16::from(self.weight(channel, i)) as u16);
            for row in 0..ROWS {
                for first in [ROWS * row, ROWS * row + 1] {
                    words.push(weight(first) | weight(first + 1) << 16);
                }
            }
            words.push(self.bias[channel] as u32);
            words.extend(self.words(channel));
        }
        words
    }
}

/// Values of which many are at the ends.
fn values(n: &mut Sequence, len: usize) -> Vec<i16> {
    let mut value = || match n.below(4) {
        0 => i16::MIN,
        1 => i16::MAX,
        _ => n.next() as i16,
    };
    (0..len).map(|_| value()).collect()
}

fn cells<T: Copy>(values: &[T]) -> Vec<Cell<T>> {
    values.iter().map(|value| Cell::new(*value)).collect()
}

fn get<T: Copy>(cells: &[Cell<T>]) -> Vec<T> {
    cells.iter().map(Cell::get).collect()
}

/// Memory with anything in it.
fn scratch<T: Copy>(len: usize, found: T) -> Vec<Cell<T>> {
    vec![Cell::new(found); len]
}

/// What is hidden, the cells, memory to work in and the output of an LSTM.
type Memory<'a> = [&'a [Cell<i16>]; 4];

/// What a kernel computes of an input apart from its output, and of one that it overlaps.
fn apart_and_overlapping(
    x: &[i16],
    outputs: usize,
    distance: usize,
    run: impl Fn(&[Cell<i16>], &[Cell<i16>]),
) -> [Vec<i16>; 2] {
    let apart = overlapping(x, outputs, outputs, 0, &run);
    [apart, overlapping(x, outputs, distance, 7777, &run)]
}

/// The range of outputs: that of the type, or less.
fn range(n: &mut Sequence) -> [i32; 2] {
    [[-32768, 32767], [0, 32767], [-1000, 1200]][n.below(3)]
}

/// Input size, padding before and output size of a filter.
fn dimension(n: &mut Sequence, filter: usize, stride: usize, most: usize) -> (usize, isize, usize) {
    let (before, after) = (n.below(most + 1), n.below(filter.min(3)));
    let size = (filter + n.below(7)).max(ROWS);
    let out = (size + before + after - filter) / stride + 1;
    (size, before as isize, out)
}

proptest! {
    #![proptest_config(crate::testing::cases(300))]

    #[test]
    fn matrices(
        seed: u64, wide: bool, rows in 1usize..7, inputs in 1usize..9, channels in 1usize..11, more in 0usize..3,
    ) {
        let n = &mut Sequence::new(seed);
        let inputs = GROUP * inputs;
        let layer = Layer::new(n, wide, channels, inputs);
        let x = values(n, rows * inputs);
        let [min, max] = range(n);
        let sizes = FullyConnectedSizes { rows, inputs, outputs: channels };
        let portable = FullyConnected { sizes, numbers: layer.numbers(min, max), dot: Portable::<1> };
        let packed = sizes.pack::<Int16x8, Portable<1>>(&|channel, i| layer.weight(channel, i));
        let expected = scratch(rows * channels, 0);
        portable.compute(&cells(&x), &packed, layer.constants(), &expected);

        let weights = layer.blocks([1, inputs]);
        let output = DspOutput { channels, min, max };
        let kernel = DspPointwise {
            rows, inputs, output, epilogue: AnyLoopsI16(AnyLoops::Both(layer.epilogue())),
        };
        let run = |x: &[Cell<i16>], y: &[Cell<i16>]| {
            kernel.run(x, &weights, &scratch(inputs, 77), y);
        };
        let [apart, over] = apart_and_overlapping(&x, rows * channels, kernel.distance() + more, run);
        prop_assert_eq!(&apart, &get(&expected));
        prop_assert_eq!(apart, over);
        if rows == 1 {
            let y = scratch(channels, 0);
            let kernel = DspFullyConnected {
                output, epilogue: AnyLoopsI16(AnyLoops::Rows(layer.epilogue())),
            };
            kernel.run(&cells(&x), &weights, &y);
            prop_assert_eq!(get(&y), get(&expected));
        }
    }

    #[test]
    fn convolutions(
        seed: u64, wide: bool, batches in 1usize..4, in_c in 1usize..6, out_c in 1usize..10, more in 0usize..3,
    ) {
        let n = &mut Sequence::new(seed);
        let [filter_h, filter_w] = [(); 2].map(|()| 1 + n.below(4));
        let [stride_h, stride_w] = [(); 2].map(|()| 1 + n.below(3));
        let (in_h, pad_top, out_h) = dimension(n, filter_h, stride_h, filter_h - 1);
        let (in_w, pad_left, out_w) = dimension(n, filter_w, stride_w, filter_w - 1);
        let window = Window {
            batches, in_h, in_w, in_c, out_h, out_w, out_c, filter_h, filter_w, stride_h, stride_w,
            dilation_h: 1, dilation_w: 1, pad_top, pad_left,
        };
        let layer = Layer::new(n, wide, out_c, filter_h * filter_w * in_c);
        let x = values(n, batches * in_h * in_w * in_c);
        let [min, max] = range(n);
        let sizes = Conv2dSizes { window, groups: 1, group_in: in_c, group_out: out_c };
        let portable = Conv2d { sizes, numbers: layer.numbers(min, max), dot: Portable::<1> };
        let packed = sizes.pack::<Int16x8, Portable<1>>(&|channel, i| layer.weight(channel, i));
        let outputs = batches * out_h * out_w * out_c;
        let expected = scratch(outputs, 0);
        portable.compute(&cells(&x), &packed, layer.constants(), &expected);

        let weights = layer.blocks([filter_h, filter_w * in_c]);
        let kept = DspConv2dSizes::of_groups(window);
        let direct = DspConv2dSizes::where_it_is(window);
        let kept = (kept, kept.kept(), kept.distance());
        let direct = direct.map(|(sizes, distance)| (sizes, 0, distance));
        for (sizes, kept, distance) in [Some(kept), direct].into_iter().flatten() {
            let kernel = DspConv2d {
                sizes,
                in_zero_point: 0,
                output: DspOutput { channels: out_c, min, max },
                epilogue: AnyLoopsI16(AnyLoops::Both(layer.epilogue())),
            };
            let run = |x: &[Cell<i16>], y: &[Cell<i16>]| {
                kernel.run(x, &weights, &scratch(kept, 77), &scratch(filter_h * sizes.run, 77), y);
            };
            let [apart, over] = apart_and_overlapping(&x, outputs, distance + more, run);
            prop_assert_eq!(&apart, &get(&expected));
            prop_assert_eq!(apart, over);
        }
        let kernel = DspWindowConv2d {
            window,
            run: kept.0.run,
            in_zero_point: 0,
            output: DspOutput { channels: out_c, min, max },
            epilogue: AnyLoopsI16(AnyLoops::Rows(layer.epilogue())),
        };
        let run = |x: &[Cell<i16>], y: &[Cell<i16>]| {
            kernel.run(x, &weights, &scratch(filter_h * kept.0.run, 77), y);
        };
        let [apart, over] = apart_and_overlapping(&x, outputs, window.distance_by_windows() + more, run);
        prop_assert_eq!(&apart, &get(&expected));
        prop_assert_eq!(apart, over);
    }

    #[test]
    fn depthwise_convolutions(
        seed: u64, wide: bool, batches in 1usize..4, groups in 1usize..4, stride in 1usize..3, more in 0usize..3,
    ) {
        let n = &mut Sequence::new(seed);
        let (in_h, pad_top, out_h) = dimension(n, ROWS, stride, 2);
        let (in_w, pad_left, out_w) = dimension(n, ROWS, stride, 1);
        let channels = groups * LANES;
        let window = Window {
            batches, in_h, in_w, in_c: channels, out_h, out_w, out_c: channels,
            filter_h: ROWS, filter_w: ROWS, stride_h: stride, stride_w: stride,
            dilation_h: 1, dilation_w: 1, pad_top, pad_left,
        };
        let layer = Layer::new(n, wide, channels, ROWS * ROWS);
        let x = values(n, batches * in_h * in_w * channels);
        let [min, max] = range(n);
        let sizes = DepthwiseConv2dSizes { window, multiplier: 1 };
        let portable = DepthwiseConv2d { sizes, numbers: layer.numbers(min, max) };
        let packed = sizes.pack::<Int16x8>(&|channel, i| layer.weight(channel, i));
        let outputs = batches * out_h * out_w * channels;
        let expected = scratch(outputs, 0);
        portable.compute(&cells(&x), &packed, layer.constants(), &expected);

        let most = [6, 4][stride - 1];
        let at_once = match out_w {
            few if few <= most => [0, few],
            many => [most, many % most],
        };
        let reached = (out_w - 1) * stride + ROWS;
        let words = reached.max(window.pad_left.unsigned_abs() + in_w).div_ceil(2);
        let group = LANES * (1 + n.below(2));
        let kernel = DspDepthwiseConv2d {
            window,
            group,
            words,
            in_zero_point: 0,
            output: DspOutput { channels, min, max },
            depthwise: AnyDepthwiseI16(AnyDepthwise { epilogue: layer.epilogue(), stride, at_once }),
        };
        let weights = layer.planes();
        let run = |x: &[Cell<i16>], y: &[Cell<i16>]| {
            kernel.run(x, &weights, &scratch(group * ROWS * words, 0x4d4d_4d4d), y);
        };
        let [distance, step] = kernel.distance();
        let [apart, over] = apart_and_overlapping(&x, outputs, distance + more * step, run);
        prop_assert_eq!(&apart, &get(&expected));
        prop_assert_eq!(apart, over);
    }

    #[test]
    fn lstms_of_int16(
        seed: u64, batches in 1usize..3, steps in 1usize..4, inputs in 1usize..10, units in 1usize..10, time_major: bool,
    ) {
        let n = &mut Sequence::new(seed);
        let sizes = LstmSizes { batches, steps, inputs, units, time_major };
        let cells_of = LstmI16 {
            input_multiplier: (n.next() | 1 << 30) as i32 & i32::MAX,
            input_shift: -(n.below(20) as i32),
            tanh: Sigmoid { tanh: true, multiplier: 3, shift: n.below(4) as u32 },
            out_multiplier: (n.next() | 1 << 30) as i32 & i32::MAX,
            out_shift: -(n.below(20) as i32),
            out_zero_point: 0,
            clip: 32768 - n.below(2) as i32 * 20_000,
        };
        // As LOGISTIC's, from a half to one.
        let table: Vec<u16> = (0..=255u16).map(|i| 0x8000 + i * 128).collect();
        let (mut packed, mut words) = (Vec::new(), Vec::new());
        let (mut bias, mut multiplier, mut shift) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..LSTM_GATES {
            for inputs in [inputs, units] {
                let mut layer = Layer::new(n, true, units, inputs);
                multiplier.push(layer.multiplier[0]);
                shift.push(layer.shift[0]);
                layer.multiplier = vec![layer.multiplier[0]; units];
                layer.shift = vec![layer.shift[0]; units];
                let sizes = FullyConnectedSizes { rows: 1, inputs, outputs: units };
                packed.extend(sizes.pack::<Int16x8, Portable<1>>(&|unit, i| layer.weight(unit, i)));
                words.extend(layer.blocks([1, inputs]));
                bias.push(layer.bias);
            }
        }
        // Those of the input come before those of what is hidden.
        let of = |which: usize| bias.iter().skip(which).step_by(2).flatten().copied();
        let bias: Vec<i64> = of(0).chain(of(1)).collect();
        let x = cells(&values(n, batches * steps * inputs));
        let (hidden, state) = (values(n, batches * units), values(n, batches * units));
        let outputs = batches * steps * units;
        let run = |kernel: &dyn Fn(Memory<'_>)| {
            let (hidden, state, y) = (cells(&hidden), cells(&state), scratch(outputs, 7));
            kernel([&hidden, &state, &scratch(LSTM_ROOM * units, 77), &y]);
            [get(&hidden), get(&state), get(&y)]
        };
        let numbers = Int16x8 { min: -32768, max: 32767, narrow: false };
        let portable = Lstm { sizes, numbers, cells: cells_of, dot: Portable::<1> };
        let expected = run(&|[hidden, state, room, y]| {
            portable.run(&x, &packed, &bias, &multiplier, &shift, &table, hidden, state, room, y);
        });
        let epilogue = AnyLoopsI16(AnyLoops::Rows(AnyEpilogue::OnceI16));
        let kernel = DspLstm { sizes, cells: cells_of, epilogue };
        let groups = scratch(sizes.filled_up(), 77);
        let computed = run(&|[hidden, state, room, y]| {
            kernel.run(&x, &words, &table, hidden, state, &groups, room, y);
        });
        prop_assert_eq!(computed, expected);
    }
}
