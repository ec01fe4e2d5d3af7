//! A window that slides over the rows of an image.

use crate::graph::{Border, Padding};

use super::image::{Image, MOST_ROWS};

/// What an operator says of its windows: sizes along the height and the width.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    pub(super) filter: (usize, usize),
    pub(super) stride: (usize, usize),
    pub(super) dilation: (usize, usize),
    pub(super) padding: Padding,
    pub(super) border: Border,
}

impl Windows {
    /// With height and width exchanged.
    fn turned(&self) -> Self {
        let turned = |(height, width): (usize, usize)| (width, height);
        let Border {
            top,
            bottom,
            left,
            right,
        } = self.border;
        Self {
            filter: turned(self.filter),
            stride: turned(self.stride),
            dilation: turned(self.dilation),
            padding: self.padding,
            border: Border {
                top: left,
                bottom: right,
                left: top,
                right: bottom,
            },
        }
    }
}

/// Its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Rows that it covers; no fewer than its stride.
    pub(super) window: usize,
    pub(super) stride: usize,
    /// Rows of padding before the first.
    pub(super) top: usize,
    /// Whether a row beyond the image's is ever read.
    pub(super) pads: bool,
    /// What is padded to the left and right.
    pub(super) border: Border,
    /// Columns that it covers, and how many further the next window begins.
    pub(super) across: [usize; 2],
}

impl Window {
    /// A window over an image; `None` if that is none, or has too many rows. One over pixels that are rows covers one row of the tensor.
    pub(super) fn new(image: &Image, windows: &Windows) -> Option<Self> {
        let is_flat = image.axis == 2;
        let Windows {
            filter,
            stride,
            dilation,
            padding,
            border,
        } = match is_flat {
            true => windows.turned(),
            false => *windows,
        };
        let (height, width) = (image.rows, image.columns);
        let (above, left) = (border.top, border.left);
        let size = [above + height + border.bottom, left + width + border.right];
        let (made, top) = padding.windows(size[0], filter.0, stride.0, dilation.0);
        let (columns, more) = padding.windows(size[1], filter.1, stride.1, dilation.1);
        let extent = |filter: usize, dilation: usize| {
            filter.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)
        };
        let (high, wide) = (extent(filter.0, dilation.0)?, extent(filter.1, dilation.1)?);
        let (top, left) = (above + top, left + more);
        let reach = |count: usize, stride: usize, extent: usize| {
            count
                .checked_sub(1)?
                .checked_mul(stride)?
                .checked_add(extent)
        };
        let (below, right) = (
            reach(made, stride.0, high)?,
            reach(columns, stride.1, wide)?,
        );
        let window = high.max(stride.0);
        if window.max(below) > MOST_ROWS {
            return None;
        }
        let border = Border {
            left,
            right: right.saturating_sub(left + width),
            ..Border::default()
        };
        if is_flat && (wide, border) != (1, Border::default()) {
            return None;
        }
        Some(Self {
            window,
            stride: stride.0,
            top,
            pads: top > 0 || below > height || window + (made - 1) * stride.0 > height,
            border,
            across: [wide, stride.1],
        })
    }
}
