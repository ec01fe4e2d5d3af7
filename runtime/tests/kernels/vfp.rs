//! Kernels of the floating-point extension, whose twins run here, against the portable ones: every bit is the same, but which number that is none
//! a result is.

use std::cell::Cell;

use castiron_runtime::kernels::*;
use proptest::prelude::*;

use crate::testing::{Numbers as Sequence, cells, overlapping};

/// What channels are fewer than.
const MOST: usize = if cfg!(miri) { 6 } else { 11 };

const RANGES: [Float; 5] = [
    Float {
        min: f32::MIN,
        max: f32::MAX,
    },
    Float {
        min: 0.0,
        max: f32::MAX,
    },
    Float { min: 0.0, max: 6.0 },
    Float {
        min: -1.0,
        max: 1.0,
    },
    Float {
        min: -0.0,
        max: 2.0,
    },
];

/// Numbers of all sizes, and such as are special.
fn floats(n: &mut Sequence, len: usize, special: bool) -> Vec<f32> {
    let one = |n: &mut Sequence| match n.below(if special { 40 } else { 20 }) {
        0 => 0.0,
        1 => -0.0,
        2 => f32::from_bits(n.next() & 0x807f_ffff),
        20 => f32::INFINITY,
        21 => f32::NEG_INFINITY,
        22 => f32::from_bits(n.next() | 0x7fc0_0000),
        23 => f32::from_bits((n.next() & 0x80ff_ffff) | 0x7e00_0000),
        24 => f32::MIN_POSITIVE,
        _ => n.next() as i32 as f32 / 2f32.powi(30),
    };
    (0..len).map(|_| one(n)).collect()
}

/// Biases are never −0, as the generator has them.
fn biases(n: &mut Sequence, len: usize, special: bool) -> Vec<f32> {
    let bias = floats(n, len, special).into_iter();
    bias.map(|bias| bias + 0.0).collect()
}

fn bits(y: &[f32]) -> Vec<Option<u32>> {
    let bits = |y: &f32| (!y.is_nan()).then_some(y.to_bits());
    y.iter().map(bits).collect()
}

/// The size of an axis, the filter's, the stride, the dilation, the padding and the windows.
fn axis(n: &mut Sequence, dilation: usize) -> [usize; 6] {
    let (filter, stride) = (1 + n.below(4), 1 + n.below(3));
    let reach = (filter - 1) * dilation + 1;
    let pad = n.below(reach + 1);
    let size = reach.saturating_sub(2 * pad).max(1) + n.below(6);
    let windows = (size + 2 * pad - reach) / stride + 1;
    [size, filter, stride, dilation, pad, windows]
}

pub(super) fn window(n: &mut Sequence, dilations: [usize; 2], in_c: usize, out_c: usize) -> Window {
    let [rows, columns] = dilations.map(|dilation| axis(n, dilation));
    let [in_h, filter_h, stride_h, dilation_h, pad_top, out_h] = rows;
    let [in_w, filter_w, stride_w, dilation_w, pad_left, out_w] = columns;
    Window {
        batches: 1 + n.below(2),
        in_h,
        in_w,
        in_c,
        out_h,
        out_w,
        out_c,
        filter_h,
        filter_w,
        stride_h,
        stride_w,
        dilation_h,
        dilation_w,
        pad_top: pad_top as isize,
        pad_left: pad_left as isize,
    }
}

/// The outputs of one kernel, which begin as something that it does not compute.
fn outputs(len: usize, run: impl FnOnce(&[Cell<f32>])) -> Vec<Option<u32>> {
    let mut y = vec![12345.0; len];
    run(cells(&mut y));
    bits(&y)
}

fn convolution<D>(
    sizes: Conv2dSizes,
    numbers: Float,
    dot: D,
    [x, weights, bias]: &[Vec<f32>; 3],
) -> Vec<Option<u32>>
where
    D: for<'a> Dot<Float, Packed = f32, Operands<'a> = (&'a [f32],)>,
{
    let inputs = sizes.inputs();
    let packed = sizes.pack::<Float, D>(&|channel, i| weights[channel * inputs + i]);
    let w = &sizes.window;
    outputs(w.batches * w.out_h * w.out_w * w.out_c, |y| {
        let kernel = Conv2d {
            sizes,
            numbers,
            dot,
        };
        kernel.compute(cells(&mut x.clone()), &packed, (bias,), y);
    })
}

fn matrix<D>(
    sizes: FullyConnectedSizes,
    numbers: Float,
    dot: D,
    [x, weights, bias]: &[Vec<f32>; 3],
) -> Vec<Option<u32>>
where
    D: for<'a> Dot<Float, Packed = f32, Operands<'a> = (&'a [f32],)>,
{
    let packed = sizes.pack::<Float, D>(&|output, i| weights[output * sizes.inputs + i]);
    outputs(sizes.rows * sizes.outputs, |y| {
        let kernel = FullyConnected {
            sizes,
            numbers,
            dot,
        };
        kernel.compute(cells(&mut x.clone()), &packed, (bias,), y);
    })
}

fn row<const CHANNELS: usize>(
    sizes: FullyConnectedSizes,
    numbers: Float,
    [x, weights, bias]: &[Vec<f32>; 3],
) -> Vec<Option<u32>> {
    let weight = |output, i| weights[output * sizes.inputs + i];
    let packed = sizes.pack::<Float, Vmla<CHANNELS>>(&weight);
    outputs(sizes.outputs, |y| {
        let kernel = VmlaRow::<CHANNELS> { numbers };
        kernel.run(cells(&mut x.clone()), &packed, bias, y);
    })
}

/// Both kernels of a depthwise convolution.
fn depthwise<const STRIDE: usize>(
    sizes: DepthwiseConv2dSizes,
    numbers: Float,
    [x, weights, bias]: &[Vec<f32>; 3],
) -> [Vec<Option<u32>>; 2] {
    let w = &sizes.window;
    let taps = w.filter_h * w.filter_w;
    let packed = sizes.pack::<Float>(&|channel, i| weights[channel * taps + i]);
    let len = w.batches * w.out_h * w.out_w * w.out_c;
    let fast = outputs(len, |y| {
        let kernel = VmlaDepthwise::<STRIDE> { sizes, numbers };
        kernel.run(cells(&mut x.clone()), &packed, bias, y);
    });
    let portable = outputs(len, |y| {
        let kernel = DepthwiseConv2d { sizes, numbers };
        kernel.compute(cells(&mut x.clone()), &packed, (bias,), y);
    });
    [fast, portable]
}

/// The kernel with the least code, of which each image is a call.
fn small(
    w: &Window,
    depthwise: bool,
    numbers: Float,
    [x, weights, bias]: &[Vec<f32>; 3],
) -> Vec<Option<u32>> {
    let (kernel, inputs) = small_of(w, depthwise, numbers);
    let start = |channel: usize| bias.get(channel).copied().unwrap_or(0.0);
    let packed = kernel.pack(start, |channel, i| weights[channel * inputs + i]);
    by_image(w, x, |x, y| kernel.run(x, &packed, y))
}

/// The same of weights that are stored as float16.
fn small_halves(
    w: &Window,
    depthwise: bool,
    numbers: Float,
    [x, bias]: [&[f32]; 2],
    weights: &[u16],
) -> Vec<Option<u32>> {
    let (small, inputs) = small_of(w, depthwise, numbers);
    let start = |channel: usize| bias.get(channel).copied().unwrap_or(0.0);
    let packed = small.pack(start, |channel, i| weights[channel * inputs + i]);
    by_image(w, x, |x, y| VmlaSmallHalves { small }.run(x, &packed, y))
}

/// The kernel, and how many inputs an output has.
fn small_of(w: &Window, depthwise: bool, numbers: Float) -> (VmlaSmall, usize) {
    let image = Window { batches: 1, ..*w };
    let kernel = VmlaSmall::of(&image, depthwise, numbers).expect("it fits");
    let each = if depthwise { 1 } else { w.in_c };
    (kernel, w.filter_h * w.filter_w * each)
}

fn by_image(w: &Window, x: &[f32], run: impl Fn(&[Cell<f32>], &[Cell<f32>])) -> Vec<Option<u32>> {
    let images = x.chunks(w.in_image());
    let outputs = images.flat_map(|x| {
        outputs(w.out_h * w.out_w * w.out_c, |y| {
            run(cells(&mut x.to_vec()), y);
        })
    });
    outputs.collect()
}

/// Bits of float16 that are finite, subnormal ones and zeros among them.
fn halves(n: &mut Sequence, len: usize) -> Vec<u16> {
    let half = |n: &mut Sequence| {
        let exponent = [0, 1, n.below(31), 15][n.below(4)];
        (n.below(2) << 15 | exponent << 10 | n.below(1 << 10)) as u16
    };
    (0..len).map(|_| half(n)).collect()
}

/// The number of a float16, by its definition.
fn value_of(half: &u16) -> f32 {
    let power = |of: i32| f32::from_bits(((127 + of) << 23) as u32);
    let fraction = f32::from(half & 0x3ff);
    let size = match half >> 10 & 31 {
        0 => fraction * power(-24),
        exponent => (1024.0 + fraction) * power(i32::from(exponent) - 25),
    };
    if half >> 15 == 0 { size } else { -size }
}

/// Inputs, weights and biases, of which there may be none.
fn operands(n: &mut Sequence, [x, weights, channels]: [usize; 3]) -> [Vec<f32>; 3] {
    let [special_x, special_weights] = [n.below(3) == 0, n.below(6) == 0];
    let channels = if n.below(4) == 0 { 0 } else { channels };
    [
        floats(n, x, special_x),
        floats(n, weights, special_weights),
        biases(n, channels, special_weights),
    ]
}

proptest! {
    #![proptest_config(crate::testing::cases(600))]

    #[test]
    fn convolutions_are_the_portable_ones(seed: u64, in_c in 1..MOST, out_c in 1..MOST) {
        let n = &mut Sequence::new(seed);
        let mut window = match n.below(2) {
            0 => window(n, [1, 1], in_c, out_c),
            _ => window(n, [2, 1], in_c, out_c),
        };
        if n.below(4) == 0 {
            // Windows of one row may be dilated.
            window = self::window(n, [1, 3], in_c, out_c);
            window.filter_h = 1;
            window.pad_top = 0;
            window.out_h = (window.in_h - 1) / window.stride_h + 1;
        }
        let sizes = Conv2dSizes { window, groups: 1, group_in: in_c, group_out: out_c };
        let numbers = RANGES[n.below(RANGES.len())];
        let inputs = window.batches * window.in_image();
        let operands = operands(n, [inputs, out_c * sizes.inputs(), out_c]);
        let expected = convolution(sizes, numbers, Portable::<4>, &operands);
        prop_assert_eq!(&convolution(sizes, numbers, Vmla::<4>, &operands), &expected);
        prop_assert_eq!(&convolution(sizes, numbers, Vmla::<8>, &operands), &expected);
        prop_assert_eq!(&small(&window, false, numbers, &operands), &expected);
    }

    #[test]
    fn matrix_products_are_the_portable_ones(
        seed: u64, rows in 0usize..6, inputs in 1..8 * MOST, outputs in 1..MOST + 4,
    ) {
        let n = &mut Sequence::new(seed);
        // Single rows have a kernel of their own.
        let rows = rows.max(1);
        let sizes = FullyConnectedSizes { rows, inputs, outputs };
        let numbers = RANGES[n.below(RANGES.len())];
        let operands = operands(n, [rows * inputs, outputs * inputs, outputs]);
        let expected = matrix(sizes, numbers, Portable::<4>, &operands);
        prop_assert_eq!(&matrix(sizes, numbers, Vmla::<4>, &operands), &expected);
        prop_assert_eq!(&matrix(sizes, numbers, Vmla::<8>, &operands), &expected);
        if rows == 1 {
            prop_assert_eq!(&row::<4>(sizes, numbers, &operands), &expected);
            prop_assert_eq!(&row::<8>(sizes, numbers, &operands), &expected);
        }
    }

    #[test]
    fn small_convolutions_are_the_portable_ones(seed: u64, in_c in 1..MOST, out_c in 1..MOST) {
        let n = &mut Sequence::new(seed);
        let dilations = [1 + n.below(3), 1 + n.below(3)];
        let mut window = window(n, dilations, in_c, out_c);
        // Windows may leave out the first rows and columns.
        for (pad, size) in [(&mut window.pad_top, &mut window.in_h), (&mut window.pad_left, &mut window.in_w)] {
            let left_out = n.below(3);
            *pad -= left_out as isize;
            *size += left_out;
        }
        let sizes = Conv2dSizes { window, groups: 1, group_in: in_c, group_out: out_c };
        let numbers = RANGES[n.below(RANGES.len())];
        let inputs = window.batches * window.in_image();
        let operands = operands(n, [inputs, out_c * sizes.inputs(), out_c]);
        let expected = convolution(sizes, numbers, Portable::<4>, &operands);
        prop_assert_eq!(small(&window, false, numbers, &operands), expected);
        let [x, weights, bias] = operands;
        let halves = halves(n, weights.len());
        let operands = [x, halves.iter().map(value_of).collect(), bias];
        let expected = convolution(sizes, numbers, Portable::<4>, &operands);
        let [x, _, bias] = &operands;
        prop_assert_eq!(small_halves(&window, false, numbers, [x, bias], &halves), expected);
    }

    #[test]
    fn small_depthwise_convolutions_are_the_portable_ones(seed: u64, blocks in 1usize..4) {
        let n = &mut Sequence::new(seed);
        let channels = 4 * blocks;
        let dilations = [1 + n.below(3), 1 + n.below(3)];
        let window = window(n, dilations, channels, channels);
        let sizes = DepthwiseConv2dSizes { window, multiplier: 1 };
        let numbers = RANGES[n.below(RANGES.len())];
        let taps = window.filter_h * window.filter_w;
        let inputs = window.batches * window.in_image();
        let operands = operands(n, [inputs, channels * taps, channels]);
        let [x, weights, bias] = &operands;
        let packed = sizes.pack::<Float>(&|channel, i| weights[channel * taps + i]);
        let expected = outputs(window.batches * window.out_h * window.out_w * channels, |y| {
            DepthwiseConv2d { sizes, numbers }.compute(cells(&mut x.clone()), &packed, (bias,), y);
        });
        prop_assert_eq!(small(&window, true, numbers, &operands), &expected[..]);
        let halves = halves(n, weights.len());
        let values = [x.clone(), halves.iter().map(value_of).collect(), bias.clone()];
        prop_assert_eq!(
            small_halves(&window, true, numbers, [x, bias], &halves),
            small(&window, true, numbers, &values)
        );
        // Over the input, as the portable kernel.
        let image = Window { batches: 1, ..window };
        let [distance, step] = DepthwiseConv2dSizes { window: image, multiplier: 1 }
            .distance(1)
            .expect("there are as many outputs as inputs");
        let kernel = VmlaSmall::of(&image, true, numbers).expect("it fits");
        let packed = kernel.pack(
            |channel| bias.get(channel).copied().unwrap_or(0.0),
            |channel, i| weights[channel * taps + i],
        );
        let len = window.out_h * window.out_w * channels;
        let distance = distance + n.below(3) * step;
        let over = overlapping(&x[..window.in_image()], len, distance, 77.0, |x, y| {
            kernel.run(x, &packed, y);
        });
        prop_assert_eq!(bits(&over), &expected[..len]);
    }

    #[test]
    fn depthwise_convolutions_are_the_portable_ones(seed: u64, blocks in 1usize..4, in_w in 2usize..17) {
        let n = &mut Sequence::new(seed);
        let channels = 4 * blocks;
        let mut window = window(n, [1, 1], channels, channels);
        (window.in_w, window.filter_w, window.stride_w) = (in_w, 3, 1 + n.below(2));
        window.pad_left = n.below(2) as isize;
        // No window, or one, is cut at the right.
        let width = in_w + window.pad_left as usize + n.below(2);
        prop_assume!(width >= 3);
        window.out_w = (width - 3) / window.stride_w + 1;
        let sizes = DepthwiseConv2dSizes { window, multiplier: 1 };
        let fits = [VmlaDepthwise::<1>::fits(&sizes), VmlaDepthwise::<2>::fits(&sizes)];
        prop_assert_eq!(fits, [1, 2].map(|stride| window.out_w >= 3 && window.stride_w == stride));
        prop_assume!(window.out_w >= 3);
        let numbers = RANGES[n.below(RANGES.len())];
        let inputs = window.batches * window.in_image();
        let operands = operands(n, [inputs, channels * 3 * window.filter_h, channels]);
        let [fast, portable] = match window.stride_w {
            1 => depthwise::<1>(sizes, numbers, &operands),
            _ => depthwise::<2>(sizes, numbers, &operands),
        };
        prop_assert_eq!(fast, portable);
    }
}
