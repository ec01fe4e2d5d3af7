//! Filter banks, and what is made of their channels.

use castiron_runtime::kernels::{
    FilterBank, FilterBankLog, FilterBankRoot, FilterBankSubtraction, PCAN_ENTRIES, Pcan,
};

use super::{Site, constant_i16, elements, option, shift, size, types};
use crate::error::Diagnostic;
use crate::graph::{DType, Options, flex};
use crate::program::{Choosing, ElementType};

/// Inputs that say where channels have their bins and weights.
const WEIGHTS: usize = 1;
const UNWEIGHTS: usize = 2;
const STARTS: usize = 3;
const WEIGHT_STARTS: usize = 4;
const WIDTHS: usize = 5;

pub(super) fn filter_bank(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    use DType::{Int16, Uint32, Uint64};
    types(
        site,
        &[Uint32, Int16, Int16, Int16, Int16, Int16],
        &[Uint64],
    )?;
    let channels = size(site, "num_channels")?;
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    elements(y.len, channels, "the output", site)?;
    let mut lists = Vec::new();
    for position in WEIGHTS..=WIDTHS {
        lists.push(constant_i16(site, position, "the filter bank")?);
    }
    let list = |position: usize| &lists[position - WEIGHTS][..];
    let weights = list(WEIGHTS).len().min(list(UNWEIGHTS).len());
    let fits = |channel: usize| {
        let at = |position: usize| usize::try_from(*list(position).get(channel)?).ok();
        let width = usize::from(list(WIDTHS).get(channel)?.max(&0).unsigned_abs());
        let ends = [at(STARTS)? + width, at(WEIGHT_STARTS)? + width];
        Some(width == 0 || (ends[0] <= x.len && ends[1] <= weights))
    };
    if let Some(channel) = (0..=channels).find(|channel| fits(*channel) != Some(true)) {
        return Err(site
            .error("the filter bank leaves its input or its weights")
            .expected(format_args!("{} bins and {weights} weights", x.len))
            .found(format_args!("channel {channel} beyond them"))
            .help("convert the model again"));
    }
    let mut operands = vec![x];
    for list in &lists {
        operands.push(choosing.constant(list));
    }
    operands.push(y);
    choosing.call(FilterBank, operands);
    Ok(())
}

pub(super) fn root(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Uint64, DType::Int32], &[DType::Uint32])?;
    let x = choosing.activation(site.input_id(0)?)?;
    let bits = choosing.tensor(site.input_id(1)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    elements(y.len, x.len, "the output", site)?;
    elements(bits.len, 1, "the number of bits", site)?;
    choosing.call(FilterBankRoot, [x, bits, y]);
    Ok(())
}

pub(super) fn subtraction(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Uint32], &[DType::Uint32; 2])?;
    let share = |key| option(site, key, 0..=i32::MAX.into());
    let channels = size(site, "num_channels")?;
    let kernel = FilterBankSubtraction {
        smoothing: [share("smoothing")?, share("alternate_smoothing")?],
        one_minus_smoothing: [
            share("one_minus_smoothing")?,
            share("alternate_one_minus_smoothing")?,
        ],
        min_signal_remaining: share("min_signal_remaining")?,
        smoothing_bits: shift(site, "smoothing_bits")?,
        bits: shift(site, "spectral_subtraction_bits")?,
        clamping: match site.options() {
            Options::Custom(bytes) => flex::number(bytes, "clamping") == Some(1),
            _ => false,
        },
    };
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    let noise = choosing.activation(site.output_id(1)?)?;
    for (found, what) in [(x, "the input"), (y, "the output"), (noise, "the estimate")] {
        elements(found.len, channels, what, site)?;
    }
    let estimate = choosing.kept(site.index, ElementType::U32, channels)?;
    choosing.call(kernel, [x, estimate, y, noise]);
    Ok(())
}

pub(super) fn pcan(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    use DType::{Int16, Uint32};
    types(site, &[Uint32, Uint32, Int16], &[Uint32])?;
    let kernel = Pcan {
        snr_shift: shift(site, "snr_shift")?,
    };
    let gains = constant_i16(site, 2, "the gains")?;
    if gains.len() < PCAN_ENTRIES {
        return Err(site
            .tensor_error(site.input_id(2)?, "the table of gains is too short")
            .expected(format_args!("{PCAN_ENTRIES} entries"))
            .found(gains.len()));
    }
    let x = choosing.activation(site.input_id(0)?)?;
    let noise = choosing.activation(site.input_id(1)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    elements(noise.len, x.len, "the noise", site)?;
    elements(y.len, x.len, "the output", site)?;
    choosing.in_place(1);
    let gains = choosing.constant(&gains[..PCAN_ENTRIES]);
    choosing.call(kernel, [x, noise, gains, y]);
    Ok(())
}

pub(super) fn log(site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
    types(site, &[DType::Uint32], &[DType::Int16])?;
    let kernel = FilterBankLog {
        correction_bits: shift(site, "input_correction_bits")?,
        scale: option(site, "output_scale", 0..=i32::MAX.into())?,
    };
    let x = choosing.activation(site.input_id(0)?)?;
    let y = choosing.activation(site.output_id(0)?)?;
    elements(y.len, x.len, "the output", site)?;
    let table = choosing.constant(&bends());
    choosing.call(kernel, [x, table, y]);
    Ok(())
}

/// How far log₂(1 + i/128) is above i/128, 16 fractional bits.
pub fn bends() -> Vec<u16> {
    let entries = (0..=128u32).map(|i| {
        let x = f64::from(i) / 128.0;
        (65536.0 * (libm::log2(1.0 + x) - x)).round() as u16
    });
    entries.collect()
}
