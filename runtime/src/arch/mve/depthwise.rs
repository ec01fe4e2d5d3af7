//! Depthwise convolution of 3×3 windows: rows of outputs, of each sixteen channels after another.
//!
//! Three rows of inputs are laid out by columns: of each column and channel there is a word with a byte of each row, and one that is not used. An output is then one gathering load of
//! four neighbouring columns, and one multiplication with 16 weights, of which seven are zeros.
//!
//! Weights of four channels are, in words of 32 bits: for each channel the words of its columns, the last one zero; what their sums begin with; their multipliers; their shifts.

use core::cell::Cell;

/// Rows and columns of a window.
pub const WINDOW: usize = 3;

/// Words of a column of sixteen channels.
pub const COLUMN: usize = 16;

/// Channels whose outputs are written at once.
const LANES: usize = 4;

/// Columns that are read of a window.
const READ: usize = 4;

/// Words of four channels.
const WORDS: usize = LANES * (READ + 3);

/// A row of inputs: where its first pixel is, and how many bytes it is to the next one.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Row {
    x: *const i8,
    pixel: usize,
}

/// What the loop is told; it changes where rows begin, and how many are left.
#[derive(Debug)]
#[repr(C)]
struct Call {
    rows: [Row; WINDOW],
    /// Where the first column of inputs is laid out, and how many there are.
    columns: *mut u32,
    width: usize,
    weights: *const u32,
    y: *mut i8,
    /// Outputs of a channel.
    count: usize,
    channels: usize,
    zero_point: i32,
    /// Where the first window's columns are, less what is added before the first load.
    first: *const u32,
    /// Rows of outputs, at least one.
    left: usize,
    /// Bytes from the rows of a window to those of the window below.
    step: usize,
    /// Bytes from the first columns behind a row back to its first ones, and on by four channels.
    back: isize,
}

/// Loops over a row of outputs.
pub trait MveDepthwiseLoops: Copy {
    /// The loop.
    fn depthwise(&self) -> DepthwiseLoop;
}

/// A loop over a row of outputs.
#[derive(Debug, Clone, Copy)]
pub struct DepthwiseLoop {
    stride: usize,
    #[cfg_attr(all(target_arch = "arm", target_os = "none"), allow(dead_code))]
    signed: bool,
    #[cfg_attr(all(target_arch = "arm", target_os = "none"), allow(dead_code))]
    wide: bool,
    #[cfg_attr(not(all(target_arch = "arm", target_os = "none")), allow(dead_code))]
    run: Function,
}

/// [`MveDepthwiseLoops`], known when firmware is compiled: at which stride, and whether outputs are on both sides of their zero point, or above −128; whether
/// they may be outside of 16 bits before they saturate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MveDepthwise<const STRIDE: usize, const SIGNED: bool, const WIDE: bool>;

/// [`MveDepthwise`], known when the generator runs.
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AnyMveDepthwise {
    pub stride: usize,
    pub signed: bool,
    pub wide: bool,
}

impl<const STRIDE: usize, const SIGNED: bool, const WIDE: bool> MveDepthwiseLoops
    for MveDepthwise<STRIDE, SIGNED, WIDE>
{
    #[inline(always)]
    fn depthwise(&self) -> DepthwiseLoop {
        DepthwiseLoop {
            stride: STRIDE,
            signed: SIGNED,
            wide: WIDE,
            run: device::function::<STRIDE, SIGNED, WIDE>(),
        }
    }
}

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
impl MveDepthwiseLoops for AnyMveDepthwise {
    fn depthwise(&self) -> DepthwiseLoop {
        DepthwiseLoop {
            stride: self.stride,
            signed: self.signed,
            wide: self.wide,
            run: (),
        }
    }
}

/// A convolution whose rows are laid out by columns, with columns of padding beside them.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// The loop.
    pub depthwise: &'a DepthwiseLoop,
    /// Weights of all channels, which are a multiple of four.
    pub weights: &'a [u32],
    /// All columns, sixteen words each.
    pub columns: &'a [Cell<u32>],
    /// Columns of padding before the first one.
    pub before: usize,
    /// Columns of inputs.
    pub width: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Outputs of a row and channel.
    pub count: usize,
    /// The output's zero point.
    pub zero_point: i32,
    /// A pixel of padding.
    pub padding: &'a [Cell<u32>],
}

impl Columns<'_> {
    /// Rows of outputs: so many, each of three rows of inputs. Slices begin with the rows of the first, and `step` is from these to the rows of the next; some rows may be
    /// padding if there is one row of outputs. Of slices that do not fit, it computes nothing.
    #[inline(always)]
    pub fn outputs(
        &self,
        rows: [Option<&[Cell<i8>]>; WINDOW],
        (left, step): (usize, usize),
        y: &[Cell<i8>],
    ) {
        let Self {
            width,
            channels,
            count,
            ..
        } = *self;
        let stride = self.depthwise.stride;
        let last = count.saturating_sub(1) * stride;
        let columns = (self.before + width).max(last + READ);
        let Some(others) = left.checked_sub(1) else {
            return;
        };
        if count == 0
            || channels == 0
            || width == 0
            || !channels.is_multiple_of(LANES)
            || self.weights.len() != channels / LANES * WORDS
            || self.columns.len() < columns * COLUMN
            || y.len() < left * count * channels
            || self.padding.len() * 4 < channels.next_multiple_of(COLUMN)
            || left > 1 && rows.iter().any(Option::is_none)
        {
            return;
        }
        let fits = |row: &[Cell<i8>]| row.len() >= others * step + width * channels;
        if !rows.into_iter().flatten().all(fits) {
            return;
        }
        let row = |row: Option<&[Cell<i8>]>| match row {
            None => Row {
                x: self.padding.as_ptr().cast(),
                pixel: 0,
            },
            Some(row) => Row {
                x: row.as_ptr().cast(),
                pixel: channels,
            },
        };
        let first = self.columns.as_ptr().cast::<u32>();
        let mut call = Call {
            rows: rows.map(row),
            columns: first.cast_mut().wrapping_add(self.before * COLUMN),
            width,
            weights: self.weights.as_ptr(),
            y: y.as_ptr().cast_mut().cast(),
            count,
            channels,
            zero_point: self.zero_point,
            first: first.wrapping_sub(stride * COLUMN),
            left,
            step,
            back: (LANES * 4) as isize - (count * stride * COLUMN * 4) as isize,
        };
        // SAFETY: rows have all channels of as many pixels or, where all pixels are the same, of one and what is read beside; columns have room for them, and are as many as windows reach;
        // there are weights and outputs of all channels, all checked above. Cells may be written, and the references last until it returns.
        unsafe { device::run(self.depthwise, &mut call) }
    }
}

use device::Function;

#[cfg(all(target_arch = "arm", target_os = "none"))]
#[path = "depthwise/assembly.rs"]
mod device;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
#[path = "depthwise/twin.rs"]
mod device;
