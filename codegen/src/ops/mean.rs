//! MEAN: int8 and float32, over any constant axes.

use castiron_runtime::kernels::{Axis, MeanF32, MeanI8, Reduction};

use super::{Family, Site, quantize};
use crate::error::Diagnostic;
use crate::graph::{DType, Options, ReducerOptions};
use crate::program::Choosing;

pub(super) struct Mean;

impl Family for Mean {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let options = match site.options() {
            Options::Reducer(options) => *options,
            _ => ReducerOptions::default(),
        };
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (site.input(0)?, site.output(0)?);
        let reduced = reduced_axes(site, x.shape.len())?;
        let kept = x.shape.iter().zip(&reduced);
        let shape: Vec<usize> = if options.keep_dims {
            kept.map(|(size, reduced)| if *reduced { 1 } else { *size })
                .collect()
        } else {
            kept.filter(|(_, reduced)| !**reduced)
                .map(|(size, _)| *size)
                .collect()
        };
        site.expect_shape(y_id, &shape)?;
        let reduction = reduction(&x.shape, &reduced).ok_or_else(|| {
            site.error("the reduced axes alternate with others too often")
                .expected("at most two runs of neighbouring axes, and two before or between them")
                .found(format_args!("{reduced:?} of {:?}", x.shape))
                .help("transpose the tensor, or reduce in two steps")
        })?;
        let count = x.elements() / y.elements().max(1);
        let operands = [choosing.activation(x_id)?, choosing.activation(y_id)?];
        match (x.dtype, y.dtype) {
            (DType::Float32, DType::Float32) => {
                let count = count as f32;
                choosing.call(MeanF32 { reduction, count }, operands);
            }
            (DType::Int8, DType::Int8) => {
                let (x_scale, x_zero_point) = site.per_tensor(x_id)?;
                let (y_scale, zero_point) = site.per_tensor(y_id)?;
                let scales = f64::from(x_scale) / f64::from(y_scale);
                let (multiplier, shift) = factor(quantize::multiplier(scales), count);
                // The count takes off what it can of the shift to the left.
                quantize::requantization(site, scales / f64::from(count_bit(count)))?;
                let bias = x_zero_point.wrapping_mul(count as i32).wrapping_neg();
                let kernel = MeanI8 {
                    reduction,
                    bias,
                    multiplier,
                    shift,
                    zero_point,
                };
                choosing.call(kernel, operands);
            }
            _ => return Err(site.unsupported_types("int8 or float32, alike in and out")),
        }
        Ok(())
    }
}

/// Which of the input's axes are reduced.
fn reduced_axes(site: &Site<'_>, rank: usize) -> Result<Vec<bool>, Diagnostic> {
    let axes = site.integers(1, "the axes")?;
    let mut reduced = vec![false; rank];
    for axis in axes {
        let index = site.axis(axis, rank)?;
        reduced[index] = true;
    }
    Ok(reduced)
}

/// The loops of a reduction, neighbouring axes of one kind as one; `None` if they are too many.
fn reduction(shape: &[usize], reduced: &[bool]) -> Option<Reduction> {
    // From the innermost outwards; axes of one element are neither reduced nor kept.
    let mut axes: Vec<(bool, Axis)> = Vec::new();
    let mut step = 1;
    for (&count, &reduced) in shape.iter().zip(reduced).rev().filter(|(n, _)| **n != 1) {
        match axes.last_mut() {
            Some((kind, axis)) if *kind == reduced => axis.count *= count,
            _ => axes.push((reduced, Axis { count, step })),
        }
        step *= count;
    }
    let (run, loops) = match &axes[..] {
        [(false, axis), rest @ ..] => (axis.count, rest),
        rest => (1, rest),
    };
    // Two axes of one kind, outer one first; axes of one round stand in for missing ones.
    let pair = |kind: bool, innermost: usize| {
        let round = |step| Axis { count: 1, step };
        let axes: Vec<Axis> = loops.iter().filter(|l| l.0 == kind).map(|l| l.1).collect();
        match axes[..] {
            [] => Some([round(0), round(innermost)]),
            [inner] => Some([round(0), inner]),
            [inner, outer] => Some([outer, inner]),
            _ => None,
        }
    };
    Some(Reduction {
        kept: pair(false, 0)?,
        // Where nothing is reduced, the kernel still takes whole runs at a time.
        reduced: pair(true, run)?,
        run,
    })
}

/// The greatest power of two that is not above the count.
fn count_bit(count: usize) -> u32 {
    1 << count.max(1).ilog2().min(31)
}

/// A factor over `count` as a multiplier and a shift.
///
/// `QuantizedMeanOrSum` of TensorFlow Lite divides the multiplier of the scales by the count in
/// integers, having shifted it to the left by as many bits as the count has after its first.
fn factor((multiplier, shift): (i32, i8), count: usize) -> (i32, i32) {
    let shift = i32::from(shift);
    let left = (count.max(1).ilog2() as i32).min(32).min(31 + shift);
    let divided = (i64::from(multiplier) << left) / count.max(1) as i64;
    (divided as i32, shift - left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(count: usize, step: usize) -> Axis {
        Axis { count, step }
    }

    #[test]
    fn neighbouring_axes_are_one() {
        let r = reduction(&[2, 5, 7, 3], &[false, true, true, false]).unwrap();
        assert_eq!(r.run, 3);
        assert_eq!(r.reduced, [axis(1, 0), axis(35, 3)]);
        assert_eq!(r.kept, [axis(1, 0), axis(2, 105)]);
    }

    #[test]
    fn a_reduced_last_axis_leaves_single_outputs() {
        let r = reduction(&[4, 1, 6], &[false, false, true]).unwrap();
        assert_eq!(r.run, 1);
        assert_eq!(r.reduced, [axis(1, 0), axis(6, 1)]);
        assert_eq!(r.kept, [axis(1, 0), axis(4, 6)]);
    }

    #[test]
    fn nothing_reduced_is_one_run() {
        let r = reduction(&[4, 6], &[false, false]).unwrap();
        assert_eq!(r.run, 24);
        assert_eq!(r.reduced[1], axis(1, 24));
        assert_eq!(r.kept, [axis(1, 0), axis(1, 0)]);
    }

    #[test]
    fn alternating_axes_take_two_loops_each() {
        let r = reduction(&[2, 3, 4, 5, 6], &[false, true, false, true, false]).unwrap();
        assert_eq!(r.run, 6);
        assert_eq!(r.reduced, [axis(3, 120), axis(5, 6)]);
        assert_eq!(r.kept, [axis(2, 360), axis(4, 30)]);
        assert!(reduction(&[2, 3, 4, 5, 6], &[true, false, true, false, true]).is_none());
    }

    #[test]
    fn the_count_divides_the_multiplier() {
        // 1 is 2³⁰ × 2^(1 − 31); 6 has two bits after its first.
        let one = quantize::multiplier(1.0);
        assert_eq!(factor(one, 6), (((1i64 << 32) / 6) as i32, -1));
        assert_eq!(factor(one, 1), (1 << 30, 1));
    }
}
