//! SELECT and SELECT_V2: of two tensors' elements, those that a third says; and BROADCAST_ARGS, which chooses between sizes.

use castiron_runtime::host::{self, HostKernel};
use castiron_runtime::kernels::{self, LOOPS};
use castiron_runtime::rows::{self, Order};

use super::elementwise::of_type;
use super::walk::{Walk, joint};
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator as Op, DType, OpKind};
use crate::program::{Argument, Choosing};

/// SELECT and SELECT_V2.
pub(super) struct Select;

/// BROADCAST_ARGS.
pub(super) struct BroadcastArgs;

impl Family for Select {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (y_id, y) = (site.output_id(0)?, site.output(0)?);
        let ids = [site.input_id(0)?, site.input_id(1)?, site.input_id(2)?];
        let alike = ids[1..]
            .iter()
            .all(|id| site.graph.tensor(*id).dtype == y.dtype);
        let is_truth = site.input(0)?.dtype == DType::Bool;
        let Some(kernel) = kernel(y.dtype).filter(|_| alike && is_truth) else {
            return Err(site.unsupported_types(
                "a condition of bool, and float32, bool, int8, uint8, int16, int32 or int64, the same for all others",
            ));
        };
        let mut shapes = ids.map(|id| site.graph.tensor(id).shape.clone());
        if site.operator.kind == OpKind::Builtin(Op::Select) {
            // A list of conditions is one of the outermost dimension's.
            let missing = shapes[1].len().saturating_sub(shapes[0].len());
            if shapes[0].len() == 1 {
                shapes[0].extend(vec![1; missing]);
            }
        }
        let walks = shapes
            .each_ref()
            .map(|shape| Walk::of(shape).broadcast(shape, &y.shape));
        let [Some(condition), Some(first), Some(second)] = &walks else {
            return Err(site
                .error("the inputs' shapes do not broadcast to the output's")
                .expected(format_args!("sizes of {:?}, or 1", y.shape))
                .found(format_args!("{shapes:?}")));
        };
        for id in &ids[1..] {
            site.same_quantization(*id, y_id)?;
        }
        let loops = joint([condition, first, second]).unwrap_or_default();
        let Some(unused) = LOOPS.checked_sub(loops.len()) else {
            return Err(site
                .error("the inputs broadcast along too many dimensions")
                .expected(format_args!("at most {LOOPS} that do not merge"))
                .found(format_args!("{shapes:?}")));
        };
        let mut select = kernels::Select {
            counts: [1; LOOPS],
            steps: [[0; 3]; LOOPS],
        };
        for (i, joint) in (unused..).zip(&loops) {
            select.counts[i] = joint.count;
            select.steps[i] = joint.steps.map(isize::unsigned_abs);
        }
        // A condition has as many bytes as bytes that it chooses between.
        let size = y.dtype.bits() / 8;
        choosing.outputs_in_place(std::iter::once((usize::from(size != 1)..3).collect()));
        let mut operands = Vec::new();
        for id in ids {
            operands.push(choosing.tensor(id)?);
        }
        operands.push(choosing.activation(y_id)?);
        choosing.call(kernel(select), operands);
        Ok(())
    }
}

/// The kernel for a type of elements.
fn kernel(dtype: DType) -> Option<fn(kernels::Select) -> Box<dyn HostKernel>> {
    Some(match dtype {
        DType::Float32 => host::select::<f32>,
        DType::Int8 => host::select::<i8>,
        DType::Uint8 | DType::Bool => host::select::<u8>,
        DType::Int16 => host::select::<i16>,
        DType::Int32 => host::select::<i32>,
        DType::Int64 => host::select::<i64>,
        _ => return None,
    })
}

impl Family for BroadcastArgs {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (y_id, y) = (site.output_id(0)?, site.output(0)?);
        let row = rows::binary("BROADCAST_ARGS").and_then(|row| of_type(row.kernels, y.dtype));
        let alike = (0..2).all(|i| site.input(i).is_ok_and(|x| x.dtype == y.dtype));
        let kernel = row
            .filter(|_| alike)
            .ok_or_else(|| site.unsupported_types("int32 or int64, the same for all tensors"))?;
        let lengths = [site.input(0)?.elements(), site.input(1)?.elements()];
        let tail = lengths[0].min(lengths[1]);
        site.expect_shape(y_id, &[lengths[0].max(lengths[1])])?;
        // What only the longer shape has is the output's; the kernel's first operand is no constant.
        let longer = usize::from(lengths[1] > lengths[0]);
        let first = usize::from(site.input(0)?.is_constant());
        let y = choosing.activation(y_id)?;
        let head = y.len - tail;
        if head > 0 {
            let from = choosing.tensor(site.input_id(longer)?)?;
            choosing.copy(part(from, 0, head), part(y, 0, head));
        }
        if tail > 0 {
            let [a, b] = [first, 1 - first].map(|input| (input, lengths[input] - tail));
            let order = Order {
                exchanged: first == 1,
                broadcast: None,
            };
            let operands = [
                part(choosing.activation(site.input_id(a.0)?)?, a.1, tail),
                part(choosing.tensor(site.input_id(b.0)?)?, b.1, tail),
                part(y, head, tail),
            ];
            choosing.call(kernel(order), operands);
        }
        Ok(())
    }
}

fn part(all: Argument, first: usize, len: usize) -> Argument {
    Argument {
        offset: all.offset + first * all.element.bytes(),
        len,
        ..all
    }
}
