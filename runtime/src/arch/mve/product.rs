//! Rows of inputs times a matrix: of two pixels for four output channels at once, or of one for eight.
//!
//! Inputs are counted in blocks of 16. Weights of four channels are, in words of 32 bits: what their sums begin with; for each block of inputs, the 16 weights of
//! each channel; their multipliers; their shifts. Those of eight are the same of both fours: starts, weights, then multipliers and shifts of the first four, and of the others.
//!
//! Instructions that narrow a vector write every second place, so that channels are in an order of their own: see [`order`].

use core::cell::Cell;

use super::copy;

/// Inputs that are multiplied at once.
pub const BLOCK: usize = 16;

/// Channels that are computed at once of a single pixel.
pub const ROW_CHANNELS: usize = 8;

/// Channels that are computed at once of two.
const LANES: usize = 4;

/// Channels whose outputs are written at once.
const GROUP: usize = 16;

/// What stands for more groups of channels than one.
const SEVERAL: usize = 2;

/// Words of four channels beside their weights.
const STARTS: usize = 3 * LANES;

/// What the loop over pairs is told.
#[derive(Debug)]
#[repr(C)]
struct PairsCall {
    x: *const i8,
    weights: *const u32,
    y: *mut i8,
    /// Pairs of pixels, at least one.
    pairs: usize,
    /// Groups of sixteen channels.
    groups: usize,
    /// Bytes from an output of the first pixel to that of the second; none if there is one pixel.
    second: usize,
    zero_point: i32,
    /// Times that the unrolled loop runs.
    rounds: usize,
    /// Bytes from a pixel's inputs to the next one's.
    pitch: usize,
    /// Where a pair's inputs are copied to first, if they are.
    aside: *mut i8,
}

/// What the loop over a row is told.
#[derive(Debug)]
#[repr(C)]
struct RowCall {
    x: *const i8,
    weights: *const u32,
    y: *mut i8,
    channels: usize,
    /// Times that the unrolled loop runs.
    rounds: usize,
    zero_point: i32,
}

/// Loops over pairs of pixels: how far they are unrolled, and how sums become outputs.
pub trait MvePairsLoops: Copy {
    /// The loop.
    fn pairs(&self) -> PairsLoop;
}

/// Loops over a single row.
pub trait MveRowLoops: Copy {
    /// The loop.
    fn row(&self) -> RowLoop;
}

/// A loop over pairs.
#[derive(Debug, Clone, Copy)]
pub struct PairsLoop {
    blocks: usize,
    is_repeated: bool,
    is_aside: bool,
    #[cfg_attr(all(target_arch = "arm", target_os = "none"), allow(dead_code))]
    signed: bool,
    /// Groups of sixteen channels: none, one, or [`SEVERAL`].
    groups: usize,
    /// Channels behind them.
    rest: usize,
    #[cfg_attr(not(all(target_arch = "arm", target_os = "none")), allow(dead_code))]
    run: PairsFunction,
}

/// A loop over a row.
#[derive(Debug, Clone, Copy)]
pub struct RowLoop {
    blocks: usize,
    #[cfg_attr(all(target_arch = "arm", target_os = "none"), allow(dead_code))]
    signed: bool,
    #[cfg_attr(not(all(target_arch = "arm", target_os = "none")), allow(dead_code))]
    run: RowFunction,
}

/// [`MvePairsLoops`], known when firmware is compiled: `BLOCKS` of inputs unrolled, which is all of them unless it `REPEATS`; inputs as they are, or copied `ASIDE` first; outputs on both sides of their zero
/// point, or above −128; no, one or several `GROUPS` of sixteen
/// channels, and `REST` channels behind these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MvePairs<
    const BLOCKS: usize,
    const REPEATS: bool,
    const ASIDE: bool,
    const SIGNED: bool,
    const GROUPS: usize,
    const REST: usize,
>;

/// [`MveRowLoops`], known when firmware is compiled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MveRow<const BLOCKS: usize, const SIGNED: bool>;

/// [`MvePairs`], known when the generator runs.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AnyMvePairs {
    pub blocks: usize,
    pub repeats: bool,
    pub aside: bool,
    pub signed: bool,
    pub groups: usize,
    pub rest: usize,
}

/// [`MveRow`], known when the generator runs.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AnyMveRow {
    pub blocks: usize,
    pub signed: bool,
}

impl<
    const BLOCKS: usize,
    const REPEATS: bool,
    const ASIDE: bool,
    const SIGNED: bool,
    const GROUPS: usize,
    const REST: usize,
> MvePairsLoops for MvePairs<BLOCKS, REPEATS, ASIDE, SIGNED, GROUPS, REST>
{
    #[inline(always)]
    fn pairs(&self) -> PairsLoop {
        PairsLoop {
            blocks: BLOCKS,
            is_repeated: REPEATS,
            is_aside: ASIDE,
            signed: SIGNED,
            groups: GROUPS,
            rest: REST,
            run: pairs_function::<BLOCKS, REPEATS, ASIDE, SIGNED, GROUPS, REST>(),
        }
    }
}

impl<const BLOCKS: usize, const SIGNED: bool> MveRowLoops for MveRow<BLOCKS, SIGNED> {
    #[inline(always)]
    fn row(&self) -> RowLoop {
        RowLoop {
            blocks: BLOCKS,
            signed: SIGNED,
            run: row_function::<BLOCKS, SIGNED>(),
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl MvePairsLoops for AnyMvePairs {
    fn pairs(&self) -> PairsLoop {
        PairsLoop {
            blocks: self.blocks,
            is_repeated: self.repeats,
            is_aside: self.aside,
            signed: self.signed,
            groups: self.groups,
            rest: self.rest,
            run: (),
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl MveRowLoops for AnyMveRow {
    fn row(&self) -> RowLoop {
        RowLoop {
            blocks: self.blocks,
            signed: self.signed,
            run: (),
        }
    }
}

/// Weights of a matrix, with what belongs to them.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    weights: &'a [u32],
    /// Inputs of a pixel, in whole blocks.
    inputs: usize,
    channels: usize,
    zero_point: i32,
}

/// Words of so many channels that are computed together, of so many inputs.
#[inline(always)]
fn words(channels: usize, inputs: usize) -> usize {
    channels * inputs / 4 + channels / LANES * STARTS
}

/// The fours of channels that are behind groups of sixteen: of nine to twelve, the first eight are computed as if there were no others.
#[inline(always)]
fn rest_lanes(rest: usize) -> usize {
    match rest {
        13.. => GROUP,
        _ => rest.next_multiple_of(LANES),
    }
}

/// Which channels are in the lanes of each four of the last so many of a group: 4, 8 or 16.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
const fn order(count: usize) -> &'static [[usize; LANES]] {
    match count {
        16 => &[[0, 4, 8, 12], [2, 6, 10, 14], [1, 5, 9, 13], [3, 7, 11, 15]],
        8 => &[[0, 2, 4, 6], [1, 3, 5, 7]],
        _ => &[[0, 1, 2, 3]],
    }
}

/// The sizes of what is computed together of so many channels: 16, 8 or 4, where the last may not all be there.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
fn parts(channels: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    core::iter::from_fn(move || {
        let size = match channels.checked_sub(first)? {
            0 => return None,
            1..=4 => 4,
            5..=12 => 8,
            _ => 16,
        };
        let part = (first, size);
        first += size;
        Some(part)
    })
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl AnyMvePairs {
    /// The channels whose constants and weights follow one another, in fours; some may not be there.
    pub fn channels(channels: usize) -> impl Iterator<Item = [usize; LANES]> {
        parts(channels).flat_map(|(first, size)| {
            order(size)
                .iter()
                .map(move |lanes| lanes.map(|lane| first + lane))
        })
    }

    /// The loop for so many inputs and channels, as they are, unrolled to at most so many blocks.
    #[must_use]
    pub fn of(inputs: usize, channels: usize, signed: bool, most: usize) -> Self {
        let all = inputs.div_ceil(BLOCK);
        let blocks = divisor(all, most);
        Self {
            blocks,
            repeats: blocks < all,
            aside: false,
            signed,
            groups: (channels / GROUP).min(SEVERAL),
            rest: channels % GROUP,
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl AnyMveRow {
    /// The channels whose constants and weights follow one another, in eights; some may not be there.
    pub fn channels(channels: usize) -> impl Iterator<Item = [usize; ROW_CHANNELS]> {
        (0..channels).step_by(ROW_CHANNELS).map(|first| {
            let [even, odd] = [0, 1].map(|half| order(ROW_CHANNELS)[half]);
            core::array::from_fn(|i| first + if i < LANES { even[i] } else { odd[i - LANES] })
        })
    }

    /// The loop for so many inputs, unrolled to at most so many blocks.
    #[must_use]
    pub fn of(inputs: usize, signed: bool, most: usize) -> Self {
        let blocks = divisor(inputs.div_ceil(BLOCK), most);
        Self { blocks, signed }
    }
}

/// The greatest divisor up to a limit.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
fn divisor(of: usize, most: usize) -> usize {
    let divides = |n: &usize| of.is_multiple_of(*n);
    (1..=most).rev().find(divides).unwrap_or(1)
}

impl<'a> Product<'a> {
    /// A matrix of so many inputs, which are whole blocks, and output channels.
    #[inline(always)]
    #[must_use]
    pub fn new(weights: &'a [u32], inputs: usize, channels: usize, zero_point: i32) -> Self {
        Self {
            weights,
            inputs,
            channels,
            zero_point,
        }
    }

    /// Bytes of a pixel's inputs.
    #[inline(always)]
    #[must_use]
    pub fn pitch(&self) -> usize {
        self.inputs
    }

    /// Outputs of so many pixels. It reads the inputs of two at least. Of slices that do not fit, or are not aligned
    /// for words, it computes nothing.
    #[inline(always)]
    pub fn pixels(&self, pairs: &PairsLoop, x: &[Cell<i8>], count: usize, y: &[Cell<i8>]) {
        let even = count / 2 * 2;
        self.pairs(pairs, x, &[], (even / 2, self.channels), y);
        if even < count {
            // With the pixel before it once more, or with what is behind it.
            let (first, second) = match even.checked_sub(1) {
                Some(before) => (before, self.channels),
                None => (0, 0),
            };
            let x = x.get(first * self.inputs..).unwrap_or(&[]);
            let y = y.get(first * self.channels..).unwrap_or(&[]);
            self.pairs(pairs, x, &[], (1, second), y);
        }
    }

    /// The same of inputs that the loop copies first, a pair at a time, and that may be anywhere.
    #[inline(always)]
    pub fn pixels_aside(
        &self,
        pairs: &PairsLoop,
        x: &[Cell<i8>],
        aside: &[Cell<i8>],
        count: usize,
        y: &[Cell<i8>],
    ) {
        let even = count / 2 * 2;
        self.pairs(pairs, x, aside, (even / 2, self.channels), y);
        if even < count {
            let last = x.get(even * self.inputs..).unwrap_or(&[]);
            copy(last, aside.get(..self.inputs).unwrap_or(&[]));
            let y = y.get(even * self.channels..).unwrap_or(&[]);
            self.pairs(pairs, aside, aside, (1, 0), y);
        }
    }

    /// Outputs of pairs of pixels. An output of the second pixel is so far behind that of the first one: as far as there are channels, or at the same place, where it is
    /// overwritten.
    #[inline(always)]
    fn pairs(
        &self,
        pairs: &PairsLoop,
        x: &[Cell<i8>],
        aside: &[Cell<i8>],
        (count, second): (usize, usize),
        y: &[Cell<i8>],
    ) {
        let (groups, rest) = (self.channels / GROUP, self.channels % GROUP);
        let round = pairs.blocks * BLOCK;
        let rounds = self.rounds(pairs.blocks);
        let outputs = (2 * count).saturating_sub(1) * second + self.channels;
        if count == 0
            || round * rounds != self.inputs
            || pairs.is_repeated != (rounds > 1)
            || pairs.groups != groups.min(SEVERAL)
            || pairs.rest != rest
            || self.weights.len() != words(groups * GROUP + rest_lanes(rest), self.inputs)
            || x.len() < 2 * count * self.inputs
            || y.len() < outputs
            || !is_aligned(if pairs.is_aside { aside } else { x })
            || pairs.is_aside && aside.len() < 2 * self.inputs
        {
            return;
        }
        let call = PairsCall {
            x: x.as_ptr().cast(),
            weights: self.weights.as_ptr(),
            y: y.as_ptr().cast_mut().cast(),
            pairs: count,
            groups,
            second,
            zero_point: self.zero_point,
            rounds,
            pitch: self.inputs,
            aside: aside.as_ptr().cast_mut().cast(),
        };
        // SAFETY: `x` has the inputs of all pairs; it or, where that has room for a pair, what they are copied to is aligned for words; `y` has all outputs, and there are weights of as many inputs for each channel, all checked above;
        // cells may be written. The references last until it returns.
        unsafe { run_pairs(pairs, &call) }
    }

    /// Outputs of one row of inputs, which it reads while it writes. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn row(&self, row: &RowLoop, x: &[Cell<i8>], y: &[Cell<i8>]) {
        let rounds = self.rounds(row.blocks);
        if rounds * row.blocks * BLOCK != self.inputs
            || rounds == 0
            || self.channels == 0
            || self.weights.len()
                != words(self.channels.next_multiple_of(ROW_CHANNELS), self.inputs)
            || x.len() < self.inputs
            || y.len() < self.channels
        {
            return;
        }
        let call = RowCall {
            x: x.as_ptr().cast(),
            weights: self.weights.as_ptr(),
            y: y.as_ptr().cast_mut().cast(),
            channels: self.channels,
            rounds,
            zero_point: self.zero_point,
        };
        // SAFETY: as above.
        unsafe { run_row(row, &call) }
    }

    /// How often an unrolled loop runs; counted, as a division may panic.
    #[inline(always)]
    fn rounds(&self, blocks: usize) -> usize {
        let all = self.inputs / BLOCK;
        all.checked_div(blocks).unwrap_or(0)
    }
}

/// Whether words of a slice are aligned.
#[inline(always)]
fn is_aligned(x: &[Cell<i8>]) -> bool {
    x.as_ptr().cast::<u32>().is_aligned()
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod assembly;
#[cfg(all(target_arch = "arm", target_os = "none"))]
use assembly::{PairsFunction, RowFunction, pairs_function, row_function, run_pairs, run_row};

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::{PairsFunction, RowFunction, pairs_function, row_function, run_pairs, run_row};
