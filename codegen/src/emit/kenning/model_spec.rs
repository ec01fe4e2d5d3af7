//! `model_spec_t` and the macros in front of it, as text for a template.

use serde::Serialize;

use crate::emit::literal::{c_comment, c_string, shortened};
use crate::error::{Diagnostic, Error, Result};

use super::dtype;
use super::interface::{Interface, Port};
use super::{MAX_DIMS, MAX_INPUTS, MAX_NAME, MAX_OUTPUTS};

/// The values of the template `kenning_model_spec`, and a comment on each input and output.
#[derive(Debug, Serialize)]
pub(crate) struct ModelSpec {
    comments: Vec<String>,
    input: Side,
    output: Side,
    labels: Vec<String>,
    entry_func: String,
    model_name: String,
}

/// The inputs or the outputs, as initialisers.
#[derive(Debug, PartialEq, Serialize)]
struct Side {
    count: usize,
    dims: String,
    shapes: String,
    types: String,
    /// Of the first tensor, like Kenning's own.
    scale: String,
    zero_point: i32,
}

impl ModelSpec {
    /// The texts for an interface; `help` is what to do about one that `model_spec_t` cannot hold.
    pub(crate) fn new(interface: &Interface, model_name: &str, help: &str) -> Result<Self> {
        let mut checks = Checks {
            help,
            found: Vec::new(),
            comments: Vec::new(),
        };
        let input = checks.side("input", &interface.inputs, MAX_INPUTS);
        let output = checks.side("output", &interface.outputs, MAX_OUTPUTS);
        checks.name("model name", model_name);
        checks.name("entry function", &interface.entry_func);
        if let Some(error) = Error::from_many(checks.found) {
            return Err(error);
        }
        let labels = interface.outputs.first().map_or(&[][..], |o| &o.labels);
        Ok(Self {
            comments: checks.comments,
            input,
            output,
            labels: labels.iter().map(|l| c_string(&shortened(l))).collect(),
            entry_func: c_string(&interface.entry_func),
            model_name: c_string(model_name),
        })
    }

    /// Whether a program sees no difference.
    pub(crate) fn means(&self, other: &Self) -> bool {
        let program = |s: &Self| (s.entry_func.clone(), s.model_name.clone(), s.labels.clone());
        self.input == other.input && self.output == other.output && program(self) == program(other)
    }
}

struct Checks<'a> {
    help: &'a str,
    found: Vec<Diagnostic>,
    comments: Vec<String>,
}

impl Checks<'_> {
    fn name(&mut self, what: &str, text: &str) {
        if text.len() > MAX_NAME {
            let found = format!(
                "\"{}\", {} bytes",
                shortened(text).escape_debug(),
                text.len()
            );
            let message = format!("the {what} is too long for Kenning's model_spec_t");
            let d = Diagnostic::new(message).expected(format!("at most {MAX_NAME} bytes"));
            self.found.push(d.found(found));
        }
    }

    fn side(&mut self, what: &str, ports: &[Port], max: usize) -> Side {
        let help = self.help;
        let beyond = |message: String| Diagnostic::new(message).help(help);
        if ports.is_empty() || ports.len() > max {
            self.found.push(
                beyond(format!(
                    "Kenning's model_spec_t cannot hold the model's {what}s"
                ))
                .expected(format!("1 to {max} {what}s"))
                .found(ports.len()),
            );
        }
        let (mut dims, mut shapes, mut types) = (vec![], vec![], vec![]);
        for (i, port) in ports.iter().enumerate().take(max) {
            let at = |d: Diagnostic| match port.tensor {
                Some(tensor) => d.in_subgraph(0).at_tensor(tensor, &port.name),
                None => d,
            };
            // Kenning has no rank 0; one element of rank 1 is the same in memory.
            let shape = match &port.shape[..] {
                [] => &[1][..],
                shape => shape,
            };
            if shape.len() > MAX_DIMS {
                self.found.push(at(beyond(format!(
                    "Kenning's model_spec_t cannot hold the shape of {what} {i}"
                ))
                .expected(format!("1 to {MAX_DIMS} dimensions"))
                .found(format!("{} dimensions, {shape:?}", shape.len()))));
            }
            if shape.iter().any(|d| *d == 0 || u32::try_from(*d).is_err()) {
                self.found.push(at(beyond(format!(
                    "Kenning's model_spec_t cannot hold the shape of {what} {i}"
                ))
                .expected("sizes from 1 to 4294967295")
                .found(format!("{shape:?}"))));
            }
            let name = port.kenning_dtype.as_deref().unwrap_or_default();
            let Ok((code, bits)) = dtype::code(name) else {
                self.found.push(at(beyond(format!(
                    "Kenning has no code for the type of {what} {i}"
                ))
                .expected("a type of whole bytes and fixed size")
                .found(&port.dtype)));
                continue;
            };
            if port.scales > 1 {
                self.found
                    .push(at(beyond(format!("{what} {i} is quantised per channel"))
                        .expected("one scale and zero point")
                        .found(format!("{} of each", port.scales))));
            }
            dims.push(shape.len().to_string());
            shapes.push(braced(shape.iter().map(usize::to_string)));
            types.push(format!("{{{code}, {bits}}}"));
            let before = (port.prequantized_dtype.as_ref())
                .map(|d| format!(", {} before quantisation", c_comment(&shortened(d))))
                .unwrap_or_default();
            let name = c_comment(&shortened(&port.name));
            let dtype = c_comment(&port.dtype);
            self.comments.push(format!(
                "{what} {i} \"{name}\": {dtype} {:?}{before}",
                port.shape
            ));
        }
        let (scale, zero_point) = match ports.first() {
            // Facts hold finite scales only, and so does JSON.
            Some(port) if port.scale != 0.0 => (format!("{:?}", port.scale), port.zero_point),
            Some(port) => ("0".to_owned(), port.zero_point),
            None => ("0".to_owned(), 0),
        };
        Side {
            count: ports.len(),
            dims: braced(dims),
            shapes: braced(shapes),
            types: braced(types),
            scale,
            zero_point,
        }
    }
}

fn braced(items: impl IntoIterator<Item = String>) -> String {
    format!("{{{}}}", items.into_iter().collect::<Vec<_>>().join(", "))
}
