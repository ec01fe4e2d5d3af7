//! The page: a template, and the JSON that it is drawn from.

use castiron_templates as templates;
use serde::Serialize;

pub use castiron_templates::Defect;

use crate::data::Report;

/// One page that needs nothing else: no network, no other file.
///
/// # Errors
/// Only if castiron's template is at fault.
pub fn html(report: &Report) -> Result<String, Defect> {
    #[derive(Serialize)]
    struct Values<'a> {
        style: &'a str,
        script: &'a str,
        json: &'a str,
    }
    templates::REPORT_HTML.render(&Values {
        style: templates::REPORT_STYLE.trim_end(),
        script: &templates::REPORT_SCRIPTS.concat(),
        json: &in_script(report),
    })
}

/// The JSON as the text of a script element, which a name in it must not end.
fn in_script(report: &Report) -> String {
    // Maps have names as keys, and no writer is there to fail.
    let json = serde_json::to_string(report).unwrap_or_default();
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // They are in strings alone, which may have any character as its code.
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            c => text.push(c),
        }
    }
    text
}
