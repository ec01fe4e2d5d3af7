//! Operators that an accelerator runs.

use super::{Look, Requests};
use crate::error::Diagnostic;

/// `ethos-u`: what the kernel hands to the NPU's driver. The driver itself takes nothing of the
/// arena; the NPU's own working memory is a tensor of the file.
pub(super) fn ethos_u(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let operator = r.site.operator;
    // The command stream is among them, though nothing is written for it.
    let tensors = operator.inputs.len() + operator.outputs.len();
    if operator.inputs.is_empty() {
        return Err(r.site.unfit("a command stream as its first input"));
    }
    // An address of 64 bits and a size of 32 for each.
    r.scratch(8 * tensors);
    r.scratch(4 * tensors);
    r.look(&[Look::Input(0)]);
    Ok(())
}
