//! Depthwise convolution of 3×3 windows for processors without vector instructions: some neighbouring outputs of every channel.
//!
//! A filter row's three weights meet each input that they share. Rows lie one behind the other as the input has them, channels innermost, with their
//! padding. On such a processor the loops are assembly, as the sums, weights and pointers need all registers; elsewhere a twin computes the same. The
//! functions are generic, so that they are assembled only where a model needs them.
//!
//! A channel is, in words of 32 bits: what its sums begin with; the weights of each filter row, a byte each, the last one's sign above them; the
//! constants of its requantisation.

use core::cell::Cell;

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod armv6m;
#[cfg(all(target_arch = "arm", target_os = "none"))]
mod armv7m;
#[cfg(target_arch = "riscv32")]
mod riscv;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(not(any(all(target_arch = "arm", target_os = "none"), target_arch = "riscv32")))]
use twin::{long, nested};
#[cfg(all(target_arch = "arm", target_os = "none"))]
use {armv6m::nested, armv7m::long};
#[cfg(target_arch = "riscv32")]
use {riscv::long, twin::nested};

/// Rows and columns of a window.
pub const FILTER: usize = 3;

/// The most outputs at once.
pub const MOST_OUTPUTS: usize = 5;

/// Words of a channel before its constants.
const STARTS: usize = 1 + FILTER;

/// What the loops are told.
#[derive(Debug)]
#[repr(C)]
pub struct Call {
    /// The first column of the first window.
    rows: [*const i8; FILTER],
    /// Bytes from a column to the next, and from an output to its neighbour.
    pixel: usize,
    weights: *const u32,
    /// Behind them.
    end: *const u32,
    y: *mut i8,
    /// Bits of the last shift.
    shift: u32,
    /// Bits of a digit of [`ShortProducts`]' factors.
    fine: u32,
}

/// How a processor's loops end.
pub trait Depthwise: Copy + 'static {
    /// Words of constants of a channel.
    const CONSTANTS: usize;

    /// # Safety
    /// What the call points to may be read and written: all columns of the windows, in each row, of as many channels as there are weights, and an
    /// output of each; at least one channel. There are 1 to [`MOST_OUTPUTS`] outputs, 1 or 2 columns apart.
    unsafe fn run<const AT_ONCE: usize, const STRIDE: usize>(call: &Call);
}

/// Products of 64 bits (Armv7-M, RV32IM): an output is `(256·sum·factor >> 32) + addend`, less the third constant, if `SIGNED`, where the sum is negative,
/// shifted right and saturated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongProducts<const SIGNED: bool>;

impl<const SIGNED: bool> Depthwise for LongProducts<SIGNED> {
    const CONSTANTS: usize = if SIGNED { 3 } else { 2 };

    #[inline(always)]
    unsafe fn run<const AT_ONCE: usize, const STRIDE: usize>(call: &Call) {
        // SAFETY: as the caller has it.
        unsafe { long::<SIGNED, AT_ONCE, STRIDE>(call) }
    }
}

/// Products of 32 bits (Armv6-M), of which three with a factor's digits, the lower ones shifted by as many bits as a digit has, are added up: constants
/// are the digits, the highest first, an addend and, if `SIGNED`, what is subtracted where the sum is negative. That is shifted right, and saturated with
/// 128 more than the output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShortProducts<const SIGNED: bool>;

impl<const SIGNED: bool> Depthwise for ShortProducts<SIGNED> {
    const CONSTANTS: usize = if SIGNED { 5 } else { 4 };

    #[inline(always)]
    unsafe fn run<const AT_ONCE: usize, const STRIDE: usize>(call: &Call) {
        // SAFETY: as the caller has it.
        unsafe { nested::<SIGNED, AT_ONCE, STRIDE>(call) }
    }
}

/// Columns that neighbouring windows reach.
const fn columns(at_once: usize, stride: usize) -> usize {
    (at_once - 1) * stride + FILTER
}

/// Words of a channel.
#[must_use]
pub fn channel_words<D: Depthwise>() -> usize {
    STARTS + D::CONSTANTS
}

/// A row of outputs of so many channels: `slots` says where each row of its windows begins. Of slices that do not fit, it computes nothing.
#[inline(always)]
pub fn outputs<D: Depthwise, const AT_ONCE: usize, const STRIDE: usize>(
    rows: &[Cell<i8>],
    slots: [usize; FILTER],
    weights: &[u32],
    [channels, count]: [usize; 2],
    [shift, fine]: [u32; 2],
    y: &[Cell<i8>],
) {
    const {
        assert!(AT_ONCE > 0 && AT_ONCE <= MOST_OUTPUTS, "outputs at once");
        assert!(STRIDE == 1 || STRIDE == 2, "stride");
    }
    let Some(last) = count.checked_sub(AT_ONCE) else {
        return;
    };
    let reach = columns(count, STRIDE) * channels;
    let fits = |slot: usize| slot.checked_add(reach).is_some_and(|end| end <= rows.len());
    if channels == 0
        || !slots.iter().all(|slot| fits(*slot))
        || weights.len() != channels * channel_words::<D>()
        || y.len() < count * channels
    {
        return;
    }
    let mut next = 0;
    while next < count {
        // The last ones are computed together with some that have been.
        let first = next.min(last);
        let x = rows
            .as_ptr()
            .cast::<i8>()
            .wrapping_add(first * STRIDE * channels);
        let call = Call {
            rows: slots.map(|slot| x.wrapping_add(slot)),
            pixel: channels,
            weights: weights.as_ptr(),
            end: weights.as_ptr_range().end,
            y: (y.as_ptr().cast_mut().cast::<i8>()).wrapping_add(first * channels),
            shift,
            fine,
        };
        // SAFETY: all columns of all windows of the row are there, weights of all channels, and their outputs, checked above. The slices last until it
        // returns, and cells may be written.
        unsafe { D::run::<AT_ONCE, STRIDE>(&call) }
        next += AT_ONCE;
    }
}
