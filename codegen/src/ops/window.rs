//! Geometry of operators that slide a window over height and width.

use castiron_runtime::kernels::Window;

use super::Site;
use crate::error::Diagnostic;
use crate::graph::{Border, Padding};

/// The farthest that a window may reach or step: positions are computed in 32 bits on the target,
/// and none lies beyond the input's size and two reaches.
const FARTHEST: usize = 1 << 28;

/// Checks that a window's positions can be computed.
pub(super) fn check_reach(
    site: &Site<'_>,
    filter: (usize, usize),
    stride: (usize, usize),
    dilation: (usize, usize),
) -> Result<(), Diagnostic> {
    for (what, pair) in [
        ("stride", stride),
        ("dilation", dilation),
        ("filter", filter),
    ] {
        if pair.0 == 0 || pair.1 == 0 {
            return Err(site
                .error(format!("the {what} must be positive"))
                .found(format_args!("{pair:?}")));
        }
    }
    for (filter, stride, dilation) in [
        (filter.0, stride.0, dilation.0),
        (filter.1, stride.1, dilation.1),
    ] {
        let reach = (filter - 1)
            .saturating_mul(dilation)
            .max(filter)
            .max(stride);
        if reach > FARTHEST {
            return Err(site
                .error("the window is too large")
                .expected(format_args!("a reach of at most {FARTHEST} elements"))
                .found(format_args!(
                    "filter {filter}, stride {stride}, dilation {dilation}"
                )));
        }
    }
    Ok(())
}

/// The geometry of a window operator on input 0 and output 0, checked against the output's shape.
pub(super) fn window(
    site: &Site<'_>,
    (padding, border): (Padding, Border),
    stride: (usize, usize),
    dilation: (usize, usize),
    filter: (usize, usize),
    out_c: usize,
) -> Result<Window, Diagnostic> {
    let [batches, in_h, in_w, in_c] = site.nhwc(site.input_id(0)?)?;
    check_reach(site, filter, stride, dilation)?;
    let (height, width) = (
        border.top + in_h + border.bottom,
        border.left + in_w + border.right,
    );
    let (out_h, pad_top) = padding.windows(height, filter.0, stride.0, dilation.0);
    let (out_w, pad_left) = padding.windows(width, filter.1, stride.1, dilation.1);
    let (pad_top, pad_left) = (pad_top + border.top, pad_left + border.left);
    site.expect_shape(site.output_id(0)?, &[batches, out_h, out_w, out_c])?;
    Ok(Window {
        batches,
        in_h,
        in_w,
        in_c,
        out_h,
        out_w,
        out_c,
        filter_h: filter.0,
        filter_w: filter.1,
        stride_h: stride.0,
        stride_w: stride.1,
        dilation_h: dilation.0,
        dilation_w: dilation.1,
        pad_top: pad_top as isize,
        pad_left: pad_left as isize,
    })
}
