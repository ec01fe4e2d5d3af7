//! TensorFlow Lite Micro's signal library: custom operators with FlexBuffers as options.

pub mod fft;
pub mod filter_bank;
mod stream;

use castiron_runtime::kernels::{Energy, FftAutoScale, SignalWindow};

use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{DType, Options, flex};
use crate::program::Choosing;

/// The operators of the library, by name.
pub(super) const FAMILIES: &[(&str, &dyn Family)] = &[
    ("SignalDelay", &Signal(stream::delay)),
    ("SignalEnergy", &Signal(energy)),
    ("SignalFftAutoScale", &Signal(auto_scale)),
    ("SignalFilterBank", &Signal(filter_bank::filter_bank)),
    ("SignalFilterBankLog", &Signal(filter_bank::log)),
    (
        "SignalFilterBankSpectralSubtraction",
        &Signal(filter_bank::subtraction),
    ),
    ("SignalFilterBankSquareRoot", &Signal(filter_bank::root)),
    ("SignalFramer", &Signal(stream::framer)),
    ("SignalIrfft", &Signal(fft::backward)),
    ("SignalOverlapAdd", &Signal(stream::overlap_add)),
    ("SignalPCAN", &Signal(filter_bank::pcan)),
    ("SignalRfft", &Signal(fft::forward)),
    ("SignalStacker", &Signal(stream::stacker)),
    ("SignalWindow", &Signal(window)),
];

/// What chooses the kernel of an operator.
struct Signal(fn(&Site<'_>, &mut Choosing<'_>) -> Result<(), Diagnostic>);

impl Family for Signal {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        self.0(site, choosing)
    }
}

/// An option within a range.
fn option(
    site: &Site<'_>,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<u32, Diagnostic> {
    let found = match site.options() {
        Options::Custom(bytes) => flex::number(bytes, key),
        _ => None,
    };
    let right = found.filter(|value| range.contains(value));
    right
        .and_then(|value| u32::try_from(value).ok())
        .ok_or_else(|| {
            let d = site
                .error(format!("the option {key} is not valid"))
                .expected(format_args!("{} to {}", range.start(), range.end()));
            match found {
                Some(found) => d.found(found),
                None => d.found("none"),
            }
        })
}

/// A shift by less than the bits of a number.
fn shift(site: &Site<'_>, key: &str) -> Result<u32, Diagnostic> {
    option(site, key, 0..=31)
}

/// A size.
fn size(site: &Site<'_>, key: &str) -> Result<usize, Diagnostic> {
    Ok(option(site, key, 1..=1 << 20)? as usize)
}

/// Checks types of inputs, then of outputs.
fn types(site: &Site<'_>, inputs: &[DType], outputs: &[DType]) -> Result<(), Diagnostic> {
    for (position, dtype) in inputs.iter().enumerate() {
        if site.input(position)?.dtype != *dtype {
            return Err(unsupported(site, inputs, outputs));
        }
    }
    for (position, dtype) in outputs.iter().enumerate() {
        if site.output(position)?.dtype != *dtype {
            return Err(unsupported(site, inputs, outputs));
        }
    }
    Ok(())
}

fn unsupported(site: &Site<'_>, inputs: &[DType], outputs: &[DType]) -> Diagnostic {
    let list = |types: &[DType]| {
        types
            .iter()
            .map(|t| t.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    site.error("these element types are not the operator's")
        .expected(format_args!("({}) -> ({})", list(inputs), list(outputs)))
        .help("convert the model again; the operator has no other types")
}

/// Checks that a tensor has as many elements as follow from the others.
fn elements(found: usize, expected: usize, what: &str, site: &Site<'_>) -> Result<(), Diagnostic> {
    if found == expected {
        return Ok(());
    }
    Err(site
        .error(format!(
            "{what} does not fit the operator's other tensors and options"
        ))
        .expected(format_args!("{expected} elements"))
        .found(found)
        .help("convert the model again"))
}

/// A constant int16 input's values.
fn constant_i16(site: &Site<'_>, position: usize, what: &str) -> Result<Vec<i16>, Diagnostic> {
    let bytes = site.constant(position, what)?;
    let (values, _) = bytes.as_chunks::<2>();
    Ok(values.iter().map(|b| i16::from_le_bytes(*b)).collect())
}

fn window(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Int16; 2], &[DType::Int16])?;
    let weights = constant_i16(site, 1, "the window's weights")?;
    let kernel = SignalWindow {
        shift: shift(site, "shift")?,
    };
    let (x, y) = (
        choosing.activation(site.input_id(0)?)?,
        choosing.activation(site.output_id(0)?)?,
    );
    elements(y.len, x.len, "the output", site)?;
    if weights.is_empty() || !x.len.is_multiple_of(weights.len()) {
        return Err(site
            .error("the window does not fit the input")
            .expected("weights for each sample of a row")
            .found(format_args!("{} weights, {} samples", weights.len(), x.len)));
    }
    choosing.in_place(1);
    let weights = choosing.constant(&weights);
    choosing.call(kernel, [x, weights, y]);
    Ok(())
}

fn auto_scale(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Int16], &[DType::Int16, DType::Int32])?;
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    let bits = choosing.activation(site.output_id(1)?)?;
    elements(y.len, x.len, "the output", site)?;
    elements(bits.len, 1, "the number of bits", site)?;
    choosing.call(FftAutoScale, [x, y, bits]);
    Ok(())
}

fn energy(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Int16], &[DType::Uint32])?;
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    let bins = y.len.min(x.len / 2) as i64;
    let end = option(site, "end_index", 0..=bins)?;
    let start = option(site, "start_index", 0..=end.into())?;
    let kernel = Energy {
        start: start as usize,
        end: end as usize,
    };
    choosing.call(kernel, [x, y]);
    Ok(())
}
