//! One tensor: type, shape, data.

use super::constants::Constants;
use super::quantization;
use super::schema;
use crate::error::Diagnostic;
use crate::graph::{DType, Tensor};

/// Kernels of every runtime stop at 8; the rest is room for writers of odd reshapes.
const MOST_DIMENSIONS: usize = 16;

/// Reads a tensor, of a subgraph of so many. If that finds anything wrong, the tensor only holds its place.
pub(super) fn read(
    raw: schema::Tensor<'_>,
    constants: &mut Constants<'_>,
    tensors: usize,
) -> (Tensor, Vec<Diagnostic>) {
    let mut tensor = Tensor {
        name: raw.name().text().into_owned(),
        shape: Vec::new(),
        shape_signature: None,
        dtype: DType::Int8,
        quantization: None,
        data: None,
        is_variable: raw.is_variable(),
        stored: None,
        blocks: None,
    };
    let mut found = Vec::new();
    let dtype = dtype(raw.dtype());
    let shape = shape(raw);
    // Without type and shape the other checks would only repeat that something is wrong.
    match (dtype, shape) {
        (Ok(dtype), Ok(shape)) => {
            tensor.dtype = dtype;
            tensor.shape = shape;
        }
        (dtype, shape) => {
            found.extend(dtype.err());
            found.extend(shape.err());
            return (tensor, found);
        }
    }
    let signature = raw.shape_signature().to_vec();
    tensor.shape_signature = (!signature.is_empty()).then_some(signature);

    if let Err(d) = check_size(&tensor) {
        // Later checks multiply the sizes of the tensors they name, sound or not.
        tensor.shape.clear();
        return (tensor, vec![d]);
    }
    if raw.external_buffer() != 0 {
        found.push(
            Diagnostic::new("the tensor's data is in another file")
                .expected("a model in one file")
                .found(format_args!("external buffer {}", raw.external_buffer()))
                .help("convert the model without external weights"),
        );
    }
    let data = match raw.sparsity() {
        Some(sparsity) => constants.dense(raw.buffer(), sparsity, &tensor),
        None => constants.shared(raw.buffer()),
    };
    match data {
        Ok(data) => tensor.data = data,
        Err(d) => found.push(d),
    }
    found.extend(check_data(&tensor));
    match quantization::read(raw.quantization(), &tensor) {
        Ok(quantization) => tensor.quantization = quantization,
        Err(d) => found.push(d),
    }
    match quantization::blocks(raw.quantization(), tensors) {
        Ok(blocks) => tensor.blocks = blocks,
        Err(d) => found.push(d),
    }
    (tensor, found)
}

/// The element type of a schema code.
pub fn dtype(code: i8) -> Result<DType, Diagnostic> {
    Ok(match code {
        0 => DType::Float32,
        1 => DType::Float16,
        2 => DType::Int32,
        3 => DType::Uint8,
        4 => DType::Int64,
        5 => DType::String,
        6 => DType::Bool,
        7 => DType::Int16,
        8 => DType::Complex64,
        9 => DType::Int8,
        10 => DType::Float64,
        11 => DType::Complex128,
        12 => DType::Uint64,
        13 => DType::Resource,
        14 => DType::Variant,
        15 => DType::Uint32,
        16 => DType::Uint16,
        17 => DType::Int4,
        18 => DType::Bfloat16,
        19 => DType::Int2,
        20 => DType::Uint4,
        21 => DType::Float8E4M3Fn,
        22 => DType::Float8E5M2,
        _ => {
            return Err(Diagnostic::new("unknown element type")
                .expected("a type code of 0 to 22")
                .found(code)
                .help("the file is damaged, or newer than this release of castiron"));
        }
    })
}

fn shape(raw: schema::Tensor<'_>) -> Result<Vec<usize>, Diagnostic> {
    let sizes = raw.shape();
    if sizes.len() > MOST_DIMENSIONS {
        return Err(Diagnostic::new("the tensor has too many dimensions")
            .expected(format_args!("at most {MOST_DIMENSIONS}"))
            .found(sizes.len())
            .help("remove dimensions of size 1 in the model's source"));
    }
    let shape: Result<Vec<usize>, _> = sizes.iter().map(usize::try_from).collect();
    shape.map_err(|_| {
        Diagnostic::new("the shape has a negative size")
            .expected("sizes that are known at build time")
            .found(format_args!("{:?}", sizes.to_vec()))
            .help("convert the model with a fixed input shape")
    })
}

pub fn check_size(tensor: &Tensor) -> Result<(), Diagnostic> {
    if tensor.may_have(&tensor.shape) {
        return Ok(());
    }
    Err(Diagnostic::new("the tensor is too large")
        .expected(format_args!("at most {} bytes", Tensor::MOST_BYTES))
        .found(format_args!("shape {:?} of {}", tensor.shape, tensor.dtype))
        .help("the file is damaged; convert the model again"))
}

pub fn check_data(tensor: &Tensor) -> Option<Diagnostic> {
    let data = tensor.data.as_ref()?;
    if tensor.is_variable {
        return Some(
            Diagnostic::new("a variable tensor has constant data")
                .expected("a variable that starts at zero")
                .found(format_args!("{} bytes", data.len()))
                .help("no runtime reads such data; convert the model again"),
        );
    }
    let needed = tensor.bytes();
    if tensor.dtype.bits() == 0 || data.len() == needed {
        return None;
    }
    Some(
        Diagnostic::new("the constant's data does not fit its shape and type")
            .expected(format_args!(
                "{needed} bytes for shape {:?} of {}",
                tensor.shape, tensor.dtype
            ))
            .found(format_args!("{} bytes", data.len()))
            .help("the file is damaged or was edited; convert the model again"),
    )
}
