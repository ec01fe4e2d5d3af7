//! One emitter per artefact. An emitter reads a finished value and decides nothing about the model.

pub mod rust;
