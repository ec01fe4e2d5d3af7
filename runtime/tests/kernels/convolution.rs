//! Convolutions of any geometry against the definition, written as nested loops.

use std::cell::Cell;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use crate::testing::{Numbers as Sequence, cells, overlapping};
use castiron_runtime::fixed::{Downscale, requantize};
use castiron_runtime::kernels::*;

/// What channels are fewer than.
const MOST: usize = if cfg!(miri) { 6 } else { 10 };

/// A convolution of groups; a depthwise one has a group per input channel.
#[derive(Clone)]
struct Case {
    window: Window,
    groups: usize,
    int8: Int8,
    x: Vec<i8>,
    /// `[out_c][filter_h][filter_w][group_in]`.
    weights: Vec<i8>,
    bias: Vec<i32>,
    /// One per channel, or one for all.
    multiplier: Vec<i32>,
    shift: Vec<i8>,
}

impl Case {
    fn new(n: &mut Sequence, groups: usize, group_in: usize, group_out: usize) -> Self {
        let (in_h, filter_h, stride_h, dilation_h, pad_top, out_h) = dimension(n);
        let (in_w, filter_w, stride_w, dilation_w, pad_left, out_w) = dimension(n);
        let window = Window {
            batches: 1 + n.below(4),
            in_h,
            in_w,
            in_c: groups * group_in,
            out_h,
            out_w,
            out_c: groups * group_out,
            filter_h,
            filter_w,
            stride_h,
            stride_w,
            dilation_h,
            dilation_w,
            pad_top: pad_top as isize,
            pad_left: pad_left as isize,
        };
        Self::with_window(n, window, groups)
    }

    fn with_window(n: &mut Sequence, window: Window, groups: usize) -> Self {
        let per_channel = window.filter_h * window.filter_w * window.in_c / groups;
        let small = n.below(2) == 0;
        let factors = if n.below(2) == 0 { 1 } else { window.out_c };
        let shifts = if small {
            -Downscale::SHIFTS.start()
        } else {
            31
        };
        let narrow = n.below(2) == 0;
        Self {
            groups,
            int8: Int8 {
                in_zero_point: i32::from(n.next() as i8),
                out_zero_point: i32::from(n.next() as i8),
                min: if narrow { -20 } else { -128 },
                max: if narrow { 90 } else { 127 },
                small,
            },
            x: n.bytes(window.batches * window.in_h * window.in_w * window.in_c),
            weights: n.bytes(window.out_c * per_channel),
            bias: (0..window.out_c).map(|_| n.next() as i16 as i32).collect(),
            multiplier: (0..factors)
                .map(|_| (n.next() | 1 << 30) as i32 & i32::MAX)
                .collect(),
            // Mostly near those that give outputs of the type's range.
            shift: (0..factors)
                .map(|_| match n.below(4) {
                    0 => -1 - n.below(shifts as usize) as i8,
                    1 if !small => n.below(8) as i8,
                    _ => -6 - n.below(4) as i8,
                })
                .collect(),
            window,
        }
    }

    fn per_channel(&self) -> usize {
        self.weights.len() / self.window.out_c
    }

    fn folded(&self) -> Vec<i32> {
        let weights = self.weights.chunks(self.per_channel());
        let sums = weights.map(|w| w.iter().map(|w| i32::from(*w)).sum::<i32>());
        let bias = self.bias.iter().zip(sums);
        bias.map(|(b, sum)| b - self.int8.in_zero_point * sum)
            .collect()
    }

    /// Weight *i* of an output channel.
    fn weight(&self, channel: usize, i: usize) -> i8 {
        self.weights[channel * self.per_channel() + i]
    }

    /// The accumulators, from `bias` on.
    fn sums(&self) -> Vec<i32> {
        let w = &self.window;
        let (group_in, group_out) = (w.in_c / self.groups, w.out_c / self.groups);
        let mut sums = Vec::new();
        for (batch, out_y, out_x, c) in indices([w.batches, w.out_h, w.out_w, w.out_c]) {
            let mut sum = self.bias[c];
            for (fy, fx, i, _) in indices([w.filter_h, w.filter_w, group_in, 1]) {
                let y = (out_y * w.stride_h + fy * w.dilation_h) as isize - w.pad_top;
                let x = (out_x * w.stride_w + fx * w.dilation_w) as isize - w.pad_left;
                if y < 0 || x < 0 || y >= w.in_h as isize || x >= w.in_w as isize {
                    continue;
                }
                let pixel = (batch * w.in_h + y as usize) * w.in_w + x as usize;
                let value = self.x[pixel * w.in_c + c / group_out * group_in + i];
                let tap = (c * w.filter_h + fy) * w.filter_w + fx;
                let weight = self.weights[tap * group_in + i];
                sum += (i32::from(value) - self.int8.in_zero_point) * i32::from(weight);
            }
            sums.push(sum);
        }
        sums
    }

    fn expected(&self) -> Vec<i8> {
        let output = |(i, sum): (usize, i32)| {
            let factor = i % self.window.out_c % self.multiplier.len();
            let shift = i32::from(self.shift[factor]);
            let scaled = requantize(sum, self.multiplier[factor], shift);
            let shifted = scaled.wrapping_add(self.int8.out_zero_point);
            shifted.min(self.int8.max).max(self.int8.min) as i8
        };
        self.sums().into_iter().enumerate().map(output).collect()
    }

    /// What a float kernel has to give for the same numbers without a zero point: sums are exact.
    fn expected_float(&self) -> Vec<f32> {
        let sums = self.sums().into_iter();
        sums.map(|sum| (sum as f32).clamp(-2000.0, 3000.0))
            .collect()
    }

    fn without_zero_point(&self) -> Self {
        let int8 = Int8 {
            in_zero_point: 0,
            ..self.int8
        };
        Self {
            int8,
            ..self.clone()
        }
    }

    fn outputs(&self) -> usize {
        let w = &self.window;
        w.batches * w.out_h * w.out_w * w.out_c
    }
}

const FLOAT: Float = Float {
    min: -2000.0,
    max: 3000.0,
};

/// Input size, filter size, stride, dilation, leading padding and output size.
fn dimension(n: &mut Sequence) -> (usize, usize, usize, usize, usize, usize) {
    let filter = [1, 2, 3, 3, 4][n.below(5)];
    let (stride, dilation) = (1 + n.below(3), 1 + n.below(2));
    let extent = (filter - 1) * dilation + 1;
    let (before, after) = (n.below(extent), n.below(extent));
    // Miri takes seconds for a plane of nine by nine, and looks for borders alone.
    let most = if cfg!(miri) { 4 } else { 9 };
    let size = (1 + n.below(most)).max(extent.saturating_sub(before + after));
    let out = (size + before + after - extent) / stride + 1;
    (size, filter, stride, dilation, before, out)
}

fn indices(sizes: [usize; 4]) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let [a, b, c, d] = sizes;
    (0..a * b * c * d).map(move |i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d))
}

fn floats(values: impl IntoIterator<Item = impl Into<f64>>) -> Vec<f32> {
    values.into_iter().map(|v| v.into() as f32).collect()
}

type Weight<'a, N> = &'a dyn Fn(usize, usize) -> <N as Numbers>::W;

/// Declares functions that pack weights and run a kernel, of a number format and so many steps of the inner loop.
macro_rules! kernels {
    ($($name:ident: $kernel:ident, $sizes:ident, $pack:ident$(, $dot:ident)?;)*) => {$(
        fn $name<N: Numbers, const STEPS: usize>(
            sizes: $sizes,
            numbers: N,
            x: &[Cell<N::X>],
            weight: Weight<'_, N>,
            constants: N::Constants<'_>,
            y: &[Cell<N::Y>],
        ) {
            let packed = $pack::<N, STEPS>(&sizes, weight);
            $kernel { sizes, numbers, $($dot: Portable::<STEPS>)? }.compute(x, &packed, constants, y);
        }
    )*};
}
kernels! {
    convolution: Conv2d, Conv2dSizes, pack_convolution, dot;
    matrix_product: FullyConnected, FullyConnectedSizes, pack_matrix, dot;
    depthwise: DepthwiseConv2d, DepthwiseConv2dSizes, pack_depthwise;
}

fn pack_convolution<N: Numbers, const STEPS: usize>(
    sizes: &Conv2dSizes,
    weight: Weight<'_, N>,
) -> Vec<N::W> {
    sizes.pack::<N, Portable<STEPS>>(weight)
}

fn pack_matrix<N: Numbers, const STEPS: usize>(
    sizes: &FullyConnectedSizes,
    weight: Weight<'_, N>,
) -> Vec<N::W> {
    sizes.pack::<N, Portable<STEPS>>(weight)
}

fn pack_depthwise<N: Numbers, const STEPS: usize>(
    sizes: &DepthwiseConv2dSizes,
    weight: Weight<'_, N>,
) -> Vec<N::W> {
    sizes.pack::<N>(weight)
}

/// Asserts that a kernel gives a case's outputs in each number format, however far its inner loop is unrolled.
macro_rules! check {
    ($case:expr, $sizes:expr, $kernel:ident) => {{
        let case: Case = $case;
        check!(@ &case, $sizes, $kernel::<_, 1>);
        check!(@ &case, $sizes, $kernel::<_, 4>);
        check!(@ &case, $sizes, $kernel::<_, 8>);
    }};
    (@ $case:expr, $sizes:expr, $run:expr) => {{
        let case = $case;
        let (mut x, mut y) = (case.x.clone(), vec![0i8; case.outputs()]);
        let (folded, weight) = (case.folded(), |c, i| case.weight(c, i));
        let constants = (&folded[..], &case.bias[..], &case.multiplier[..], &case.shift[..]);
        $run($sizes, case.int8, cells(&mut x), &weight, constants, cells(&mut y));
        prop_assert_eq!(y, case.expected());

        let case = case.without_zero_point();
        let (mut x, mut y) = (floats(case.x.iter().copied()), vec![0f32; case.outputs()]);
        let (bias, weight) = (floats(case.bias.iter().copied()), |c, i| f32::from(case.weight(c, i)));
        $run($sizes, FLOAT, cells(&mut x), &weight, (&bias[..],), cells(&mut y));
        prop_assert_eq!(y, case.expected_float());
    }};
}

proptest! {
    #![proptest_config(crate::testing::cases(200))]

    #[test]
    fn convolutions(seed: u64, groups in 1usize..4, group_in in 1..MOST, group_out in 1..MOST) {
        let n = &mut Sequence::new(seed);
        let groups = if n.below(2) == 0 { 1 } else { groups };
        let case = Case::new(n, groups, group_in, group_out);
        let sizes = Conv2dSizes { window: case.window, groups, group_in, group_out };
        check!(case, sizes, convolution);
    }

    #[test]
    fn depthwise_convolutions(seed: u64, channels in 1..MOST + 3, multiplier in 1..MOST - 1) {
        let n = &mut Sequence::new(seed);
        let multiplier = if n.below(2) == 0 { 1 } else { multiplier };
        let case = Case::new(n, channels, 1, multiplier);
        let sizes = DepthwiseConv2dSizes { window: case.window, multiplier };
        check!(case.clone(), sizes, depthwise);
        if let Some([distance, step]) = sizes.distance(1) {
            let (folded, weight) = (case.folded(), |c, i| case.weight(c, i));
            let constants = (&folded[..], &case.bias[..], &case.multiplier[..], &case.shift[..]);
            let distance = distance + n.below(3) * step;
            let found = overlapping(&case.x, case.outputs(), distance, 77, |x, y| {
                depthwise::<_, 1>(sizes, case.int8, x, &weight, constants, y);
            });
            prop_assert_eq!(found, case.expected());
        }
    }

    #[test]
    fn matrix_products(seed: u64, rows in 1usize..6, inputs in 1..8 * MOST, outputs in 1..MOST + 4) {
        let n = &mut Sequence::new(seed);
        // Sums of many rows of inputs cross the length of any chunk the inner loop works in.
        let inputs = if n.below(8) == 0 { inputs * 11 } else { inputs };
        let window = Window {
            batches: 1, in_h: 1, in_w: rows, in_c: inputs, out_h: 1, out_w: rows, out_c: outputs,
            filter_h: 1, filter_w: 1, stride_h: 1, stride_w: 1, dilation_h: 1, dilation_w: 1,
            ..Window::default()
        };
        let case = Case::with_window(n, window, 1);
        check!(case, FullyConnectedSizes { rows, inputs, outputs }, matrix_product);
    }
}
