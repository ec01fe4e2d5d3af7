//! ADD, SUB and MUL: int8, int32 and float32, of two activations or with a constant on either
//! side, of any shapes that broadcast.

use std::cell::Cell;

use castiron_runtime::host::HostKernel;
use castiron_runtime::kernels::{
    AddConstantI8, AddI8, Arithmetic, BinaryConstantF32, BinaryConstantI32, BinaryF32, BinaryI32,
    Broadcast, Float, Float32, Int32, MulConstantI8, MulI8, OUTER_DIMS, OuterDim, Product, Sum,
};

use super::unary::{look_up, tabulate};
use super::{Family, Site, in_place, quantize};
use crate::error::Diagnostic;
use crate::graph::{Activation, BinaryOptions, DType, Options};
use crate::lower::Lowering;
use crate::plan::OpMemory;

/// ADD, SUB or MUL.
pub(super) struct Binary(pub(super) Arithmetic);

impl Family for Binary {
    fn memory(&self, site: &Site<'_>) -> OpMemory {
        in_place(site, 2)
    }

    fn lower(&self, site: &Site<'_>, lowering: &mut Lowering<'_>) -> Result<(), Diagnostic> {
        let BinaryOptions { activation, .. } = match site.options() {
            Options::Binary(options) => *options,
            _ => BinaryOptions::default(),
        };
        let operands = Operands::new(site)?;
        let broadcast = operands.broadcast;
        let arithmetic = match (self.0, operands.first) {
            (Arithmetic::Sub, 1) => Arithmetic::SubFrom,
            (arithmetic, _) => arithmetic,
        };
        let types = [
            site.input(0)?.dtype,
            site.input(1)?.dtype,
            site.output(0)?.dtype,
        ];
        match types {
            [DType::Float32, DType::Float32, DType::Float32] => {
                let (min, max) = site.float_range(activation)?;
                let operation = Float32 {
                    arithmetic,
                    float: Float { min, max },
                };
                operands.call(
                    site,
                    lowering,
                    BinaryF32 {
                        operation,
                        broadcast,
                    },
                    BinaryConstantF32 {
                        operation,
                        broadcast,
                    },
                )
            }
            [DType::Int32, DType::Int32, DType::Int32] => {
                let (min, max) = int32_range(site, activation)?;
                let operation = Int32 {
                    arithmetic,
                    min,
                    max,
                };
                operands.call(
                    site,
                    lowering,
                    BinaryI32 {
                        operation,
                        broadcast,
                    },
                    BinaryConstantI32 {
                        operation,
                        broadcast,
                    },
                )
            }
            [DType::Int8, DType::Int8, DType::Int8] if arithmetic == Arithmetic::Mul => {
                let operation = Quantized::new(site, &operands, activation)?.product();
                let constant = MulConstantI8 {
                    operation,
                    broadcast,
                };
                operands.call_i8(
                    site,
                    lowering,
                    MulI8 {
                        operation,
                        broadcast,
                    },
                    constant,
                    |x, c, y| constant.run(x, c, y),
                )
            }
            [DType::Int8, DType::Int8, DType::Int8] => {
                let quantized = Quantized::new(site, &operands, activation)?;
                let operation = quantized
                    .sum(arithmetic)
                    .ok_or_else(|| too_fine_an_output(site))?;
                let constant = AddConstantI8 {
                    operation,
                    broadcast,
                };
                operands.call_i8(
                    site,
                    lowering,
                    AddI8 {
                        operation,
                        broadcast,
                    },
                    constant,
                    |x, c, y| constant.run(x, c, y),
                )
            }
            _ => Err(site.unsupported_types("float32, int8 or int32, the same for all tensors")),
        }
    }
}

fn too_fine_an_output(site: &Site<'_>) -> Diagnostic {
    site.error("the output's scale is too small for the inputs'")
        .expected("more than 2^-19 times the larger input scale")
        .help("quantise the model again; the output's range does not hold the inputs'")
}

/// The range of an activation on int32, which has no quantisation.
///
/// TensorFlow Lite Micro leaves it out for ADD; TensorFlow does not.
fn int32_range(site: &Site<'_>, activation: Activation) -> Result<(i32, i32), Diagnostic> {
    let (min, max) = site.float_range(activation)?;
    // Saturating casts: the ends of float32's range are those of int32's.
    Ok((min as i32, max as i32))
}

/// Which input comes first, and how the elements meet.
struct Operands {
    /// The position of the kernel's first operand: an activation.
    first: usize,
    /// The position of its second operand.
    second: usize,
    broadcast: Option<Broadcast>,
}

impl Operands {
    fn new(site: &Site<'_>) -> Result<Self, Diagnostic> {
        let shapes = [&site.input(0)?.shape[..], &site.input(1)?.shape[..]];
        let dims = meeting_dims(shapes).ok_or_else(|| {
            site.error("the inputs' shapes do not broadcast")
                .expected("sizes that are equal, or 1 in one of the inputs")
                .found(format_args!("{:?} and {:?}", shapes[0], shapes[1]))
        })?;
        let out: Vec<usize> = dims.iter().map(|d| d.size).collect();
        site.expect_shape(site.output_id(0)?, &out)?;
        let mut dims = merged(dims);
        let constant = [0, 1].map(|i| site.input(i).is_ok_and(|t| t.is_constant()));
        // The kernel reads runs of its first operand; the constant can only be the second.
        let first_repeats = dims.last().is_some_and(|d| d.repeats[0]);
        let exchanged = constant[0] || (first_repeats && !constant[1]);
        if exchanged {
            dims.iter_mut().for_each(|d| d.repeats.reverse());
        }
        let broadcast = broadcast(&dims).map_err(|()| {
            site.error("the inputs broadcast along too many dimensions")
                .expected(format_args!("at most {OUTER_DIMS} that do not merge"))
                .found(format_args!("{:?} and {:?}", shapes[0], shapes[1]))
        })?;
        Ok(Self {
            first: usize::from(exchanged),
            second: usize::from(!exchanged),
            broadcast,
        })
    }

    /// Emits the kernel for two activations, or the one for an activation and a constant.
    fn call(
        &self,
        site: &Site<'_>,
        lowering: &mut Lowering<'_>,
        activations: impl HostKernel + 'static,
        constant: impl HostKernel + 'static,
    ) -> Result<(), Diagnostic> {
        let first = lowering.activation(site.input_id(self.first)?)?;
        let second_id = site.input_id(self.second)?;
        let y = lowering.activation(site.output_id(0)?)?;
        if site.input(self.second)?.is_constant() {
            let second = lowering.tensor(second_id)?;
            lowering.call(constant, [first, second, y]);
        } else {
            let second = lowering.activation(second_id)?;
            lowering.call(activations, [first, second, y]);
        }
        Ok(())
    }

    /// As [`call`](Self::call), except that one constant for all elements makes a table.
    fn call_i8(
        &self,
        site: &Site<'_>,
        lowering: &mut Lowering<'_>,
        activations: impl HostKernel + 'static,
        constant: impl HostKernel + 'static,
        run: impl FnOnce(&[Cell<i8>], &[i8], &[Cell<i8>]),
    ) -> Result<(), Diagnostic> {
        let second = site.input(self.second)?;
        if !second.is_constant() || second.elements() != 1 || self.broadcast.is_some() {
            return self.call(site, lowering, activations, constant);
        }
        let mut table = tabulate(|stored| stored);
        let cells = Cell::from_mut(&mut table[..]).as_slice_of_cells();
        run(cells, &site.constant_i8(self.second, "the operand")?, cells);
        let x = lowering.activation(site.input_id(self.first)?)?;
        let y = lowering.activation(site.output_id(0)?)?;
        look_up(lowering, x, &table, y);
        Ok(())
    }
}

/// One dimension of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MeetingDim {
    size: usize,
    /// Whether each input has one element along it, which serves for all.
    repeats: [bool; 2],
}

/// The output's dimensions by NumPy's rule: shapes are aligned at their ends.
fn meeting_dims(shapes: [&[usize]; 2]) -> Option<Vec<MeetingDim>> {
    let rank = shapes[0].len().max(shapes[1].len());
    let size = |shape: &[usize], i: usize| {
        let missing = rank - shape.len();
        if i < missing { 1 } else { shape[i - missing] }
    };
    (0..rank)
        .map(|i| match (size(shapes[0], i), size(shapes[1], i)) {
            (a, b) if a == b => Some((a, [false; 2])),
            (1, b) => Some((b, [true, false])),
            (a, 1) => Some((a, [false, true])),
            _ => None,
        })
        .map(|dim| dim.map(|(size, repeats)| MeetingDim { size, repeats }))
        .collect()
}

/// As few dimensions as describe the same meeting: those of size 1 vanish, neighbours that repeat
/// alike become one.
fn merged(dims: Vec<MeetingDim>) -> Vec<MeetingDim> {
    let mut merged: Vec<MeetingDim> = Vec::new();
    for dim in dims.into_iter().filter(|d| d.size != 1) {
        match merged.last_mut() {
            Some(last) if last.repeats == dim.repeats => last.size *= dim.size,
            _ => merged.push(dim),
        }
    }
    merged
}

/// How the kernel walks merged dimensions; `None` where one run does.
fn broadcast(dims: &[MeetingDim]) -> Result<Option<Broadcast>, ()> {
    let (run, second_run, outer) = match dims.split_last() {
        None => return Ok(None),
        Some((inner, [])) if !inner.repeats[0] => return Ok(None),
        // A constant that is larger than the activation: runs of one element.
        Some((inner, _)) if inner.repeats[0] => (1, 1, dims),
        Some((inner, outer)) if inner.repeats[1] => (inner.size, 1, outer),
        Some((inner, outer)) => (inner.size, inner.size, outer),
    };
    let unused = OuterDim {
        count: 1,
        first: 0,
        second: 0,
    };
    let mut walk = [unused; OUTER_DIMS];
    if outer.len() > walk.len() {
        return Err(());
    }
    let mut strides = [run, second_run];
    for (walked, dim) in walk.iter_mut().zip(outer.iter().rev()) {
        let [first, second] = [0, 1].map(|i| if dim.repeats[i] { 0 } else { strides[i] });
        *walked = OuterDim {
            count: dim.size,
            first,
            second,
        };
        for (stride, repeats) in strides.iter_mut().zip(dim.repeats) {
            *stride *= if repeats { 1 } else { dim.size };
        }
    }
    Ok(Some(Broadcast {
        run,
        second_run,
        outer: walk,
    }))
}

/// Scales and zero points of an int8 operator, in the kernel's order of operands.
struct Quantized {
    first: (f32, i32),
    second: (f32, i32),
    y: (f32, i32),
    min: i32,
    max: i32,
}

impl Quantized {
    fn new(
        site: &Site<'_>,
        operands: &Operands,
        activation: Activation,
    ) -> Result<Self, Diagnostic> {
        let y_id = site.output_id(0)?;
        let (min, max) = site.integer_range(activation, y_id)?;
        Ok(Self {
            first: site.per_tensor(site.input_id(operands.first)?)?,
            second: site.per_tensor(site.input_id(operands.second)?)?,
            y: site.per_tensor(y_id)?,
            min,
            max,
        })
    }

    /// Constants of ADD and SUB; `None` where the output's scale is too small.
    ///
    /// The quotients are of double precision for SUB as for ADD, as in TensorFlow; TensorFlow Lite
    /// Micro divides in single precision for SUB, which shows in a multiplier's last bits.
    fn sum(&self, arithmetic: Arithmetic) -> Option<Sum> {
        let signs = match arithmetic {
            Arithmetic::Sub => (1, -1),
            Arithmetic::SubFrom => (-1, 1),
            _ => (1, 1),
        };
        let first_is_exact = self.first.0 >= self.second.0;
        let (exact, exact_sign, rounded, rounded_sign) = if first_is_exact {
            (self.first, signs.0, self.second, signs.1)
        } else {
            (self.second, signs.1, self.first, signs.0)
        };
        let twice_larger = 2.0 * f64::from(exact.0);
        let (rounded_multiplier, rounded_shift) =
            quantize::multiplier(f64::from(rounded.0) / twice_larger);
        let (out_multiplier, out_shift) =
            quantize::multiplier(twice_larger / (f64::from(1 << 20) * f64::from(self.y.0)));
        let exact_factor = exact_sign << 19;
        Some(Sum {
            first_is_exact,
            exact_factor,
            exact_offset: -exact_factor * exact.1,
            rounded_zero: rounded.1 << 21,
            rounded_multiplier,
            rounded_shift: right_shift(rounded_shift)?,
            rounded_sign,
            out_multiplier,
            out_shift: right_shift(out_shift)?,
            out_zero_point: self.y.1,
            min: self.min,
            max: self.max,
        })
    }

    /// Constants of MUL.
    fn product(&self) -> Product {
        let (multiplier, shift) = quantize::multiplier(
            f64::from(self.first.0) * f64::from(self.second.0) / f64::from(self.y.0),
        );
        Product {
            first_zero_point: self.first.1,
            second_zero_point: self.second.1,
            multiplier,
            // A factor of 2¹⁴ saturates every product but 0, and so does any greater one.
            shift: i32::from(shift.min(14)),
            out_zero_point: self.y.1,
            min: self.min,
            max: self.max,
        }
    }
}

/// A shift, unless it is to the left.
fn right_shift(shift: i8) -> Option<i32> {
    (shift <= 0).then_some(i32::from(shift))
}

#[cfg(test)]
mod tests {
    use castiron_runtime::fixed::requantize;
    use proptest::prelude::*;

    use super::*;

    const QUANTISATIONS: [[(f32, i32); 3]; 6] = [
        [(0.05, 3), (0.02, -128), (0.07, 0)],
        [(0.02, -7), (0.05, 127), (0.03, -128)],
        [(0.1, 0), (0.1, 0), (0.1, 0)],
        [(1.0, -128), (1e-6, 127), (0.9, 5)],
        [(0.3, 127), (0.299_999_98, -128), (1e-6, 0)],
        [(0.25, 1), (0.125, 2), (0.001, -100)],
    ];

    /// The whole range of int8, and an activation's.
    const RANGES: [(i32, i32); 2] = [(-128, 127), (-100, 90)];

    fn quantized([first, second, y]: [(f32, i32); 3], (min, max): (i32, i32)) -> Quantized {
        Quantized {
            first,
            second,
            y,
            min,
            max,
        }
    }

    fn cases() -> impl Iterator<Item = ([(f32, i32); 3], (i32, i32))> {
        QUANTISATIONS
            .into_iter()
            .flat_map(|quantisation| RANGES.map(|range| (quantisation, range)))
    }

    /// Runs a kernel on every pair of bytes and compares.
    fn compare(
        (min, max): (i32, i32),
        run: impl Fn(&[Cell<i8>], &[Cell<i8>], &[Cell<i8>]),
        expected: impl Fn(i32, i32) -> i32,
    ) {
        let seconds: Vec<Cell<i8>> = (i8::MIN..=i8::MAX).map(Cell::new).collect();
        for first in i8::MIN..=i8::MAX {
            let firsts = vec![Cell::new(first); 256];
            run(&firsts, &seconds, &firsts);
            for (second, y) in seconds.iter().zip(&firsts) {
                let second = second.get();
                let expected = expected(first.into(), second.into()).clamp(min, max);
                assert_eq!(i32::from(y.get()), expected, "{first}, {second}");
            }
        }
    }

    /// Both sides with 20 bits to spare, relative to twice the larger scale.
    #[test]
    fn sums_follow_the_formula() {
        for (quantisation, range) in cases() {
            for (arithmetic, signs) in [
                (Arithmetic::Add, (1, 1)),
                (Arithmetic::Sub, (1, -1)),
                (Arithmetic::SubFrom, (-1, 1)),
            ] {
                let [first, second, y] = quantisation;
                let twice = 2.0 * f64::from(first.0.max(second.0));
                let side = |(scale, zero_point): (f32, i32), x: i32| {
                    let (multiplier, shift) = quantize::multiplier(f64::from(scale) / twice);
                    requantize((x - zero_point) << 20, multiplier, shift.into())
                };
                let out = quantize::multiplier(twice / (f64::from(1 << 20) * f64::from(y.0)));
                let Some(operation) = quantized(quantisation, range).sum(arithmetic) else {
                    assert!(out.1 > 0);
                    continue;
                };
                let kernel = AddI8 {
                    operation,
                    broadcast: None,
                };
                compare(
                    range,
                    |a, b, y| kernel.run(a, b, y),
                    |a, b| {
                        let sum = signs.0 * side(first, a) + signs.1 * side(second, b);
                        requantize(sum, out.0, out.1.into()) + y.1
                    },
                );
            }
        }
    }

    #[test]
    fn products_follow_the_formula() {
        for (quantisation, range) in cases() {
            let [first, second, y] = quantisation;
            let factor = f64::from(first.0) * f64::from(second.0) / f64::from(y.0);
            let (multiplier, shift) = quantize::multiplier(factor);
            if shift > 14 {
                continue; // The formula overflows.
            }
            let operation = quantized(quantisation, range).product();
            let kernel = MulI8 {
                operation,
                broadcast: None,
            };
            compare(
                range,
                |a, b, y| kernel.run(a, b, y),
                |a, b| requantize((a - first.1) * (b - second.1), multiplier, shift.into()) + y.1,
            );
        }
    }

    #[test]
    fn factors_of_any_size_saturate_products() {
        for y_scale in [1e-5, 1e-7, 1e-12] {
            let operation = quantized([(0.5, 0), (0.5, 0), (y_scale, 3)], RANGES[0]).product();
            let kernel = MulI8 {
                operation,
                broadcast: None,
            };
            compare(
                RANGES[0],
                |a, b, y| kernel.run(a, b, y),
                |a, b| (a * b).signum() * 1000 + 3,
            );
        }
    }

    fn walk(a: &[usize], b: &[usize]) -> Option<Broadcast> {
        broadcast(&merged(meeting_dims([a, b]).expect("shapes broadcast"))).expect("few dimensions")
    }

    #[test]
    fn equal_shapes_and_scalars_are_one_run() {
        assert_eq!(walk(&[2, 3, 4], &[2, 3, 4]), None);
        assert_eq!(walk(&[2, 3, 4], &[1, 1]), None);
        assert_eq!(walk(&[1, 1], &[1]), None);
        assert_eq!(walk(&[], &[]), None);
    }

    #[test]
    fn a_vector_along_the_last_dimension_is_two_dimensions() {
        let walk = walk(&[2, 5, 5, 8], &[8]).expect("not one run");
        assert_eq!((walk.run, walk.second_run), (8, 8));
        let dim = OuterDim {
            count: 50,
            first: 8,
            second: 0,
        };
        assert_eq!(walk.outer[0], dim);
        assert!(walk.outer[1..].iter().all(|d| d.count == 1));
    }

    #[test]
    fn a_larger_second_operand_takes_runs_of_one() {
        let walk = walk(&[2, 1], &[2, 3]).expect("not one run");
        assert_eq!((walk.run, walk.second_run), (1, 1));
        assert_eq!(
            walk.outer[0],
            OuterDim {
                count: 3,
                first: 0,
                second: 1
            }
        );
        assert_eq!(
            walk.outer[1],
            OuterDim {
                count: 2,
                first: 1,
                second: 3
            }
        );
    }

    proptest! {
        /// Every element against its index by NumPy's rule.
        #[test]
        fn broadcasts_reach_the_right_elements(
            dims in proptest::collection::vec((1usize..4, any::<[bool; 2]>()), 0..=OUTER_DIMS),
        ) {
            let shape = |i: usize| -> Vec<usize> {
                dims.iter().map(|(size, repeats)| if repeats[i] { 1 } else { *size }).collect()
            };
            let shapes = [shape(0), shape(1)];
            let out: Vec<usize> =
                shapes[0].iter().zip(&shapes[1]).map(|(a, b)| *a.max(b)).collect();
            let values = |shape: &[usize], unit: i32| -> Vec<i32> {
                (0..shape.iter().product::<usize>() as i32).map(|i| i * unit).collect()
            };
            let first: Vec<_> = values(&shapes[0], 1).into_iter().map(Cell::new).collect();
            let second = values(&shapes[1], 10_000);
            let y: Vec<_> = values(&out, 0).into_iter().map(Cell::new).collect();
            let kernel = BinaryConstantI32 {
                operation: Int32 { arithmetic: Arithmetic::Add, min: i32::MIN, max: i32::MAX },
                broadcast: walk(&shapes[0], &shapes[1]),
            };
            kernel.run(&first, &second, &y);
            for (i, y) in y.iter().enumerate() {
                let index = |shape: &[usize]| {
                    let (mut rest, mut stride, mut index) = (i, 1, 0);
                    for (size, out) in shape.iter().zip(&out).rev() {
                        index += rest % out % size * stride;
                        rest /= out;
                        stride *= size;
                    }
                    index as i32
                };
                prop_assert_eq!(y.get(), index(&shapes[0]) + 10_000 * index(&shapes[1]));
            }
        }
    }

    #[test]
    fn shapes_that_do_not_broadcast_are_refused() {
        assert_eq!(meeting_dims([&[2, 3], &[2]]), None);
        assert!(meeting_dims([&[0, 3], &[1, 3]]).is_some());
    }
}
