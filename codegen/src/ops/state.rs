//! VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE: memory that lasts from run to run.
//!
//! Which variable a handle stands for is known ([`crate::graph::variables`]), so that making one is
//! nothing to do, and reading and writing are copies.

use super::{Family, Site};
use crate::error::Diagnostic;
use crate::program::{Argument, Choosing, Place};

pub(super) enum Variable {
    Handle,
    Read,
    Assign,
}

impl Family for Variable {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (variable, value) = match self {
            Self::Handle => return Ok(()),
            Self::Read => {
                let value = choosing.activation(site.output_id(0)?)?;
                (choosing.variable(site.input_id(0)?)?, value)
            }
            Self::Assign => {
                let value = choosing.tensor(site.input_id(1)?)?;
                (choosing.variable(site.input_id(0)?)?, value)
            }
        };
        let kept = Argument {
            place: Place::State(variable),
            ..value
        };
        let (from, to) = match self {
            Self::Read => (kept, value),
            _ => (value, kept),
        };
        choosing.copy(from, to);
        Ok(())
    }
}
