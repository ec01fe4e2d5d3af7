//! Models, devicetrees and other texts that are large in one way each: what takes the square of their size, or
//! more, takes minutes with them.
//!
//! `n` is about the number of operators, tensors or nodes; a file has 50 to 200 bytes for each.

mod boards;
mod models;
mod texts;

pub use boards::DEVICETREES;
pub use models::{MODELS, classifier};
pub use texts::{TEXTS, text};
