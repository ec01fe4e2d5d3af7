//! Tensors in NumPy's .npy files.

use std::io::Cursor;
use std::path::Path;

use castiron_codegen::error::Diagnostic;
use castiron_codegen::graph::DType;
use npyz::{NpyHeader, Order, WriteOptions, WriterBuilder};

use crate::Wanted;

/// Whether a file is of .npy, by its name.
#[must_use]
pub fn is_npy(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|e| e.eq_ignore_ascii_case("npy"))
}

/// The tensor's little-endian bytes, if type and shape are the model's.
///
/// # Errors
/// If they are not, or the file is damaged.
pub fn read(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Vec<u8>, Diagnostic> {
    let damaged = |e: std::io::Error| Diagnostic::new(format!("the .npy file is damaged: {e}"));
    let mut rest = Cursor::new(bytes);
    let header = NpyHeader::from_reader(&mut rest).map_err(damaged)?;
    let descr = descr(wanted.dtype);
    let found = header.dtype().descr();
    // The byte order comes first: `<`, `>`, or `|` for single bytes.
    let plain = found.trim_matches(['\'', '"']);
    if descr.is_none() || plain.get(1..) != descr.and_then(|d| d.get(1..)) {
        return Err(mismatch(wanted, "type")
            .found(found.escape_debug())
            .help("convert it with numpy's astype, after quantising if the model is quantised"));
    }
    let shape: Vec<u64> = wanted.shape.iter().map(|d| *d as u64).collect();
    if header.shape() != shape {
        return Err(mismatch(wanted, "shape")
            .found(format_args!("{:?}", header.shape()))
            .help("give it the model's shape with numpy's reshape"));
    }
    if header.order() == Order::Fortran && header.shape().len() > 1 {
        return Err(mismatch(wanted, "order of elements")
            .found("Fortran order")
            .help("store it in C order with numpy's ascontiguousarray"));
    }
    let start = usize::try_from(rest.position()).unwrap_or(usize::MAX);
    let mut data = bytes.get(start..).unwrap_or_default().to_vec();
    if plain.starts_with('>') {
        let size = wanted.dtype.bits() / 8;
        data.chunks_mut(size.max(1)).for_each(<[u8]>::reverse);
    }
    Ok(data)
}

fn mismatch(wanted: &Wanted<'_>, what: &str) -> Diagnostic {
    let name = wanted.name.escape_debug();
    Diagnostic::new(format!("the {what} is not that of \"{name}\"")).expected(format_args!(
        "{} {:?}, in C order",
        wanted.dtype, wanted.shape
    ))
}

/// NumPy's name of an element type.
fn descr(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Int8 => "|i1",
        DType::Uint8 => "|u1",
        DType::Bool => "|b1",
        DType::Int16 => "<i2",
        DType::Uint16 => "<u2",
        DType::Int32 => "<i4",
        DType::Uint32 => "<u4",
        DType::Int64 => "<i8",
        DType::Uint64 => "<u8",
        DType::Float16 => "<f2",
        DType::Float32 => "<f4",
        DType::Float64 => "<f8",
        _ => return None,
    })
}

/// The tensor as a .npy file.
///
/// # Errors
/// If NumPy does not have its element type.
pub fn write(wanted: &Wanted<'_>, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let descr = descr(wanted.dtype).ok_or(std::io::ErrorKind::Unsupported)?;
    let dtype = descr.parse().map_err(std::io::Error::other)?;
    let shape: Vec<u64> = wanted.shape.iter().map(|d| *d as u64).collect();
    let mut file = WriteOptions::new_header_only()
        .dtype(npyz::DType::new_scalar(dtype))
        .shape(&shape)
        .writer(Vec::new())
        .write_header_only()?;
    // The elements are little-endian already, and that is what the header says.
    file.extend_from_slice(bytes);
    Ok(file)
}
