//! Geometry of operators that slide a window over height and width.

use core::ops::Range;

use super::parameters;

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
    /// Whether any window reaches across the border of the input.
    #[cfg(feature = "host")]
    #[must_use]
    pub fn pads(&self) -> bool {
        let crosses = |taps: Taps, filter: usize| taps.valid.len() < filter;
        (0..self.out_h).any(|y| crosses(self.rows(y), self.filter_h))
            || (0..self.out_w).any(|x| crosses(self.columns(x), self.filter_w))
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

    /// The output columns whose windows have all their columns.
    #[cfg_attr(debug_assertions, inline)]
    pub(super) fn inner_columns(&self) -> Range<usize> {
        let full = |out_x: usize| self.columns(out_x).valid.len() == self.filter_w;
        let (mut start, mut end) = (0, self.out_w);
        while start < end && !full(start) {
            start += 1;
        }
        while start < end && !full(end - 1) {
            end -= 1;
        }
        start..end
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
