//! Templates of this crate.

use serde::Serialize;

use crate::error::{Diagnostic, Result};

/// Fills in a template.
pub(super) fn render(template: &str, values: &impl Serialize) -> Result<String> {
    use std::error::Error as _;
    // A template that does not fit its values is a defect of castiron, not of the model; the
    // tests render every template, so nobody should meet this.
    let defect = |e: tera::Error| {
        let cause = e.source().map(|s| format!(": {s}")).unwrap_or_default();
        Diagnostic::new(format!("a template of castiron is at fault: {e}{cause}"))
            .help("please report this together with the model")
    };
    let context = tera::Context::from_serialize(values).map_err(defect)?;
    Ok(tera::Tera::one_off(template, &context, false).map_err(defect)?)
}
