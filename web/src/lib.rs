//! The generator as a page in a browser calls it: models as bytes in, a report and files as bytes out.
//!
//! It only handles arguments, like the command: what it says and makes is what `castiron report` and `castiron generate` do.

mod files;
#[cfg(target_family = "wasm")]
pub mod interface;
mod session;
mod wish;

pub use session::{Session, Told};
pub use wish::{Choices, Wish};
