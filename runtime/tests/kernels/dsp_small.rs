//! The kernel with the least code, whose twin runs here, against sums as they are defined.

use core::cell::Cell;

use castiron_runtime::fixed::requantize;
use castiron_runtime::kernels::{DspSmall, DspSmallClamped, DspSmallRow, GROUP, LANES, Window};
use proptest::prelude::*;

use crate::testing::{Numbers, cases, overlapping};

/// A channel's multiplier, shift to the right and start.
type Channel = (i32, i32, i32);

struct Layer {
    w: Window,
    depthwise: bool,
    channels: Vec<Channel>,
    /// By channel, row and column of a window, and input.
    weights: Vec<i8>,
    zero_points: [i8; 2],
    range: [i8; 2],
}

impl Layer {
    /// Inputs of a window's row that a channel reads.
    fn taps(&self) -> usize {
        self.w.filter_w * if self.depthwise { 1 } else { self.w.in_c }
    }

    fn weight(&self, channel: usize, row: usize, tap: usize) -> i8 {
        let rows = self.w.filter_h * self.taps();
        self.weights[channel * rows + row * self.taps() + tap]
    }

    /// As the generator packs them.
    fn packed(&self) -> Vec<u32> {
        let word = |of: &dyn Fn(usize) -> i8| {
            let bytes: [u8; 4] = std::array::from_fn(|i| of(i) as u8);
            u32::from_le_bytes(bytes)
        };
        let (taps, mut words) = (self.taps(), Vec::new());
        for first in (0..self.channels.len()).step_by(LANES) {
            let of = |i: usize| self.channels.get(first + i).copied().unwrap_or_default();
            let weight = |channel: usize, row: usize, tap: usize| match tap < taps {
                true if channel < self.channels.len() => self.weight(channel, row, tap),
                _ => 0,
            };
            words.extend((0..LANES).map(|i| of(i).2 as u32));
            for row in 0..self.w.filter_h {
                if self.depthwise {
                    words.extend((0..taps).map(|tap| word(&|i| weight(first + i, row, tap))));
                    continue;
                }
                for group in (0..taps).step_by(GROUP) {
                    let lane = |i: usize| word(&|at| weight(first + i, row, group + at));
                    words.extend((0..LANES).map(lane));
                }
            }
            words.extend((0..LANES).map(|i| (of(i).0 as u32) << 1));
            words.push(word(&|i| (of(i).1 - 1) as i8));
        }
        words
    }

    fn expected(&self, x: &[i8]) -> Vec<i8> {
        let w = &self.w;
        let at = |at: isize, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
        let output = |i: usize| {
            let (pixel, channel) = (i / w.out_c, i % w.out_c);
            let (out_y, out_x) = (pixel / w.out_w, pixel % w.out_w);
            let (multiplier, right, mut sum) = self.channels[channel];
            for row in 0..w.filter_h {
                for tap in 0..self.taps() {
                    let (column, c) = match self.depthwise {
                        true => (tap, channel),
                        false => (tap / w.in_c, tap % w.in_c),
                    };
                    let y = at((out_y * w.stride_h + row) as isize - w.pad_top, w.in_h);
                    let x_at = at((out_x * w.stride_w + column) as isize - w.pad_left, w.in_w);
                    let value = match (y, x_at) {
                        (Some(y), Some(x_at)) => x[(y * w.in_w + x_at) * w.in_c + c],
                        _ => self.zero_points[0],
                    };
                    sum += i32::from(value) * i32::from(self.weight(channel, row, tap));
                }
            }
            let scaled = requantize(sum, multiplier, -right) + i32::from(self.zero_points[1]);
            let [min, max] = self.range.map(i32::from);
            scaled.clamp(min, max) as i8
        };
        (0..w.out_h * w.out_w * w.out_c).map(output).collect()
    }
}

/// A size, the padding before and the size of what windows make of it.
fn dimension(n: &mut Numbers, filter: usize, stride: usize) -> (usize, isize, usize) {
    let size = filter + n.below(6);
    let (before, after) = (n.below(filter), n.below(filter));
    let windows = (size + before + after - filter) / stride + 1;
    (size, before as isize, windows)
}

fn layer(seed: u64, depthwise: bool) -> (Layer, Vec<i8>) {
    let n = &mut Numbers::new(seed);
    let [filter_h, filter_w] = [(); 2].map(|()| 1 + n.below(4));
    let [stride_h, stride_w] = [(); 2].map(|()| 1 + n.below(3));
    let (in_h, pad_top, out_h) = dimension(n, filter_h, stride_h);
    let (in_w, pad_left, out_w) = dimension(n, filter_w, stride_w);
    let in_c = if depthwise {
        LANES * (1 + n.below(3))
    } else {
        1 + n.below(9)
    };
    let out_c = if depthwise { in_c } else { 1 + n.below(11) };
    let w = Window {
        batches: 1,
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
        dilation_h: 1,
        dilation_w: 1,
        pad_top,
        pad_left,
    };
    let channel = |n: &mut Numbers| {
        let multiplier = (1 << 30) + n.below(1 << 30) as i32;
        // The last are what fits beside a scaled sum.
        (
            multiplier,
            1 + n.below(22) as i32,
            n.below(1 << 16) as i32 - (1 << 15),
        )
    };
    let channels = (0..out_c).map(|_| channel(n)).collect();
    let taps = filter_w * if depthwise { 1 } else { in_c };
    let mut weights = n.bytes(out_c * filter_h * taps);
    weights[0] = -128;
    let ends = [-128, -7, 127];
    let layer = Layer {
        w,
        depthwise,
        channels,
        weights,
        zero_points: [ends[n.below(3)], ends[n.below(3)]],
        range: [[-128, 127], [-20, 100]][n.below(2)],
    };
    (layer, n.bytes(in_h * in_w * in_c))
}

fn scratch(len: usize) -> Vec<Cell<i8>> {
    vec![Cell::new(77); len]
}

/// The outputs of a layer are as they are defined, also over the input.
fn check(layer: &Layer, x: &[i8], more: usize) {
    let w = &layer.w;
    let [in_zero_point, out_zero_point] = layer.zero_points;
    let small = DspSmall {
        in_zero_point,
        out_zero_point,
        ..DspSmall::of(w, layer.depthwise).expect("it fits")
    };
    let [min, max] = layer.range;
    let kernel = DspSmallClamped { small, min, max };
    let weights = layer.packed();
    let run = |x: &[Cell<i8>], y: &[Cell<i8>]| {
        kernel.run(x, &weights, &scratch(small.kept()), y);
    };
    let expected = layer.expected(x);
    let [distance, step] = DspSmall::distance(w, layer.depthwise);
    let apart = overlapping(x, expected.len(), expected.len(), 0, run);
    assert_eq!(apart, expected, "{w:?}");
    let over = overlapping(x, expected.len(), distance + more * step, 77, run);
    assert_eq!(over, expected, "{w:?}, over the input");
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn windows_of_all_channels(seed: u64, more in 0usize..3) {
        let (layer, x) = layer(seed, false);
        check(&layer, &x, more);
    }

    #[test]
    fn windows_of_each_channel(seed: u64, more in 0usize..3) {
        let (layer, x) = layer(seed, true);
        check(&layer, &x, more);
    }

    /// A single window of all inputs is read where it is.
    #[test]
    fn rows_are_read_where_they_are(seed: u64, groups in 1usize..20) {
        let (mut layer, _) = layer(seed, false);
        let n = &mut Numbers::new(seed);
        let inputs = GROUP * groups;
        let one = Window {
            batches: 1, in_h: 1, in_w: 1, in_c: inputs, out_h: 1, out_w: 1, out_c: layer.w.out_c,
            filter_h: 1, filter_w: 1, stride_h: 1, stride_w: 1, dilation_h: 1, dilation_w: 1,
            pad_top: 0, pad_left: 0,
        };
        layer.w = one;
        layer.weights = n.bytes(one.out_c * inputs);
        let x: Vec<Cell<i8>> = n.bytes(inputs).into_iter().map(Cell::new).collect();
        let y = scratch(one.out_c);
        layer.range = [-128, 127];
        let kernel = DspSmallRow { out_zero_point: layer.zero_points[1] };
        kernel.run(&x, &layer.packed(), &y);
        let x: Vec<i8> = x.iter().map(Cell::get).collect();
        let y: Vec<i8> = y.iter().map(Cell::get).collect();
        prop_assert_eq!(y, layer.expected(&x));
    }
}
