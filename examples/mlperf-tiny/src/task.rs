//! The tasks of the benchmark: what the host sends for the model, and what it wants to know of its outputs.

use core::fmt;

#[cfg(task = "ad")]
use crate::subject::model::INPUT;
use crate::subject::model::{Input, Model, OUTPUT, Output};

/// What the runner knows the task by.
pub(crate) const ID: &str = match () {
    () if cfg!(task = "kws") => "kws01",
    () if cfg!(task = "vww") => "vww01",
    () if cfg!(task = "ic") => "ic01",
    () => "ad01",
};

/// Bytes that the host sends for a value of the input.
const VALUE: usize = if cfg!(task = "ad") { 4 } else { 1 };

/// Bytes that the host sends for an input.
pub(crate) const BYTES: usize = VALUE * size_of::<Input>();

/// Bits per second of the serial port that the benchmark has for the task.
pub(crate) const BAUD: u32 = match () {
    () if cfg!(mode = "energy") => 9_600,
    () if cfg!(task = "ad") => 921_600,
    () => 115_200,
};

/// A model with its input.
pub(crate) struct Task {
    model: Model,
    input: Input,
    output: Output,
    /// What an autoencoder's output is compared with.
    #[cfg(task = "ad")]
    sent: [f32; size_of::<Input>()],
}

impl Task {
    pub(crate) const fn new() -> Self {
        Self {
            model: Model::new(),
            input: [0; size_of::<Input>()],
            output: [0; size_of::<Output>()],
            #[cfg(task = "ad")]
            sent: [0.0; size_of::<Input>()],
        }
    }

    /// Takes an input in the host's form.
    pub(crate) fn load(&mut self, bytes: &[u8; BYTES]) {
        let (values, _) = bytes.as_chunks::<VALUE>();
        // Features that are as the model takes them.
        #[cfg(task = "kws")]
        for (input, [value]) in self.input.iter_mut().zip(values) {
            *input = value.cast_signed();
        }
        // Pixels from 0 to 255, and the models take -128 to 127.
        #[cfg(any(task = "vww", task = "ic"))]
        for (input, [value]) in self.input.iter_mut().zip(values) {
            *input = value.wrapping_sub(128).cast_signed();
        }
        // Floats.
        #[cfg(task = "ad")]
        for ((input, sent), value) in self.input.iter_mut().zip(&mut self.sent).zip(values) {
            *sent = f32::from_le_bytes(*value);
            *input = INPUT.quantize(*sent);
        }
    }

    /// Runs the model once. What is measured includes the copy of the input, whose memory the model uses for other things later in its run.
    pub(crate) fn infer(&mut self) {
        self.output = *self.model.predict(&self.input);
    }

    /// Writes what the last run says, with commas between numbers: for an autoencoder the mean of squared errors, else the classes' scores.
    pub(crate) fn results(&self, out: &mut impl fmt::Write) -> fmt::Result {
        #[cfg(task = "ad")]
        {
            let pairs = self.output.iter().zip(&self.sent);
            let squares = pairs.map(|(output, sent)| {
                let error = OUTPUT.dequantize(*output) - sent;
                error * error
            });
            write!(out, "{:.3}", squares.sum::<f32>() / self.sent.len() as f32)
        }
        #[cfg(not(task = "ad"))]
        {
            for (position, score) in self.output.iter().enumerate() {
                let comma = if position == 0 { "" } else { "," };
                write!(out, "{comma}{:.3}", OUTPUT.dequantize(*score))?;
            }
            Ok(())
        }
    }
}
