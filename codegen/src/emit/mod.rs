//! Emitters: finished values in, source text out. An emitter decides nothing about the model.
//!
//! Text artefacts come from the templates of castiron-templates. Everything a model's author
//! wrote (names, labels) passes through [`literal`] or [`ident`](crate::ident) first, so it stays data.

#[cfg(feature = "text")]
mod arena;
#[cfg(feature = "text")]
#[doc(hidden)]
pub mod bytes;
#[cfg(feature = "text")]
pub mod c_api;
#[cfg(feature = "text")]
pub mod c_header;
#[cfg(feature = "text")]
mod c_tensors;
#[cfg(feature = "text")]
pub mod cpp;
#[cfg(feature = "text")]
pub mod csv;
pub mod custom;
#[cfg(feature = "text")]
pub mod facts;
#[cfg(feature = "text")]
mod io_spec;
pub mod kenning;
#[cfg(feature = "text")]
pub mod literal;
#[doc(hidden)]
pub mod mark;
#[cfg(feature = "text")]
pub mod resolver;
pub mod rust;

#[cfg(feature = "text")]
pub use bytes::write_hex;
#[cfg(feature = "text")]
pub use io_spec::IoSpecFile;
pub use mark::{MARK_WITHIN, is_marked, may_be_ours};
