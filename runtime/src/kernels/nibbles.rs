//! A micro-kernel for weights of four bits, of which a byte of flash holds two. Sums are those of [`Portable`](super::Portable), to
//! the bit.

use core::cell::Cell;
#[cfg(any(feature = "host", test))]
use core::ops::Range;

use super::dot::CHANNELS;
use super::{Block, Dot, Numbers, Rows, Windows, parameters, part, split};

parameters! {
    /// Blocks of four output channels, the channel innermost: the first of two channels in the lower half of a byte.
    pub struct Nibbles;
}

/// The weights of a block that meet one input.
type Packed = [i8; CHANNELS / 2];

impl<N: Numbers<W = i8>> Dot<N> for Nibbles {
    const CHANNELS: usize = CHANNELS;
    type Packed = i8;
    type Operands<'a> = N::Constants<'a>;
    type Channels = N::Channels<CHANNELS>;

    #[cfg(feature = "host")]
    fn kind(&self) -> proc_macro2::TokenStream {
        <Self as crate::host::Named>::kind()
    }

    #[cfg(any(test, feature = "host"))]
    fn pack(
        channels: Range<usize>,
        inputs: usize,
        weight: &dyn Fn(usize, usize) -> i8,
        packed: &mut alloc::vec::Vec<i8>,
    ) {
        let mut bytes = alloc::vec::Vec::new();
        super::dot::interleave::<N>(channels, CHANNELS, inputs, weight, &mut bytes);
        let (pairs, _) = bytes.as_chunks::<2>();
        packed.extend(pairs.iter().map(|[low, high]| low & 0xf | high << 4));
    }

    #[inline(always)]
    fn packed_len(inputs: usize) -> usize {
        inputs * (CHANNELS / 2)
    }

    #[inline(always)]
    fn channels<const BORDER: bool>(
        numbers: &N,
        constants: &N::Constants<'_>,
        channel: usize,
    ) -> N::Channels<CHANNELS> {
        numbers.channels::<CHANNELS, BORDER>(constants, channel)
    }

    #[inline(always)]
    fn rows(
        numbers: &N,
        block: Block<'_, i8, N::Channels<CHANNELS>>,
        rows: Rows,
        mut x: &[Cell<N::X>],
        mut y: &[Cell<N::Y>],
    ) {
        let (weights, _) = block.weights.as_chunks();
        for _ in 0..rows.count {
            let (row, rest) = split(x, rows.inputs);
            x = rest;
            let mut acc = N::inside(block.channels);
            run::<N, false>(row, weights, numbers.zero(), &mut acc);
            numbers.finish(block.channels, &acc, part(y, 0, block.stored));
            y = y.get(rows.outputs..).unwrap_or(&[]);
        }
    }

    #[inline(always)]
    fn windows(
        numbers: &N,
        block: Block<'_, i8, N::Channels<CHANNELS>>,
        windows: &Windows,
        x: &[Cell<N::X>],
        mut y: &[Cell<N::Y>],
    ) {
        let (weights, _) = block.weights.as_chunks();
        let Windows { across, down, .. } = *windows;
        let mut line = windows.runs.x;
        for _ in 0..down.count {
            let (mut start, mut outputs) = (line, y);
            for _ in 0..across.count {
                let acc = match windows.inside {
                    true => {
                        let acc = N::inside(block.channels);
                        window::<N, false>(numbers, windows, start, x, weights, acc)
                    }
                    false => {
                        let acc = N::border(block.channels);
                        window::<N, true>(numbers, windows, start, x, weights, acc)
                    }
                };
                numbers.finish(block.channels, &acc, part(outputs, 0, block.stored));
                outputs = outputs.get(across.y_step..).unwrap_or(&[]);
                start += across.x_step;
            }
            y = y.get(down.y_step..).unwrap_or(&[]);
            line += down.x_step;
        }
    }
}

/// Adds the sum over a window that begins at `start` in the input.
#[inline(never)]
fn window<N: Numbers<W = i8>, const BORDER: bool>(
    numbers: &N,
    windows: &Windows,
    start: usize,
    x: &[Cell<N::X>],
    weights: &[Packed],
    mut acc: [N::Acc; CHANNELS],
) -> [N::Acc; CHANNELS] {
    let runs = &windows.runs;
    let (mut row_x, mut row_w) = (start, runs.w);
    for _ in 0..windows.times {
        let (mut from, mut tap) = (row_x, row_w);
        for _ in 0..runs.count {
            let (x, weights) = (part(x, from, runs.len), part(weights, tap, runs.len));
            run::<N, BORDER>(x, weights, numbers.zero(), &mut acc);
            from += runs.x_step;
            tap += runs.w_step;
        }
        row_x += windows.row_x;
        row_w += windows.row_w;
    }
    acc
}

/// Adds `Σ x·w` to a block's accumulators.
#[inline(never)]
fn run<N: Numbers<W = i8>, const BORDER: bool>(
    x: &[Cell<N::X>],
    weights: &[Packed],
    zero: N::Zero,
    acc: &mut [N::Acc; CHANNELS],
) {
    let mut sums = *acc;
    for (x, [first, second]) in x.iter().zip(weights) {
        let x = x.get();
        // Shifts to the right keep the sign.
        let weights = [first << 4 >> 4, first >> 4, second << 4 >> 4, second >> 4];
        for (sum, w) in sums.iter_mut().zip(weights) {
            *sum = match BORDER {
                true => N::mac_zero(*sum, x, w, zero),
                false => N::mac(*sum, x, w),
            };
        }
    }
    *acc = sums;
}
