//! The micro-kernel for processors without vector instructions, over the loops of [`scalar`](crate::arch::scalar): int8, whose sums are those of
//! [`Portable`](super::Portable) to the bit.

use core::cell::Cell;
use core::fmt;
#[cfg(feature = "host")]
use core::ops::Range;

use super::{Block, Conv2d, Dot, FullyConnected, Int8, Int8Short, Numbers, Rows, Windows, part};
use crate::arch::scalar::{FOUR, Taps};

/// Blocks of 4 or 8 `CHANNELS`, packed as [`Portable`](super::Portable) does it. Windows of four channels are computed four at a time, those of eight
/// one at a time.
#[derive(Clone, Copy, PartialEq)]
pub struct Scalar<const CHANNELS: usize>;

impl<const CHANNELS: usize> fmt::Debug for Scalar<CHANNELS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scalar<{CHANNELS}>")
    }
}

#[cfg(feature = "host")]
impl<const CHANNELS: usize> crate::host::Expression for Scalar<CHANNELS> {
    fn expression(&self) -> proc_macro2::TokenStream {
        crate::host::kind("Scalar", &[])
    }
}

impl<N, const CHANNELS: usize> Dot<N> for Scalar<CHANNELS>
where
    N: Numbers<X = i8, W = i8, Acc = i32, Zero = i32>,
{
    const CHANNELS: usize = CHANNELS;
    type Packed = i8;
    type Operands<'a> = N::Constants<'a>;
    type Channels = N::Channels<CHANNELS>;

    #[cfg(feature = "host")]
    fn kind(&self) -> proc_macro2::TokenStream {
        let channels = proc_macro2::Literal::usize_unsuffixed(CHANNELS);
        crate::host::kind("Scalar", &[quote::quote!(#channels)])
    }

    #[cfg(feature = "host")]
    fn pack(
        channels: Range<usize>,
        inputs: usize,
        weight: &dyn Fn(usize, usize) -> i8,
        packed: &mut alloc::vec::Vec<i8>,
    ) {
        super::dot::interleave::<N>(channels, CHANNELS, inputs, weight, packed);
    }

    #[inline(always)]
    fn packed_len(inputs: usize) -> usize {
        inputs * CHANNELS
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
        x: &[Cell<i8>],
        y: &[Cell<N::Y>],
    ) {
        let taps = Taps {
            runs: 1,
            len: rows.inputs,
            x_run: 0,
            w_run: 0,
        };
        let all = All {
            numbers,
            block,
            x,
            y,
            taps,
            times: 1,
            row_x: 0,
            row_w: 0,
            start: N::inside(block.channels),
        };
        let places = (0..rows.count).map(|row| (row * rows.inputs, row * rows.outputs));
        all.outputs(places);
    }

    #[inline(always)]
    fn windows(
        numbers: &N,
        block: Block<'_, i8, N::Channels<CHANNELS>>,
        windows: &Windows,
        x: &[Cell<i8>],
        y: &[Cell<N::Y>],
    ) {
        let Windows { across, down, .. } = *windows;
        let taps = Taps {
            runs: windows.runs.count,
            len: windows.runs.len,
            x_run: windows.runs.x_step,
            w_run: windows.runs.w_step,
        };
        let weights = block
            .weights
            .get(windows.runs.w * CHANNELS..)
            .unwrap_or(&[]);
        let start = match windows.inside {
            true => N::inside(block.channels),
            false => border::<N, CHANNELS>(numbers, block.channels, windows, weights),
        };
        let all = All {
            numbers,
            block: Block { weights, ..block },
            x,
            y,
            taps,
            times: windows.times,
            row_x: windows.row_x,
            row_w: windows.row_w,
            start,
        };
        let (mut line, mut column) = (0, 0);
        let places = (0..across.count * down.count).map(|_| {
            let x = windows.runs.x + line * down.x_step + column * across.x_step;
            let y = line * down.y_step + column * across.y_step;
            column += 1;
            if column == across.count {
                (line, column) = (line + 1, 0);
            }
            (x, y)
        });
        all.outputs(places);
    }
}

/// Sums of windows across the border before their first product, which are products with inputs as they are: the zero point times all
/// weights that there are is subtracted here.
#[inline(never)]
fn border<N, const CHANNELS: usize>(
    numbers: &N,
    channels: &N::Channels<CHANNELS>,
    windows: &Windows,
    weights: &[i8],
) -> [i32; CHANNELS]
where
    N: Numbers<X = i8, W = i8, Acc = i32, Zero = i32>,
{
    let (weights, _) = weights.as_chunks::<CHANNELS>();
    let mut sums = [0i32; CHANNELS];
    let mut row = 0;
    for _ in 0..windows.times {
        let mut tap = row;
        for _ in 0..windows.runs.count {
            for weights in part(weights, tap, windows.runs.len) {
                for (sum, w) in sums.iter_mut().zip(weights) {
                    *sum = sum.wrapping_add(i32::from(*w));
                }
            }
            tap += windows.runs.w_step;
        }
        row += windows.row_w;
    }
    let mut start = N::border(channels);
    for (start, sum) in start.iter_mut().zip(sums) {
        *start = start.wrapping_sub(numbers.zero().wrapping_mul(sum));
    }
    start
}

/// Windows with the same taps, wherever they are.
struct All<'a, N: Numbers, const CHANNELS: usize> {
    numbers: &'a N,
    /// With the weights of the first tap first.
    block: Block<'a, i8, N::Channels<CHANNELS>>,
    x: &'a [Cell<i8>],
    y: &'a [Cell<N::Y>],
    taps: Taps,
    /// How often there are such taps, and how far they are from each other in the input and in a channel's weights.
    times: usize,
    row_x: usize,
    row_w: usize,
    /// Sums before the first product.
    start: [i32; CHANNELS],
}

impl<N, const CHANNELS: usize> All<'_, N, CHANNELS>
where
    N: Numbers<X = i8, W = i8, Acc = i32, Zero = i32>,
{
    /// Outputs of windows that begin at these places, of the input and of the output.
    #[inline(always)]
    fn outputs(&self, mut places: impl Iterator<Item = (usize, usize)>) {
        while let Some(first) = places.next() {
            if CHANNELS != FOUR {
                self.one(first);
                continue;
            }
            let [second, third, fourth] = [places.next(), places.next(), places.next()];
            match (second, third, fourth) {
                (Some(second), Some(third), Some(fourth)) => {
                    self.four([first, second, third, fourth]);
                }
                _ => {
                    self.one(first);
                    second
                        .into_iter()
                        .chain(third)
                        .for_each(|place| self.one(place));
                }
            }
        }
    }

    #[inline(never)]
    fn four(&self, places: [(usize, usize); FOUR]) {
        let mut start = [0; FOUR];
        start
            .iter_mut()
            .zip(self.start)
            .for_each(|(to, from)| *to = from);
        let mut sums = [start; FOUR];
        let mut at = places.map(|(x, _)| x);
        let mut tap = 0;
        for _ in 0..self.times {
            let weights = self.block.weights.get(tap * CHANNELS..).unwrap_or(&[]);
            self.taps.four(self.x, at, weights, &mut sums);
            at.iter_mut().for_each(|at| *at += self.row_x);
            tap += self.row_w;
        }
        for (sums, (_, y)) in sums.iter().zip(places) {
            if let Some(sums) = sums.first_chunk() {
                let y = part(self.y, y, self.block.stored);
                self.numbers.finish(self.block.channels, sums, y);
            }
        }
    }

    #[inline(never)]
    fn one(&self, (mut at, y): (usize, usize)) {
        let mut sums = self.start;
        let mut tap = 0;
        for _ in 0..self.times {
            let weights = self.block.weights.get(tap * CHANNELS..).unwrap_or(&[]);
            self.taps.one(self.x, at, weights, &mut sums);
            at += self.row_x;
            tap += self.row_w;
        }
        let y = part(self.y, y, self.block.stored);
        self.numbers.finish(self.block.channels, &sums, y);
    }
}

/// Compiled in the firmware's crate, where a model needs it: other processors have none of these instructions.
macro_rules! run {
    ($($kernel:ident),*) => {$(
        impl<const CHANNELS: usize> $kernel<Int8, Scalar<CHANNELS>> {
            /// Computes the whole output from an input, packed weights and the format's constants.
            #[inline(never)]
            pub fn run(
                &self,
                x: &[Cell<i8>],
                weights: &[i8],
                folded: &[i32],
                bias: &[i32],
                multiplier: &[i32],
                shift: &[i8],
                y: &[Cell<i8>],
            ) {
                self.compute(x, weights, (folded, bias, multiplier, shift), y);
            }
        }

        impl<const CHANNELS: usize> $kernel<Int8Short, Scalar<CHANNELS>> {
            /// Computes the whole output from an input, packed weights and the format's constants.
            #[inline(never)]
            pub fn run(
                &self,
                x: &[Cell<i8>],
                weights: &[i8],
                folded: &[i32],
                bias: &[i32],
                factor: &[i32],
                offsets: &[i32],
                y: &[Cell<i8>],
            ) {
                self.compute(x, weights, (folded, bias, factor, offsets), y);
            }
        }
    )*};
}
run!(Conv2d, FullyConnected);
