//! RESHAPE, EXPAND_DIMS, SQUEEZE: other shapes of the same bytes, at no cost where the plan puts both
//! at one place.

use super::channels::Channels;
use super::movement::Move;
use super::walk::Walk;
use super::{Family, Site};
use crate::error::Diagnostic;
use crate::program::Choosing;

pub(super) struct SameBytes;

impl Family for SameBytes {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x, y) = (site.input(0)?, site.output(0)?);
        if x.elements() != y.elements() || x.dtype != y.dtype {
            return Err(site
                .error("the output is not another shape of the input")
                .expected(format_args!("{} {:?}", x.dtype, x.shape))
                .found(format_args!("{} {:?}", y.dtype, y.shape))
                .help("export the model again with fixed shapes"));
        }
        let x = choosing.tensor(site.input_id(0)?)?;
        let y = choosing.activation(site.output_id(0)?)?;
        if !x.is_constant() {
            choosing.alias(0);
        }
        choosing.copy(x, y);
        Ok(())
    }

    fn moves(&self, site: &Site<'_>) -> Result<Option<Vec<Move>>, Diagnostic> {
        let all = Walk::of(&[site.input(0)?.elements()]);
        Ok(Some(vec![Move {
            input: 0,
            x: all.clone(),
            output: 0,
            y: all,
        }]))
    }

    fn channels(&self, _: &Site<'_>) -> Option<Channels> {
        Some(Channels::Reshaped)
    }
}
