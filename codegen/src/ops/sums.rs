//! CUMSUM and ADD_N: sums of float32 and integers as they are, and of int8 in steps of a fine scale.

use castiron_runtime::host;
use castiron_runtime::kernels::{self, Axis, FINE_STEP, FineSum, ReduceSum, Scan};
use castiron_runtime::rows::{self, Order};

use super::binary::too_fine_an_output;
use super::elementwise::of_type;
use super::walk::Walk;
use super::{Family, Site, quantize};
use crate::error::Diagnostic;
use crate::graph::{DType, OptionValue};
use crate::program::{Argument, Choosing, ElementType};
use crate::sorted;

/// CUMSUM.
pub(super) struct Cumsum;

/// ADD_N.
pub(super) struct AddN;

impl Family for Cumsum {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (site.input(0)?, site.output(0)?);
        site.expect_shape(y_id, &x.shape)?;
        let [axis] = site.integers(1, "the axis")?[..] else {
            return Err(site
                .tensor_error(site.input_id(1)?, "the operator takes exactly one axis")
                .expected("a tensor of 1 element")
                .found(format_args!("the shape {:?}", site.input(1)?.shape)));
        };
        let axis = site.axis(axis, x.shape.len())?;
        let is_set = |name| site.options().listed(name) == Some(OptionValue::Bool(true));
        let scan = Along {
            axis: Axis {
                count: x.shape[axis],
                step: x.shape[axis + 1..].iter().product(),
            },
            exclusive: is_set("exclusive"),
            reverse: is_set("reverse"),
        };
        let kernel = match (x.dtype, y.dtype) {
            (DType::Float32, DType::Float32) => host::scan::<f32, f32>(scan.of(ReduceSum {})),
            (DType::Int32, DType::Int32) => host::scan::<i32, i32>(scan.of(ReduceSum {})),
            (DType::Int64, DType::Int64) => host::scan::<i64, i64>(scan.of(ReduceSum {})),
            (DType::Int8, DType::Int8) => host::scan::<i8, i8>(scan.of(fine_sum(site)?)),
            _ => {
                return Err(site.unsupported_types(
                    "float32, int8, int32 or int64, the same for input and output",
                ));
            }
        };
        let operands = [choosing.activation(x_id)?, choosing.activation(y_id)?];
        choosing.call(kernel, operands);
        Ok(())
    }
}

/// All of a [`Scan`] but its function.
struct Along {
    axis: Axis,
    exclusive: bool,
    reverse: bool,
}

impl Along {
    fn of<F>(self, function: F) -> Scan<F> {
        Scan {
            function,
            axis: self.axis,
            exclusive: self.exclusive,
            reverse: self.reverse,
        }
    }
}

/// A sum of int8 of the first input's scale. Twice that scale is divided by 2²⁰ times the output's.
fn fine_sum(site: &Site<'_>) -> Result<FineSum, Diagnostic> {
    let (x_scale, in_zero_point) = site.per_tensor(site.input_id(0)?)?;
    let (y_scale, zero_point) = site.per_tensor(site.output_id(0)?)?;
    let steps = f64::from(1u32 << (FINE_STEP + 1));
    let factor = 2.0 * f64::from(x_scale) / (steps * f64::from(y_scale));
    if factor >= 1.0 {
        return Err(too_fine_an_output(site, FINE_STEP));
    }
    let (multiplier, shift) = quantize::multiplier(factor);
    Ok(FineSum {
        // TensorFlow Lite Micro begins with what a stored 0 stands for.
        start: in_zero_point.wrapping_neg() << FINE_STEP,
        in_zero_point,
        multiplier,
        shift: shift.into(),
        zero_point,
    })
}

impl Family for AddN {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (y_id, y) = (site.output_id(0)?, site.output(0)?);
        let ids: Result<Vec<_>, _> = (0..site.operator.inputs.len())
            .map(|position| site.input_id(position))
            .collect();
        let mut ids = ids?;
        for id in &ids {
            site.expect_shape(*id, &y.shape)?;
            if site.graph.tensor(*id).dtype != y.dtype {
                return Err(unsupported(site));
            }
            site.same_quantization(*id, site.input_id(0)?)?;
        }
        if y.dtype == DType::Int8 {
            return fine_sums(site, choosing);
        }
        let add = rows::binary("ADD").and_then(|row| of_type(row.kernels, y.dtype));
        let add = add.ok_or_else(|| unsupported(site))?;
        // The kernel's first operand is no constant.
        sorted::by_key(&mut ids, |id| site.graph.tensor(*id).is_constant());
        let y = choosing.activation(y_id)?;
        match ids[..] {
            // Others are still to be read once the output has a first sum.
            [_, _] => choosing.in_place(2),
            [x] => {
                let x = choosing.tensor(x)?;
                choosing.copy(x, y);
            }
            _ => {}
        }
        let mut sum = None;
        for pair in 1..ids.len() {
            let first = match sum {
                None => choosing.activation(ids[0])?,
                Some(sum) => sum,
            };
            let second = choosing.tensor(ids[pair])?;
            let order = Order {
                exchanged: false,
                broadcast: None,
            };
            choosing.call(add(order), [first, second, y]);
            sum = Some(y);
        }
        Ok(())
    }
}

fn unsupported(site: &Site<'_>) -> Diagnostic {
    site.unsupported_types("float32, int8 or int32, the same for all tensors")
}

/// All inputs one after the other, and their sums across.
fn fine_sums(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    let y = choosing.activation(site.output_id(0)?)?;
    let inputs = site.operator.inputs.len();
    let all = choosing.scratch(ElementType::I8, inputs * y.len);
    for position in 0..inputs {
        let x = choosing.tensor(site.input_id(position)?)?;
        let to = Argument {
            offset: position * y.len,
            len: y.len,
            ..all
        };
        choosing.copy(x, to);
    }
    let function = fine_sum(site)?;
    let reduction = Walk::of(&[inputs, y.len]).reduction(&[true, false]);
    let reduction = reduction.ok_or_else(|| site.error("the sum has too many loops"))?;
    let kernel = kernels::Reduce {
        function,
        reduction,
    };
    choosing.call(host::reduce::<i8, i8>(kernel), [all, y]);
    Ok(())
}
