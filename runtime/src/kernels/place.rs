//! Where an input lies: among the cells of the arena, or in flash.
//!
//! `run` is generic over it, so that an input that happens to be constant needs no kernel of its own.

use core::cell::Cell;

/// An element of an activation or of a constant.
pub trait Source<T> {
    /// Its value.
    fn read(&self) -> T;
}

impl<T: Copy> Source<T> for Cell<T> {
    #[inline(always)]
    fn read(&self) -> T {
        self.get()
    }
}

impl<T: Copy> Source<T> for T {
    #[inline(always)]
    fn read(&self) -> T {
        *self
    }
}
