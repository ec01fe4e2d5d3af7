//! One row of inputs times a matrix on Armv6-M, four channels at a time: their weights lie channel by channel, so that one index serves inputs and weights.
//!
//! A block is, in words of 32 bits: what the sums of its channels begin with; their weights, each channel's filled up to whole words; and of each channel the
//! constants of [`ShortProducts`](super::depthwise::ShortProducts). On such a processor the loop is assembly; elsewhere a twin computes the same.

use core::cell::Cell;

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod armv6m;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod twin;
#[cfg(all(target_arch = "arm", target_os = "none"))]
use armv6m::outputs;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
use twin::outputs;

/// Channels of a block.
pub const ROW_CHANNELS: usize = 4;

/// What the loop is told.
#[derive(Debug)]
#[repr(C)]
struct Call {
    x: *const i8,
    inputs: usize,
    /// Bytes of a channel's weights.
    channel: usize,
    /// Blocks, and behind them.
    weights: *const u32,
    end: *const u32,
    y: *mut i8,
    /// Bits of the last shift, and of a digit.
    shift: u32,
    fine: u32,
}

/// Outputs of one row. Of slices that do not fit, it computes nothing.
#[inline(always)]
pub fn row<const SIGNED: bool>(
    x: &[Cell<i8>],
    weights: &[u32],
    [shift, fine]: [u32; 2],
    y: &[Cell<i8>],
) {
    let (inputs, channels) = (x.len(), y.len());
    let constants = if SIGNED { 5 } else { 4 };
    let channel = inputs.div_ceil(4);
    let block = ROW_CHANNELS * (1 + channel + constants);
    if inputs == 0 || weights.len() != channels.div_ceil(ROW_CHANNELS) * block {
        return;
    }
    let call = |weights: &[u32], y: *mut i8| Call {
        x: x.as_ptr().cast(),
        inputs,
        channel: 4 * channel,
        weights: weights.as_ptr(),
        end: weights.as_ptr_range().end,
        y,
        shift,
        fine,
    };
    let (whole, last) = weights
        .split_at_checked(channels / ROW_CHANNELS * block)
        .unwrap_or((weights, &[]));
    if !whole.is_empty() {
        let call = call(whole, y.as_ptr().cast_mut().cast());
        // SAFETY: blocks are whole, and have as many weights as there are inputs, checked above; `y` has an output of each of their channels. The slices
        // last until it returns, and cells may be written.
        unsafe { outputs::<SIGNED>(&call) }
    }
    if !last.is_empty() {
        let mut all = [0i8; ROW_CHANNELS];
        let call = call(last, all.as_mut_ptr());
        // SAFETY: as above, and `all` has room for all channels of a block.
        unsafe { outputs::<SIGNED>(&call) }
        let y = y
            .get(channels / ROW_CHANNELS * ROW_CHANNELS..)
            .unwrap_or(&[]);
        y.iter().zip(all).for_each(|(y, output)| y.set(output));
    }
}
