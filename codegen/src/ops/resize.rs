//! RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR, to sizes that are known.

use castiron_runtime::kernels::{
    Positions, ResizeBilinearF32, ResizeBilinearI8, ResizeBilinearI16, ResizeBilinearU8,
    ResizeNearest, Resized, Steps,
};

use super::movement::{self, one};
use super::walk::Walk;
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::Choosing;

pub(super) struct Nearest;
pub(super) struct Bilinear;

/// An image before and after.
struct Images {
    sizes: Resized,
    align_corners: bool,
    half_pixel_centers: bool,
}

impl Images {
    fn of(site: &Site<'_>) -> Result<Self, Diagnostic> {
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let [batches, in_h, in_w, channels] = site.nhwc(x_id)?;
        site.same_quantization(x_id, y_id)?;
        if in_h == 0 || in_w == 0 {
            return Err(site.tensor_error(x_id, "the image is empty"));
        }
        let sizes = site.integers(1, "the new size")?;
        let sizes: Vec<usize> = (sizes.iter())
            .filter_map(|size| usize::try_from(*size).ok())
            .collect();
        let &[out_h, out_w] = &sizes[..] else {
            return Err(site
                .tensor_error(
                    site.input_id(1)?,
                    "the new size is not a height and a width",
                )
                .expected("2 numbers, neither of them negative")
                .found(format_args!("{:?}", site.integers(1, "the new size")?)));
        };
        site.expect_shape(y_id, &[batches, out_h, out_w, channels])?;
        Ok(Self {
            sizes: Resized {
                batches,
                in_h,
                in_w,
                out_h,
                out_w,
                channels,
            },
            align_corners: site.options().flag("align_corners"),
            half_pixel_centers: site.options().flag("half_pixel_centers"),
        })
    }

    /// Which input the reference takes for each output along an axis, in its single precision.
    fn nearest(&self, input: usize, output: usize) -> Vec<usize> {
        let scale = match self.align_corners && output > 1 {
            true => (input - 1) as f32 / (output - 1) as f32,
            false => input as f32 / output as f32,
        };
        let offset = if self.half_pixel_centers { 0.5 } else { 0.0 };
        let of = |i: usize| {
            let position = (i as f32 + offset) * scale;
            let position = match self.align_corners {
                true => position.round(),
                false => position.floor(),
            };
            (position.max(0.0) as usize).min(input - 1)
        };
        (0..output).map(of).collect()
    }

    /// Positions of outputs along an axis, as the reference has them for floats.
    fn positions(&self, input: usize, output: usize) -> Positions {
        Positions {
            step: match self.align_corners && output > 1 {
                true => (input - 1) as f32 / (output - 1) as f32,
                false => input as f32 / output as f32,
            },
            offset: if self.half_pixel_centers { 0.5 } else { 0.0 },
        }
    }

    /// Positions of outputs along an axis, as the reference has them for integers.
    fn steps(&self, input: usize, output: usize) -> Option<Steps> {
        const ONE: usize = 1 << 10;
        let quotient = |a: usize, b: usize| a.checked_mul(ONE)?.checked_add(b / 2)?.checked_div(b);
        let step = match self.align_corners && output > 1 {
            true => quotient(input - 1, output - 1),
            false => quotient(input, output),
        };
        // No position leaves 32 bits.
        let step = step.filter(|step| step.checked_mul(output).is_some_and(|n| n < 1 << 30))?;
        let step = i32::try_from(step).ok()?;
        Some(Steps {
            step,
            first: match self.half_pixel_centers {
                true => step / 2 - (1 << 9),
                false => 0,
            },
        })
    }
}

impl Family for Nearest {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let images = Images::of(site)?;
        let s = &images.sizes;
        if site.input(0)?.dtype != site.output(0)?.dtype {
            return Err(site.unsupported_types("one type for input and output"));
        }
        let rows = images.nearest(s.in_h, s.out_h);
        let columns = images.nearest(s.in_w, s.out_w);
        let walks = (
            Walk::of(&site.input(0)?.shape),
            Walk::of(&site.output(0)?.shape),
        );
        let walks =
            even(walks, 2, &columns, s.in_w).and_then(|walks| even(walks, 1, &rows, s.in_h));
        if let Some((x, y)) = walks {
            return movement::choose(site, choosing, &one(x, y));
        }
        let table = |places: Vec<usize>| -> Result<Vec<u16>, Diagnostic> {
            let places: Option<_> = places.into_iter().map(|i| u16::try_from(i).ok()).collect();
            places.ok_or_else(|| {
                site.error("the image is too large")
                    .expected("at most 65536 rows and columns")
            })
        };
        let (x, y) = (
            choosing.tensor(site.input_id(0)?)?,
            choosing.activation(site.output_id(0)?)?,
        );
        let kernel = ResizeNearest {
            batches: s.batches,
            in_h: s.in_h,
            in_w: s.in_w,
            pixel: s.channels * x.element.bytes(),
        };
        let rows = choosing.constant(&table(rows)?);
        let columns = choosing.constant(&table(columns)?);
        choosing.call(kernel, [x.as_bytes(), rows, columns, y.as_bytes()]);
        Ok(())
    }
}

/// Goes through an axis of the input so that each output meets its place, where places are evenly apart: each as often
/// as the others, or each so far from the one before.
fn even((x, y): (Walk, Walk), axis: usize, places: &[usize], size: usize) -> Option<(Walk, Walk)> {
    let times = places.len() / size;
    if times > 1 && places.iter().enumerate().all(|(i, at)| *at == i / times) {
        return Some((x.repeated(axis + 1, times), y.split(axis, times)?));
    }
    let stride = match places {
        [first, second, ..] => second.checked_sub(*first)?,
        _ => 1,
    };
    let first = *places.first()?;
    let is_even = places
        .iter()
        .enumerate()
        .all(|(i, at)| *at == first + i * stride);
    is_even.then(|| (x.part(axis, first, places.len(), stride as isize), y))
}

impl Family for Bilinear {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let images = Images::of(site)?;
        if images.align_corners && images.half_pixel_centers {
            return Err(site
                .error("the options exclude each other")
                .expected("half_pixel_centers or align_corners")
                .found("both"));
        }
        let sizes = images.sizes;
        let steps = || {
            let rows = images.steps(sizes.in_h, sizes.out_h);
            rows.zip(images.steps(sizes.in_w, sizes.out_w))
                .ok_or_else(|| site.error("the image is too large"))
        };
        let operands = [
            choosing.activation(site.input_id(0)?)?,
            choosing.activation(site.output_id(0)?)?,
        ];
        let rows = images.positions(sizes.in_h, sizes.out_h);
        let columns = images.positions(sizes.in_w, sizes.out_w);
        match [site.input(0)?.dtype, site.output(0)?.dtype] {
            [DType::Float32, DType::Float32] => choosing.call(
                ResizeBilinearF32 {
                    sizes,
                    rows,
                    columns,
                },
                operands,
            ),
            [DType::Uint8, DType::Uint8] => choosing.call(
                ResizeBilinearU8 {
                    sizes,
                    rows,
                    columns,
                },
                operands,
            ),
            [DType::Int8, DType::Int8] => {
                let (rows, columns) = steps()?;
                choosing.call(
                    ResizeBilinearI8 {
                        sizes,
                        rows,
                        columns,
                    },
                    operands,
                );
            }
            [DType::Int16, DType::Int16] => {
                let (rows, columns) = steps()?;
                choosing.call(
                    ResizeBilinearI16 {
                        sizes,
                        rows,
                        columns,
                    },
                    operands,
                );
            }
            _ => {
                return Err(site.unsupported_types(
                    "float32, int8, int16 or uint8, the same for input and output",
                ));
            }
        }
        Ok(())
    }
}
