//! Kenning Zephyr Runtime's `model_data.h`.

use serde::Serialize;

use crate::emit::facts::TensorFacts;
use crate::emit::literal::{c_comment, c_float, c_string, shortened};
use crate::emit::template::render as render_template;
use crate::error::{Diagnostic, Error, Result};
use crate::graph::DType;

use super::{BYTES_MARK, CFile, CHeader, Job};

// The limits of model_spec_t, as of kenning-zephyr-runtime 07b6a6c (2026-06-25).
const MAX_INPUTS: usize = 2;
const MAX_OUTPUTS: usize = 12;
const MAX_DIMS: usize = 4;
/// Both names are arrays of 20 with a terminator.
const MAX_NAME: usize = 19;

const TEMPLATE: &str = include_str!("../../../templates/kenning_model_data.h.tera");

#[derive(Serialize)]
struct Values {
    model: String,
    bytes_mark: String,
    alignment: u32,
    section: Option<String>,
    length: usize,
    input: Side,
    output: Side,
    labels: Vec<String>,
    entry_func: String,
    model_name: String,
}

/// The inputs or the outputs, as initialisers.
#[derive(Serialize)]
struct Side {
    count: usize,
    dims: String,
    shapes: String,
    types: String,
    /// Of the first tensor, like Kenning's own.
    scale: String,
    zero_point: i32,
    comments: Vec<String>,
}

pub(super) fn render<'a>(job: &Job<'_, 'a>) -> Result<CHeader<'a>> {
    let mut found = Vec::new();
    let input = side("input", &job.facts.inputs, MAX_INPUTS, &mut found);
    let output = side("output", &job.facts.outputs, MAX_OUTPUTS, &mut found);
    let model_name = job.name.unwrap_or("module");
    for (what, text) in [
        ("model name", model_name),
        ("entry function", &job.facts.entry_func),
    ] {
        if text.len() > MAX_NAME {
            found.push(
                Diagnostic::new(format!("the {what} is too long for Kenning's model_spec_t"))
                    .expected(format!("at most {MAX_NAME} bytes"))
                    .found(format!(
                        "\"{}\", {} bytes",
                        shortened(text).escape_debug(),
                        text.len()
                    )),
            );
        }
    }
    if let Some(error) = Error::from_many(found) {
        return Err(error);
    }
    let labels = job.facts.outputs.first().map_or(&[][..], |o| &o.labels);
    let text = render_template(
        TEMPLATE,
        &Values {
            model: c_comment(&shortened(job.model.stem())),
            bytes_mark: BYTES_MARK.to_string(),
            alignment: job.alignment,
            section: job.section.map(c_string),
            length: job.bytes.len(),
            input,
            output,
            labels: labels.iter().map(|l| c_string(&shortened(l))).collect(),
            entry_func: c_string(&job.facts.entry_func),
            model_name: c_string(model_name),
        },
    )?;
    let header = CFile::new("model_data.h".to_owned(), text, job.bytes);
    Ok(CHeader {
        header,
        source: None,
    })
}

fn side(what: &str, tensors: &[TensorFacts], max: usize, found: &mut Vec<Diagnostic>) -> Side {
    let beyond = |message: String| {
        Diagnostic::new(message).help("use the standalone style, which has no such limit")
    };
    if tensors.is_empty() || tensors.len() > max {
        found.push(
            beyond(format!(
                "Kenning's model_spec_t cannot hold the model's {what}s"
            ))
            .expected(format!("1 to {max} {what}s"))
            .found(tensors.len()),
        );
    }
    let (mut dims, mut shapes, mut types, mut comments) = (vec![], vec![], vec![], vec![]);
    for (i, tensor) in tensors.iter().enumerate().take(max) {
        let at = |d: Diagnostic| d.in_subgraph(0).at_tensor(tensor.tensor, &tensor.name);
        // Kenning has no rank 0; one element of rank 1 is the same in memory.
        let shape = if tensor.shape.is_empty() {
            &[1][..]
        } else {
            &tensor.shape
        };
        if shape.len() > MAX_DIMS {
            found.push(at(beyond(format!(
                "Kenning's model_spec_t cannot hold the shape of {what} {i}"
            ))
            .expected(format!("1 to {MAX_DIMS} dimensions"))
            .found(format!("{} dimensions, {shape:?}", shape.len()))));
        }
        if shape.iter().any(|d| *d == 0 || u32::try_from(*d).is_err()) {
            found.push(at(beyond(format!(
                "Kenning's model_spec_t cannot hold the shape of {what} {i}"
            ))
            .expected("sizes from 1 to 4294967295")
            .found(format!("{shape:?}"))));
        }
        let Some((code, bits)) = type_code(tensor.dtype) else {
            found.push(at(beyond(format!(
                "Kenning has no code for the type of {what} {i}"
            ))
            .expected("a type of whole bytes and fixed size")
            .found(tensor.dtype)));
            continue;
        };
        if tensor.quantization.len() > 1 {
            found.push(at(beyond(format!("{what} {i} is quantised per channel"))
                .expected("one scale and zero point")
                .found(format!("{} of each", tensor.quantization.len()))));
        }
        dims.push(shape.len().to_string());
        shapes.push(braced(shape.iter().map(usize::to_string)));
        types.push(format!("{{{code}, {bits}}}"));
        let before = tensor
            .prequantized_dtype
            .as_ref()
            .map(|d| format!(", {} before quantisation", c_comment(&shortened(d))))
            .unwrap_or_default();
        let (name, dtype) = (c_comment(&shortened(&tensor.name)), tensor.dtype);
        comments.push(format!(
            "{what} {i} \"{name}\": {dtype} {:?}{before}",
            tensor.shape
        ));
    }
    let (scale, zero_point) = match tensors.first().and_then(TensorFacts::per_tensor) {
        // The facts hold finite scales only.
        Some((scale, zero_point)) => (c_float(scale).unwrap_or_default(), zero_point),
        None => ("0".to_owned(), 0),
    };
    Side {
        count: tensors.len(),
        dims: braced(dims),
        shapes: braced(shapes),
        types: braced(types),
        scale,
        zero_point,
        comments,
    }
}

fn braced(items: impl IntoIterator<Item = String>) -> String {
    format!("{{{}}}", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// The type's DLPack code and its bits; none where model_spec_t has no room for it.
fn type_code(dtype: DType) -> Option<(u8, usize)> {
    let code = match dtype {
        DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => 0,
        DType::Uint8 | DType::Uint16 | DType::Uint32 | DType::Uint64 => 1,
        DType::Float16 | DType::Float32 | DType::Float64 => 2,
        DType::Bfloat16 => 4,
        DType::Complex64 | DType::Complex128 => 5,
        DType::Bool => 6,
        DType::Float8E4M3Fn => 10,
        DType::Float8E5M2 => 12,
        DType::Int2 | DType::Int4 | DType::Uint4 => return None,
        DType::String | DType::Resource | DType::Variant => return None,
    };
    Some((code, dtype.bits()))
}
