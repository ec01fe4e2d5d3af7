//! Inner loops for processors that multiply single numbers alone: inputs of several windows share a word, so that one multiplication by a weight
//! serves all of them.
//!
//! Windows are packed once, and meet the weights of all channels then. On such a processor the loops are assembly, as they need all registers;
//! elsewhere a twin computes the same of the same words. The functions are generic, so that they are assembled only where a model needs them.

use core::cell::Cell;
use core::marker::PhantomData;

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod armv6m;
#[cfg(all(target_arch = "arm", target_os = "none"))]
mod armv7m;
#[cfg(target_arch = "riscv32")]
mod riscv;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;

/// The most windows that are computed at once.
pub const MOST_WINDOWS: usize = 4;

/// The most channels of a block.
const MOST_CHANNELS: usize = 4;

/// How a processor computes several windows at once.
pub trait Swar: Copy + 'static {
    /// How many.
    const WINDOWS: usize;
    /// Words that hold an input of all of them.
    const WORDS: usize;
    /// Inputs are filled up to a multiple of these by weights of zero.
    const ROUND: usize;
    /// Output channels of a block.
    const CHANNELS: usize;
    /// Words of a block beside its weights.
    const CONSTANTS: usize;

    /// # Safety
    /// From each of the first [`WINDOWS`](Self::WINDOWS) pointers on, `len` inputs may be read, and [`WORDS`](Self::WORDS) words for each of them
    /// may be written; there is at least one.
    unsafe fn pack(x: &[*const i8; MOST_WINDOWS], to: *mut u32, len: usize);

    /// # Safety
    /// What the call points to may be read and written: words of all inputs, a multiple of [`ROUND`](Self::ROUND) and not none; at least one whole
    /// block of weights; an output of each channel of the blocks for each window.
    unsafe fn outputs(call: &Call);
}

/// What the loops are told.
#[derive(Debug)]
#[repr(C)]
pub struct Call {
    /// The windows' inputs, and behind them.
    x: *const u32,
    x_end: *const u32,
    y: *mut i8,
    /// Bytes from a window's output to the next one's.
    step: usize,
    /// Blocks of weights, and behind them.
    weights: *const u32,
    end: *const u32,
    /// Bits of the last shift.
    shift: u32,
    /// Bits of a digit of [`Muls`]' factors.
    fine: u32,
}

/// Armv7-M without the DSP extension (Cortex-M3): four windows in two words, `x0 + 2²³·x1`, whose products an SMLAL adds in 64 bits. Sums fit in 23 bits.
///
/// A block has two channels: what their sums begin with, in both lanes of 64 bits; their weights in turn; and of each channel the factor, the
/// addend and, if `SIGNED`, what is subtracted where the sum is negative. An output is `(256·sum·factor >> 32) + addend`, shifted right and
/// saturated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smlal<const SIGNED: bool>;

/// Bits of the lower lane of [`Smlal`].
pub const SMLAL_LANE: u32 = 23;

impl<const SIGNED: bool> Swar for Smlal<SIGNED> {
    const WINDOWS: usize = 4;
    const WORDS: usize = 2;
    const ROUND: usize = 4;
    const CHANNELS: usize = 2;
    const CONSTANTS: usize = 4 + 2 * if SIGNED { 3 } else { 2 };

    #[inline(always)]
    unsafe fn pack(x: &[*const i8; MOST_WINDOWS], to: *mut u32, len: usize) {
        #[cfg(all(target_arch = "arm", target_os = "none"))]
        use armv7m::pack;
        #[cfg(not(all(target_arch = "arm", target_os = "none")))]
        use twin::pack_long as pack;
        // SAFETY: as the caller has it.
        unsafe { pack::<2>(x, to, len) }
    }

    #[inline(always)]
    unsafe fn outputs(call: &Call) {
        #[cfg(all(target_arch = "arm", target_os = "none"))]
        use armv7m::outputs;
        #[cfg(not(all(target_arch = "arm", target_os = "none")))]
        use twin::outputs_long as outputs;
        // SAFETY: as the caller has it.
        unsafe { outputs::<SIGNED>(call) }
    }
}

/// Armv6-M (Cortex-M0+): two windows in a word, `x0 + 2¹⁶·x1`. Products of two inputs make a segment, of which the upper lane is taken off before the next
/// one: so lanes do not overflow, but where both weights of a segment are −128.
///
/// A block has four channels: what their sums begin with, in both lanes less what segments begin with, and in the upper one; their weights in turn; and of
/// each channel the constants of [`ShortProducts`](super::depthwise::ShortProducts).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Muls<const SIGNED: bool>;

/// What a segment of [`Muls`] begins with, so that the lower lane is never negative.
pub const SEGMENT_START: i32 = 0x7fff;

/// Inputs of a segment of [`Muls`].
pub const SEGMENT: usize = 2;

impl<const SIGNED: bool> Swar for Muls<SIGNED> {
    const WINDOWS: usize = 2;
    const WORDS: usize = 1;
    const ROUND: usize = 4;
    const CHANNELS: usize = 4;
    const CONSTANTS: usize = 8 + 4 * if SIGNED { 5 } else { 4 };

    #[inline(always)]
    unsafe fn pack(x: &[*const i8; MOST_WINDOWS], to: *mut u32, len: usize) {
        #[cfg(all(target_arch = "arm", target_os = "none"))]
        use armv6m::pack;
        #[cfg(not(all(target_arch = "arm", target_os = "none")))]
        use twin::pack_short as pack;
        // SAFETY: as the caller has it.
        unsafe { pack::<1>(x, to, len) }
    }

    #[inline(always)]
    unsafe fn outputs(call: &Call) {
        #[cfg(all(target_arch = "arm", target_os = "none"))]
        use armv6m::outputs;
        #[cfg(not(all(target_arch = "arm", target_os = "none")))]
        use twin::outputs_short as outputs;
        // SAFETY: as the caller has it.
        unsafe { outputs::<SIGNED>(call) }
    }
}

/// RV32IM: four windows in two words, as [`Muls`] has two in one, and with its segments. A block has two channels: the same starts of their sums; their
/// weights in turn; the constants of [`Smlal`].
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MulPairs<const SIGNED: bool>;

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl<const SIGNED: bool> Swar for MulPairs<SIGNED> {
    const WINDOWS: usize = 4;
    const WORDS: usize = 2;
    const ROUND: usize = 4;
    const CHANNELS: usize = 2;
    const CONSTANTS: usize = 4 + 2 * if SIGNED { 3 } else { 2 };

    #[inline(always)]
    unsafe fn pack(x: &[*const i8; MOST_WINDOWS], to: *mut u32, len: usize) {
        #[cfg(target_arch = "riscv32")]
        use riscv::pack;
        #[cfg(not(target_arch = "riscv32"))]
        use twin::pack_short as pack;
        // SAFETY: as the caller has it.
        unsafe { pack::<2>(x, to, len) }
    }

    #[inline(always)]
    unsafe fn outputs(call: &Call) {
        #[cfg(target_arch = "riscv32")]
        use riscv::outputs;
        #[cfg(not(target_arch = "riscv32"))]
        use twin::outputs_pairs as outputs;
        // SAFETY: as the caller has it.
        unsafe { outputs::<SIGNED>(call) }
    }
}

/// Words of a block of so many inputs.
#[inline(always)]
#[must_use]
pub fn block_words<S: Swar>(inputs: usize) -> usize {
    S::CONSTANTS + inputs.next_multiple_of(S::ROUND) * S::CHANNELS / 4
}

/// Packs `len` inputs of each window, from its place on. Of slices that do not fit, it writes nothing.
#[inline(always)]
pub fn pack<S: Swar>(x: &[Cell<i8>], places: &[usize; MOST_WINDOWS], len: usize, to: &[Cell<u32>]) {
    let fits = |place: &usize| place.checked_add(len).is_some_and(|end| end <= x.len());
    if len == 0 || len * S::WORDS > to.len() || !places.iter().take(S::WINDOWS).all(fits) {
        return;
    }
    let first: *const i8 = x.as_ptr().cast();
    let x = places.map(|place| first.wrapping_add(place));
    // SAFETY: inputs and words are there, checked above; cells may be written.
    unsafe { S::pack(&x, to.as_ptr().cast_mut().cast(), len) }
}

/// Weights that are known to fit their sizes.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a, S> {
    inputs: usize,
    channels: usize,
    shifts: [u32; 2],
    /// Whole blocks, and the one whose channels are not all there.
    whole: &'a [u32],
    last: &'a [u32],
    swar: PhantomData<S>,
}

impl<'a, S: Swar> Matrix<'a, S> {
    /// A matrix; `None` if the weights are not as many. Shifts are the last one, and the bits of a digit.
    #[inline(always)]
    #[must_use]
    pub fn new(
        weights: &'a [u32],
        inputs: usize,
        channels: usize,
        shifts: [u32; 2],
    ) -> Option<Self> {
        let block = block_words::<S>(inputs);
        let blocks = channels.div_ceil(S::CHANNELS);
        if inputs == 0 || channels == 0 || weights.len() != blocks * block {
            return None;
        }
        let (whole, last) = weights.split_at_checked(channels / S::CHANNELS * block)?;
        Some(Self {
            inputs: inputs.next_multiple_of(S::ROUND),
            channels,
            shifts,
            whole,
            last,
            swar: PhantomData,
        })
    }

    /// Outputs of windows that were packed, one window behind the other in `y`. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn outputs(&self, x: &[Cell<u32>], y: &[Cell<i8>]) {
        let Some(x) = x.get(..self.inputs * S::WORDS) else {
            return;
        };
        if y.len() != S::WINDOWS * self.channels {
            return;
        }
        let [shift, fine] = self.shifts;
        let inputs = x.as_ptr_range();
        let call = |y: *mut i8, step: usize, weights: &[u32]| Call {
            x: inputs.start.cast(),
            x_end: inputs.end.cast(),
            y,
            step,
            weights: weights.as_ptr(),
            end: weights.as_ptr_range().end,
            shift,
            fine,
        };
        if !self.whole.is_empty() {
            let call = call(y.as_ptr().cast_mut().cast(), self.channels, self.whole);
            // SAFETY: all words are there, and outputs of all channels of whole blocks for all windows, checked above; blocks are whole (checked in
            // `new`). The slices last until it returns, and cells may be written.
            unsafe { S::outputs(&call) }
        }
        if !self.last.is_empty() {
            let mut all = [0i8; MOST_WINDOWS * MOST_CHANNELS];
            let call = call(all.as_mut_ptr(), S::CHANNELS, self.last);
            // SAFETY: as above, and `all` has room for all channels of a block.
            unsafe { S::outputs(&call) }
            let left = self.channels % S::CHANNELS;
            let windows = y.chunks_exact(self.channels);
            for (y, outputs) in windows.zip(all.chunks_exact(S::CHANNELS)) {
                let (_, y) = y
                    .split_at_checked(self.channels - left)
                    .unwrap_or((&[], &[]));
                y.iter().zip(outputs).for_each(|(y, output)| y.set(*output));
            }
        }
    }
}
