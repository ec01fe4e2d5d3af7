//! An I/O specification with everything in it that a model knows.

use serde_json::{Map, Value, json};

use crate::emit::IoSpecFile;
use crate::emit::io_spec::raw_in_order;
use crate::error::{Diagnostic, Result};

use super::interface::{Interface, Port};

/// The specification's text, completed; what the model knows nothing about stays.
pub(super) fn complete(file: Option<IoSpecFile<'_>>, interface: &Interface) -> Result<String> {
    let mut top = match file.map(|f| serde_json::from_str(f.text)) {
        Some(Ok(Value::Object(top))) => top,
        // There is none; one that is not like this has been refused.
        _ => Map::new(),
    };
    // What is the application's rather than the model's stays under `input`.
    let (from, to) = match (
        top.contains_key("processed_input"),
        top.contains_key("input"),
    ) {
        (false, true) => ("input", "processed_input"),
        (true, _) => ("processed_input", "processed_input"),
        (false, false) => ("input", "input"),
    };
    let inputs = list(top.get(from), &interface.inputs);
    let outputs = list(top.get("output"), &interface.outputs);
    top.insert(to.to_owned(), inputs);
    top.insert("output".to_owned(), outputs);
    let mut text = serde_json::to_string_pretty(&top).map_err(|e| {
        Diagnostic::fault(format_args!("the I/O specification cannot be written: {e}"))
    })?;
    text.push('\n');
    Ok(text)
}

fn list(stated: Option<&Value>, ports: &[Port]) -> Value {
    let mut stated = raw_in_order(stated).into_iter();
    let entries = ports.iter().enumerate().map(|(order, port)| {
        let mut entry = stated.next().unwrap_or_default();
        entry.insert("name".to_owned(), json!(port.name));
        entry.insert("shape".to_owned(), json!(port.shape));
        entry.insert("dtype".to_owned(), json!(port.kenning_dtype));
        entry.insert("order".to_owned(), json!(order));
        if port.scales > 0 {
            entry.insert("scale".to_owned(), json!(port.scale));
            entry.insert("zero_point".to_owned(), json!(port.zero_point));
        }
        Value::Object(entry)
    });
    entries.collect()
}
