//! Inputs and outputs in the application's own buffers.

use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::model::NotYet;

/// Memory for an input or output that is handed over for a run: aligned as models ask, to 16 bytes.
///
/// ```
/// use castiron_runtime::Buffer;
///
/// // Two frames: one is filled while a model reads the other.
/// let mut frames = [Buffer([0i8; 490]), Buffer([0; 490])];
/// frames[1][0] = 7;
/// assert!((&raw const frames[1]).addr().is_multiple_of(16));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(16))]
pub struct Buffer<T>(pub T);

impl<T> Deref for Buffer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Why a run that was handed buffers gave no outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunError {
    /// A buffer does not begin at a multiple of 16 bytes: nothing ran. A [`Buffer`] does.
    Unaligned,
    /// The run ended before there were outputs, as [`NotYet`] says.
    NotYet,
}

impl From<NotYet> for RunError {
    fn from(NotYet: NotYet) -> Self {
        Self::NotYet
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned => f.write_str(
                "a buffer of an input or output does not begin at a multiple of 16 bytes",
            ),
            Self::NotYet => NotYet.fmt(f),
        }
    }
}

impl core::error::Error for RunError {}
