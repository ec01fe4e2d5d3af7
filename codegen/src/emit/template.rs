//! Templates of this crate.

use serde::Serialize;

use crate::error::{Diagnostic, Result};

/// A template that others include: the name they include it by, and its text.
pub(super) type Partial = (&'static str, &'static str);

/// Macros about inputs and outputs.
pub(super) const TENSORS: Partial = (
    "c_tensors",
    include_str!("../../templates/c_tensors.h.tera"),
);
/// Types and functions that turn real values into an input's and an output's back.
pub(super) const QUANTIZE: Partial = (
    "c_quantize",
    include_str!("../../templates/c_quantize.h.tera"),
);
/// Kenning's macros about the first input and output, and its `model_spec`.
pub(super) const MODEL_SPEC: Partial = (
    "kenning_model_spec",
    include_str!("../../templates/kenning_model_spec.tera"),
);
/// A macro that aligns a variable, whatever the compiler.
pub(super) const ALIGNED: Partial = ("c_aligned", include_str!("../../templates/c_aligned.tera"));
/// A check that an arena of TFLM's interpreter is large enough.
pub(super) const ARENA_CHECK: Partial = (
    "arena_check",
    include_str!("../../templates/arena_check.tera"),
);

/// Fills in a template.
pub(super) fn render(template: &str, values: &impl Serialize) -> Result<String> {
    render_with(template, &[], values)
}

/// Fills in a template that includes others.
pub(super) fn render_with(
    template: &str,
    partials: &[Partial],
    values: &impl Serialize,
) -> Result<String> {
    use std::error::Error as _;
    // A template that does not fit its values is a defect of castiron, not of the model; the
    // tests render every template, so nobody should meet this.
    let defect = |e: tera::Error| {
        let cause = e.source().map(|s| format!(": {s}")).unwrap_or_default();
        Diagnostic::new(format!("a template of castiron is at fault: {e}{cause}"))
            .help("please report this together with the model")
    };
    let context = tera::Context::from_serialize(values).map_err(defect)?;
    let mut tera = tera::Tera::default();
    // What stands after an inclusion says how the text goes on.
    let partials = partials.iter().map(|(name, text)| (*name, text.trim_end()));
    let all = partials.chain([("template", template)]);
    tera.add_raw_templates(all).map_err(defect)?;
    Ok(tera.render("template", &context).map_err(defect)?)
}
