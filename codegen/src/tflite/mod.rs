//! The `.tflite` file format: bytes → verified field tables → [`Model`].
//!
//! A file is untrusted input. [`read`] first has the `flatbuffers` crate verify the tables that
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
mod versions;
mod weights;

use flatbuffers::{ForwardsUOffset, InvalidFlatbuffer, Verifiable, Verifier, VerifierOptions};

use crate::error::{Diagnostic, Result};
use crate::graph::Model;

/// Reads a model; `file_name` is for messages and for [`Model::stem`].
///
/// `bytes` may have any alignment. The result owns its data: each buffer of the file at most
/// once, however many tensors use it.
pub fn read(file_name: &str, bytes: &[u8]) -> Result<Model> {
    read_unnamed(file_name, bytes).map_err(|error| error.in_file(file_name))
}

fn read_unnamed(file_name: &str, bytes: &[u8]) -> Result<Model> {
    check_header(bytes)?;
    let limits = limits(bytes.len());
    let mut verifier = Verifier::new(&limits, bytes);
    <ForwardsUOffset<schema::Model>>::run_verifier(&mut verifier, 0)
        .map_err(|error| damaged(&error, bytes.len()))?;
    let root = table::Place::root(bytes)
        .map(<schema::Model as table::Table>::at)
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

/// Bounds on what a hostile file can make the reader do. Tables and vectors may legally be
/// shared, so a small file can unfold into a huge tree; real writers share a little.
fn limits(file_bytes: usize) -> VerifierOptions {
    VerifierOptions {
        max_depth: 8,
        // A table takes its own first four bytes and the four that point to it.
        max_tables: file_bytes / 8 + 16,
        max_apparent_size: file_bytes.saturating_mul(4).saturating_add(1 << 18),
        ignore_missing_null_terminator: true,
    }
}

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

/// A verifier's error in words. The place it gives is a path of fields, innermost first.
fn damaged(error: &InvalidFlatbuffer, file_bytes: usize) -> Diagnostic {
    use flatbuffers::ErrorTraceDetail as Step;
    let (found, trace) = match error {
        InvalidFlatbuffer::RangeOutOfBounds { range, error_trace } => (
            format!(
                "data at bytes {} to {}, where the file has {file_bytes}",
                range.start, range.end
            ),
            Some(error_trace),
        ),
        InvalidFlatbuffer::SignedOffsetOutOfBounds {
            position,
            error_trace,
            ..
        } => (
            format!("byte {position} does not begin a table"),
            Some(error_trace),
        ),
        InvalidFlatbuffer::Unaligned {
            position,
            error_trace,
            ..
        } => (
            format!("byte {position}, which is not aligned"),
            Some(error_trace),
        ),
        InvalidFlatbuffer::MissingRequiredField { error_trace, .. }
        | InvalidFlatbuffer::InconsistentUnion { error_trace, .. }
        | InvalidFlatbuffer::Utf8Error { error_trace, .. }
        | InvalidFlatbuffer::MissingNullTerminator { error_trace, .. } => {
            ("inconsistent fields".to_owned(), Some(error_trace))
        }
        InvalidFlatbuffer::TooManyTables | InvalidFlatbuffer::ApparentSizeTooLarge => (
            "parts that refer to each other far more often than in any real model".to_owned(),
            None,
        ),
        InvalidFlatbuffer::DepthLimitReached => ("tables nested without end".to_owned(), None),
    };
    let mut path = String::new();
    for step in trace.map_or(&[][..], |trace| trace.as_ref()).iter().rev() {
        match step {
            Step::TableField { field_name, .. } => {
                let field = field_name.rsplit('.').next().unwrap_or(field_name);
                let dot = if path.is_empty() { "" } else { "." };
                path.push_str(&format!("{dot}{field}"));
            }
            Step::VectorElement { index, .. } => path.push_str(&format!("[{index}]")),
            Step::UnionVariant { .. } => {}
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
