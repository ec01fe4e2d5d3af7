//! What there is to see of a model, and of several beside each other.
//!
//! Data flows one way: models → [`data::Report`], which [`Draft`] gathers → its JSON → [`html`], or with the same data
//! [`markdown`] and [`table`]. The page is drawn from the JSON alone, so whatever it shows others can read, too;
//! `docs/report.schema.json` is its schema.

mod advice;
mod compare;
mod cost;
pub mod data;
pub mod diff;
mod digest;
mod draft;
mod fit;
mod folder;
mod html;
mod kenning;
mod markdown;
mod measured;
mod memory;
mod model;
mod problems;
mod run;
pub mod sbom;
mod table;

pub use draft::{Draft, Measured, SUPPOSED, Settings, Source};
pub use fit::Place;
pub use folder::{Candidate, Folder};
pub use html::{Defect, html};
pub use markdown::markdown;
pub use measured::Measurements;
pub use table::{operators, table};
