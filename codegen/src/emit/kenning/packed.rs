//! `model_spec_t` as the bytes that a device compares with those of its host.

use castiron_runtime::kenning::SPEC_BYTES;

use crate::error::Diagnostic;
use crate::program::{Entry, Port};

use super::{MAX_DIMS, MAX_INPUTS, MAX_NAME, MAX_OUTPUTS, MODEL_NAME, dtype};

/// The packed struct of an entry's inputs and outputs.
///
/// # Errors
/// If it cannot hold them.
pub(in crate::emit) fn packed(entry: &Entry) -> Result<[u8; SPEC_BYTES], Diagnostic> {
    let mut bytes = Vec::with_capacity(SPEC_BYTES);
    side(&mut bytes, "input", &entry.inputs, MAX_INPUTS)?;
    side(&mut bytes, "output", &entry.outputs, MAX_OUTPUTS)?;
    for name in ["", MODEL_NAME] {
        bytes.extend(name.bytes());
        bytes.extend((name.len()..=MAX_NAME).map(|_| 0));
    }
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        Diagnostic::fault(format_args!("model_spec_t has {} bytes", bytes.len()))
    })
}

fn side(bytes: &mut Vec<u8>, what: &str, ports: &[Port], most: usize) -> Result<(), Diagnostic> {
    let beyond = |what: String| {
        Diagnostic::new(format!("Kenning's model_spec_t cannot hold {what}"))
            .help("change the model: the limits are those of Kenning Zephyr Runtime's model_constraints.h")
    };
    if ports.is_empty() || ports.len() > most {
        return Err(beyond(format!("the model's {what}s"))
            .expected(format!("1 to {most} {what}s"))
            .found(ports.len()));
    }
    let (mut dims, mut shapes, mut types) = (Vec::new(), Vec::new(), Vec::new());
    for (position, port) in ports.iter().enumerate() {
        // Kenning has no rank 0; one element of rank 1 is the same in memory.
        let shape = match &port.shape[..] {
            [] => &[1][..],
            shape => shape,
        };
        let sizes: Option<Vec<u32>> = shape
            .iter()
            .map(|size| u32::try_from(*size).ok().filter(|size| *size > 0))
            .collect();
        let sizes = sizes.filter(|sizes| sizes.len() <= MAX_DIMS);
        let Some(sizes) = sizes else {
            return Err(beyond(format!("the shape of {what} {position}"))
                .expected(format!("1 to {MAX_DIMS} dimensions of 1 to 4294967295"))
                .found(format!("{shape:?}")));
        };
        let name = dtype::names(port.dtype).first().copied();
        let Ok((code, bits)) = dtype::code(name.unwrap_or_default()) else {
            return Err(beyond(format!("the type of {what} {position}"))
                .expected("a type of whole bytes and fixed size")
                .found(port.dtype));
        };
        dims.push(sizes.len() as u32);
        shapes.extend(sizes.iter().copied());
        shapes.resize((position + 1) * MAX_DIMS, 0);
        types.extend([code, bits]);
    }
    dims.resize(most, 0);
    shapes.resize(most * MAX_DIMS, 0);
    types.resize(most * 2, 0);
    let numbers = [ports.len() as u32].into_iter().chain(dims).chain(shapes);
    bytes.extend(numbers.flat_map(u32::to_le_bytes));
    bytes.extend(types);
    Ok(())
}
