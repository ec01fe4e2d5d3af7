//! This crate's own sources, for tools that compile them for another target.

use include_dir::{Dir, include_dir};

/// The folder `src`. What only the generator needs is behind features.
pub static SOURCE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src");

/// The version of these sources.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
