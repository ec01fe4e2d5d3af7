//! Geometry of operators that slide a window over height and width.

use core::cell::Cell;
use core::ops::Range;

use super::{parameters, part};
use crate::arch::memory::{Element, fill};

parameters! {
    /// Sizes of a window operator on `[batches, height, width, channels]` tensors.
    /// Pairs of fields `_h`, `_w` are along height and width.
    #[allow(missing_docs)]
    #[derive(Default)]
    pub struct Window {
        pub batches: usize,
        pub in_h: usize,
        pub in_w: usize,
        pub in_c: usize,
        pub out_h: usize,
        pub out_w: usize,
        pub out_c: usize,
        pub filter_h: usize,
        pub filter_w: usize,
        pub stride_h: usize,
        pub stride_w: usize,
        pub dilation_h: usize,
        pub dilation_w: usize,
        /// Rows of padding above the input; negative where the window skips rows.
        pub pad_top: isize,
        /// Columns of padding left of the input; negative where the window skips columns.
        pub pad_left: isize,
    }
}

/// The taps of a window along one dimension that lie within the input.
#[derive(Debug, Clone)]
pub(super) struct Taps {
    /// Valid taps.
    pub(super) valid: Range<usize>,
    /// Input position of the first valid tap.
    pub(super) start: usize,
}

impl Window {
    /// Keeps a row of the input between its padding, which is there; of a row beyond the input, what pads it. Processors copy in ways of their own.
    #[inline(always)]
    pub(super) fn keep_row<X: Element>(
        &self,
        x: &[Cell<X>],
        row: isize,
        padding: i8,
        kept: &[Cell<X>],
        copy: impl FnOnce(&[Cell<X>], &[Cell<X>]),
    ) {
        let columns = self.in_w * self.in_c;
        let (mut from, mut to) = (0, 0);
        match usize::try_from(self.pad_left) {
            Ok(pad) => to = pad * self.in_c,
            Err(_) => from = self.pad_left.unsigned_abs() * self.in_c,
        }
        let kept = kept.get(to..).unwrap_or(&[]);
        match usize::try_from(row) {
            Ok(row) if row < self.in_h => {
                let row = part(x, row * columns, columns);
                copy(row.get(from..).unwrap_or(&[]), kept);
            }
            _ => fill(part(kept, 0, columns.min(kept.len())), padding),
        }
    }

    /// A window that is a pixel of images of one pixel, as a matrix product has them.
    #[cfg(feature = "host")]
    pub const PIXEL: Self = Self {
        batches: 1,
        in_h: 1,
        in_w: 1,
        in_c: 1,
        out_h: 1,
        out_w: 1,
        out_c: 1,
        filter_h: 1,
        filter_w: 1,
        stride_h: 1,
        stride_w: 1,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 0,
        pad_left: 0,
    };

    /// Whether any window reaches across the border of the input.
    #[cfg(feature = "host")]
    #[must_use]
    pub fn pads(&self) -> bool {
        let crosses = |taps: Taps, filter: usize| taps.valid.len() < filter;
        (0..self.out_h).any(|y| crosses(self.rows(y), self.filter_h))
            || (0..self.out_w).any(|x| crosses(self.columns(x), self.filter_w))
    }

    /// The least number of bytes by which an output may begin before the input, of a kernel that keeps the rows of a window aside before it writes a
    /// row of outputs; elements of both are bytes. All rows up to the end of the window are read no more then.
    ///
    /// The end of each row of outputs, less the beginning of the first row that is still to be read, is to be at most the distance.
    #[cfg(any(test, feature = "host"))]
    pub(super) fn distance_behind_kept_rows(&self) -> usize {
        let (in_row, out_row) = (self.in_w * self.in_c, self.out_row());
        let mut least = 0;
        for image in self.extreme_images() {
            for out_y in 0..self.out_h {
                let read = (out_y * self.stride_h + self.filter_h) as isize - self.pad_top;
                let read = read.clamp(0, self.in_h as isize) as usize;
                let unread = image * self.in_h + read;
                if unread < self.batches * self.in_h {
                    let written = image * self.out_h + out_y + 1;
                    least = least.max((written * out_row).saturating_sub(unread * in_row));
                }
            }
        }
        least
    }

    /// The same of a kernel that reads a window where it is, writes the outputs of its pixel and goes on to the next one. Pixels of the input have as many
    /// elements as those of the output, of so many bytes.
    ///
    /// Outputs of a pixel may reach as far as its own window or a later one begins: channels may be computed twice. From column to column that stays while
    /// it is in padding, and then goes on by at least a pixel, as outputs do: so the first column, the last one and those where padding ends are the
    /// extremes.
    #[cfg(feature = "host")]
    #[must_use]
    pub fn distance_by_pixels(&self, bytes: usize) -> usize {
        let inside =
            |at: usize, stride: usize, pad: isize| ((at * stride) as isize - pad).max(0) as usize;
        let column = |out_x: usize| inside(out_x, self.stride_w, self.pad_left);
        let first = |image: usize, out_y: usize| {
            (image * self.in_h + inside(out_y, self.stride_h, self.pad_top)) * self.in_w
        };
        let padded = self.pad_left.max(0) as usize / self.stride_w;
        let columns = [0, padded, self.out_w.saturating_sub(1)];
        let mut least = 0;
        for image in self.extreme_images() {
            for out_y in 0..self.out_h {
                let row = first(image, out_y);
                let below = match (out_y + 1 < self.out_h, image + 1 < self.batches) {
                    (true, _) => Some(first(image, out_y + 1) + column(0)),
                    (false, true) => Some(first(image + 1, 0) + column(0)),
                    (false, false) => None,
                };
                for out_x in columns.into_iter().filter(|out_x| *out_x < self.out_w) {
                    let output = (image * self.out_h + out_y) * self.out_w + out_x;
                    for window in [Some(row + column(out_x)), below].into_iter().flatten() {
                        least = least.max((output + 1).saturating_sub(window));
                    }
                }
            }
        }
        least * self.in_c * bytes
    }

    /// The same in elements, of a kernel that copies a window before it writes the outputs of its pixel: these may reach as far as the next window
    /// begins, or the first one of the next row.
    ///
    /// From column to column that stays while windows begin in padding, and then grows evenly, as outputs do: so the first column, the last two and those
    /// where padding ends are the extremes.
    #[cfg(any(test, feature = "host"))]
    #[must_use]
    pub fn distance_by_windows(&self) -> usize {
        let inside =
            |at: usize, stride: usize, pad: isize| ((at * stride) as isize - pad).max(0) as usize;
        let first = |image: usize, out_y: usize, out_x: usize| {
            let row = image * self.in_h + inside(out_y, self.stride_h, self.pad_top);
            (row * self.in_w + inside(out_x, self.stride_w, self.pad_left)) * self.in_c
        };
        let padded = self.pad_left.max(0) as usize / self.stride_w;
        let before = |columns| self.out_w.saturating_sub(columns);
        let columns = [0, padded.saturating_sub(1), padded, before(2), before(1)];
        let mut least = 0;
        for image in self.extreme_images() {
            for out_y in 0..self.out_h {
                let below = match (out_y + 1 < self.out_h, image + 1 < self.batches) {
                    (true, _) => Some(first(image, out_y + 1, 0)),
                    (false, true) => Some(first(image + 1, 0, 0)),
                    (false, false) => None,
                };
                for out_x in columns.into_iter().filter(|out_x| *out_x < self.out_w) {
                    let next = (out_x + 1 < self.out_w).then(|| first(image, out_y, out_x + 1));
                    let outputs = (image * self.out_h + out_y) * self.out_w + out_x + 1;
                    for unread in [next, below].into_iter().flatten() {
                        least = least.max((outputs * self.out_c).saturating_sub(unread));
                    }
                }
            }
        }
        least
    }

    /// Images of which one needs the greatest distance: outputs and inputs grow evenly from image to image, and the last has none behind it.
    #[cfg(any(test, feature = "host"))]
    pub(super) fn extreme_images(&self) -> [usize; 3] {
        let before = |images| self.batches.saturating_sub(images);
        [0, before(2), before(1)]
    }

    /// Elements of one image of the input.
    #[inline(always)]
    pub fn in_image(&self) -> usize {
        self.in_h * self.in_w * self.in_c
    }

    /// Elements of one row of the output.
    #[inline(always)]
    pub(super) fn out_row(&self) -> usize {
        self.out_w * self.out_c
    }

    /// The output rows whose windows have all their rows.
    #[cfg_attr(debug_assertions, inline)]
    pub(super) fn inner_rows(&self) -> Range<usize> {
        inner(self.out_h, |out_y| {
            self.rows(out_y).valid.len() == self.filter_h
        })
    }

    /// The output columns whose windows have all their columns.
    #[cfg_attr(debug_assertions, inline)]
    pub(super) fn inner_columns(&self) -> Range<usize> {
        inner(self.out_w, |out_x| {
            self.columns(out_x).valid.len() == self.filter_w
        })
    }

    /// The valid filter rows of an output row.
    #[inline(always)]
    pub(super) fn rows(&self, out_y: usize) -> Taps {
        taps(
            (out_y * self.stride_h) as isize - self.pad_top,
            self.filter_h,
            self.dilation_h,
            self.in_h,
        )
    }

    /// The valid filter columns of an output column.
    #[inline(always)]
    pub(super) fn columns(&self, out_x: usize) -> Taps {
        taps(
            (out_x * self.stride_w) as isize - self.pad_left,
            self.filter_w,
            self.dilation_w,
            self.in_w,
        )
    }
}

/// What of `0..size` is full, which is in one piece.
#[inline(always)]
fn inner(size: usize, full: impl Fn(usize) -> bool) -> Range<usize> {
    let (mut start, mut end) = (0, size);
    while start < end && !full(start) {
        start += 1;
    }
    while start < end && !full(end - 1) {
        end -= 1;
    }
    start..end
}

/// Counts rather than divides: padding is a step or two, and a division has a panic path.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
pub(super) fn taps(first: isize, filter: usize, dilation: usize, size: usize) -> Taps {
    let mut last = first + (filter as isize - 1) * dilation as isize;
    let mut position = first;
    let mut begin = 0;
    while position < 0 && begin < filter {
        position += dilation as isize;
        begin += 1;
    }
    let mut end = filter;
    while last >= size as isize && end > begin {
        last -= dilation as isize;
        end -= 1;
    }
    Taps {
        valid: begin..end,
        start: position.max(0) as usize,
    }
}
