//! RESHAPE, EXPAND_DIMS, SQUEEZE: other shapes of the same bytes, at no cost where the plan puts both
//! at one place.

use super::blocks::copy;
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::lower::Lowering;
use crate::plan::{OpMemory, OutputMemory};

pub(super) struct SameBytes;

impl Family for SameBytes {
    fn memory(&self, _: &Site<'_>) -> OpMemory {
        OpMemory {
            outputs: vec![OutputMemory::Alias(0)],
            scratch: Vec::new(),
        }
    }

    fn lower(&self, site: &Site<'_>, lowering: &mut Lowering<'_>) -> Result<(), Diagnostic> {
        let (x, y) = (site.input(0)?, site.output(0)?);
        if x.elements() != y.elements() || x.dtype != y.dtype {
            return Err(site
                .error("the output is not another shape of the input")
                .expected(format_args!("{} {:?}", x.dtype, x.shape))
                .found(format_args!("{} {:?}", y.dtype, y.shape))
                .help("export the model again with fixed shapes"));
        }
        // An alias is a permission, and the plan did not always use it: a variable has no alias.
        let x = lowering.tensor(site.input_id(0)?)?;
        let y = lowering.activation(site.output_id(0)?)?;
        if x != y {
            // A copy without loops always fits.
            let _ = copy(lowering, (x, y, 0), &[], y.len);
        }
        Ok(())
    }
}
