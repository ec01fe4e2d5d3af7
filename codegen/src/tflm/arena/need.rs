//! An arena's size for those who only pass it on: headers, resolvers.

#[cfg(feature = "text")]
use serde::Serialize;

use super::table::{ARM, Core};
use super::{Arena, ArenaOptions};
use crate::error::{Error, Result};
use crate::graph::Model;

const CORE: &Core = &ARM.core;

/// The arena that a model needs, and for what; or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(Serialize))]
pub struct ArenaNeed {
    /// The model's name: its file's without folder and ending.
    pub model: String,
    /// The kernels.
    pub kernels: &'static str,
    /// The processor.
    pub target: &'static str,
    /// The revision of tflite-micro.
    pub tflm_revision: &'static str,
    /// The bytes from which on every arena works.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub bytes: Option<usize>,
    /// What the arena has to begin at a multiple of.
    pub alignment: usize,
    /// Why the bytes are not known.
    #[cfg_attr(feature = "text", serde(skip_serializing_if = "Option::is_none"))]
    pub reason: Option<String>,
}

impl ArenaNeed {
    /// What the model needs.
    ///
    /// # Errors
    /// Those of [`Arena::new`].
    pub fn new(model: &Model, options: &ArenaOptions) -> Result<Self> {
        let arena = Arena::new(model, options)?;
        // Not the least arena, as larger ones may fail where the two differ.
        let bytes = Some(arena.safe_from_bytes);
        Ok(Self {
            bytes,
            ..Self::of(model, options, None)
        })
    }

    /// What the model needs, or the reason why that is not known.
    pub fn if_known(model: &Model, options: &ArenaOptions) -> Self {
        Self::new(model, options).unwrap_or_else(|e| Self::of(model, options, Some(first(&e))))
    }

    fn of(model: &Model, options: &ArenaOptions, reason: Option<String>) -> Self {
        Self {
            model: model.stem().to_owned(),
            kernels: options.kernels.name(),
            target: options.target.name(),
            tflm_revision: ARM.revision,
            bytes: None,
            alignment: CORE.alignment,
            reason,
        }
    }
}

/// The first of what stands against it, in a line.
fn first(error: &Error) -> String {
    let Some(diagnostic) = error.diagnostics().first() else {
        return String::new();
    };
    match &diagnostic.place.operator {
        Some((index, name)) => format!("operator {index} {name}: {}", diagnostic.message),
        None => diagnostic.message.clone(),
    }
}
