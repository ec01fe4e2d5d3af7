//! L2_NORMALIZATION along the last axis: float32, int8 and uint8.

use castiron_runtime::kernels::{L2NormF32, L2NormI8, L2NormU8};

use super::softmax::expect_output;
use super::{Family, Site, unary};
use crate::error::Diagnostic;
use crate::graph::{Activation, DType, OptionValue};
use crate::program::Choosing;

pub(super) struct L2Normalization;

impl Family for L2Normalization {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        choosing.in_place(1);
        let (x, y) = unary::operands(site, choosing)?;
        if let Some(OptionValue::Activation(activation)) = site.options().listed("activation")
            && activation != Activation::None
        {
            return Err(site
                .error("the operator has no fused activation")
                .found(format_args!("{activation:?}"))
                .help("export the activation as an operator of its own"));
        }
        let depth = site.input(0)?.shape.last().copied().unwrap_or(1);
        match unary::types(site)? {
            (DType::Float32, DType::Float32) => choosing.call(L2NormF32 { depth }, [x, y]),
            (DType::Int8, DType::Int8) => {
                expect_output(site, 1.0 / 128.0, 0)?;
                let (_, zero_point) = site.per_tensor(site.input_id(0)?)?;
                choosing.call(L2NormI8 { depth, zero_point }, [x, y]);
            }
            (DType::Uint8, DType::Uint8) => {
                expect_output(site, 1.0 / 128.0, 128)?;
                let (_, zero_point) = site.per_tensor(site.input_id(0)?)?;
                choosing.call(L2NormU8 { depth, zero_point }, [x, y]);
            }
            _ => return Err(site.unsupported_types("float32, int8 or uint8, alike in and out")),
        }
        Ok(())
    }
}
