//! Micro-kernels: the inner loops of matrix products and convolutions, which own how their weights are packed.
//!
//! A kernel walks blocks of output channels and hands the micro-kernel all pixels that lie in one line, so that an
//! implementation may take several of them at once, and may pack weights and keep sums as its processor likes.

use core::cell::Cell;
use core::fmt;
#[cfg(any(feature = "host", test))]
use core::ops::Range;

use super::{Numbers, Operands, Parameter, part, split};
use crate::arch::memory::Element;

/// A micro-kernel for a number format.
pub trait Dot<N: Numbers>: Parameter + Copy + 'static {
    /// Output channels of a block.
    const CHANNELS: usize;
    /// Whether constants are folded with it.
    #[cfg(feature = "host")]
    const FOLDS: bool = false;
    /// An element of packed weights.
    type Packed: Element;
    /// What the kernel takes between the weights and the output: the format's constants, and what else the
    /// micro-kernel needs, as memory to unpack inputs to.
    type Operands<'a>: Operands<'a> + Copy;
    /// What is kept of a block's channels for all pixels.
    type Channels;

    /// Its type, as firmware names it.
    #[cfg(feature = "host")]
    fn kind(&self) -> proc_macro2::TokenStream;

    /// Packs the weights of a block of at most [`CHANNELS`](Self::CHANNELS) output channels, `inputs` of each;
    /// `weight(channel, i)` gives them.
    #[cfg(feature = "host")]
    fn pack(
        channels: Range<usize>,
        inputs: usize,
        weight: &dyn Fn(usize, usize) -> N::W,
        packed: &mut alloc::vec::Vec<Self::Packed>,
    );

    /// How many elements the packed weights of a block take.
    fn packed_len(inputs: usize) -> usize;

    /// What is kept of the block of output channels that begins with one; `BORDER` if windows may cross the border.
    fn channels<const BORDER: bool>(
        numbers: &N,
        operands: &Self::Operands<'_>,
        channel: usize,
    ) -> Self::Channels;

    /// A block's outputs of all rows of inputs.
    fn rows(
        numbers: &N,
        block: Block<'_, Self::Packed, Self::Channels>,
        rows: Rows,
        x: &[Cell<N::X>],
        y: &[Cell<N::Y>],
    );

    /// A block's outputs of windows that have the same taps.
    fn windows(
        numbers: &N,
        block: Block<'_, Self::Packed, Self::Channels>,
        windows: &Windows,
        x: &[Cell<N::X>],
        y: &[Cell<N::Y>],
    );
}

/// A block of output channels.
#[derive(Debug)]
pub struct Block<'a, P, C> {
    /// Its packed weights.
    pub weights: &'a [P],
    /// What the micro-kernel keeps of its channels.
    pub channels: &'a C,
    /// How many channels have an output.
    pub stored: usize,
}

impl<P, C> Copy for Block<'_, P, C> {}

impl<P, C> Clone for Block<'_, P, C> {
    fn clone(&self) -> Self {
        *self
    }
}

/// Rows of inputs of a matrix product.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// How many.
    pub count: usize,
    /// Inputs of a row, which lie behind those of the row before.
    pub inputs: usize,
    /// Elements from a row's output to the next one's.
    pub outputs: usize,
}

/// How often something lies behind itself.
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    /// How often.
    pub count: usize,
    /// Elements from an input to the next one's.
    pub x_step: usize,
    /// Elements from an output to the next one's.
    pub y_step: usize,
}

/// Windows with the same taps, in lines.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// Those that lie side by side.
    pub across: Repeat,
    /// Lines, one below the other.
    pub down: Repeat,
    /// Whether they have all their taps.
    pub inside: bool,
    /// Where the first window has its taps.
    pub runs: Runs,
    /// How often there are such runs, a filter row further each time.
    pub times: usize,
    /// How far a filter row is from the next one in the input.
    pub row_x: usize,
    /// How far it is in a channel's weights.
    pub row_w: usize,
}

/// Runs of input values and the weights that they meet: `count` runs of `len` elements.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// How many.
    pub count: usize,
    /// Elements of a run.
    pub len: usize,
    /// Where the first run begins in the input.
    pub x: usize,
    /// How far from one run to the next it is.
    pub x_step: usize,
    /// Where the first run begins in a channel's weights.
    pub w: usize,
    /// How far from one run to the next it is.
    pub w_step: usize,
}

/// Plain Rust, for every format and processor: blocks of four output channels, the channel innermost, the last block
/// filled up with zeros. The inner loop reads weights front to back and uses each input for a whole block.
///
/// `STEPS` of the inner loop are done between two tests for its end.
#[derive(Clone, Copy, PartialEq)]
pub struct Portable<const STEPS: usize>;

impl<const STEPS: usize> fmt::Debug for Portable<STEPS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Portable<{STEPS}>")
    }
}

/// Output channels of a block of packed weights, of kernels in plain Rust.
pub(super) const CHANNELS: usize = 4;

#[cfg(feature = "host")]
impl<const STEPS: usize> crate::host::Expression for Portable<STEPS> {
    fn expression(&self) -> proc_macro2::TokenStream {
        crate::host::kind("Portable", &[])
    }
}

impl<N: Numbers, const STEPS: usize> Dot<N> for Portable<STEPS> {
    const CHANNELS: usize = CHANNELS;
    #[cfg(feature = "host")]
    const FOLDS: bool = true;
    type Packed = N::W;
    type Operands<'a> = N::Constants<'a>;
    type Channels = N::Channels<CHANNELS>;

    #[cfg(feature = "host")]
    fn kind(&self) -> proc_macro2::TokenStream {
        super::any_steps::kind(STEPS)
    }

    #[cfg(feature = "host")]
    fn pack(
        channels: Range<usize>,
        inputs: usize,
        weight: &dyn Fn(usize, usize) -> N::W,
        packed: &mut alloc::vec::Vec<N::W>,
    ) {
        interleave::<N>(channels, CHANNELS, inputs, weight, packed);
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
        block: Block<'_, N::W, N::Channels<CHANNELS>>,
        rows: Rows,
        mut x: &[Cell<N::X>],
        mut y: &[Cell<N::Y>],
    ) {
        let Block {
            weights,
            channels,
            stored,
        } = block;
        let (weights, _) = weights.as_chunks();
        // Two rows at once share the weights' loads, where registers allow.
        for _ in 0..rows.count / 2 {
            let (first, rest) = split(x, rows.inputs);
            let (second, rest) = split(rest, rows.inputs);
            x = rest;
            let mut acc = [N::inside(channels); 2];
            if N::PAIRS {
                pair::<N>([first, second], weights, &mut acc);
            } else {
                let [acc_first, acc_second] = &mut acc;
                run::<N, STEPS>(first, weights, acc_first);
                run::<N, STEPS>(second, weights, acc_second);
            }
            for acc in &acc {
                numbers.finish(channels, acc, part(y, 0, stored));
                y = y.get(rows.outputs..).unwrap_or(&[]);
            }
        }
        if rows.count % 2 == 1 {
            let (row, _) = split(x, rows.inputs);
            let mut acc = N::inside(channels);
            run::<N, STEPS>(row, weights, &mut acc);
            numbers.finish(channels, &acc, part(y, 0, stored));
        }
    }

    #[inline(always)]
    fn windows(
        numbers: &N,
        block: Block<'_, N::W, N::Channels<CHANNELS>>,
        windows: &Windows,
        x: &[Cell<N::X>],
        mut y: &[Cell<N::Y>],
    ) {
        let Block {
            weights,
            channels,
            stored,
        } = block;
        let (weights, _) = weights.as_chunks();
        let Windows { across, down, .. } = *windows;
        let mut line = windows.runs.x;
        for _ in 0..down.count {
            let (mut start, mut outputs) = (line, y);
            for _ in 0..across.count {
                let mut acc;
                if windows.inside {
                    acc = N::inside(channels);
                    window::<N, STEPS, false>(numbers, windows, start, x, weights, &mut acc);
                } else {
                    acc = N::border(channels);
                    window::<N, STEPS, true>(numbers, windows, start, x, weights, &mut acc);
                }
                numbers.finish(channels, &acc, part(outputs, 0, stored));
                outputs = outputs.get(across.y_step..).unwrap_or(&[]);
                start += across.x_step;
            }
            y = y.get(down.y_step..).unwrap_or(&[]);
            line += down.x_step;
        }
    }
}

/// Weights of some channels, the channel innermost, filled up with zeros to `width` channels.
#[cfg(feature = "host")]
pub(super) fn interleave<N: Numbers>(
    channels: Range<usize>,
    width: usize,
    inputs: usize,
    weight: &dyn Fn(usize, usize) -> N::W,
    packed: &mut alloc::vec::Vec<N::W>,
) {
    let missing = width - channels.len();
    for i in 0..inputs {
        packed.extend(channels.clone().map(|channel| weight(channel, i)));
        packed.extend((0..missing).map(|_| N::W::ZERO));
    }
}

/// Adds `Σ x·w` to a block's accumulators, where all windows are inside the input.
///
/// A function of its own, so that sums and pointers have registers.
#[inline(never)]
fn run<N: Numbers, const STEPS: usize>(
    x: &[Cell<N::X>],
    weights: &[[N::W; CHANNELS]],
    acc: &mut [N::Acc; CHANNELS],
) {
    let mut sums = *acc;
    add_run::<N, STEPS>(x, weights, &mut sums, N::mac);
    *acc = sums;
}

/// Adds the products of two rows of inputs with the same weights.
#[inline(never)]
fn pair<N: Numbers>(
    x: [&[Cell<N::X>]; 2],
    weights: &[[N::W; CHANNELS]],
    acc: &mut [[N::Acc; CHANNELS]; 2],
) {
    let mut sums = *acc;
    for ((x0, x1), w) in x[0].iter().zip(x[1]).zip(weights) {
        for n in 0..CHANNELS {
            sums[0][n] = N::mac(sums[0][n], x0.get(), w[n]);
            sums[1][n] = N::mac(sums[1][n], x1.get(), w[n]);
        }
    }
    *acc = sums;
}

/// Adds the sum over a window that begins at `start` in the input.
#[inline(always)]
fn window<N: Numbers, const STEPS: usize, const BORDER: bool>(
    numbers: &N,
    windows: &Windows,
    start: usize,
    x: &[Cell<N::X>],
    weights: &[[N::W; CHANNELS]],
    acc: &mut [N::Acc; CHANNELS],
) {
    let mut taps = Runs {
        x: start,
        ..windows.runs
    };
    for _ in 0..windows.times {
        runs::<N, STEPS, BORDER>(&taps, x, weights, numbers.zero(), acc);
        taps.x += windows.row_x;
        taps.w += windows.row_w;
    }
}

/// Adds the products of all runs; values have `zero` subtracted if `BORDER`.
#[inline(never)]
fn runs<N: Numbers, const STEPS: usize, const BORDER: bool>(
    runs: &Runs,
    x: &[Cell<N::X>],
    weights: &[[N::W; CHANNELS]],
    zero: N::Zero,
    acc: &mut [N::Acc; CHANNELS],
) {
    let mut sums = *acc;
    let (mut from, mut tap) = (runs.x, runs.w);
    for _ in 0..runs.count {
        let ends = (from + runs.len, tap + runs.len);
        let (Some(x), Some(weights)) = (x.get(from..ends.0), weights.get(tap..ends.1)) else {
            return;
        };
        add_run::<N, STEPS>(x, weights, &mut sums, |sum, x, w| match BORDER {
            true => N::mac_zero(sum, x, w, zero),
            false => N::mac(sum, x, w),
        });
        from += runs.x_step;
        tap += runs.w_step;
    }
    *acc = sums;
}

/// Unrolled by hand: the compiler's own unrolling keeps more pointers than there are registers.
#[inline(always)]
fn add_run<N: Numbers, const STEPS: usize>(
    mut x: &[Cell<N::X>],
    weights: &[[N::W; CHANNELS]],
    sums: &mut [N::Acc; CHANNELS],
    mac: impl Fn(N::Acc, N::X, N::W) -> N::Acc,
) {
    let mut step = |x: &Cell<N::X>, weights: &[N::W; CHANNELS]| {
        for (sum, w) in sums.iter_mut().zip(weights) {
            *sum = mac(*sum, x.get(), *w);
        }
    };
    let (chunks, last) = weights.as_chunks::<STEPS>();
    for weights in chunks {
        let Some((now, rest)) = x.split_first_chunk::<STEPS>() else {
            return;
        };
        x = rest;
        for (x, weights) in now.iter().zip(weights) {
            step(x, weights);
        }
    }
    for (x, weights) in x.iter().zip(last) {
        step(x, weights);
    }
}
