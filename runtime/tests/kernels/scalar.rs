//! The micro-kernel for processors without vector instructions, whose twin runs here, against the portable one: every output is the same.

use std::cell::Cell;

use castiron_runtime::kernels::*;
use proptest::prelude::*;

use super::vfp::window;
use crate::testing::{Numbers as Sequence, cases, cells};

/// What channels are fewer than.
const MOST: usize = if cfg!(miri) { 6 } else { 20 };

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

/// Constants of both formats, and an operator's weights and inputs.
struct Operands {
    x: Vec<i8>,
    weights: Vec<i8>,
    int8: Int8,
    short: Int8Short,
    /// Folded, plain, and multipliers or factors.
    words: [Vec<i32>; 3],
    /// Addends with what is subtracted, of each channel or once.
    offsets: Vec<i32>,
    shifts: Vec<i8>,
}

impl Operands {
    fn new(n: &mut Sequence, inputs: usize, weights: usize, channels: usize) -> Self {
        let zero_points = [i32::from(n.next() as i8), -128, 127];
        let in_zero_point = zero_points[n.below(3)];
        let (min, max) = [(-128, 127), (-20, 90)][n.below(2)];
        let per_channel = weights / channels;
        let weights = bytes(n, weights);
        // At their bounds, sums wrap in the same way.
        let large = n.below(4) == 0;
        let plain: Vec<i32> = (0..channels)
            .map(|_| n.next() as i32 >> if large { 0 } else { 14 })
            .collect();
        let sums = weights.chunks(per_channel.max(1));
        let sums = sums.map(|w| w.iter().map(|w| i32::from(*w)).sum::<i32>());
        let folded = plain.iter().zip(sums);
        let folded = folded.map(|(b, sum)| b.wrapping_sub(in_zero_point * sum));
        let folded = folded.collect();
        let lists = [1, channels];
        let len = lists[n.below(2)];
        let multipliers: Vec<i32> = (0..len).map(|_| (n.next() >> 1) as i32).collect();
        let len = lists[n.below(2)];
        let offsets = (0..len).flat_map(|_| [18, 26].map(|by| (n.next() >> by) as i32));
        let offsets = offsets.collect();
        let shift = 8 + n.below(6) as u32;
        let shifts = vec![-9; multipliers.len()];
        let words = [folded, plain, multipliers];
        Self {
            x: bytes(n, inputs),
            weights,
            int8: Int8 {
                in_zero_point,
                out_zero_point: i32::from(n.next() as i8),
                min,
                max,
                small: false,
            },
            short: Int8Short {
                in_zero_point,
                shift,
                min,
                max,
            },
            words,
            offsets,
            shifts,
        }
    }

    fn int8(&self) -> (&[i32], &[i32], &[i32], &[i8]) {
        let [folded, plain, multiplier] = &self.words;
        (folded, plain, multiplier, &self.shifts)
    }

    fn short(&self) -> (&[i32], &[i32], &[i32], &[i32]) {
        let [folded, plain, factor] = &self.words;
        (folded, plain, factor, &self.offsets)
    }

    fn conv<N, D>(
        &self,
        sizes: Conv2dSizes,
        numbers: N,
        dot: D,
        constants: D::Operands<'_>,
    ) -> Vec<i8>
    where
        N: Numbers<X = i8, W = i8, Y = i8>,
        D: Dot<N, Packed = i8>,
    {
        let inputs = sizes.inputs();
        let packed = sizes.pack::<N, D>(&|channel, i| self.weights[channel * inputs + i]);
        let w = &sizes.window;
        let kernel = Conv2d {
            sizes,
            numbers,
            dot,
        };
        outputs(w.batches * w.out_h * w.out_w * w.out_c, |y| {
            kernel.compute(cells(&mut self.x.clone()), &packed, constants, y);
        })
    }

    fn matrix<N, D>(
        &self,
        sizes: FullyConnectedSizes,
        numbers: N,
        dot: D,
        constants: D::Operands<'_>,
    ) -> Vec<i8>
    where
        N: Numbers<X = i8, W = i8, Y = i8>,
        D: Dot<N, Packed = i8>,
    {
        let packed = sizes.pack::<N, D>(&|output, i| self.weights[output * sizes.inputs + i]);
        let kernel = FullyConnected {
            sizes,
            numbers,
            dot,
        };
        outputs(sizes.rows * sizes.outputs, |y| {
            kernel.compute(cells(&mut self.x.clone()), &packed, constants, y);
        })
    }
}

/// The outputs of a kernel, which begin as something that it seldom computes.
fn outputs(len: usize, run: impl FnOnce(&[Cell<i8>])) -> Vec<i8> {
    let mut y = vec![99; len];
    run(cells(&mut y));
    y
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn convolutions_are_those_of_the_portable_kernel(seed: u64) {
        let n = &mut Sequence::new(seed);
        let groups = 1 + n.below(2);
        let [group_in, group_out] = [1 + n.below(MOST), 1 + n.below(MOST)];
        let dilations = [[1, 1], [1, 2], [2, 1]][n.below(3)];
        let window = window(n, dilations, groups * group_in, groups * group_out);
        let sizes = Conv2dSizes { window, groups, group_in, group_out };
        let w = &sizes.window;
        let o = Operands::new(n, w.batches * w.in_image(), w.out_c * sizes.inputs(), w.out_c);
        prop_assert_eq!(
            o.conv(sizes, o.int8, Scalar::<4>, o.int8()),
            o.conv(sizes, o.int8, Portable::<1>, o.int8())
        );
        prop_assert_eq!(
            o.conv(sizes, o.short, Scalar::<4>, o.short()),
            o.conv(sizes, o.short, Portable::<1>, o.short())
        );
    }

    #[test]
    fn matrix_products_are_those_of_the_portable_kernel(seed: u64) {
        let n = &mut Sequence::new(seed);
        let sizes = FullyConnectedSizes {
            rows: 1 + n.below(10),
            inputs: 1 + n.below(2 * MOST),
            outputs: 1 + n.below(2 * MOST),
        };
        let FullyConnectedSizes { rows, inputs, outputs } = sizes;
        let o = Operands::new(n, rows * inputs, inputs * outputs, outputs);
        let portable = o.matrix(sizes, o.int8, Portable::<1>, o.int8());
        prop_assert_eq!(&o.matrix(sizes, o.int8, Scalar::<4>, o.int8()), &portable);
        prop_assert_eq!(&o.matrix(sizes, o.int8, Scalar::<8>, o.int8()), &portable);
        let portable = o.matrix(sizes, o.short, Portable::<1>, o.short());
        prop_assert_eq!(&o.matrix(sizes, o.short, Scalar::<4>, o.short()), &portable);
        prop_assert_eq!(&o.matrix(sizes, o.short, Scalar::<8>, o.short()), &portable);
    }

    /// Against its definition, with sums at the bounds of what they may be.
    #[test]
    fn one_multiplication_requantises(seed: u64) {
        let n = &mut Sequence::new(seed);
        let sum = [(1 << 23) - 1, -(1 << 23), n.next() as i32 >> 8, 0][n.below(4)];
        let o = Operands::new(n, 4, 4, 4);
        let constants = (&[sum][..], &[][..], &o.words[2][..], &o.offsets[..]);
        let channels = o.short.channels::<4, false>(&constants, 0);
        let found = outputs(3, |y| {
            o.short.finish(&channels, &Int8Short::inside(&channels), y);
        });
        for (channel, found) in found.into_iter().enumerate() {
            let entry = |list: &[i32], width: usize, i: usize| {
                let first = if list.len() == width { 0 } else { width * channel };
                i64::from(list[first + i])
            };
            let factor = entry(&o.words[2], 1, 0);
            let [addend, away] = [0, 1].map(|i| entry(&o.offsets, 2, i));
            let scaled = (256 * i64::from(sum) * factor).div_euclid(1 << 32) + addend;
            let scaled = scaled - if sum < 0 { away } else { 0 };
            let y = (scaled >> o.short.shift).clamp(o.short.min.into(), o.short.max.into());
            prop_assert_eq!(i64::from(found), y);
        }
    }
}
