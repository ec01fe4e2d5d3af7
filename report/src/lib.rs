//! What there is to see of a model, and of several beside each other.
//!
//! Data flows one way: models → [`data::Report`], which [`Draft`] gathers → its JSON → [`html`], or with the same data
//! [`markdown`] and [`table`]. The page is drawn from the JSON alone, so whatever it shows others can read, too;
//! `docs/report.schema.json` is its schema.

mod advice;
pub mod data;
mod draft;
mod html;
mod memory;
mod model;
mod place;

pub use draft::{Draft, Settings, Source};
pub use html::{Defect, html};
