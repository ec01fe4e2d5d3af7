//! Constants that the model unpacks itself.

use super::{Event, INT_ARRAY, Look, Requests};
use crate::error::Diagnostic;
use crate::graph::{DType, Tensor};
use crate::tflm::arena::table::Core;

/// Of a tensor's struct, up to its dimensions.
const READ: usize = 24;
/// Where a Huffman coding says how wide the entries of its tables are: 16 bits, or 32 bits.
const WIDTH: usize = 5;

const TABLE: u8 = 0;
const HUFFMAN: u8 = 1;
const PRUNED: u8 = 2;

/// `TFLM_DECODE`: the inputs are pairs of a coded constant and the description of its coding,
/// the outputs the constants.
pub(super) fn decode(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let site = r.site;
    let operator = site.operator;
    let outputs = operator.outputs.len();
    if operator.inputs.len() != 2 * outputs {
        return Err(site.unfit("two inputs for each output"));
    }
    r.keep(r.table.core.pointer * outputs);
    for index in 0..outputs {
        let (coded, description) = (site.input(2 * index)?, site.input(2 * index + 1)?);
        let description = match &description.data {
            Some(data) if coded.is_constant() => &data[..],
            _ => &[],
        };
        let kind = description.first().copied();
        r.look(&[
            Look::Input(2 * index),
            Look::Input(2 * index + 1),
            Look::Output(index),
        ]);
        let late = &r.table.late;
        let state = match kind {
            Some(TABLE) => late.decode_table,
            Some(HUFFMAN) => late.decode_huffman,
            Some(PRUNED) => late.decode_pruned,
            _ => return Err(site.unfit("constants coded by a table, Huffman or pruning")),
        };
        let output = site.output(index)?;
        let spent = unread(&r.table.core, description, output);
        r.events.push(Event::Spend(spent));
        r.keep(state);
        if kind == Some(PRUNED) {
            let zero_points = zero_points(output);
            if zero_points > 0 {
                r.keep(zero_points);
            }
        }
    }
    Ok(())
}

/// The end of an output's struct that is not read once there is a state.
fn unread(core: &Core, description: &[u8], output: &Tensor) -> usize {
    let scales = output.quantization.as_ref().map(|q| q.scale.len());
    let zero_points = scales.map_or(0, |scales| INT_ARRAY * (1 + scales));
    let wide = description.get(WIDTH).is_some_and(|width| width & 1 != 0);
    let quantization = scales.map_or(0, |_| core.quantization);
    match (description.first(), scales) {
        // With tables of 16 bits the type is read, too.
        (Some(&HUFFMAN), _) if !wide => zero_points + quantization,
        (Some(&HUFFMAN), _) | (_, None) => zero_points + quantization + core.tensor - READ,
        (Some(&TABLE), Some(_)) => zero_points,
        _ => 0,
    }
}

/// Zero points of an int8 that are copied: those of channels, unless they are all zero.
fn zero_points(tensor: &Tensor) -> usize {
    match &tensor.quantization {
        Some(q) if tensor.dtype == DType::Int8 && q.scale.len() > 1 => {
            match q.zero_point.iter().any(|zero_point| *zero_point != 0) {
                true => q.scale.len(),
                false => 0,
            }
        }
        _ => 0,
    }
}
