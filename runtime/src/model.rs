//! What every generated model has.

use core::fmt;

/// A generated model, for code that takes any of them. The first subgraph's inputs and outputs are meant.
///
/// Generated modules implement it; later versions may ask for more.
///
/// ```
/// # use castiron_runtime as castiron;
/// /// The likeliest class.
/// fn class<M>(model: &mut M, samples: &[i8; 490]) -> Option<usize>
/// where
///     M: for<'a> castiron::Model<Inputs<'a> = &'a [i8; 490], Outputs<'a> = &'a [i8; 12]>,
/// {
///     let scores = model.predict(samples);
///     (0..scores.len()).max_by_key(|class| scores[*class])
/// }
/// ```
pub trait Model: 'static {
    /// Values of the input; of several, or of none, a tuple in the model's order.
    type Inputs<'a>;
    /// Values of the output; of several, or of none, a tuple in the model's order.
    type Outputs<'a>;

    /// Bytes of working memory.
    const ARENA_BYTES: usize;
    /// Bytes of what lasts from run to run, beside those; 0 of a model that keeps nothing.
    const STATE_BYTES: usize;
    /// Bytes of weights and other constants in flash.
    const WEIGHT_BYTES: usize;
    /// Multiply-accumulates of one run.
    const MACS: u64;

    /// Computes the outputs from what the inputs' memory holds.
    fn run(&mut self);

    /// The outputs of the last run.
    fn outputs(&self) -> Self::Outputs<'_>;

    /// Copies the inputs in, runs, and gives the outputs.
    fn predict(&mut self, inputs: Self::Inputs<'_>) -> Self::Outputs<'_>;

    /// Forgets what earlier runs left, where the model keeps anything.
    fn reset(&mut self);
}

/// A run ended before there were outputs: a buffer of the model waits for more inputs, and operators behind it run only in every so-many-th
/// run. Functions of such a model give this; other models have functions that always give outputs. So such a model is no [`Model`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotYet;

impl fmt::Display for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the run ended before there were outputs: a buffer of the model waits for more inputs",
        )
    }
}

impl core::error::Error for NotYet {}
