//! Inner loops for the M-Profile Vector Extension of Armv8.1-M (Cortex-M52, M55 and M85), which has eight registers of 16 bytes.
//!
//! On such a processor they are assembly; stable Rust has no functions for these instructions. Elsewhere a twin computes the same on the same
//! operands, as in [`armv7em`](super::armv7em). The functions are generic, so that they are assembled only where a model needs them: other Arm
//! processors share this code. Each names the processor in its text, since targets of Rust do not tell of the extension.
//!
//! # Requantisation
//!
//! VQRDMULH is the first rounding of TensorFlow Lite, and VRSHL the second, but for ties of negative sums, which it rounds up. Where the
//! output's zero point is the least value, these saturate to it either way. Elsewhere, one is subtracted between both where the sum is negative; that
//! is right for shifts of at least one.
//!
//! # Alignment
//!
//! An access has to be aligned for its elements, or the processor faults; the emulator does not. Inputs and outputs are accessed byte by byte, and by words only
//! what is known to be aligned for them: weights, working buffers, and inputs of which [`MvePairs`] has seen it.

mod depthwise;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod instructions;
mod product;
mod runs;
mod sum;

pub use depthwise::{COLUMN, Columns, DepthwiseLoop, MveDepthwise, MveDepthwiseLoops, WINDOW};
pub use product::{
    BLOCK, MvePairs, MvePairsLoops, MveRow, MveRowLoops, PairsLoop, Product, ROW_CHANNELS, RowLoop,
};
pub use runs::{MveRuns, MveRunsLoops, Runs, RunsLoop, copy};
pub use sum::sum;

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use depthwise::AnyMveDepthwise;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use product::{AnyMvePairs, AnyMveRow};
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use runs::AnyMveRuns;
