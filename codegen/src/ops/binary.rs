//! Functions of two values as quantised numbers.

use castiron_runtime::host::{self, HostKernel};
use castiron_runtime::kernels::{
    Add, Combine, MveSum, Product, QuantizedPrelu, Quotient, Requantized, Side, SquaredDifference,
    Sub, Sum, Zip,
};
use castiron_runtime::rows::Order;

use super::broadcast::Operands;
use super::{Site, quantize, short_sum};
use crate::error::Diagnostic;
use crate::graph::scales::{is_below_one, sum_fits};
use crate::graph::{Activation, BuiltinOperator as Op, DType, OpKind};
use crate::target::Isa;

/// A kernel of quantised values, of operands in an order, with an activation, for some instructions.
type Kernel =
    fn(&Site<'_>, &Operands, (Activation, Isa)) -> Result<Box<dyn HostKernel>, Diagnostic>;

const BYTES: &[DType] = &[DType::Int8, DType::Uint8];
const BYTES_AND_WORDS: &[DType] = &[DType::Int8, DType::Uint8, DType::Int16];

/// What is computed of quantised values, and of which types.
pub(super) fn quantized(site: &Site<'_>) -> Option<(&'static [DType], Kernel)> {
    let OpKind::Builtin(operator) = site.operator.kind else {
        return None;
    };
    Some(match operator {
        Op::Add => (BYTES_AND_WORDS, |site, operands, how| {
            sum(site, operands, how, [1, 1], Add)
        }),
        Op::Sub => (BYTES_AND_WORDS, |site, operands, how| {
            sum(site, operands, how, [1, -1], Sub)
        }),
        Op::Mul => (BYTES_AND_WORDS, |site, operands, (activation, _)| {
            product(site, operands, activation)
        }),
        Op::Div => (BYTES, |site, operands, (activation, _)| {
            quotient(site, operands, activation)
        }),
        Op::Prelu => (BYTES_AND_WORDS, |site, operands, _| prelu(site, operands)),
        Op::SquaredDifference => (BYTES_AND_WORDS, |site, operands, (activation, _)| {
            let quantized = Quantized::new(site, [0, 1], activation)?;
            let spare = if site.input(0)?.dtype == DType::Int16 {
                0
            } else {
                7
            };
            let difference = quantized.requantized(site, SquaredDifference, spare, 2)?;
            of_type(site, operands.order().of(difference))
        }),
        _ => return None,
    })
}

/// A kernel of the inputs' type.
fn of_type<F>(site: &Site<'_>, kernel: Zip<F>) -> Result<Box<dyn HostKernel>, Diagnostic>
where
    F: Combine<i8, i8> + Combine<u8, u8> + Combine<i16, i16> + host::Part,
{
    Ok(match site.input(0)?.dtype {
        DType::Int8 => host::zip::<i8, i8, _>(kernel),
        DType::Uint8 => host::zip::<u8, u8, _>(kernel),
        _ => host::zip::<i16, i16, _>(kernel),
    })
}

/// ADD and SUB; int8 has a kernel of its own.
fn sum<F: Combine<i32, i32> + host::Part>(
    site: &Site<'_>,
    operands: &Operands,
    (activation, isa): (Activation, Isa),
    signs: [i32; 2],
    function: F,
) -> Result<Box<dyn HostKernel>, Diagnostic> {
    let spare = match site.input(0)?.dtype {
        DType::Int16 => Some(15),
        DType::Uint8 => Some(20),
        _ => None,
    };
    if let Some(spare) = spare {
        let quantized = Quantized::new(site, [0, 1], activation)?;
        if !quantized.fits(spare) {
            return Err(too_fine_an_output(site, spare - 1));
        }
        let sum = quantized.requantized(site, function, spare, 1)?;
        return of_type(site, operands.order().of(sum));
    }
    let inputs = [operands.first, operands.second];
    let quantized = Quantized::new(site, inputs, activation)?;
    let signs = inputs.map(|input| signs[input]);
    let sum = quantized.sum(signs);
    let sum = sum.ok_or_else(|| too_fine_an_output(site, 19))?;
    let order = in_kernels_order(operands);
    Ok(match short_sum::of(&sum, quantized.factors(signs)) {
        Some(sum) if isa.has_mve() => host::zip_in_forms::<i8, i8, _>(order.of(MveSum { sum })),
        Some(short) => host::zip_in_forms::<i8, i8, _>(order.of(short)),
        None => host::zip_in_forms::<i8, i8, _>(order.of(sum)),
    })
}

/// MUL.
fn product(
    site: &Site<'_>,
    operands: &Operands,
    activation: Activation,
) -> Result<Box<dyn HostKernel>, Diagnostic> {
    let quantized = Quantized::new(site, [operands.first, operands.second], activation)?;
    let factor = quantize::requantization(site, quantized.product_factor())?;
    let product = in_kernels_order(operands).of(quantized.product(factor));
    match site.input(0)?.dtype {
        DType::Int8 => Ok(host::zip_in_forms::<i8, i8, _>(product)),
        _ => of_type(site, product),
    }
}

/// DIV.
fn quotient(
    site: &Site<'_>,
    operands: &Operands,
    activation: Activation,
) -> Result<Box<dyn HostKernel>, Diagnostic> {
    let quantized = Quantized::new(site, [0, 1], activation)?;
    // The quotient is one of single precision in TensorFlow.
    let factor = quantized.first.0 / (quantized.second.0 * quantized.y.0);
    let (multiplier, shift) = quantize::requantization(site, factor.into())?;
    let quotient = Quotient {
        first_zero_point: quantized.first.1,
        second_zero_point: quantized.second.1,
        multiplier,
        shift: shift.into(),
        out_zero_point: quantized.y.1,
        min: quantized.min,
        max: quantized.max,
    };
    of_type(site, operands.order().of(quotient))
}

/// Whether the second input has other types of elements than the first, and may: slopes of int8 beside int16.
pub(super) fn widens(site: &Site<'_>) -> Result<bool, Diagnostic> {
    let [first, second] = [site.input(0)?, site.input(1)?];
    Ok(site.operator.kind == OpKind::Builtin(Op::Prelu)
        && first.dtype == DType::Int16
        && second.dtype == DType::Int8
        && second.is_constant())
}

/// Whether inputs of an operator that compares are brought to one scale, rather than compared as they are stored.
pub(super) fn scales(site: &Site<'_>) -> bool {
    let equality = [Op::Equal, Op::NotEqual].map(OpKind::Builtin);
    site.input(0).is_ok_and(|x| {
        x.dtype != DType::Int16
            || x.quantization.is_some() && equality.contains(&site.operator.kind)
    })
}

/// For functions whose parameters are in the kernel's order of operands.
fn in_kernels_order(operands: &Operands) -> Order {
    Order {
        exchanged: false,
        ..operands.order()
    }
}

fn prelu(site: &Site<'_>, operands: &Operands) -> Result<Box<dyn HostKernel>, Diagnostic> {
    let quantized = Quantized::new(site, [0, 1], Activation::None)?;
    let factor = f64::from(quantized.first.0) / f64::from(quantized.y.0);
    let (multiplier, shift) = quantize::requantization(site, factor)?;
    let (slope_multiplier, slope_shift) =
        quantize::requantization(site, quantized.product_factor())?;
    let prelu = QuantizedPrelu {
        zero_point: quantized.first.1,
        multiplier,
        shift: shift.into(),
        slope_zero_point: quantized.second.1,
        slope_multiplier,
        slope_shift: slope_shift.into(),
        out_zero_point: quantized.y.1,
    };
    of_type(site, operands.order().of(prelu))
}

/// What operators that compare bring both inputs to: real values, with eight bits to spare.
pub(super) fn compared(site: &Site<'_>) -> Result<[Side; 2], Diagnostic> {
    let side = |position| {
        let id = site.input_id(position)?;
        let (scale, zero_point) = site.per_tensor(id)?;
        if !is_below_one(f64::from(scale)) {
            return Err(site
                .tensor_error(id, "the scale is too large for a comparison")
                .expected("a scale below 1")
                .found(scale)
                .help("quantise the model again, or compare before quantisation"));
        }
        Ok(side(zero_point, 8, f64::from(scale)))
    };
    Ok([side(0)?, side(1)?])
}

/// A stored value by a factor below 1.
fn side(zero_point: i32, spare: u32, factor: f64) -> Side {
    let (multiplier, shift) = quantize::multiplier(factor);
    Side {
        zero_point,
        spare,
        multiplier,
        shift: shift.into(),
    }
}

pub(super) fn too_fine_an_output(site: &Site<'_>, bits: u32) -> Diagnostic {
    site.error("the output's scale is too small for the inputs'")
        .expected(format_args!(
            "more than 2^-{bits} times the larger input scale"
        ))
        .help("quantise the model again; the output's range does not hold the inputs'")
}

/// Scales and zero points of two inputs and the output.
pub struct Quantized {
    pub first: (f32, i32),
    pub second: (f32, i32),
    pub y: (f32, i32),
    pub min: i32,
    pub max: i32,
}

impl Quantized {
    fn new(
        site: &Site<'_>,
        [first, second]: [usize; 2],
        activation: Activation,
    ) -> Result<Self, Diagnostic> {
        let y_id = site.output_id(0)?;
        let (min, max) = site.integer_range(activation, y_id)?;
        Ok(Self {
            first: site.per_tensor(site.input_id(first)?)?,
            second: site.per_tensor(site.input_id(second)?)?,
            y: site.per_tensor(y_id)?,
            min,
            max,
        })
    }

    fn fits(&self, spare: u32) -> bool {
        sum_fits(self.first.0, self.second.0, self.y.0, spare)
    }

    fn twice_larger(&self) -> f64 {
        2.0 * f64::from(self.first.0.max(self.second.0))
    }

    /// A function of both sides relative to twice the larger scale, with bits to spare; its result is of so high a
    /// power of that.
    fn requantized<F>(
        &self,
        site: &Site<'_>,
        function: F,
        spare: u32,
        power: i32,
    ) -> Result<Requantized<F>, Diagnostic> {
        let twice = self.twice_larger();
        let [first, second] = [self.first, self.second]
            .map(|(scale, zero_point)| side(zero_point, spare, f64::from(scale) / twice));
        let unit = twice / f64::from(1 << spare);
        let (multiplier, shift) =
            quantize::requantization(site, unit.powi(power) / f64::from(self.y.0))?;
        Ok(Requantized {
            function,
            first,
            second,
            multiplier,
            shift: shift.into(),
            zero_point: self.y.1,
            min: self.min,
            max: self.max,
        })
    }

    /// Constants of ADD and SUB of bytes with these signs; `None` where the output's scale is too small.
    ///
    /// The quotients are of double precision for SUB as for ADD, as in TensorFlow; TensorFlow Lite
    /// Micro divides in single precision for SUB, which shows in a multiplier's last bits.
    pub fn sum(&self, signs: [i32; 2]) -> Option<Sum> {
        if !self.fits(20) {
            return None;
        }
        let first_is_exact = self.first.0 >= self.second.0;
        let (exact, exact_sign, rounded, rounded_sign) = if first_is_exact {
            (self.first, signs[0], self.second, signs[1])
        } else {
            (self.second, signs[1], self.first, signs[0])
        };
        let twice_larger = self.twice_larger();
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
            rounded_shift: rounded_shift.into(),
            rounded_sign,
            out_multiplier,
            out_shift: out_shift.into(),
            out_zero_point: self.y.1,
            min: self.min,
            max: self.max,
        })
    }

    /// What a sum with these signs multiplies stored values by.
    pub fn factors(&self, signs: [i32; 2]) -> [f64; 2] {
        let factor = |(scale, _), sign| f64::from(sign) * f64::from(scale) / f64::from(self.y.0);
        [factor(self.first, signs[0]), factor(self.second, signs[1])]
    }

    /// What MUL multiplies products of stored values by.
    pub fn product_factor(&self) -> f64 {
        f64::from(self.first.0) * f64::from(self.second.0) / f64::from(self.y.0)
    }

    /// Constants of MUL.
    pub fn product(&self, (multiplier, shift): (i32, i8)) -> Product {
        Product {
            first_zero_point: self.first.1,
            second_zero_point: self.second.1,
            multiplier,
            shift: i32::from(shift),
            out_zero_point: self.y.1,
            min: self.min,
            max: self.max,
        }
    }
}
