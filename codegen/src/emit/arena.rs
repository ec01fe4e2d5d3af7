//! The arena of TFLM's interpreter as C and C++ name it.

use serde::Serialize;

use super::literal::{c_comment, shortened};
use crate::tflm::arena::ArenaNeed;

/// What templates say of an arena.
#[derive(Debug, Serialize)]
pub(super) struct ArenaValues {
    kernels: &'static str,
    target: &'static str,
    revision: &'static str,
    alignment: usize,
    bytes: Option<usize>,
    /// Why there are no bytes, as a comment.
    reason: String,
    /// Prefix of macros.
    upper: String,
    /// Prefix of types and variables.
    prefix: String,
}

impl ArenaValues {
    pub(super) fn new(need: &ArenaNeed, upper: String, prefix: String) -> Self {
        Self {
            kernels: need.kernels,
            target: need.target,
            revision: need.tflm_revision,
            alignment: need.alignment,
            bytes: need.bytes,
            reason: c_comment(&shortened(need.reason.as_deref().unwrap_or_default())),
            upper,
            prefix,
        }
    }
}
