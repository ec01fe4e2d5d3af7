//! A model as C: its bytes and the facts an application needs, in one of two styles.

mod kenning;
mod standalone;

use std::io;

use crate::compile::checked_section;
use crate::error::{Diagnostic, Error, Result};
use crate::graph::Model;
use crate::tflm::arena::ArenaNeed;

use super::facts::GraphFacts;
use super::{IoSpecFile, write_hex};
use crate::ident::{Language, identifier};

/// What the header has to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HeaderStyle {
    /// The `model_data.h` Kenning Zephyr Runtime builds: one header with definitions, to be
    /// included once, needing Kenning's `model_spec_t`.
    Kenning,
    /// A guarded header and a source file that need nothing but the C library.
    #[default]
    Standalone,
}

/// How to write a model as C. The default is standalone, with everything taken from the model.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HeaderOptions<'a> {
    /// The style.
    pub style: HeaderStyle,
    /// Standalone: prefix of every name, made a C identifier; by default the model file's stem.
    /// Kenning: the text of `model_spec.model_name`; by default `module`, as Kenning has it.
    pub name: Option<String>,
    /// Section to place the model's bytes in; by default the compiler chooses.
    pub section: Option<String>,
    /// Alignment of the model's bytes, a power of two from 1 to 4096; by default 32 in Kenning
    /// style (as Kenning has it) and 16 standalone (what TFLM asks for).
    pub alignment: Option<u32>,
    /// Class names of output 0; they win over those of the I/O specification.
    pub labels: Option<Vec<String>>,
    /// Standalone: the name the source file includes the header by, for a header that is stored
    /// under another name than [`CHeader::header`] proposes.
    pub include: Option<String>,
    /// Kenning's I/O specification, where there is one.
    pub io_spec: Option<IoSpecFile<'a>>,
    /// Standalone: the arena of TFLM's interpreter, to be named; by default it is not.
    pub arena: Option<ArenaNeed>,
}

/// A finished header, and the source file that goes with it.
#[derive(Debug, Clone)]
pub struct CHeader<'a> {
    /// The header.
    pub header: CFile<'a>,
    /// The definitions; none in Kenning style, where the header has them.
    pub source: Option<CFile<'a>>,
}

/// One finished file: text around the model's bytes.
///
/// The bytes are turned to text only while they are written, as they would take six times the
/// model's size in memory.
#[derive(Debug, Clone)]
pub struct CFile<'a> {
    /// A name for the file. The source includes the header by its name.
    pub file_name: String,
    before: String,
    bytes: &'a [u8],
    after: String,
}

impl CFile<'_> {
    /// Writes the file.
    pub fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self.before.as_bytes())?;
        write_hex(self.bytes, out)?;
        out.write_all(self.after.as_bytes())
    }
}

/// Where a template wants the model's bytes. No text of a model can hold this: control
/// characters are escaped wherever text gets in.
const BYTES_MARK: char = '\u{1}';

impl<'a> CFile<'a> {
    fn new(file_name: String, text: String, bytes: &'a [u8]) -> Self {
        match text.split_once(BYTES_MARK) {
            Some((before, after)) => Self {
                file_name,
                before: before.to_owned(),
                bytes,
                after: after.trim_start_matches('\n').to_owned(),
            },
            None => Self {
                file_name,
                before: text,
                bytes: &[],
                after: String::new(),
            },
        }
    }
}

/// Writes `model`, whose file is `bytes`, as C. Nothing is read or written but the result's
/// files, when the caller asks for it.
pub fn c_header<'a>(
    model: &Model,
    bytes: &'a [u8],
    options: &HeaderOptions<'_>,
) -> Result<CHeader<'a>> {
    let in_model = |d: Diagnostic| Error::from(d).in_file(&model.file);
    if bytes.is_empty() {
        return Err(in_model(Diagnostic::new("the model has no bytes to embed")));
    }
    if u32::try_from(bytes.len()).is_err() {
        return Err(in_model(Diagnostic::new(
            "the model is too large for a 32-bit target",
        )));
    }
    let facts = GraphFacts::of_model(model, options.io_spec, options.labels.as_deref())?;
    let section = options
        .section
        .as_deref()
        .map(checked_section)
        .transpose()?;
    let (default_alignment, render): (u32, Style) = match options.style {
        HeaderStyle::Kenning => (32, kenning::render),
        HeaderStyle::Standalone => (16, standalone::render),
    };
    let alignment = checked_alignment(options.alignment.unwrap_or(default_alignment))?;
    let job = Job {
        model,
        bytes,
        facts,
        section,
        alignment,
        name: options.name.as_deref(),
        arena: options.arena.as_ref(),
        include: options
            .include
            .as_deref()
            .map(checked_include)
            .transpose()?,
    };
    render(&job).map_err(|e| e.in_file(&model.file))
}

type Style = for<'j, 'a> fn(&Job<'j, 'a>) -> Result<CHeader<'a>>;

/// Everything a style needs, checked.
struct Job<'j, 'a> {
    model: &'j Model,
    bytes: &'a [u8],
    facts: GraphFacts,
    section: Option<&'j str>,
    alignment: u32,
    name: Option<&'j str>,
    arena: Option<&'j ArenaNeed>,
    include: Option<&'j str>,
}

impl Job<'_, '_> {
    /// The prefix of every name in the standalone style.
    fn prefix(&self) -> String {
        identifier(self.name.unwrap_or(self.model.stem()), Language::C)
    }
}

fn checked_alignment(alignment: u32) -> Result<u32> {
    if alignment.is_power_of_two() && alignment <= 4096 {
        return Ok(alignment);
    }
    Err(Diagnostic::new("the alignment cannot be used")
        .expected("a power of two from 1 to 4096")
        .found(alignment)
        .into())
}

/// `#include` knows no escapes, so what it cannot hold is refused.
fn checked_include(name: &str) -> Result<&str> {
    let unusable = |c: char| c.is_control() || "\"\\<>?*".contains(c);
    if !name.is_empty() && !name.contains(unusable) {
        return Ok(name);
    }
    Err(
        Diagnostic::new("the header cannot be included by this name")
            .expected("a file name without quotes, backslashes and control characters")
            .found(format!("\"{}\"", name.escape_debug()))
            .into(),
    )
}
