//! What the interpreter does besides its kernels, and castiron's calls of the kernels do not.

use super::rule::At::{In, Out};
use super::rule::Rule;
use crate::graph::Options;
use crate::graph::Site;

/// What it refuses.
pub(super) const TAKES: &[Rule] = &[Rule::Is(
    "no intermediate tensors with a size",
    intermediates,
)];

/// What it hands to a kernel so that this computes something else.
pub(super) const COMPUTES: &[(Rule, &str)] = &[(
    Rule::Is(
        "the option depth_multiplier that the channels give",
        multiplier,
    ),
    "the kernel uses the option depth_multiplier, not the number of channels",
)];

/// Converters leave there what they calibrated with.
fn intermediates(site: &Site<'_>) -> Result<(), String> {
    let operator = site.operator;
    let mut tensors = operator
        .intermediates
        .iter()
        .map(|id| site.graph.tensor(*id));
    match tensors.find(|tensor| tensor.elements() > 0) {
        Some(tensor) => Err(format!("one of shape {:?}", tensor.shape)),
        None => Ok(()),
    }
}

/// Some writers leave the option 0.
fn multiplier(site: &Site<'_>) -> Result<(), String> {
    let (Options::DepthwiseConv2d(options), Some(input), Some(output)) =
        (site.options(), In(0).tensor(site), Out(0).tensor(site))
    else {
        return Ok(());
    };
    let (Some(inputs), Some(outputs)) = (input.shape.last(), output.shape.last()) else {
        return Ok(());
    };
    let found = options.depth_multiplier;
    let channels = usize::try_from(found)
        .ok()
        .and_then(|found| found.checked_mul(*inputs));
    match channels == Some(*outputs) {
        true => Ok(()),
        false => Err(format!(
            "{found}, for {inputs} channels that become {outputs}"
        )),
    }
}
