//! A model as C++ that calls TFLM's kernels, without its interpreter.

mod tables;

use std::io;
use std::sync::Arc;

use castiron_templates::{
    CASTIRON_TFLM_CC, CASTIRON_TFLM_H, MODEL_TFLM_CC, MODEL_TFLM_H, MODEL_TFLM_WEIGHTS_CC,
};
use serde::Serialize;

use crate::compile::checked_section;
use crate::error::Result;
use crate::graph::{DType, Model};
use crate::tflm::TFLM_REVISION;
use crate::tflm::direct::{Direct, DirectTensor, Place, element_type};

use super::literal::{c_comment, c_float, c_string, shortened_to};
use super::write_hex;
use crate::ident::{Language, identifier};
use tables::Tables;

/// Where the template wants bytes. Text of a model cannot hold it: control characters are escaped.
const MARKER: char = '\u{1}';
/// Longest name of a tensor in a comment.
const LONGEST_NAME: usize = 60;

/// How to write the sources. The default takes everything from the model.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CppOptions {
    /// Namespace and name of the files, made an identifier; by default the model file's stem.
    pub name: Option<String>,
    /// Section to place the constants in; by default the compiler chooses.
    pub section: Option<String>,
    /// Adds `InvokeTraced`: a run that shows every operator's outputs.
    pub traced: bool,
}

/// A file to write.
#[derive(Debug, Clone)]
pub struct CppFile {
    /// Its name. The others include headers by their names.
    pub file_name: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Bytes(Arc<[u8]>),
}

impl CppFile {
    fn text(file_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            file_name: file_name.into(),
            pieces: vec![Piece::Text(text.into())],
        }
    }

    /// Writes the file. Constants become text only now, as they take six times the memory then.
    pub fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.write_all(text.as_bytes())?,
                Piece::Bytes(bytes) => write_hex(bytes, out)?,
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct HeaderValues<'a> {
    model: String,
    revision: &'static str,
    guard: String,
    namespace: &'a str,
    head_bytes: usize,
    persistent_bytes: usize,
    inputs: &'a [usize],
    outputs: &'a [usize],
    ports: &'a [Port],
    call_slots: usize,
    traced: bool,
}

/// An input or output.
#[derive(Serialize)]
struct Port {
    comment: String,
    #[serde(rename = "struct")]
    name: String,
    accessor: String,
    c_type: &'static str,
    dtype: &'static str,
    elements: usize,
    bytes: usize,
    shape: Vec<usize>,
    /// An array of C++ has an element at least.
    shape_len: usize,
    scale: Option<String>,
    zero_point: i32,
    is_constant: bool,
    place: String,
}

#[derive(Serialize)]
struct SourceValues<'a> {
    model: String,
    revision: &'static str,
    kernels: &'static str,
    target: &'static str,
    file: &'a str,
    namespace: &'a str,
    ports: &'a [Port],
    /// Of each call, the operator's index in the file; for a traced model.
    traced: Option<Vec<usize>>,
    #[serde(flatten)]
    tables: &'a Tables,
}

#[derive(Serialize)]
struct WeightsValues<'a> {
    model: String,
    namespace: &'a str,
    constants: &'a [tables::Constant],
    section: Option<String>,
    marker: String,
}

/// The sources of a model: its header, its source, its constants, and the two files that all
/// models share.
///
/// # Errors
/// If an option cannot be used.
pub fn cpp(model: &Model, direct: &Direct, options: &CppOptions) -> Result<Vec<CppFile>> {
    let wish = options.name.as_deref().unwrap_or(model.stem());
    let namespace = match identifier(wish, Language::C) {
        // Namespaces of what the sources include.
        taken if ["castiron", "tflite"].contains(&&*taken) => format!("{taken}_model"),
        name => name,
    };
    let section = options.section.as_deref().map(checked_section);
    let section = section.transpose()?;
    let file = format!("{namespace}_tflm");
    let name = c_comment(&shortened_to(model.stem(), LONGEST_NAME));
    let tables = Tables::new(direct);
    let ports = ports(direct, &tables);
    let header = HeaderValues {
        model: name.clone(),
        revision: TFLM_REVISION,
        guard: format!("{}_TFLM_H", namespace.to_ascii_uppercase()),
        namespace: &namespace,
        head_bytes: direct.head_bytes,
        persistent_bytes: direct.persistent_bytes,
        inputs: &direct.inputs,
        outputs: &direct.outputs,
        ports: &ports,
        call_slots: direct.calls.len().max(1),
        traced: options.traced,
    };
    let source = SourceValues {
        model: name.clone(),
        revision: TFLM_REVISION,
        kernels: direct.kernels,
        target: direct.target,
        file: &file,
        namespace: &namespace,
        ports: &ports,
        traced: (options.traced).then(|| direct.calls.iter().map(|c| c.operator.index).collect()),
        tables: &tables,
    };
    let weights = WeightsValues {
        model: name,
        namespace: &namespace,
        constants: &tables.constants,
        section: section.map(c_string),
        marker: MARKER.to_string(),
    };
    let mut files = vec![
        CppFile::text(format!("{file}.h"), MODEL_TFLM_H.render(&header)?),
        CppFile::text(format!("{file}.cc"), MODEL_TFLM_CC.render(&source)?),
    ];
    let text = MODEL_TFLM_WEIGHTS_CC.render(&weights)?;
    let mut pieces = Vec::new();
    let mut constants = tables.constants.iter();
    for text in text.split(MARKER) {
        pieces.push(Piece::Text(text.to_owned()));
        pieces.extend(constants.next().map(|c| Piece::Bytes(Arc::clone(&c.data))));
    }
    files.push(CppFile {
        file_name: format!("{file}_weights.cc"),
        pieces,
    });
    files.push(CppFile::text("castiron_tflm.h", CASTIRON_TFLM_H));
    files.push(CppFile::text("castiron_tflm.cc", CASTIRON_TFLM_CC));
    Ok(files)
}

fn ports(direct: &Direct, tables: &Tables) -> Vec<Port> {
    let side = |what: &'static str, upper: &'static str, ids: &[usize]| -> Vec<Port> {
        let port = |(n, id): (usize, &usize)| {
            let tensor = &direct.tensors[*id];
            port(tensor, &tables.tensors[*id].constant, (what, upper), n)
        };
        ids.iter().enumerate().map(port).collect()
    };
    let mut ports = side("input", "Input", &direct.inputs);
    ports.extend(side("output", "Output", &direct.outputs));
    ports
}

fn port(
    tensor: &DirectTensor,
    constant: &str,
    (what, upper): (&'static str, &'static str),
    n: usize,
) -> Port {
    let whole = tensor.quantization.as_ref().and_then(|q| q.per_tensor());
    let c_type = c_type(tensor.dtype);
    Port {
        comment: format!("{upper} {n}: {}", comment(tensor)),
        name: format!("{upper}{n}"),
        accessor: format!("{what}{n}"),
        c_type,
        dtype: element_type(tensor.dtype),
        elements: tensor.shape.iter().product(),
        bytes: tensor.bytes,
        shape: tensor.shape.clone(),
        shape_len: tensor.shape.len().max(1),
        scale: whole.and_then(|(scale, _)| c_float(scale)).map(|s| s + "f"),
        zero_point: whole.map_or(0, |(_, zero_point)| zero_point),
        is_constant: matches!(tensor.place, Place::Constant(_)),
        place: match tensor.place {
            Place::Constant(_) => constant.to_owned(),
            Place::Arena(0) => "arena_".to_owned(),
            Place::Arena(offset) => format!("arena_ + {offset}"),
        },
    }
}

/// A tensor in words.
fn comment(tensor: &DirectTensor) -> String {
    let name = c_comment(&shortened_to(&tensor.name, LONGEST_NAME));
    format!("\"{name}\" {} {:?}", tensor.dtype, tensor.shape)
}

/// The type that holds an element in memory.
fn c_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Float32 => "float",
        DType::Float64 => "double",
        DType::Int8 | DType::Int4 => "int8_t",
        DType::Int16 => "int16_t",
        DType::Uint16 | DType::Float16 | DType::Bfloat16 => "uint16_t",
        DType::Int32 => "int32_t",
        DType::Uint32 => "uint32_t",
        DType::Int64 => "int64_t",
        DType::Uint64 => "uint64_t",
        DType::Bool => "bool",
        _ => "uint8_t",
    }
}
