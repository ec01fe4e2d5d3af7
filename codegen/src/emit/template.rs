//! Templates of this crate.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{
    Environment, ErrorKind, Output, State, UndefinedBehavior, Value, escape_formatter,
};
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
    // A template that does not fit its values is a defect of castiron, not of the model; the
    // tests render every template, so nobody should meet this.
    let defect = |e: minijinja::Error| {
        Diagnostic::new(format!("a template of castiron is at fault: {e:#}"))
            .help("please report this together with the model")
    };
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    let mut environment = Environment::new();
    environment.set_syntax(syntax.map_err(defect)?);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_formatter(format);
    // All that templates call. The library has sixty more, which take longer to compile than the rest of it.
    environment.add_filter("length", |list: &Value| list.len());
    environment.add_filter("join", join);
    environment.add_test("number", |value: &Value| value.is_number());
    for (name, text) in partials {
        // What stands after an inclusion says how the text goes on.
        let text = text.trim_end();
        environment.add_template(name, text).map_err(defect)?;
    }
    Ok(environment
        .render_str(template, Serde(values))
        .map_err(defect)?)
}

/// Writes a value as C and C++ have it; what is not there is a defect.
fn format(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> std::result::Result<(), minijinja::Error> {
    match value.kind() {
        ValueKind::Bool => Ok(write!(out, "{}", value.is_true())?),
        ValueKind::None => Err(ErrorKind::UndefinedError.into()),
        _ => escape_formatter(out, state, value),
    }
}

/// The items of a list, with a text between them.
fn join(list: &Value, between: &str) -> std::result::Result<String, minijinja::Error> {
    let mut text = String::new();
    for item in list.try_iter()? {
        if !text.is_empty() {
            text += between;
        }
        text += &item.to_string();
    }
    Ok(text)
}
