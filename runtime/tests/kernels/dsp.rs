//! Kernels of the DSP extension, whose twins run here, against sums as they are defined.

use core::cell::Cell;

use castiron_runtime::fixed::requantize;
use proptest::prelude::*;

use crate::testing::{Numbers, overlapping};
use castiron_runtime::kernels::{
    AnyDepthwise, AnyEpilogue, AnyLoops, DspConv2d, DspConv2dSizes, DspDepthwiseConv2d,
    DspFullyConnected, DspOutput, DspPointwise, DspWideFullyConnected, DspWindowConv2d, GROUP,
    LANES, OVERLAPPING, ROWS, Window,
};

const MULTIPLIER: i32 = 1_402_438_300;
const SHIFT: i32 = -6;
const ZERO_POINT: i32 = -7;
const IN_ZERO_POINT: i8 = 3;

fn cells<T: Copy + Default>(len: usize) -> Vec<Cell<T>> {
    vec![Cell::new(T::default()); len]
}

/// Values that differ from their neighbours, and reach both ends.
fn values(len: usize, seed: usize) -> Vec<Cell<i8>> {
    let value = |i: usize| (i * 37 + seed * 101 + i * i % 19) as u8 as i8;
    (0..len).map(|i| Cell::new(value(i))).collect()
}

fn weight(channel: usize, i: usize) -> i8 {
    ((channel * 29 + i * 13) % 255) as i8
}

fn start(channel: usize) -> i32 {
    channel as i32 * 100 - 250
}

fn expected(sum: i32) -> i8 {
    (requantize(sum, MULTIPLIER, SHIFT) + ZERO_POINT).clamp(-128, 127) as i8
}

/// Constants of the epilogue with two roundings.
fn constants() -> [u32; 3] {
    let addend = (ZERO_POINT << -SHIFT) + (1 << (-SHIFT - 1));
    [(MULTIPLIER as u32) << 1, addend as u32, -SHIFT as u32]
}

/// Weights of runs of inputs, counted as if these were whole groups.
fn blocks(
    channels: usize,
    [runs, len]: [usize; 2],
    weight: impl Fn(usize, usize) -> i8,
) -> Vec<u32> {
    let weight = |channel, i| {
        if channel < channels {
            weight(channel, i)
        } else {
            0
        }
    };
    let start = |channel| {
        if channel < channels {
            start(channel)
        } else {
            0
        }
    };
    let mut words = Vec::new();
    for first in (0..channels).step_by(LANES) {
        for low in [first, first + 2] {
            words.extend([
                start(low) as u32,
                (start(low) + 256 * start(low + 1)) as u32,
            ]);
        }
        let halves = (0..runs * (len / 2)).map(|half| (half / (len / 2), half % (len / 2)));
        for (run, half) in halves {
            let i = run * len.next_multiple_of(GROUP) + half / 2 * GROUP + half % 2;
            for low in [first, first + 2] {
                let lane = |i| i32::from(weight(low, i)) + 256 * i32::from(weight(low + 1, i));
                words.push(lane(i) as u16 as u32 | (lane(i + 2) as u32) << 16);
            }
        }
        words.extend([constants(); LANES].concat());
    }
    words
}

const fn output(channels: usize) -> DspOutput {
    DspOutput {
        channels,
        min: -128,
        max: 127,
    }
}

fn get(cells: &[Cell<i8>]) -> Vec<i8> {
    cells.iter().map(Cell::get).collect()
}

#[test]
fn matrices_of_odd_and_even_rows_and_any_channels() {
    let sizes = [
        (1, 4, 1),
        (1, 40, 7),
        (1, 12, 3),
        (1, 84, 4),
        (2, 8, 4),
        (3, 12, 6),
        (5, 20, 9),
        (4, 36, 5),
        (3, 72, 8),
    ];
    for (rows, inputs, channels) in sizes {
        let x = values(rows * inputs, rows);
        let weights = blocks(channels, [1, inputs], weight);
        let sum = |row: usize, channel: usize| {
            let products = (0..inputs)
                .map(|i| i32::from(x[row * inputs + i].get()) * i32::from(weight(channel, i)));
            products.sum::<i32>() + start(channel)
        };
        let outputs = (0..rows * channels).map(|i| expected(sum(i / channels, i % channels)));
        let outputs: Vec<i8> = outputs.collect();
        let y = cells(rows * channels);
        let kernel = DspPointwise {
            rows,
            inputs,
            output: output(channels),
            epilogue: AnyLoops::Both(AnyEpilogue::Long),
        };
        kernel.run(&x, &weights, &cells(inputs), &y);
        assert_eq!(get(&y), outputs);
        // All of a row widened, or the first of its inputs.
        let widened = (8..=inputs).step_by(8);
        for widened in widened.filter(|_| rows == 1) {
            let y = cells(channels);
            let kernel = DspWideFullyConnected {
                output: output(channels),
                epilogue: AnyLoops::WideRows(AnyEpilogue::Long),
            };
            kernel.run(&x, &weights, &cells(widened / 2), &y);
            assert_eq!(get(&y), outputs);
        }
        if rows == 1 {
            let y = cells(channels);
            let kernel = DspFullyConnected {
                output: output(channels),
                epilogue: AnyLoops::Rows(AnyEpilogue::Long),
            };
            kernel.run(&x, &weights, &y);
            assert_eq!(get(&y), outputs);
        }
    }
}

/// Rows whose channels share constants, against those whose channels have the same ones each.
#[test]
fn rows_that_share_constants() {
    let forms = [
        (AnyEpilogue::Short(13), AnyEpilogue::ShortAlike(13)),
        (AnyEpilogue::Away(12), AnyEpilogue::AwayAlike(12)),
    ];
    let shared = [150_000_000_u32, 99_999];
    for ((each, alike), inputs) in forms.into_iter().flat_map(|form| [(form, 8), (form, 40)]) {
        let channels = 8;
        let block = 4 + inputs;
        let blocks = blocks(channels, [1, inputs], weight);
        let (mut own, mut together) = (Vec::new(), Vec::new());
        for words in blocks.chunks(block + 3 * LANES) {
            own.extend_from_slice(&words[..block]);
            together.extend_from_slice(&words[..block]);
            own.extend([shared; LANES].concat());
        }
        together.extend(shared);
        let x = values(inputs, 3);
        let outputs = |epilogue, weights: &[u32]| {
            let y = cells(channels);
            let kernel = DspWideFullyConnected {
                output: output(channels),
                epilogue: AnyLoops::WideRows(epilogue),
            };
            kernel.run(&x, weights, &cells(inputs / 2), &y);
            get(&y)
        };
        let expected = outputs(each, &own);
        assert!(expected.iter().any(|y| *y != expected[0]), "{expected:?}");
        assert_eq!(outputs(alike, &together), expected);
    }
}

fn window(in_w: usize, in_c: usize, out_c: usize, stride: usize, pad: isize) -> Window {
    let in_h = 4;
    let out = |size: usize| (size + 2 * pad as usize - ROWS) / stride + 1;
    Window {
        batches: 1,
        in_h,
        in_w,
        in_c,
        out_h: out(in_h),
        out_w: out(in_w),
        out_c,
        filter_h: ROWS,
        filter_w: ROWS,
        stride_h: stride,
        stride_w: stride,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: pad,
        pad_left: pad,
    }
}

/// The input of a tap, which is padding beside the image.
fn tap(
    w: &Window,
    x: &[Cell<i8>],
    [out_y, out_x]: [usize; 2],
    [i, j]: [usize; 2],
    c: usize,
) -> i32 {
    let row = (out_y * w.stride_h + i) as isize - w.pad_top;
    let column = (out_x * w.stride_w + j) as isize - w.pad_left;
    let inside = |at: isize, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
    match (inside(row, w.in_h), inside(column, w.in_w)) {
        (Some(row), Some(column)) => i32::from(x[(row * w.in_w + column) * w.in_c + c].get()),
        _ => i32::from(IN_ZERO_POINT),
    }
}

/// The loops for a convolution.
fn conv_loops(sizes: &DspConv2dSizes) -> AnyLoops {
    let w = &sizes.window;
    match sizes.run % GROUP {
        0 if overlap(w) => AnyLoops::Overlapping(AnyEpilogue::Long),
        0 => AnyLoops::Both(AnyEpilogue::Long),
        _ => AnyLoops::Halves(AnyEpilogue::Long),
    }
}

/// Whether windows overlap as a loop takes them.
fn overlap(w: &Window) -> bool {
    let whole = w.in_c.is_multiple_of(GROUP) && w.out_w.is_multiple_of(2);
    w.stride_w == 1 && w.filter_w == OVERLAPPING && whole
}

/// Weights of a convolution in blocks.
fn conv_blocks(sizes: &DspConv2dSizes) -> Vec<u32> {
    let w = &sizes.window;
    let (groups, taps) = (sizes.run.next_multiple_of(GROUP), w.filter_w * w.in_c);
    let in_turn = |i: usize| match overlap(w) {
        true => i / 4 % OVERLAPPING * w.in_c + i / 12 * 4 + i % 4,
        false => i,
    };
    let packed = |channel: usize, i: usize| match in_turn(i % groups) {
        tap if tap < taps => weight(channel, i / groups * taps + tap),
        _ => 0,
    };
    blocks(w.out_c, [w.filter_h, sizes.run], packed)
}

#[test]
fn convolutions_across_borders() {
    let sizes = [
        (5, 1, 3, 1, 1),
        (6, 3, 4, 2, 1),
        (7, 4, 8, 1, 0),
        (7, 8, 5, 1, 0),
        // Windows that overlap.
        (6, 8, 5, 1, 1),
        (8, 4, 4, 1, 0),
        // Runs that end with half a group.
        (8, 3, 6, 2, 1),
        (6, 7, 4, 1, 1),
    ];
    for (in_w, in_c, out_c, stride, pad) in sizes {
        let w = window(in_w, in_c, out_c, stride, pad);
        let x = values(w.in_h * in_w * in_c, in_w);
        let sizes = DspConv2dSizes::of(w);
        let inputs = ROWS * sizes.run;
        let kernel = DspConv2d {
            sizes,
            in_zero_point: IN_ZERO_POINT,
            output: output(out_c),
            epilogue: conv_loops(&sizes),
        };
        let (rows, y) = (cells(ROWS * sizes.row), cells(w.out_h * w.out_w * out_c));
        let weights = conv_blocks(&sizes);
        kernel.run(&x, &weights, &rows, &cells(inputs), &y);
        let outputs = (0..y.len()).map(|at| {
            let (pixel, channel) = (at / out_c, at % out_c);
            let taps = (0..ROWS * ROWS * in_c).map(|i| {
                let place = [i / in_c / ROWS, i / in_c % ROWS];
                let pixel = [pixel / w.out_w, pixel % w.out_w];
                tap(&w, &x, pixel, place, i % in_c) * i32::from(weight(channel, i))
            });
            expected(taps.sum::<i32>() + start(channel))
        });
        assert_eq!(get(&y), outputs.collect::<Vec<i8>>());
    }
}

/// Outputs at once and how many are left of a row, and words of a row of a channel.
fn depthwise_sizes(w: &Window) -> ([usize; 2], usize) {
    let most = [6, 4][w.stride_w - 1];
    let at_once = match w.out_w {
        few if few <= most => [0, few],
        many => [most, many % most],
    };
    let reached = (w.out_w - 1) * w.stride_w + ROWS;
    let words = reached.max(w.pad_left.unsigned_abs() + w.in_w).div_ceil(2);
    (at_once, words)
}

fn depthwise_weights(channels: usize) -> Vec<u32> {
    let mut weights = Vec::new();
    for channel in 0..channels {
        let scaled = |i| u32::from((i16::from(weight(channel, i)) * 256) as u16);
        for row in 0..ROWS {
            for i in [ROWS * row, ROWS * row + 1] {
                weights.push(scaled(i) | scaled(i + 1) << 16);
            }
        }
        weights.push((256 * start(channel)) as u32);
        weights.extend(constants());
    }
    weights
}

#[test]
fn depthwise_convolutions_of_every_width() {
    for stride in [1, 2] {
        // Miri takes a minute for all of them.
        let widths = if cfg!(miri) { 7..=8 } else { 4..=15 };
        for (in_w, pad) in widths.flat_map(|in_w| [(in_w, 0), (in_w, 1)]) {
            let channels = 4;
            let w = window(in_w, channels, channels, stride, pad);
            let (at_once, words) = depthwise_sizes(&w);
            let weights = depthwise_weights(channels);
            let x = values(w.in_h * in_w * channels, in_w);
            let y = cells(w.out_h * w.out_w * channels);
            let kernel = DspDepthwiseConv2d {
                window: w,
                group: channels,
                words,
                in_zero_point: IN_ZERO_POINT,
                output: output(channels),
                depthwise: AnyDepthwise {
                    epilogue: AnyEpilogue::Long,
                    stride,
                    at_once,
                },
            };
            kernel.run(&x, &weights, &cells(channels * ROWS * words), &y);
            let outputs = (0..y.len()).map(|at| {
                let (pixel, channel) = (at / channels, at % channels);
                let pixel = [pixel / w.out_w, pixel % w.out_w];
                let taps = (0..ROWS * ROWS).map(|i| {
                    let value = tap(&w, &x, pixel, [i / ROWS, i % ROWS], channel);
                    value * i32::from(weight(channel, i))
                });
                expected(taps.sum::<i32>() + start(channel))
            });
            let outputs: Vec<i8> = outputs.collect();
            assert_eq!(
                get(&y),
                outputs,
                "width {in_w}, stride {stride}, padding {pad}"
            );
        }
    }
}

/// What a kernel computes of an input apart from its output, and of one that it overlaps.
fn apart_and_overlapping(
    x: &[i8],
    outputs: usize,
    distance: usize,
    run: impl Fn(&[Cell<i8>], &[Cell<i8>]),
) -> [Vec<i8>; 2] {
    let apart = overlapping(x, outputs, outputs, 0, &run);
    [apart, overlapping(x, outputs, distance, 77, &run)]
}

/// Cells with anything in them.
fn scratch<T: Copy>(len: usize, found: T) -> Vec<Cell<T>> {
    vec![Cell::new(found); len]
}

/// Input size, filter, stride, padding before and output size.
fn dimension(n: &mut Numbers, filter: usize, stride: usize, most: usize) -> (usize, isize, usize) {
    let (before, after) = (n.below(most + 1), n.below(filter.min(3)));
    let size = (filter + n.below(7)).max(ROWS);
    (
        size,
        before as isize,
        (size + before + after - filter) / stride + 1,
    )
}

proptest! {
    #![proptest_config(crate::testing::cases(300))]

    #[test]
    fn outputs_of_matrices_may_begin_before_the_input(
        seed: u64, rows in 1usize..9, inputs in 1usize..6, channels in 1usize..30, more in 0usize..3,
    ) {
        let inputs = 4 * inputs;
        let x = Numbers::new(seed).bytes(rows * inputs);
        let weights = blocks(channels, [1, inputs], weight);
        let epilogue = AnyLoops::Both(AnyEpilogue::Long);
        let kernel = DspPointwise { rows, inputs, output: output(channels), epilogue };
        let run = |x: &[Cell<i8>], y: &[Cell<i8>]| kernel.run(x, &weights, &scratch(inputs, 77), y);
        let distance = kernel.distance() + more;
        let [apart, over] = apart_and_overlapping(&x, rows * channels, distance, run);
        prop_assert_eq!(apart, over);
    }

    #[test]
    fn outputs_of_convolutions_may_begin_before_the_input(
        seed: u64, batches in 1usize..5, in_c in 1usize..6, out_c in 1usize..12, more in 0usize..3,
    ) {
        let n = &mut Numbers::new(seed);
        let [filter_h, filter_w] = [(); 2].map(|()| 1 + n.below(4));
        let [stride_h, stride_w] = [(); 2].map(|()| 1 + n.below(3));
        let padded = n.below(2);
        let (in_h, pad_top, out_h) = dimension(n, filter_h, stride_h, padded * (filter_h - 1));
        let (in_w, pad_left, out_w) = dimension(n, filter_w, stride_w, padded * (filter_w - 1));
        let mut w = Window {
            batches, in_h, in_w, in_c, out_h, out_w, out_c, filter_h, filter_w, stride_h, stride_w,
            dilation_h: 1, dilation_w: 1, pad_top, pad_left,
        };
        if padded == 0 {
            // Within the input, and some skip its first rows or columns.
            let skipped = [n.below(2), n.below(2)];
            w.out_h = (in_h - filter_h) / stride_h + 1;
            w.out_w = (in_w - filter_w) / stride_w + 1;
            w.in_h += skipped[0];
            w.in_w += skipped[1];
            [w.pad_top, w.pad_left] = skipped.map(|skipped| -(skipped as isize));
        }
        let x = n.bytes(batches * w.in_image());
        let kept = DspConv2dSizes::of(w);
        let direct = DspConv2dSizes::where_it_is(w);
        let all = [Some((kept, kept.kept(), kept.distance())), direct.map(|(sizes, distance)| (sizes, 0, distance))];
        let mut expected: Option<Vec<i8>> = None;
        for (sizes, kept, distance) in all.into_iter().flatten() {
            let inputs = filter_h * sizes.run;
            let weights = conv_blocks(&sizes);
            let kernel = DspConv2d {
                sizes,
                in_zero_point: IN_ZERO_POINT,
                output: output(out_c),
                epilogue: conv_loops(&sizes),
            };
            let run = |x: &[Cell<i8>], y: &[Cell<i8>]| {
                kernel.run(x, &weights, &scratch(kept, 77), &scratch(inputs, 77), y);
            };
            let outputs = batches * w.out_h * w.out_w * out_c;
            let [apart, over] = apart_and_overlapping(&x, outputs, distance + more, run);
            prop_assert_eq!(&apart, &over);
            prop_assert_eq!(expected.get_or_insert(apart.clone()), &apart);
        }
        // A window at a time.
        let (taps, run) = (filter_w * in_c, (filter_w * in_c).next_multiple_of(GROUP));
        let packed = |channel: usize, i: usize| match i % run {
            tap if tap < taps => weight(channel, i / run * taps + tap),
            _ => 0,
        };
        let weights = blocks(out_c, [filter_h, run], packed);
        let kernel = DspWindowConv2d {
            window: w,
            run,
            in_zero_point: IN_ZERO_POINT,
            output: output(out_c),
            epilogue: AnyLoops::Rows(AnyEpilogue::Long),
        };
        let run = |x: &[Cell<i8>], y: &[Cell<i8>]| {
            kernel.run(x, &weights, &scratch(filter_h * run, 77), y);
        };
        let outputs = batches * w.out_h * w.out_w * out_c;
        let [apart, over] = apart_and_overlapping(&x, outputs, w.distance_by_windows() + more, run);
        prop_assert_eq!(&apart, &over);
        prop_assert_eq!(expected.as_ref(), Some(&apart));
    }

    #[test]
    fn outputs_of_depthwise_convolutions_may_begin_before_the_input(
        seed: u64, batches in 1usize..5, groups in 1usize..4, stride in 1usize..3, more in 0usize..3,
    ) {
        let n = &mut Numbers::new(seed);
        let (in_h, pad_top, out_h) = dimension(n, ROWS, stride, 2);
        let (in_w, pad_left, out_w) = dimension(n, ROWS, stride, 1);
        let channels = groups * LANES;
        let w = Window {
            batches, in_h, in_w, in_c: channels, out_h, out_w, out_c: channels,
            filter_h: ROWS, filter_w: ROWS, stride_h: stride, stride_w: stride,
            dilation_h: 1, dilation_w: 1, pad_top, pad_left,
        };
        let (at_once, words) = depthwise_sizes(&w);
        let group = LANES * (1 + n.below(2));
        let kernel = DspDepthwiseConv2d {
            window: w,
            group,
            words,
            in_zero_point: IN_ZERO_POINT,
            output: output(channels),
            depthwise: AnyDepthwise { epilogue: AnyEpilogue::Long, stride, at_once },
        };
        let weights = depthwise_weights(channels);
        let run = |x: &[Cell<i8>], y: &[Cell<i8>]| {
            kernel.run(x, &weights, &scratch(group * ROWS * words, 0x4d4d_4d4d), y);
        };
        let x = n.bytes(batches * w.in_image());
        let [distance, step] = kernel.distance();
        let outputs = batches * w.out_h * w.out_w * channels;
        let [apart, over] = apart_and_overlapping(&x, outputs, distance + more * step, run);
        prop_assert_eq!(apart, over);
    }
}

/// One byte nearer than stated, and something is overwritten that is still to be read.
#[test]
fn nearer_than_stated_is_too_near() {
    let (rows, inputs, channels) = (6, 4, 9);
    let x = Numbers::new(5).bytes(rows * inputs);
    let weights = blocks(channels, [1, inputs], weight);
    let kernel = DspPointwise {
        rows,
        inputs,
        output: output(channels),
        epilogue: AnyLoops::Both(AnyEpilogue::Long),
    };
    let run = |x: &[Cell<i8>], y: &[Cell<i8>]| kernel.run(x, &weights, &scratch(inputs, 0), y);
    let distance = kernel.distance();
    let [apart, over] = apart_and_overlapping(&x, rows * channels, distance, run);
    assert_eq!(apart, over);
    let [apart, near] = apart_and_overlapping(&x, rows * channels, distance - 1, run);
    assert_ne!(apart, near);
}
