//! Templates of this crate.

use minijinja::value::{Serde, ValueKind};
use serde::Serialize;

use crate::error::{Diagnostic, Result};

/// A template that others include: the name they include it by, and its text.
pub(super) type Partial = (&'static str, &'static str);

/// Macros about inputs and outputs.
pub(super) const TENSORS: Partial = (
    "c_tensors",
    include_str!("../../templates/c_tensors.h.jinja"),
);
/// Types and functions that turn real values into an input's and an output's back.
pub(super) const QUANTIZE: Partial = (
    "c_quantize",
    include_str!("../../templates/c_quantize.h.jinja"),
);
/// Kenning's macros about the first input and output, and its `model_spec`.
pub(super) const MODEL_SPEC: Partial = (
    "kenning_model_spec",
    include_str!("../../templates/kenning_model_spec.jinja"),
);
/// A macro that aligns a variable, whatever the compiler.
pub(super) const ALIGNED: Partial = ("c_aligned", include_str!("../../templates/c_aligned.jinja"));
/// A check that an arena of TFLM's interpreter is large enough.
pub(super) const ARENA_CHECK: Partial = (
    "arena_check",
    include_str!("../../templates/arena_check.jinja"),
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
    let defect = |e: minijinja::Error| {
        let cause = e.source().map(|s| format!(": {s}")).unwrap_or_default();
        Diagnostic::new(format!("a template of castiron is at fault: {e}{cause}"))
            .help("please report this together with the model")
    };
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::SemiStrict);
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    let syntax = syntax.keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(defect)?);
    environment.set_formatter(|out, state, value| match value.kind() {
        // By default they are Python's.
        ValueKind::Bool => Ok(write!(out, "{}", value.is_true())?),
        _ => minijinja::escape_formatter(out, state, value),
    });
    for (name, text) in partials {
        // What stands after an inclusion says how the text goes on.
        let added = environment.add_template(name, text.trim_end());
        added.map_err(defect)?;
    }
    Ok(environment
        .render_str(template, Serde(values))
        .map_err(defect)?)
}
