//! What Kenning takes of a model: the `model_spec_t` of its runtime, as C and as bytes, and the I/O specification that it is made from.

#[cfg(feature = "text")]
mod complete;
#[doc(hidden)]
pub mod dtype;
#[cfg(feature = "text")]
pub(super) mod interface;
#[cfg(feature = "text")]
pub(super) mod model_spec;
pub(super) mod packed;
#[cfg(feature = "text")]
mod texts;

#[cfg(feature = "text")]
pub use texts::{io_spec, model_struct};

/// What Kenning calls a model when nobody says otherwise.
pub(super) const MODEL_NAME: &str = "module";

// The limits of model_spec_t, as of kenning-zephyr-runtime 07b6a6c (2026-06-25).
const MAX_INPUTS: usize = 2;
const MAX_OUTPUTS: usize = 12;
const MAX_DIMS: usize = 4;
/// Both names are arrays of 20 with a terminator.
const MAX_NAME: usize = 19;
