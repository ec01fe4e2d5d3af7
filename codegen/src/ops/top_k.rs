//! TOPK_V2: the greatest values along the last axis, and where they are.

use castiron_runtime::host::{self, HostKernel};
use castiron_runtime::kernels;

use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::DType;
use crate::program::Choosing;

pub(super) struct TopK;

impl Family for TopK {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let x = site.input(0)?;
        let ids = [site.input_id(0)?, site.output_id(0)?, site.output_id(1)?];
        let Some((depth, rows)) = x.shape.split_last() else {
            return Err(site
                .tensor_error(ids[0], "the input is a scalar")
                .expected("at least one dimension"));
        };
        let counts = site.integers(1, "how many values are wanted")?;
        let count = counts.first().and_then(|n| usize::try_from(*n).ok());
        let Some(count) = count.filter(|count| count <= depth) else {
            return Err(site
                .tensor_error(site.input_id(1)?, "more values are wanted than a row has")
                .expected(format_args!("0 to {depth}"))
                .found(format_args!("{counts:?}")));
        };
        let shape = [rows, &[count]].concat();
        for id in &ids[1..] {
            site.expect_shape(*id, &shape)?;
        }
        let alike = site.output(0)?.dtype == x.dtype && site.output(1)?.dtype == DType::Int32;
        let kernel = kernel(x.dtype).filter(|_| alike).ok_or_else(|| {
            site.unsupported_types(
                "float32, int8, uint8, int16, int32 or int64, to the same type and int32",
            )
        })?;
        let top = kernels::TopK {
            depth: *depth,
            count,
        };
        let x = choosing.in_memory(ids[0])?;
        let [values, indices] = [ids[1], ids[2]].map(|id| choosing.activation(id));
        choosing.call(kernel(top), [x, values?, indices?]);
        Ok(())
    }
}

/// The kernel for a type of elements.
fn kernel(dtype: DType) -> Option<fn(kernels::TopK) -> Box<dyn HostKernel>> {
    Some(match dtype {
        DType::Float32 => host::top_k::<f32>,
        DType::Int8 => host::top_k::<i8>,
        DType::Uint8 => host::top_k::<u8>,
        DType::Int16 => host::top_k::<i16>,
        DType::Int32 => host::top_k::<i32>,
        DType::Int64 => host::top_k::<i64>,
        _ => return None,
    })
}
