//! Templates of this crate.

use serde::Serialize;

use crate::error::{Diagnostic, Result};

/// What templates include: their names, and their text.
const PARTS: &[(&str, &str)] = &[(
    "arena_check",
    include_str!("../../templates/arena_check.tera"),
)];

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
    let mut tera = tera::Tera::default();
    tera.autoescape_on(Vec::new());
    // What includes a part goes on in the part's last line.
    let parts = PARTS.iter().map(|(name, text)| (*name, text.trim_end()));
    let all = parts.chain([("whole", template)]);
    tera.add_raw_templates(all).map_err(defect)?;
    Ok(tera.render("whole", &context).map_err(defect)?)
}
