//! The `.tflite` file format: bytes → verified field tables → [`Model`].
//!
//! A file is untrusted input. [`read`] first verifies the tables that
//! `schema` declares, then builds the owned graph and checks what a flatbuffer verifier
//! cannot know: indices, sizes, quantisation, the order of operators. What it hands out needs
//! no further checks of that kind; what is wrong comes back with its place, all of it at once.

// A diagnostic is large and rare; boxing each would only make the code that fills it in longer.
#![allow(clippy::result_large_err)]

pub mod calls;
pub mod constants;
mod conv;
pub mod foreign;
mod model;
mod operands;
mod operator;
mod options;
pub mod order;
mod outputs;
pub mod quantization;
pub mod report;
#[cfg(feature = "text")]
pub mod rewrite;
mod schema;
pub mod sparsity;
mod structure;
pub mod table;
pub mod tensor;
pub mod verify;
mod versions;
mod weights;

use crate::error::{Diagnostic, Result};
use crate::graph::Model;
use table::{Place, Table as _};
use verify::{Check, Damage, Found, Step, Verifier};

/// Reads a model; `file_name` is for messages and for [`Model::stem`].
///
/// `bytes` may have any alignment. The result owns its data: each buffer of the file at most
/// once, however many tensors use it.
pub fn read(file_name: &str, bytes: &[u8]) -> Result<Model> {
    read_unnamed(file_name, bytes).map_err(|error| error.in_file(file_name))
}

fn read_unnamed(file_name: &str, bytes: &[u8]) -> Result<Model> {
    check_header(bytes)?;
    let mut verifier = Verifier::new(bytes);
    (verifier.check(Check::Table(schema::Model::ROWS), 0))
        .map_err(|damage| damaged(&damage, bytes.len()))?;
    let root = Place::root(bytes)
        .map(schema::Model::at)
        .ok_or_else(|| Diagnostic::new("the file has no root table"))?;
    if root.version() != schema::VERSION {
        return Err(Diagnostic::new("unknown schema version")
            .expected(schema::VERSION)
            .found(root.version())
            .help("convert the model again with a current converter")
            .into());
    }
    model::build(file_name, bytes, root, &mut verifier)
}

/// Checks operators and sizes as [`read`] does, of a model of which more sizes are known now.
///
/// # Errors
/// What does not fit, with its place.
pub(crate) fn check_sizes(model: &Model) -> Result<()> {
    let mut report = report::Report::default();
    for (index, graph) in model.graphs.iter().enumerate() {
        let mut found = report::Report::default();
        order::check_sizes_of(graph, &mut found);
        let operators = 0..graph.operators.len();
        let wrong = operators.flat_map(|operator| structure::check(graph, operator));
        wrong.for_each(|d| found.push(d.help(OTHER_SIZES)));
        report.append(found, |d| d.in_subgraph(index));
    }
    report.into_error().map_or(Ok(()), Err)
}

const OTHER_SIZES: &str = "give the input other sizes: the model's operators cannot compute these";

/// Tells files that are no model at all from damaged ones, as their remedies differ.
fn check_header(bytes: &[u8]) -> Result<(), Diagnostic> {
    const NEEDED: usize = 8;
    let Some(header) = bytes.first_chunk::<NEEDED>() else {
        let d = Diagnostic::new(if bytes.is_empty() {
            "the file is empty"
        } else {
            "the file is too short to be a .tflite model"
        });
        return Err(d
            .expected(format_args!("at least {NEEDED} bytes"))
            .found(bytes.len())
            .help("check that the download, or the previous build step, completed"));
    };
    if header[4..] == *schema::IDENTIFIER {
        return Ok(());
    }
    let foreign = foreign::identify(bytes).unwrap_or_else(|| foreign::Foreign {
        what: format!("\"{}\"", header[4..].escape_ascii()),
        help: "check that this is the converter's output",
    });
    Err(Diagnostic::new("not a .tflite model")
        .expected("the file identifier \"TFL3\" at byte 4")
        .found(foreign.what)
        .help(foreign.help))
}

/// A verifier's error in words.
fn damaged(damage: &Damage, file_bytes: usize) -> Diagnostic {
    let found = match &damage.found {
        Found::Outside(range) => format!(
            "data at bytes {} to {}, where the file has {file_bytes}",
            range.start, range.end
        ),
        Found::NoTable(at) => format!("byte {at} does not begin a table"),
        Found::Unaligned(at) => format!("byte {at}, which is not aligned"),
        Found::TooMuch => {
            "parts that refer to each other far more often than in any real model".to_owned()
        }
        Found::TooDeep => "tables nested without end".to_owned(),
    };
    let mut path = String::new();
    for step in damage.path.iter().rev() {
        match step {
            Step::Field(name) => {
                let dot = if path.is_empty() { "" } else { "." };
                path.push_str(&format!("{dot}{name}"));
            }
            Step::Element(index) => path.push_str(&format!("[{index}]")),
        }
    }
    let expected = if path.is_empty() {
        "a sound flatbuffer".to_owned()
    } else {
        format!("a sound `{path}`")
    };
    Diagnostic::new("the file is damaged")
        .expected(expected)
        .found(found)
        .help("compare its size with the original's, and copy or convert the model again")
}
