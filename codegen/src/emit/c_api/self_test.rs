//! Inputs and expected outputs as C, with the code that compares.

use castiron_templates::{SELF_TEST_C, SELF_TEST_H};
use serde::Serialize;

use super::Library;
use super::header::{BufferValues, RowValues};
use crate::emit::bytes::write_hex;
use crate::emit::literal::{c_comment, shortened};
use crate::error::{Diagnostic, Result};
use crate::graph::DType;

/// Greatest difference of float outputs, relative to the output's greatest magnitude (at least 1).
pub const TOLERANCE: f32 = 1e-5;

/// Inputs with the outputs that belong to them, as bytes in the order of the model's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// One for each input.
    pub inputs: Vec<Vec<u8>>,
    /// One for each output; none where the run ended early.
    pub outputs: Vec<Vec<u8>>,
}

/// The two files of a self-test.
#[derive(Debug, Clone)]
pub struct SelfTest {
    /// `<prefix>_self_test.h`.
    pub header: String,
    /// `<prefix>_self_test.c`.
    pub source: String,
}

#[derive(Serialize)]
struct Values {
    prefix: String,
    upper: String,
    header: String,
    model_comment: String,
    comments: Vec<String>,
    tolerance: String,
    successive: bool,
    may_end_early: bool,
    rows: Option<RowValues>,
    buffers: BufferValues,
    /// How to run the built-in instance.
    run: String,
    cases: Vec<CaseValues>,
}

#[derive(Serialize)]
struct CaseValues {
    index: usize,
    inputs: Vec<TensorValues>,
    outputs: Vec<TensorValues>,
}

#[derive(Serialize)]
struct TensorValues {
    /// Elements of the initialiser, a comma after each.
    data: String,
    count: usize,
    size: usize,
    is_float: u8,
}

/// The files of a self-test with these cases; `comments` say where they come from. Of `successive` cases each
/// begins with what the one before has left in the model's variables.
///
/// # Errors
/// If there is no case, or one does not fit the model.
pub fn self_test(
    library: &Library,
    cases: &[Case],
    successive: bool,
    comments: &[String],
) -> Result<SelfTest> {
    if cases.is_empty() {
        return Err(Diagnostic::new("a self-test needs a case").into());
    }
    let case_values = cases.iter().enumerate().map(|(index, case)| {
        let facts = &library.facts;
        let side = |name: &str, data: &[Vec<u8>], facts: &[crate::emit::facts::TensorFacts]| {
            let sizes = facts.iter().map(|f| f.bytes);
            if !sizes.clone().eq(data.iter().map(Vec::len)) {
                return Err(Diagnostic::new(format!(
                    "{name} of case {index} do not fit the model"
                ))
                .expected(format!("bytes of each: {:?}", sizes.collect::<Vec<_>>()))
                .found(format!(
                    "{:?}",
                    data.iter().map(Vec::len).collect::<Vec<_>>()
                )));
            }
            let tensors = data.iter().zip(facts).map(|(bytes, facts)| {
                let mut text = Vec::new();
                // Writing to memory cannot fail.
                let _ = write_hex(bytes, &mut text);
                TensorValues {
                    data: String::from_utf8_lossy(&text).into_owned(),
                    count: facts.elements,
                    size: bytes.len() / facts.elements.max(1),
                    is_float: (facts.dtype == DType::Float32).into(),
                }
            });
            Ok(tensors.collect())
        };
        Ok(CaseValues {
            index,
            inputs: side("inputs", &case.inputs, &facts.inputs)?,
            outputs: match library.may_end_early && case.outputs.is_empty() {
                true => Vec::new(),
                false => side("outputs", &case.outputs, &facts.outputs)?,
            },
        })
    });
    let values = Values {
        prefix: library.prefix.clone(),
        upper: library.upper(),
        header: library.header_name(),
        model_comment: c_comment(&shortened(&library.model)),
        comments: comments.iter().map(|c| c_comment(c)).collect(),
        tolerance: format!("{TOLERANCE:e}"),
        successive,
        may_end_early: library.may_end_early,
        rows: RowValues::of(library),
        run: BufferValues::of(library).run(),
        buffers: BufferValues::of(library),
        cases: case_values.collect::<Result<_, Diagnostic>>()?,
    };
    Ok(SelfTest {
        header: SELF_TEST_H.render(&values)?,
        source: SELF_TEST_C.render(&values)?,
    })
}
