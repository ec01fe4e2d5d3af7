//! SVDF: float32, with weights of float32 or int8, and int8 with a state of int8 or int16.
//!
//! The product of inputs and feature weights is that of FULLY_CONNECTED, into a working buffer.

use castiron_runtime::kernels::{
    Float, FullyConnectedSizes, Hybrid, Int8, Int8To16, ScaleSums, SvdfF32, SvdfI8, SvdfI16,
    SvdfQuantization, SvdfSizes,
};

use super::numbers::{Call, call_portable, folded, quantize_rows};
use super::{Family, Site, quantize};
use crate::error::Diagnostic;
use crate::graph::{Activation, DType, OptionValue, TensorId};
use crate::program::{Argument, Choosing, ElementType};

const WEIGHTS: usize = 1;
const TIME: usize = 2;
const BIAS: usize = 3;
const STATE: usize = 4;

/// The range of what has none.
const EVERYTHING: Float = Float {
    min: f32::MIN,
    max: f32::MAX,
};

pub(super) struct Svdf;

impl Family for Svdf {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x, y) = (site.input(0)?, site.output(0)?);
        let (weights, time) = (site.input(WEIGHTS)?, site.input(TIME)?);
        let rank = usize::try_from(site.options().integer("rank")).unwrap_or(0);
        let (&[batch, inputs], &[filters, _], &[_, memory]) =
            (&x.shape[..], &weights.shape[..], &time.shape[..])
        else {
            return Err(site
                .error("the tensors' ranks are wrong")
                .expected("2 dimensions each of input, feature weights and time weights")
                .found(format_args!(
                    "{:?}, {:?} and {:?}",
                    x.shape, weights.shape, time.shape
                )));
        };
        let sizes = SvdfSizes {
            units: filters.checked_div(rank).unwrap_or(0),
            rank,
            memory,
        };
        site.expect_shape(site.output_id(0)?, &[batch, sizes.units])?;
        site.expect_shape(site.input_id(WEIGHTS)?, &[filters, inputs])?;
        site.expect_shape(site.input_id(TIME)?, &[filters, memory])?;
        site.expect_shape(site.input_id(STATE)?, &[batch, memory * filters])?;
        let this = Inner {
            sizes,
            matrix: FullyConnectedSizes {
                rows: batch,
                inputs,
                outputs: filters,
            },
            state: site.variable(STATE, "the state")?,
            x: choosing.in_memory(site.input_id(0)?)?,
            y: choosing.activation(site.output_id(0)?)?,
        };
        site.constant(TIME, "time weights")?;
        let state = site.input(STATE)?.dtype;
        match [x.dtype, weights.dtype, time.dtype, state, y.dtype] {
            [
                DType::Float32,
                DType::Float32,
                DType::Float32,
                DType::Float32,
                DType::Float32,
            ] => this.float(site, choosing),
            [
                DType::Float32,
                DType::Int8,
                DType::Int8,
                DType::Float32,
                DType::Float32,
            ] => this.hybrid(site, choosing),
            [
                DType::Int8,
                DType::Int8,
                time @ (DType::Int8 | DType::Int16),
                state,
                DType::Int8,
            ] if time == state => this.integer(site, choosing),
            _ => Err(site.unsupported_types(
                "float32, also with int8 weights, or int8 with time weights and a state that are both int8 or int16",
            )),
        }
    }
}

/// What an SVDF is of, whatever the types.
struct Inner {
    sizes: SvdfSizes,
    matrix: FullyConnectedSizes,
    state: TensorId,
    x: Argument,
    y: Argument,
}

impl Inner {
    fn float(self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let weights = site.constant_f32(WEIGHTS, "feature weights")?;
        let features = self.features(ElementType::F32, choosing);
        let call = Call {
            numbers: EVERYTHING,
            weight: &|filter, i| weights[filter * self.matrix.inputs + i],
            x: self.x,
            constants: vec![choosing.constant::<f32>(&[])],
            y: features,
        };
        call_portable(call, &self.matrix, choosing);
        let time = choosing.tensor(site.input_id(TIME)?)?;
        self.remember(site, choosing, features, time)
    }

    /// Inputs are quantised at run time, each row by what is in it; what is remembered is real.
    fn hybrid(self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let weights = site.constant_i8(WEIGHTS, "feature weights")?;
        let (weight_scale, time_scale) = (site.symmetric(WEIGHTS)?, site.symmetric(TIME)?);
        let time = site.constant_i8(TIME, "time weights")?.into_iter();
        let time: Vec<f32> = time.map(|weight| f32::from(weight) * time_scale).collect();
        let asymmetric = site.options().flag("asymmetric_quantize_inputs");
        let [quantized, scales] = quantize_rows(self.x, self.matrix.rows, asymmetric, choosing);
        let sums = self.features(ElementType::I32, choosing);
        let call = Call {
            numbers: Hybrid,
            weight: &|filter, i| weights[filter * self.matrix.inputs + i],
            x: quantized,
            constants: Vec::new(),
            y: sums,
        };
        call_portable(call, &self.matrix, choosing);
        let features = Argument {
            element: ElementType::F32,
            ..sums
        };
        let kernel = ScaleSums {
            channels: self.matrix.outputs,
            blocks: 1,
            pixels: 1,
            apart: false,
            range: EVERYTHING,
        };
        let operands = [
            sums,
            scales,
            choosing.constant(&[weight_scale]),
            choosing.constant::<f32>(&[]),
            features,
        ];
        choosing.call(kernel, operands);
        let time = choosing.constant(&time);
        self.remember(site, choosing, features, time)
    }

    /// What real features become.
    fn remember(
        self,
        site: &Site<'_>,
        choosing: &mut Choosing<'_>,
        features: Argument,
        time: Argument,
    ) -> Result<(), Diagnostic> {
        let activation = match site.options().listed("activation") {
            Some(OptionValue::Activation(activation)) => activation,
            _ => Activation::None,
        };
        let bias = match site.optional_input(BIAS) {
            Some(_) => site.constant_f32(BIAS, "the bias")?,
            None => Vec::new(),
        };
        let kernel = SvdfF32 {
            sizes: self.sizes,
            range: site.float_range(activation)?,
        };
        let operands = [
            features,
            time,
            choosing.constant(&bias),
            choosing.activation(self.state)?,
            self.y,
        ];
        choosing.call(kernel, operands);
        Ok(())
    }

    /// The fused activation is left out of account, as the references do.
    fn integer(self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let weights = site.constant_i8(WEIGHTS, "feature weights")?;
        let (x_scale, x_zero_point) = site.per_tensor(site.input_id(0)?)?;
        let (y_scale, out_zero_point) = site.per_tensor(site.output_id(0)?)?;
        let weight_scale = site.symmetric(WEIGHTS)?;
        let time_scale = site.symmetric(TIME)?;
        let (state_scale, state_zero_point) = site.per_tensor(self.state)?;
        // The references divide in single precision.
        let first = f64::from(x_scale * weight_scale / state_scale);
        let second = f64::from(state_scale * time_scale / y_scale);
        let (multiplier, shift) = quantize::requantization(site, first)?;
        let bias = folded(&weights, self.matrix.inputs, x_zero_point, &[]);
        let bias = choosing.constant(&bias);
        let factor = [
            choosing.constant(&[multiplier]),
            choosing.constant(&[shift]),
        ];
        let weight = |filter: usize, i: usize| weights[filter * self.matrix.inputs + i];
        let is_narrow = site.input(STATE)?.dtype == DType::Int8;
        let features = match is_narrow {
            true => {
                let features = self.features(ElementType::I8, choosing);
                // The state's zero point is added behind the bounds, which may leave them.
                let numbers = Int8 {
                    in_zero_point: x_zero_point,
                    out_zero_point: 0,
                    min: i8::MIN.into(),
                    max: i8::MAX.into(),
                    small: false,
                };
                let plain = choosing.constant::<i32>(&[]);
                let call = Call {
                    numbers,
                    weight: &weight,
                    x: self.x,
                    constants: vec![bias, plain, factor[0], factor[1]],
                    y: features,
                };
                call_portable(call, &self.matrix, choosing);
                features
            }
            false => {
                let features = self.features(ElementType::I16, choosing);
                let call = Call {
                    numbers: Int8To16,
                    weight: &weight,
                    x: self.x,
                    constants: vec![bias, factor[0], factor[1]],
                    y: features,
                };
                call_portable(call, &self.matrix, choosing);
                features
            }
        };
        let (multiplier, shift) = quantize::requantization(site, second)?;
        let quantization = SvdfQuantization {
            state_zero_point,
            multiplier,
            shift: shift.into(),
            out_zero_point,
        };
        let bias = match site.optional_input(BIAS) {
            Some(_) => site.constant_i32(BIAS, "the bias")?,
            None => Vec::new(),
        };
        let operands = [
            features,
            choosing.tensor(site.input_id(TIME)?)?,
            choosing.constant(&bias),
            choosing.activation(self.state)?,
            self.y,
        ];
        let sizes = self.sizes;
        match is_narrow {
            true => choosing.call(
                SvdfI8 {
                    sizes,
                    quantization,
                },
                operands,
            ),
            false => choosing.call(
                SvdfI16 {
                    sizes,
                    quantization,
                },
                operands,
            ),
        }
        Ok(())
    }

    fn features(&self, element: ElementType, choosing: &mut Choosing<'_>) -> Argument {
        choosing.scratch(element, self.matrix.rows * self.matrix.outputs)
    }
}
