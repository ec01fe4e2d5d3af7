//! A header and a source file that need nothing but the C library.

use serde::Serialize;

use crate::emit::arena::ArenaValues;
use crate::emit::facts::{GraphFacts, TensorFacts};
use crate::emit::literal::{MAX_STRING, c_comment, c_float, c_string, shortened};
use crate::emit::template::render as render_template;
use crate::error::{Diagnostic, Result};
use crate::graph::{DType, Model, Signature, SignaturePort};

use super::{BYTES_MARK, CFile, CHeader, Job};

const HEADER: &str = include_str!("../../../templates/standalone.h.tera");
const SOURCE: &str = include_str!("../../../templates/standalone.c.tera");

#[derive(Serialize)]
struct Values {
    /// Prefix of functions and variables.
    prefix: String,
    /// Prefix of macros.
    upper: String,
    model: String,
    model_comment: String,
    /// What the source includes.
    include: String,
    bytes_mark: String,
    length: usize,
    alignment: u32,
    section: Option<String>,
    arena: Option<ArenaValues>,
    /// The subgraph run by default first, then those only signatures run.
    graphs: Vec<GraphValues>,
    signatures: Vec<SignatureValues>,
    narrow: bool,
    wide: bool,
    bool_type: bool,
}

#[derive(Serialize)]
struct GraphValues {
    index: usize,
    upper: String,
    input_count: usize,
    output_count: usize,
    tensors: Vec<TensorValues>,
}

#[derive(Serialize)]
struct TensorValues {
    upper: String,
    ident: String,
    comment: String,
    name: String,
    dtype: String,
    c_type: Option<&'static str>,
    rank: usize,
    shape: String,
    dims: Vec<usize>,
    elements: usize,
    bytes: usize,
    scale: Option<String>,
    zero_point: Option<String>,
    channels: usize,
    scales: String,
    zero_points: String,
    helpers: Option<Helpers>,
    prequantized: Option<String>,
    labels: Vec<String>,
}

/// What the quantise and dequantise functions of a tensor need.
#[derive(Serialize)]
struct Helpers {
    value_type: &'static str,
    /// int32: sums need 64 bits.
    wide: bool,
    min: i64,
    max: i64,
}

#[derive(Serialize)]
struct SignatureValues {
    upper: String,
    name: String,
    comment: String,
    graph: usize,
    ports: Vec<PortValues>,
}

#[derive(Serialize)]
struct PortValues {
    upper: String,
    name: String,
    tensor: usize,
    /// Position among the subgraph's inputs or outputs.
    index: Option<usize>,
}

pub(super) fn render<'a>(job: &Job<'_, 'a>) -> Result<CHeader<'a>> {
    let prefix = job.prefix();
    let upper = prefix.to_ascii_uppercase();
    let mut graphs = vec![graph_values(&job.facts, 0, &prefix, &upper)?];
    for index in 1..job.model.graphs.len() {
        if job.model.signatures.iter().any(|s| s.graph == index) {
            let facts =
                GraphFacts::new(&job.model.graphs[index]).map_err(|e| e.in_subgraph(index))?;
            let (prefix, upper) = (
                format!("{prefix}_graph_{index}"),
                format!("{upper}_GRAPH_{index}"),
            );
            graphs.push(graph_values(&facts, index, &prefix, &upper)?);
        }
    }
    // Not `<prefix>.h`: a model named `math` would hide the C library's header.
    let header_name = job
        .include
        .map_or_else(|| format!("{prefix}_model.h"), str::to_owned);
    let helpers = || {
        graphs
            .iter()
            .flat_map(|g| &g.tensors)
            .filter_map(|t| t.helpers.as_ref())
    };
    let values = Values {
        model: c_string(&shortened(job.model.stem())),
        model_comment: c_comment(&shortened(job.model.stem())),
        include: header_name.clone(),
        bytes_mark: BYTES_MARK.to_string(),
        length: job.bytes.len(),
        alignment: job.alignment,
        section: job.section.map(c_string),
        arena: (job.arena)
            .map(|need| ArenaValues::new(need, format!("{upper}_TFLM"), format!("{prefix}_tflm"))),
        signatures: (job.model.signatures.iter().enumerate())
            .map(|(i, s)| signature_values(job.model, s, &format!("{upper}_SIGNATURE_{i}")))
            .collect(),
        narrow: helpers().any(|h| !h.wide),
        wide: helpers().any(|h| h.wide),
        bool_type: graphs
            .iter()
            .flat_map(|g| &g.tensors)
            .any(|t| t.c_type == Some("bool")),
        graphs,
        prefix,
        upper,
    };
    Ok(CHeader {
        header: CFile::new(header_name, render_template(HEADER, &values)?, &[]),
        source: Some(CFile::new(
            format!("{}_model.c", values.prefix),
            render_template(SOURCE, &values)?,
            job.bytes,
        )),
    })
}

fn graph_values(
    facts: &GraphFacts,
    index: usize,
    prefix: &str,
    upper: &str,
) -> Result<GraphValues> {
    let mut tensors = Vec::new();
    for (side, list) in [("input", &facts.inputs), ("output", &facts.outputs)] {
        for (i, tensor) in list.iter().enumerate() {
            let ident = format!("{prefix}_{side}_{i}");
            let upper = format!("{upper}_{}_{i}", side.to_ascii_uppercase());
            let values = tensor_values(tensor, format!("{side} {i}"), ident, upper);
            tensors.push(values.map_err(|e| e.in_subgraph(index))?);
        }
    }
    Ok(GraphValues {
        index,
        upper: upper.to_owned(),
        input_count: facts.inputs.len(),
        output_count: facts.outputs.len(),
        tensors,
    })
}

fn tensor_values(
    tensor: &TensorFacts,
    what: String,
    ident: String,
    upper: String,
) -> Result<TensorValues> {
    if let Some(label) = tensor.labels.iter().find(|l| l.len() > MAX_STRING) {
        return Err(
            Diagnostic::new(format!("a label of {what} is too long for a C string"))
                .at_tensor(tensor.tensor, &tensor.name)
                .expected(format!("at most {MAX_STRING} bytes"))
                .found(format!("{} bytes", label.len()))
                .into(),
        );
    }
    // The facts hold finite scales only.
    let scale = |s: f32| c_float(s).unwrap_or_default() + "f";
    let list = |items: Vec<String>| format!("{{{}}}", items.join(", "));
    let channels = if tensor.quantization.len() > 1 {
        &tensor.quantization[..]
    } else {
        &[]
    };
    let name = shortened(&tensor.name);
    Ok(TensorValues {
        comment: format!(
            "{what} \"{}\": {} {:?}",
            c_comment(&name),
            tensor.dtype,
            tensor.shape
        ),
        name: c_string(&name),
        dtype: c_string(tensor.dtype.name()),
        c_type: c_type(tensor.dtype),
        rank: tensor.shape.len(),
        // C has no empty initialiser; a scalar is one element.
        shape: match &tensor.shape[..] {
            [] => "{1}".to_owned(),
            shape => list(shape.iter().map(usize::to_string).collect()),
        },
        dims: tensor.shape.clone(),
        elements: tensor.elements,
        bytes: tensor.bytes,
        scale: tensor.per_tensor().map(|(s, _)| scale(s)),
        zero_point: tensor.per_tensor().map(|(_, z)| integer(z)),
        channels: channels.len(),
        scales: list(channels.iter().map(|(s, _)| scale(*s)).collect()),
        zero_points: list(channels.iter().map(|(_, z)| integer(*z)).collect()),
        helpers: helpers(tensor),
        prequantized: tensor
            .prequantized_dtype
            .as_deref()
            .map(|d| c_string(&shortened(d))),
        labels: tensor.labels.iter().map(|l| c_string(l)).collect(),
        ident,
        upper,
    })
}

/// An int32 constant. The least one has no literal of its own in C.
fn integer(value: i32) -> String {
    match value {
        i32::MIN => "(-2147483647 - 1)".to_owned(),
        _ if value < 0 => format!("({value})"),
        _ => value.to_string(),
    }
}

/// Only tensors quantised as a whole, with a scale one can divide by, have the functions.
fn helpers(tensor: &TensorFacts) -> Option<Helpers> {
    tensor.per_tensor().filter(|(scale, _)| *scale > 0.0)?;
    let value_type = match tensor.dtype {
        DType::Int2 | DType::Int4 | DType::Int8 => "int8_t",
        DType::Uint4 | DType::Uint8 => "uint8_t",
        DType::Int16 => "int16_t",
        DType::Uint16 => "uint16_t",
        DType::Int32 => "int32_t",
        _ => return None,
    };
    let (min, max) = tensor.dtype.integer_range()?;
    Some(Helpers {
        value_type,
        wide: tensor.dtype == DType::Int32,
        min,
        max,
    })
}

/// The C type that holds one element, where there is one.
fn c_type(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Float32 => "float",
        DType::Float64 => "double",
        DType::Int8 => "int8_t",
        DType::Uint8 | DType::Float8E4M3Fn | DType::Float8E5M2 => "uint8_t",
        DType::Int16 => "int16_t",
        DType::Uint16 | DType::Float16 | DType::Bfloat16 => "uint16_t",
        DType::Int32 => "int32_t",
        DType::Uint32 => "uint32_t",
        DType::Int64 => "int64_t",
        DType::Uint64 => "uint64_t",
        DType::Bool => "bool",
        DType::Int2 | DType::Int4 | DType::Uint4 => return None,
        DType::Complex64 | DType::Complex128 => return None,
        DType::String | DType::Resource | DType::Variant => return None,
    })
}

fn signature_values(model: &Model, signature: &Signature, upper: &str) -> SignatureValues {
    let graph = model.graphs.get(signature.graph);
    let name = shortened(&signature.name);
    let side = |side: &str, ports: &[SignaturePort]| -> Vec<PortValues> {
        let tensors = graph.map_or(&[][..], |g| {
            if side == "INPUT" {
                &g.inputs
            } else {
                &g.outputs
            }
        });
        let port = |(i, port): (usize, &SignaturePort)| PortValues {
            upper: format!("{upper}_{side}_{i}"),
            name: c_string(&shortened(&port.name)),
            tensor: port.tensor.index(),
            index: tensors.iter().position(|id| *id == port.tensor),
        };
        ports.iter().enumerate().map(port).collect()
    };
    let mut ports = side("INPUT", &signature.inputs);
    ports.extend(side("OUTPUT", &signature.outputs));
    SignatureValues {
        upper: upper.to_owned(),
        comment: c_comment(&name),
        name: c_string(&name),
        graph: signature.graph,
        ports,
    }
}
