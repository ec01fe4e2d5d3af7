//! What a model has for the server.

use super::SPEC_BYTES;

/// A model that can be served. Modules that were generated with `server = "kenning"` implement it; later versions may ask for more.
pub trait Served {
    /// Kenning's `model_spec_t`: types and shapes of inputs and outputs.
    const SPEC: [u8; SPEC_BYTES];
    /// Length and CRC-32 of the model's file.
    const FILE: (u32, u32);
    /// Bytes of working memory.
    const ARENA_BYTES: usize;
    /// Bytes of what lasts from run to run.
    const STATE_BYTES: usize;
    /// Operators whose times are taken: their index in the model, ascending, and their name.
    const OPERATORS: &'static [(usize, &'static str)];
    /// A number for each of them.
    type Times: AsRef<[u64]> + AsMut<[u64]>;
    /// All zero.
    const NO_TIMES: Self::Times;

    /// The bytes of an input, in the model's order, to fill before a run, which may overwrite it; none behind the last.
    fn input(&mut self, index: usize) -> Option<&mut [u8]>;

    /// The bytes of an output of the last run; none behind the last.
    fn output(&self, index: usize) -> Option<&[u8]>;

    /// Computes the outputs, and names each operator as soon as it has run; whether there are outputs.
    fn run(&mut self, after: impl FnMut(usize)) -> bool;

    /// Forgets what earlier runs left.
    fn reset(&mut self);
}
